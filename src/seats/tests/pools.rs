//! What was bought.

use super::*;
use crate::gitlab::entities::{License, Metadata, Namespace, Purchase, SeenLicense, Subscription};
use crate::gitlab::scalars::Id;
use crate::record::{Pool, PoolKind};

const LICENSE: &str = r#"{"id":7,"plan":"premium","created_at":"2026-01-02T07:15:00.511Z","starts_at":"2026-01-01","expires_at":"2026-12-31","historical_max":212,"maximum_user_count":216,"licensee":{"Name":"Dana"},"add_ons":{},"expired":false,"overage":14,"user_limit":200,"active_users":214}"#;

fn pool_of(changes: &[(&str, &str)]) -> Pool {
    let text = changes.iter().fold(LICENSE.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replace(from, to)
    });
    license_pool(&read(&text), "gitlab.example", NOW.today())
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
    assert_eq!((pool.kind, pool.is_trial, pool.auto_renew, pool.as_of), (PoolKind::Base, None, None, None));
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
fn a_term_is_over_on_the_day_after_its_last() {
    for (changes, expected) in [
        (vec![], false),
        (vec![("\"expired\":false,", "")], false),
        (vec![("\"expired\":false,", ""), ("2026-12-31", "2026-02-01")], false),
        (vec![("\"expired\":false,", ""), ("2026-12-31", "2026-01-31")], true),
        // GitLab's own word goes before the date.
        (vec![("2026-12-31", "2026-01-31")], false),
        (vec![("\"expired\":false", "\"expired\":true")], true),
        (vec![("\"expired\":false,", ""), ("\"2026-12-31\"", "null")], false),
    ] {
        let text = changes.iter().fold(LICENSE.to_owned(), |text, (from, to)| text.replace(from, to));
        assert_eq!(is_expired(&read(&text), NOW.today()), expected, "{changes:?}");
    }
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
    let bare: License = read("{}");
    let pool = license_pool(&bare, "x", NOW.today());
    assert_eq!((pool.allocated, pool.max_allocated, pool.overage_now, pool.overage_term), (None, None, None, None));
    assert_eq!((pool.entitled, pool.unlimited), (None, false), "no limit told is not a license without one");
    assert_eq!(
        (pool.pool_id.as_str(), pool.feature.as_str(), pool.plan_code),
        ("instance:unknown", "GitLab seat", None)
    );
    assert_eq!(pool_of(&[("\"2026-12-31\"", "null")]).term_end, None);
}

/// GraphQL writes `null` where REST writes 0, and says nothing of overage and end.
#[test]
fn a_license_seen_through_graphql_means_the_same() {
    let seen = |changes: &Value| {
        let base = json!({"plan":"ultimate","starts_at":"2026-01-01","expires_at":"2026-12-31","user_limit":200,"active_users":214,"maximum_user_count":216,"trial":true});
        let seen: SeenLicense = read(&with(&base, changes));
        license_pool(&License::from(seen), "x", NOW.today())
    };
    let pool = seen(&json!({}));
    assert_eq!((pool.pool_id.as_str(), pool.entitled, pool.unlimited), ("instance:ultimate", Some(200), false));
    assert_eq!((pool.allocated, pool.max_allocated, pool.is_trial), (Some(214), Some(216), Some(true)));
    assert_eq!((pool.overage_now, pool.overage_term), (Some(14), Some(16)), "both are computed");
    assert_eq!((pool.term_start.as_deref(), pool.term_end.as_deref()), (Some("2026-01-01"), Some("2026-12-31")));
    let unlimited = seen(&json!({"user_limit":null,"expires_at":null}));
    assert_eq!((unlimited.entitled, unlimited.unlimited, unlimited.term_end), (None, true, None));
    let untold: License = read::<SeenLicense>("{}").into();
    let untold = license_pool(&untold, "x", NOW.today());
    assert_eq!((untold.entitled, untold.unlimited), (None, false), "absent is not null");
}

