//! Who gets what: every endpoint with every kind of caller, status and body to the letter.
#![allow(
    dead_code,
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed unwrap is a failed test, and not every test file uses all of the shared code"
)]

mod support;

use fake_gitlab::{LicenseTerm, Options, Scenario, Tokens};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use support::{Caller, on_a_fixed_day, started};

const UNAUTHORIZED: &str = r#"{"message":"401 Unauthorized"}"#;
const EXPIRED: &str = r#"{"error":"invalid_token","error_description":"Token is expired. You can either do re-authorization or token refresh."}"#;
const REVOKED: &str =
    r#"{"error":"invalid_token","error_description":"Token was revoked. You have to re-authorize from the user."}"#;
const SCOPE: &str = r#"{"error":"insufficient_scope","error_description":"The request requires higher privileges than provided by the access token.","scope":"api read_api"}"#;
const FORBIDDEN: &str = r#"{"message":"403 Forbidden"}"#;
const BLOCKED: &str = r#"{"message":"403 Forbidden - Your account has been blocked."}"#;
const NO_LIST: &str = r#"{"message":"403 Forbidden - Not authorized to access /api/v4/users"}"#;
const NO_ROUTE: &str = r#"{"error":"404 Not Found"}"#;

const PATHS: [&str; 6] = ["metadata", "version", "user", "personal_access_tokens/self", "license", "users"];

#[tokio::test]
async fn a_token_that_does_not_do_is_told_why_everywhere() {
    let gitlab = started(Scenario::SelfManagedPremium, 30).await;
    let caller = Caller::of(&gitlab);
    for path in PATHS {
        for (token, status, body) in [
            (Tokens::EXPIRED, 401, EXPIRED),
            (Tokens::REVOKED, 401, REVOKED),
            (Tokens::BLOCKED, 403, BLOCKED),
            ("glpat-not-known-here", 401, UNAUTHORIZED),
        ] {
            let answer = caller.get(&format!("/api/v4/{path}"), token).await;
            assert_eq!((answer.status.as_u16(), answer.text()), (status, body), "{path} {token}");
            assert_eq!(answer.header("content-type"), Some("application/json"));
        }
        let anonymous = caller.send(Method::GET, &format!("/api/v4/{path}"), &[]).await.unwrap();
        let expected = if path == "users" { (403, NO_LIST) } else { (401, UNAUTHORIZED) };
        assert_eq!((anonymous.status.as_u16(), anonymous.text()), expected, "{path}");
    }
}

#[tokio::test]
async fn scopes_and_rights_are_asked_for_by_endpoint() {
    let gitlab = started(Scenario::SelfManagedPremium, 30).await;
    let caller = Caller::of(&gitlab);
    for path in PATHS {
        for (token, license) in [
            (Tokens::ADMINISTRATOR, Ok(())),
            (Tokens::ADMIN_MODE, Ok(())),
            (Tokens::EXPIRING, Ok(())),
            (Tokens::USER_SCOPE, Err(SCOPE)),
            (Tokens::MEMBER, Err(FORBIDDEN)),
        ] {
            let answer = caller.get(&format!("/api/v4/{path}"), token).await;
            match license {
                Err(body) if path == "license" => {
                    assert_eq!((answer.status, answer.text()), (StatusCode::FORBIDDEN, body), "{token}");
                }
                _ => assert_eq!(answer.status, StatusCode::OK, "{path} {token}: {}", answer.text()),
            }
        }
    }
}

