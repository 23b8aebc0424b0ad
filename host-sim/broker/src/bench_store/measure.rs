//! How long it takes.

use std::time::{Duration, Instant};

use serde::Serialize;
use time::Date;

use crate::allocation::{self, Query, Sort};
use crate::reports::{activity, ledger, sizing, unused};
use crate::store::{Store, StoreError};
use crate::table::{Column, Kind, Row, Value, column};
use crate::view::{At, Filter, Period, days_before};

/// Allocation's first page, in every order, of all and of what a filter of sources or pools leaves.
const PAGE: Duration = Duration::from_millis(50);
/// Allocation of the past, which sorts all rows there were.
const PAST: Duration = Duration::from_secs(5);
/// What goes through all rows of a tenant.
const REPORT: Duration = Duration::from_secs(2);
/// Rows of a page.
const ROWS: u32 = 100;
/// The figure is the median of so many.
const TIMES: usize = 5;

/// One figure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Figure {
    /// What was done.
    pub what: String,
    /// The median time, microseconds.
    pub took_us: i64,
    /// The bound, microseconds; none: it is only told.
    pub bound_us: Option<i64>,
    /// What came of it: rows.
    pub rows: i64,
}

impl Figure {
    /// Whether it is within its bound.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.bound_us.is_none_or(|bound| self.took_us <= bound)
    }
}

impl Row for Figure {
    const COLUMNS: &'static [Column] = &[
        column("what", Kind::Text),
        column("took_us", Kind::Integer),
        column("bound_us", Kind::Integer),
        column("rows", Kind::Integer),
    ];

    fn values(&self) -> Vec<Value> {
        vec![self.what.as_str().into(), self.took_us.into(), self.bound_us.into(), self.rows.into()]
    }
}

struct Table(Vec<Figure>);

impl Table {
    fn time(
        &mut self,
        what: String,
        bound: Option<Duration>,
        act: impl Fn() -> Result<u64, StoreError>,
    ) -> Result<(), StoreError> {
        let mut times = Vec::new();
        let mut rows = 0;
        for _ in 0..TIMES {
            let begun = Instant::now();
            rows = act()?;
            times.push(begun.elapsed());
        }
        times.sort();
        let micros = |time: Duration| i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
        let median = times.get(TIMES / 2).copied().unwrap_or_default();
        let rows = i64::try_from(rows).unwrap_or(i64::MAX);
        self.0.push(Figure { what, took_us: micros(median), bound_us: bound.map(micros), rows });
        Ok(())
    }
}

/// Asks for everything, again and again. `today` is the day until which the store was filled; the file should be in the
/// system's cache, as it is after filling.
///
/// # Errors
/// [`StoreError`].
pub fn measure(store: &Store, tenant: &str, today: Date) -> Result<Vec<Figure>, StoreError> {
    let mut table = Table(Vec::new());
    pages(&mut table, store, tenant)?;
    filtered_pages(&mut table, store, tenant)?;
    slower_pages(&mut table, store, tenant, today)?;
    reports(&mut table, store, tenant, today)?;
    Ok(table.0)
}

fn pages(table: &mut Table, store: &Store, tenant: &str) -> Result<(), StoreError> {
    let first = |query: &Query| allocation::page(store, tenant, query, ROWS, None).map(|page| page.total);
    table.time("allocation, first page".to_owned(), Some(PAGE), || first(&Query::default()))?;
    for sort in Sort::ALL {
        for descending in [false, true] {
            let query = Query { sort, descending, ..Query::default() };
            let way = if descending { "descending" } else { "ascending" };
            table.time(format!("allocation by {}, {way}", sort.name()), Some(PAGE), || first(&query))?;
        }
    }
    let page = allocation::page(store, tenant, &Query::default(), ROWS, None)?;
    table.time("allocation, second page".to_owned(), Some(PAGE), || {
        allocation::page(store, tenant, &Query::default(), ROWS, page.next.as_deref()).map(|page| page.total)
    })
}

/// One figure for each filter: the first page in the order that takes longest.
fn filtered_pages(table: &mut Table, store: &Store, tenant: &str) -> Result<(), StoreError> {
    for (name, filter) in filters(store, tenant)? {
        let mut orders = Table(Vec::new());
        for sort in Sort::ALL {
            for descending in [false, true] {
                let query = Query { filter: filter.clone(), sort, descending, ..Query::default() };
                let way = if descending { "descending" } else { "ascending" };
                let what = format!("allocation of {name}, any order; longest: {}, {way}", sort.name());
                orders.time(what, Some(PAGE), || {
                    allocation::page(store, tenant, &query, ROWS, None).map(|page| page.total)
                })?;
            }
        }
        table.0.extend(orders.0.into_iter().max_by_key(|figure| figure.took_us));
    }
    Ok(())
}

