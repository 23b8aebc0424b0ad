//! Who somebody is.

use super::*;
use crate::configuration::settings::IdentityLevel;
use crate::record::{AccountKind, AccountState, Activity, EmailKind, User};

fn full(row: PersonRow) -> User {
    user(row, true, IdentityLevel::Full)
}

#[test]
fn the_latest_sign_in_is_the_current_one() {
    let sign_in = |changes: Value| full(row(&changes)).last_sign_in_at;
    let old = "2026-01-02T00:00:00Z";
    let both = json!({"current_sign_in_at":"2026-01-30T10:00:00.000+01:00","last_sign_in_at":old});
    assert_eq!(sign_in(both).as_deref(), Some("2026-01-30T09:00:00Z"));
    assert_eq!(sign_in(json!({"current_sign_in_at":null,"last_sign_in_at":old})).as_deref(), Some(old));
    // The same under the name that lists of groups and GraphQL have for it.
    assert_eq!(
        sign_in(json!({"last_login_at":"2026-01-31T00:00:00Z","last_sign_in_at":old})).as_deref(),
        Some("2026-01-31T00:00:00Z")
    );
    assert_eq!(sign_in(json!({"last_login_at":null})), None);
}

#[test]
fn never_is_not_unknown() {
    let activity = |changes: Value| full(row(&changes)).activity;
    assert_eq!(activity(json!({})), Activity::NotReadable);
    assert_eq!(activity(json!({"current_sign_in_at":null})), Activity::NotReadable);
    assert_eq!(activity(json!({"last_activity_on":null,"current_sign_in_at":null})), Activity::Never);
    assert_eq!(activity(json!({"last_activity_on":"2026-01-01"})), Activity::Known);
    assert_eq!(activity(json!({"last_activity_on":null,"last_sign_in_at":"2020-01-01T00:00:00Z"})), Activity::Known);
    assert_eq!(activity(json!({"last_login_at":"2020-01-01T00:00:00Z"})), Activity::Known);
}

#[test]
fn an_empty_address_is_none_and_each_list_has_its_kind() {
    let address = |row: PersonRow| {
        let user = full(row);
        (user.email, user.email_kind)
    };
    let given = |text: &str, kind| (Some(text.to_owned()), kind);
    let both = json!({"email":"m@c.example","public_email":"p@x.example"});
    let same = json!({"email":"p@x.example","public_email":"p@x.example"});
    // A row for an administrator: `email` is the one of the account, whatever the person shows.
    assert_eq!(address(row(&both)), given("m@c.example", EmailKind::Primary));
    assert_eq!(address(row(&same)), given("p@x.example", EmailKind::Primary));
    assert_eq!(
        address(row(&json!({"email":"","public_email":"p@x.example"}))),
        given("p@x.example", EmailKind::Public)
    );
    assert_eq!(address(row(&json!({"email":"","public_email":null}))), (None, EmailKind::None));
    // A row of a group's list: the public address stands in for one that is not told.
    assert_eq!(address(member(&both)), given("m@c.example", EmailKind::Primary));
    assert_eq!(address(member(&same)), given("p@x.example", EmailKind::Public));
    assert_eq!(address(member(&json!({"email":"","public_email":""}))), (None, EmailKind::None));
    assert_eq!(address(member(&json!({"public_email":"p@x.example"}))), given("p@x.example", EmailKind::Public));
}

#[test]
fn each_identity_level_lets_less_through() {
    let rich = || {
        row(
            &json!({"name":"Mira K.","email":"m@c.example","created_at":"2023-05-02T12:00:03.404Z","public_email":"p@x.example",
            "identities":[{"provider":"saml","extern_uid":"u1"},{"provider":"ldap","extern_uid":null}]}),
        )
    };
    let all = full(rich());
    assert_eq!((all.username.as_str(), all.display_name.as_deref()), ("mira", Some("Mira K.")));
    assert_eq!(all.identities.len(), 1, "an account elsewhere without an id is none");
    assert_eq!(all.created_at.as_deref(), Some("2023-05-02T12:00:03Z"));
    for (level, username) in [(IdentityLevel::Username, "mira"), (IdentityLevel::Pseudonym, "user-501")] {
        let user = user(rich(), true, level);
        assert_eq!(user.username, username);
        assert_eq!((user.display_name, user.email, user.email_kind), (None, None, EmailKind::None));
        assert!(user.identities.is_empty());
    }
    let text = format!("{:?}", user(rich(), true, IdentityLevel::Pseudonym));
    assert!(!text.contains("ira") && !text.contains("example"), "{text}");
}

#[test]
fn the_date_of_a_membership_is_not_that_of_the_account() {
    let row = || member(&json!({"created_at":"2023-05-02T12:00:03.404Z"}));
    assert_eq!(user(row(), true, IdentityLevel::Full).created_at.as_deref(), Some("2023-05-02T12:00:03Z"));
    assert_eq!(user(row(), false, IdentityLevel::Full).created_at, None);
}

#[test]
fn an_account_is_what_gitlab_says_or_what_only_gitlab_can_have_named() {
    for (bot, username, kind) in [
        (json!(false), "mira", AccountKind::Human),
        // GitLab's word goes before the name.
        (json!(false), "group_9_bot_ab", AccountKind::Human),
        (json!(false), "service_account_9", AccountKind::Human),
        (json!(true), "alert-bot", AccountKind::Bot),
        (json!(true), "project_77_bot_0a1b", AccountKind::Bot),
        (json!(true), "service_account_group_9_0a1b", AccountKind::Service),
        (Value::Null, "mira", AccountKind::Unknown),
        (Value::Null, "group_9_bot_0a1b", AccountKind::Bot),
        (Value::Null, "project_77_bot", AccountKind::Bot),
        (Value::Null, "project_77_bot4", AccountKind::Bot),
        (Value::Null, "service_account_9_0a1b", AccountKind::Service),
        (Value::Null, "group__bot_0a1b", AccountKind::Unknown),
        (Value::Null, "group_x9_bot_0a1b", AccountKind::Unknown),
        (Value::Null, "group_9_robot", AccountKind::Unknown),
        (Value::Null, "mygroup_9_bot_0a1b", AccountKind::Unknown),
        (Value::Null, "project_manager", AccountKind::Unknown),
    ] {
        let user = full(member(&json!({"bot":bot,"username":username})));
        assert_eq!(user.account_kind, kind, "{bot} {username}");
    }
}

#[test]
fn states_keep_gitlabs_word_beside_ours() {
    for (state, meaning, raw) in [
        (json!("active"), AccountState::Active, "active"),
        (json!("blocked"), AccountState::Blocked, "blocked"),
        (json!("ldap_blocked"), AccountState::Blocked, "ldap_blocked"),
        (json!("deactivated"), AccountState::Deactivated, "deactivated"),
        (json!("banned"), AccountState::Banned, "banned"),
        (json!("blocked_pending_approval"), AccountState::Pending, "blocked_pending_approval"),
        (json!("quarantined"), AccountState::Other, "quarantined"),
        (Value::Null, AccountState::Other, ""),
    ] {
        let user = full(member(&json!({"state":state})));
        assert_eq!((user.account_state, user.account_state_raw.as_str()), (meaning, raw));
    }
}

#[test]
fn an_empty_name_is_none() {
    let name = |changes: Value| full(member(&changes)).display_name;
    assert_eq!(name(json!({"name":""})), None);
    assert_eq!(name(json!({"name":null})), None);
    assert_eq!(name(json!({})).as_deref(), Some("Mira K."));
}
