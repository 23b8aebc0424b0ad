//! The records that a whole collection must deliver, written down from the stand-in's truth and the contract alone.

mod groups;
mod instance;

use fake_gitlab::{AddOnFacts, Scenario, Truth};
use serde_json::{Value, json};
use time::macros::format_description;
use time::{Date, OffsetDateTime};

pub use instance::records;

use super::facts::Facts;
use super::release;

/// That the records are these, in this order, up to the number of requests: that of [`records`] is the least.
pub fn assert_same(found: &[Value], expected: &[Value]) {
    for (number, (found, expected)) in found.iter().zip(expected).enumerate() {
        let mut found = found.clone();
        if let (Some(sent), Some(least)) = (found["requests"].as_u64(), expected["requests"].as_u64()) {
            // Pages by number overlap by a row, which takes an eighth more.
            // One less where the end is a page that says so.
            assert!((least - 1..=least + least / 7).contains(&sent), "{sent} requests, {least} at least");
            found["requests"] = least.into();
        }
        assert_eq!(found, *expected, "record {number}");
    }
    assert_eq!(found.len(), expected.len(), "number of records");
}

/// What a run over a scenario must come to when nothing goes wrong, for callers who may read what there is to read.
pub fn facts(scenario: Scenario, truth: &Truth, base: &str, memberships: bool) -> Facts {
    let records = if is_gitlab_com(scenario) {
        groups::records(scenario, truth, base, memberships)
    } else {
        instance::everything(truth, base)
    };
    Facts::of(&records)
}

pub fn is_gitlab_com(scenario: Scenario) -> bool {
    scenario.deployment() == "gitlab-com"
}

/// Add-ons as pools, with those who hold a seat.
fn add_ons(add_ons: &[AddOnFacts], truth: &Truth, scope_id: &str, scope_name: &str) -> Vec<Value> {
    let mut records = Vec::new();
    let prefix = if scope_id == "instance" { "instance".to_owned() } else { scope_id.to_owned() };
    for add_on in add_ons {
        let pool_id = format!("{prefix}:add-on:{}", add_on.name);
        let included = add_on.name == "DUO_CORE";
        let count = |number: u64| (!included).then_some(number);
        records.push(json!({
            "type": "pool", "pool_id": pool_id, "scope_id": scope_id, "scope_name": scope_name, "product": "GitLab",
            "feature": match add_on.name {
                "CODE_SUGGESTIONS" => "GitLab Duo Pro", "DUO_ENTERPRISE" => "GitLab Duo Enterprise",
                "DUO_CORE" => "GitLab Duo Core", other => other,
            },
            "plan_code": add_on.name, "kind": "add-on", "license_type": "named-user", "unit": "seat",
            "entitled": count(add_on.purchased_quantity), "unlimited": included,
            "allocated": count(add_on.assigned_quantity), "max_allocated": null,
            "overage_now": count(add_on.assigned_quantity.saturating_sub(add_on.purchased_quantity)),
            "overage_term": null, "term_start": null, "term_end": null, "is_trial": null, "auto_renew": null,
            "as_of": null,
        }));
        for holder in &add_on.holders {
            let user = truth.users.iter().find(|user| user.id == holder.user_id).expect("a holder is somebody");
            let public = user.public_email.as_deref().filter(|address| !address.is_empty());
            records.push(json!({
                "type": "user", "user_id": user.id.to_string(), "username": user.username,
                "display_name": (!user.name.is_empty()).then_some(&user.name), "email": public,
                "email_kind": if public.is_some() { "public" } else { "none" }, "identities": [],
                "account_state": state(user.state), "account_state_raw": user.state,
                "account_kind": if user.bot { "bot" } else { "human" }, "created_at": null,
                "last_activity_on": user.last_activity_on.map(day),
                "last_sign_in_at": user.current_sign_in_at.map(instant),
                "activity": if user.last_activity_on.is_some() || user.current_sign_in_at.is_some() { "known" } else { "never" },
            }));
            records.push(json!({
                "type": "assignment", "pool_id": pool_id, "user_id": user.id.to_string(), "consumes_seat": true,
                "non_consuming_reason": null, "role": null, "via": "unknown", "reclaimable": null, "assigned_on": null,
                "ends_on": null,
                // GraphQL tells it since 18.3.
                "last_activity_on": holder.last_duo_activity_on.map(day).filter(|_| release(truth.version) >= (18, 3)),
            }));
        }
    }
    records
}

fn state(raw: &str) -> &str {
    match raw {
        "active" | "blocked" | "deactivated" | "banned" => raw,
        "ldap_blocked" => "blocked",
        "blocked_pending_approval" => "pending",
        _ => "other",
    }
}

/// As the plugin names a plan or an add-on.
fn seat(plan: &str) -> String {
    let mut letters = plan.chars();
    let first: String = letters.next().map(|letter| letter.to_uppercase().collect()).unwrap_or_default();
    format!("{first}{} seat", letters.as_str().replace('_', " "))
}

fn day(day: Date) -> String {
    day.format(format_description!("[year]-[month]-[day]")).expect("a day")
}

/// To the second: that is what the plugin keeps.
fn instant(instant: OffsetDateTime) -> String {
    instant
        .to_offset(time::UtcOffset::UTC)
        .format(format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z"))
        .expect("an instant")
}
