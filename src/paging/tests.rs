//! Walks over lists that change, lie and end early, page by page.
#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use super::cursors::MOST_EMPTY;
use super::windows::next_window;
use super::*;
use crate::gitlab::connection::{Connection, Edge};
use crate::scripted::{and_header, json};

/// A list by number as GitLab answers it, which may change between two pages.
struct Server {
    ids: Vec<u64>,
    headers: bool,
}

impl Server {
    fn page(&self, window: Window) -> (Response, Vec<Id>) {
        let start = usize::try_from(window.start()).unwrap();
        let size = usize::from(window.size);
        let rows: Vec<Id> =
            self.ids.iter().skip(start).take(size).map(|id| Id::parse(&id.to_string()).unwrap()).collect();
        let more = self.ids.len() > start + size;
        let mut answer = json(200, "[]");
        if self.headers {
            let next = if more { (window.number + 1).to_string() } else { String::new() };
            answer = and_header(answer, "x-next-page", &next);
            answer = and_header(answer, "x-total", &self.ids.len().to_string());
        }
        (answer, rows)
    }
}

/// Walk to the end, changing the list before some requests. What was delivered, how it ended, and in how many requests.
fn walk(server: &mut Server, size: u8, mut change: impl FnMut(u64, &mut Vec<u64>)) -> (Vec<u64>, Then, u64) {
    let mut walk = Walk::by_number(size);
    let mut delivered = Vec::new();
    for request in 1..=500 {
        change(request, &mut server.ids);
        let (answer, rows) = server.page(walk.window());
        let mut taken = walk.take(&answer, rows, |id| id).unwrap();
        delivered.extend(taken.rows.iter().map(|id| id.as_str().parse::<u64>().unwrap()));
        assert!(walk.is_sound());
        walk.press_on(&mut taken);
        if taken.then != Then::GoesOn {
            assert_eq!(walk.rows, u64::try_from(delivered.len()).unwrap());
            return (delivered, taken.then, request);
        }
    }
    (delivered, Then::GoesOn, 500)
}

fn numbers(count: u64) -> Vec<u64> {
    (1..=count).map(|n| n * 10).collect()
}

#[test]
fn a_list_that_holds_still_is_delivered_once_with_few_requests_more() {
    for count in [0, 1, 19, 20, 21, 99, 100, 101, 198, 199, 200, 1_000, 3_777] {
        for headers in [true, false] {
            let (delivered, then, requests) = walk(&mut Server { ids: numbers(count), headers }, 100, |_, _| {});
            assert_eq!(delivered, numbers(count), "{count} {headers}");
            assert_eq!(then, Then::Done, "{count} {headers}");
            assert!(requests <= 3 + count / 88, "{count}: {requests}");
        }
        let (delivered, then, _) = walk(&mut Server { ids: numbers(count), headers: true }, SMALL, |_, _| {});
        assert_eq!((delivered, then), (numbers(count), Then::Done));
    }
}

/// The row counted out and the row counted in leave every total as it was: only the overlap shows it.
#[test]
fn rows_that_leave_never_take_others_with_them() {
    for gone in [1, 3, 40, 99, 150, 205] {
        for replaced in [false, true] {
            let mut server = Server { ids: numbers(500), headers: true };
            let stays: Vec<u64> = numbers(500).into_iter().skip(gone).collect();
            let (delivered, then, _) = walk(&mut server, 100, |request, ids| {
                if request == 4 {
                    ids.drain(..gone);
                    if replaced {
                        ids.extend((0..gone).map(|n| 9_000 + u64::try_from(n).unwrap()));
                    }
                }
            });
            assert_eq!(then, Then::Done, "{gone} {replaced}");
            for id in stays {
                assert_eq!(delivered.iter().filter(|other| **other == id).count(), 1, "{id} of {gone} {replaced}");
            }
            assert!(delivered.is_sorted());
        }
    }
}

#[test]
fn rows_that_come_before_the_place_read_repeat_nothing() {
    let mut server = Server { ids: numbers(400), headers: true };
    let (delivered, then, _) = walk(&mut server, 100, |request, ids| {
        if request == 3 {
            ids.splice(..0, [1, 2, 3]);
        }
    });
    // They were not there when their place was read: the number announced is larger, and the run says so.
    assert_eq!(delivered, numbers(400));
    assert_eq!(then, Then::Broken(Break::EndedEarly { announced: 403 }));
}

