//! Every kind of GitLab and of caller, without anything going wrong: the result is the truth, or a lower bound that is
//! called so, or a failure that names the role that would do.

use fake_gitlab::{Options, Scenario, Truth};
use serde_json::Value;

use crate::support::facts::Facts;
use crate::support::{Cli, Ran, StandIn, expected};

/// Enough for every kind of account to occur, in one page and in several.
const USERS: [u32; 2] = [60, 330];

pub fn collect(stand_in: &StandIn, scenario: Scenario, args: &[&str]) -> Ran {
    Cli::source("collect", &stand_in.url(), scenario.caller())
        .args(["--set", &format!("deployment={}", scenario.deployment())])
        .args(args)
        .run()
}

/// What a caller may come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// All.
    Whole,
    /// A lower bound.
    LowerBound,
    /// Nothing: a failure that names what would do.
    Nothing,
}

pub fn reach(scenario: Scenario) -> Reach {
    match scenario {
        Scenario::AdminMode | Scenario::NonAdmin | Scenario::GitlabComMaintainer | Scenario::GitlabComOlder => {
            Reach::LowerBound
        }
        Scenario::GitlabComDeveloper | Scenario::GitlabComEmpty => Reach::Nothing,
        _ => Reach::Whole,
    }
}

#[test]
fn every_scenario_comes_to_its_truth() {
    for scenario in Scenario::ALL {
        for users in USERS {
            let stand_in = StandIn::start(Options { scenario, users, seed: 3, ..Options::default() });
            let ran = collect(&stand_in, scenario, &[]);
            let about = format!("{scenario}, {users} users");
            let truth = stand_in.gitlab.truth();
            match reach(scenario) {
                Reach::Whole if lists_no_lost_holders(scenario) => {
                    assert_eq!(ran.code, Some(3), "{about}: {}", ran.stderr);
                    let found = Facts::of(&ran.records());
                    assert!(found.codes().contains(&"add-on-seats-not-all"), "{about}: {:?}", found.codes());
                    let mut expected = expected::facts(scenario, truth, &stand_in.url(), false);
                    let lost = truth.add_ons.iter().flat_map(|add_on| {
                        let lost = add_on.holders.iter().filter(|holder| is_blocked(truth, holder.user_id));
                        lost.map(|holder| (format!("instance:add-on:{}", add_on.name), holder.user_id.to_string()))
                    });
                    for key in lost {
                        assert!(expected.assignments.remove(&key).is_some());
                    }
                    found.assert_equal(&expected, &about);
                }
                Reach::Whole => {
                    assert_eq!(ran.code, Some(0), "{about}: {}", ran.stderr);
                    let found = Facts::of(&ran.records());
                    assert!(found.is_complete(), "{about}");
                    found.assert_equal(&expected::facts(scenario, truth, &stand_in.url(), false), &about);
                }
                Reach::LowerBound => {
                    assert_eq!(ran.code, Some(3), "{about}: {}", ran.stderr);
                    let found = Facts::of(&ran.records());
                    assert!(found.codes().contains(&"lower-bound"), "{about}: {:?}", found.codes());
                    assert_lower_bound(&found, truth, &about);
                }
                Reach::Nothing => {
                    assert_eq!(ran.code, Some(1), "{about}: {}", ran.stderr);
                    assert!(ran.stderr.contains("Owner"), "{about}: {}", ran.stderr);
                }
            }
        }
    }
}

/// Before 17.5 the list of holders passes over those who were blocked.
pub fn lists_no_lost_holders(scenario: Scenario) -> bool {
    matches!(scenario, Scenario::V16_11 | Scenario::V17_4)
}

fn is_blocked(truth: &Truth, id: u64) -> bool {
    truth.users.iter().any(|user| user.id == id && user.state != "active")
}

/// A part of the truth, called so, and of somebody.
fn assert_lower_bound(found: &Facts, truth: &Truth, about: &str) {
    assert_consistent(found, truth);
    let seats = found.assignments.values().filter(|assignment| assignment["consumes_seat"] == true).count();
    assert!(seats > 0, "{about}: a lower bound of nobody is none");
}

