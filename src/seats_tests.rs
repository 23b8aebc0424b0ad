//! Rows and licenses as GitLab sends them, and what is made of each.
#![allow(clippy::unwrap_used, reason = "a failed parse is a failed test")]

use super::*;
use crate::clock::{Clock as _, FixedClock};

/// 2026-02-01.
const NOW: FixedClock = FixedClock(1_769_904_000);

const LICENSE: &str = r#"{"id":7,"plan":"premium","created_at":"2026-01-02T07:15:00.511Z","starts_at":"2026-01-01","expires_at":"2026-12-31","historical_max":212,"maximum_user_count":216,"licensee":{"Name":"Dana"},"add_ons":{},"expired":false,"overage":14,"user_limit":200,"active_users":214}"#;

fn pool_of(changes: &[(&str, &str)]) -> Pool {
    let text = changes.iter().fold(LICENSE.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replace(from, to)
    });
    pool(&serde_json::from_str(&text).unwrap(), "gitlab.example", NOW.today())
}

fn row(extra: &str) -> UserRow {
    let text = format!(
        r#"{{"id":501,"username":"mira","is_admin":false,"using_license_seat":true,"bot":false,"state":"active"{extra}}}"#
    );
    serde_json::from_str(&text).unwrap()
}

/// A row whose listed keys are replaced or added.
fn row_with(pairs: &[(&str, serde_json::Value)]) -> UserRow {
    let mut value = serde_json::json!({"id":501,"username":"mira","is_admin":false,"using_license_seat":false,"bot":false,"state":"active"});
    for (key, new) in pairs {
        value.as_object_mut().unwrap().insert((*key).to_owned(), new.clone());
    }
    serde_json::from_str(&value.to_string()).unwrap()
}

const PREMIUM: SeatRules<'static> = SeatRules { plan: Some("premium"), release: Some((18, 9)) };

