//! Right-sizing and cost: what was bought, what is held, what is needed, what it costs, and what the term's end may cost.
//!
//! | figure | is |
//! | --- | --- |
//! | `free` | entitled - allocated, not below 0 |
//! | `over_now` | the vendor's figure, else allocated - entitled, not below 0: what an alert goes by, too |
//! | `over_term` | the vendor's figure, else the most of the term - entitled, not below 0; 0 of a trial |
//! | `active_in_window` | holders that were active within the window, by default the last 30 days, whatever the threshold of unused is |
//! | `utilisation_percent` | active in the window by allocated |
//! | `unused_percent` | unused by allocated |
//! | `needed` | holders - reclaimable: whoever nobody can tell of is needed |
//! | `bought_cents` | entitled × price, for a year |
//! | `saving_cents` | reclaimable × price, for a year |
//! | `forecast_…` | the true-up when the term ends, see below |
//!
//! Three numbers stay three: what was bought (`entitled`), what the vendor counts (`allocated`), and who holds a seat by the
//! list (`holders`). A figure of which a part is not known is not known; nobody's use is where the list tells it of nobody. Active and unused are those of [`super::unused`].
//!
//! **Forecast.** From the snapshots of the term, the last of each day, a straight line is laid through what was allocated
//! (least squares) and read at the term's last day, rounded up. The forecast peak is that or the most that there has been,
//! whichever is higher: vendors charge for the peak. What it is over what was bought, times the price, times the length of the term
//! in years of 365 days, is the true-up. There is none of a pool whose term has ended or is not known, without limit, or with fewer than
//! [`FEWEST_DAYS`] days of figures; of a trial it is 0.

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension as _, params};
use serde::Serialize;
use time::Date;

use super::judge::{IN_WINDOW, Judge};
use super::percent;
use super::unused::{self, PoolSummary, Query};
use crate::calendar::{day_of, day_text};
use crate::headroom::over;
use crate::store::{Store, StoreError};
use crate::table::{Column, Kind, Row, Value, column};
use crate::view::{Figures, PoolAt, View};

/// Days of the window in which whoever uses a seat is active, unless another is asked for.
pub const WINDOW: u32 = 30;

/// Fewest days with figures for a forecast: with less, one busy day makes the line.
pub const FEWEST_DAYS: usize = 7;

/// One pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sizing {
    /// The source's name for people.
    pub server: String,
    /// The source's number.
    pub source_no: i64,
    /// The pool, as the source names it; a price is set by it.
    pub pool_id: String,
    /// The product.
    pub product: String,
    /// What of it was bought.
    pub feature: String,
    /// The subscription: a group or the instance.
    pub scope: String,
    /// The last day of the term.
    pub term_end: Option<String>,
    /// Seats bought.
    pub entitled: Option<i64>,
    /// Whether there is no limit.
    pub unlimited: bool,
    /// Seats in use, says the vendor.
    pub allocated: Option<i64>,
    /// The most of the term, says the vendor.
    pub max_allocated: Option<i64>,
    /// Seats by the list.
    pub holders: i64,
    /// Of those: active.
    pub active: i64,
    /// Of those: inactive or never active.
    pub unused: i64,
    /// Of those: too new to tell.
    pub new: i64,
    /// Of those: nobody can tell.
    pub unknown: i64,
    /// See the module's table, here and below.
    pub free: Option<i64>,
    /// Seats.
    pub over_now: Option<i64>,
    /// Seats.
    pub over_term: Option<i64>,
    /// Allocated by entitled, whole per cent, rounded down.
    pub allocated_percent: Option<i64>,
    /// Seats whose holders were active within the window.
    pub active_in_window: i64,
    /// Those by allocated, whole per cent, rounded down.
    pub utilisation_percent: Option<i64>,
    /// Unused by allocated, whole per cent, rounded down.
    pub unused_percent: Option<i64>,
    /// Seats that could be had back.
    pub reclaimable: i64,
    /// Seats.
    pub needed: i64,
    /// Of one seat for a year.
    pub price_cents: Option<i64>,
    /// Three letters.
    pub currency: Option<String>,
    /// For a year.
    pub bought_cents: Option<i64>,
    /// For a year.
    pub saving_cents: Option<i64>,
    /// Seats at the most when the term ends.
    pub forecast_peak: Option<i64>,
    /// Seats over what was bought.
    pub forecast_over: Option<i64>,
    /// For the term.
    pub forecast_cents: Option<i64>,
}

