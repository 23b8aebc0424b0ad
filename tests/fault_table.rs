//! Every scenario against every fault: the result is the truth, or partial and says why, or a failure that says why.
//! Never a smaller number that looks whole, never a zero for what is unknown.

use std::collections::BTreeMap;
use std::sync::Arc;

use fake_gitlab::{Fault, Options, Scenario, Truth};
use serde_json::Value;

use crate::scenarios::{Reach, assert_consistent, lists_no_lost_holders, reach};
use crate::support::expected;
use crate::support::facts::Facts;
use crate::support::tenant::{Collected, Hosts};

/// What is played, with the endpoints that such a run asks for, and the settings.
struct Row {
    scenario: Scenario,
    users: u32,
    endpoints: &'static [&'static str],
    settings: &'static [(&'static str, &'static str)],
}

const fn row(scenario: Scenario, users: u32, endpoints: &'static [&'static str]) -> Row {
    Row { scenario, users, endpoints, settings: &[] }
}

const ROWS: [Row; 12] = [
    row(Scenario::Duo, 230, &["metadata", "user", "license", "users", "graphql-purchases", "graphql-holders"]),
    // More holders than fit on one page.
    row(Scenario::Duo, 640, &["graphql-holders"]),
    // Long enough that several pages are asked for at once.
    row(Scenario::SelfManagedPremium, LONG, &["users"]),
    row(Scenario::GitlabCom, 1_500, &["billable", "members"]),
    row(Scenario::Older, 230, &["metadata", "user", "license", "users"]),
    row(Scenario::V16_11, 130, &["users", "graphql-purchases", "graphql-holders"]),
    row(Scenario::Auditor, 130, &["license", "users", "graphql-license", "graphql-purchases"]),
    row(Scenario::NonAdmin, 130, &["license", "users", "groups", "members", "graphql-license", "graphql-users"]),
    row(Scenario::Community, 130, &["license", "users"]),
    row(
        Scenario::GitlabCom,
        330,
        &[
            "metadata",
            "user",
            "groups",
            "namespace",
            "subscription",
            "billable",
            "members",
            "graphql-purchases",
            "graphql-holders",
        ],
    ),
    Row {
        scenario: Scenario::GitlabCom,
        users: 60,
        endpoints: &["memberships", "indirect"],
        settings: &[("memberships", "true")],
    },
    row(Scenario::GitlabComMaintainer, 130, &["groups", "namespace", "subscription", "members", "graphql-members"]),
];

const OCCURRENCES: [&str; 4] = ["1", "2", "2+", "*"];

/// Of long lists also in the middle of what is asked for at once.
const LONG: u32 = 900;
const IN_THE_MIDDLE: [&str; 2] = ["5", "5+"];

/// Over after once, so that a client that is patient for some seconds gets everything.
const PASSING: [&str; 12] = [
    "rate-limit-text",
    "rate-limit-json-retry",
    "html-502",
    "html-503",
    "html-504",
    "error-500",
    "error-503",
    "reset",
    "hang",
    "slow",
    "cut",
    "truncated-json",
];

/// How a pair ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Ended {
    Truth,
    TruthWithGapsNamed,
    Partial,
    Failed,
}

struct Pair {
    row: &'static Row,
    fault: Fault,
}

#[test]
fn every_scenario_with_every_fault_is_true_or_says_why() {
    let (_, kinds) = Fault::words();
    let mut pairs = Vec::new();
    for row in &ROWS {
        for endpoint in row.endpoints {
            for kind in kinds.split(", ") {
                let more = IN_THE_MIDDLE.iter().filter(|_| row.users >= LONG);
                for occurrence in OCCURRENCES.iter().chain(more) {
                    // Where a kind makes no sense, it is refused.
                    let Ok(fault) = format!("{endpoint}@{occurrence}={kind}").parse() else { continue };
                    pairs.push(Pair { row, fault });
                }
            }
        }
    }
    let hosts = Hosts::shared();
    let runtime = crate::support::runtime();
    let ended = runtime.block_on(async {
        // Stand-ins are made as there is room: each has its own people.
        let room = Arc::new(tokio::sync::Semaphore::new(170));
        let tasks: Vec<_> = pairs
            .into_iter()
            .enumerate()
            .map(|(number, pair)| {
                let room = Arc::clone(&room);
                tokio::spawn(async move {
                    let _room = room.acquire_owned().await.unwrap();
                    (number, run(hosts, number, &pair).await)
                })
            })
            .collect();
        let mut ended = Vec::new();
        for task in tasks {
            ended.push(task.await.unwrap());
        }
        ended
    });
    let mut counts: BTreeMap<Ended, u32> = BTreeMap::new();
    let mut wrong = Vec::new();
    for (_, result) in ended {
        match result {
            Ok(ended) => *counts.entry(ended).or_default() += 1,
            Err(why) => wrong.push(why),
        }
    }
    let total: u32 = counts.values().sum::<u32>() + u32::try_from(wrong.len()).unwrap();
    eprintln!("pairs of scenario and fault: {total}: {counts:?}");
    assert!(wrong.is_empty(), "{} of {total} pairs:\n{}", wrong.len(), wrong.join("\n"));
    for ended in [Ended::Truth, Ended::Partial, Ended::Failed] {
        assert!(counts.contains_key(&ended), "no pair ended as {ended:?}");
    }
}