#[test]
fn a_list_that_never_holds_still_is_given_up() {
    let mut server = Server { ids: numbers(100_000), headers: true };
    let (_, then, requests) = walk(&mut server, 100, |request, ids| {
        if request > 1 {
            ids.drain(..300);
        }
    });
    assert_eq!(then, Then::Broken(Break::Shifting));
    assert!(requests < 200, "{requests}");
}

fn ids(range: std::ops::RangeInclusive<u64>) -> Vec<Id> {
    range.map(|n| Id::parse(&n.to_string()).unwrap()).collect()
}

fn keyset(walk: &mut Walk, rows: Vec<Id>, headers: &[(&str, &str)]) -> (usize, u64, Then) {
    let answer = headers.iter().fold(json(200, "[]"), |answer, (name, value)| and_header(answer, name, value));
    let taken = walk.take(&answer, rows, |id| id).unwrap();
    (taken.rows.len(), taken.dropped, taken.then)
}

#[test]
fn a_keyset_ends_where_nothing_is_named() {
    let mut walk = Walk::default();
    assert_eq!(walk.page(), Page::First);
    assert_eq!(keyset(&mut walk, ids(1..=100), &[("x-next-cursor", "a")]), (100, 0, Then::GoesOn));
    assert_eq!(walk.page(), Page::Cursor("a".to_owned()));
    let mut full = walk.clone();
    let mut said = walk.clone();
    assert_eq!(keyset(&mut said, ids(101..=130), &[("x-next-cursor", "")]), (30, 0, Then::Done));
    // Without a word that is what lost headers would look like: who asked makes sure, or goes on by number.
    assert_eq!(keyset(&mut walk, ids(101..=130), &[]), (30, 0, Then::Unsure));
    assert_eq!((walk.rows, walk.pages), (130, 2));
    let Page::Window(window) = walk.page() else { unreachable!("a window") };
    assert!(window.start() < 130, "{window:?}");
    let mut empty = full.clone();
    assert_eq!(keyset(&mut full, ids(101..=200), &[]), (100, 0, Then::Unsure));
    assert_eq!(keyset(&mut empty, Vec::new(), &[]), (0, 0, Then::Unsure));
}

#[test]
fn a_keyset_that_does_not_lead_on_is_broken() {
    let stuck = Then::Broken(Break::DoesNotAdvance);
    let start = || {
        let mut walk = Walk::default();
        assert_eq!(keyset(&mut walk, ids(1..=100), &[("x-next-cursor", "a")]).2, Then::GoesOn);
        walk
    };
    assert_eq!(keyset(&mut start(), ids(101..=200), &[("x-next-cursor", "a")]), (100, 0, stuck));
    assert_eq!(keyset(&mut start(), ids(1..=100), &[("x-next-cursor", "b")]), (0, 100, stuck));
    assert_eq!(keyset(&mut start(), ids(1..=50), &[]), (0, 50, stuck));
    assert_eq!(keyset(&mut start(), Vec::new(), &[("x-next-cursor", "b")]), (0, 0, stuck));
    assert_eq!(keyset(&mut start(), ids(99..=150), &[]), (50, 2, Then::Unsure), "dropped rows are counted");
}

/// Before 16.4 the keyset is passed over; and a proxy may take the headers away.
#[test]
fn a_keyset_that_is_passed_over_goes_on_by_number() {
    for headers in [&[("x-next-page", "2")][..], &[]] {
        let mut walk = Walk::default();
        assert_eq!(keyset(&mut walk, ids(1..=100), headers), (100, 0, Then::GoesOn));
        let Page::Window(window) = walk.page() else { unreachable!("a window") };
        assert!(window.start() < 100, "{window:?}");
    }
    let mut walk = Walk::default();
    assert_eq!(keyset(&mut walk, ids(1..=40), &[]), (40, 0, Then::Unsure));
    walk.without_keyset();
    assert_eq!(walk.page(), Page::Window(Window::FIRST));
}

