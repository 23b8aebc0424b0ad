//! Lists that loop, shift, end early and lose their headers: whole, or partial with the place and the count.

use super::*;
use crate::gitlab::endpoint::Page as Asked;

/// A list from which something between took the headers.
fn bare(ids: std::ops::RangeInclusive<u64>) -> Response {
    stripped(ids.map(row))
}

fn rows(ids: std::ops::RangeInclusive<u64>) -> Response {
    let ids: Vec<u64> = ids.collect();
    page(&ids)
}

/// The first page of the list of users.
fn first(answer: Response) -> Line {
    line(USERS, answer)
}

/// The page after a cursor.
fn after(cursor: &str, answer: Response) -> Line {
    line(format!("{USERS}&cursor={cursor}"), answer)
}

fn newest(id: u64) -> Line {
    line(NEWEST, page(&[id]))
}

#[test]
fn keyset_pages_are_walked_to_the_one_without_a_next() {
    let run = run(vec![
        first(full_keyset(1, "aa=")),
        after("aa%3D", full_keyset(101, "bb")),
        // Neither the last page nor the lost one of a proxy has a header.
        after("bb", bare(201..=201)),
        newest(201),
    ]);
    assert_eq!(run.ids().len(), 201);
    assert_eq!(run.stages(), [Stage::Users; 3]);
    let summary = run.summary();
    assert!(summary.complete);
    assert_eq!((summary.counts.users, summary.counts.assignments, summary.requests), (201, 201, 6));
    assert_eq!(run.codes(), ["allocated-differs"]);
    let message = &run.batches[3].warnings[0].message;
    assert!(message.contains("3 seats") && message.contains("shows 201"), "{message}");
    assert_eq!(summary.counts.warnings, 1);
    assert_eq!(run.batches[2].progress.done, 200);
}

/// Windows overlap by the rows that were read last, so that a gap between them shows.
#[test]
fn offset_pages_of_old_versions_are_walked_by_the_same_loop() {
    let total = |answer| and_header(answer, "x-total", "103");
    let license = LICENSE.replace("\"active_users\":3", "\"active_users\":103");
    let mut lines = opening(json(200, METADATA), json(200, ADMIN), json(200, &license));
    lines.push(first(and_header(total(full(1)), "x-next-page", "2")));
    lines.push(line(numbered(2, 99), last(total(rows(100..=103)))));
    let run = Run::to_the_end(&without_add_ons(), lines);
    assert_eq!(run.ids().len(), 103);
    assert_eq!(run.batches[1].progress.expected, Some(103));
    assert!(run.is_complete());
    assert_eq!(run.codes(), Vec::<&str>::new(), "as many seats counted as the license says");
}

#[test]
fn a_list_that_loops_ends_as_partial_and_says_where() {
    for pages in [
        // The same cursor again, with rows that lead on or not.
        vec![first(keyset(&[1, 2], "aa")), after("aa", keyset(&[3], "aa"))],
        // Another cursor, the first page again.
        vec![first(keyset(&[1, 2], "aa")), after("aa", keyset(&[1, 2], "bb"))],
        // The first page again, as if it were the last.
        vec![first(keyset(&[1, 2], "aa")), after("aa", page(&[1, 2]))],
    ] {
        let run = run(pages);
        assert!(!run.is_complete());
        let warning = run.warning("list-does-not-advance");
        assert!(warning.message.contains(&format!("after {} users", run.ids().len())), "{warning:?}");
        let scope = warning.scope.as_deref().unwrap();
        assert!(scope.starts_with("GET /api/v4/users, page 2, after id "), "{scope}");
        assert!(!run.codes().contains(&"allocated-differs"), "numbers of half a list say nothing");
    }
}

#[test]
fn rows_out_of_order_make_the_run_partial_to_its_end() {
    let run = run(vec![first(keyset(&[4, 2, 4, 6], "aa")), after("aa", page(&[6, 8]))]);
    assert_eq!(run.ids(), ["4", "6", "8"]);
    assert_eq!(codes(&run.batches[1].warnings), ["rows-out-of-order", "page-not-full"]);
    assert!(run.batches[1].warnings[0].message.starts_with("2 rows"));
    let summary = run.summary();
    assert_eq!((summary.complete, summary.counts.users, summary.counts.warnings), (false, 3, 3));
}