#[tokio::test]
async fn a_token_may_come_in_three_ways() {
    let gitlab = started(Scenario::SelfManagedPremium, 3).await;
    let caller = Caller::of(&gitlab);
    let bearer = format!("Bearer {}", Tokens::MEMBER);
    let parameter = format!("/api/v4/user?private_token={}", Tokens::MEMBER);
    for (path, headers) in [
        ("/api/v4/user", vec![("PRIVATE-TOKEN", Tokens::MEMBER)]),
        ("/api/v4/user", vec![("Authorization", bearer.as_str())]),
        (parameter.as_str(), vec![]),
    ] {
        let answer = caller.send(Method::GET, path, &headers).await.unwrap();
        assert_eq!(answer.json()["id"], 2, "{path} {headers:?}");
    }
    let basic = caller.send(Method::GET, "/api/v4/user", &[("Authorization", "Basic cm9vdDp4")]).await.unwrap();
    assert_eq!(basic.status, StatusCode::UNAUTHORIZED);
    let logged = gitlab.requests();
    assert_eq!(logged[0].header("private-token"), Some(Tokens::MEMBER));
    assert_eq!(logged[2].parameter("private_token").as_deref(), Some(Tokens::MEMBER));
    assert_eq!(logged[3].status, Some(401));
}

#[tokio::test]
async fn metadata_and_version_say_the_same() {
    for (scenario, expected) in [
        (
            Scenario::AdminMode,
            r#"{"version":"18.8.2-ee","revision":"0a1b2c3d4e5","kas":{"enabled":false,"externalUrl":null,"externalK8sProxyUrl":null,"version":null},"enterprise":true}"#,
        ),
        (
            Scenario::Community,
            r#"{"version":"18.11.2","revision":"5d1c0a7e9b4","kas":{"enabled":false,"externalUrl":null,"externalK8sProxyUrl":null,"version":null},"enterprise":false}"#,
        ),
        (
            Scenario::Older,
            r#"{"version":"16.2.9-ee","revision":"f3a9d27710c","kas":{"enabled":false,"externalUrl":null,"version":null},"enterprise":true}"#,
        ),
    ] {
        let gitlab = started(scenario, 3).await;
        let caller = Caller::of(&gitlab);
        for path in ["/api/v4/metadata", "/api/v4/version"] {
            assert_eq!(caller.get(path, Tokens::USER_SCOPE).await.text(), expected);
        }
    }
}

