//! Items 4 to 6: groups of GitLab.com.

use std::collections::BTreeSet;

use fake_gitlab::Scenario;

use super::{assert_partial, assert_whole, base_pool, get, start, words};
use crate::scenarios::{assert_consistent, collect};
use crate::support::facts::Facts;
use crate::support::instead::Instead;
use crate::support::{Cli, Ran, expected};

const JSON: &str = "Content-Type: application/json";

fn at(front: &Instead, scenario: Scenario) -> Ran {
    Cli::source("collect", &front.url(), scenario.caller()).args(["--set", "deployment=gitlab-com"]).run()
}

#[test]
fn item_4_list_of_seats_is_400() {
    let scenario = Scenario::GitlabComTrial;
    let stand_in = start(scenario, 130, &[]);
    let answer = format!("HTTP/1.1 400 Bad Request\r\n{JSON}\r\n\r\n{{\"message\":\"400 Bad request\"}}");
    let front = Instead::start(&stand_in, "/billable_members", answer);
    let (found, words) = assert_partial(&at(&front, scenario), "seats-not-read");
    assert!(words.contains("only an Owner may") && words.contains("lower bound"), "{words}");
    assert_consistent(&found, stand_in.gitlab.truth());
    assert!(found.assignments.values().any(|one| one["consumes_seat"] == true), "its members are read instead");

    // A subgroup gets it, too, which shows before by its parent.
    let subgroup = stand_in.gitlab.truth().groups.iter().flat_map(|group| &group.subgroups).next().unwrap();
    let ran = collect(&stand_in, scenario, &["--set", &format!("group={}", subgroup.full_path)]);
    assert_ne!(ran.code, Some(0));
    assert!(ran.stderr.contains("top-level group") || ran.stdout.contains("top-level group"), "{}", ran.stderr);
    assert!(
        !stand_in.gitlab.requests().iter().any(|request| request.path.contains(&format!("{}/billable", subgroup.id)))
    );
}

#[test]
fn item_4_rows_of_every_kind() {
    let scenario = Scenario::GitlabCom;
    let stand_in = start(scenario, 330, &[]);
    let truth = stand_in.gitlab.truth();
    let rows: Vec<_> = truth.groups.iter().flat_map(|group| &group.billable).collect();
    let ways: BTreeSet<&str> = rows.iter().map(|row| row.membership_type).collect();
    assert_eq!(ways, BTreeSet::from(["group_invite", "group_member", "project_invite", "project_member"]));
    assert!(rows.iter().any(|row| row.email.as_deref() == Some("")));
    assert!(rows.iter().any(|row| row.last_activity_on.is_none()));
    let found = assert_whole(&stand_in, scenario, &[]);
    let told: BTreeSet<&str> = found.assignments.values().filter_map(|one| one["via"].as_str()).collect();
    let every = ["direct", "group-invite", "project-invite", "project-member"];
    assert!(every.iter().all(|way| told.contains(way)), "{told:?}");
    assert!(found.users.values().all(|user| user["email"] != ""), "an empty address is none");
}

#[test]
fn item_5_subscription_in_full() {
    let scenario = Scenario::GitlabCom;
    let stand_in = start(scenario, 130, &[]);
    let found = assert_whole(&stand_in, scenario, &[]);
    for group in stand_in.gitlab.truth().groups.iter().filter(|group| group.caller_access_level == Some(50)) {
        let subscription = group.subscription.as_ref().unwrap();
        let pool = &found.pools[&format!("group:{}:{}", group.id, group.plan)];
        assert_eq!(pool["entitled"].as_u64(), subscription.seats_in_subscription);
        assert_eq!(pool["max_allocated"].as_u64(), subscription.max_seats_used);
        assert_eq!(pool["overage_term"].as_u64(), subscription.seats_owed);
        assert_eq!(pool["term_end"], subscription.end_date.unwrap().to_string());
        assert_eq!(pool["allocated"].as_u64(), Some(group.billable_members_count));
    }
}