async fn run(hosts: &Hosts, number: usize, pair: &Pair) -> Result<Ended, String> {
    let Row { scenario, users, settings, .. } = *pair.row;
    let options = Options { scenario, users, seed: 11, faults: vec![pair.fault], ..Options::default() };
    let gitlab = fake_gitlab::start(options).await.unwrap();
    let collected = hosts.collect(number, &gitlab, scenario, settings).await;
    let (truth, base) = (gitlab.truth().clone(), gitlab.base_url());
    let fault = pair.fault;
    gitlab.shutdown().await;
    let judged = tokio::task::spawn_blocking(move || {
        // A broken rule shows as a panic of an assertion; here it is one of many results.
        std::panic::catch_unwind(|| {
            judge(&collected, scenario, &truth, &base, &fault.to_string(), !settings.is_empty())
        })
    });
    let about = format!("{scenario} {}", pair.fault);
    match judged.await.unwrap() {
        Ok(result) => result.map_err(|why| format!("{about}: {why}")),
        Err(panic) => {
            let words = panic.downcast_ref::<String>().cloned().unwrap_or_default();
            Err(format!("{about}: {}", words.chars().take(600).collect::<String>()))
        }
    }
}

fn judge(
    collected: &Collected,
    scenario: Scenario,
    truth: &Truth,
    base: &str,
    fault: &str,
    memberships: bool,
) -> Result<Ended, String> {
    let found = Facts::of(&collected.records);
    let moves = Moves::of(fault);
    if moves.is_none() {
        assert_consistent(&found, truth);
    }
    let passes = fault
        .split_once('@')
        .and_then(|(_, rest)| rest.split_once('='))
        .is_some_and(|(occurrence, kind)| matches!(occurrence, "1" | "2") && PASSING.contains(&kind));
    // A 404 that is cut short is still a 404, which no repeat mends.
    let passes = passes && !(scenario == Scenario::Community && fault == "license@1=truncated-json");
    let has_reach = reach(scenario) == Reach::Whole && !lists_no_lost_holders(scenario);
    if let Some(words) = &collected.failure {
        if passes {
            return Err(format!("failed, although it was over after once: {words}"));
        }
        let (message, hint) = words.split_once(" | ").unwrap_or((words, "none is needed for the host's own words"));
        return if message.len() < 20 || hint.is_empty() {
            Err(format!("says nothing: {words}"))
        } else {
            Ok(Ended::Failed)
        };
    }
    if !found.is_complete() {
        if passes && has_reach {
            return Err(format!("partial, although it was over after once: {:?}", found.codes()));
        }
        return if found.warnings.is_empty() { Err("partial without a word".to_owned()) } else { Ok(Ended::Partial) };
    }
    if reach(scenario) != Reach::Whole {
        return Err("a lower bound that calls itself complete".to_owned());
    }
    let expected = expected::facts(scenario, truth, base, memberships);
    let gaps = gaps(&found, &expected, &found.codes(), moves)?;
    if gaps && passes {
        return Err(format!("gaps, although it was over after once: {:?}", found.codes()));
    }
    Ok(if gaps { Ended::TruthWithGapsNamed } else { Ended::Truth })
}

/// A fault under which rows come and go while they are read.
#[derive(Debug, Clone, Copy)]
enum Moves {
    /// In a list ordered by id, of all, of each group or of each add-on.
    ById,
    /// In a list in the order of joining.
    ByJoining,
}

impl Moves {
    fn of(fault: &str) -> Option<Self> {
        let (endpoint, kind) = (fault.split('@').next()?, fault.split('=').nth(1)?);
        matches!(kind, "row-deleted" | "row-inserted" | "row-swapped").then_some(if endpoint.contains("members") {
            Self::ByJoining
        } else {
            Self::ById
        })
    }

