//! The seat ledger: who took a seat and who left one, and how many were held before and after.
//!
//! | event | when |
//! | --- | --- |
//! | `found` | held in the first snapshot of its pool: nobody knows since when |
//! | `taken` | held in a snapshot and not in the one before |
//! | `left` | the other way round |
//!
//! The balances are counts of the snapshots themselves, not sums of events: opening + found + taken - left = closing holds
//! as long as the events of the period are kept. A period begins with the last snapshot before its first day.
//!
//! What a retention has dropped is not known, and not nought: of a period that begins before `kept_from`, the events are not
//! counted; of a day before the first snapshot that is kept, the balance is not known.

use rusqlite::{OptionalExtension as _, params};
use serde::Serialize;

use super::activity::Query;
use crate::calendar::day_text;
use crate::store::{Store, StoreError};
use crate::table::{Column, Kind, Row, Value, column};
use crate::view::{PoolAt, View};

/// A pool in a period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Balance {
    /// The source's name for people.
    pub server: String,
    /// The product.
    pub product: String,
    /// What of it was bought.
    pub feature: String,
    /// The subscription: a group or the instance.
    pub scope: String,
    /// Seats held before; none, here and below: what would tell was dropped.
    pub opening: Option<i64>,
    /// Found when the pool was first read.
    pub found: Option<i64>,
    /// Taken.
    pub taken: Option<i64>,
    /// Left.
    pub left: Option<i64>,
    /// Seats held at the end.
    pub closing: Option<i64>,
    /// The first day of which events are kept, `YYYY-MM-DD`; none: all are.
    pub kept_from: Option<String>,
}

impl Row for Balance {
    const COLUMNS: &'static [Column] = &[
        column("server", Kind::Text),
        column("product", Kind::Text),
        column("feature", Kind::Text),
        column("scope", Kind::Text),
        column("opening", Kind::Integer),
        column("found", Kind::Integer),
        column("taken", Kind::Integer),
        column("left", Kind::Integer),
        column("closing", Kind::Integer),
        column("kept_from", Kind::Day),
    ];

    fn values(&self) -> Vec<Value> {
        let texts = [&self.server, &self.product, &self.feature, &self.scope];
        let numbers = [self.opening, self.found, self.taken, self.left, self.closing];
        let numbers = numbers.into_iter().map(Value::from).chain([self.kept_from.clone().into()]);
        texts.into_iter().map(|text| text.as_str().into()).chain(numbers).collect()
    }
}

/// The balances of each pool. Pools that had no seat in the period are not told of.
///
/// # Errors
/// [`StoreError::Unknown`] tenant or snapshot.
pub fn balances(store: &Store, tenant: &str, query: &Query) -> Result<Vec<Balance>, StoreError> {
    let view = View::of(store, tenant, query.at, &query.filter)?;
    let (from, to) = (day_text(query.period.from), day_text(query.period.to));
    let mut statement = view.reader.prepare(&format!(
        "SELECT e.kind, count(*) FROM seat_event e
         WHERE e.pool_no = ?1 AND e.on_day >= ?2 AND e.on_day <= ?3{} GROUP BY e.kind",
        until(&view)
    ))?;
    let mut all = Vec::new();
    for pool in &view.pools {
        let kept_from = kept_from(&view, pool)?;
        let whole = kept_from.as_ref().is_none_or(|first| from >= *first);
        let (mut found, mut taken, mut left) = (0, 0, 0);
        let mut rows = statement.query(params![pool.pool_no, from, to, pool.run_no])?;
        while let Some(row) = rows.next()? {
            let (kind, count): (String, i64) = (row.get(0)?, row.get(1)?);
            match kind.as_str() {
                "found" => found = count,
                "taken" => taken = count,
                _ => left = count,
            }
        }
        // Without a snapshot of before, nothing was held, unless it was dropped.
        let nothing = || kept_from.is_none().then_some(0);
        let balance = Balance {
            server: pool.server.clone(),
            product: pool.product.clone(),
            feature: pool.feature.clone(),
            scope: pool.scope_name.clone(),
            opening: held(&view, pool, &from, "<")?.or_else(nothing),
            found: whole.then_some(found),
            taken: whole.then_some(taken),
            left: whole.then_some(left),
            closing: held(&view, pool, &to, "<=")?.or_else(nothing),
            kept_from,
        };
        let figures = [balance.opening, balance.found, balance.taken, balance.left, balance.closing];
        if figures != [Some(0); 5] {
            all.push(balance);
        }
    }
    Ok(all)
}

/// How many events are kept of the period.
///
/// # Errors
/// [`StoreError::Unknown`] tenant or snapshot.
pub fn total(store: &Store, tenant: &str, query: &Query) -> Result<u64, StoreError> {
    let view = View::of(store, tenant, query.at, &query.filter)?;
    let (from, to) = (day_text(query.period.from), day_text(query.period.to));
    let mut statement = view.reader.prepare(&format!(
        "SELECT count(*) FROM seat_event e WHERE e.pool_no = ?1 AND e.on_day >= ?2 AND e.on_day <= ?3{}",
        until(&view)
    ))?;
    let mut total = 0;
    for pool in &view.pools {
        total += statement.query_row(params![pool.pool_no, from, to, pool.run_no], |row| row.get::<_, u64>(0))?;
    }
    Ok(total)
}

