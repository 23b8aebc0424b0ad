//! Answers that contradict each other, or that cannot be all there is: none of these runs is called complete for it, and each
//! says what is wrong.

use super::groups::*;
use super::*;

fn no_add_ons() -> Configuration {
    com(&[("add_ons", "false")])
}

/// The group 9 with this live count, and what comes after its plan.
fn group(counted: u64, more: Vec<Line>) -> Vec<Line> {
    let mut lines = owner(&[9]);
    lines.extend(plan(9, "premium", counted, counted));
    lines.push(line(members_path(9, 1), last(list([member(4, 50, Some(true))]))));
    lines.extend(more);
    lines
}

#[test]
fn a_list_of_seats_that_is_empty_is_not_believed() {
    let run = Run::to_the_end(&no_add_ons(), group(300, vec![billable(9, 100, &[])]));
    assert_eq!((run.codes(), run.is_complete()), (vec!["seats-not-read"], false));
    assert!(run.warning("seats-not-read").message.contains("empty"));
}

/// A count of up to a day ago may be stale; one that was made for this run is not.
#[test]
fn a_list_of_seats_far_below_the_count_of_this_run_is_not_whole() {
    let listed = || vec![billable(9, 100, &[4]), among(9, &[4], last(list([member(4, 50, Some(true))])))];
    for (counted, complete) in [(300, false), (4, false), (3, true)] {
        let run = Run::to_the_end(&no_add_ons(), group(counted, listed()));
        assert_eq!((run.codes(), run.is_complete()), (vec!["allocated-differs"], complete), "{counted}");
    }
    let mut lines = group(300, listed());
    let namespace =
        r#"{"id":9,"kind":"group","full_path":"g9","parent_id":null,"plan":"premium","billable_members_count":null}"#;
    let place = lines.iter().position(|(path, _)| path == "/api/v4/namespaces/9").unwrap();
    lines[place].1 = json(200, namespace);
    let run = Run::to_the_end(&no_add_ons(), lines);
    assert_eq!((run.codes(), run.is_complete()), (vec!["allocated-differs"], true), "both numbers are told");
}

