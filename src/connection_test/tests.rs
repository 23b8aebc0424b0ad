//! Every verdict of *Test connection*, against a scripted GitLab.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed step is a failed test")]

use super::*;
use crate::clock::FixedClock;
use crate::configuration::{Input, configure};
use crate::scripted::{Script, and_header, json, response};
use crate::transport::{Response, TransportError, Unreachable};

/// 2026-02-01.
const NOW: FixedClock = FixedClock(1_769_904_000);

const METADATA: &str = r#"{"version":"18.9.1-ee","enterprise":true}"#;
const ADMIN: &str = r#"{"id":1,"username":"root","is_admin":true}"#;
const TOKEN: &str = r#"{"id":4,"scopes":["read_api","read_user"],"expires_at":"2026-12-31","granular":false}"#;
const LICENSE: &str =
    r#"{"plan":"premium","expires_at":"2026-12-31","expired":false,"user_limit":200,"active_users":214}"#;
const ROW: &str = r#"[{"id":1,"username":"root","is_admin":true,"using_license_seat":true}]"#;
const USERS: &str =
    "/api/v4/users?exclude_internal=true&without_project_bots=true&pagination=keyset&order_by=id&sort=asc&per_page=1";

const FORBIDDEN: &str = r#"{"message":"403 Forbidden"}"#;
const NO_ROUTE: &str = r#"{"error":"404 Not Found"}"#;
const SMALL_SCOPE: &str = r#"{"error":"insufficient_scope","error_description":"x","scope":"read_api api"}"#;

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
            more: vec![(USERS, json(200, ROW))],
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
        report(&mut self.script(), "gitlab.example")
    }
}

