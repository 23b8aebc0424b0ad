//! What is to be said of each seat: the rules of [`super::unused`], as one pure function, and the rows that it is given.

use std::collections::BTreeMap;

use rusqlite::types::ValueRef;
use rusqlite::{OptionalExtension as _, Row, named_params};
use time::{Date, Month};

use super::unused::{Reason, Rule};
use crate::calendar::{day_of, day_text};
use crate::store::StoreError;
use crate::view::{PoolAt, View, days_before};

/// Seen to be active within the threshold.
pub(super) const ACTIVE: i64 = 64;
/// Never active, within the grace.
pub(super) const NEW: i64 = 128;
/// Seen to be active within the window, whatever the threshold is.
pub(super) const IN_WINDOW: i64 = 256;

/// Longest threshold or grace, days: ten years.
const LONGEST: u32 = 3660;

/// A tenant's view, with the days that the rule makes of today.
pub(super) struct Judge<'a> {
    view: &'a View,
    days: Limits,
}

/// Days as text, since they sort as such.
#[derive(Debug)]
struct Limits {
    /// The earliest day that is not too long ago.
    active_since: String,
    /// The same for new accounts.
    new_since: String,
    /// The earliest day of the window; none: nobody asked.
    window_since: Option<String>,
    today: String,
}

/// What is judged.
#[derive(Debug, Clone, Copy, Default)]
struct Facts<'a> {
    /// The seat's own last activity, and whether the source would tell one: then none is never.
    own: Option<&'a [u8]>,
    own_is_told: bool,
    /// The account's last activity, and the day of its last sign-in.
    account: Option<&'a [u8]>,
    signed_in: Option<&'a [u8]>,
    /// `known`, `never` or `not-readable`.
    activity: &'a [u8],
    created: Option<&'a [u8]>,
    assigned: Option<&'a [u8]>,
    first_seen: &'a [u8],
    ends: Option<&'a [u8]>,
    term_end: Option<&'a [u8]>,
    /// Whether it is an add-on whose holder has no base.
    without_base: bool,
}

impl<'a> Facts<'a> {
    fn last(&self) -> Option<&'a [u8]> {
        if self.own_is_told { self.own } else { self.own.or_else(|| self.account.max(self.signed_in)) }
    }

    /// Since when the seat could have been used.
    fn since(&self) -> &'a [u8] {
        // An account may be much older than its add-on.
        let assigned = if self.own_is_told { self.assigned.or(Some(self.first_seen)) } else { self.assigned };
        self.created.max(assigned).unwrap_or(self.first_seen)
    }

    fn verdict(&self, days: &Limits) -> i64 {
        let use_of_it = match self.last() {
            Some(last) if last >= days.active_since.as_bytes() => ACTIVE,
            Some(_) if self.own.is_some() || self.activity != b"not-readable" => Reason::Inactive.bit(),
            None if self.own_is_told || self.activity == b"never" => {
                if self.since() < days.new_since.as_bytes() {
                    Reason::NeverActive.bit()
                } else {
                    NEW
                }
            }
            _ => Reason::Unknown.bit(),
        };
        let over = |end: Option<&[u8]>| end.is_some_and(|end| end < days.today.as_bytes());
        let window = days.window_since.as_deref().map(str::as_bytes);
        let in_window = self.last().zip(window).is_some_and(|(last, since)| last >= since);
        use_of_it
            | if in_window { IN_WINDOW } else { 0 }
            | if over(self.term_end) { Reason::TermEnded.bit() } else { 0 }
            | if over(self.ends) { Reason::AssignmentEnded.bit() } else { 0 }
            | if self.without_base { Reason::AddOnWithoutBase.bit() } else { 0 }
    }
}

/// A seat of which there is something to say.
pub(super) struct Judged {
    pub(super) verdict: i64,
    pub(super) person_no: i64,
    pub(super) user: String,
    pub(super) display_name: Option<String>,
    pub(super) email: Option<String>,
    pub(super) last_on: Option<String>,
    pub(super) since: String,
    pub(super) ends_on: Option<String>,
    pub(super) removable: Option<bool>,
}

