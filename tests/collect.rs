//! A whole collection, record by record against the truth.

use std::time::Duration;

use fake_gitlab::{Fault, Options, Scenario, Tokens};
use serde_json::Value;

use crate::support::facts::Facts;
use crate::support::{Cli, ONE_AT_ONCE, Ran, StandIn, expected, lasting_for};

#[track_caller]
fn collect(stand_in: &StandIn, args: &[&str]) -> Ran {
    Cli::source("collect", &stand_in.url(), Tokens::ADMINISTRATOR).args(args).run()
}

/// Without the warning that differs from scenario to scenario; its words are looked at where it matters.
fn without_warning(records: &[Value], code: &str) -> Vec<Value> {
    records.iter().filter(|record| record["code"] != code).cloned().collect()
}

#[test]
fn twenty_five_thousand_users_equal_the_truth_in_constant_memory() {
    let stand_in = StandIn::start(Options { users: 25_000, ..Options::default() });
    let ran = collect(&stand_in, &["--bill", "--json"]);
    ran.assert_code(0);
    expected::assert_same(&ran.records(), &expected::records(stand_in.gitlab.truth(), &stand_in.url()));

    let bill: Value = serde_json::from_str(ran.stderr.trim()).unwrap();
    let small = StandIn::start(Options { users: 1_000, ..Options::default() });
    let small = collect(&small, &["--bill", "--json"]);
    let small: Value = serde_json::from_str(small.stderr.trim()).unwrap();
    let peak = |bill: &Value| bill["peak_memory_bytes"]["value"].as_u64().unwrap();
    eprintln!("guest memory: {} bytes at 1,000 users, {} at 25,000", peak(&small), peak(&bill));
    assert!(peak(&bill) <= peak(&small) + 65_536, "{bill}\n{small}");
    // The license and the first page; the others with up to 30 to a call, as there are six requests at once.
    let calls = bill["calls"]["value"].as_u64().unwrap();
    assert!((1 + 9..=1 + 12).contains(&calls), "{calls} calls");
    assert_eq!(bill["peak_memory_bytes"]["limit"], 64 << 20);
}

#[test]
fn every_kind_of_instance_with_a_license_equals_its_truth() {
    for scenario in [Scenario::SelfManagedPremium, Scenario::SelfManagedUltimate, Scenario::Older, Scenario::Subpath] {
        for users in [3, 99, 100, 101, 250] {
            let stand_in = StandIn::start(Options { scenario, users, seed: 7, ..Options::default() });
            let ran = collect(&stand_in, &[]);
            ran.assert_code(0);
            let truth = stand_in.gitlab.truth();
            let mut found = ran.records();
            let differs = truth.counts.using_license_seat != truth.license.as_ref().map(|license| license.active_users);
            let warned = found.iter().find(|record| record["code"] == "allocated-differs");
            assert_eq!(warned.is_some(), differs, "{scenario:?}");
            if let Some(warning) = warned {
                let words = warning["message"].as_str().unwrap();
                let counted = truth.counts.using_license_seat.unwrap().to_string();
                let nightly = truth.license.as_ref().unwrap().active_users.to_string();
                assert!(words.contains(&counted) && words.contains(&nightly), "{words}");
            }
            if scenario == Scenario::Older {
                // Before 18.9 nobody is free on Premium for having no more than Minimal Access.
                assert!(found.iter().all(|record| record["non_consuming_reason"] != "minimal-access"));
                let about = format!("{scenario}, {users} users");
                Facts::of(&found).assert_equal(&expected::facts(scenario, truth, &stand_in.url(), false), &about);
                continue;
            }
            let expected = expected::records(truth, &stand_in.url());
            // The host's name in the records is the base's, path and all.
            assert_eq!(found[0]["source_key"], expected[0]["source_key"], "{scenario:?}");
            found = without_warning(&found, "allocated-differs");
            expected::assert_same(&found, &without_warning(&expected, "allocated-differs"));
        }
    }
}

#[test]
fn admin_mode_works_with_its_scope() {
    let stand_in = StandIn::start(Options { scenario: Scenario::AdminMode, users: 120, ..Options::default() });
    let ran = Cli::source("collect", &stand_in.url(), Tokens::ADMIN_MODE).run();
    ran.assert_code(0);
    expected::assert_same(&ran.records(), &expected::records(stand_in.gitlab.truth(), &stand_in.url()));
}