/// GitLab fills every page of a keyset that is not the last; a filter in between may take rows away.
#[test]
fn a_keyset_page_that_is_not_full_is_noticed() {
    let mut walk = Walk::default();
    let answer = and_header(json(200, "[]"), "x-next-cursor", "a");
    let taken = walk.take(&answer, ids(1..=99), |id| id).unwrap();
    assert!(taken.is_short && taken.then == Then::GoesOn);
    assert!(!walk.take(&json(200, "[]"), ids(101..=130), |id| id).unwrap().is_short, "the last one may be");
}

/// The same by number, unless the server says that it puts no more on a page.
#[test]
fn a_page_by_number_that_is_not_full_is_noticed() {
    for (per_page, short) in [(None, true), (Some("100"), true), (Some("90"), false)] {
        for unordered in [false, true] {
            let mut walk = Walk::by_number(100);
            let answer = and_header(json(200, "[]"), "x-next-page", "2");
            let answer = per_page.into_iter().fold(answer, |answer, size| and_header(answer, "x-per-page", size));
            let rows = ids(1..=90);
            let taken =
                if unordered { walk.take_unordered(&answer, rows, |id| id) } else { walk.take(&answer, rows, |id| id) };
            let taken = taken.unwrap();
            assert_eq!((taken.is_short, taken.then), (short, Then::GoesOn), "{per_page:?} {unordered}");
        }
    }
}

/// A circle of several pages: nobody may go round in it for ever.
#[test]
fn a_connection_in_a_circle_is_broken() {
    // Pages before the circle, and pages in it.
    for (before, length) in [(0, 1), (0, 2), (1, 2), (3, 3), (5, 7), (0, 20), (9, 20)] {
        let mut walk = Walk::default();
        let (mut then, mut requests) = (Then::GoesOn, 0);
        while then == Then::GoesOn && requests < 200 {
            let page = if requests < before { requests + 100 } else { (requests - before) % length };
            let list = Connection {
                edges: ids(page * 10 + 1..=page * 10 + 9)
                    .into_iter()
                    .map(|id| Edge { cursor: None, node: Some(id) })
                    .collect(),
                has_next_page: true,
                end_cursor: Some(format!("{page}")),
            };
            then = walk.take_connection(list, Cursors::OfRows, |id| id).unwrap().then;
            requests += 1;
        }
        assert_eq!(then, Then::Broken(Break::DoesNotAdvance), "{length}");
        assert!(requests <= 2 * before + 3 * length + 2, "{before} and {length}: {requests}");
    }
    // One of counting cursors that has started again and is led back each time.
    let mut walk = Walk::default();
    let list = |first: u64, cursor: u64| Connection {
        edges: ids(first..=first + 1).into_iter().map(|id| Edge { cursor: None, node: Some(id) }).collect(),
        has_next_page: true,
        end_cursor: Some(cursor.to_string()),
    };
    walk.shifts = 1;
    let (mut then, mut requests) = (Then::GoesOn, 0);
    while then == Then::GoesOn && requests < 1_000 {
        requests += 1;
        then = walk.take_connection(list(1, requests), Cursors::CountById, |id| id).unwrap().then;
    }
    assert_eq!(then, Then::Broken(Break::DoesNotAdvance));
    assert!(requests < 300, "{requests}");
}

#[test]
fn more_rows_than_asked_for_are_refused() {
    let too_many = |walk: &mut Walk, rows| walk.take(&json(200, "[]"), rows, |id: &Id| id).unwrap_err();
    let expected = |asked| BadPage::TooManyRows { asked, came: 101 };
    assert_eq!(too_many(&mut Walk::default(), ids(1..=101)), expected(100));
    assert_eq!(too_many(&mut Walk::by_number(SMALL), ids(1..=101)), expected(SMALL));
    let unordered = Walk::by_number(MEDIUM).take_unordered(&json(200, "[]"), ids(1..=101), |id| id);
    assert_eq!(unordered.unwrap_err(), expected(MEDIUM));
    let list = connection(&numbers(101), 0, 101, true);
    let error = Walk::default().take_connection(list, Cursors::CountById, |id| id).unwrap_err();
    assert_eq!(error, expected(100));
}