impl<'a> Judge<'a> {
    /// # Errors
    /// [`StoreError::Invalid`] for a threshold of no day, and for one or a grace of more than ten years.
    pub(super) fn of(view: &'a View, rule: Rule, today: Date) -> Result<Self, StoreError> {
        if rule.threshold == 0 || rule.threshold > LONGEST || rule.grace > LONGEST {
            let why = format!("a threshold of 1 to {LONGEST} days and a grace of at most {LONGEST}");
            return Err(StoreError::Invalid { what: "the rule", why });
        }
        let days = Limits {
            active_since: day_text(days_before(today, rule.threshold)),
            new_since: day_text(days_before(today, rule.grace)),
            window_since: None,
            today: day_text(today),
        };
        Ok(Self { view, days })
    }

    /// Tells, too, who was active within the last `window` days.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] for none, and for more than ten years.
    pub(super) fn within(mut self, window: u32, today: Date) -> Result<Self, StoreError> {
        if window == 0 || window > LONGEST {
            return Err(StoreError::Invalid { what: "the window", why: format!("1 to {LONGEST} days") });
        }
        self.days.window_since = Some(day_text(days_before(today, window)));
        Ok(self)
    }

    /// The seats of a pool by verdict.
    pub(super) fn counts(&self, pool_no: i64) -> Result<Vec<(i64, i64)>, StoreError> {
        let mut counts = BTreeMap::new();
        if let Some(pool) = self.view.pool(pool_no) {
            self.go_through(pool, "", |_, verdict, _| {
                *counts.entry(verdict).or_insert(0) += 1;
                Ok::<_, StoreError>(true)
            })?;
        }
        Ok(counts.into_iter().collect())
    }

    /// The seats of a pool of which one of the `wanted` bits is true, by person, until `act` says no.
    pub(super) fn each<E: From<StoreError>>(
        &self,
        pool: &PoolAt,
        wanted: i64,
        mut act: impl FnMut(Judged) -> Result<bool, E>,
    ) -> Result<(), E> {
        let names = ["username", "display_name", "email"].map(|column| self.as_it_was(column)).join(", ");
        self.go_through(pool, &format!(", s.reclaimable, {names}"), |row, verdict, facts| {
            if verdict & wanted == 0 {
                return Ok(true);
            }
            let get =
                || -> rusqlite::Result<_> { Ok((row.get(0)?, row.get(11)?, row.get(12)?, row.get(13)?, row.get(14)?)) };
            let (person_no, removable, user, display_name, email) = get().map_err(StoreError::from)?;
            let owned = |text: &[u8]| String::from_utf8_lossy(text).into_owned();
            act(Judged {
                verdict,
                person_no,
                user,
                display_name,
                email,
                last_on: facts.last().map(owned),
                since: owned(facts.since()),
                ends_on: facts.ends.map(owned),
                removable,
            })
        })
    }

    /// The day on which the last base seat was left; none: it is not known.
    pub(super) fn base_left_on(&self, pool: &PoolAt, person_no: i64) -> Result<Option<String>, StoreError> {
        let left = self
            .view
            .reader
            .prepare_cached(
                "SELECT max(s.left_on) FROM seat_past s JOIN pool b USING (pool_no)
                 WHERE s.person_no = :person AND s.to_run <= :run AND b.source_no = :source AND b.scope_id = :scope AND b.kind = 'base'",
            )?
            .query_row(
                named_params! { ":person": person_no, ":run": pool.run_no, ":source": pool.source_no, ":scope": pool.scope_id },
                |row| row.get(0),
            )
            .optional()?;
        Ok(left.flatten())
    }

    fn as_it_was(&self, column: &str) -> String {
        if self.view.historic {
            format!("iif(q.person_no IS NULL, p.{column}, q.{column})")
        } else {
            format!("p.{column}")
        }
    }

    /// Base pools of the same source and scope; none ever known: nothing can be said.
    fn bases(&self, pool: &PoolAt) -> Result<Vec<String>, StoreError> {
        if pool.kind != "add-on" {
            return Ok(Vec::new());
        }
        let mut statement = self.view.reader.prepare_cached(
            "SELECT CAST(pool_no AS TEXT) FROM pool WHERE source_no = ?1 AND scope_id = ?2 AND kind = 'base'",
        )?;
        let bases = statement.query_map((pool.source_no, &pool.scope_id), |row| row.get(0))?;
        Ok(bases.collect::<Result<_, _>>()?)
    }

