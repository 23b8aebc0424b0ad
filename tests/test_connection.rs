//! *Test connection* as the administrator sees it, for each kind of caller and instance. Pinned in `snapshots/`.

use std::fmt::Write as _;

use fake_gitlab::{Options, Scenario, Tokens};
use serde_json::Value;
use time::macros::date;

use crate::support::{Cli, StandIn};

/// Dates, and the days until them, depend on the day of the run.
fn without_dates(text: &str) -> String {
    let words = text.split(' ').map(|word| {
        let bare = word.trim_end_matches(['.', ',']);
        let is_date = bare.len() == 10 && bare.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
        if is_date { format!("DATE{}", &word[10..]) } else { word.to_owned() }
    });
    let text = words.collect::<Vec<_>>().join(" ");
    text.split("another ")
        .enumerate()
        .map(|(place, part)| {
            let days = part.trim_start_matches(|character: char| character.is_ascii_digit());
            if place > 0 && days.len() < part.len() {
                format!("another N{days}")
            } else if place > 0 {
                format!("another {part}")
            } else {
                part.to_owned()
            }
        })
        .collect()
}

#[test]
fn checks_of_each_caller_and_instance() {
    let mut told = String::new();
    for (scenario, token) in [
        (Scenario::SelfManagedPremium, Tokens::ADMINISTRATOR),
        (Scenario::SelfManagedPremium, Tokens::USER_SCOPE),
        (Scenario::SelfManagedPremium, Tokens::MEMBER),
        (Scenario::SelfManagedPremium, Tokens::EXPIRED),
        (Scenario::SelfManagedPremium, Tokens::REVOKED),
        (Scenario::SelfManagedPremium, Tokens::BLOCKED),
        (Scenario::SelfManagedPremium, "glpat-mistyped"),
        (Scenario::SelfManagedUltimate, Tokens::ADMINISTRATOR),
        (Scenario::AdminMode, Tokens::ADMINISTRATOR),
        (Scenario::AdminMode, Tokens::ADMIN_MODE),
        (Scenario::Unlicensed, Tokens::ADMINISTRATOR),
        (Scenario::Community, Tokens::ADMINISTRATOR),
        (Scenario::Older, Tokens::ADMINISTRATOR),
        (Scenario::Subpath, Tokens::ADMINISTRATOR),
    ] {
        let stand_in = StandIn::start(Options { scenario, users: 60, ..Options::default() });
        let ran = Cli::source("test", &stand_in.url(), token).arg("--json").run();
        let report: Value = serde_json::from_str(&ran.stdout).unwrap();
        let outcome = report["outcome"].as_str().unwrap();
        assert_eq!(ran.code, Some(if outcome == "fail" { 1 } else { 0 }), "{scenario:?} {token}: {}", ran.stderr);
        writeln!(told, "{} with {token}: {outcome}", scenario.name()).unwrap();
        for check in report["checks"].as_array().unwrap() {
            let word = |key: &str| check[key].as_str().unwrap_or_default();
            let needs_hint = matches!(word("status"), "warn" | "fail");
            assert_eq!(check["hint"].is_string(), needs_hint, "{check}");
            writeln!(told, "  {} {}: {}", word("status"), word("id"), word("detail")).unwrap();
            if needs_hint {
                writeln!(told, "    → {}", word("hint")).unwrap();
            }
        }
        told = told.replace(&stand_in.gitlab.address().port().to_string(), "PORT");
    }
    insta::assert_snapshot!("checks", without_dates(&told));
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
