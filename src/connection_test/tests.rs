//! Every verdict of *Test connection*, against a scripted GitLab.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed step is a failed test")]

use super::*;
use crate::clock::FixedClock;
use crate::configuration::{Input, configure};
use crate::scripted::{Script, and_header, json, response};
use crate::transport::{Response, TransportError, Unreachable};

mod add_ons;
mod checks;
mod groups;
mod instance;

/// 2026-02-01.
const NOW: FixedClock = FixedClock(1_769_904_000);

const METADATA: &str = r#"{"version":"18.9.1-ee","enterprise":true}"#;
const ADMIN: &str = r#"{"id":1,"username":"root","is_admin":true}"#;
const MEMBER: &str = r#"{"id":2,"username":"mira"}"#;
const TOKEN: &str = r#"{"id":4,"scopes":["read_api","read_user"],"expires_at":"2026-12-31","granular":false}"#;
const LICENSE: &str =
    r#"{"plan":"premium","expires_at":"2026-12-31","expired":false,"user_limit":200,"active_users":214}"#;
const ROW: &str = r#"[{"id":1,"username":"root","is_admin":true,"using_license_seat":true}]"#;
const USERS: &str =
    "/api/v4/users?exclude_internal=true&without_project_bots=true&pagination=keyset&order_by=id&sort=asc&per_page=1";
const CURRENT_LICENSE: &str = "/api/graphql currentLicense";
const PURCHASES: &str = "/api/graphql addOnPurchases";

const FORBIDDEN: &str = r#"{"message":"403 Forbidden"}"#;
const NO_ROUTE: &str = r#"{"error":"404 Not Found"}"#;
const SMALL_SCOPE: &str = r#"{"error":"insufficient_scope","error_description":"x","scope":"read_api api"}"#;
const NO_PURCHASES: &str = r#"{"data":{"purchases":[]}}"#;
const NO_PERMISSION: &str = r#"{"data":{"license":null},"errors":[{"message":"The resource that you are attempting to access does not exist or you don't have permission to perform this action","path":["license"]}]}"#;

/// An instance with add-ons switched on, unless a test says otherwise.
struct GitLab {
    metadata: Response,
    user: Response,
    token: Response,
    license: Response,
    more: Vec<(&'static str, Response)>,
}

impl Default for GitLab {
    fn default() -> Self {
        Self {
            metadata: json(200, METADATA),
            user: json(200, ADMIN),
            token: json(200, TOKEN),
            license: json(200, LICENSE),
            more: vec![(USERS, json(200, ROW)), (PURCHASES, json(200, NO_PURCHASES))],
        }
    }
}

impl GitLab {
    fn script(self) -> Script {
        let mut lines = vec![
            ("/api/v4/metadata", self.metadata),
            ("/api/v4/user", self.user),
            ("/api/v4/personal_access_tokens/self", self.token),
            ("/api/v4/license", self.license),
        ];
        lines.extend(self.more);
        Script::new(lines)
    }

    fn report(self) -> Report {
        report(&mut self.script(), "gitlab.example", &[])
    }
}

fn report(script: &mut Script, host: &str, extra: &[(&str, &str)]) -> Report {
    let text = |key: &str, value: &str| (key.to_owned(), Input::Text(value.to_owned()));
    let mut values = vec![text("host_url", host), ("token".to_owned(), Input::SecretSet)];
    values.extend(extra.iter().map(|(key, value)| text(key, value)));
    let report = test(&configure(&values).unwrap(), &Credential::Injected, script, &NOW);
    for check in &report.checks {
        let needs_hint = matches!(check.status, Status::Warn | Status::Fail);
        assert_eq!(check.hint.is_some(), needs_hint, "{check:?}");
        assert!(!check.detail.is_empty() && check.hint.as_ref().is_none_or(|hint| !hint.is_empty()), "{check:?}");
    }
    let worst = report.checks.iter().map(|check| check.status).max().unwrap();
    assert_eq!(report.outcome, worst);
    report
}

/// The check that failed; those before it did not, those after it were not made.
#[track_caller]
fn failed(report: &Report) -> &Check {
    let place = report.checks.iter().position(|check| check.status == Status::Fail).unwrap();
    let (before, rest) = report.checks.split_at(place);
    assert!(before.iter().all(|check| matches!(check.status, Status::Pass | Status::Warn)), "{report:?}");
    let (check, after) = rest.split_first().unwrap();
    assert!(after.iter().all(|check| check.status == Status::Skipped), "{report:?}");
    check
}

#[track_caller]
fn assert_fails(gitlab: GitLab, id: &str, detail: &str, hint: &str) {
    assert_failed(&gitlab.report(), id, detail, hint);
}

#[track_caller]
fn assert_failed(report: &Report, id: &str, detail: &str, hint: &str) {
    let check = failed(report);
    assert_eq!(check.id, id, "{report:?}");
    assert!(check.detail.contains(detail), "{check:?}");
    assert!(check.hint.as_deref().unwrap().contains(hint), "{check:?}");
}

#[track_caller]
fn assert_warned(report: &Report, id: &str, detail: &str, hint: &str) {
    let check = check(report, id);
    assert_eq!(check.status, Status::Warn, "{check:?}");
    assert!(check.detail.contains(detail), "{check:?}");
    assert!(check.hint.as_deref().unwrap().contains(hint), "{check:?}");
}

/// The detail of a check that passed.
#[track_caller]
fn passed(report: &Report, id: &str) -> String {
    let check = check(report, id);
    assert_eq!(check.status, Status::Pass, "{check:?}");
    check.detail
}

#[track_caller]
fn check(report: &Report, id: &str) -> Check {
    report.checks.iter().find(|check| check.id == id).unwrap().clone()
}

#[test]
fn settings_that_are_not_ours_are_one_failed_check_and_no_request() {
    let values =
        [("host_url".to_owned(), Input::Text("gitlab.example".to_owned())), ("token".to_owned(), Input::SecretSet)];
    let mut changed = configure(&values).unwrap();
    changed.settings = "{}".to_owned();
    let mut script = Script::new(Vec::<(String, Response)>::new());
    let report = test(&changed, &Credential::Injected, &mut script, &NOW);
    assert_eq!((report.outcome, report.checks.len()), (Status::Fail, 1));
    assert_failed(&report, "configuration", "not made by this version", "save them again");
    assert!(script.seen.is_empty());
}