fn report(script: &mut Script, host: &str) -> Report {
    let values = [("host_url".to_owned(), Input::Text(host.to_owned())), ("token".to_owned(), Input::SecretSet)];
    let report = test(&configure(&values).unwrap(), &Credential::Injected, script, &NOW);
    for check in &report.checks {
        let needs_hint = matches!(check.status, Status::Warn | Status::Fail);
        assert_eq!(check.hint.is_some(), needs_hint, "{check:?}");
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
    let report = gitlab.report();
    let check = failed(&report);
    assert_eq!(check.id, id, "{report:?}");
    assert!(check.detail.contains(detail), "{check:?}");
    assert!(check.hint.as_deref().unwrap().contains(hint), "{check:?}");
}

#[track_caller]
fn check(report: &Report, id: &str) -> Check {
    report.checks.iter().find(|check| check.id == id).unwrap().clone()
}

#[test]
fn all_is_well_in_two_waves() {
    let mut script = GitLab::default().script();
    let report = report(&mut script, "gitlab.example");
    let ids: Vec<_> = report.checks.iter().map(|check| check.id).collect();
    assert_eq!(ids, ["address", "token", "version", "token-scopes", "token-expiry", "role", "license", "seats"]);
    assert_eq!(report.outcome, Status::Pass, "{report:?}");
    assert_eq!(script.waves, [4, 1]);
    assert!(script.unused().is_empty());
    assert_eq!(check(&report, "license").detail, "premium, 200 seats, 214 in use, until 2026-12-31.");
    assert!(check(&report, "token-expiry").detail.contains("333 days"));
}

#[test]
fn an_old_gitlab_is_asked_for_its_version_in_the_second_wave() {
    let mut gitlab = GitLab {
        metadata: json(404, NO_ROUTE),
        token: json(404, r#"{"message":"404 Not found"}"#),
        ..GitLab::default()
    };
    gitlab.more.push(("/api/v4/version", json(200, r#"{"version":"14.10.5-ee"}"#)));
    let mut script = gitlab.script();
    let report = report(&mut script, "gitlab.example");
    assert_eq!(script.waves, [4, 2]);
    assert_eq!(report.outcome, Status::Pass, "what an old version cannot tell is no fault: {report:?}");
    assert!(check(&report, "version").detail.contains("14.10.5-ee"));
}

#[test]
fn an_address_that_is_not_gitlabs_is_named() {
    let everywhere = |answer: Response| GitLab {
        metadata: answer.clone(),
        user: answer.clone(),
        token: answer.clone(),
        license: answer,
        more: vec![],
    };
    let html = |body: &str| response(200, "text/html", body);
    assert_fails(everywhere(html("<h1>Welcome</h1>")), "address", "a web page (HTML)", "installed");
    assert_fails(everywhere(html("<a href=/users/sign_in>")), "address", "sign-in page", "path");
    let sso = and_header(response(302, "text/html", ""), "location", "https://sso.example/start");
    assert_fails(everywhere(sso), "address", "sso.example", "/api/");
    let signed_out = json(401, r#"{"error":"You need to sign in or sign up before continuing."}"#);
    assert_fails(everywhere(signed_out), "address", "sign-in page", "path");
    assert_fails(everywhere(json(200, "{\"ok\":true}")), "address", "another service", "installed");
    let mut elsewhere = everywhere(json(404, NO_ROUTE));
    elsewhere.more.push(("/api/v4/version", json(404, NO_ROUTE)));
    assert_fails(elsewhere, "address", "not as GitLab", "installed");
}

#[test]
fn a_network_that_fails_says_how() {
    for (error, words) in [
        (TransportError::from(Unreachable::NameNotFound), "DNS"),
        (TransportError::Tls("the certificate is not accepted"), "certificate"),
        (TransportError::Denied("the network address is not allowed"), "policy"),
    ] {
        let mut script = Script::with_errors([("/api/v4/metadata", Err(error))]);
        let report = report(&mut script, "gitlab.example");
        let check = failed(&report);
        assert_eq!(check.id, "address");
        assert!(check.detail.contains(words), "{check:?}");
    }
}

#[test]
fn a_token_that_is_refused_says_why() {
    let everywhere = |status: u16, body: &str| GitLab {
        metadata: json(status, body),
        user: json(status, body),
        token: json(status, body),
        license: json(status, body),
        more: vec![],
    };
    let page = "https://gitlab.example/-/user_settings/personal_access_tokens";
    let invalid = |words: &str| format!(r#"{{"error":"invalid_token","error_description":"{words}"}}"#);
    assert_fails(everywhere(401, &invalid("Token is expired. You can…")), "token", "expired", page);
    assert_fails(everywhere(401, &invalid("Token was revoked. You have…")), "token", "revoked", page);
    assert_fails(everywhere(401, r#"{"message":"401 Unauthorized"}"#), "token", "does not know", page);
    let blocked = r#"{"message":"403 Forbidden - Your account has been blocked."}"#;
    assert_fails(everywhere(403, blocked), "token", "Your account has been blocked.", "Sign in");
}

#[test]
fn scopes_that_do_not_reach_are_named() {
    let none_reach = GitLab {
        metadata: json(403, SMALL_SCOPE),
        user: json(403, SMALL_SCOPE),
        license: json(403, SMALL_SCOPE),
        ..GitLab::default()
    };
    assert_fails(none_reach, "token-scopes", "read_api", "personal_access_tokens");
    let license_only = GitLab { license: json(403, SMALL_SCOPE), ..GitLab::default() };
    assert_fails(license_only, "token-scopes", "read_api", "personal_access_tokens");
    let listed = GitLab { token: json(200, r#"{"scopes":["read_user"],"expires_at":null}"#), ..GitLab::default() };
    assert_fails(listed, "token-scopes", "read_user and lacks read_api", "personal_access_tokens");
}

#[test]
fn what_is_said_of_scopes_is_advice_where_gitlab_does_not_tell_them() {
    let with_token = |token: Response| GitLab { token, ..GitLab::default() }.report();
    let oauth =
        json(400, r#"{"message":"400 Bad request - This endpoint requires token type to be a personal access token"}"#);
    assert_eq!(with_token(oauth).outcome, Status::Pass);
    assert_eq!(with_token(json(404, NO_ROUTE)).outcome, Status::Pass);
    let broken = with_token(json(500, "{}"));
    assert_eq!((broken.outcome, check(&broken, "token-scopes").status), (Status::Warn, Status::Warn));
    let granular = with_token(json(200, r#"{"scopes":["granular"],"granular":true}"#));
    assert_eq!(check(&granular, "token-scopes").status, Status::Warn);
    let wide = with_token(json(200, r#"{"scopes":["api","admin_mode"],"expires_at":null}"#));
    assert!(check(&wide, "token-scopes").detail.contains("never makes"));
    assert_eq!(check(&wide, "token-expiry").detail, "The token has no end.");
}

#[test]
fn a_token_that_ends_within_two_weeks_is_a_warning() {
    for (day, status, words) in [
        ("2026-02-16", Status::Pass, "15 days"),
        ("2026-02-15", Status::Warn, "in 14 days"),
        ("2026-02-02", Status::Warn, "in one day"),
        ("2026-02-01", Status::Warn, "today"),
    ] {
        let token = json(200, &TOKEN.replace("2026-12-31", day));
        let report = GitLab { token, ..GitLab::default() }.report();
        let check = check(&report, "token-expiry");
        assert_eq!(check.status, status, "{check:?}");
        assert!(check.detail.contains(words), "{check:?}");
        assert_eq!(check.hint.is_some_and(|hint| hint.contains("personal_access_tokens")), status == Status::Warn);
    }
}

#[test]
fn a_role_that_does_not_count_is_named() {
    let license = || json(403, FORBIDDEN);
    let user = json(200, r#"{"id":2,"username":"mira"}"#);
    let member = GitLab { user, license: license(), ..GitLab::default() };
    assert_fails(member, "role", "@mira is not an administrator", "Administrator");
    let admin_mode = GitLab { license: license(), ..GitLab::default() };
    assert_fails(admin_mode, "role", "admin_mode", "scopes=read_api,read_user,admin_mode");
}

#[test]
fn licenses_are_judged() {
    let with_license = |license: Response| GitLab { license, ..GitLab::default() };
    assert_fails(with_license(json(200, "null")), "license", "GitLab counts no seats", "Subscription");
    assert_fails(with_license(json(404, NO_ROUTE)), "license", "Community Edition", "Enterprise");
    assert_fails(with_license(json(500, "{}")), "license", "500", "later");
    let expired = json(200, &LICENSE.replace("\"expired\":false", "\"expired\":true"));
    let report = with_license(expired).report();
    assert_eq!(check(&report, "license").status, Status::Warn);
    assert_eq!(check(&report, "seats").status, Status::Pass, "a warning does not stop the rest");
    let open = LICENSE.replace("\"user_limit\":200", "\"user_limit\":0").replace("\"2026-12-31\"", "null");
    let report = with_license(json(200, &open)).report();
    assert_eq!(check(&report, "license").detail, "premium, any number of seats, 214 in use, without an end.");
}

#[test]
fn a_list_without_seat_flags_is_a_failure_in_spite_of_200() {
    let with_rows = |body: &str| GitLab { more: vec![(USERS, json(200, body))], ..GitLab::default() };
    let basic = r#"[{"id":1,"username":"root","state":"active"}]"#;
    assert_fails(with_rows(basic), "seats", "without administrators' fields", "admin_mode");
    let community = r#"[{"id":1,"username":"root","is_admin":true}]"#;
    assert_fails(with_rows(community), "seats", "does not say who holds a seat", "Enterprise");
    assert_fails(with_rows("[]"), "seats", "empty", "administrator");
}

#[test]
fn versions_are_judged() {
    let with_version =
        |version: &str| GitLab { metadata: json(200, &METADATA.replace("18.9.1-ee", version)), ..GitLab::default() };
    assert_fails(with_version("13.4.7-ee"), "version", "13.5", "Upgrade");
    assert_eq!(with_version("13.5.0-ee").report().outcome, Status::Pass);
    assert_eq!(check(&with_version("nightly").report(), "version").status, Status::Warn);
}

#[test]
fn gitlab_com_is_one_failed_check_and_no_request() {
    let mut script = Script::new(Vec::<(String, Response)>::new());
    let report = report(&mut script, "gitlab.com");
    assert_eq!(report.checks.len(), 1);
    let check = failed(&report);
    assert_eq!((check.id, check.detail.as_str()), ("deployment", ONLY_SELF_MANAGED));
    assert!(script.seen.is_empty());
}
