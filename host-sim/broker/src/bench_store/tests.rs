//! The bench itself, on a small store; and what a small store can show of large ones.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;

use tempfile::TempDir;
use time::OffsetDateTime;
use time::macros::{date, datetime};

use super::measure::filters;
use super::{Filled, fill, measure};
use crate::allocation::{self, Allocated, Days, Query, Sort, explain};
use crate::reports::{activity, ledger, sizing, unused};
use crate::store::{Store, StoreError};
use crate::view::{At, Filter, Period};

const NOW: OffsetDateTime = datetime!(2026-11-20 12:00 UTC);
/// More than are sorted rather than read in order.
const SEATS: u32 = 20_000;

fn filled() -> (TempDir, Store, Filled) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("broker.sqlite")).unwrap();
    let filled = fill(&store, "acme", NOW, SEATS).unwrap();
    (folder, store, filled)
}

fn all(store: &Store, query: &Query) -> Vec<Allocated> {
    let mut rows = Vec::new();
    allocation::each(store, "acme", query, |row| {
        rows.push(row);
        Ok::<_, StoreError>(())
    })
    .unwrap();
    rows
}

#[test]
fn every_first_page_is_read_in_order_and_not_sorted() {
    let (_folder, store, filled) = filled();
    assert!(filled.seats >= i64::from(SEATS), "{filled:?}");
    store.check().unwrap();
    for sort in Sort::ALL {
        for descending in [false, true] {
            // Of the smallest source there are few rows, which are sorted.
            for vendor in [None, Some("GitLab".to_owned())] {
                let filter = Filter { vendor, ..Filter::default() };
                let query = Query { filter, sort, descending, ..Query::default() };
                let steps = explain(&store, "acme", &query).unwrap();
                assert!(!steps.iter().any(|step| step.contains("TEMP B-TREE")), "{query:?}: {steps:?}");
                assert!(
                    !steps.iter().any(|step| step.contains("SCAN s") || step.contains("SCAN p")),
                    "{query:?}: {steps:?}"
                );
                // The index of the walk gives no more rows than are shown: it is of one pool or source.
                assert!(
                    steps.iter().any(|step| ["(pool_no=?", "(source_no=?"].iter().any(|one| step.contains(one))),
                    "{query:?}: {steps:?}"
                );
            }
        }
    }
}

/// What a row is sorted by: empty before all others.
fn shown(row: &Allocated, sort: Sort) -> String {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    match sort {
        Sort::User => row.user.clone(),
        Sort::DisplayName => text(&row.display_name),
        Sort::Email => text(&row.email),
        Sort::AllocationStart => row.allocation_start.clone(),
        Sort::AllocationEnd => text(&row.allocation_end),
        Sort::Role => text(&row.role),
        Sort::Server => row.server.clone(),
        Sort::SourceNo => format!("{:09}", row.source_no),
        Sort::Vendor => row.vendor.clone(),
        Sort::Product => row.product.clone(),
        Sort::Feature => row.feature.clone(),
        Sort::Version => text(&row.version),
        Sort::LicenseType => row.license_type.clone(),
        Sort::StartIsFirstSeen => row.start_is_first_seen.to_string(),
        Sort::ConsumesSeat => (row.consumes_seat == Some(true)).to_string(),
    }
}

/// All that tells two rows apart.
fn seats(rows: &[&Allocated]) -> BTreeSet<(i64, String, String)> {
    rows.iter().map(|row| (row.source_no, row.user.clone(), row.feature.clone())).collect()
}

