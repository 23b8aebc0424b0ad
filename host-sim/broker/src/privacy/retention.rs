//! History no older than a tenant wants.
//!
//! With a retention of `n` days, what ended before the day `n` days ago is dropped:
//!
//! | dropped | when |
//! | --- | --- |
//! | runs, with their warnings and pool figures | of an earlier day; `--at` then no longer finds them |
//! | how people and seats read before | what had stopped being so before that day |
//! | events of seats | of an earlier day |
//! | days of activity of people | months that had ended before that day, whole |
//! | people who are gone | when nothing of the above is left of them |
//! | alerts, with their deliveries | cleared before that day |
//!
//! The day is noted with the source, so that what was dropped is not taken for nought.
//!
//! Never dropped: what holds now, the two newest complete snapshots of each source (without them nobody could tell whether a
//! seat was left), a run under way, an alert that is open; how many accounts were active on a day, which names nobody; the log
//! of who did what.

use rusqlite::{OptionalExtension as _, Transaction, params};
use serde::Serialize;
use time::{Date, Duration, UtcOffset};

use crate::calendar::day_text;
use crate::store::audit::{self, Act};
use crate::store::tenants::{self, Tenant};
use crate::store::{Store, StoreError};

/// Rows that were dropped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Dropped {
    /// Runs.
    pub runs: usize,
    /// How people read before.
    pub person_past: usize,
    /// How seats read before.
    pub seat_past: usize,
    /// Events of seats.
    pub events: usize,
    /// Months of activity.
    pub activity_months: usize,
    /// People who are gone.
    pub people: usize,
    /// Alerts.
    pub alerts: usize,
}

impl Dropped {
    fn add(&mut self, other: Self) {
        self.runs += other.runs;
        self.person_past += other.person_past;
        self.seat_past += other.seat_past;
        self.events += other.events;
        self.activity_months += other.activity_months;
        self.people += other.people;
        self.alerts += other.alerts;
    }
}

impl Store {
    /// Sets for how many days a tenant's history is kept; none: for ever. It is dropped by [`Store::apply_retention`].
    ///
    /// # Errors
    /// [`StoreError::Unknown`]; [`StoreError::Invalid`] for 0 days.
    pub fn set_retention(&self, act: Act<'_>, tenant: &str, days: Option<u32>) -> Result<Tenant, StoreError> {
        if days == Some(0) {
            return Err(StoreError::Invalid { what: "the retention", why: "at least one day".to_owned() });
        }
        self.write(|transaction| {
            let tenant_no = tenants::by_name(transaction, tenant)?.tenant_no;
            transaction
                .execute("UPDATE tenant SET retention_days = ?2 WHERE tenant_no = ?1", params![tenant_no, days])?;
            let detail = days.map_or_else(|| "for ever".to_owned(), |days| format!("{days} days"));
            audit::note(transaction, act, Some(tenant), None, "set-retention", Some(&detail))?;
            tenants::by_name(transaction, tenant)
        })
    }

    /// Drops what is older than its tenant wants, for each tenant in a transaction of its own, and scours the file. Meant for once
    /// a day.
    ///
    /// # Errors
    /// [`StoreError::Unscoured`].
    pub fn apply_retention(&self, act: Act<'_>) -> Result<Dropped, StoreError> {
        let mut all = Dropped::default();
        for tenant in self.tenants()? {
            all.add(self.drop_history(act, &tenant)?);
        }
        if all != Dropped::default() {
            self.scour()?;
        }
        Ok(all)
    }

    /// The same for one tenant. Scours the file in any case: an earlier time may have been kept from it.
    ///
    /// # Errors
    /// [`StoreError::Unknown`]; [`StoreError::Unscoured`].
    pub fn apply_retention_of(&self, act: Act<'_>, tenant: &str) -> Result<Dropped, StoreError> {
        let dropped = self.drop_history(act, &self.tenant(tenant)?)?;
        self.scour()?;
        Ok(dropped)
    }