#[test]
fn a_rate_limit_is_waited_out_and_nothing_is_lost() {
    // The first passes within one call, where the plugin waits; the second is of a page that nobody waits for; the last goes on for
    // longer, and the host waits, too.
    let mut faults: Vec<Fault> =
        ["license@1=rate-limit-json-retry", "users@1=rate-limit-text"].map(|fault| fault.parse().unwrap()).to_vec();
    // The first page again, sent four times.
    faults.extend(lasting_for(4, "users", 2, "rate-limit-json-retry"));
    let stand_in = StandIn::start(Options { users: 300, faults, ..Options::default() });
    // Which of several requests at once meets a fault is chance.
    let ran = collect(&stand_in, &["--bill", ONE_AT_ONCE[0], ONE_AT_ONCE[1]]);
    ran.assert_code(0);
    let expected = expected::records(stand_in.gitlab.truth(), &stand_in.url());
    let (summary, others) = expected.split_last().unwrap();
    let found = ran.records();
    expected::assert_same(&found[..found.len() - 1], others);
    assert_eq!(found.last().unwrap()["counts"], summary["counts"]);
    assert!(ran.stderr.contains("waiting 1 s"), "{}", ran.stderr);
    assert!(ran.stderr.contains("1 calls made again"), "{}", ran.stderr);
    assert!(ran.stderr.contains("4 requests within their call"), "{}", ran.stderr);
    assert!(ran.stderr.contains("1 × GET /api/v4/license 429"), "{}", ran.stderr);
    assert!(ran.stderr.contains("5 × GET /api/v4/users 429"), "{}", ran.stderr);
}

#[test]
fn a_list_that_loops_is_partial_and_says_where() {
    let faults = vec!["users@2=repeat-cursor".parse().unwrap()];
    let stand_in = StandIn::start(Options { users: 1_000, faults, ..Options::default() });
    // Which of several requests at once the second is, is chance.
    let ran = collect(&stand_in, &ONE_AT_ONCE);
    ran.assert_code(3);
    let found = ran.records();
    let summary = found.last().unwrap();
    assert_eq!(summary["completeness"], "partial");
    assert_eq!(summary["counts"]["user"], 200);
    assert!(ran.stderr.contains("warning: the collection is partial"), "{}", ran.stderr);
    assert!(ran.stderr.contains("200"), "the place is named: {}", ran.stderr);
}

#[test]
fn connections_are_reused() {
    // Where answers come at once, a request may go out while the connection of the one before is on its way back to the pool.
    let latency = Duration::from_millis(20);
    let stand_in = StandIn::start(Options { users: 3_000, latency, ..Options::default() });
    collect(&stand_in, &[]).assert_code(0);
    let requests = stand_in.gitlab.requests();
    // Two for the license and what belongs to it, thirty pages, and one to make sure that no page follows; pages by number
    // overlap by a row, which takes an eighth more.
    assert!((33..=33 + 5).contains(&requests.len()), "{} requests", requests.len());
    assert!(stand_in.gitlab.connections() <= 6, "{} connections", stand_in.gitlab.connections());
}

#[test]
fn requests_only_read_and_carry_the_token_in_the_header_alone() {
    let stand_in = StandIn::start(Options { users: 150, ..Options::default() });
    Cli::source("test", &stand_in.url(), Tokens::ADMINISTRATOR).run().assert_code(0);
    collect(&stand_in, &[]).assert_code(0);
    for request in stand_in.gitlab.requests() {
        let is_query = request.path == "/api/graphql";
        assert_eq!(request.method, if is_query { "POST" } else { "GET" });
        assert!(is_query || request.path.starts_with("/api/v4/"), "{}", request.path);
        assert!(!request.query.contains("glpat") && !request.body().contains("glpat"), "{}", request.query);
        let bearer = format!("Bearer {}", Tokens::ADMINISTRATOR);
        assert_eq!(request.header("authorization"), Some(bearer.as_str()));
        assert_eq!(request.header("private-token"), None);
        let agent = format!("gitlab-seats/{}", env!("CARGO_PKG_VERSION"));
        assert_eq!(request.header("user-agent"), Some(agent.as_str()));
        let host = stand_in.gitlab.address().to_string();
        assert_eq!(request.header("host").unwrap_or(&host), host);
    }
}