#[test]
fn a_list_shorter_than_announced_is_partial() {
    let run = run(vec![first(and_header(page(&[1, 2]), "x-total", "9"))]);
    assert!(!run.is_complete());
    assert_eq!(run.codes(), ["list-ended-early"]);
    let message = &run.warning("list-ended-early").message;
    assert!(message.contains("announced 9 users") && message.contains("after 2"), "{message}");
}

/// As often as that, rows before the place read had gone when the next ones were asked for.
#[test]
fn a_list_that_never_holds_still_is_partial() {
    let configuration = without_add_ons();
    let lines = vec![first(and_header(full(1), "x-next-page", "2"))];
    let start = call(&mut Script::new(lines), Some(&usual_cursor())).unwrap();
    let moved = |shifts: &str| {
        let cursor = next(&start).replace("\"shifts\":0", shifts);
        let mut script = Script::new([line(numbered(2, 99), and_header(rows(500..=598), "x-next-page", "3"))]);
        collect(&configuration, &Credential::Injected, Some(&cursor), &mut script, &NOW).unwrap()
    };
    let again = moved("\"shifts\":49");
    assert_eq!((again.entries.len(), codes(&again.warnings)), (0, vec![]));
    assert_eq!(place_in(&again, &configuration).stage, Stage::Users, "it goes back for them");
    let given_up = moved("\"shifts\":50");
    assert_eq!((given_up.entries.len(), codes(&given_up.warnings)), (0, vec!["list-shifts"]));
    assert!(given_up.warnings[0].message.contains("100 were read"), "{:?}", given_up.warnings);
    assert!(matches!(given_up.then, Then::End(Summary { complete: false, .. })));
}

/// The end of a keyset has neither rows nor headers; who has the largest id tells it from a page that was lost.
#[test]
fn an_empty_page_is_an_end_if_nobody_follows() {
    let pages = |newest: Line| vec![first(full_keyset(1, "aa")), after("aa", stripped([])), newest];
    let whole = run(pages(newest(100)));
    assert_eq!((whole.ids().len(), whole.is_complete(), whole.codes()), (100, true, vec!["allocated-differs"]));
    assert_eq!(whole.summary().requests, 5);
    // The largest may have left since.
    assert!(run(pages(newest(99))).is_complete());
    let broken = run(pages(newest(101)));
    assert_eq!((broken.ids().len(), broken.is_complete()), (100, false));
    assert_eq!(broken.codes(), ["list-ended-early"]);
    let empty = run(pages(line(NEWEST, page(&[]))));
    assert!(!empty.is_complete(), "somebody was there");
}

#[test]
fn an_end_that_cannot_be_made_sure_of_is_asked_for_again() {
    let mut lines = opening(json(200, METADATA), json(200, ADMIN), json(200, LICENSE));
    lines.extend([first(full_keyset(1, "aa")), after("aa", stripped([])), line(NEWEST, json(500, "{}"))]);
    let run = Run::until_it_stops(&without_add_ons(), Script::new(lines));
    assert!(matches!(run.failure, Some(Failure::Upstream { status: 500, .. })), "{:?}", run.failure);
    assert_eq!(run.ids().len(), 100);
}

/// A page cut short by a proxy that takes the headers away looks like the last one. Somebody who is created while the list
/// is read looks the same, and is delivered.
#[test]
fn a_short_page_without_headers_is_the_end_only_if_nobody_follows() {
    let run = run(vec![
        first(full_keyset(1, "aa")),
        after("aa", bare(101..=150)),
        newest(230),
        line(numbered(3, 74), bare(149..=222)),
        line(numbered(3, 100), bare(201..=230)),
        newest(230),
    ]);
    assert_eq!((run.ids().len(), run.is_complete()), (230, true));
}