/// Filters of each kind; of the largest and the smallest source, where it makes a difference.
pub(super) fn filters(store: &Store, tenant: &str) -> Result<Vec<(String, Filter)>, StoreError> {
    let mut sources = store.sources(Some(tenant))?;
    sources.sort_by_key(|source| source.source_no);
    let some = |text: &str| Some(text.to_owned());
    let mut filters = Vec::new();
    for source in [sources.first(), sources.last()].into_iter().flatten() {
        let (number, name) = (source.source_no, source.display_name.as_str());
        filters.push((format!("source {number}"), Filter { source_no: Some(number), ..Filter::default() }));
        filters.push((format!("server {name}"), Filter { server: some(name), ..Filter::default() }));
    }
    for vendor in ["GitLab", "Atlassian"] {
        filters.push((format!("vendor {vendor}"), Filter { vendor: some(vendor), ..Filter::default() }));
    }
    for product in ["GitLab", "Jira"] {
        filters.push((format!("product {product}"), Filter { product: some(product), ..Filter::default() }));
    }
    for feature in ["Premium seat", "Ultimate seat", "Duo Pro seat"] {
        filters.push((format!("feature {feature}"), Filter { feature: some(feature), ..Filter::default() }));
        let (name, filter) = ("product Jira and feature", Filter { product: some("Jira"), ..Filter::default() });
        filters.push((format!("{name} {feature}"), Filter { feature: some(feature), ..filter }));
    }
    let named = "named-user";
    filters.push((format!("license type {named}"), Filter { license_type: some(named), ..Filter::default() }));
    Ok(filters)
}

/// Pages for which all rows have to be looked at.
fn slower_pages(table: &mut Table, store: &Store, tenant: &str, today: Date) -> Result<(), StoreError> {
    let first = |query: &Query| allocation::page(store, tenant, query, ROWS, None).map(|page| page.total);
    let last = Query { descending: true, ..Query::default() };
    let somebody = allocation::page(store, tenant, &last, 1, None)?.rows.pop().map_or_else(String::new, |row| row.user);
    for (what, wanted) in [("one person", somebody.as_str()), ("many people", "user.k"), ("nobody", "no such")] {
        let query = Query { user: Some(wanted.to_owned()), ..Query::default() };
        table.time(format!("allocation, search that finds {what}"), Some(REPORT), || first(&query))?;
    }
    let start = allocation::Days { from: Some(days_before(today, 20)), to: None };
    let query = Query { start, ..Query::default() };
    table.time("allocation that started in 20 days".to_owned(), Some(REPORT), || first(&query))?;
    let query = Query { obsolete: true, ..Query::default() };
    table.time("allocation with what is over".to_owned(), Some(PAST), || first(&query))?;
    let query = Query { at: Some(At::Day(days_before(today, 10))), ..Query::default() };
    table.time("allocation ten days ago".to_owned(), Some(PAST), || first(&query))?;
    // No bound: a person waits for none of it.
    table.time("allocation, every row".to_owned(), None, || {
        allocation::each(store, tenant, &Query::default(), |_| Ok::<_, StoreError>(()))
    })
}

fn reports(table: &mut Table, store: &Store, tenant: &str, today: Date) -> Result<(), StoreError> {
    let ninety = activity::Query { filter: Filter::default(), period: Period::ending(today, 90), at: None };
    let counted = |rows: usize| u64::try_from(rows).unwrap_or(u64::MAX);
    let rows = usize::try_from(ROWS).unwrap_or(usize::MAX);
    let bound = Some(REPORT);
    table.time("user activity trends, accounts by day".to_owned(), bound, || {
        activity::daily(store, tenant, &ninety).map(|days| counted(days.len()))
    })?;
    table.time("user activity trends, ranking".to_owned(), bound, || {
        activity::ranking(store, tenant, &ninety, 0, rows).map(|ranking| ranking.total)
    })?;
    table.time("user activity trends, pools".to_owned(), bound, || {
        activity::usage(store, tenant, &ninety).map(|points| counted(points.len()))
    })?;
    let now = unused::Query::default();
    table.time("expired or unused licenses, first page".to_owned(), bound, || {
        unused::page(store, tenant, &now, today, 0, rows).map(|page| page.total.unsigned_abs())
    })?;
    table.time("expired or unused licenses, counts".to_owned(), bound, || {
        unused::summary(store, tenant, &now, today).map(|pools| counted(pools.len()))
    })?;
    table.time("seat ledger, balances".to_owned(), bound, || {
        ledger::balances(store, tenant, &ninety).map(|pools| counted(pools.len()))
    })?;
    table.time("seat ledger, first page of events".to_owned(), bound, || {
        ledger::events(store, tenant, &ninety, 0, rows).map(|events| counted(events.len()))
    })?;
    table.time("right-sizing and cost".to_owned(), bound, || {
        sizing::sizing(store, tenant, &now, today).map(|pools| counted(pools.len()))
    })?;
    let (then, day) = (At::Day(days_before(today, 10)), days_before(today, 10));
    let before = unused::Query { at: Some(then), ..unused::Query::default() };
    table.time("expired or unused licenses ten days ago, counts".to_owned(), None, || {
        unused::summary(store, tenant, &before, day).map(|pools| counted(pools.len()))
    })?;
    let before = activity::Query { at: Some(then), ..ninety.clone() };
    table.time("user activity trends ten days ago, ranking".to_owned(), None, || {
        activity::ranking(store, tenant, &before, 0, rows).map(|ranking| ranking.total)
    })?;
    table.time("seat ledger ten days ago, balances".to_owned(), None, || {
        ledger::balances(store, tenant, &before).map(|pools| counted(pools.len()))
    })
}