#[test]
fn every_filter_in_every_order_shows_its_rows_once_and_in_order() {
    let (_folder, store, _) = filled();
    let everything = all(&store, &Query::default());
    for (name, filter) in filters(&store, "acme").unwrap() {
        let same = |wanted: &Option<String>, is: &str| wanted.as_ref().is_none_or(|wanted| wanted == is);
        let expected: Vec<_> = everything
            .iter()
            .filter(|row| {
                filter.source_no.is_none_or(|source_no| source_no == row.source_no)
                    && same(&filter.server, &row.server)
                    && same(&filter.vendor, &row.vendor)
                    && same(&filter.product, &row.product)
                    && same(&filter.feature, &row.feature)
                    && same(&filter.license_type, &row.license_type)
            })
            .collect();
        assert!(!expected.is_empty(), "{name}");
        let expected_seats = seats(&expected);
        assert_eq!(expected_seats.len(), expected.len());
        for sort in Sort::ALL {
            for descending in [false, true] {
                let query = Query { filter: filter.clone(), sort, descending, ..Query::default() };
                let (mut rows, mut after) = (Vec::new(), None::<String>);
                loop {
                    let page = allocation::page(&store, "acme", &query, 7_000, after.as_deref()).unwrap();
                    assert_eq!(usize::try_from(page.total).unwrap(), expected.len(), "{query:?}");
                    rows.extend(page.rows);
                    after = page.next;
                    if after.is_none() {
                        break;
                    }
                }
                assert_eq!(rows.len(), expected.len(), "{query:?}");
                assert_eq!(seats(&rows.iter().collect::<Vec<_>>()), expected_seats, "{query:?}");
                let keys = rows.iter().map(|row| shown(row, sort));
                assert!(if descending { keys.rev().is_sorted() } else { keys.is_sorted() }, "{query:?}");
            }
        }
    }
}