fn kept_from(view: &View, pool: &PoolAt) -> Result<Option<String>, StoreError> {
    Ok(view
        .reader
        .prepare_cached("SELECT kept_from FROM source WHERE source_no = ?1")?
        .query_row([pool.source_no], |row| row.get(0))?)
}

/// Events after the view's snapshot, where it is not the newest: of its day there may be some. The parameter is there anyway.
fn until(view: &View) -> &'static str {
    if view.historic { " AND e.run_no <= ?4" } else { " AND ?4 IS NOT NULL" }
}

/// Holders in the source's last snapshot before a day, or on it; none: no such snapshot is kept.
fn held(view: &View, pool: &PoolAt, day: &str, before: &str) -> Result<Option<i64>, StoreError> {
    Ok(view
        .reader
        .prepare_cached(&format!(
            "SELECT coalesce(f.holders, 0) FROM run r LEFT JOIN pool_figures f ON f.pool_no = ?1 AND f.run_no = r.run_no
             WHERE r.run_no = (SELECT max(x.run_no) FROM run x WHERE x.source_no = ?2 AND x.state = 'complete'
                               AND x.run_no <= ?3 AND x.taken_on {before} ?4)"
        ))?
        .query_row(params![pool.pool_no, pool.source_no, pool.run_no, day], |row| row.get(0))
        .optional()?)
}

/// A seat taken or left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Event {
    /// The day of the snapshot that shows it, `YYYY-MM-DD`.
    pub on_day: String,
    /// `found`, `taken` or `left`.
    pub kind: String,
    /// The source's name for people.
    pub server: String,
    /// The product.
    pub product: String,
    /// What of it was bought.
    pub feature: String,
    /// The subscription: a group or the instance.
    pub scope: String,
    /// Login name, or what stands for it: the last that is known.
    pub user: String,
    /// Name for people.
    pub display_name: Option<String>,
    /// Address.
    pub email: Option<String>,
}

impl Row for Event {
    const COLUMNS: &'static [Column] = &[
        column("on_day", Kind::Day),
        column("kind", Kind::Text),
        column("server", Kind::Text),
        column("product", Kind::Text),
        column("feature", Kind::Text),
        column("scope", Kind::Text),
        column("user", Kind::Text),
        column("display_name", Kind::Text),
        column("email", Kind::Text),
    ];

    fn values(&self) -> Vec<Value> {
        vec![
            self.on_day.as_str().into(),
            self.kind.as_str().into(),
            self.server.as_str().into(),
            self.product.as_str().into(),
            self.feature.as_str().into(),
            self.scope.as_str().into(),
            self.user.as_str().into(),
            self.display_name.clone().into(),
            self.email.clone().into(),
        ]
    }
}

/// Up to `most` events after the first `skip`, in the order of [`each_event`].
///
/// # Errors
/// [`StoreError::Unknown`] tenant or snapshot.
pub fn events(store: &Store, tenant: &str, query: &Query, skip: u64, most: usize) -> Result<Vec<Event>, StoreError> {
    let view = View::of(store, tenant, query.at, &query.filter)?;
    let mut rows = Vec::new();
    let mut skip = skip;
    go_through(&view, query, |event| {
        if skip > 0 {
            skip -= 1;
        } else if rows.len() < most {
            rows.push(event()?);
        }
        Ok::<_, StoreError>(rows.len() < most)
    })?;
    Ok(rows)
}

/// Every event by pool, day and kind, one by one. Returns how many.
///
/// # Errors
/// [`StoreError::Unknown`] tenant or snapshot, and those of `act`, after which no further row is read.
pub fn each_event<E: From<StoreError>>(
    store: &Store,
    tenant: &str,
    query: &Query,
    mut act: impl FnMut(Event) -> Result<(), E>,
) -> Result<u64, E> {
    let view = View::of(store, tenant, query.at, &query.filter)?;
    let mut count = 0;
    go_through(&view, query, |event| {
        count += 1;
        act(event()?).map(|()| true)
    })?;
    Ok(count)
}

fn go_through<E: From<StoreError>>(
    view: &View,
    query: &Query,
    mut act: impl FnMut(&dyn Fn() -> Result<Event, StoreError>) -> Result<bool, E>,
) -> Result<(), E> {
    let (from, to) = (day_text(query.period.from), day_text(query.period.to));
    let mut statement = view
        .reader
        .prepare(&format!(
            "SELECT e.on_day, e.kind, p.username, p.display_name, p.email
             FROM seat_event e CROSS JOIN person p ON p.person_no = e.person_no
             WHERE e.pool_no = ?1 AND e.on_day >= ?2 AND e.on_day <= ?3{} ORDER BY e.on_day, e.kind, e.event_no",
            until(view)
        ))
        .map_err(StoreError::from)?;
    for pool in &view.pools {
        let mut rows = statement.query(params![pool.pool_no, from, to, pool.run_no]).map_err(StoreError::from)?;
        while let Some(row) = rows.next().map_err(StoreError::from)? {
            let event = || {
                Ok(Event {
                    on_day: row.get(0)?,
                    kind: row.get(1)?,
                    server: pool.server.clone(),
                    product: pool.product.clone(),
                    feature: pool.feature.clone(),
                    scope: pool.scope_name.clone(),
                    user: row.get(2)?,
                    display_name: row.get(3)?,
                    email: row.get(4)?,
                })
            };
            if !act(&event)? {
                return Ok(());
            }
        }
    }
    Ok(())
}