    /// Whether the source tells the use of seats of the pool by themselves: whether one in the snapshot has a day of it.
    fn tells_in_snapshot(&self, pool: &PoolAt) -> Result<bool, StoreError> {
        // Spares most pools the look at every seat.
        if !self.tells_own_use(pool)? {
            return Ok(false);
        }
        if !self.view.historic {
            return Ok(self
                .view
                .reader
                .prepare_cached(
                    "SELECT EXISTS (SELECT 1 FROM seat WHERE pool_no = ?1 AND consumes_seat IS NOT 0
                     AND last_activity_on IS NOT NULL)",
                )?
                .query_row([pool.pool_no], |row| row.get(0))?);
        }
        let taken_on = day_of(&pool.taken_on).unwrap_or(Date::MIN);
        Ok(self
            .view
            .reader
            .prepare_cached(
                "SELECT EXISTS (
                   SELECT 1 FROM (SELECT person_no FROM seat
                                  WHERE pool_no = :pool AND from_run <= :run AND consumes_seat IS NOT 0
                                  UNION ALL
                                  SELECT person_no FROM seat_past
                                  WHERE pool_no = :pool AND from_run <= :run AND to_run > :run AND consumes_seat IS NOT 0) s
                   JOIN activity_month a ON a.person_no = s.person_no AND a.pool_no = :pool AND a.month <= :month
                        AND a.days & iif(a.month = :month, :days, 2147483647) <> 0)",
            )?
            .query_row(
                named_params! {
                    ":pool": pool.pool_no, ":run": pool.run_no, ":month": month_of(taken_on),
                    ":days": (1_i64 << taken_on.day()) - 1,
                },
                |row| row.get(0),
            )?)
    }

    /// Whether anybody was ever seen to have used what the pool sells.
    fn tells_own_use(&self, pool: &PoolAt) -> Result<bool, StoreError> {
        Ok(self
            .view
            .reader
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM activity_count WHERE source_no = ?1 AND pool_no = ?2)")?
            .query_row([pool.source_no, pool.pool_no], |row| row.get(0))?)
    }

    fn sql(&self, pool: &PoolAt, more: &str) -> Result<String, StoreError> {
        let bases = self.bases(pool)?.join(", ");
        let held = if self.view.historic { " AND b.from_run <= :run" } else { "" };
        let mut without_base = format!(
            "NOT EXISTS (SELECT 1 FROM seat b WHERE b.pool_no IN ({bases}) AND b.person_no = s.person_no AND b.consumes_seat IS NOT 0{held})"
        );
        if self.view.historic {
            without_base.push_str(&format!(
                " AND NOT EXISTS (SELECT 1 FROM seat_past b WHERE b.pool_no IN ({bases}) AND b.person_no = s.person_no
                  AND b.consumes_seat IS NOT 0 AND b.from_run <= :run AND b.to_run > :run)"
            ));
        }
        if bases.is_empty() {
            "0".clone_into(&mut without_base);
        }
        let [activity, created] = ["activity", "created_at"].map(|column| self.as_it_was(column));
        let (from, own, account, signed_in) = if self.view.historic {
            // The newest month with a day in it that is not after the snapshot, and those of its days.
            let month = |pool| {
                format!(
                    "(SELECT max(a.month * 4294967296 + (a.days & iif(a.month = :month, :days, 2147483647))) FROM activity_month a
                      WHERE a.person_no = s.person_no AND a.pool_no = {pool} AND a.month <= :month
                        AND a.days & iif(a.month = :month, :days, 2147483647) <> 0)"
                )
            };
            const COLUMNS: &str = "person_no, reclaimable, assigned_on, ends_on, first_seen_on";
            let from = format!(
                "(SELECT {COLUMNS} FROM seat WHERE pool_no = :pool AND from_run <= :run AND consumes_seat IS NOT 0
                  UNION ALL
                  SELECT {COLUMNS} FROM seat_past
                  WHERE pool_no = :pool AND from_run <= :run AND to_run > :run AND consumes_seat IS NOT 0
                  ORDER BY 1) s
                 CROSS JOIN person p ON p.person_no = s.person_no
                 LEFT JOIN person_past q ON q.person_no = s.person_no AND q.from_run <= :run AND q.to_run > :run"
            );
            let then = |day: &str| format!("iif({day} <= :day, {day}, NULL)");
            let (active, signed_in) = (then("p.last_activity_on"), then("substr(p.last_sign_in_at, 1, 10)"));
            let account = format!("max(coalesce({active}, {signed_in}), coalesce({signed_in}, {active}))");
            // Where the latest days are not after the snapshot, there is none between.
            let earlier = format!(
                "iif(p.last_activity_on > :day OR substr(p.last_sign_in_at, 1, 10) > :day, {}, NULL)",
                month("0")
            );
            let own = if self.tells_own_use(pool)? { month(":pool") } else { "NULL".to_owned() };
            (from, own, account, earlier)
        } else {
            let from = "seat s CROSS JOIN person p ON p.person_no = s.person_no
                        WHERE s.pool_no = :pool AND s.consumes_seat IS NOT 0 ORDER BY s.person_no";
            let text = |text: &str| text.to_owned();
            (text(from), text("s.last_activity_on"), text("p.last_activity_on"), text("p.last_sign_in_at"))
        };
        // Of whoever was erased no use is kept.
        let own_is_told = if self.tells_in_snapshot(pool)? { "p.erased = 0" } else { "0" };
        Ok(format!(
            "SELECT s.person_no, {own}, {account}, {signed_in}, {activity}, {created}, s.assigned_on, s.first_seen_on, s.ends_on,
                    {without_base}, {own_is_told}{more}
             FROM {from}"
        ))
    }

    fn go_through<E: From<StoreError>>(
        &self,
        pool: &PoolAt,
        more: &str,
        mut act: impl FnMut(&Row<'_>, i64, &Facts<'_>) -> Result<bool, E>,
    ) -> Result<(), E> {
        let term_end = pool.figures.as_ref().and_then(|figures| figures.term_end.as_deref()).map(str::as_bytes);
        let taken_on = day_of(&pool.taken_on).unwrap_or(Date::MIN);
        let sql = self.sql(pool, more)?;
        let mut statement = self.view.reader.prepare(&sql).map_err(StoreError::from)?;
        let values = named_params! {
            ":pool": pool.pool_no, ":run": pool.run_no, ":day": pool.taken_on, ":month": month_of(taken_on),
            ":days": (1_i64 << taken_on.day()) - 1,
        };
        for (name, value) in values {
            if let Some(place) = statement.parameter_index(name).map_err(StoreError::from)? {
                statement.raw_bind_parameter(place, value).map_err(StoreError::from)?;
            }
        }
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next().map_err(StoreError::from)? {
            let text = |place| row.get_ref(place).map(bytes).map_err(StoreError::from);
            let (mut own, mut signed_in) = (Day::default(), Day::default());
            let facts = Facts {
                own: own.read(row, 1)?,
                own_is_told: row.get(10).map_err(StoreError::from)?,
                account: text(2)?,
                signed_in: signed_in.read(row, 3)?,
                activity: text(4)?.unwrap_or(b"not-readable"),
                created: text(5)?.map(day),
                assigned: text(6)?,
                first_seen: text(7)?.unwrap_or_default(),
                ends: text(8)?,
                term_end,
                without_base: row.get(9).map_err(StoreError::from)?,
            };
            if !act(row, facts.verdict(&self.days), &facts)? {
                return Ok(());
            }
        }
        Ok(())
    }
}