#[test]
fn the_edition_is_told_or_follows_from_the_endpoint_of_the_license() {
    for (metadata, licensed, expected) in [
        (r#"{"version":"18.1.1-ee","enterprise":true}"#, true, "EE"),
        // Unlicensed, or a caller who may not know.
        (r#"{"version":"18.1.1-ee","enterprise":true}"#, false, "EE"),
        (r#"{"version":"18.1.1","enterprise":false}"#, true, "CE"),
        (r#"{"version":"15.4.6-ee","revision":"0a"}"#, true, "EE"),
        (r#"{"version":"15.4.6","revision":"0a"}"#, false, "CE"),
        (r#"{"version":"15.4.6","enterprise":null}"#, false, "CE"),
    ] {
        let metadata: Metadata = read(metadata);
        assert_eq!(edition(&metadata, licensed), expected, "{metadata:?} {licensed}");
    }
}

/// `/namespaces/:id` for an owner.
fn namespace(changes: &Value) -> Namespace {
    let base = json!({"id":9,"name":"Acme","path":"acme","kind":"group","full_path":"acme","parent_id":null,"avatar_url":null,
        "members_count_with_descendants":60,"billable_members_count":48,"seats_in_use":47,"max_seats_used":52,
        "max_seats_used_changed_at":"2026-01-20T02:00:00.000Z","end_date":"2026-08-31","plan":"premium","trial":false,"trial_ends_on":null});
    read(&with(&base, changes))
}

fn subscription(plan: &Value, usage: &Value, billing: &Value) -> Subscription {
    let part = |base: Value, changes: &Value| -> Value { read(&with(&base, changes)) };
    let plan = part(
        json!({"code":"premium","name":"Premium","trial":false,"auto_renew":true,"upgradable":true,"exclude_guests":false}),
        plan,
    );
    let usage = part(json!({"seats_in_subscription":50,"seats_in_use":47,"max_seats_used":53,"seats_owed":3}), usage);
    let billing = part(
        json!({"subscription_start_date":"2025-09-01","subscription_end_date":"2026-09-01","trial_ends_on":null}),
        billing,
    );
    read(&json!({"plan":plan,"usage":usage,"billing":billing}).to_string())
}

fn paid() -> Subscription {
    subscription(&json!({}), &json!({}), &json!({}))
}

fn group(namespace: &Namespace, subscription: Option<&Subscription>) -> Pool {
    group_pool(namespace, subscription, NOW.today())
}

#[test]
fn a_subscription_becomes_a_pool_with_every_figure() {
    let expected = Pool {
        pool_id: "group:9:premium".to_owned(),
        scope_id: "group:9".to_owned(),
        scope_name: "acme".to_owned(),
        feature: "Premium seat".to_owned(),
        plan_code: Some("premium".to_owned()),
        kind: PoolKind::Base,
        entitled: Some(50),
        unlimited: false,
        // Of this moment, before the one of yesterday.
        allocated: Some(48),
        max_allocated: Some(53),
        overage_now: Some(0),
        overage_term: Some(3),
        term_start: Some("2025-09-01".to_owned()),
        term_end: Some("2026-09-01".to_owned()),
        is_trial: Some(false),
        auto_renew: Some(true),
        as_of: Some("2026-02-01".to_owned()),
    };
    assert_eq!(group(&namespace(&json!({})), Some(&paid())), expected);
}

#[test]
fn seats_over_what_was_bought_are_counted_now_and_told_for_the_term() {
    let over = subscription(&json!({}), &json!({"seats_in_subscription":40,"seats_owed":0}), &json!({}));
    let pool = group(&namespace(&json!({})), Some(&over));
    assert_eq!((pool.entitled, pool.overage_now, pool.overage_term), (Some(40), Some(8), Some(0)));
}

/// For a subgroup and off GitLab.com each leaf is `null`, and from 18.9 so are the namespace's, except for owners.
#[test]
fn leaves_that_are_null_stay_unknown() {
    let nothing: Subscription = read(
        r#"{"plan":{"code":null,"name":null,"trial":null,"auto_renew":null,"upgradable":null,"exclude_guests":null},
            "usage":{"seats_in_subscription":null,"seats_in_use":null,"max_seats_used":null,"seats_owed":null},
            "billing":{"subscription_start_date":null,"subscription_end_date":null,"trial_ends_on":null}}"#,
    );
    let bare: Namespace = read(
        r#"{"id":9,"name":"Acme","path":"acme","kind":"group","full_path":"acme","billable_members_count":null,
            "seats_in_use":null,"max_seats_used":null,"max_seats_used_changed_at":null,"end_date":null}"#,
    );
    let expected = Pool {
        pool_id: "group:9:unknown".to_owned(),
        scope_id: "group:9".to_owned(),
        scope_name: "acme".to_owned(),
        feature: "GitLab seat".to_owned(),
        ..Pool::default()
    };
    assert_eq!(group(&bare, Some(&nothing)), expected);
    assert_eq!(group(&bare, None), expected);
    let empty: Subscription = read(r#"{"plan":{},"usage":{},"billing":{}}"#);
    assert_eq!(group(&bare, Some(&empty)), expected, "the leaves may be missing, too");
    assert!(serde_json::from_str::<Subscription>("{}").is_err(), "an answer of something else than GitLab");
}

/// Up to 18.8 every member reads the figures of a namespace; only its plan is hidden.
#[test]
fn a_namespace_alone_tells_what_a_maintainer_may_know() {
    let pool = group(&namespace(&json!({"plan":null,"trial":null})), None);
    assert_eq!((pool.pool_id.as_str(), pool.plan_code, pool.entitled), ("group:9:unknown", None, None));
    assert_eq!((pool.allocated, pool.max_allocated), (Some(48), Some(52)));
    assert_eq!((pool.overage_now, pool.overage_term), (None, None), "what was bought is unknown");
    assert_eq!((pool.term_start, pool.term_end.as_deref()), (None, Some("2026-08-31")));
    assert_eq!((pool.is_trial, pool.auto_renew, pool.unlimited), (None, None, false));
}

#[test]
fn seats_in_use_come_from_the_newest_count_that_is_told() {
    let told = |live: Value, kept: Value, old: Value| {
        let namespace = namespace(&json!({"billable_members_count":live,"seats_in_use":old}));
        let subscription = subscription(&json!({}), &json!({"seats_in_use":kept}), &json!({}));
        let pool = group(&namespace, Some(&subscription));
        (pool.allocated, pool.as_of)
    };
    assert_eq!(told(json!(0), json!(2), json!(3)), (Some(0), Some("2026-02-01".to_owned())), "zero is a count");
    assert_eq!(told(Value::Null, json!(2), json!(3)), (Some(2), None), "its day is not known");
    assert_eq!(told(Value::Null, Value::Null, json!(3)), (Some(3), None));
    assert_eq!(told(Value::Null, Value::Null, Value::Null), (None, None));
}

#[test]
fn a_plan_without_a_price_has_no_number_of_seats() {
    for code in ["free", "default"] {
        let plan = subscription(
            &json!({"code":code,"auto_renew":null}),
            &json!({"seats_in_subscription":0,"seats_owed":0}),
            &json!({"subscription_end_date":null}),
        );
        let namespace = namespace(&json!({"plan":code,"end_date":null}));
        let pool = group(&namespace, Some(&plan));
        assert_eq!((pool.pool_id, pool.entitled, pool.unlimited), (format!("group:9:{code}"), None, true));
        assert_eq!((pool.overage_now, pool.overage_term, pool.term_end), (None, None, None), "{code}");
        assert_eq!(pool.allocated, Some(48), "there are people in it all the same");
        assert!(is_free(Some(code)));
    }
    for code in [Some("premium"), Some("opensource"), Some("ultimate_trial"), Some("Free"), None] {
        assert!(!is_free(code), "{code:?}");
    }
}

#[test]
fn every_plan_keeps_its_code_and_gets_a_name_for_people() {
    for (code, feature) in [
        ("premium", "Premium seat"),
        ("ultimate", "Ultimate seat"),
        ("ultimate_trial", "Ultimate trial seat"),
        ("premium_trial", "Premium trial seat"),
        ("ultimate_trial_paid_customer", "Ultimate trial paid customer seat"),
        ("opensource", "Opensource seat"),
        ("bronze", "Bronze seat"),
        ("silver", "Silver seat"),
        ("gold", "Gold seat"),
        ("brand_new", "Brand new seat"),
        ("ümlaut", "Ümlaut seat"),
    ] {
        let plan = subscription(&json!({"code":code}), &json!({}), &json!({}));
        let pool = group(&namespace(&json!({})), Some(&plan));
        assert_eq!((pool.feature.as_str(), pool.plan_code.as_deref()), (feature, Some(code)));
        assert_eq!((pool.pool_id, pool.entitled, pool.unlimited), (format!("group:9:{code}"), Some(50), false));
    }
    let by_namespace = subscription(&json!({"code":null}), &json!({}), &json!({}));
    let pool = group(&namespace(&json!({"plan":"ultimate"})), Some(&by_namespace));
    assert_eq!(pool.plan_code.as_deref(), Some("ultimate"));
}

#[test]
fn a_trial_ends_with_itself() {
    let trial = subscription(
        &json!({"code":"ultimate_trial","trial":true,"auto_renew":null}),
        &json!({"seats_in_subscription":0}),
        &json!({"subscription_end_date":null,"trial_ends_on":"2026-02-20"}),
    );
    let pool = group(&namespace(&json!({"trial":false,"end_date":null})), Some(&trial));
    assert_eq!((pool.is_trial, pool.auto_renew), (Some(true), None), "the subscription goes before the namespace");
    assert_eq!(pool.term_end.as_deref(), Some("2026-02-20"));
    let untold = subscription(&json!({"trial":null}), &json!({}), &json!({"subscription_end_date":null}));
    let by_namespace = json!({"trial":true,"end_date":null,"trial_ends_on":"2026-02-21"});
    let pool = group(&namespace(&by_namespace), Some(&untold));
    assert_eq!((pool.is_trial, pool.term_end.as_deref()), (Some(true), Some("2026-02-21")));
}

#[test]
fn the_end_of_a_term_is_that_of_the_subscription_before_any_other() {
    let end = |billing: Value, kept: Value, trial: Value| {
        let namespace = namespace(&json!({"end_date":kept,"trial_ends_on":trial}));
        group(&namespace, Some(&subscription(&json!({}), &json!({}), &billing))).term_end
    };
    let day = |text: &str| Some(text.to_owned());
    let both = json!({"subscription_end_date":"2026-09-01","trial_ends_on":"2026-09-02"});
    assert_eq!(end(both, json!("2026-09-03"), json!("2026-09-04")), day("2026-09-01"));
    let trial = json!({"subscription_end_date":null,"trial_ends_on":"2026-09-02"});
    assert_eq!(end(trial, json!("2026-09-03"), json!("2026-09-04")), day("2026-09-02"));
    let neither = json!({"subscription_end_date":null});
    assert_eq!(end(neither.clone(), json!("2026-09-03"), json!("2026-09-04")), day("2026-09-03"));
    assert_eq!(end(neither.clone(), Value::Null, json!("2026-09-04")), day("2026-09-04"));
    assert_eq!(end(neither, Value::Null, Value::Null), None);
}

#[test]
fn names_that_a_customer_chose_are_cleaned() {
    let hostile = namespace(&json!({"full_path":"ac\u{1b}[31mme\n\u{202e}x","plan":"pre\nmium"}));
    let pool = group(&hostile, None);
    assert_eq!((pool.scope_name.as_str(), pool.pool_id.as_str()), ("ac [31mme x", "group:9:pre mium"));
    assert_eq!(pool.feature, "Pre mium seat");
    let unnamed = namespace(&json!({"full_path":null,"name":"Acme Inc."}));
    assert_eq!(group(&unnamed, None).scope_name, "Acme Inc.");
}

fn purchase(name: Value, bought: Value, assigned: Value) -> Purchase {
    let gid = "gid://gitlab/GitlabSubscriptions::AddOnPurchase/5";
    read(&json!({"id":gid,"name":name,"bought":bought,"assigned":assigned}).to_string())
}

#[test]
fn add_ons_become_pools_of_the_instance_or_of_a_group() {
    let group = Id::parse("9").unwrap();
    let place = AddOnPlace { group: Some(&group), name: "acme" };
    let pool = add_on_pool(&purchase(json!("CODE_SUGGESTIONS"), json!(5), json!(7)), place);
    let expected = Pool {
        pool_id: "group:9:add-on:CODE_SUGGESTIONS".to_owned(),
        scope_id: "group:9".to_owned(),
        scope_name: "acme".to_owned(),
        feature: "GitLab Duo Pro".to_owned(),
        plan_code: Some("CODE_SUGGESTIONS".to_owned()),
        kind: PoolKind::AddOn,
        entitled: Some(5),
        allocated: Some(7),
        overage_now: Some(2),
        ..Pool::default()
    };
    assert_eq!(pool, expected);
    let instance = AddOnPlace { group: None, name: "gitlab.example" };
    let pool = add_on_pool(&purchase(json!("DUO_ENTERPRISE"), json!(5), json!(4)), instance);
    assert_eq!(
        (pool.pool_id.as_str(), pool.scope_id.as_str(), pool.scope_name.as_str()),
        ("instance:add-on:DUO_ENTERPRISE", "instance", "gitlab.example")
    );
    assert_eq!((pool.feature.as_str(), pool.overage_now), ("GitLab Duo Enterprise", Some(0)));
}

#[test]
fn an_add_on_that_comes_with_the_plan_has_no_seats_that_were_bought() {
    let place = AddOnPlace { group: None, name: "x" };
    let pool = add_on_pool(&purchase(json!("DUO_CORE"), json!(300), json!(0)), place);
    assert_eq!((pool.feature.as_str(), pool.entitled, pool.unlimited), ("GitLab Duo Core", None, true));
    assert_eq!((pool.allocated, pool.overage_now), (None, None));
}

#[test]
fn add_ons_that_are_not_known_pass_through_under_their_own_name() {
    let place = AddOnPlace { group: None, name: "x" };
    let pool = |name: Value| add_on_pool(&purchase(name, json!(3), Value::Null), place);
    let known = pool(json!("DUO_AMAZON_Q"));
    assert_eq!((known.feature.as_str(), known.entitled, known.unlimited), ("GitLab Duo with Amazon Q", Some(3), false));
    let new = pool(json!("MIND_READER"));
    assert_eq!((new.pool_id.as_str(), new.feature.as_str()), ("instance:add-on:MIND_READER", "MIND_READER"));
    assert_eq!((new.plan_code.as_deref(), new.allocated, new.overage_now), (Some("MIND_READER"), None, None));
    let hostile = pool(json!("A\u{0}\nB"));
    assert_eq!((hostile.pool_id.as_str(), hostile.feature.as_str()), ("instance:add-on:A B", "A B"));
    let unnamed = pool(Value::Null);
    assert_eq!((unnamed.pool_id.as_str(), unnamed.plan_code), ("instance:add-on:unknown", None));
    for (name, expected) in [
        ("CODE_SUGGESTIONS", true),
        ("DUO_ENTERPRISE", true),
        (DUO_CORE, false),
        ("DUO_AMAZON_Q", false),
        ("MIND_READER", false),
        ("", false),
    ] {
        assert_eq!(seat_assignable(name), expected, "{name}");
    }
}