/// Whoever is said to hold a seat holds one, and whoever is said to hold none holds none; figures that are told are true.
pub fn assert_consistent(found: &Facts, truth: &Truth) {
    for ((pool_id, user_id), assignment) in &found.assignments {
        let holds = holds_seat(truth, pool_id, user_id.parse().unwrap());
        if let Some(said) = assignment["consumes_seat"].as_bool() {
            assert_eq!(Some(said), holds, "{pool_id} {user_id}");
        }
    }
    for pool in found.pools.values() {
        let id = pool["pool_id"].as_str().unwrap();
        let allocated = pool["allocated"].as_u64();
        // The count of a group that was made hours ago stands in where the one of now is not told.
        let kept = group(truth, id).and_then(|group| group.subscription.as_ref()?.seats_in_use);
        assert!(allocated.is_none() || allocated == true_allocated(truth, id) || allocated == kept, "{pool}");
        let bought = true_entitled(truth, id);
        assert!(pool["entitled"].is_null() || pool["entitled"].as_u64() == bought, "{pool}");
    }
}

fn true_entitled(truth: &Truth, pool_id: &str) -> Option<u64> {
    if let Some((_, name)) = pool_id.split_once(":add-on:") {
        let add_ons = group(truth, pool_id).map_or(&truth.add_ons, |group| &group.add_ons);
        return add_ons.iter().find(|add_on| add_on.name == name).map(|add_on| add_on.purchased_quantity);
    }
    match group(truth, pool_id) {
        Some(group) => group.subscription.as_ref()?.seats_in_subscription,
        None => truth.license.as_ref().map(|license| license.user_limit).filter(|limit| *limit > 0),
    }
}

fn group<'a>(truth: &'a Truth, pool_id: &str) -> Option<&'a fake_gitlab::GroupFacts> {
    let id: u64 = pool_id.strip_prefix("group:")?.split(':').next()?.parse().ok()?;
    truth.groups.iter().find(|group| group.id == id)
}

/// By the stand-in: whether somebody holds a seat of a pool.
pub fn holds_seat(truth: &Truth, pool_id: &str, user: u64) -> Option<bool> {
    if let Some((_, name)) = pool_id.split_once(":add-on:") {
        let add_ons = group(truth, pool_id).map_or(&truth.add_ons, |group| &group.add_ons);
        let add_on = add_ons.iter().find(|add_on| add_on.name == name)?;
        return Some(add_on.holders.iter().any(|holder| holder.user_id == user));
    }
    match group(truth, pool_id) {
        Some(group) => {
            let is_free = group.plan == "free";
            let is_billable = group.billable.iter().any(|one| one.user_id == user);
            // To who is no Owner, GitLab says of everybody in a free group that they use no seat.
            let is_told_false = group.members.iter().any(|one| one.user_id == user && one.is_using_seat == Some(false));
            Some(is_billable && !(is_free && is_told_false))
        }
        // Accounts of tokens are not in the administrator's list, and hold no seat.
        None => truth.users.iter().find(|one| one.id == user).map_or(Some(false), |one| one.using_license_seat),
    }
}

fn true_allocated(truth: &Truth, pool_id: &str) -> Option<u64> {
    if let Some((_, name)) = pool_id.split_once(":add-on:") {
        let add_ons = group(truth, pool_id).map_or(&truth.add_ons, |group| &group.add_ons);
        return add_ons.iter().find(|add_on| add_on.name == name).map(|add_on| add_on.assigned_quantity);
    }
    match group(truth, pool_id) {
        Some(group) => Some(group.billable_members_count),
        None => truth.license.as_ref().map(|license| license.active_users),
    }
}

#[test]
fn memberships_give_the_highest_role_and_the_earliest_day() {
    for scenario in [Scenario::GitlabCom, Scenario::GitlabComLdap, Scenario::GitlabComGroupToken] {
        let stand_in = StandIn::start(Options { scenario, users: 150, seed: 5, ..Options::default() });
        let ran = collect(&stand_in, scenario, &["--set", "memberships=true"]);
        ran.assert_code(0);
        let found = Facts::of(&ran.records());
        found.assert_equal(&expected::facts(scenario, stand_in.gitlab.truth(), &stand_in.url(), true), scenario.name());
        let warned = found.codes().contains(&"memberships-not-read");
        assert_eq!(warned, scenario == Scenario::GitlabComLdap, "{:?}", found.codes());
    }
}

