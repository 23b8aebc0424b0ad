//! *User activity trends*: who was seen to have been active, when, and how seats filled up meanwhile.
//!
//! A source tells the last day of activity of an account and no more. What is counted here are *observed days*: days of which
//! a source has ever said that they were somebody's last. Days between two runs may be missing, so that a count is a lower
//! bound; nothing is known of sessions and hours.
//!
//! | part | is |
//! | --- | --- |
//! | [`daily`] | accounts by day; of an add-on that tells its own use, the same of the add-on |
//! | [`ranking`] | accounts by the number of their observed days in the period, most first; who has none is not in it |
//! | [`usage`] | what each snapshot of the period says of each pool |
//!
//! An account is one in a source: a person with an account in each of two sources counts twice. Of a past snapshot, days
//! after it are left out.

use rusqlite::{OptionalExtension as _, params};
use serde::Serialize;
use time::Date;

use super::judge::month_of;
use super::percent;
use crate::calendar::{day_of, day_text};
use crate::store::{Store, StoreError};
use crate::table::{Column, Kind, Row, Value, column};
use crate::view::{At, Filter, Period, SourceAt, View};

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// Of which sources and pools.
    pub filter: Filter,
    /// Which days.
    pub period: Period,
    /// A moment of the past; none: now.
    pub at: Option<At>,
}

/// A day of a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Day {
    /// `YYYY-MM-DD`.
    pub day: String,
    /// The source's name for people.
    pub server: String,
    /// The source's number.
    pub source_no: i64,
    /// The add-on that was used; none: the account as a whole.
    pub feature: Option<String>,
    /// Accounts that were seen to have been active.
    pub accounts: i64,
}

impl Row for Day {
    const COLUMNS: &'static [Column] = &[
        column("day", Kind::Day),
        column("server", Kind::Text),
        column("source_no", Kind::Integer),
        column("feature", Kind::Text),
        column("accounts", Kind::Integer),
    ];

    fn values(&self) -> Vec<Value> {
        vec![
            self.day.as_str().into(),
            self.server.as_str().into(),
            self.source_no.into(),
            self.feature.clone().into(),
            self.accounts.into(),
        ]
    }
}

/// Accounts by day, source and add-on, in this order. A day on which nobody was seen has no row.
///
/// # Errors
/// [`StoreError::Unknown`] tenant or snapshot.
pub fn daily(store: &Store, tenant: &str, query: &Query) -> Result<Vec<Day>, StoreError> {
    let view = View::of(store, tenant, query.at, &query.filter)?;
    let mut statement = view.reader.prepare(
        "SELECT pool_no, day, people FROM activity_count WHERE source_no = ?1 AND day >= ?2 AND day <= ?3 AND people > 0",
    )?;
    let mut days = Vec::new();
    for source in &view.sources {
        let last = day_text(last_day(query, source));
        let mut rows = statement.query(params![source.source_no, day_text(query.period.from), last])?;
        while let Some(row) = rows.next()? {
            let pool_no = row.get(0)?;
            let pool = view.pool(pool_no);
            if pool_no == 0 || pool.is_some() {
                days.push(Day {
                    day: row.get(1)?,
                    server: source.server.clone(),
                    source_no: source.source_no,
                    feature: pool.map(|pool| pool.feature.clone()),
                    accounts: row.get(2)?,
                });
            }
        }
    }
    days.sort_by(|a, b| (&a.day, a.source_no, &a.feature).cmp(&(&b.day, b.source_no, &b.feature)));
    Ok(days)
}

/// The last day of which is told.
fn last_day(query: &Query, source: &SourceAt) -> Date {
    let taken_on = day_of(&source.taken_on).unwrap_or(Date::MAX);
    if query.at.is_some() { taken_on.min(query.period.to) } else { query.period.to }
}

/// An account by its observed days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ranked {
    /// The source's name for people.
    pub server: String,
    /// The source's number.
    pub source_no: i64,
    /// Login name, or what stands for it.
    pub user: String,
    /// Name for people.
    pub display_name: Option<String>,
    /// Address.
    pub email: Option<String>,
    /// Days of the period on which it was seen to have been active, at least 1.
    pub observed_days: i64,
}

impl Row for Ranked {
    const COLUMNS: &'static [Column] = &[
        column("server", Kind::Text),
        column("source_no", Kind::Integer),
        column("user", Kind::Text),
        column("display_name", Kind::Text),
        column("email", Kind::Text),
        column("observed_days", Kind::Integer),
    ];

    fn values(&self) -> Vec<Value> {
        vec![
            self.server.as_str().into(),
            self.source_no.into(),
            self.user.as_str().into(),
            self.display_name.clone().into(),
            self.email.clone().into(),
            self.observed_days.into(),
        ]
    }
}

