//! The memberships of each holder of a seat, asked for one by one.

use super::groups::{among, billable, billable_path, com, holder, owner, plan};
use super::*;

/// The seats of one holder through all memberships.
fn memberships(group: u64, user: u64, which: &str, answer: Response) -> Line {
    line(format!("/api/v4/groups/{group}/billable_members/{user}/{which}?per_page=100"), answer)
}

fn membership(level: u16, since: &str, custom: &str) -> String {
    format!(
        r#"{{"id":1,"source_id":9,"source_full_name":"G","created_at":"{since}","expires_at":null,"access_level":{{"string_value":"x","integer_value":{level},"custom_role":{custom}}}}}"#
    )
}

/// Requests sent for memberships.
fn drilled(run: &Run) -> usize {
    run.script.seen.iter().filter(|request| request.path_and_query().contains("/billable_members/")).count()
}

#[test]
fn every_membership_of_each_holder_is_asked_for_if_that_is_wanted() {
    let mut lines = owner(&[9]);
    lines.extend(plan(9, "premium", 2, 2));
    // Each row costs two requests more: pages are small.
    lines.push(billable(9, 20, &[1, 4]));
    lines.push(among(9, &[1, 4], list([member(4, 30, Some(true))])));
    lines.push(memberships(
        9,
        1,
        "memberships",
        list([membership(20, "2023-03-01T10:00:00Z", "null"), membership(5, "2022-01-01T00:00:00Z", "null")]),
    ));
    lines.push(memberships(
        9,
        1,
        "indirect",
        list([membership(40, "2024-01-01T00:00:00Z", r#"{"id":2,"name":"Lead"}"#)]),
    ));
    lines.push(memberships(9, 4, "memberships", list([])));
    lines.push(memberships(9, 4, "indirect", list([])));
    lines.push(line(members_path(9, 1), last(list([]))));
    let run = Run::to_the_end(&com(&[("add_ons", "false"), ("memberships", "true")]), lines);
    assert_eq!((run.codes(), run.is_complete()), (vec![], true));
    let seats = run.assignments();
    assert_eq!(
        (seats[0].role.as_deref(), seats[0].assigned_on.as_deref()),
        (Some("Maintainer (Lead)"), Some("2022-01-01"))
    );
    assert_eq!(
        (seats[1].role.as_deref(), seats[1].assigned_on.as_deref()),
        (Some("Developer"), Some("2024-05-05")),
        "the list of members stands"
    );
    assert_eq!(drilled(&run), 4);
}

#[test]
fn before_16_11_invited_groups_are_not_asked_for() {
    let mut lines = owner(&[9]);
    lines[0].1 = json(200, &METADATA.replace("18.9.1", "16.10.0"));
    lines.extend(plan(9, "premium", 1, 1));
    lines.push(billable(9, 20, &[4]));
    lines.push(among(9, &[4], list([])));
    lines.push(memberships(9, 4, "memberships", list([membership(20, "2023-03-01T10:00:00Z", "null")])));
    lines.push(line(members_path(9, 1), last(list([]))));
    let run = Run::to_the_end(&com(&[("add_ons", "false"), ("memberships", "true")]), lines);
    assert_eq!((run.assignments()[0].role.as_deref(), drilled(&run)), (Some("Reporter"), 1));
}

#[test]
fn memberships_that_are_missing_are_counted() {
    let one = || list([membership(40, "2023-03-01T10:00:00Z", "null")]);
    let gone = || json(404, r#"{"message":"404 User Not Found"}"#);
    for (direct, invited, lost, role) in [
        (one(), list([]), 0, "Maintainer"),
        (and_header(last(one()), "x-total", "1"), list([]), 0, "Maintainer"),
        (gone(), list([]), 1, "Developer"),
        (gone(), gone(), 2, "Developer"),
        (and_header(one(), "x-next-page", "2"), list([]), 1, "Maintainer"),
        (one(), and_header(list([]), "x-total", "1"), 1, "Maintainer"),
    ] {
        let mut lines = owner(&[9]);
        lines.extend(plan(9, "premium", 1, 1));
        lines.push(billable(9, 20, &[4]));
        lines.push(among(9, &[4], list([member(4, 30, Some(true))])));
        lines.push(memberships(9, 4, "memberships", direct));
        lines.push(memberships(9, 4, "indirect", invited));
        lines.push(line(members_path(9, 1), last(list([]))));
        let run = Run::to_the_end(&com(&[("add_ons", "false"), ("memberships", "true")]), lines);
        assert!(run.is_complete(), "who holds a seat is known");
        assert!(run.places[2].drill, "others are asked for all the same");
        if lost == 0 {
            assert_eq!(run.codes(), Vec::<&str>::new());
        } else {
            assert_eq!(run.codes(), ["memberships-not-read"]);
            let message = &run.warning("memberships-not-read").message;
            assert!(message.starts_with(&format!("{lost} lists of memberships")), "{message}");
        }
        assert_eq!(run.assignments()[0].role.as_deref(), Some(role), "the best that came");
    }
}

#[test]
fn memberships_that_are_refused_are_said_once_a_group_and_asked_for_no_more() {
    let refused = || json(400, r#"{"message":"400 Bad request"}"#);
    let ids: Vec<u64> = (1..=20).collect();
    let mut lines = owner(&[9, 12]);
    lines.extend(plan(9, "premium", 21, 21));
    lines.push(line(billable_path(9, 20, 1), and_header(list(ids.iter().map(|id| holder(*id))), "x-next-page", "2")));
    lines.push(among(9, &ids, list([member(1, 30, Some(true))])));
    lines
        .extend(ids.iter().flat_map(|id| {
            [memberships(9, *id, "memberships", refused()), memberships(9, *id, "indirect", refused())]
        }));
    lines.push(line(billable_path(9, 19, 2), last(list([holder(20), holder(21)]))));
    lines.push(among(9, &[21], list([])));
    lines.push(line(members_path(9, 1), last(list([]))));
    lines.extend(plan(12, "premium", 1, 1));
    lines.push(billable(12, 20, &[4]));
    lines.push(among(12, &[4], list([])));
    lines.push(memberships(12, 4, "memberships", list([membership(20, "2023-03-01T10:00:00Z", "null")])));
    lines.push(memberships(12, 4, "indirect", list([])));
    lines.push(line(members_path(12, 1), last(list([]))));
    let run = Run::to_the_end(&com(&[("add_ons", "false"), ("memberships", "true")]), lines);
    assert_eq!(run.codes(), ["memberships-not-read"]);
    let warning = run.warning("memberships-not-read");
    assert!(warning.message.contains("LDAP") && warning.scope.as_deref() == Some("group:9:premium"), "{warning:?}");
    assert!(run.is_complete(), "who holds a seat is known");
    assert_eq!((run.ids().len(), run.assignments()[0].role.as_deref()), (22, Some("Developer")));
    assert_eq!(run.assignments()[21].role.as_deref(), Some("Reporter"), "another group may allow it");
}

#[test]
fn memberships_have_a_budget() {
    let settings = com(&[("add_ons", "false"), ("memberships", "true")]);
    let mut lines = owner(&[9]);
    lines.extend(plan(9, "premium", 2, 2));
    lines.push(line(members_path(9, 1), last(list([]))));
    let run = Run::until_it_stops(&settings, Script::new(lines));
    let mut place = run.places.last().unwrap().clone();
    let batch = |place: &Place, more: Vec<Line>| {
        let mut lines = vec![billable(9, 20, &[1, 4]), among(9, &[1, 4], list([]))];
        lines.extend(more);
        let mut script = Script::new(lines);
        let batch =
            collect(&settings, &Credential::Injected, Some(&place.to_text().unwrap()), &mut script, &NOW).unwrap();
        assert_eq!(script.unused(), Vec::<&str>::new());
        batch
    };
    let all = || {
        [1, 4]
            .into_iter()
            .flat_map(|id| ["memberships", "indirect"].map(|which| memberships(9, id, which, list([]))))
            .collect()
    };
    place.drilled = 20_000 - 4;
    assert_eq!(codes(&batch(&place, all()).warnings), Vec::<&str>::new());
    place.drilled += 1;
    let spent = batch(&place, Vec::new());
    assert_eq!(codes(&spent.warnings), ["memberships-budget-spent"]);
    assert!(spent.warnings[0].message.contains("from id 1 on"), "{:?}", spent.warnings);
    assert_eq!(spent.entries.len(), 4, "the seats are delivered all the same");
}

#[test]
fn memberships_of_one_person_that_fail_are_missing_alone() {
    let mut lines = owner(&[9]);
    lines.extend(plan(9, "premium", 1, 1));
    lines.push(billable(9, 20, &[4]));
    lines.push(line(members_path(9, 1), last(list([]))));
    lines.push(among(9, &[4], list([])));
    lines.push(memberships(9, 4, "memberships", json(500, "{}")));
    lines.push(memberships(9, 4, "indirect", list([])));
    let run = Run::to_the_end(&com(&[("add_ons", "false"), ("memberships", "true")]), lines);
    assert_eq!((run.codes(), run.is_complete()), (vec!["memberships-not-read"], true), "who holds a seat is known");
}

/// The list through invited groups is an experiment of GitLab's and may go. It took the other one with it once.
#[test]
fn without_invited_groups_the_other_memberships_are_read() {
    let ids: Vec<u64> = (1..=20).collect();
    let mut lines = owner(&[9]);
    lines.extend(plan(9, "premium", 21, 21));
    lines.push(line(members_path(9, 1), last(list([]))));
    lines.push(line(billable_path(9, 20, 1), and_header(list(ids.iter().map(|id| holder(*id))), "x-next-page", "2")));
    lines.push(among(9, &ids, list([])));
    let direct = || list([membership(40, "2023-03-01T10:00:00Z", "null")]);
    lines.extend(ids.iter().flat_map(|id| {
        [memberships(9, *id, "memberships", direct()), memberships(9, *id, "indirect", json(404, NO_ROUTE))]
    }));
    lines.push(line(billable_path(9, 19, 2), last(list([holder(20), holder(21)]))));
    lines.push(among(9, &[21], list([])));
    lines.push(memberships(9, 21, "memberships", direct()));
    let run = Run::to_the_end(&com(&[("add_ons", "false"), ("memberships", "true")]), lines);
    assert_eq!((run.codes(), run.is_complete()), (vec!["memberships-not-read"], true), "said once");
    assert!(run.warning("memberships-not-read").message.contains("invited groups"));
    assert!(run.assignments().iter().all(|seat| seat.role.as_deref() == Some("Maintainer")));
}