fn reason_for(pairs: &[(&str, serde_json::Value)], rules: SeatRules<'_>) -> Option<&'static str> {
    let assignment = assignment(&row_with(pairs), "p", rules).unwrap();
    assert!(!assignment.consumes_seat);
    assignment.non_consuming_reason
}

#[test]
fn a_valid_license_becomes_a_pool() {
    let pool = pool_of(&[]);
    assert_eq!(
        (pool.pool_id.as_str(), pool.feature.as_str(), pool.scope_name.as_str()),
        ("instance:premium", "Premium seat", "gitlab.example")
    );
    assert_eq!((pool.entitled, pool.unlimited, pool.allocated), (Some(200), false, Some(214)));
    assert_eq!((pool.max_allocated, pool.overage_now, pool.overage_term), (Some(216), Some(14), Some(16)));
    assert_eq!((pool.term_start.as_deref(), pool.term_end.as_deref()), (Some("2026-01-01"), Some("2026-12-31")));
}

#[test]
fn an_expired_license_keeps_now_and_peak_apart() {
    let expired = [("\"expired\":false", "\"expired\":true"), ("\"overage\":14", "\"overage\":16")];
    assert_eq!((pool_of(&expired).overage_now, pool_of(&expired).overage_term), (Some(14), Some(16)));
    let by_date = [("\"expired\":false,", ""), ("2026-12-31", "2026-01-31"), ("\"overage\":14", "\"overage\":99")];
    assert_eq!(pool_of(&by_date).overage_now, Some(14));
    let under = [("\"expired\":false", "\"expired\":true"), ("\"active_users\":214", "\"active_users\":10")];
    assert_eq!(pool_of(&under).overage_now, Some(0));
}

#[test]
fn without_a_limit_nothing_is_computed() {
    let unlimited = pool_of(&[("\"user_limit\":200", "\"user_limit\":0"), ("\"overage\":14", "\"overage\":0")]);
    assert_eq!((unlimited.entitled, unlimited.unlimited), (None, true));
    assert_eq!((unlimited.overage_now, unlimited.overage_term), (Some(0), None));
    let unknown = pool_of(&[("\"user_limit\":200,", "")]);
    assert_eq!((unknown.entitled, unknown.unlimited, unknown.overage_term), (None, false, None));
}

#[test]
fn figures_that_are_missing_stay_missing() {
    let bare: License = serde_json::from_str("{}").unwrap();
    let pool = pool(&bare, "x", NOW.today());
    assert_eq!((pool.allocated, pool.max_allocated, pool.overage_now, pool.overage_term), (None, None, None, None));
    assert_eq!((pool.pool_id.as_str(), pool.plan_code), ("instance:unknown", None));
    assert_eq!(pool_of(&[("\"2026-12-31\"", "null")]).term_end, None);
}

#[test]
fn the_verdict_is_gitlabs_and_has_no_reason_when_it_is_yes() {
    let assignment = assignment(&row(""), "instance:premium", PREMIUM).unwrap();
    assert_eq!((assignment.consumes_seat, assignment.non_consuming_reason), (true, None));
    assert_eq!((assignment.pool_id.as_str(), assignment.user_id.as_str()), ("instance:premium", "501"));
}

#[test]
fn reasons_come_from_state_then_kind_then_plan() {
    for (state, reason) in [
        ("blocked", Some("blocked")),
        ("ldap_blocked", Some("blocked")),
        ("deactivated", Some("deactivated")),
        ("banned", Some("banned")),
        ("blocked_pending_approval", Some("pending-approval")),
        ("hibernating", None),
    ] {
        assert_eq!(reason_for(&[("state", state.into()), ("bot", true.into())], PREMIUM), reason, "{state}");
    }
    assert_eq!(reason_for(&[("bot", true.into())], PREMIUM), Some("bot"));
    let service = ("username", "service_account_group_9_ab".into());
    assert_eq!(reason_for(&[("bot", true.into()), service], PREMIUM), Some("service-account"));
    assert_eq!(reason_for(&[("bot", serde_json::Value::Null)], PREMIUM), None);
}

#[test]
fn a_human_without_a_seat_is_explained_by_plan_and_release() {
    let rules = |plan, release| SeatRules { plan, release };
    for (plan, release, reason) in [
        (Some("ultimate"), Some((15, 0)), Some("guest-or-no-membership")),
        (Some("premium"), Some((18, 9)), Some("minimal-access")),
        (Some("starter"), Some((19, 0)), Some("minimal-access")),
        (Some("premium"), Some((18, 8)), None),
        (Some("premium"), None, None),
        (None, Some((19, 0)), None),
    ] {
        assert_eq!(reason_for(&[], rules(plan, release)), reason, "{plan:?} {release:?}");
    }
}

#[test]
fn a_downgraded_row_is_never_data() {
    let basic: UserRow = serde_json::from_str(r#"{"id":1,"username":"a","name":"A","state":"active"}"#).unwrap();
    assert_eq!(assignment(&basic, "p", PREMIUM), Err(Downgraded::NotAdministrator));
    let community: UserRow = serde_json::from_str(r#"{"id":1,"username":"a","is_admin":true}"#).unwrap();
    assert_eq!(assignment(&community, "p", PREMIUM), Err(Downgraded::NoSeatFlag));
}

#[test]
fn the_latest_sign_in_is_the_current_one() {
    let both = row(r#","current_sign_in_at":"2026-01-30T10:00:00.000+01:00","last_sign_in_at":"2026-01-02T00:00:00Z""#);
    assert_eq!(user(both, IdentityLevel::Full).last_sign_in_at.as_deref(), Some("2026-01-30T09:00:00Z"));
    let old = row(r#","current_sign_in_at":null,"last_sign_in_at":"2026-01-02T00:00:00Z""#);
    assert_eq!(user(old, IdentityLevel::Full).last_sign_in_at.as_deref(), Some("2026-01-02T00:00:00Z"));
}

#[test]
fn never_is_not_unknown() {
    let activity = |extra: &str| user(row(extra), IdentityLevel::Full).activity;
    assert_eq!(activity(""), Activity::NotReadable);
    assert_eq!(activity(r#","current_sign_in_at":null"#), Activity::NotReadable);
    assert_eq!(activity(r#","last_activity_on":null,"current_sign_in_at":null"#), Activity::Never);
    assert_eq!(activity(r#","last_activity_on":"2026-01-01""#), Activity::Known);
    assert_eq!(activity(r#","last_activity_on":null,"last_sign_in_at":"2020-01-01T00:00:00Z""#), Activity::Known);
}

#[test]
fn an_empty_address_is_none() {
    let address = |extra: &str| {
        let user = user(row(extra), IdentityLevel::Full);
        (user.email, user.email_kind)
    };
    assert_eq!(
        address(r#","email":"m@c.example","public_email":"p@x.example""#),
        (Some("m@c.example".into()), EmailKind::Primary)
    );
    assert_eq!(address(r#","email":"","public_email":"p@x.example""#), (Some("p@x.example".into()), EmailKind::Public));
    assert_eq!(address(r#","email":"","public_email":null"#), (None, EmailKind::None));
}

#[test]
fn each_identity_level_lets_less_through() {
    let rich = || {
        row(
            r#","name":"Mira K.","email":"m@c.example","created_at":"2023-05-02T12:00:03.404Z","identities":[{"provider":"saml","extern_uid":"u1"},{"provider":"ldap","extern_uid":null}]"#,
        )
    };
    let full = user(rich(), IdentityLevel::Full);
    assert_eq!((full.username.as_str(), full.display_name.as_deref()), ("mira", Some("Mira K.")));
    assert_eq!(full.identities.len(), 1, "an account elsewhere without an id is none");
    assert_eq!(full.created_at.as_deref(), Some("2023-05-02T12:00:03Z"));
    for (level, username) in [(IdentityLevel::Username, "mira"), (IdentityLevel::Pseudonym, "user-501")] {
        let user = user(rich(), level);
        assert_eq!(user.username, username);
        assert_eq!((user.display_name, user.email, user.email_kind), (None, None, EmailKind::None));
        assert!(user.identities.is_empty());
    }
    let text = format!("{:?}", user(rich(), IdentityLevel::Pseudonym));
    assert!(!text.contains("ira"), "{text}");
}

#[test]
fn releases_are_read_from_every_form_of_version() {
    assert_eq!(release("18.8.2-ee"), Some((18, 8)));
    assert_eq!(release("19.3.0-pre"), Some((19, 3)));
    assert_eq!(release("17.11-ee"), Some((17, 11)));
    assert_eq!(release("nightly"), None);
}