/// Each list is judged by itself: a group that was passed over says nothing of the next one.
#[test]
fn numbers_that_differ_are_told_also_after_another_group_was_passed_over() {
    let gone = || json(404, r#"{"message":"404 Namespace Not Found"}"#);
    let mut lines = owner(&[3, 9]);
    lines.push(line("/api/v4/namespaces/3", gone()));
    lines.push(line("/api/v4/namespaces/3/gitlab_subscription", gone()));
    lines.extend(plan(9, "premium", 3, 3));
    lines.push(line(members_path(9, 1), last(list([]))));
    lines.push(billable(9, 100, &[4]));
    lines.push(among(9, &[4], list([])));
    let run = Run::to_the_end(&no_add_ons(), lines);
    assert_eq!((run.codes(), run.is_complete()), (vec!["group-not-read", "allocated-differs"], false));
}

#[test]
fn numbers_that_differ_are_told_also_after_a_list_that_was_cut() {
    let mut lines = owner(&[3, 9]);
    for (group, counted) in [(3, 1), (9, 3)] {
        lines.extend(plan(group, "premium", counted, counted));
        lines.push(line(members_path(group, 1), last(list([]))));
        let seats = list([holder(4)]);
        let seats = if group == 3 { and_header(seats, "x-total", "7") } else { seats };
        lines.push(line(billable_path(group, 100, 1), seats));
        lines.push(among(group, &[4], list([])));
    }
    let run = Run::to_the_end(&no_add_ons(), lines);
    assert_eq!((run.codes(), run.is_complete()), (vec!["list-ended-early", "allocated-differs"], false));
}

/// Fifty rows a page, no headers, and a number of yesterday that happens to be fifty.
#[test]
fn a_count_of_yesterday_is_no_end_of_a_list() {
    let ids: Vec<u64> = (1..=50).collect();
    let namespace =
        r#"{"id":9,"kind":"group","full_path":"g9","parent_id":null,"plan":"premium","billable_members_count":null}"#;
    let mut lines = owner(&[9]);
    let mut told = plan(9, "premium", 50, 50);
    told[0] = line("/api/v4/namespaces/9", json(200, namespace));
    lines.extend(told);
    lines.push(line(members_path(9, 1), last(list([]))));
    lines.push(line(billable_path(9, 100, 1), stripped(ids.iter().map(|id| holder(*id)))));
    lines.push(among(9, &ids, list([])));
    lines.push(line(billable_path(9, 49, 2), stripped((50..=60).map(holder))));
    let more: Vec<u64> = (51..=60).collect();
    lines.push(among(9, &more, list([])));
    let run = Run::until_it_stops(&no_add_ons(), Script::new(lines));
    assert!(run.ids().len() == 60 && run.failure.is_some(), "it goes on: {:?}", run.ids().len());
}

/// The seats were read, and the token ended at the roles of the same page.
#[test]
fn holders_are_delivered_also_where_the_right_ends_at_their_roles() {
    let mut lines = group(2, vec![billable(9, 100, &[4, 77])]);
    lines.push(among(9, &[4, 77], json(401, EXPIRED)));
    let run = Run::to_the_end(&no_add_ons(), lines);
    assert_eq!((run.codes(), run.is_complete()), (vec!["right-ended"], false));
    assert_eq!(run.ids(), ["4", "77"]);
    let warning = run.warning("right-ended");
    assert!(warning.message.contains("after 2 users") && warning.message.contains("has expired"), "{warning:?}");
}

#[test]
fn lists_without_headers_are_said_once_a_group_and_used() {
    let mut lines = owner(&[9]);
    lines.extend(plan(9, "premium", 2, 2));
    lines.push(line(members_path(9, 1), last(list([]))));
    lines.push(line(billable_path(9, 20, 1), last(list([holder(4), holder(7)]))));
    lines.push(among(9, &[4, 7], stripped([member(4, 50, Some(true)), member(7, 30, Some(true))])));
    for user in [4, 7] {
        for which in ["memberships", "indirect"] {
            lines.push(line(format!("/api/v4/groups/9/billable_members/{user}/{which}?per_page=100"), stripped([])));
        }
    }
    let run = Run::to_the_end(&com(&[("add_ons", "false"), ("memberships", "true")]), lines);
    assert_eq!((run.codes(), run.is_complete()), (vec!["roles-not-read"], true));
    assert!(run.warning("roles-not-read").message.contains("headers"), "{:?}", run.warnings());
    assert!(run.assignments().iter().all(|seat| seat.role.is_some()));
}

/// The reason belongs to the verdict: a host replaces both by the later record.
#[test]
fn who_is_promoted_while_the_lists_are_read_has_the_verdict_of_the_later_one() {
    let mut lines = owner(&[9]);
    lines.extend(plan(9, "ultimate", 1, 1));
    lines.push(line(members_path(9, 1), last(list([member(4, 10, Some(false))]))));
    lines.push(billable(9, 100, &[4]));
    lines.push(among(9, &[4], list([member(4, 30, Some(true))])));
    let run = Run::to_the_end(&no_add_ons(), lines);
    let seats: Vec<_> = run.assignments().iter().map(|seat| (seat.consumes_seat, seat.non_consuming_reason)).collect();
    assert_eq!(seats, [(Some(false), Some("guest")), (Some(true), None)]);
}

/// The same license would be another pool a day later.
#[test]
fn a_license_that_takes_too_long_is_not_one_that_is_hidden() {
    for (status, message) in [
        (503, "Request timed out. Please try a less complex query or a smaller set of records."),
        (200, "This endpoint has been requested too many times. Try again later."),
    ] {
        let mut lines = opening(json(200, METADATA), json(200, MEMBER), json(403, FORBIDDEN));
        lines.push(line(ONE_ROW, list([row(1)])));
        let body = format!(r#"{{"errors":[{{"message":"{message}"}}]}}"#);
        lines.push(line("/api/graphql currentLicense", json(status, &body)));
        let run = Run::until_it_stops(&without_add_ons(), Script::new(lines));
        assert!(run.failure.is_some() && run.batches.is_empty(), "{message}");
    }
}

/// Admin Mode answers 200 with less in it. Where the list is refused, and where there is no such scope, it is not the cause.
#[test]
fn admin_mode_is_named_only_where_it_is_the_cause() {
    let basic = || list([r#"{"id":1,"username":"root","name":"R","state":"active"}"#.to_owned()]);
    for (version, rows, named) in
        [("18.9.1", basic(), true), ("18.9.1", json(403, FORBIDDEN), false), ("15.4.0", basic(), false)]
    {
        let metadata = json(200, &METADATA.replace("18.9.1", version));
        let mut lines = opening(metadata, json(200, ADMIN), json(403, FORBIDDEN));
        lines.push(line(ONE_ROW, rows));
        lines.push(line("/api/graphql currentLicense", hidden("license")));
        lines.push(line("/api/graphql users(first", of_instance(&people(&[9, 1], None))));
        lines.push(line(group_list(10, 1, 50), last(groups_of([]))));
        let run = Run::to_the_end(&without_add_ons(), lines);
        let words = &run.warning("lower-bound").message;
        assert_eq!(words.contains("admin_mode"), named, "{version}: {words}");
        assert!(named || words.contains("refuses the license all the same"), "{version}: {words}");
    }
}

/// With a role that is enough in one group, another group vanished from the run without a word.
#[test]
fn groups_of_which_the_user_is_no_owner_are_named() {
    let mut lines = group(1, vec![billable(9, 100, &[4]), among(9, &[4], list([]))]);
    lines.push(line(group_list(40, 1, 50), last(groups_of([9, 12]))));
    let run = Run::to_the_end(&no_add_ons(), lines);
    assert_eq!((run.codes(), run.is_complete()), (vec!["groups-left-out"], true));
    assert!(run.warning("groups-left-out").message.contains("Maintainer and no Owner of g12"), "{:?}", run.warnings());
}
