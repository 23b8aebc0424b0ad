//! Who holds a seat, and why somebody does not.

use super::*;
use crate::gitlab::entities::Membership;
use crate::record::{Assignment, Via};

const PREMIUM: SeatRules<'static> = SeatRules { plan: Some("premium"), release: Some((18, 9)), guests_free: None };

fn reason_for(changes: &Value, rules: SeatRules<'_>) -> Option<&'static str> {
    let assignment = instance_assignment(&row(changes), "p", rules).unwrap();
    assert_eq!(assignment.consumes_seat, Some(false));
    assignment.non_consuming_reason
}

#[test]
fn the_verdict_is_gitlabs_and_has_no_reason_when_it_is_yes() {
    // Blocked and a bot, and GitLab says that a seat is held: then it is.
    let holder = row(&json!({"using_license_seat":true,"state":"blocked","bot":true}));
    let expected = Assignment {
        pool_id: "instance:premium".to_owned(),
        user_id: "501".to_owned(),
        consumes_seat: Some(true),
        ..Assignment::default()
    };
    assert_eq!(instance_assignment(&holder, "instance:premium", PREMIUM), Ok(expected));
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
        assert_eq!(reason_for(&json!({"state":state,"bot":true}), PREMIUM), reason, "{state}");
    }
    assert_eq!(reason_for(&json!({"state":null}), PREMIUM), None);
    assert_eq!(reason_for(&json!({"bot":true}), PREMIUM), Some("bot"));
    let service = json!({"bot":true,"username":"service_account_group_9_ab"});
    assert_eq!(reason_for(&service, PREMIUM), Some("service-account"));
    assert_eq!(reason_for(&json!({"bot":null}), PREMIUM), None);
    assert_eq!(reason_for(&json!({"bot":null,"username":"project_7_bot_ab"}), PREMIUM), Some("bot"));
}

#[test]
fn a_human_without_a_seat_is_explained_by_plan_and_release() {
    for (plan, release, reason) in [
        (Some("ultimate"), Some((15, 0)), Some("guest-or-no-membership")),
        (Some("ultimate"), None, Some("guest-or-no-membership")),
        (Some("premium"), Some((18, 9)), Some("minimal-access")),
        (Some("starter"), Some((19, 0)), Some("minimal-access")),
        (Some("premium"), Some((18, 8)), None),
        (Some("premium"), None, None),
        (Some("gold"), Some((19, 0)), None),
        (None, Some((19, 0)), None),
    ] {
        let rules = SeatRules { plan, release, guests_free: None };
        assert_eq!(reason_for(&json!({}), rules), reason, "{plan:?} {release:?}");
    }
}