#[test]
fn one_group_can_be_named() {
    let scenario = Scenario::GitlabCom;
    let stand_in = StandIn::start(Options { scenario, users: 90, ..Options::default() });
    let truth = stand_in.gitlab.truth();
    let owned: Vec<_> = truth.groups.iter().filter(|group| group.caller_access_level == Some(50)).collect();
    let wanted = owned.last().unwrap();
    let ran = collect(&stand_in, scenario, &["--set", &format!("group={}", wanted.path)]);
    ran.assert_code(0);
    let found = Facts::of(&ran.records());
    assert!(found.pools.keys().all(|pool| pool.starts_with(&format!("group:{}:", wanted.id))), "{:?}", found.pools);
    let base: Vec<&Value> = found.pools.values().filter(|pool| pool["kind"] == "base").collect();
    assert_eq!(base.len(), 1);
    let seats = found
        .assignments
        .iter()
        .filter(|((pool, _), found)| **pool == base[0]["pool_id"] && found["consumes_seat"] == true);
    assert_eq!(seats.count(), wanted.billable.len());
    assert_eq!(found.source["source_key"], format!("{}#group:{}", stand_in.url(), wanted.path));

    let ran = collect(&stand_in, scenario, &["--set", "group=no-such-group"]);
    ran.assert_code(1);
}

/// Sent by the whole of a run and of a test: only reading, only what may be read, the token in its header alone.
#[test]
fn requests_of_all_scenarios_only_read() {
    let mut seen = 0;
    for scenario in Scenario::ALL {
        let stand_in = StandIn::start(Options { scenario, users: 60, ..Options::default() });
        collect(&stand_in, scenario, &["--set", "memberships=true"]);
        Cli::source("test", &stand_in.url(), scenario.caller())
            .args(["--set", &format!("deployment={}", scenario.deployment())])
            .run();
        let agent = format!("gitlab-seats/{}", env!("CARGO_PKG_VERSION"));
        for request in stand_in.gitlab.requests() {
            let about = format!("{scenario}: {} {}?{}", request.method, request.path, request.query);
            let is_query = request.path.ends_with("/api/graphql");
            assert_eq!(request.method, if is_query { "POST" } else { "GET" }, "{about}");
            assert!(is_query || request.path.contains("/api/v4/"), "{about}");
            if is_query {
                let body: Value = serde_json::from_str(request.body()).unwrap();
                let text = body["query"].as_str().unwrap();
                assert!(text.starts_with("query") && !text.contains("mutation"), "{about}: {text}");
                assert_eq!(body.as_object().unwrap().keys().collect::<Vec<_>>(), ["query", "variables"], "{about}");
            }
            assert!(!about.contains(scenario.caller()) && !about.contains("glpat"), "{about}");
            assert!(!request.query.contains("token"), "{about}");
            assert_never(&request.path, scenario, &about);
            assert_eq!(
                request.header("authorization"),
                Some(format!("Bearer {}", scenario.caller()).as_str()),
                "{about}"
            );
            assert_eq!(request.header("private-token"), None, "{about}");
            assert_eq!(request.header("user-agent"), Some(agent.as_str()), "{about}");
            seen += 1;
        }
    }
    eprintln!("requests looked at: {seen}");
    assert!(seen > 500, "{seen}");
}

/// What must never be asked for: answers that hold keys, lists that count by other rules, endpoints that write.
#[track_caller]
fn assert_never(path: &str, scenario: Scenario, about: &str) {
    let path = path.split_once("/api/").map_or(path, |(_, path)| path);
    assert!(!path.contains("usage_export") && !path.contains("refresh_billable_users"), "{about}");
    let words: Vec<&str> = path.split('/').collect();
    assert!(!matches!(words.as_slice(), ["v4", "groups", _]), "the group's own page holds a token: {about}");
    assert!(!matches!(words.as_slice(), ["v4", "namespaces"]), "{about}");
    if !expected::is_gitlab_com(scenario) {
        assert!(!path.contains("billable_members"), "{about}");
    }
}