#[test]
fn a_page_that_is_not_full_and_names_another_makes_the_run_partial() {
    let run = run(vec![first(keyset(&[1, 2], "aa")), after("aa", page(&[3]))]);
    assert_eq!((run.ids().len(), run.is_complete(), run.codes()), (3, false, vec!["page-not-full"]));
    let scope = run.warning("page-not-full").scope.as_deref();
    assert_eq!(scope, Some("GET /api/v4/users, page 1, after id 2"));
}

#[test]
fn more_rows_than_were_asked_for_are_malformed() {
    let failure = call(&mut Script::new([(USERS, rows(1..=101))]), Some(&usual_cursor())).unwrap_err();
    let Failure::Malformed { why, explanation } = &failure else { panic!("{failure:?}") };
    assert_eq!(why, "expected at most 100 rows, 101 came");
    assert_eq!(explanation.endpoint.as_deref(), Some("GET /api/v4/users"));
}

/// Taken for the end once: a list cut off in its middle was reported as complete.
#[test]
fn an_empty_page_that_names_another_is_no_end() {
    for second in [keyset(&[], "bb"), keyset(&[], "aa"), and_header(page(&[]), "x-next-page", "3")] {
        let run = run(vec![first(full_keyset(1, "aa")), after("aa", second)]);
        assert_eq!((run.ids().len(), run.is_complete()), (100, false));
        assert_eq!(run.codes(), ["list-does-not-advance"]);
        assert!(run.warnings()[0].message.contains("empty page"), "{:?}", run.warnings());
    }
}

/// Reported once as a complete run in which nobody holds a seat: every seat would have read as released.
#[test]
fn a_run_without_any_account_is_a_failure() {
    let cursor = usual_cursor();
    for empty in [page(&[]), keyset(&[], "aa"), and_header(page(&[]), "x-total", "0")] {
        let failure = call(&mut Script::new([(USERS, empty)]), Some(&cursor)).unwrap_err();
        let Failure::Malformed { explanation, .. } = &failure else { panic!("{failure:?}") };
        assert_eq!(explanation.message, EMPTY_LIST);
        assert!(explanation.hint.as_deref().unwrap().contains("proxy"), "{explanation:?}");
        assert_eq!(explanation.endpoint.as_deref(), Some("GET /api/v4/users"));
    }
}

/// A proxy that takes away the headers made the first hundred accounts look like all of them.
#[test]
fn a_list_stripped_of_its_headers_is_walked_by_number() {
    let run = run(vec![
        first(bare(1..=100)),
        line(numbered(2, 99), bare(100..=198)),
        line(numbered(3, 98), bare(197..=294)),
        line(numbered(4, 97), bare(292..=302)),
        newest(302),
    ]);
    assert_eq!(run.ids().len(), 302);
    let summary = run.summary();
    assert!(summary.complete);
    assert_eq!((summary.counts.users, summary.requests), (302, 7));
}

#[test]
fn a_stripped_list_whose_end_is_not_the_end_is_partial() {
    let run = run(vec![
        first(bare(1..=100)),
        line(numbered(2, 99), bare(100..=120)),
        newest(121),
        line(numbered(8, 17), bare(120..=120)),
        newest(121),
    ]);
    assert_eq!((run.ids().len(), run.is_complete()), (120, false));
    assert_eq!(run.codes(), ["list-ended-early"]);
}

#[test]
fn a_full_first_page_without_headers_costs_two_requests_more() {
    let run = run(vec![first(bare(1..=100)), line(numbered(2, 99), bare(100..=100)), newest(100)]);
    assert_eq!((run.ids().len(), run.batches.len()), (100, 3));
    assert!(run.is_complete());
}

