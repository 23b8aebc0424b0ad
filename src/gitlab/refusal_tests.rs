//! Every error body that GitLab is known to send, and what may stand before it.
#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use super::*;
use crate::clock::FixedClock;
use crate::configuration::settings::Deployment;
use crate::failure::Failure;
use crate::gitlab::endpoint::Endpoint;
use crate::gitlab::entities::Node;
use crate::scripted::{and_header, json, response, settings};
use crate::transport::Unreachable;

const NOW: FixedClock = FixedClock(1_769_904_000);

fn refused(response: &Response) -> Refusal {
    read::<Node>(response, &NOW).unwrap_err()
}

fn html(status: u16, body: &str) -> Response {
    response(status, "text/html; charset=utf-8", body)
}

#[test]
fn the_bodies_of_401_are_told_apart() {
    let token = |reason| Refusal::Token(reason, None);
    for (body, meaning) in [
        (r#"{"message":"401 Unauthorized"}"#, token(Rejection::Rejected)),
        (
            r#"{"error":"invalid_token","error_description":"Token is expired. You can either do re-authorization or token refresh."}"#,
            token(Rejection::Expired),
        ),
        (
            r#"{"error":"invalid_token","error_description":"Token was revoked. You have to re-authorize from the user."}"#,
            token(Rejection::Revoked),
        ),
        (
            r#"{"error":"invalid_token","error_description":"Token is an impersonation token but impersonation was disabled."}"#,
            Refusal::Token(
                Rejection::Rejected,
                Some("Token is an impersonation token but impersonation was disabled.".to_owned()),
            ),
        ),
        (
            r#"{"error":"dpop_error","error_description":"DPoP validation error: expired proof"}"#,
            Refusal::Token(Rejection::Rejected, Some("DPoP validation error: expired proof".to_owned())),
        ),
        (r#"{"error":"You need to sign in or sign up before continuing."}"#, Refusal::NotTheApi(Stranger::SignInPage)),
        (r#"{"error":"Sign in or sign up before continuing. It is free."}"#, Refusal::NotTheApi(Stranger::SignInPage)),
    ] {
        assert_eq!(refused(&json(401, body)), meaning, "{body}");
    }
    assert_eq!(
        refused(&response(401, "text/plain", "Unauthorized")),
        Refusal::NotTheApi(Stranger::OtherContent("text/plain".to_owned()))
    );
}

#[test]
fn the_bodies_of_403_are_told_apart() {
    for (body, meaning) in [
        (r#"{"message":"403 Forbidden"}"#, Refusal::NotAllowed),
        (
            r#"{"message":"403 Forbidden - Your account has been blocked."}"#,
            Refusal::Account("Your account has been blocked.".to_owned()),
        ),
        (
            r#"{"error":"insufficient_scope","error_description":"The request requires higher privileges than provided by the access token.","scope":"api read_api"}"#,
            Refusal::Scope(vec!["api".to_owned(), "read_api".to_owned()]),
        ),
        (
            r#"{"error":"insufficient_granular_scope","error_description":"Access denied: [Member: Read]."}"#,
            Refusal::Permission("Access denied: [Member: Read].".to_owned()),
        ),
        ("{}", Refusal::NotAllowed),
    ] {
        assert_eq!(refused(&json(403, body)), meaning, "{body}");
    }
    assert_eq!(refused(&html(403, "<html>Checking your browser</html>")), Refusal::BrowserCheck(403));
    assert_eq!(refused(&response(403, "text/plain", "no")), Refusal::NotAllowed);
}

#[test]
fn a_missing_route_and_a_missing_thing_are_told_apart() {
    assert_eq!(refused(&json(404, r#"{"error":"404 Not Found"}"#)), Refusal::NoSuchEndpoint);
    assert_eq!(refused(&json(410, r#"{"error":"API V3 is no longer supported."}"#)), Refusal::NoSuchEndpoint);
    assert_eq!(refused(&json(404, r#"{"message":"404 User Not Found"}"#)), Refusal::NotFound);
    assert!(matches!(refused(&json(404, r#"{"detail":"x"}"#)), Refusal::NotTheApi(Stranger::OtherContent(_))));
    assert_eq!(refused(&html(404, "<h1>404</h1>")), Refusal::NotTheApi(Stranger::WebPage));
}

#[test]
fn a_wait_is_taken_from_the_first_header_that_has_one() {
    let text = || response(429, "text/plain", "Retry later\n");
    assert_eq!(refused(&text()), Refusal::TooOften(None));
    assert_eq!(refused(&and_header(text(), "retry-after", "31")), Refusal::TooOften(Some(31)));
    let reset = and_header(text(), "ratelimit-reset", "1769904042");
    assert_eq!(refused(&reset), Refusal::TooOften(Some(42)));
    assert_eq!(refused(&and_header(reset, "retry-after", "7")), Refusal::TooOften(Some(7)));
    assert_eq!(refused(&and_header(text(), "ratelimit-reset", "1769900000")), Refusal::TooOften(Some(0)));
    let date = |date: &str| refused(&and_header(text(), "retry-after", date));
    assert_eq!(date("Sun, 01 Feb 2026 00:00:45 GMT"), Refusal::TooOften(Some(45)));
    assert_eq!(date("Sat, 31 Jan 2026 23:59:59 GMT"), Refusal::TooOften(Some(0)), "a moment that has passed");
    assert_eq!(date("Wed, 21 Oct 2026 07:28:00 GMT"), Refusal::TooOften(Some(86_400)));
    assert_eq!(date("soon"), Refusal::TooOften(None));
    assert_eq!(refused(&and_header(text(), "retry-after", "18446744073709551615")), Refusal::TooOften(Some(86_400)));
    let body = r#"{"message":{"error":"This endpoint has been requested too many times. Try again later."}}"#;
    assert_eq!(refused(&json(429, body)), Refusal::TooOften(None));
}

#[test]
fn servers_that_fail_are_not_quoted() {
    assert_eq!(refused(&json(500, r#"{"message":"500 Internal Server Error"}"#)), Refusal::ServerError(500));
    assert_eq!(refused(&html(502, "<html>Bad gateway</html>")), Refusal::ServerError(502));
    assert_eq!(refused(&html(503, "<title>Just a moment</title> Checking your browser")), Refusal::BrowserCheck(503));
    assert_eq!(refused(&and_header(html(503, ""), "cf-mitigated", "challenge")), Refusal::BrowserCheck(503));
    assert_eq!(refused(&html(503, "<html>Deploy in progress</html>")), Refusal::ServerError(503));
}

#[test]
fn redirects_are_named_and_not_followed() {
    let to = |location: &str| refused(&and_header(html(302, ""), "location", location));
    assert_eq!(to("https://host/users/sign_in"), Refusal::NotTheApi(Stranger::SignInPage));
    assert_eq!(to("/gitlab/api/v4/user"), Refusal::NotTheApi(Stranger::Moved));
    let other = |host: &str| Refusal::NotTheApi(Stranger::OtherHost(host.to_owned()));
    assert_eq!(to("https://sso.example:8443/login?to=x"), other("sso.example:8443"));
    assert_eq!(to("https://user:password@sso.example/"), other("sso.example"));
    assert_eq!(to("//sso.example/login"), other("sso.example"));
    // Where a parameter leads is not where the redirect leads.
    for within in ["/-/login?next=//evil.example/", "/-/login?next=https://evil.example/"] {
        assert_eq!(to(within), Refusal::NotTheApi(Stranger::Moved), "{within}");
    }
    assert_eq!(refused(&html(301, "")), Refusal::NotTheApi(Stranger::Moved));
}

#[test]
fn a_page_with_200_is_not_data() {
    assert_eq!(refused(&html(200, "<form action=\"/users/sign_in\">")), Refusal::NotTheApi(Stranger::SignInPage));
    assert_eq!(refused(&html(200, "[]")), Refusal::NotTheApi(Stranger::WebPage));
    let csv = response(200, "text/csv", "[]");
    assert_eq!(refused(&csv), Refusal::NotTheApi(Stranger::OtherContent("text/csv".to_owned())));
}

#[test]
fn without_a_content_type_the_body_decides() {
    let mut answer = json(200, " {\"version\":\"18.0.0\"}");
    answer.headers.clear();
    assert!(read::<Node>(&answer, &NOW).is_ok());
    answer.body = b"<html>".to_vec();
    assert!(matches!(refused(&answer), Refusal::NotTheApi(_)));
}

#[test]
fn broken_json_is_described_and_not_repeated() {
    let refusal = |body: &str| read::<Vec<u8>>(&json(200, body), &NOW).unwrap_err();
    let why = |body: &str| match refusal(body) {
        Refusal::Unreadable(why) => why,
        other => format!("{other:?}"),
    };
    assert_eq!(why("[1,"), "the answer ends in the middle of its JSON (line 1, column 3)");
    assert_eq!(why("[1 2]"), "the answer is no valid JSON (line 1, column 4)");
    assert!(why("[\"mira@corp.example\"]").contains("another shape"));
    assert!(!why("[\"mira@corp.example\"]").contains("mira"));
}

#[test]
fn other_statuses_keep_one_clean_sentence() {
    let long = format!(r#"{{"error":"sort\u001b[31m {}"}}"#, "x".repeat(5000));
    let Refusal::Unexpected(400, sentence) = refused(&json(400, &long)) else { unreachable!("a 400 is unexpected") };
    assert!(sentence.starts_with("sort [31m x") && sentence.chars().count() == crate::quoting::LONGEST_QUOTE);
}

/// One table over the whole mapping: refusal, case of the contract, and a word that the message must have.
#[test]
fn each_refusal_becomes_its_failure_with_a_remedy() {
    let settings = settings("https://gitlab.example/git");
    let table: Vec<(Refusal, &str, &str)> = vec![
        (Refusal::Token(Rejection::Expired, None), "Unauthorized { reason: Expired", "expired"),
        (Refusal::Token(Rejection::Revoked, None), "Unauthorized { reason: Revoked", "revoked"),
        (Refusal::Token(Rejection::Rejected, None), "Unauthorized { reason: Rejected", "does not know"),
        (Refusal::TokenOrScope, "Unauthorized { reason: Rejected", "or it lacks the scope read_api"),
        (Refusal::Scope(vec!["api".into(), "read_api".into()]), "Forbidden { missing: \"read_api\"", "api or read_api"),
        (Refusal::Scope(vec!["sudo".into()]), "Forbidden { missing: \"sudo\"", "sudo"),
        (Refusal::Permission("Member".into()), "Forbidden { missing: \"read_api\"", "Member"),
        (Refusal::Account("Blocked.".into()), "Forbidden { missing: \"an active account\"", "Blocked."),
        (Refusal::NotAllowed, "Forbidden { missing: \"administrator\"", "403"),
        (Refusal::NoSuchEndpoint, "NotFound(", "endpoint"),
        (Refusal::NotFound, "NotFound(", "hides"),
        (Refusal::TooOften(Some(9)), "RateLimited { retry_after: Some(9)", "9 seconds"),
        (Refusal::TooOften(None), "RateLimited { retry_after: None", "how long"),
        (Refusal::BrowserCheck(403), "Upstream { status: 403", "bot check"),
        (Refusal::ServerError(502), "Upstream { status: 502", "502"),
        (Refusal::Unexpected(418, String::new()), "Malformed { why: \"expected status 200, status 418 came\"", "418"),
        (Refusal::NotInSchema("the field x".into()), "NotFound(", "the field x"),
        (Refusal::QueryFailed("No.".into()), "Malformed { why: \"expected data, an error came: No.\"", "No."),
        (
            Refusal::NotTheApi(Stranger::SignInPage),
            "Malformed { why: \"a sign-in page instead of JSON\"",
            "https://gitlab.example/git",
        ),
        (Refusal::NotTheApi(Stranger::OtherHost("sso".into())), "Malformed { why: \"a redirect to sso", "sso"),
        (Refusal::NotTheApi(Stranger::WebPage), "Malformed { why: \"a web page (HTML)", "HTML"),
        (Refusal::Unreadable("x".into()), "Malformed { why: \"x\"", "understood"),
        (TransportError::Denied("no").into(), "DeniedByHost(", "policy"),
        (TransportError::Tls("bad").into(), "Tls(", "trustworthy"),
        (TransportError::TooLarge { limit: 8 }.into(), "Malformed { why: \"expected at most 8 bytes", "8 bytes"),
        (TransportError::from(Unreachable::NameNotFound).into(), "Unreachable(", "DNS"),
        (TransportError::from(Unreachable::Refused).into(), "Unreachable(", "refused"),
        (TransportError::from(Unreachable::TimedOut).into(), "Unreachable(", "in time"),
        (TransportError::from(Unreachable::BrokeOff).into(), "Unreachable(", "broke off"),
    ];
    for (refusal, case, word) in table {
        let failure: Failure = refusal.into_failure(&Endpoint::License, &settings);
        assert!(format!("{failure:?}").starts_with(case), "{failure:?}");
        let words = failure.explanation();
        assert!(words.message.contains(word), "{words:?}");
        assert!(words.hint.is_some(), "{words:?}");
        assert_eq!(words.endpoint.as_deref(), Some("GET /api/v4/license"));
    }
}

#[test]
fn hints_about_tokens_lead_to_the_page_that_makes_one() {
    let settings = settings("https://gitlab.example/git");
    for refusal in [Refusal::Token(Rejection::Expired, None), Refusal::Scope(vec![])] {
        let hint = refusal.explanation(&settings).hint.unwrap();
        assert!(hint.contains("https://gitlab.example/git/-/user_settings/personal_access_tokens?name=license-broker&scopes=read_api,read_user"));
    }
}

/// Who would do is another on each offering.
#[test]
fn the_remedy_names_the_role_that_may_read_seats() {
    let mut settings = settings("https://gitlab.com");
    for (deployment, role, words) in [
        (Deployment::SelfManaged, "administrator", "an administrator of this GitLab"),
        (Deployment::GitlabCom, "Owner", "an Owner of the top-level group"),
    ] {
        settings.deployment = deployment;
        for refusal in [Refusal::NotAllowed, Refusal::NotFound, Refusal::Account("Blocked.".into())] {
            let hint = refusal.explanation(&settings).hint.unwrap();
            assert!(hint.contains(words), "{hint}");
        }
        let failure = Refusal::NotAllowed.into_failure_at(crate::gitlab::graphql::NAME, &settings);
        let Failure::Forbidden { missing, explanation } = failure else { unreachable!("a 403 is a missing right") };
        assert_eq!((missing.as_str(), explanation.endpoint.as_deref()), (role, Some("POST /api/graphql")));
    }
}
