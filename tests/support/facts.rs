//! What a run delivered, merged by key as the contract says.

use std::collections::BTreeMap;

use serde_json::Value;

/// The records of a run by their keys.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    pub source: Value,
    pub pools: BTreeMap<String, Value>,
    pub users: BTreeMap<String, Value>,
    pub assignments: BTreeMap<(String, String), Value>,
    pub warnings: Vec<Value>,
    pub summary: Value,
}

impl Facts {
    pub fn of(records: &[Value]) -> Self {
        let mut facts = Self::default();
        for record in records {
            let key = |name: &str| record[name].as_str().expect("a key").to_owned();
            match record["type"].as_str().expect("a type") {
                "source" => facts.source = record.clone(),
                "pool" => {
                    let before = facts.pools.insert(key("pool_id"), record.clone());
                    assert!(before.is_none(), "a pool came twice: {record}");
                }
                "user" => merge(facts.users.entry(key("user_id")).or_insert(Value::Null), record),
                "assignment" => {
                    let place = facts.assignments.entry((key("pool_id"), key("user_id"))).or_insert(Value::Null);
                    merge(place, record);
                }
                "warning" => facts.warnings.push(record.clone()),
                "summary" => facts.summary = record.clone(),
                other => panic!("a record of type {other}"),
            }
        }
        for (pool, user) in facts.assignments.keys() {
            assert!(facts.pools.contains_key(pool), "an assignment of the unknown pool {pool}");
            assert!(facts.users.contains_key(user), "an assignment of the unknown user {user}");
        }
        facts
    }

    pub fn is_complete(&self) -> bool {
        self.summary["completeness"] == "complete"
    }

    pub fn codes(&self) -> Vec<&str> {
        self.warnings.iter().filter_map(|warning| warning["code"].as_str()).collect()
    }

    /// Equal in everything but the words of warnings and the number of requests; a difference is named.
    #[track_caller]
    pub fn assert_equal(&self, expected: &Self, about: &str) {
        assert_same(&self.pools, &expected.pools, about);
        assert_same(&self.users, &expected.users, about);
        assert_same(&self.assignments, &expected.assignments, about);
        assert_eq!(self.source, expected.source, "{about}");
    }
}

#[track_caller]
fn assert_same<K: Ord + std::fmt::Debug>(found: &BTreeMap<K, Value>, expected: &BTreeMap<K, Value>, about: &str) {
    for (key, value) in expected {
        assert_eq!(found.get(key), Some(value), "{about}: {key:?}");
    }
    for key in found.keys() {
        assert!(expected.contains_key(key), "{about}: {key:?} should not be there: {}", found[key]);
    }
}

/// What the contract says of a record that comes again.
fn merge(place: &mut Value, record: &Value) {
    if place.is_null() {
        *place = record.clone();
        return;
    }
    let says_nothing = |value: &Value| {
        value.is_null()
            || value.as_array().is_some_and(Vec::is_empty)
            || matches!(value.as_str(), Some("" | "other" | "unknown" | "none" | "not-readable"))
    };
    let keeps_address = place["email_kind"] == "primary" && record["email_kind"] != "primary";
    for (key, value) in record.as_object().expect("an object") {
        if says_nothing(value) || (keeps_address && matches!(key.as_str(), "email" | "email_kind")) {
            continue;
        }
        place[key] = value.clone();
    }
    // The reason belongs to the verdict.
    if record.get("consumes_seat").is_some_and(|verdict| !verdict.is_null()) {
        place["non_consuming_reason"] = record["non_consuming_reason"].clone();
    }
}