#[test]
fn a_full_page_is_the_last_if_nobody_follows_or_a_header_says_so() {
    let pages = |newest: Line| vec![first(full_keyset(1, "aa")), after("aa", bare(101..=200)), newest];
    let whole = run(pages(newest(200)));
    assert_eq!((whole.ids().len(), whole.batches.len(), whole.is_complete()), (200, 3, true));
    let mut cut = pages(newest(201));
    cut.extend([line(numbered(3, 99), bare(199..=200)), newest(201)]);
    let cut = run(cut);
    assert_eq!((cut.ids().len(), cut.is_complete()), (200, false), "the header that leads on was lost");
    let said = run(vec![first(and_header(full(1), "x-next-page", "2")), line(numbered(2, 99), last(rows(100..=198)))]);
    assert_eq!((said.ids().len(), said.batches.len(), said.is_complete()), (198, 3, true));
}

#[test]
fn a_stripped_list_that_ignores_numbers_is_partial() {
    let run = run(vec![first(bare(1..=100)), line(numbered(2, 99), bare(1..=99))]);
    assert_eq!((run.ids().len(), run.is_complete()), (100, false));
    assert_eq!(run.codes(), ["list-does-not-advance"]);
    assert!(run.warnings()[0].message.contains("rows already read"), "{:?}", run.warnings());
}

const NO_KEYSET: &str = r#"{"error":"Keyset pagination is not yet available for this type of request"}"#;
const TOO_DEEP: &str = r#"{"error":"Offset pagination has a maximum allowed offset of 50000 for requests that return objects of type User. Remaining records can be retrieved using keyset pagination."}"#;

#[test]
fn a_server_that_refuses_the_keyset_is_walked_by_number() {
    let run = run(vec![first(json(405, NO_KEYSET)), line(numbered(1, 100), last(rows(1..=3)))]);
    assert_eq!((run.ids().len(), run.is_complete(), run.codes()), (3, true, vec![]));
    assert_eq!(run.batches[1].entries, []);
    assert_eq!(run.summary().requests, 4);
}

#[test]
fn a_list_beyond_what_may_be_asked_for_by_number_is_partial_and_says_how_far_it_was_read() {
    let run = run(vec![
        first(and_header(full(1), "x-next-page", "2")),
        line(numbered(2, 99), and_header(rows(100..=198), "x-next-page", "3")),
        line(numbered(3, 98), json(405, TOO_DEEP)),
    ]);
    assert_eq!((run.ids().len(), run.is_complete()), (198, false));
    assert_eq!(run.codes(), ["list-too-deep"]);
    let warning = run.warning("list-too-deep");
    assert!(warning.message.contains("more than 198 users"), "{warning:?}");
    assert_eq!(warning.scope.as_deref(), Some("GET /api/v4/users, page 2, after id 198"));
}

#[test]
fn a_cursor_that_is_refused_is_a_failure() {
    let mut lines = opening(json(200, METADATA), json(200, ADMIN), json(200, LICENSE));
    lines.extend([first(keyset(&[1], "aa")), after("aa", json(405, NO_KEYSET))]);
    let run = Run::until_it_stops(&without_add_ons(), Script::new(lines));
    let Some(Failure::Malformed { why, .. }) = &run.failure else { panic!("{:?}", run.failure) };
    assert!(why.contains("405"), "{why}");
}

#[test]
fn a_next_page_that_cannot_be_asked_for_is_malformed() {
    let endless = keyset(&[1], &"x".repeat(3000));
    let failure = call(&mut Script::new([(USERS, endless)]), Some(&usual_cursor())).unwrap_err();
    assert!(matches!(failure, Failure::Malformed { .. }), "{failure:?}");
}

#[test]
fn only_a_small_difference_to_the_license_is_called_usual() {
    let message = |allocated: u64, listed: u64| {
        let license = LICENSE.replace("\"active_users\":3", &format!("\"active_users\":{allocated}"));
        let first = call(&mut first_page(json(200, METADATA), json(200, ADMIN), json(200, &license)), None).unwrap();
        let batch = call(&mut Script::new([(USERS, rows(1..=listed))]), Some(next(&first))).unwrap();
        assert_eq!(codes(&batch.warnings), ["allocated-differs"]);
        batch.warnings[0].message.clone()
    };
    // At most two seats, or one in twenty of the larger number.
    for (allocated, listed) in [(3, 1), (1, 3), (60, 57), (57, 60), (80, 76)] {
        let message = message(allocated, listed);
        assert!(message.contains("a small difference is usual"), "{allocated} and {listed}: {message}");
    }
    for (allocated, listed) in [(4, 1), (1, 4), (59, 56), (56, 59), (80, 75), (214, 99)] {
        let message = message(allocated, listed);
        assert!(message.contains("not usual") && message.contains("not whole"), "{allocated} and {listed}: {message}");
        assert!(!message.contains("small"), "{allocated} and {listed}: {message}");
    }
}

