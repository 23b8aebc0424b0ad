//! Item 7: add-on seats through GraphQL.

use fake_gitlab::Scenario;
use serde_json::Value;

use super::{assert_partial, assert_whole, start, words};
use crate::scenarios::collect;
use crate::support::facts::Facts;
use crate::support::instead::Instead;
use crate::support::{Cli, expected};

const DUO: Scenario = Scenario::Duo;

fn is_add_on(pool: &Value) -> bool {
    pool["kind"] == "add-on"
}

fn key(record: &Value, name: &str) -> String {
    record[name].as_str().unwrap().to_owned()
}

#[test]
fn item_7_no_purchases_or_no_right() {
    // To an administrator `[]` means none.
    let scenario = Scenario::SelfManagedPremium;
    let found = assert_whole(&start(scenario, 60, &[]), scenario, &[]);
    assert_eq!(found.source["capabilities"]["add_ons"], "yes");
    assert!(!found.pools.values().any(is_add_on) && !found.codes().contains(&"add-ons-not-read"));
    // To anybody else it means nothing.
    let scenario = Scenario::Auditor;
    let found = assert_whole(&start(scenario, 60, &[]), scenario, &[]);
    assert_eq!(found.source["capabilities"]["add_ons"], "unknown");
    assert!(words(&found, "add-ons-not-read").contains("administrators and owners only"));
}

#[test]
fn item_7_lists_that_are_refused() {
    for (fault, code, what) in [
        ("graphql-purchases@*=null-with-errors", "add-ons-not-read", "hides it"),
        ("graphql-purchases@*=unauthorized", "add-ons-not-read", "read_api"),
        ("graphql-holders@*=null-with-errors", "add-on-seats-not-read", "hides it"),
        ("graphql-holders@*=unauthorized", "right-ended", "read_api"),
    ] {
        let stand_in = start(DUO, 60, &[fault]);
        let (found, words) = assert_partial(&collect(&stand_in, DUO, &[]), code);
        assert!(words.contains(what), "{fault}: {words}");
        let truth = expected::facts(DUO, stand_in.gitlab.truth(), &stand_in.url(), false);
        // What was bought of the base, and who holds it, is whole all the same.
        let base = |facts: &Facts| -> Vec<Value> {
            let seats = facts.assignments.iter().filter(|((pool, _), _)| !pool.contains(":add-on:"));
            let pools = facts.pools.values().filter(|pool| !is_add_on(pool)).cloned();
            pools.chain(seats.map(|(_, one)| one.clone())).collect()
        };
        assert_eq!(base(&found), base(&truth), "{fault}");
        assert!(!found.assignments.keys().any(|(pool, _)| pool.contains(":add-on:")), "{fault}");
        // Unknown is not none: either no pool of an add-on, or with GitLab's own figures.
        for pool in found.pools.values().filter(|pool| is_add_on(pool)) {
            assert_eq!(pool, &truth.pools[pool["pool_id"].as_str().unwrap()], "{fault}");
        }
    }
}

#[test]
fn item_7_a_field_that_is_unknown() {
    // A version that is told to be newer than the schema is: the field of the last activity in Duo is not there. By REST, since the
    // query that would tell it, too, is not taken.
    let scenario = Scenario::V17_11;
    let stand_in = start(scenario, 60, &["graphql@1=undefined-field"]);
    let newer =
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{\"version\":\"18.11.2-ee\",\"enterprise\":true}";
    let front = Instead::start(&stand_in, "/api/v4/metadata", newer);
    let ran = Cli::source("collect", &front.url(), scenario.caller()).run();
    ran.assert_code(0);
    let found = Facts::of(&ran.records());
    let mut truth = expected::facts(scenario, stand_in.gitlab.truth(), &front.url(), false);
    truth.source["product_version"] = "18.11.2-ee".into();
    for seat in truth.assignments.values_mut().filter(|seat| seat["consumes_seat"] == false) {
        // The reason that Minimal Access is counts as one from 18.9 on only.
        let reason = &found.assignments[&(key(seat, "pool_id"), key(seat, "user_id"))]["non_consuming_reason"];
        if reason == "minimal-access" {
            seat["non_consuming_reason"] = reason.clone();
        }
    }
    found.assert_equal(&truth, "a schema without the field");
    assert!(truth.assignments.keys().any(|(pool, _)| pool.contains(":add-on:")));
    // Asked once with the field, then without, and not with it again.
    let queries: Vec<_> = stand_in
        .gitlab
        .requests()
        .iter()
        .filter(|request| request.body().contains("ligibleUsers"))
        .map(|request| serde_json::from_str::<Value>(request.body()).unwrap()["query"].as_str().unwrap().to_owned())
        .collect();
    assert!(queries.len() > 2 && queries[0].len() > queries[1].len(), "{queries:#?}");
    assert!(queries[1..].iter().all(|query| query == &queries[1]), "{queries:#?}");
}

#[test]
fn item_7_short_pages() {
    for (scenario, fault) in [
        (DUO, "graphql-holders@1=short-page"),
        (Scenario::GitlabCom, "graphql-holders@1=short-page"),
        // Every row of a page can be hidden: it is empty, and others follow.
        (DUO, "graphql-holders@1=no-nodes"),
    ] {
        let stand_in = start(scenario, 330, &[fault]);
        let found = assert_whole(&stand_in, scenario, &[]);
        let seats = found.assignments.keys().filter(|(pool, _)| pool.contains(":add-on:")).count();
        let pages = stand_in.gitlab.requests().iter().filter(|request| request.body().contains("ligibleUsers")).count();
        assert!(seats > 0 && pages == 3, "{fault}: {seats} seats in {pages} pages");
    }
}
