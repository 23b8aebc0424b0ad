//! Data that nobody expects: names that steer a terminal, ids beyond what a float holds, states and keys that nobody
//! knows. It comes out as it is, as valid JSON, and does nothing where somebody reads it.

use fake_gitlab::{Options, Scenario};
use serde_json::Value;

use crate::scenarios::collect;
use crate::support::echo::Echo;
use crate::support::facts::Facts;
use crate::support::{Cli, Ran, StandIn, expected};

const HOSTILE: [Scenario; 2] = [Scenario::Hostile, Scenario::HostileCom];

fn start(scenario: Scenario) -> StandIn {
    StandIn::start(Options { scenario, users: 330, ..Options::default() })
}

fn steers(text: &str) -> Option<char> {
    text.chars().find(|character| {
        (character.is_control() && !matches!(character, '\n' | '\r'))
            || matches!(character, '\u{61c}' | '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    })
}

#[test]
fn records_are_the_truth_one_json_object_a_line() {
    for scenario in HOSTILE {
        let stand_in = start(scenario);
        let ran: Ran = collect(&stand_in, scenario, &[]);
        ran.assert_code(0);
        let truth = stand_in.gitlab.truth();
        let odd = |test: fn(&str) -> bool| truth.users.iter().any(|user| test(&user.name));
        assert!(odd(|name| name.len() > 9_000) && odd(|name| steers(name).is_some()), "{scenario}");
        assert!(truth.users.iter().any(|user| user.id > 1 << 53), "{scenario}");
        for line in ran.stdout.split_terminator('\n') {
            let record: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
            assert!(record.is_object());
            assert!(line.chars().all(|character| character >= ' '), "{scenario}: {line:?}");
        }
        let found = Facts::of(&ran.records());
        found.assert_equal(&expected::facts(scenario, truth, &stand_in.url(), false), scenario.name());
    }
}

/// GitLab refuses such login names; a server that is none may send them, and they stand in every table.
#[test]
fn nothing_steers_who_reads_a_login_name() {
    let scenario = Scenario::SelfManagedPremium;
    let stand_in = StandIn::start(Options { scenario, users: 60, ..Options::default() });
    let echo = Echo::start(&stand_in, "\"username\":\"", "x-none: ", "\\u001b[31m\\u202e\\u009b2J\\r\\n=1+1\\t");
    let run = |format| {
        let ran = Cli::source("collect", &echo.url(), scenario.caller()).args(["--format", format]).run();
        ran.assert_code(0);
        ran
    };
    let records = run("ndjson").records();
    let hostile = |record: &Value| record["username"].as_str().is_some_and(|name| steers(name).is_some());
    assert!(records.iter().any(hostile), "they did come through");
    for format in ["table", "csv"] {
        let ran = run(format);
        assert_eq!(steers(&ran.stdout), None, "{format}: {:?}", ran.stdout);
        assert_eq!(steers(&ran.stderr), None, "{format}: {:?}", ran.stderr);
    }
}

#[test]
fn nothing_steers_who_reads_it() {
    for scenario in HOSTILE {
        let stand_in = start(scenario);
        for format in ["table", "csv"] {
            let ran = collect(&stand_in, scenario, &["--format", format]);
            ran.assert_code(0);
            assert_eq!(steers(&ran.stdout), None, "{scenario} {format}");
            assert_eq!(steers(&ran.stderr), None, "{scenario} {format}");
        }
    }
}