#[test]
fn the_same_cursor_gives_the_same_page_again() {
    let cursor = usual_cursor();
    let once = || call(&mut Script::new([(USERS, keyset(&[1, 2], "aa"))]), Some(&cursor)).unwrap();
    assert_eq!(once(), once());
    let place = place_in(&once(), &without_add_ons());
    assert_eq!((place.walk.page(), place.seats), (Asked::Cursor("aa".to_owned()), 2));
}

/// Only the instance's list of users has another end that can be asked for; of others, the row behind the last.
#[test]
fn a_list_of_seats_without_headers_is_judged_by_the_seats_that_were_counted() {
    for (counted, follows) in [(100, false), (99, false), (101, false), (101, true)] {
        let com = settings_of("gitlab.com", &[("group", "g9"), ("add_ons", "false")]);
        let namespace = format!(
            r#"{{"id":9,"kind":"group","full_path":"g9","parent_id":null,"plan":"free","billable_members_count":{counted}}}"#
        );
        let seats =
            |ids: std::ops::RangeInclusive<u64>| stripped(ids.map(|id| format!(r#"{{"id":{id},"username":"u{id}"}}"#)));
        let among = |ids: std::ops::RangeInclusive<u64>| {
            let ids: Vec<String> = ids.map(|id| format!("&user_ids%5B%5D={id}")).collect();
            line(format!("/api/v4/groups/9/members/all?show_seat_info=true&per_page=100{}", ids.concat()), list([]))
        };
        let mut lines = vec![
            line("/api/v4/metadata", json(200, METADATA)),
            line("/api/v4/namespaces/g9", json(200, &namespace)),
            line("/api/v4/namespaces/g9/gitlab_subscription", json(200, NOTHING_TOLD)),
            line("/api/v4/groups/9/billable_members?per_page=100&page=1", seats(1..=100)),
            among(1..=100),
            line("/api/v4/groups/9/billable_members?per_page=99&page=2", seats(100..=100)),
        ];
        if counted != 100 {
            let behind = if follows { seats(101..=101) } else { stripped([]) };
            lines.push(line("/api/v4/groups/9/billable_members?per_page=1&page=101", behind));
        }
        let run = Run::to_the_end(&com, lines);
        assert_eq!((run.ids().len(), run.is_complete()), (100, !follows), "{counted}");
        let expected: &[&str] = match (counted, follows) {
            (100, _) => &[],
            (_, false) => &["allocated-differs"],
            (_, true) => &["list-ended-early"],
        };
        assert_eq!(run.codes(), expected);
    }
}

/// Groups are listed fifty at a time, and those of one page are read before the next page is asked for.
#[test]
fn groups_are_listed_over_several_pages() {
    let com = settings_of("gitlab.com", &[("add_ons", "false")]);
    let hidden = |id: u64| {
        let message = r#"{"message":"404 Namespace Not Found"}"#;
        [
            line(format!("/api/v4/namespaces/{id}"), json(404, message)),
            line(format!("/api/v4/namespaces/{id}/gitlab_subscription"), json(404, message)),
        ]
    };
    let mut lines = vec![
        line("/api/v4/metadata", json(200, METADATA)),
        line("/api/v4/user", json(200, MEMBER)),
        line(group_list(50, 1, 50), and_header(groups_of(1..=50), "x-next-page", "2")),
        line(group_list(50, 2, 49), last(groups_of(50..=53))),
    ];
    lines.extend((1..=53).flat_map(hidden));
    let run = Run::to_the_end(&com, lines);
    // Nothing of them can be read, which is no matter here.
    let passed: Vec<String> = (1..=53).map(|id| format!("group:{id}")).collect();
    let scopes: Vec<&str> = run.warnings().iter().map(|warning| warning.scope.as_deref().unwrap()).collect();
    assert_eq!(scopes, passed);
    assert_eq!(run.places.iter().map(|place| place.queue.len()).max(), Some(50));
    assert_eq!(run.stages().iter().filter(|stage| **stage == Stage::Groups).count(), 1);
}

/// Where more groups are listed behind these, nothing is said of those that are not among them.
#[test]
fn other_groups_are_looked_for_only_where_all_of_an_owners_are_known() {
    let com = settings_of("gitlab.com", &[]);
    for (count, next_page, looked_for) in [(20, "", true), (20, "2", false), (49, "", true), (50, "", false)] {
        let mut script = Script::new([
            line("/api/v4/metadata", json(200, METADATA)),
            line("/api/v4/user", json(200, MEMBER)),
            line(group_list(50, 1, 50), and_header(groups_of(1..=count), "x-next-page", next_page)),
        ]);
        let opening = collect(&com, &Credential::Injected, None, &mut script, &NOW).unwrap();
        assert_eq!(place_in(&opening, &com).others_unseen, looked_for, "{count} {next_page}");
    }
}

#[test]
fn a_list_of_groups_that_ends_early_makes_the_run_partial() {
    let com = settings_of("gitlab.com", &[("add_ons", "false"), ("identity", "username")]);
    let namespace = r#"{"id":9,"kind":"group","full_path":"g9","parent_id":null,"plan":"free"}"#;
    let lines = vec![
        line("/api/v4/metadata", json(200, METADATA)),
        line("/api/v4/user", json(200, MEMBER)),
        line(group_list(50, 1, 50), and_header(groups_of([9]), "x-total", "2")),
        line("/api/v4/namespaces/9", json(200, namespace)),
        line("/api/v4/namespaces/9/gitlab_subscription", json(200, NOTHING_TOLD)),
        line(
            "/api/v4/groups/9/billable_members?per_page=100&page=1",
            last(list([r#"{"id":4,"username":"u4"}"#.to_owned()])),
        ),
        line("/api/v4/groups/9/members/all?show_seat_info=true&per_page=100&user_ids%5B%5D=4", list([])),
    ];
    let run = Run::to_the_end(&com, lines);
    assert_eq!(run.codes(), ["list-ended-early"]);
    let warning = run.warning("list-ended-early");
    assert!(warning.message.contains("announced 2 groups"), "{warning:?}");
    assert_eq!(warning.scope.as_deref(), Some("GET /api/v4/groups, page 1, after id 9"));
    assert_eq!((run.ids(), run.is_complete()), (vec!["4"], false));
}

/// A walk that has gone back asks for rows that it knows; a server that sends nothing else must not keep it for ever.
#[test]
fn going_forward_again_over_known_rows_has_an_end() {
    let configuration = without_add_ons();
    let lines = vec![first(and_header(full(1), "x-next-page", "2"))];
    let start = call(&mut Script::new(lines), Some(&usual_cursor())).unwrap();
    let known = |size: u8| and_header(rows(2..=u64::from(size) + 1), "x-next-page", "3");
    let call = |cursor: &str, number: u64, size: u8| {
        let mut script = Script::new([line(numbered(number, size), known(size))]);
        collect(&configuration, &Credential::Injected, Some(cursor), &mut script, &NOW).unwrap()
    };
    let cursor = next(&start).replace("\"shifts\":0", "\"shifts\":50");
    let forward = call(&cursor, 2, 99);
    assert_eq!((forward.entries.len(), codes(&forward.warnings)), (0, vec![]));
    let Asked::Window(window) = place_in(&forward, &configuration).walk.page() else { panic!("{forward:?}") };
    let end = call(next(&forward), window.number, window.size);
    assert_eq!(codes(&end.warnings), ["list-does-not-advance"]);
    assert!(matches!(end.then, Then::End(Summary { complete: false, .. })));
}