impl Row for Sizing {
    const COLUMNS: &'static [Column] = &[
        column("server", Kind::Text),
        column("source_no", Kind::Integer),
        column("pool_id", Kind::Text),
        column("product", Kind::Text),
        column("feature", Kind::Text),
        column("scope", Kind::Text),
        column("term_end", Kind::Day),
        column("entitled", Kind::Integer),
        column("unlimited", Kind::Boolean),
        column("allocated", Kind::Integer),
        column("max_allocated", Kind::Integer),
        column("holders", Kind::Integer),
        column("active", Kind::Integer),
        column("unused", Kind::Integer),
        column("new", Kind::Integer),
        column("unknown", Kind::Integer),
        column("free", Kind::Integer),
        column("over_now", Kind::Integer),
        column("over_term", Kind::Integer),
        column("allocated_percent", Kind::Integer),
        column("active_in_window", Kind::Integer),
        column("utilisation_percent", Kind::Integer),
        column("unused_percent", Kind::Integer),
        column("reclaimable", Kind::Integer),
        column("needed", Kind::Integer),
        column("price_cents", Kind::Integer),
        column("currency", Kind::Text),
        column("bought_cents", Kind::Integer),
        column("saving_cents", Kind::Integer),
        column("forecast_peak", Kind::Integer),
        column("forecast_over", Kind::Integer),
        column("forecast_cents", Kind::Integer),
    ];

    fn values(&self) -> Vec<Value> {
        vec![
            self.server.as_str().into(),
            self.source_no.into(),
            self.pool_id.as_str().into(),
            self.product.as_str().into(),
            self.feature.as_str().into(),
            self.scope.as_str().into(),
            self.term_end.clone().into(),
            self.entitled.into(),
            self.unlimited.into(),
            self.allocated.into(),
            self.max_allocated.into(),
            self.holders.into(),
            self.active.into(),
            self.unused.into(),
            self.new.into(),
            self.unknown.into(),
            self.free.into(),
            self.over_now.into(),
            self.over_term.into(),
            self.allocated_percent.into(),
            self.active_in_window.into(),
            self.utilisation_percent.into(),
            self.unused_percent.into(),
            self.reclaimable.into(),
            self.needed.into(),
            self.price_cents.into(),
            self.currency.clone().into(),
            self.bought_cents.into(),
            self.saving_cents.into(),
            self.forecast_peak.into(),
            self.forecast_over.into(),
            self.forecast_cents.into(),
        ]
    }
}

/// Every pool of the snapshot, by number. The query's `reason` has no meaning here.
///
/// # Errors
/// As [`unused::summary`].
pub fn sizing(store: &Store, tenant: &str, query: &Query, today: Date) -> Result<Vec<Sizing>, StoreError> {
    sizing_within(store, tenant, query, WINDOW, today)
}

/// The same with a window of so many days, 1 to 3660.
///
/// # Errors
/// As [`unused::summary`], and [`StoreError::Invalid`] window.
pub fn sizing_within(
    store: &Store,
    tenant: &str,
    query: &Query,
    window: u32,
    today: Date,
) -> Result<Vec<Sizing>, StoreError> {
    let view = View::of(store, tenant, query.at, &query.filter)?;
    let judge = Judge::of(&view, query.rule, today)?.within(window, today)?;
    let mut pools = Vec::new();
    for (pool, figures) in view.present() {
        let verdicts = judge.counts(pool.pool_no)?;
        let in_window = verdicts.iter().filter(|(verdict, _)| verdict & IN_WINDOW != 0).map(|(_, seats)| seats).sum();
        pools.push(sized(&view, pool, figures, &unused::count(pool, &verdicts), in_window, today)?);
    }
    Ok(pools)
}