/// Some of the ranking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ranking {
    /// Most observed days first; of as many, those who were seen first.
    pub rows: Vec<Ranked>,
    /// Accounts with an observed day in the period.
    pub total: u64,
}

/// Up to `most` accounts after the first `skip`.
///
/// # Errors
/// [`StoreError::Unknown`] tenant or snapshot.
pub fn ranking(store: &Store, tenant: &str, query: &Query, skip: usize, most: usize) -> Result<Ranking, StoreError> {
    let view = View::of(store, tenant, query.at, &query.filter)?;
    let mut order = order(&view, query)?;
    let total = u64::try_from(order.len()).unwrap_or(u64::MAX);
    // What comes after the page need not be in order.
    let end = skip.saturating_add(most);
    if end < order.len() {
        order.select_nth_unstable(end);
        order.truncate(end);
    }
    order.sort_unstable();
    let mut rows = Vec::new();
    each_of(&view, order.into_iter().skip(skip), |row| {
        rows.push(row);
        Ok::<_, StoreError>(())
    })?;
    Ok(Ranking { rows, total })
}

/// The whole ranking, one by one. Keeps up to 24 bytes for each account, no row. Returns how many.
///
/// # Errors
/// As [`ranking`], and those of `act`, after which no further row is read.
pub fn each_ranked<E: From<StoreError>>(
    store: &Store,
    tenant: &str,
    query: &Query,
    act: impl FnMut(Ranked) -> Result<(), E>,
) -> Result<u64, E> {
    let view = View::of(store, tenant, query.at, &query.filter)?;
    let mut order = order(&view, query)?;
    order.sort_unstable();
    let total = u64::try_from(order.len()).unwrap_or(u64::MAX);
    each_of(&view, order.into_iter(), act)?;
    Ok(total)
}

/// Observed days, negative so that most come first, and the person.
fn order(view: &View, query: &Query) -> Result<Vec<(i64, i64)>, StoreError> {
    let mut order = Vec::new();
    for source in &view.sources {
        let period = Period { from: query.period.from, to: last_day(query, source) };
        if period.from > period.to {
            continue;
        }
        let mut people = view
            .reader
            .prepare_cached("SELECT person_no FROM person WHERE source_no = ?1")?
            .query_map([source.source_no], |row| row.get(0))?
            .collect::<Result<Vec<i64>, _>>()?;
        people.sort_unstable();
        let (Some(first), Some(last)) = (people.first(), people.last()) else { continue };
        // Most people of a source have numbers next to each other, and going through all months between is much quicker than
        // to look for each person's.
        let near = usize::try_from(last - first).is_ok_and(|span| span / 4 <= people.len());
        let spans = if near { vec![(*first, *last)] } else { people.iter().map(|person| (*person, *person)).collect() };
        observe(view, period, &people, &spans, &mut order)?;
    }
    Ok(order)
}

/// Adds those of the `people`, in order of their numbers, who have a day in the period; their months are in the `spans`.
fn observe(
    view: &View,
    period: Period,
    people: &[i64],
    spans: &[(i64, i64)],
    order: &mut Vec<(i64, i64)>,
) -> Result<(), StoreError> {
    let (first, last) = (month_of(period.from), month_of(period.to));
    let mut statement = view.reader.prepare_cached(
        "SELECT person_no, month, days FROM activity_month
         WHERE person_no >= ?1 AND person_no <= ?2 AND pool_no = 0 AND month >= ?3 AND month <= ?4",
    )?;
    let mut people = people.iter().copied().peekable();
    for (from, to) in spans {
        let mut rows = statement.query(params![from, to, first, last])?;
        while let Some(row) = rows.next()? {
            let (person_no, month, mut days): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
            while people.next_if(|person| *person < person_no).is_some() {}
            if people.peek() != Some(&person_no) {
                continue;
            }
            if month == first {
                days &= -1 << (period.from.day() - 1);
            }
            if month == last {
                days &= (1 << period.to.day()) - 1;
            }
            let count = i64::from(days.count_ones());
            match order.last_mut() {
                Some((sum, person)) if *person == person_no => *sum -= count,
                _ if count > 0 => order.push((-count, person_no)),
                _ => {}
            }
        }
    }
    Ok(())
}