#[tokio::test]
async fn the_oldest_version_has_less_to_say_of_itself_and_of_tokens() {
    let gitlab = started(Scenario::Oldest, 3).await;
    let caller = Caller::of(&gitlab);
    assert_eq!(caller.admin("/api/v4/version").await.text(), r#"{"version":"15.4.6-ee","revision":"8e07d4415f2"}"#);
    assert_eq!(
        caller.admin("/api/v4/metadata").await.text(),
        r#"{"version":"15.4.6-ee","revision":"8e07d4415f2","kas":{"enabled":false,"externalUrl":null,"version":null}}"#
    );
    let own = caller.admin("/api/v4/personal_access_tokens/self").await;
    assert_eq!((own.status.as_u16(), own.text()), (404, r#"{"message":"404 Not found"}"#));
    let user = caller.admin("/api/v4/user").await.json();
    assert!(user.get("created_by").is_none() && user.get("scim_identities").is_none() && user.get("locked").is_none());
    // An ordinary account gets the finder's own order, whatever it asks for.
    let ids = caller.get("/api/v4/users?order_by=id&sort=asc&pagination=keyset", Tokens::MEMBER).await.ids();
    assert!(ids.is_sorted_by(|a, b| a > b), "{ids:?}");
}

#[tokio::test]
async fn an_oauth_token_is_no_personal_access_token() {
    for scenario in [Scenario::SelfManagedOauth, Scenario::GitlabComOauth] {
        let gitlab = started(scenario, 40).await;
        let caller = Caller::of(&gitlab);
        assert_eq!(caller.get("/api/v4/user", Tokens::OAUTH).await.text(), UNAUTHORIZED);
        assert_eq!(caller.bearer("/api/v4/user", Tokens::OAUTH).await.json()["id"], 1);
        let own = caller.bearer("/api/v4/personal_access_tokens/self", Tokens::OAUTH).await;
        assert_eq!(
            (own.status.as_u16(), own.text()),
            (400, r#"{"message":"400 Bad request - This endpoint requires token type to be a personal access token"}"#)
        );
    }
}

#[tokio::test]
async fn an_auditor_and_a_custom_role_read_accounts_but_no_license() {
    for scenario in [Scenario::Auditor, Scenario::CustomAdminRole] {
        let gitlab = started(scenario, 60).await;
        let caller = Caller::of(&gitlab);
        let license = caller.own("/api/v4/license", scenario).await;
        assert_eq!((license.status.as_u16(), license.text()), (403, FORBIDDEN));
        assert!(caller.own("/api/v4/user", scenario).await.json().get("is_admin").is_none());
        let rows =
            caller.rows("/api/v4/users?exclude_internal=true&without_project_bots=true", scenario.caller()).await;
        assert!(rows.iter().all(|row| row["using_license_seat"].is_boolean()), "{scenario}");
        let hidden = |state: &str| ["blocked", "ldap_blocked", "banned"].contains(&state);
        let truth = &gitlab.truth().users;
        let seen = truth.iter().filter(|user| scenario == Scenario::CustomAdminRole || !hidden(user.state));
        assert_eq!(rows.len(), seen.count(), "{scenario}");
        assert!(rows.len() < truth.len() || scenario == Scenario::CustomAdminRole);
        let elsewhere = started(Scenario::SelfManagedPremium, 3).await;
        assert_eq!(Caller::of(&elsewhere).own("/api/v4/user", scenario).await.text(), UNAUTHORIZED);
    }
}

#[tokio::test]
async fn one_account_is_shown_by_the_rights_of_who_asks() {
    let gitlab = started(Scenario::SelfManagedPremium, 40).await;
    let caller = Caller::of(&gitlab);
    let full = caller.admin("/api/v4/users/3").await.json();
    assert_eq!((&full["state"], &full["highest_role"]), (&json!("blocked"), &json!(30)));
    let profile = caller.get("/api/v4/users/3", Tokens::MEMBER).await.json();
    assert_eq!(profile["username"], full["username"]);
    for key in ["email", "using_license_seat", "last_activity_on", "highest_role"] {
        assert!(full.get(key).is_some() && profile.get(key).is_none(), "{key}");
    }
}

#[tokio::test]
async fn dedicated_counts_every_request_without_being_asked_to() {
    let gitlab = started(Scenario::Dedicated, 3).await;
    let answer = Caller::of(&gitlab).admin("/api/v4/user").await;
    assert_eq!(answer.header("ratelimit-limit"), Some("1200"));
    assert_eq!(answer.header("ratelimit-remaining"), Some("1199"));
}

#[tokio::test]
async fn a_token_describes_itself() {
    let gitlab = started(Scenario::SelfManagedPremium, 3).await;
    let caller = Caller::of(&gitlab);
    let own = caller.get("/api/v4/personal_access_tokens/self", Tokens::EXPIRING).await;
    assert_eq!(
        own.text(),
        r#"{"id":4717,"name":"expiring","revoked":false,"created_at":"2026-02-07T08:00:11.120Z","description":null,"scopes":["read_api","read_user"],"user_id":1,"last_used_at":"2026-03-03T10:20:00.000Z","active":true,"granular":false,"expires_at":"2026-03-09"}"#
    );
    let scopes = caller.get("/api/v4/personal_access_tokens/self", Tokens::ADMIN_MODE).await.json()["scopes"].clone();
    assert_eq!(scopes, json!(["read_api", "read_user", "admin_mode"]));
}

#[tokio::test]
async fn admin_mode_takes_rights_away_silently() {
    let gitlab = started(Scenario::AdminMode, 40).await;
    let caller = Caller::of(&gitlab);
    let user = caller.admin("/api/v4/user").await.json();
    assert_eq!(user["is_admin"], json!(true), "/user looks at the flag of the account alone");

    let without = caller.admin("/api/v4/license").await;
    assert_eq!((without.status.as_u16(), without.text()), (403, FORBIDDEN));
    let list = caller.admin("/api/v4/users?per_page=100").await;
    assert_eq!(list.status, StatusCode::OK);
    let rows = list.json();
    for row in rows.as_array().unwrap() {
        assert_eq!(row.as_object().unwrap().len(), 8, "{row}");
        assert!(!["blocked", "ldap_blocked", "banned"].contains(&row["state"].as_str().unwrap()), "{row}");
    }

    let with = caller.get("/api/v4/license", Tokens::ADMIN_MODE).await;
    assert_eq!(with.status, StatusCode::OK);
    let full = caller.get("/api/v4/users?per_page=100", Tokens::ADMIN_MODE).await.json();
    assert!(full.as_array().unwrap().len() > rows.as_array().unwrap().len());
    assert!(full.as_array().unwrap().iter().all(|row| row["is_admin"].is_boolean()));
}

#[tokio::test]
async fn an_ordinary_account_sees_eight_fields_of_others_and_no_administration_of_itself() {
    let gitlab = started(Scenario::SelfManagedPremium, 40).await;
    let caller = Caller::of(&gitlab);
    let own = caller.get("/api/v4/user", Tokens::MEMBER).await.json();
    assert_eq!(own["id"], 2);
    assert!(own.get("is_admin").is_none() && own.get("using_license_seat").is_none());
    assert!(own["email"].as_str().unwrap().contains('@'));
    let rows = caller.get("/api/v4/users?per_page=100&blocked=true", Tokens::MEMBER).await;
    assert_eq!(rows.text(), "[]");
}

#[tokio::test]
async fn the_license_differs_by_scenario() {
    for scenario in Scenario::ALL {
        let gitlab = started(scenario, 250).await;
        let caller = Caller::of(&gitlab);
        let answer = caller.get("/api/v4/license", Tokens::ADMIN_MODE).await;
        let truth = gitlab.truth();
        match scenario {
            _ if scenario.deployment() == "gitlab-com" => {
                assert_eq!((answer.status.as_u16(), answer.text()), (403, FORBIDDEN), "{scenario}");
                assert_eq!(truth.license, None);
            }
            Scenario::Community => assert_eq!((answer.status.as_u16(), answer.text()), (404, NO_ROUTE)),
            Scenario::Unlicensed => assert_eq!((answer.status.as_u16(), answer.text()), (200, "null")),
            _ => {
                let license = answer.json();
                let facts = truth.license.clone().unwrap();
                assert_eq!(license["user_limit"], facts.user_limit);
                assert_eq!(license["active_users"], facts.active_users);
                assert_eq!(license["overage"], facts.overage);
                assert_eq!(license["maximum_user_count"], facts.maximum_user_count);
                let live = truth.counts.using_license_seat.unwrap();
                let ultimate = facts.plan == "ultimate";
                assert_eq!(live - facts.active_users, u64::from(ultimate), "{scenario}");
                let within = ultimate || scenario == Scenario::LicenseUnlimited;
                assert_eq!(facts.overage > 0, !within, "{scenario}");
                assert_eq!(facts.expired, scenario == Scenario::LicenseExpired);
                assert_eq!(license["licensee"].get("Company").is_some(), !facts.expired, "{scenario}");
                let mut without_count = license.clone();
                without_count.as_object_mut().unwrap().remove("active_users");
                let list = caller.get("/api/v4/licenses", Tokens::ADMIN_MODE).await.json();
                assert_eq!(list, json!([without_count]));
                assert_eq!(caller.get("/api/v4/license/7", Tokens::ADMIN_MODE).await.json(), license);
                assert_eq!(caller.get("/api/v4/license/8", Tokens::ADMIN_MODE).await.status, StatusCode::NOT_FOUND);
            }
        }
    }
}

#[tokio::test]
async fn a_license_may_have_ended_or_have_no_end() {
    for (license_term, expired, end) in
        [(LicenseTerm::Expired, true, json!("2026-01-28")), (LicenseTerm::Unrestricted, false, Value::Null)]
    {
        let options = Options { license_term, ..on_a_fixed_day(Scenario::SelfManagedPremium, 250) };
        let gitlab = fake_gitlab::start(options).await.unwrap();
        let license = Caller::of(&gitlab).admin("/api/v4/license").await.json();
        assert_eq!((&license["expired"], &license["expires_at"]), (&json!(expired), &end));
    }
}

#[tokio::test]
async fn what_is_not_there_is_refused_as_gitlab_refuses_it() {
    let gitlab = started(Scenario::SelfManagedPremium, 3).await;
    let caller = Caller::of(&gitlab);
    for (path, status, body) in [
        ("/api/v4/projects", 404, NO_ROUTE),
        ("/api/v4/users/0", 404, r#"{"message":"404 User Not Found"}"#),
        ("/api/v4/groups/no-such", 404, r#"{"message":"404 Group Not Found"}"#),
        ("/api/v4/namespaces/no-such", 404, r#"{"message":"404 Namespace Not Found"}"#),
        ("/api/v4", 404, NO_ROUTE),
        ("/api/graphql", 404, NO_ROUTE),
        ("/api/v3/users", 410, r#"{"error":"API V3 is no longer supported. Use API V4 instead."}"#),
        ("/api/v5/users", 404, r#"{"error":"404 API Version Not Found"}"#),
        ("/gitlab/api/v4/users.json", 401, r#"{"error":"You need to sign in or sign up before continuing."}"#),
    ] {
        let answer = caller.admin(path).await;
        assert_eq!((answer.status.as_u16(), answer.text()), (status, body), "{path}");
    }
    for path in ["/", "/gitlab/api/v4/users", "/explore", "/dashboard/projects?x=1"] {
        let answer = caller.admin(path).await;
        assert_eq!(answer.status, StatusCode::FOUND, "{path}");
        assert_eq!(answer.header("location").unwrap(), format!("{}/users/sign_in", gitlab.base_url()));
    }
    let page = caller.send(Method::GET, "/users/sign_in", &[]).await.unwrap();
    assert_eq!((page.status, page.header("content-type")), (StatusCode::OK, Some("text/html; charset=utf-8")));
    assert!(page.text().contains("Sign in"));
}

#[tokio::test]
async fn other_methods_are_refused_and_head_is_get_without_a_body() {
    let gitlab = started(Scenario::SelfManagedPremium, 3).await;
    let caller = Caller::of(&gitlab);
    let token = [("PRIVATE-TOKEN", Tokens::ADMINISTRATOR)];
    for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
        let answer = caller.send(method, "/api/v4/personal_access_tokens/self", &token).await.unwrap();
        assert_eq!((answer.status.as_u16(), answer.text()), (405, r#"{"error":"405 Not Allowed"}"#));
        assert_eq!(answer.header("allow"), Some("OPTIONS, GET, HEAD"));
    }
    let get = caller.admin("/api/v4/users").await;
    let head = caller.send(Method::HEAD, "/api/v4/users", &token).await.unwrap();
    assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0));
    assert_eq!(head.header("content-length"), Some(get.body.len().to_string().as_str()));
    assert_eq!(caller.admin("/api/v4/user").await.json()["id"], 1, "the token was not revoked");
}

#[tokio::test]
async fn a_relative_root_moves_everything() {
    let gitlab = started(Scenario::Subpath, 30).await;
    assert!(gitlab.base_url().ends_with("/gitlab"));
    let caller = Caller::of(&gitlab);
    assert_eq!(caller.admin("/api/v4/user").await.json()["id"], 1);
    let next = caller.admin("/api/v4/users?per_page=5").await.link("next").unwrap();
    assert!(next.starts_with("https://gitlab.internal.example/gitlab/api/v4/users?"), "{next}");
    // A client that forgot the root ends at the sign-in page.
    let outside = Caller::at(format!("http://{}", gitlab.address())).admin("/api/v4/user").await;
    assert_eq!(outside.status, StatusCode::FOUND);
    assert_eq!(outside.header("location").unwrap(), format!("{}/users/sign_in", gitlab.base_url()));
}

#[tokio::test]
async fn a_stand_in_that_cannot_start_says_why() {
    let few = fake_gitlab::start(Options { users: 2, ..Options::default() }).await.unwrap_err();
    assert_eq!(few.to_string(), "2 users: there must be from 3 to 1000000");
    let gitlab = started(Scenario::SelfManagedPremium, 3).await;
    let taken = fake_gitlab::start(Options { address: gitlab.address(), ..Options::default() }).await.unwrap_err();
    assert!(taken.to_string().starts_with(&format!("cannot listen on {}", gitlab.address())), "{taken}");
}