#[test]
fn forms_of_output() {
    // Of a version whose collection is complete and has a warning.
    let stand_in = StandIn::start(Options { scenario: Scenario::Older, users: 60, ..Options::default() });
    let truth = stand_in.gitlab.truth();
    let holders: Vec<&str> = truth
        .users
        .iter()
        .filter(|user| user.using_license_seat == Some(true))
        .map(|user| user.username.as_str())
        .collect();
    let ndjson = collect(&stand_in, &[]).records();

    let json = collect(&stand_in, &["--format", "json"]);
    let array: Vec<Value> = serde_json::from_str(&json.assert_code(0).stdout).unwrap();
    expected::assert_same(&array, &ndjson);

    let csv = collect(&stand_in, &["--format", "csv"]);
    let mut reader = csv::Reader::from_reader(csv.assert_code(0).stdout.as_bytes());
    assert_eq!(
        reader.headers().unwrap().iter().collect::<Vec<_>>(),
        ["server", "vendor", "feature", "license_type", "user", "start", "start_is_first_seen", "end"]
    );
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.iter().map(|row| &row[4]).collect::<Vec<_>>(), holders);
    let end = truth.license.as_ref().unwrap().expires_at.unwrap().to_string();
    assert!(rows.iter().all(|row| &row[7] == end.as_str() && &row[1] == "GitLab" && &row[3] == "named-user"));
    assert!(
        csv.stderr.contains("warning: Whether there are add-on seats such as GitLab Duo is unknown"),
        "{}",
        csv.stderr
    );

    let table = collect(&stand_in, &["--format", "table"]);
    for holder in holders {
        assert!(table.assert_code(0).stdout.contains(holder), "{holder}");
    }
}

#[test]
fn identity_levels_deliver_no_more_than_asked() {
    let stand_in = StandIn::start(Options { users: 60, ..Options::default() });
    let truth = stand_in.gitlab.truth();
    let users = |level: &str| -> Vec<Value> {
        let ran = collect(&stand_in, &["--set", &format!("identity={level}")]);
        ran.assert_code(0).records().into_iter().filter(|record| record["type"] == "user").collect()
    };
    for level in ["username", "pseudonym"] {
        let found = users(level);
        assert_eq!(found.len(), truth.users.len());
        for (found, user) in found.iter().zip(&truth.users) {
            assert_eq!(found["display_name"], Value::Null);
            assert_eq!(found["email"], Value::Null);
            assert_eq!(found["identities"], Value::Array(vec![]));
            assert_eq!(found["username"] == user.username, level == "username", "{found}");
        }
    }
    let output = collect(&stand_in, &["--set", "identity=pseudonym"]).stdout;
    for user in truth.users.iter().filter(|user| user.username.len() > 6) {
        assert!(!output.contains(&format!("\"{}\"", user.username)), "{}", user.username);
        assert!(user.email.is_empty() || !output.contains(&user.email), "{}", user.email);
    }
}

#[test]
fn a_document_that_is_not_whole_is_not_begun() {
    for format in ["json", "csv", "table"] {
        let faults = vec!["users@3+=error-500".parse().unwrap()];
        let stand_in = StandIn::start(Options { users: 650, faults, ..Options::default() });
        let ran = collect(&stand_in, &["--format", format]);
        ran.assert_code(1);
        assert_eq!(ran.stdout, "", "{format}");
    }
}

#[test]
fn a_reader_that_has_gone_is_told_nothing() {
    let stand_in = StandIn::start(Options { users: 650, ..Options::default() });
    let mut child = Cli::source("collect", &stand_in.url(), Tokens::ADMINISTRATOR).spawn();
    drop(child.stdout.take());
    let ran = Ran::from(child.wait_with_output().unwrap());
    ran.assert_code(1);
    assert_eq!(ran.stderr, "");
}

#[test]
fn a_ceiling_of_requests_binds_plugin_and_host() {
    let faults = vec!["users@2+=error-500".parse().unwrap()];
    let stand_in = StandIn::start(Options { users: 650, faults, ..Options::default() });
    let folder = tempfile::tempdir().unwrap();
    let resume = folder.path().join("place");
    let cli = Cli::source("collect", &stand_in.url(), Tokens::ADMINISTRATOR).args(["--max-concurrency", "2", "--bill"]);
    let ran = cli.arg("--resume").arg(&resume).run();
    ran.assert_code(1);
    assert!(ran.stderr.contains("(limit 2 in flight)"), "{}", ran.stderr);
    assert!(ran.stderr.contains("GET /api/v4/users 500"), "a run that failed has its bill too: {}", ran.stderr);
    // Not its connections: where answers come at once, a request may go out while the one before is on its way back to the pool.
    let most = stand_in.gitlab.take_most_in_flight();
    assert!((1..=2).contains(&most), "{most} in flight");
    let place: Value = serde_json::from_str(&std::fs::read_to_string(&resume).unwrap()).unwrap();
    let settings: Value = serde_json::from_str(place["settings"].as_str().unwrap()).unwrap();
    assert_eq!(settings["max_concurrency"], 2, "{settings}");
}
