//! *Test connection* as the administrator sees it, for every kind of GitLab and caller. Pinned in `snapshots/`, one file
//! for each deployment and one for the mistakes that are made with tokens.

use std::fmt::Write as _;

use fake_gitlab::{Options, Scenario, Tokens};
use serde_json::Value;
use time::macros::date;

use crate::support::{Cli, StandIn, expected};

/// Days, and the number of days until them, depend on the day of the run.
fn without_dates(text: &str) -> String {
    let digit = |byte: &u8| byte.is_ascii_digit();
    let is_day = |word: &str| {
        let bytes = word.as_bytes();
        let dashes = bytes.get(4) == Some(&b'-') && bytes.get(7) == Some(&b'-');
        bytes.len() == 10 && dashes && bytes.iter().filter(|byte| digit(byte)).count() == 8
    };
    let mut without = String::new();
    let mut before = "";
    for word in text.split_inclusive([' ', '\n']) {
        let bare = word.trim_end_matches([' ', '\n', '.', ',']);
        let rest = &word[bare.len()..];
        let is_count =
            matches!(before, "another " | "in ") && word.ends_with(' ') && bare.bytes().all(|byte| digit(&byte));
        without.push_str(if is_day(bare) {
            "DATE"
        } else if is_count {
            "N"
        } else {
            bare
        });
        without.push_str(rest);
        before = word;
    }
    without
}

/// What the administrator is told, with the rules that hold for every report.
fn told(stand_in: &StandIn, scenario: Scenario, token: &str, settings: &[&str]) -> String {
    let mut told = String::new();
    let ran = Cli::source("test", &stand_in.url(), token)
        .args(["--set", &format!("deployment={}", scenario.deployment()), "--json"])
        .args(settings)
        .run();
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    let outcome = report["outcome"].as_str().unwrap();
    assert_eq!(ran.code, Some(if outcome == "fail" { 1 } else { 0 }), "{scenario} {token}: {}", ran.stderr);
    writeln!(told, "{outcome}").unwrap();
    for check in report["checks"].as_array().unwrap() {
        let word = |key: &str| check[key].as_str().unwrap_or_default();
        let needs_hint = matches!(word("status"), "warn" | "fail");
        assert_eq!(check["hint"].is_string(), needs_hint, "{check}");
        assert!(word("detail").ends_with('.') || word("detail").ends_with('!'), "{check}");
        if word("status") == "skipped" {
            writeln!(told, "  skipped {}", word("id")).unwrap();
            continue;
        }
        writeln!(told, "  {} {}: {}", word("status"), word("id"), word("detail")).unwrap();
        if needs_hint {
            writeln!(told, "    → {}", word("hint")).unwrap();
        }
    }
    let text = told.replace(&stand_in.gitlab.address().port().to_string(), "PORT");
    without_dates(&text)
}

fn start(scenario: Scenario) -> StandIn {
    StandIn::start(Options { scenario, users: 60, ..Options::default() })
}

#[test]
fn checks_of_every_scenario() {
    for (name, gitlab_com) in [("self_managed", false), ("gitlab_com", true)] {
        let mut all = String::new();
        for scenario in Scenario::ALL.into_iter().filter(|scenario| expected::is_gitlab_com(*scenario) == gitlab_com) {
            let about = scenario.about();
            let checks = told(&start(scenario), scenario, scenario.caller(), &[]);
            writeln!(all, "{}, {about}: {checks}", scenario.name()).unwrap();
        }
        insta::assert_snapshot!(name, all);
    }
}