#[test]
fn filters_leave_the_same_rows_however_they_are_put_to_the_store() {
    let (_folder, store, filled) = filled();
    let everything = all(&store, &Query::default());
    assert_eq!(i64::try_from(everything.len()).unwrap(), filled.seats);
    let range = |from, to| Days { from, to };
    // Some leave few rows, which are sorted, some leave many, which are read in order.
    let cases = [
        (Some("user.k"), Days::default(), Days::default()),
        (Some("USER"), Days::default(), Days::default()),
        (None, range(Some(date!(2026 - 11 - 01)), None), Days::default()),
        (None, range(None, Some(date!(2026 - 10 - 31))), Days::default()),
        (Some("user.b"), range(Some(date!(2025 - 01 - 01)), None), range(None, Some(date!(2027 - 02 - 28)))),
        (None, Days::default(), range(Some(date!(2026 - 11 - 01)), Some(date!(2026 - 12 - 31)))),
    ];
    for (user, start, end) in cases {
        let within = |days: Days, day: Option<&String>| {
            days == Days::default()
                || day.is_some_and(|day| {
                    let day = crate::calendar::day_of(day).unwrap();
                    days.from.is_none_or(|from| day >= from) && days.to.is_none_or(|to| day <= to)
                })
        };
        let finds = |row: &Allocated| {
            user.is_none_or(|part| {
                [Some(&row.user), row.display_name.as_ref(), row.email.as_ref()]
                    .into_iter()
                    .flatten()
                    .any(|text| text.to_lowercase().contains(&part.to_lowercase()))
            })
        };
        let expected = everything
            .iter()
            .filter(|row| {
                finds(row) && within(start, Some(&row.allocation_start)) && within(end, row.allocation_end.as_ref())
            })
            .count();
        assert!(expected > 0);
        for sort in [Sort::User, Sort::AllocationStart, Sort::AllocationEnd, Sort::Server, Sort::StartIsFirstSeen] {
            let query = Query { user: user.map(str::to_owned), start, end, sort, ..Query::default() };
            let (mut rows, mut after) = (Vec::new(), None::<String>);
            loop {
                let page = allocation::page(&store, "acme", &query, 3000, after.as_deref()).unwrap();
                assert_eq!(usize::try_from(page.total).unwrap(), expected, "{query:?}");
                rows.extend(page.rows);
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            assert_eq!(rows, all(&store, &query), "{query:?}");
            assert_eq!(rows.len(), expected, "{query:?}");
        }
    }
}

#[test]
fn the_filled_store_agrees_with_itself() {
    let (_folder, store, filled) = filled();
    let today = NOW.date();
    let query = unused::Query::default();
    let pools = unused::summary(&store, "acme", &query, today).unwrap();
    assert_eq!(pools.iter().map(|pool| pool.holders).sum::<i64>(), filled.seats);
    for pool in &pools {
        let parts = pool.active + pool.new + pool.inactive + pool.never_active + pool.unknown;
        assert_eq!(parts, pool.holders, "each seat is in one of these: {pool:?}");
    }
    let reasons = |pool: &unused::PoolSummary| {
        pool.inactive
            + pool.never_active
            + pool.unknown
            + pool.term_ended
            + pool.assignment_ended
            + pool.add_on_without_base
    };
    let rows = unused::each(&store, "acme", &query, today, |_| Ok::<_, StoreError>(())).unwrap();
    assert_eq!(i64::try_from(rows).unwrap(), pools.iter().map(reasons).sum::<i64>());
    assert_eq!(sizing::sizing(&store, "acme", &query, today).unwrap().len(), pools.len());
    for at in [None, Some(At::Day(date!(2026 - 11 - 10)))] {
        let days = activity::Query { filter: Filter::default(), period: Period::ending(today, 20), at };
        let moved = ledger::balances(&store, "acme", &days).unwrap();
        for pool in &moved {
            let [opening, found, taken, left, closing] =
                [pool.opening, pool.found, pool.taken, pool.left, pool.closing].map(Option::unwrap);
            assert_eq!(opening + found + taken - left, closing, "{at:?} {pool:?}");
        }
        let held = all(&store, &Query { at, ..Query::default() }).len();
        assert_eq!(i64::try_from(held).unwrap(), moved.iter().filter_map(|pool| pool.closing).sum::<i64>(), "{at:?}");
        let judged = unused::summary(&store, "acme", &unused::Query { at, ..query.clone() }, today).unwrap();
        assert_eq!(judged.iter().map(|pool| pool.holders).sum::<i64>(), i64::try_from(held).unwrap(), "{at:?}");
    }
    let days = activity::Query { filter: Filter::default(), period: Period::ending(today, 90), at: None };
    let observed = activity::daily(&store, "acme", &days).unwrap().iter().map(|day| day.accounts).sum::<i64>();
    let mut ranked = 0;
    activity::each_ranked(&store, "acme", &days, |row| {
        ranked += row.observed_days;
        Ok::<_, StoreError>(())
    })
    .unwrap();
    assert_eq!(observed, ranked, "days by account and accounts by day are the same");
}

#[test]
fn everything_is_measured_and_what_is_bounded_is_told() {
    let (_folder, store, _) = filled();
    let figures = measure(&store, "acme", NOW.date()).unwrap();
    let names: BTreeSet<_> = figures.iter().map(|figure| figure.what.as_str()).collect();
    assert_eq!(names.len(), figures.len());
    for sort in Sort::ALL {
        assert!(names.contains(format!("allocation by {}, descending", sort.name()).as_str()));
    }
    assert!(figures.iter().all(|figure| figure.took_us > 0));
    for (name, _) in filters(&store, "acme").unwrap() {
        let of = format!("allocation of {name}, any order; ");
        assert!(figures.iter().any(|figure| figure.what.starts_with(&of) && figure.bound_us == Some(50_000)), "{name}");
    }
    assert!(figures.iter().filter(|figure| figure.bound_us.is_some()).count() > 55);
    let late = super::Figure { what: String::new(), took_us: 11, bound_us: Some(10), rows: 0 };
    assert!(!late.holds() && super::Figure { bound_us: Some(11), ..late.clone() }.holds());
    assert!(super::Figure { bound_us: None, ..late }.holds());
}