fn sized(
    view: &View,
    pool: &PoolAt,
    figures: &Figures,
    summary: &PoolSummary,
    active_in_window: i64,
    today: Date,
) -> Result<Sizing, StoreError> {
    let price: Option<(i64, String)> = view
        .reader
        .prepare_cached("SELECT cents, currency FROM price WHERE pool_no = ?1")?
        .query_row([pool.pool_no], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let (price_cents, currency) = price.unzip();
    let is_trial = figures.is_trial == Some(true);
    // The larger of nought and what the one is more than the other.
    let more = |one: Option<i64>, other: Option<i64>| Some((one? - other?).max(0));
    let cost = |seats: Option<i64>| seats?.checked_mul(price_cents?);
    let limit = figures.entitled.filter(|_| !figures.unlimited);
    let unused = summary.inactive + summary.never_active;
    let told = |seats: i64| Some(seats).filter(|_| summary.unknown < summary.holders);
    let forecast_peak = forecast(view, pool, figures, today)?;
    let forecast_over = if is_trial { Some(0) } else { more(forecast_peak, figures.entitled) };
    Ok(Sizing {
        server: pool.server.clone(),
        source_no: pool.source_no,
        pool_id: pool.pool_id.clone(),
        product: pool.product.clone(),
        feature: pool.feature.clone(),
        scope: pool.scope_name.clone(),
        term_end: figures.term_end.clone(),
        entitled: figures.entitled,
        unlimited: figures.unlimited,
        allocated: figures.allocated,
        max_allocated: figures.max_allocated,
        holders: summary.holders,
        active: summary.active,
        unused,
        new: summary.new,
        unknown: summary.unknown,
        free: more(figures.entitled, figures.allocated),
        over_now: over(figures.overage_now, figures.allocated, limit),
        over_term: if is_trial { Some(0) } else { over(figures.overage_term, figures.max_allocated, limit) },
        allocated_percent: percent(figures.allocated, figures.entitled),
        active_in_window,
        utilisation_percent: percent(told(active_in_window), figures.allocated),
        unused_percent: percent(told(unused), figures.allocated),
        reclaimable: summary.reclaimable,
        needed: summary.holders - summary.reclaimable,
        price_cents,
        currency,
        bought_cents: cost(figures.entitled),
        saving_cents: cost(Some(summary.reclaimable)),
        forecast_peak,
        forecast_over,
        forecast_cents: term_days(figures)
            .and_then(|days| i64::try_from(i128::from(cost(forecast_over)?) * i128::from(days) / 365).ok()),
    })
}

/// The length of the term, both ends included.
fn term_days(figures: &Figures) -> Option<i64> {
    let (start, end) = (day_of(figures.term_start.as_deref()?)?, day_of(figures.term_end.as_deref()?)?);
    Some((end - start).whole_days() + 1).filter(|days| *days > 0)
}

/// The most seats that will have been in use when the term ends.
fn forecast(view: &View, pool: &PoolAt, figures: &Figures, today: Date) -> Result<Option<i64>, StoreError> {
    let days = |text: &Option<String>| text.as_deref().and_then(day_of);
    let (Some(start), Some(end)) = (days(&figures.term_start), days(&figures.term_end)) else { return Ok(None) };
    if figures.unlimited || end < today || end < start {
        return Ok(None);
    }
    let mut statement = view.reader.prepare_cached(
        "SELECT r.taken_on, f.allocated FROM pool_figures f JOIN run r USING (run_no)
         WHERE f.pool_no = ?1 AND f.run_no <= ?2 AND r.taken_on >= ?3 AND r.taken_on <= ?4 AND f.allocated IS NOT NULL
         ORDER BY f.run_no",
    )?;
    let mut points = BTreeMap::new();
    let mut peak = figures.max_allocated.unwrap_or(0);
    let mut rows = statement.query(params![pool.pool_no, pool.run_no, day_text(start), day_text(end.min(today))])?;
    while let Some(row) = rows.next()? {
        let (day, allocated): (String, i64) = (row.get(0)?, row.get(1)?);
        peak = peak.max(allocated);
        if let Some(day) = day_of(&day) {
            points.insert((day - start).whole_days(), allocated);
        }
    }
    if points.len() < FEWEST_DAYS {
        return Ok(None);
    }
    let points: Vec<_> = points.into_iter().collect();
    Ok(line(&points, (end - start).whole_days()).map(|at_end| at_end.max(peak)))
}

/// The line of least squares through the points, at `x`, rounded up; none through fewer than two. Whole numbers of 128 bits
/// hold it exactly: there is no rounding but the last.
fn line(points: &[(i64, i64)], x: i64) -> Option<i64> {
    let n = i128::try_from(points.len()).ok()?;
    let sum = |of: fn(i128, i128) -> i128| points.iter().map(|(x, y)| of(i128::from(*x), i128::from(*y))).sum::<i128>();
    let (sum_x, sum_y) = (sum(|x, _| x), sum(|_, y| y));
    let slope = n * sum(|x, y| x * y) - sum_x * sum_y;
    let spread = n * sum(|x, _| x * x) - sum_x * sum_x;
    let over = n * spread;
    if over <= 0 {
        return None;
    }
    let height = sum_y * spread + slope * (n * i128::from(x) - sum_x);
    let up = height.div_euclid(over) + i128::from(height.rem_euclid(over) > 0);
    i64::try_from(up).ok()
}

#[cfg(test)]
mod tests {
    use super::line;

    #[test]
    fn the_line_goes_through_the_points_and_on() {
        for (points, x, y) in [
            (&[(0, 10), (1, 11), (2, 12)][..], 10, Some(20)),
            (&[(0, 10), (1, 10), (2, 10)], 99, Some(10)),
            (&[(0, 12), (1, 11), (2, 10)], 20, Some(-8)),
            (&[(0, 0), (1, 1), (2, 1)], 2, Some(2)),
            (&[(0, 0), (3, 1)], 1, Some(1)),
            (&[(5, 7)], 9, None),
            (&[], 9, None),
        ] {
            assert_eq!(line(points, x), y, "{points:?}");
        }
    }
}