#[test]
fn a_downgraded_row_is_never_data() {
    let basic: PersonRow = read(r#"{"id":1,"username":"a","name":"A","state":"active"}"#);
    assert_eq!(instance_assignment(&basic, "p", PREMIUM), Err(Downgraded::NotAdministrator));
    assert!(!has_full_rows(&basic));
    let community: PersonRow = read(r#"{"id":1,"username":"a","is_admin":true}"#);
    assert_eq!(instance_assignment(&community, "p", PREMIUM), Err(Downgraded::NoSeatFlag));
    assert!(has_full_rows(&community));
    assert!(has_full_rows(&row(&json!({}))), "of somebody who is no administrator, too");
}

#[test]
fn the_list_of_billable_members_tells_how_a_seat_came_about() {
    for (membership_type, via) in [
        (json!("group_member"), Via::Direct),
        (json!("group_invite"), Via::GroupInvite),
        (json!("project_member"), Via::ProjectMember),
        (json!("project_invite"), Via::ProjectInvite),
        (json!("planet_member"), Via::Unknown),
        (Value::Null, Via::Unknown),
    ] {
        let row =
            member(&json!({"membership_type":membership_type,"removable":false,"created_at":"2020-01-01T00:00:00Z"}));
        let expected = Assignment {
            pool_id: "group:9:premium".to_owned(),
            user_id: "501".to_owned(),
            consumes_seat: Some(true),
            via,
            reclaimable: Some(false),
            // The date of this list is that of the account.
            ..Assignment::default()
        };
        assert_eq!(billable(&row, "group:9:premium", None, &[]), expected, "{membership_type}");
    }
    let removable = |value: Value| billable(&member(&json!({"removable":value})), "p", None, &[]).reclaimable;
    assert_eq!((removable(json!(true)), removable(Value::Null)), (Some(true), None));
}

/// Somebody in the list is a holder whatever else the row or another list says.
#[test]
fn being_listed_as_billable_is_the_verdict() {
    let blocked = member(&json!({"state":"blocked","access_level":5,"is_using_seat":false}));
    let assignment = billable(&blocked, "p", Some(&blocked), &[]);
    assert_eq!((assignment.consumes_seat, assignment.non_consuming_reason), (Some(true), None));
}

#[test]
fn role_and_days_come_from_the_list_of_members() {
    let in_group =
        member(&json!({"access_level":30,"created_at":"2024-05-02T23:30:00.000-02:00","expires_at":"2026-12-31"}));
    let assignment = billable(&member(&json!({})), "p", Some(&in_group), &[]);
    assert_eq!(assignment.role.as_deref(), Some("Developer"));
    assert_eq!(
        (assignment.assigned_on.as_deref(), assignment.ends_on.as_deref()),
        (Some("2024-05-03"), Some("2026-12-31"))
    );
    let custom = member(&json!({"access_level":10,"member_role":{"id":4,"name":"Security\u{7} lead"}}));
    let assignment = billable(&member(&json!({})), "p", Some(&custom), &[]);
    assert_eq!(assignment.role.as_deref(), Some("Guest (Security lead)"));
    assert_eq!((assignment.assigned_on, assignment.ends_on), (None, None));
    for nameless in [json!({"id":4,"name":null}), json!({"id":4,"name":""}), json!({}), Value::Null] {
        let row = member(&json!({"access_level":20,"member_role":nameless}));
        assert_eq!(group_member(&row, "p", PREMIUM).role.as_deref(), Some("Reporter"), "{nameless}");
    }
}

#[test]
fn every_role_has_gitlabs_name() {
    for (level, name) in [
        (5, "Minimal Access"),
        (10, "Guest"),
        (15, "Planner"),
        (20, "Reporter"),
        (25, "Security Manager"),
        (30, "Developer"),
        (40, "Maintainer"),
        (50, "Owner"),
        (27, "Level 27"),
        (0, "Level 0"),
    ] {
        let row = member(&json!({"access_level":level}));
        assert_eq!(group_member(&row, "p", PREMIUM).role.as_deref(), Some(name));
    }
}

fn membership(level: u16, since: &str, end: Option<&str>, custom: Value) -> Value {
    json!({"id":1,"source_id":9,"source_full_name":"Acme","created_at":since,"expires_at":end,
        "access_level":{"string_value":"x","integer_value":level,"custom_role":custom}})
}

fn drilled(memberships: &Value, in_group: Option<&Value>) -> Assignment {
    let memberships: Vec<Membership> = read(&memberships.to_string());
    let in_group = in_group.map(member);
    billable(&member(&json!({})), "p", in_group.as_ref(), &memberships)
}

#[test]
fn of_several_memberships_the_highest_role_and_the_earliest_day_count() {
    let several = json!([
        membership(20, "2023-03-01T10:00:00Z", None, Value::Null),
        membership(40, "2024-01-01T10:00:00Z", None, Value::Null),
        // Minimal Access is no work, and a membership all the same.
        membership(5, "2022-12-31T23:30:00-01:00", None, Value::Null),
    ]);
    let alone = drilled(&several, None);
    assert_eq!((alone.role.as_deref(), alone.assigned_on.as_deref()), (Some("Maintainer"), Some("2023-01-01")));
    let later = json!({"access_level":30,"created_at":"2025-01-01T00:00:00Z"});
    let assignment = drilled(&several, Some(&later));
    assert_eq!(
        (assignment.role.as_deref(), assignment.assigned_on.as_deref()),
        (Some("Maintainer"), Some("2023-01-01"))
    );
    let earlier = json!({"access_level":50,"created_at":"2021-06-01T00:00:00Z"});
    let assignment = drilled(&several, Some(&earlier));
    assert_eq!((assignment.role.as_deref(), assignment.assigned_on.as_deref()), (Some("Owner"), Some("2021-06-01")));
}

#[test]
fn a_custom_role_of_the_highest_membership_is_named() {
    let custom = json!({"id":3,"name":"Auditor"});
    let role = |memberships: Value, in_group: Option<Value>| drilled(&memberships, in_group.as_ref()).role;
    let since = "2024-01-01T00:00:00Z";
    let guest = || membership(10, since, None, custom.clone());
    assert_eq!(role(json!([guest()]), None).as_deref(), Some("Guest (Auditor)"));
    assert_eq!(role(json!([guest(), membership(30, since, None, Value::Null)]), None).as_deref(), Some("Developer"));
    // Of two with one level the one that says more.
    let plain = membership(10, since, None, Value::Null);
    assert_eq!(role(json!([guest(), plain]), None).as_deref(), Some("Guest (Auditor)"));
    // The list of members knows the name of the role in the group itself.
    let known = json!({"access_level":10,"member_role":{"name":"Lead"}});
    assert_eq!(role(json!([guest()]), Some(known)).as_deref(), Some("Guest (Lead)"));
    let broken = json!([{"id":1,"access_level":{"string_value":"x"}},{"id":2,"access_level":null},{"id":3}]);
    assert_eq!(role(broken, None), None);
}

#[test]
fn a_seat_ends_only_if_every_membership_does() {
    let since = "2024-01-01T00:00:00Z";
    let until = |day: Option<&str>| membership(30, since, day, Value::Null);
    let ends = |memberships: Value, in_group: Option<Value>| drilled(&memberships, in_group.as_ref()).ends_on;
    let (june, may) = (Some("2026-06-30"), Some("2026-05-31"));
    assert_eq!(ends(json!([until(may), until(june)]), None).as_deref(), june);
    assert_eq!(ends(json!([until(june), until(may)]), None).as_deref(), june, "in any order");
    assert_eq!(ends(json!([until(june), until(None)]), None), None);
    let in_group = |end: Option<&str>| json!({"access_level":30,"expires_at":end});
    assert_eq!(ends(json!([until(may)]), Some(in_group(june))).as_deref(), june);
    assert_eq!(ends(json!([until(may)]), Some(in_group(None))), None);
}

#[test]
fn without_a_drill_down_the_list_of_members_stands() {
    let in_group = json!({"access_level":30,"created_at":"2024-05-02T00:00:00Z","expires_at":"2026-12-31"});
    let assignment = drilled(&json!([]), Some(&in_group));
    assert_eq!(assignment.role.as_deref(), Some("Developer"));
    assert_eq!(
        (assignment.assigned_on.as_deref(), assignment.ends_on.as_deref()),
        (Some("2024-05-02"), Some("2026-12-31"))
    );
}

#[test]
fn a_member_without_a_seat_has_the_reason_that_the_row_shows() {
    let reason = |changes: &Value, guests_free: Option<bool>| {
        let mut row = json!({"is_using_seat":false,"access_level":30});
        for (key, value) in changes.as_object().unwrap() {
            row[key] = value.clone();
        }
        let rules = SeatRules { plan: Some("ultimate"), release: None, guests_free };
        let assignment = member_only(&member(&row), "p", rules).unwrap();
        assert_eq!(assignment.consumes_seat, Some(false));
        assignment.non_consuming_reason
    };
    for (changes, guests_free, expected) in [
        (json!({}), None, None),
        (json!({"access_level":5}), None, Some("minimal-access")),
        (json!({"access_level":10}), Some(true), Some("guest")),
        (json!({"access_level":10}), Some(false), None),
        (json!({"access_level":10}), None, None),
        (json!({"access_level":20}), Some(true), None),
        (json!({"membership_state":"awaiting"}), None, Some("awaiting-approval")),
        (json!({"membership_state":"awaiting","access_level":5}), None, Some("awaiting-approval")),
        (json!({"membership_state":"active","access_level":5}), None, Some("minimal-access")),
        (json!({"state":"blocked","membership_state":"awaiting"}), None, Some("blocked")),
        (json!({"state":"deactivated"}), None, Some("deactivated")),
        (json!({"state":"banned"}), None, Some("banned")),
        (json!({"state":"blocked_pending_approval"}), None, Some("pending-approval")),
        (json!({"state":"asleep","access_level":5}), None, None),
        (json!({"username":"group_9_bot_ab12","access_level":5}), None, Some("bot")),
        (json!({"username":"service_account_group_9_ab"}), None, Some("service-account")),
    ] {
        assert_eq!(reason(&changes, guests_free), expected, "{changes} {guests_free:?}");
    }
}

#[test]
fn nobody_is_said_to_have_no_seat_unless_gitlab_says_so() {
    for verdict in [json!(true), Value::Null] {
        let row = member(&json!({"is_using_seat":verdict,"access_level":5}));
        assert_eq!(member_only(&row, "p", PREMIUM), None, "{verdict}");
        let assignment = group_member(&row, "p", PREMIUM);
        assert_eq!((assignment.consumes_seat, assignment.non_consuming_reason), (verdict.as_bool(), None));
    }
}

#[test]
fn a_member_has_role_and_days_whatever_the_verdict() {
    let row = member(
        &json!({"is_using_seat":false,"access_level":10,"created_at":"2024-05-02T00:00:00Z","expires_at":"2026-12-31"}),
    );
    let rules = SeatRules { plan: Some("gold"), release: None, guests_free: Some(true) };
    let expected = Assignment {
        pool_id: "group:9:gold".to_owned(),
        user_id: "501".to_owned(),
        consumes_seat: Some(false),
        non_consuming_reason: Some("guest"),
        role: Some("Guest".to_owned()),
        assigned_on: Some("2024-05-02".to_owned()),
        ends_on: Some("2026-12-31".to_owned()),
        ..Assignment::default()
    };
    assert_eq!(group_member(&row, "group:9:gold", rules), expected);
    assert_eq!(member_only(&row, "group:9:gold", rules), Some(expected));
}

#[test]
fn a_holder_of_an_add_on_has_the_day_of_its_last_use() {
    let day = |changes: Value| holder(&member(&changes), "p").last_activity_on;
    assert_eq!(
        day(json!({"last_duo_activity_on":"2026-01-30","last_activity_on":"2026-01-31"})).as_deref(),
        Some("2026-01-30")
    );
    assert_eq!(day(json!({"last_duo_activity_on":null,"last_activity_on":"2026-01-31"})), None);
    assert_eq!(day(json!({"last_activity_on":"2026-01-31"})), None, "activity elsewhere is none of it");
    // Seats of add-ons are given to people who hold no other seat, too.
    let blocked = holder(&member(&json!({"state":"blocked","access_level":5})), "instance:add-on:DUO_ENTERPRISE");
    let expected = Assignment {
        pool_id: "instance:add-on:DUO_ENTERPRISE".to_owned(),
        user_id: "501".to_owned(),
        consumes_seat: Some(true),
        ..Assignment::default()
    };
    assert_eq!(blocked, expected);
}