/// A day that SQLite gives as text, or as the last of the days of a month.
#[derive(Default)]
struct Day(String);

impl Day {
    fn read<'a>(&'a mut self, row: &'a Row<'_>, place: usize) -> Result<Option<&'a [u8]>, StoreError> {
        Ok(match row.get_ref(place)? {
            ValueRef::Text(text) => Some(day(text)),
            ValueRef::Integer(month) => last_of(month).map(|last| {
                self.0 = last;
                self.0.as_bytes()
            }),
            _ => None,
        })
    }
}

fn bytes(value: ValueRef<'_>) -> Option<&[u8]> {
    match value {
        ValueRef::Text(text) => Some(text),
        _ => None,
    }
}

/// The day of a day or of an instant, both as the store writes them.
fn day(text: &[u8]) -> &[u8] {
    text.get(..10).unwrap_or(text)
}

/// As [`activity_month`](../../schema) counts: year * 12 + month - 1.
pub(super) fn month_of(day: Date) -> i64 {
    i64::from(day.year()) * 12 + i64::from(u8::from(day.month())) - 1
}

/// The last day of `month << 32 | days`.
fn last_of(packed: i64) -> Option<String> {
    let (month, days) = (packed >> 32, packed & 0x7fff_ffff);
    let year = i32::try_from(month / 12).ok()?;
    let month = Month::try_from(u8::try_from(month % 12 + 1).ok()?).ok()?;
    let day = u8::try_from(days.checked_ilog2()? + 1).ok()?;
    Date::from_calendar_date(year, month, day).ok().map(day_text)
}