/// A proxy that takes every header away and cuts pages: to so many rows, by asking for fewer or by leaving rows out, or to
/// half of what was asked for. What cannot be walked is called so.
#[test]
fn pages_cut_short_without_a_header_are_gone_through_or_given_up() {
    type Cut = fn(Window) -> (usize, usize);
    let fifty: Cut = |window| (usize::try_from(window.start()).unwrap(), usize::from(window.size.min(50)));
    let clamped: Cut = |window| {
        let size = usize::from(window.size.min(50));
        (usize::try_from(window.number - 1).unwrap() * size, size)
    };
    let half: Cut = |window| {
        let size = usize::from(window.size / 2).max(1);
        (usize::try_from(window.number - 1).unwrap() * size, size)
    };
    for (cut, always_whole) in [(fifty, true), (clamped, true), (half, false)] {
        for count in [0, 1, 3, 40, 49, 50, 51, 99, 100, 330, 1_001] {
            for unordered in [false, true] {
                let mut walk = Walk::by_number(100);
                let mut delivered = Vec::new();
                let mut then = Then::GoesOn;
                for request in 0.. {
                    assert!(request < 300, "{count}");
                    let (start, size) = cut(walk.window());
                    let rows: Vec<Id> = ids(1..=count).into_iter().skip(start).take(size).collect();
                    let answer = json(200, "[]");
                    let mut taken = if unordered {
                        walk.take_unordered(&answer, rows, |id| id).unwrap()
                    } else {
                        walk.take(&answer, rows, |id| id).unwrap()
                    };
                    walk.press_on(&mut taken);
                    delivered.extend(taken.rows);
                    then = taken.then;
                    if then != Then::GoesOn {
                        break;
                    }
                }
                delivered.dedup();
                let is_whole = delivered == ids(1..=count);
                assert!(is_whole || then != Then::Done, "{count} {unordered}");
                assert!(then == Then::Done || !always_whole, "{count} {unordered} {then:?}");
            }
        }
    }
}

/// The list without a visible order under changes: what was delivered (perhaps twice), and how it ended.
fn walk_unordered(list: &mut Vec<u64>, mut change: impl FnMut(u64, &mut Vec<u64>)) -> (Vec<u64>, Then, u64) {
    let mut server = Server { ids: std::mem::take(list), headers: true };
    let mut walk = Walk::by_number(100);
    let mut delivered = Vec::new();
    for request in 1..=500 {
        change(request, &mut server.ids);
        let (mut answer, rows) = server.page(walk.window());
        // Beyond 10,000 rows there are no totals; here there never are any.
        answer.headers.retain(|(name, _)| name != "x-total");
        let taken = walk.take_unordered(&answer, rows, |id| id).unwrap();
        delivered.extend(taken.rows.iter().map(|id| id.as_str().parse::<u64>().unwrap()));
        if taken.then != Then::GoesOn {
            *list = server.ids;
            return (delivered, taken.then, request);
        }
    }
    (delivered, Then::GoesOn, 500)
}

/// As people joined: ids in no order.
fn joined(count: u64) -> Vec<u64> {
    (0..count).map(|n| (n * 7_919) % 100_003 + 1).collect()
}

#[test]
fn a_list_without_an_order_or_a_number_is_delivered_once_if_it_holds_still() {
    for count in [0, 1, 99, 100, 101, 198, 1_000, 12_345] {
        let (delivered, then, requests) = walk_unordered(&mut joined(count), |_, _| {});
        assert_eq!((delivered, then), (joined(count), Then::Done), "{count}");
        assert!(requests <= 1 + count / 88, "{count}: {requests}");
    }
}

/// One leaves and another joins: the number stays, and without a look at the overlap somebody is passed over.
#[test]
fn who_leaves_a_list_without_an_order_takes_nobody_along() {
    for gone in [1, 3, 99, 100, 150, 250] {
        for joins in [0, 1, gone] {
            for first_of_them in [0, 60, 98] {
                let mut list = joined(700);
                let stays: Vec<u64> = list
                    .iter()
                    .enumerate()
                    .filter(|(place, _)| !(first_of_them..first_of_them + gone).contains(place))
                    .map(|(_, id)| *id)
                    .collect();
                let (delivered, then, _) = walk_unordered(&mut list, |request, ids| {
                    if request == 4 {
                        ids.drain(first_of_them..first_of_them + gone);
                        ids.extend((0..joins).map(|n| 500_000 + u64::try_from(n).unwrap()));
                    }
                });
                let about = format!("{gone} from {first_of_them} on, {joins} join");
                assert_eq!(then, Then::Done, "{about}");
                for id in stays {
                    assert!(delivered.contains(&id), "{about}: {id}");
                }
            }
        }
    }
}