#[test]
fn item_5_subscription_that_says_nothing() {
    const NULLS: &str = r#"{"plan":{"code":null,"name":null,"trial":null,"auto_renew":null,"upgradable":null,"exclude_guests":null},"usage":{"seats_in_subscription":null,"seats_in_use":null,"max_seats_used":null,"seats_owed":null},"billing":{"subscription_start_date":null,"subscription_end_date":null,"trial_ends_on":null}}"#;
    const FORBIDDEN: &str = r#"{"message":"403 Forbidden"}"#;
    const HIDDEN: &str = r#"{"message":"404 Namespace Not Found"}"#;
    let scenario = Scenario::GitlabCom;
    for (status, body, warned) in [
        ("200 OK", NULLS, None),
        ("403 Forbidden", FORBIDDEN, Some("entitled-not-read")),
        ("404 Not Found", HIDDEN, Some("entitled-not-read")),
    ] {
        let stand_in = start(scenario, 130, &[]);
        let front =
            Instead::start(&stand_in, "/gitlab_subscription", format!("HTTP/1.1 {status}\r\n{JSON}\r\n\r\n{body}"));
        let ran = at(&front, scenario);
        ran.assert_code(0);
        let found = Facts::of(&ran.records());
        let truth = expected::facts(scenario, stand_in.gitlab.truth(), &front.url(), false);
        for (id, pool) in found.pools.iter().filter(|(_, pool)| pool["kind"] == "base") {
            for key in ["entitled", "overage_now", "overage_term", "term_start", "auto_renew"] {
                assert!(pool[key].is_null(), "{status}: {key} is unknown, and not zero: {pool}");
            }
            assert_eq!(pool["unlimited"], false, "{status}: {pool}");
            // What the namespace tells stays.
            for key in ["plan_code", "allocated", "max_allocated", "term_end", "is_trial"] {
                assert_eq!(pool[key], truth.pools[id][key], "{status}: {key}");
            }
        }
        if let Some(code) = warned {
            assert!(words(&found, code).contains("unknown"));
        }
        let holders = |facts: &Facts| -> BTreeSet<(String, String)> {
            let holders = facts.assignments.iter().filter(|(_, one)| one["consumes_seat"] == true);
            holders.map(|(key, _)| key.clone()).collect()
        };
        assert_eq!(holders(&found), holders(&truth), "{status}");
    }
}

#[test]
fn item_5_namespace_without_billing() {
    // From 18.9 on the fields are there and null; before, a Maintainer reads them.
    for (scenario, told) in [(Scenario::GitlabComMaintainer, false), (Scenario::GitlabComOlder, true)] {
        let stand_in = start(scenario, 130, &[]);
        let group = stand_in.gitlab.truth().groups.first().unwrap().clone();
        let (_, namespace) = get(&stand_in, &format!("/api/v4/namespaces/{}", group.id), scenario.caller());
        assert!(namespace.get("plan").is_none(), "{namespace}");
        let field = namespace.get("billable_members_count").unwrap();
        assert_eq!(field.is_null(), !told, "{namespace}");
        let (found, words) = assert_partial(&collect(&stand_in, scenario, &[]), "lower-bound");
        assert!(words.contains("no Owner"), "{words}");
        let pool = base_pool(&found);
        assert_eq!(pool["allocated"].is_null(), !told, "null is no zero: {pool}");
        assert!(pool["entitled"].is_null() && pool["unlimited"] == false && pool["plan_code"].is_null(), "{pool}");
        assert_consistent(&found, stand_in.gitlab.truth());
    }
}

#[test]
fn item_6_memberships_of_every_kind() {
    let scenario = Scenario::GitlabCom;
    let stand_in = start(scenario, 130, &[]);
    let billable = stand_in.gitlab.truth().groups.iter().flat_map(|group| &group.billable);
    let memberships: Vec<_> = billable.flat_map(|row| row.memberships.iter().chain(&row.indirect)).collect();
    assert!(memberships.iter().any(|one| one.custom_role.is_some()));
    assert!(memberships.iter().any(|one| one.custom_role.is_none()));
    assert!(memberships.iter().any(|one| one.access_level == 5), "a row of Minimal Access");
    let found = assert_whole(&stand_in, scenario, &["--set", "memberships=true"]);
    assert!(found.assignments.values().any(|one| one["role"].as_str().is_some_and(|role| role.ends_with(')'))));
}

#[test]
fn item_6_memberships_refused() {
    let scenario = Scenario::GitlabComLdap;
    let stand_in = start(scenario, 130, &[]);
    let group = stand_in.gitlab.truth().groups.first().unwrap();
    let (id, user) = (group.id, group.billable.first().unwrap().user_id);
    let path = format!("/api/v4/groups/{id}/billable_members/{user}/memberships");
    let (head, body) = get(&stand_in, &path, scenario.caller());
    assert!(head.starts_with("HTTP/1.1 400") && body["message"] == "400 Bad request", "{head} {body}");
    let found = assert_whole(&stand_in, scenario, &["--set", "memberships=true"]);
    assert!(words(&found, "memberships-not-read").contains("LDAP"));
}