    /// Whether this record is of somebody whom the fault takes away, who is the first of a list. Nobody else may be
    /// missing: that would be somebody who was pushed over the edge of a page.
    fn may_take(self, kind: &str, key: &str, expected: &Facts) -> bool {
        let number = |id: &str| id.parse::<u64>().unwrap_or(u64::MAX);
        let of_pool = |pool: &str, holders: bool| {
            let seats = expected.assignments.iter().filter(move |((other, _), _)| other == pool);
            let seats = seats.filter(move |(_, seat)| !holders || seat["consumes_seat"] == true);
            seats.map(|((_, user), _)| number(user)).min()
        };
        let is_first =
            |pool: &str, user: u64| [true, false].iter().any(|holders| of_pool(pool, *holders) == Some(user));
        match kind {
            // Whoever it is: the order of joining is not in the truth.
            "assignment" | "user" if matches!(self, Self::ByJoining) => expected
                .assignments
                .iter()
                .filter(|(both, _)| key == both.1 || key == format!("{both:?}"))
                .all(|(_, seat)| seat["consumes_seat"] == false),
            "assignment" => {
                expected.assignments.keys().any(|both| key == format!("{both:?}") && is_first(&both.0, number(&both.1)))
            }
            "user" => {
                let user = number(key);
                expected.users.keys().map(|id| number(id)).min() == Some(user)
                    || expected.pools.keys().any(|pool| is_first(pool, user))
            }
            _ => false,
        }
    }
}

/// Whether a complete result leaves something out. Only single fields and add-ons may be, and only with a warning that
/// names them.
fn gaps(found: &Facts, expected: &Facts, codes: &[&str], moves: Option<Moves>) -> Result<bool, String> {
    let whole = expected;
    let mut gaps = false;
    let warned = |code: &str| codes.contains(&code);
    // The fields that each warning excuses.
    let excused = |kind: &str, field: &str| match (kind, field) {
        ("assignment", "role" | "assigned_on" | "ends_on") => {
            moves.is_some() || warned("roles-not-read") || warned("memberships-not-read")
        }
        // Whether guests are free is told with what was bought, and since when others are, by the version.
        ("assignment", "non_consuming_reason") => warned("entitled-not-read") || warned("version-not-read"),
        ("assignment", "last_activity_on") | ("pool", "allocated") => warned("fields-not-known"),
        (
            "pool",
            "entitled" | "overage_now" | "overage_term" | "term_start" | "term_end" | "max_allocated" | "auto_renew"
            | "is_trial" | "plan_code" | "feature",
        ) => warned("entitled-not-read") || warned("totals-not-read") || warned("fields-not-known"),
        _ => false,
    };
    let mut compare = |kind: &str, key: &str, found: Option<&Value>, expected: &Value| {
        let Some(found) = found else {
            if key.contains(":add-on:") && (warned("add-ons-not-read") || warned("add-on-seats-not-read")) {
                gaps = true;
                return Ok(());
            }
            if moves.is_some_and(|moves| moves.may_take(kind, key, whole)) {
                return Ok(());
            }
            return Err(format!("complete without {kind} {key}"));
        };
        for (field, value) in expected.as_object().unwrap() {
            let is_more = field == "is_trial" && value.is_null();
            if &found[field] == value
                || is_more
                || kind == "user" && (moves.is_some() || warned("add-ons-not-read") || warned("fields-not-known"))
            {
                continue;
            }
            if (found[field].is_null() || memberships_alone(field)) && excused(kind, field) {
                gaps = true;
            } else {
                return Err(format!("{kind} {key}: {field} is {} and should be {value}", found[field]));
            }
        }
        Ok(())
    };
    for (key, value) in &expected.pools {
        compare("pool", key, found.pools.get(key), value)?;
    }
    for (key, value) in &expected.assignments {
        compare("assignment", &format!("{key:?}"), found.assignments.get(key), value)?;
    }
    for (key, value) in &expected.users {
        compare("user", key, found.users.get(key), value)?;
    }
    let extra: Vec<_> = found.assignments.keys().filter(|key| !expected.assignments.contains_key(*key)).collect();
    if !extra.is_empty() && moves.is_none() {
        return Err(format!("who holds nothing: {extra:?}"));
    }
    Ok(gaps)
}

/// Without the drill-down these are those of the group itself: true, and less.
fn memberships_alone(field: &str) -> bool {
    matches!(field, "role" | "assigned_on" | "ends_on")
}