    fn drop_history(&self, act: Act<'_>, tenant: &Tenant) -> Result<Dropped, StoreError> {
        let today = act.now.to_offset(UtcOffset::UTC).date();
        let first = tenant.retention_days.and_then(|days| today.checked_sub(Duration::days(i64::from(days))));
        let Some(first) = first else { return Ok(Dropped::default()) };
        self.write(|transaction| {
            let dropped = drop_before(transaction, tenant.tenant_no, first)?;
            if dropped != Dropped::default() {
                let detail = format!("before {}", day_text(first));
                audit::note(transaction, act, Some(&tenant.name), None, "apply-retention", Some(&detail))?;
            }
            Ok(dropped)
        })
    }
}

fn drop_before(transaction: &Transaction<'_>, tenant_no: i64, first: Date) -> Result<Dropped, StoreError> {
    let sources: Vec<i64> = transaction
        .prepare("SELECT source_no FROM source WHERE tenant_no = ?1")?
        .query_map([tenant_no], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let mut dropped = Dropped::default();
    for source_no in sources {
        dropped.add(of_source(transaction, source_no, first)?);
    }
    dropped.alerts = transaction
        .execute("DELETE FROM alert WHERE tenant_no = ?1 AND cleared_at < ?2", params![tenant_no, day_text(first)])?;
    Ok(dropped)
}

fn of_source(transaction: &Transaction<'_>, source_no: i64, first: Date) -> Result<Dropped, StoreError> {
    let day = day_text(first);
    let mut dropped = Dropped::default();
    // The second newest complete snapshot: what did not hold in it any more is in neither of the two.
    let kept: Option<i64> = transaction
        .query_row(
            "SELECT run_no FROM run WHERE source_no = ?1 AND state = 'complete' ORDER BY run_no DESC LIMIT 1 OFFSET 1",
            [source_no],
            |row| row.get(0),
        )
        .optional()?;
    let last_before: Option<i64> = transaction.query_row(
        "SELECT max(run_no) FROM run WHERE source_no = ?1 AND state = 'complete' AND taken_on < ?2",
        params![source_no, day],
        |row| row.get(0),
    )?;
    if let Some((kept, last_before)) = kept.zip(last_before) {
        let until = kept.min(last_before);
        dropped.person_past = transaction.execute(
            "DELETE FROM person_past WHERE to_run <= ?2 AND person_no IN (SELECT person_no FROM person WHERE source_no = ?1)",
            params![source_no, until],
        )?;
        dropped.seat_past = transaction.execute(
            "DELETE FROM seat_past WHERE to_run <= ?2 AND pool_no IN (SELECT pool_no FROM pool WHERE source_no = ?1)",
            params![source_no, until],
        )?;
    }
    dropped.events = transaction.execute(
        "DELETE FROM seat_event WHERE on_day < ?2 AND pool_no IN (SELECT pool_no FROM pool WHERE source_no = ?1)",
        params![source_no, day],
    )?;
    let month = first.year() * 12 + i32::from(u8::from(first.month())) - 1;
    dropped.activity_months = transaction.execute(
        "DELETE FROM activity_month WHERE month < ?2 AND person_no IN (SELECT person_no FROM person WHERE source_no = ?1)",
        params![source_no, month],
    )?;
    // The row that says since when somebody is gone is the youngest of their past: no seat and no event outlives it.
    dropped.people = transaction.execute(
        "DELETE FROM person WHERE source_no = ?1 AND gone_run IS NOT NULL
           AND NOT EXISTS (SELECT 1 FROM person_past x WHERE x.person_no = person.person_no)
           AND NOT EXISTS (SELECT 1 FROM activity_month x WHERE x.person_no = person.person_no)",
        [source_no],
    )?;
    dropped.runs = transaction.execute(
        "DELETE FROM run WHERE source_no = ?1 AND taken_on < ?2 AND state <> 'running' AND run_no NOT IN
           (SELECT run_no FROM run WHERE source_no = ?1 AND state = 'complete' ORDER BY run_no DESC LIMIT 2)",
        params![source_no, day],
    )?;
    if dropped != Dropped::default() {
        transaction.execute(
            "UPDATE source SET kept_from = max(coalesce(kept_from, ?2), ?2) WHERE source_no = ?1",
            params![source_no, day],
        )?;
    }
    Ok(dropped)
}