#[test]
fn a_list_without_an_order_that_lies_about_its_pages_is_broken() {
    let page = |walk: &mut Walk, rows: Vec<Id>, next: &str| {
        let answer = and_header(and_header(json(200, "[]"), "x-next-page", next), "x-total", "150");
        let taken = walk.take_unordered(&answer, rows, |id| id).unwrap();
        (taken.rows.len(), taken.then)
    };
    let mut walk = Walk::by_number(100);
    assert_eq!(page(&mut walk, ids(201..=300), "2"), (100, Then::GoesOn));
    assert_eq!(walk.window(), Window { number: 2, size: 99 });
    let stuck = Then::Broken(Break::DoesNotAdvance);
    assert_eq!(page(&mut walk.clone(), ids(300..=300), "3"), (0, stuck), "nothing new, and more to come");
    assert_eq!(page(&mut walk.clone(), Vec::new(), "3"), (0, stuck));
    let early = Then::Broken(Break::EndedEarly { announced: 150 });
    let with_last: Vec<Id> = ids(300..=300).into_iter().chain(ids(1..=49)).collect();
    assert_eq!(page(&mut walk.clone(), with_last.iter().take(49).cloned().collect(), ""), (48, early));
    assert_eq!(page(&mut walk, [with_last, ids(50..=50)].concat(), ""), (50, Then::Done));
    // Its first page for ever.
    let mut walk = Walk::by_number(100);
    let (mut then, mut requests) = (Then::GoesOn, 0);
    while then == Then::GoesOn && requests < 200 {
        let size = u64::from(walk.window().size);
        then = page(&mut walk, ids(201..=200 + size), "2").1;
        requests += 1;
    }
    assert!(matches!(then, Then::Broken(_)) && requests <= 110, "{then:?} after {requests}");
}

/// A page of `size` of a GraphQL list whose cursors count rows.
fn connection(list: &[u64], after: usize, size: usize, edges_have_cursors: bool) -> Connection<Id> {
    let rows = list.iter().enumerate().skip(after).take(size);
    let edges: Vec<Edge<Id>> = rows
        .map(|(place, id)| Edge {
            cursor: edges_have_cursors.then(|| (place + 1).to_string()),
            node: Id::parse(&id.to_string()),
        })
        .collect();
    let end = after + edges.len();
    Connection { edges, has_next_page: end < list.len(), end_cursor: Some(end.to_string()) }
}

/// Walk through it, changing the list before some requests.
fn walk_connection(
    list: &mut Vec<u64>,
    cursors: Cursors,
    mut change: impl FnMut(u64, &mut Vec<u64>),
) -> (Vec<u64>, Then, u64) {
    let mut walk = Walk::default();
    let mut delivered = Vec::new();
    for request in 1..=300 {
        change(request, list);
        let after = walk.cursor().map_or(0, |cursor| cursor.parse().unwrap());
        let taken = walk.take_connection(connection(list, after, 100, true), cursors, |id| id).unwrap();
        assert_eq!(taken.dropped, 0);
        delivered.extend(taken.rows.iter().map(|id| id.as_str().parse::<u64>().unwrap()));
        if taken.then != Then::GoesOn {
            return (delivered, taken.then, request);
        }
    }
    (delivered, Then::GoesOn, 300)
}

#[test]
fn cursors_that_count_lead_through_a_list_that_holds_still_once() {
    for count in [0, 1, 2, 99, 100, 101, 199, 200, 1_000] {
        for cursors in [Cursors::CountById, Cursors::Count] {
            let (delivered, then, requests) = walk_connection(&mut numbers(count), cursors, |_, _| {});
            assert_eq!((delivered, then), (numbers(count), Then::Done), "{count} {cursors:?}");
            assert!(requests <= 1 + count / 95, "{count}: {requests}");
        }
    }
}

