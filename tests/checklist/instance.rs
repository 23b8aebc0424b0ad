//! Items 1 to 3: license and accounts of an instance.

use std::collections::BTreeSet;

use fake_gitlab::{AccountKind, Scenario, Tokens};

use super::{assert_partial, assert_whole, base_pool, get, start, words};
use crate::scenarios::{assert_consistent, collect};
use crate::support::facts::Facts;

#[test]
fn item_1_license_of_each_kind() {
    // An object.
    let scenario = Scenario::SelfManagedPremium;
    let stand_in = start(scenario, 60, &[]);
    let found = assert_whole(&stand_in, scenario, &[]);
    let license = stand_in.gitlab.truth().license.as_ref().unwrap();
    assert_eq!(base_pool(&found)["entitled"], license.user_limit);
    assert_eq!(found.source["edition"], "EE");

    // `null`: no license, so nothing is a seat, and nobody has lost one.
    let scenario = Scenario::Unlicensed;
    let stand_in = start(scenario, 60, &[]);
    assert!(get(&stand_in, "/api/v4/license", scenario.caller()).1.is_null());
    let found = assert_whole(&stand_in, scenario, &[]);
    assert!(found.pools.is_empty() && found.assignments.is_empty() && found.users.len() == 60);
    assert!(words(&found, "no-license").contains("No license is installed"));

    // 404 with `error`: the edition has no such route.
    let scenario = Scenario::Community;
    let stand_in = start(scenario, 60, &[]);
    let (head, body) = get(&stand_in, "/api/v4/license", scenario.caller());
    assert!(head.starts_with("HTTP/1.1 404") && body["error"] == "404 Not Found", "{head} {body}");
    let found = assert_whole(&stand_in, scenario, &[]);
    assert!(found.pools.is_empty() && found.assignments.is_empty() && found.users.len() == 60);
    assert_eq!(found.source["edition"], "CE");
    words(&found, "community-edition");

    // 403: the license exists and is not shown.
    let scenario = Scenario::Auditor;
    let stand_in = start(scenario, 60, &[]);
    let (head, _) = get(&stand_in, "/api/v4/license", scenario.caller());
    assert!(head.starts_with("HTTP/1.1 403"), "{head}");
    let found = assert_whole(&stand_in, scenario, &[]);
    let pool = base_pool(&found);
    assert!(pool["entitled"].is_null() && pool["unlimited"] == false, "unknown is neither zero nor endless: {pool}");
}

#[test]
fn item_1_no_number_and_no_end() {
    let scenario = Scenario::LicenseUnlimited;
    let stand_in = start(scenario, 60, &[]);
    let (_, body) = get(&stand_in, "/api/v4/license", scenario.caller());
    assert!(body["user_limit"] == 0 && body["expires_at"].is_null(), "{body}");
    let found = assert_whole(&stand_in, scenario, &[]);
    let pool = base_pool(&found);
    assert!(pool["entitled"].is_null() && pool["unlimited"] == true && pool["term_end"].is_null(), "{pool}");
}

#[test]
fn item_1_expired_with_overage() {
    let scenario = Scenario::LicenseExpired;
    let stand_in = start(scenario, 60, &[]);
    let (_, body) = get(&stand_in, "/api/v4/license", scenario.caller());
    assert!(body["expired"] == true && body["overage"].as_u64() > Some(0), "{body}");
    assert!(body["licensee"]["Name"].is_string() && body["licensee"].get("Company").is_none(), "{body}");
    let found = assert_whole(&stand_in, scenario, &[]);
    let license = stand_in.gitlab.truth().license.as_ref().unwrap();
    let over = license.maximum_user_count - license.user_limit;
    assert_eq!(base_pool(&found)["overage_term"], over);
    assert!(words(&found, "license-expired").contains(&license.expires_at.unwrap().to_string()));
}

