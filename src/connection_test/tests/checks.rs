//! The checks that every GitLab gets: address, token, version, scopes, end of the token.

use super::*;

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
        let report = report(&mut script, "gitlab.example", &[]);
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
    assert_fails(everywhere(403, blocked), "token", "Your account has been blocked.", "sign in as its user");
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
fn scopes_are_named_and_what_they_are_for() {
    let detail = |scopes: &str, host: &str| {
        let token = json(200, &format!(r#"{{"scopes":{scopes},"expires_at":null}}"#));
        let report =
            if host == "gitlab.com" { groups::owner(token) } else { GitLab { token, ..GitLab::default() }.report() };
        passed(&report, "token-scopes")
    };
    let own = detail(r#"["read_api","read_user"]"#, "gitlab.example");
    assert_eq!(
        own,
        "The token has the scopes read_api, read_user. Without admin_mode, which only matters where Admin Mode is on."
    );
    assert_eq!(
        detail(r#"["read_api","admin_mode"]"#, "gitlab.example"),
        "The token has the scopes read_api, admin_mode."
    );
    let com = detail(r#"["read_api"]"#, "gitlab.com");
    assert_eq!(com, "The token has the scopes read_api.", "GitLab.com has no Admin Mode for customers");
    assert!(detail("null", "gitlab.example").contains("does not tell the token's scopes"));
}

#[test]
fn versions_are_judged() {
    let with_version =
        |version: &str| GitLab { metadata: json(200, &METADATA.replace("18.9.1-ee", version)), ..GitLab::default() };
    assert_fails(with_version("13.4.7-ee"), "version", "13.5", "Upgrade");
    assert_warned(&with_version("nightly").report(), "version", "\"nightly\"", "address");
    let old = with_version("13.5.0-ee").report();
    assert_warned(&old, "version", "older than 15.4", "Compare");
    assert_warned(&old, "version", "does not tell scopes and end of the token (15.5) and add-on seats", "Compare");
    assert_warned(&with_version("15.3.9-ee").report(), "version", "older than 15.4", "upgrade");
    for (version, detail) in [
        (
            "15.4.6-ee",
            "GitLab 15.4.6-ee. It does not tell scopes and end of the token (15.5) and add-on seats such as GitLab Duo (16.7).",
        ),
        ("16.6.0", "GitLab 16.6.0. It does not tell add-on seats such as GitLab Duo (16.7)."),
        ("16.7.0-ee", "GitLab 16.7.0-ee."),
        ("19.3.0-pre", "GitLab 19.3.0-pre."),
    ] {
        assert_eq!(passed(&with_version(version).report(), "version"), detail);
    }
}

/// The address is shown to be GitLab's by who the token's user is.
#[test]
fn a_version_that_is_hidden_is_a_warning() {
    for metadata in [json(200, "{}"), json(403, r#"{"message":"403 Forbidden"}"#), response(403, "text/html", "<html>")]
    {
        let report = GitLab { metadata, ..GitLab::default() }.report();
        assert_eq!(passed(&report, "address"), "GitLab answers at https://gitlab.example.");
        assert_warned(&report, "version", "does not tell its version", "/api/v4/metadata");
        assert_eq!(report.outcome, Status::Warn, "{report:?}");
    }
    let user = json(200, r#"{"hello":"world"}"#);
    assert_fails(
        GitLab { metadata: json(200, "{}"), user, ..GitLab::default() },
        "address",
        "another service",
        "address",
    );
}

#[test]
fn a_version_that_fails_is_a_failure_of_the_address() {
    let gitlab = GitLab { metadata: json(500, "{}"), ..GitLab::default() };
    assert_fails(gitlab, "address", "500", "later");
}
