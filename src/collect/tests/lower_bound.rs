//! Callers who may not see all seats: what they see is delivered as a lower bound, and called so.

use super::*;

/// An instance that shows `user` neither the license nor full rows.
fn restricted(user: &str, seen: Response) -> Vec<Line> {
    let mut lines = opening(json(200, METADATA), json(200, user), json(403, FORBIDDEN));
    lines.push(line(ONE_ROW, list([r#"{"id":1,"username":"root","name":"R","state":"active"}"#.to_owned()])));
    lines.push(line("/api/graphql currentLicense", seen));
    lines
}

/// Two pages of people, and two groups of which one has members.
fn what_a_member_sees() -> Vec<Line> {
    vec![
        line("/api/graphql \"after\":null", of_instance(&people(&[9, 1], Some("p2")))),
        line("/api/graphql \"after\":\"p2\"", of_instance(&people(&[4], None))),
        line(group_list(10, 1, 50), last(groups_of([3, 5]))),
        line(members_path(3, 1), last(list([member(4, 30, Some(true)), member(9, 10, Some(false))]))),
        line(members_path(5, 1), last(list([member(4, 50, Some(true)), member(1, 5, None)]))),
    ]
}

#[test]
fn an_ordinary_member_of_an_instance_brings_people_activity_and_the_seats_of_groups() {
    let mut lines = restricted(MEMBER, hidden("license"));
    lines.extend(what_a_member_sees());
    let run = Run::to_the_end(&without_add_ons(), lines);
    assert_eq!(
        run.stages(),
        [Stage::SeenUsers, Stage::SeenUsers, Stage::Groups, Stage::Group, Stage::Members, Stage::Group, Stage::Members]
    );
    assert!(!run.is_complete());
    assert_eq!(run.summary().requests, 10);
    assert_eq!(run.codes(), ["lower-bound"]);
    let message = &run.warning("lower-bound").message;
    assert!(message.contains("@mira is not an administrator") && message.contains("lower bound"), "{message}");

    assert_eq!(run.pool_ids(), ["instance:unknown"]);
    assert_eq!(
        run.verdicts(),
        [
            ("instance:unknown", "4", Some(true)),
            ("instance:unknown", "9", Some(false)),
            ("instance:unknown", "4", Some(true)),
            ("instance:unknown", "1", None)
        ]
    );
    for seat in run.assignments() {
        assert_eq!((&seat.role, &seat.assigned_on, &seat.ends_on), (&None, &None, &None), "the seat is the instance's");
    }
    let seen = run.users()[0];
    assert_eq!(
        (seen.user_id.as_str(), seen.activity, seen.last_activity_on.as_deref()),
        ("9", Activity::Known, Some("2026-01-10"))
    );
    assert_eq!(seen.created_at.as_deref(), Some("2020-01-01T00:00:00Z"));
    let in_group = run.users()[3];
    assert_eq!(
        (in_group.user_id.as_str(), in_group.activity, in_group.created_at.as_deref()),
        ("4", Activity::NotReadable, None)
    );

    let source = run.source();
    assert_eq!(source.capabilities.assignments, Capability::Unknown);
    assert_eq!((source.capabilities.totals, source.capabilities.email), (Capability::No, Capability::No));
}

#[test]
fn admin_mode_is_named_and_what_graphql_tells_all_the_same_is_delivered() {
    let license = r#"{"data":{"license":{"plan":"premium","starts_at":"2026-01-01","expires_at":"2026-12-31","user_limit":2,"active_users":3,"maximum_user_count":4,"trial":false}}}"#;
    let mut lines = restricted(ADMIN, json(200, license));
    lines.extend(what_a_member_sees());
    let run = Run::to_the_end(&without_add_ons(), lines);
    assert!(!run.is_complete());
    assert_eq!(run.codes(), ["lower-bound"]);
    let message = &run.warning("lower-bound").message;
    assert!(message.contains("@root is an administrator") && message.contains("Admin Mode"), "{message}");
    assert!(message.contains("scopes=read_api,read_user,admin_mode"), "the link creates the right token: {message}");
    let pool = run.pools()[0];
    assert_eq!((pool.pool_id.as_str(), pool.entitled, pool.allocated), ("instance:premium", Some(2), Some(3)));
    assert_eq!((pool.overage_now, pool.overage_term), (Some(1), Some(2)));
    let capabilities = run.source().capabilities;
    assert_eq!((capabilities.totals, capabilities.assignments), (Capability::Yes, Capability::Unknown));
    assert!(run.verdicts().iter().all(|(pool, _, _)| *pool == "instance:premium"));
}

/// GraphQL passes over Admin Mode, and may tell of add-ons; then also who holds a seat of them, once and not by group.
#[test]
fn add_ons_that_admin_mode_does_not_hide_are_read_with_their_holders() {
    let mut lines = restricted(ADMIN, hidden("license"));
    let bought = r#"{"data":{"purchases":[{"id":"gid://gitlab/GitlabSubscriptions::AddOnPurchase/5","name":"DUO_ENTERPRISE","bought":2,"assigned":1}]}}"#;
    lines.push(line("/api/graphql addOnPurchases", json(200, bought)));
    let holders = json(200, &format!(r#"{{"data":{{"list":{}}}}}"#, people(&[4], None)));
    lines.push(line("/api/graphql selfManagedAddOnEligibleUsers", holders));
    lines.extend(what_a_member_sees());
    let run = Run::to_the_end(&configuration(&[]), lines);
    let holders: Vec<&str> = run
        .assignments()
        .iter()
        .filter(|seat| seat.pool_id == "instance:add-on:DUO_ENTERPRISE")
        .map(|seat| seat.user_id.as_str())
        .collect();
    assert_eq!(holders, ["4"]);
    assert_eq!(run.source().capabilities.add_ons, Capability::Yes);
}

/// Taken for "not told", the same license would be another pool from one day to the next.
#[test]
fn a_license_that_fails_to_come_is_not_one_that_is_hidden() {
    let lines = restricted(ADMIN, json(500, "{}"));
    assert!(matches!(call(&mut Script::new(lines), None), Err(Failure::Upstream { status: 500, .. })));
}

/// The list of users may be closed to this caller altogether.
#[test]
fn a_list_of_users_that_is_refused_is_a_lower_bound_and_one_that_fails_a_failure() {
    let start = |rows: Response| {
        let mut lines = opening(json(200, METADATA), json(200, MEMBER), json(403, FORBIDDEN));
        lines.push(line(ONE_ROW, rows));
        lines.push(line("/api/graphql currentLicense", hidden("license")));
        call(&mut Script::new(lines), None)
    };
    for answer in
        [json(403, FORBIDDEN), json(403, r#"{"error":"insufficient_scope","scope":"read_user api"}"#), list([])]
    {
        let batch = start(answer).unwrap();
        assert_eq!(codes(&batch.warnings), ["lower-bound"]);
        assert_eq!(place_in(&batch, &without_add_ons()).stage, Stage::SeenUsers);
    }
    for answer in [json(500, "{}"), json(200, "{}"), json(401, EXPIRED)] {
        let failure = start(answer).unwrap_err();
        assert_eq!(failure.explanation().endpoint.as_deref(), Some("GET /api/v4/users"), "{failure:?}");
    }
}

#[test]
fn without_the_list_of_people_the_groups_are_read_all_the_same() {
    for answer in [
        hidden("list"),
        undefined("users"),
        json(404, NO_ROUTE),
        json(401, r#"{"errors":[{"message":"Invalid token"}]}"#),
    ] {
        let mut lines = restricted(MEMBER, hidden("license"));
        lines.push(line("/api/graphql users(first", answer));
        lines.push(line(group_list(10, 1, 50), last(groups_of([3]))));
        lines.push(line(members_path(3, 1), last(list([member(4, 30, Some(true))]))));
        let run = Run::to_the_end(&without_add_ons(), lines);
        assert_eq!(run.codes(), ["lower-bound", "activity-not-read"]);
        assert_eq!(run.warning("activity-not-read").scope.as_deref(), Some("POST /api/graphql"));
        assert_eq!((run.ids(), run.is_complete()), (vec!["4"], false));
    }
}

#[test]
fn a_list_of_people_that_stops_in_the_middle_keeps_what_came() {
    let mut lines = restricted(MEMBER, hidden("license"));
    lines.push(line("/api/graphql \"after\":null", of_instance(&people(&[9, 1], Some("p2")))));
    lines.push(line("/api/graphql \"after\":\"p2\"", of_instance(&people(&[4], Some("p2")))));
    lines.push(line(group_list(10, 1, 50), last(groups_of([]))));
    let run = Run::to_the_end(&without_add_ons(), lines);
    assert_eq!((run.ids(), run.is_complete()), (vec!["9", "1", "4"], false));
    assert_eq!(run.codes(), ["lower-bound", "list-does-not-advance"]);
    let warning = run.warning("list-does-not-advance");
    assert!(warning.scope.as_deref().unwrap().starts_with("POST /api/graphql, page 2"), "{warning:?}");
}

/// What a maintainer of GitLab.com is asked and told at the beginning.
fn maintainer(group: &str) -> Vec<Line> {
    vec![
        line("/api/v4/metadata", json(200, METADATA)),
        line("/api/v4/user", json(200, MEMBER)),
        line(group_list(50, 1, 50), last(groups_of([]))),
        line(group_list(40, 1, 50), last(groups_of([9]))),
        line("/api/v4/namespaces/9", json(200, group)),
        line("/api/v4/namespaces/9/gitlab_subscription", json(403, FORBIDDEN)),
    ]
}

const RESTRICTED: &str = r#"{"id":9,"name":"G","path":"g9","kind":"group","full_path":"g9","parent_id":null,"billable_members_count":null,"seats_in_use":null,"max_seats_used":null,"max_seats_used_changed_at":null,"end_date":null}"#;

#[test]
fn a_maintainer_brings_the_members_of_the_group_and_what_gitlab_says_of_each() {
    let mut lines = maintainer(RESTRICTED);
    lines.push(line(
        members_path(9, 1),
        last(list([member(4, 30, Some(true)), member(2, 40, Some(false)), member(1, 10, None)])),
    ));
    lines.push(line(
        "/api/graphql groupMembers",
        of_group(&connection(
            &[
                r#"{"user":{"id":"gid://gitlab/User/4","username":"u4","state":"active","bot":false,"last_activity_on":"2026-01-30"}}"#.to_owned(),
                // Invited by address, and hidden from the caller.
                r#"{"user":null}"#.to_owned(),
                "null".to_owned(),
                r#"{"user":{"id":"gid://gitlab/User/11","username":"u11","state":"active","bot":false,"last_activity_on":null}}"#.to_owned(),
            ],
            None,
        )),
    ));
    let com = settings_of("gitlab.com", &[("add_ons", "false")]);
    let run = Run::to_the_end(&com, lines);
    assert_eq!(run.stages(), [Stage::Group, Stage::Members, Stage::SeenMembers]);
    assert!(!run.is_complete());
    assert_eq!(run.codes(), ["lower-bound"]);
    let warning = run.warning("lower-bound");
    assert!(warning.message.contains("no Owner of g9"), "{warning:?}");
    assert_eq!(warning.scope.as_deref(), Some("group:9:unknown"));
    let pool = run.pools()[0];
    assert_eq!(
        (pool.entitled, pool.unlimited, pool.allocated, pool.max_allocated),
        (None, false, None, None),
        "null is not zero"
    );

    assert_eq!(run.ids(), ["4", "2", "1", "4", "11"]);
    let verdicts: Vec<_> = run
        .assignments()
        .iter()
        .map(|seat| (seat.user_id.as_str(), seat.consumes_seat, seat.role.as_deref()))
        .collect();
    assert_eq!(
        verdicts,
        [("4", Some(true), Some("Developer")), ("2", Some(false), Some("Maintainer")), ("1", None, Some("Guest"))]
    );
    assert_eq!((run.users()[3].activity, run.users()[4].activity), (Activity::Known, Activity::Never));
    let capabilities = run.source().capabilities;
    assert_eq!((capabilities.totals, capabilities.assignments), (Capability::No, Capability::Unknown));
    let query = run.script.queries().pop().unwrap();
    assert!(query.contains(r#""path":"g9""#), "{query}");
}

/// Up to 18.8 every member reads the figures of a namespace, all but those of the purchase.
#[test]
fn what_an_older_version_tells_a_maintainer_is_delivered() {
    let older = RESTRICTED
        .replace("\"billable_members_count\":null", "\"billable_members_count\":7")
        .replace("\"max_seats_used\":null", "\"max_seats_used\":9")
        .replace("\"end_date\":null", "\"end_date\":\"2026-08-31\"");
    let mut lines = maintainer(&older);
    lines.push(line(members_path(9, 1), last(list([member(4, 30, Some(true))]))));
    lines.push(line("/api/graphql groupMembers", of_group(&connection(&[], None))));
    let run = Run::to_the_end(&settings_of("gitlab.com", &[("add_ons", "false")]), lines);
    let pool = run.pools()[0];
    assert_eq!((pool.allocated, pool.max_allocated, pool.entitled), (Some(7), Some(9), None));
    assert_eq!(pool.term_end.as_deref(), Some("2026-08-31"));
    assert_eq!((run.codes(), run.is_complete()), (vec!["lower-bound"], false));
}

#[test]
fn without_any_group_the_run_fails_and_names_the_role() {
    let lines = vec![
        line("/api/v4/metadata", json(200, METADATA)),
        line("/api/v4/user", json(200, MEMBER)),
        line(group_list(50, 1, 50), last(groups_of([]))),
        line(group_list(40, 1, 50), last(groups_of([]))),
    ];
    let run = Run::until_it_stops(&settings_of("gitlab.com", &[]), Script::new(lines));
    let Some(Failure::Forbidden { missing, explanation }) = &run.failure else { panic!("{:?}", run.failure) };
    assert_eq!((missing.as_str(), explanation.message.as_str()), ("Owner", NO_GROUP));
    assert_eq!(explanation.hint.as_deref(), Some(BE_AN_OWNER));
    assert_eq!(run.script.unused(), Vec::<&str>::new());
}

/// GitLab lists public groups to somebody whom it does not know.
#[test]
fn public_groups_are_nobodys() {
    let lines = vec![
        line("/api/v4/metadata", json(200, METADATA)),
        line("/api/v4/user", json(401, r#"{"message":"401 Unauthorized"}"#)),
        line(group_list(50, 1, 50), last(groups_of([1, 2]))),
    ];
    let run = Run::until_it_stops(&settings_of("gitlab.com", &[]), Script::new(lines));
    assert!(
        matches!(run.failure, Some(Failure::Unauthorized { reason: Rejection::Rejected, .. })),
        "{:?}",
        run.failure
    );
    assert_eq!(run.script.seen.len(), 3);
}

/// An owner whom GitLab refuses the list of seats: 400, as to everybody without the right.
#[test]
fn seats_that_are_refused_to_an_owner_become_a_lower_bound() {
    for (status, body) in [
        (400, r#"{"message":"400 Bad request"}"#),
        (403, FORBIDDEN),
        (404, r#"{"message":"404 Group Not Found"}"#),
        (404, NO_ROUTE),
    ] {
        let namespace =
            r#"{"id":9,"kind":"group","full_path":"g9","parent_id":null,"plan":"premium","billable_members_count":2}"#;
        let lines = vec![
            line("/api/v4/metadata", json(200, METADATA)),
            line("/api/v4/user", json(200, MEMBER)),
            line(group_list(50, 1, 50), last(groups_of([9]))),
            line("/api/v4/namespaces/9", json(200, namespace)),
            line(
                "/api/v4/namespaces/9/gitlab_subscription",
                json(200, r#"{"plan":{},"usage":{"seats_in_subscription":5},"billing":{}}"#),
            ),
            line(members_path(9, 1), last(list([member(4, 30, Some(true))]))),
            line("/api/v4/groups/9/billable_members?per_page=100&page=1", json(status, body)),
            line(members_path(9, 1), last(list([member(4, 30, Some(true))]))),
            line("/api/graphql groupMembers", of_group(&connection(&[], None))),
        ];
        let run = Run::to_the_end(&settings_of("gitlab.com", &[("add_ons", "false")]), lines);
        assert_eq!(run.codes(), ["seats-not-read"], "{status}");
        let warning = run.warning("seats-not-read");
        assert!(warning.message.contains("lower bound"), "{warning:?}");
        assert_eq!(warning.scope.as_deref(), Some("GET /api/v4/groups/9/billable_members"));
        assert_eq!((run.verdicts(), run.is_complete()), (vec![("group:9:premium", "4", Some(true))], false));
    }
}

#[test]
fn members_that_are_refused_leave_the_other_groups_readable() {
    let mut lines = restricted(MEMBER, hidden("license"));
    lines.extend([
        line("/api/graphql users(first", of_instance(&people(&[4], None))),
        line(group_list(10, 1, 50), last(groups_of([3, 5]))),
        line(members_path(3, 1), json(404, r#"{"message":"404 Group Not Found"}"#)),
        line(members_path(5, 1), last(list([member(4, 50, Some(true))]))),
    ]);
    let run = Run::to_the_end(&without_add_ons(), lines);
    assert_eq!(run.codes(), ["lower-bound", "members-not-read"]);
    let scope = run.warning("members-not-read").scope.as_deref();
    assert!(scope.unwrap().starts_with("GET /api/v4/groups/3/members/all"), "{scope:?}");
    assert_eq!(run.verdicts(), [("instance:unknown", "4", Some(true))]);
}

/// Each page begins with the last row of the one before. Where it does not, somebody has left and another may have been
/// passed over: the walk goes back, and delivers some people twice.
#[test]
fn members_are_read_over_several_pages_and_nobody_is_passed_over() {
    let joined: Vec<u64> = (1..=150).map(|n| n * 37 % 151).collect();
    let members =
        |ids: &[u64], next: &str| and_header(list(ids.iter().map(|id| member(*id, 30, None))), "x-next-page", next);
    let first = || {
        let mut lines = restricted(MEMBER, hidden("license"));
        lines.extend([
            line("/api/graphql users(first", of_instance(&people(&[], None))),
            line(group_list(10, 1, 50), last(groups_of([3]))),
            line(members_path(3, 1), members(&joined[..100], "2")),
        ]);
        lines
    };
    let window =
        |page: u64, size: u64| format!("/api/v4/groups/3/members/all?show_seat_info=true&per_page={size}&page={page}");
    let mut lines = first();
    lines.push(line(window(2, 99), members(&joined[99..], "")));
    let run = Run::to_the_end(&without_add_ons(), lines);
    let ids: Vec<String> = joined.iter().map(ToString::to_string).collect();
    assert_eq!(run.ids(), ids, "in the order in which they joined");
    assert_eq!(run.codes(), ["lower-bound"]);

    // The first of them leaves, and somebody joins, so that the number stays.
    let now: Vec<u64> = joined[1..].iter().copied().chain([999]).collect();
    let mut lines = first();
    lines.push(line(window(2, 99), members(&now[99..], "")));
    lines.push(line(window(1, 99), members(&now[..99], "2")));
    lines.push(line(window(2, 98), members(&now[98..], "")));
    let run = Run::to_the_end(&without_add_ons(), lines);
    let mut found: Vec<u64> = run.ids().iter().map(|id| id.parse().unwrap()).collect();
    found.sort_unstable();
    found.dedup();
    let mut all: Vec<u64> = joined.iter().copied().chain([999]).collect();
    all.sort_unstable();
    assert_eq!(found, all);
    assert_eq!(run.codes(), ["lower-bound"]);
}

#[test]
fn a_token_that_ends_after_the_first_people_keeps_them() {
    let mut lines = restricted(MEMBER, hidden("license"));
    lines.extend([
        line("/api/graphql users(first", of_instance(&people(&[4], None))),
        line(group_list(10, 1, 50), json(401, EXPIRED)),
    ]);
    let run = Run::to_the_end(&without_add_ons(), lines);
    assert_eq!(run.codes(), ["lower-bound", "right-ended"]);
    assert_eq!((run.ids(), run.is_complete()), (vec!["4"], false));
    assert!(run.warning("right-ended").scope.as_deref().unwrap().starts_with("GET /api/v4/groups"));
}