#[test]
fn checks_of_mistakes_with_tokens_and_settings() {
    let (premium, com) = (Scenario::SelfManagedPremium, Scenario::GitlabCom);
    let mistakes: [(&str, Scenario, &str, &[&str]); 17] = [
        ("a token that was mistyped", premium, "glpat-mistyped", &[]),
        ("an expired token", premium, Tokens::EXPIRED, &[]),
        ("a revoked token", premium, Tokens::REVOKED, &[]),
        ("a token with the scope read_user alone", premium, Tokens::USER_SCOPE, &[]),
        ("the token of a blocked account", premium, Tokens::BLOCKED, &[]),
        ("the token of an ordinary member", premium, Tokens::MEMBER, &[]),
        ("a token that ends soon", premium, Tokens::EXPIRING, &[]),
        ("an administrator's OAuth token", premium, Tokens::OAUTH, &[]),
        ("Admin Mode, and a token without its scope", Scenario::AdminMode, Tokens::ADMINISTRATOR, &[]),
        ("a group of GitLab.com that the user is not in", com, Tokens::STRANGER, &["--set", "group=MAINTAINED"]),
        ("a mistyped token for GitLab.com", com, "glpat-mistyped", &[]),
        ("an expired token for GitLab.com", com, Tokens::EXPIRED, &[]),
        ("a revoked token for GitLab.com", com, Tokens::REVOKED, &[]),
        ("GitLab.com with the scope read_user alone", com, Tokens::USER_SCOPE, &[]),
        ("a group of GitLab.com that is not there", com, Tokens::OWNER, &["--set", "group=no-such-group"]),
        ("a group of GitLab.com whose Maintainer asks", com, Tokens::MAINTAINER, &["--set", "group=MAINTAINED"]),
        ("GitLab.com without add-on seats", com, Tokens::OWNER, &["--set", "add_ons=false"]),
    ];
    let mut all = String::new();
    for (name, scenario, token, settings) in mistakes {
        let stand_in = start(scenario);
        // The path is invented from the seed.
        let maintained = stand_in.gitlab.truth().groups.first().map(|group| format!("group={}", group.path));
        let settings: Vec<&str> = settings
            .iter()
            .map(|word| if word.ends_with("MAINTAINED") { maintained.as_deref().unwrap() } else { *word })
            .collect();
        writeln!(all, "{name}: {}", told(&stand_in, scenario, token, &settings)).unwrap();
    }
    insta::assert_snapshot!("mistakes_with_tokens", all);
}

#[test]
fn a_token_that_ends_soon_is_a_warning() {
    let stand_in = StandIn::start(Options { users: 3, ..Options::default() });
    let ran = Cli::source("test", &stand_in.url(), Tokens::EXPIRING).arg("--json").run();
    ran.assert_code(0);
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(report["outcome"], "warn");
    let check = report["checks"].as_array().unwrap().iter().find(|check| check["status"] == "warn").unwrap();
    assert_eq!(check["id"], "token-expiry");
    let hint = check["hint"].as_str().unwrap();
    assert!(hint.contains("/-/user_settings/personal_access_tokens?"), "{hint}");
}

#[test]
fn an_expired_license_is_a_warning_and_its_overage_is_the_peaks() {
    let stand_in = StandIn::start(Options {
        users: 60,
        license_term: fake_gitlab::LicenseTerm::Expired,
        today: time::OffsetDateTime::now_utc().date(),
        ..Options::default()
    });
    let ran = Cli::source("test", &stand_in.url(), Tokens::ADMINISTRATOR).arg("--json").run();
    ran.assert_code(0);
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(report["outcome"], "warn", "{report}");
    let records = Cli::source("collect", &stand_in.url(), Tokens::ADMINISTRATOR).run().records();
    assert!(records.iter().any(|record| record["code"] == "license-expired"));
    let license = stand_in.gitlab.truth().license.clone().unwrap();
    assert!(license.expires_at.unwrap() < time::OffsetDateTime::now_utc().date());
    assert!(license.expires_at.unwrap() > date!(2020 - 01 - 01));
    let pool = records.iter().find(|record| record["type"] == "pool").unwrap();
    assert_eq!(pool["overage_now"], license.active_users.saturating_sub(license.user_limit));
    assert_eq!(pool["overage_term"], license.maximum_user_count.saturating_sub(license.user_limit));
}

#[test]
fn a_license_without_number_and_end_is_neither_zero_nor_expired() {
    let stand_in = StandIn::start(Options {
        users: 60,
        license_term: fake_gitlab::LicenseTerm::Unrestricted,
        ..Options::default()
    });
    let records = Cli::source("collect", &stand_in.url(), Tokens::ADMINISTRATOR).run().records();
    let pool = records.iter().find(|record| record["type"] == "pool").unwrap();
    assert_eq!(pool["unlimited"], true);
    for key in ["entitled", "overage_term", "term_end"] {
        assert_eq!(pool[key], Value::Null, "{key}");
    }
    // This zero is known: it is GitLab's own figure.
    assert_eq!(pool["overage_now"], 0);
    assert!(pool["allocated"].as_u64().unwrap() > 0);
}