/// Somebody loses an add-on seat and another gets one while the list is read: GitLab's count agrees with the list all the
/// same, and a third was pushed over the edge of the page.
#[test]
fn who_leaves_a_list_of_counting_cursors_takes_nobody_along() {
    for gone in [1, 40, 99, 100, 130] {
        for joins in [0, gone] {
            let change = |request: u64, ids: &mut Vec<u64>| {
                if request == 3 {
                    ids.drain(..gone);
                    ids.extend((0..joins).map(|n| 9_000 + u64::try_from(n).unwrap()));
                }
            };
            let (delivered, then, _) = walk_connection(&mut numbers(500), Cursors::CountById, change);
            assert_eq!(then, Then::Done, "{gone} {joins}");
            for id in numbers(500).into_iter().skip(gone) {
                assert_eq!(delivered.iter().filter(|other| **other == id).count(), 1, "{id} of {gone}");
            }
            let (_, then, _) = walk_connection(&mut numbers(500), Cursors::Count, change);
            assert_eq!(then, Then::Broken(Break::Shifting), "{gone} {joins}: nobody can tell who was passed over");
        }
    }
}

#[test]
fn a_list_of_counting_cursors_that_never_holds_still_is_given_up() {
    let (_, then, requests) = walk_connection(&mut numbers(50_000), Cursors::CountById, |request, ids| {
        if request > 1 {
            ids.drain(..150);
        }
    });
    assert_eq!(then, Then::Broken(Break::Shifting));
    assert!(requests < 100, "{requests}");
}

#[test]
fn a_connection_goes_on_through_short_and_empty_pages() {
    let page = |rows: Vec<Id>, cursor: Option<&str>, more| Connection {
        edges: rows.into_iter().map(|id| Edge { cursor: None, node: Some(id) }).collect(),
        has_next_page: more,
        end_cursor: cursor.map(str::to_owned),
    };
    for cursors in [Cursors::CountById, Cursors::Count, Cursors::OfRows] {
        let mut walk = Walk::default();
        let take = |walk: &mut Walk, list: Connection<Id>| {
            let taken = walk.take_connection(list, cursors, |id| id).unwrap();
            (taken.rows.len(), taken.then)
        };
        assert_eq!(take(&mut walk, page(ids(1..=3), Some("a"), true)), (3, Then::GoesOn));
        let stuck = Then::Broken(Break::DoesNotAdvance);
        if cursors == Cursors::OfRows {
            assert_eq!(take(&mut walk.clone(), page(ids(1..=3), Some("c"), true)), (0, stuck), "the same page");
        }
        assert_eq!(take(&mut walk, page(Vec::new(), Some("b"), true)), (0, Then::GoesOn));
        assert_eq!(walk.cursor(), Some("b"));
        for (rows, cursor) in [(ids(4..=5), Some("b")), (ids(4..=5), None)] {
            assert_eq!(take(&mut walk.clone(), page(rows, cursor, true)).1, stuck, "{cursor:?}");
        }
        if cursors == Cursors::CountById {
            assert_eq!(take(&mut walk.clone(), page(ids(1..=3), Some("c"), true)), (0, stuck));
        }
        assert_eq!(take(&mut walk, page(ids(4..=4), Some("c"), false)), (1, Then::Done));

        let mut empty = Walk::default();
        let mut last = Then::GoesOn;
        for number in 0..=MOST_EMPTY {
            assert_eq!(last, Then::GoesOn, "{number}");
            last = take(&mut empty, page(Vec::new(), Some(&number.to_string()), true)).1;
        }
        assert_eq!(last, stuck, "for ever is not allowed");
    }
}

#[test]
fn a_window_begins_with_a_row_already_read_and_reaches_far() {
    assert_eq!(next_window(1, 100), Window { number: 1, size: 100 });
    assert_eq!(next_window(100, 100), Window { number: 2, size: 99 });
    let mut read = 100;
    while read < 60_000 {
        let window = next_window(read, 100);
        assert!(window.start() < read, "{read} {window:?}");
        let end = window.start() + u64::from(window.size);
        assert!(end >= read + 60, "{read} {window:?}");
        read = end;
    }
}