fn each_of<E: From<StoreError>>(
    view: &View,
    order: impl Iterator<Item = (i64, i64)>,
    mut act: impl FnMut(Ranked) -> Result<(), E>,
) -> Result<(), E> {
    let mut statement = view
        .reader
        .prepare(
            "SELECT p.source_no, iif(q.person_no IS NULL, p.username, q.username),
                    iif(q.person_no IS NULL, p.display_name, q.display_name), iif(q.person_no IS NULL, p.email, q.email)
             FROM person p JOIN source s USING (source_no)
             LEFT JOIN person_past q ON ?2 AND q.person_no = p.person_no AND q.from_run <= ?3 AND q.to_run > ?3
             WHERE p.person_no = ?1",
        )
        .map_err(StoreError::from)?;
    for (days, person_no) in order {
        for source in &view.sources {
            let row = statement
                .query_row(params![person_no, view.historic, source.run_no], |row| {
                    let source_no: i64 = row.get(0)?;
                    Ok((source_no, row.get(1)?, row.get(2)?, row.get(3)?))
                })
                .optional()
                .map_err(StoreError::from)?;
            if let Some((source_no, user, display_name, email)) = row
                && source_no == source.source_no
            {
                let server = source.server.clone();
                act(Ranked { server, source_no, user, display_name, email, observed_days: -days })?;
                break;
            }
        }
    }
    Ok(())
}

/// A pool in a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// The snapshot's day, `YYYY-MM-DD`.
    pub day: String,
    /// The snapshot, by the number of its run.
    pub run_no: i64,
    /// The source's name for people.
    pub server: String,
    /// The product.
    pub product: String,
    /// What of it was bought.
    pub feature: String,
    /// The subscription: a group or the instance.
    pub scope: String,
    /// Seats bought; none: not known, or without limit.
    pub entitled: Option<i64>,
    /// Whether there is no limit.
    pub unlimited: bool,
    /// Seats in use, says the vendor.
    pub allocated: Option<i64>,
    /// Assignments that hold a seat.
    pub holders: i64,
    /// The most in use in the term, says the vendor.
    pub max_allocated: Option<i64>,
    /// Allocated by entitled, whole per cent, rounded down; none where one is not known or nothing was bought.
    pub allocated_percent: Option<i64>,
}

impl Row for Usage {
    const COLUMNS: &'static [Column] = &[
        column("day", Kind::Day),
        column("run_no", Kind::Integer),
        column("server", Kind::Text),
        column("product", Kind::Text),
        column("feature", Kind::Text),
        column("scope", Kind::Text),
        column("entitled", Kind::Integer),
        column("unlimited", Kind::Boolean),
        column("allocated", Kind::Integer),
        column("holders", Kind::Integer),
        column("max_allocated", Kind::Integer),
        column("allocated_percent", Kind::Integer),
    ];

    fn values(&self) -> Vec<Value> {
        vec![
            self.day.as_str().into(),
            self.run_no.into(),
            self.server.as_str().into(),
            self.product.as_str().into(),
            self.feature.as_str().into(),
            self.scope.as_str().into(),
            self.entitled.into(),
            self.unlimited.into(),
            self.allocated.into(),
            self.holders.into(),
            self.max_allocated.into(),
            self.allocated_percent.into(),
        ]
    }
}

/// What the snapshots of the period say, by pool and then by snapshot.
///
/// # Errors
/// [`StoreError::Unknown`] tenant or snapshot.
pub fn usage(store: &Store, tenant: &str, query: &Query) -> Result<Vec<Usage>, StoreError> {
    let view = View::of(store, tenant, query.at, &query.filter)?;
    let mut statement = view.reader.prepare(
        "SELECT r.taken_on, r.run_no, f.entitled, f.unlimited, f.allocated, f.holders, f.max_allocated
         FROM pool_figures f JOIN run r USING (run_no)
         WHERE f.pool_no = ?1 AND f.run_no <= ?2 AND r.taken_on >= ?3 AND r.taken_on <= ?4 ORDER BY f.run_no",
    )?;
    let mut all = Vec::new();
    for pool in &view.pools {
        let (from, to) = (day_text(query.period.from), day_text(query.period.to));
        let mut rows = statement.query(params![pool.pool_no, pool.run_no, from, to])?;
        while let Some(row) = rows.next()? {
            let (entitled, allocated) = (row.get(2)?, row.get(4)?);
            all.push(Usage {
                day: row.get(0)?,
                run_no: row.get(1)?,
                server: pool.server.clone(),
                product: pool.product.clone(),
                feature: pool.feature.clone(),
                scope: pool.scope_name.clone(),
                entitled,
                unlimited: row.get(3)?,
                allocated,
                holders: row.get(5)?,
                max_allocated: row.get(6)?,
                allocated_percent: percent(allocated, entitled),
            });
        }
    }
    Ok(all)
}
