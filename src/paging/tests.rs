//! Walks over lists that change, lie and end early, page by page.
#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use super::*;
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
        let taken = walk.take(&answer, rows, |id| id).unwrap();
        delivered.extend(taken.rows.iter().map(|id| id.as_str().parse::<u64>().unwrap()));
        assert!(walk.is_sound());
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
            assert!(matches!((then, headers), (Then::Done, _) | (Then::Unsure, false)), "{count} {headers} {then:?}");
            assert!(requests <= 1 + count / 88, "{count}: {requests}");
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
    assert_eq!(keyset(&mut walk, ids(101..=130), &[]), (30, 0, Then::Done));
    assert_eq!((walk.rows, walk.pages), (130, 2));
    // A full last page and an empty one are what a lost header would look like.
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
    assert_eq!(keyset(&mut start(), ids(99..=150), &[]), (50, 2, Then::Done), "dropped rows are counted");
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
    assert_eq!(keyset(&mut walk, ids(1..=40), &[]), (40, 0, Then::Done));
    walk.without_keyset();
    assert_eq!(walk.page(), Page::Window(Window::FIRST));
}

#[test]
fn a_list_without_an_order_is_compared_with_its_number() {
    let page = |walk: &mut Walk, rows: Vec<Id>, next: &str, total: &str| {
        let answer = and_header(and_header(json(200, "[]"), "x-next-page", next), "x-total", total);
        let taken = walk.take_unordered(&answer, rows, |id| id).unwrap();
        (taken.rows.len(), taken.then)
    };
    let mut walk = Walk::by_number(100);
    assert_eq!(page(&mut walk, ids(201..=300), "2", "150"), (100, Then::GoesOn));
    assert_eq!(walk.window(), Window { number: 2, size: 100 });
    let mut moved = walk.clone();
    let mut repeated = walk.clone();
    let mut short = walk.clone();
    assert_eq!(page(&mut walk, ids(1..=50), "", "150"), (50, Then::Done));
    assert_eq!(page(&mut moved, ids(1..=49), "", "149"), (49, Then::Broken(Break::Shifting)));
    assert_eq!(page(&mut repeated, ids(201..=300), "3", "150"), (0, Then::Broken(Break::DoesNotAdvance)));
    assert_eq!(page(&mut short, ids(1..=49), "", "150"), (49, Then::Broken(Break::EndedEarly { announced: 150 })));
}

#[test]
fn a_connection_goes_on_through_short_and_empty_pages() {
    let info = |cursor: Option<&str>, more| PageInfo { end_cursor: cursor.map(str::to_owned), has_next_page: more };
    let mut walk = Walk::default();
    let take = |walk: &mut Walk, rows, info: &PageInfo| {
        let taken = walk.take_connection(info, rows, true, |id| id);
        (taken.rows.len(), taken.then)
    };
    assert_eq!(take(&mut walk, ids(1..=3), &info(Some("a"), true)), (3, Then::GoesOn));
    assert_eq!(take(&mut walk, Vec::new(), &info(Some("b"), true)), (0, Then::GoesOn));
    assert_eq!(walk.cursor(), Some("b"));
    let stuck = Then::Broken(Break::DoesNotAdvance);
    for (rows, info) in
        [(ids(4..=5), info(Some("b"), true)), (ids(4..=5), info(None, true)), (ids(1..=3), info(Some("c"), true))]
    {
        assert_eq!(take(&mut walk.clone(), rows, &info).1, stuck, "{info:?}");
    }
    assert_eq!(take(&mut walk, ids(4..=4), &info(Some("c"), false)), (1, Then::Done));

    let mut empty = Walk::default();
    let mut last = Then::GoesOn;
    for page in 0..=MOST_EMPTY {
        assert_eq!(last, Then::GoesOn, "{page}");
        last = take(&mut empty, Vec::new(), &info(Some(&page.to_string()), true)).1;
    }
    assert_eq!(last, stuck, "for ever is not allowed");
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