#[test]
fn item_2_accounts_of_every_kind() {
    for (scenario, has_flag) in [(Scenario::SelfManagedUltimate, true), (Scenario::Community, false)] {
        let stand_in = start(scenario, 330, &[]);
        let (_, rows) = get(&stand_in, "/api/v4/users?per_page=100", scenario.caller());
        let rows = rows.as_array().unwrap();
        assert!(rows.iter().all(|row| row.get("using_license_seat").is_some() == has_flag), "{scenario}");
        let truth = stand_in.gitlab.truth();
        let states: BTreeSet<&str> = truth.users.iter().map(|user| user.state).collect();
        let every = ["active", "banned", "blocked", "blocked_pending_approval", "deactivated", "ldap_blocked"];
        assert!(every.iter().all(|state| states.contains(state)), "{states:?}");
        let has = |kind| truth.users.iter().any(|user| user.kind == kind);
        assert!(has(AccountKind::ServiceAccount) && has(AccountKind::Human));
        assert!(truth.users.iter().any(|user| user.last_activity_on.is_none() && user.current_sign_in_at.is_none()));

        let found = assert_whole(&stand_in, scenario, &[]);
        // Bots and the ghost, which says of itself that it is no bot, are on the instance and among nobody's holders.
        let (_, ghost) = get(&stand_in, "/api/v4/users?username=ghost", scenario.caller());
        assert_eq!((&ghost[0]["username"], &ghost[0]["bot"]), (&"ghost".into(), &false.into()), "{ghost}");
        assert!(rows.iter().any(|row| row["username"].as_str().unwrap().contains("_bot_")));
        for user in found.users.values() {
            let name = user["username"].as_str().unwrap();
            assert!(name != "ghost" && !name.contains("_bot_"), "{name}");
        }
        let seats = |of: &Facts| of.assignments.values().filter(|one| one["consumes_seat"] == true).count();
        assert_eq!(seats(&found) > 0, has_flag, "{scenario}");
        assert!(found.users.values().any(|user| user["activity"] == "never" && user["last_activity_on"].is_null()));
    }
}

#[test]
fn item_2_rows_with_less_in_them() {
    for scenario in [Scenario::AdminMode, Scenario::NonAdmin] {
        let stand_in = start(scenario, 330, &[]);
        let (head, rows) = get(&stand_in, "/api/v4/users?per_page=100", scenario.caller());
        assert!(head.starts_with("HTTP/1.1 200") && rows[0].get("is_admin").is_none(), "{head}");
        let (found, words) = assert_partial(&collect(&stand_in, scenario, &[]), "lower-bound");
        assert_eq!(words.contains("scope admin_mode"), scenario == Scenario::AdminMode, "{words}");
        assert_consistent(&found, stand_in.gitlab.truth());
        // Nobody is said to hold no seat whose row did not say so: an absent flag is no `false`.
        let holders = stand_in.gitlab.truth().users.iter().filter(|user| user.using_license_seat == Some(true));
        let freed = holders.filter(|user| {
            found.assignments.iter().any(|((_, id), one)| *id == user.id.to_string() && one["consumes_seat"] == false)
        });
        assert_eq!(freed.count(), 0, "{scenario}");
    }
}

#[test]
fn item_2_two_keyset_pages() {
    let scenario = Scenario::SelfManagedPremium;
    let stand_in = start(scenario, 150, &[]);
    assert_whole(&stand_in, scenario, &[]);
    let asked: Vec<String> = stand_in
        .gitlab
        .requests()
        .into_iter()
        .filter(|request| request.path == "/api/v4/users")
        .map(|request| format!("{}?{}", request.path, request.query))
        .collect();
    // The last page looks like one whose headers were lost: who is the newest tells.
    assert!(asked.len() == 3 && asked[2].contains("sort=desc&per_page=1"), "{asked:?}");
    let has_link = |path: &str| get(&stand_in, path, scenario.caller()).0.to_ascii_lowercase().contains("\nlink:");
    assert!(has_link(&asked[0]) && !has_link(&asked[1]));
}

#[test]
fn item_3_offset_walk_without_totals() {
    let scenario = Scenario::Older;
    let stand_in = start(scenario, 10_250, &[]);
    let (head, _) = get(&stand_in, "/api/v4/users?exclude_internal=true&per_page=100", scenario.caller());
    let head = head.to_ascii_lowercase();
    assert!(head.contains("x-next-page: 2") && !head.contains("x-total"), "{head}");
    let found = assert_whole(&stand_in, scenario, &[]);
    assert_eq!(found.users.len(), 10_250);
}

#[test]
fn item_3_page_501_is_refused() {
    // The stand-in has its ceiling lower. Without totals nothing but the refusal tells that more would follow.
    let scenario = Scenario::Oldest;
    let stand_in = start(scenario, 10_250, &["users@100+=too-deep"]);
    let ran = collect(&stand_in, scenario, &[]);
    let (found, words) = assert_partial(&ran, "list-too-deep");
    let read = found.users.len();
    assert!(read > 8_000 && read < 10_250 && words.contains(&read.to_string()), "{read}: {words}");
    assert_consistent(&found, stand_in.gitlab.truth());
    assert!(ran.stderr.contains("partial"), "{}", ran.stderr);
}

#[test]
fn item_3_link_to_another_host() {
    for scenario in [Scenario::Older, Scenario::SelfManagedPremium] {
        let stand_in = start(scenario, 330, &["users@*=foreign-link"]);
        assert_whole(&stand_in, scenario, &[]);
        let token = format!("Bearer {}", Tokens::ADMINISTRATOR);
        assert!(stand_in.gitlab.requests().iter().all(|request| request.header("authorization") == Some(&token)));
    }
}
