//! Each time a source is read: begun, page by page, ended.
//!
//! | ends | the snapshot | the source |
//! | --- | --- | --- |
//! | `complete` | this run's | active |
//! | `partial` | stays; days of activity that were read are kept | problem |
//! | `failed` | stays | problem or unreachable |
//! | `abandoned` | stays; a new run begins, since this one was broken off long ago, or what was entered has changed | as it was |
//!
//! A run that was broken off after its first page stays under way, with its cursor, and the next attempt goes on from there. What
//! all attempts delivered and took is counted together ([`Earlier`]): a limit of a run is none if breaking off begins it anew.

use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use serde::Serialize;
use time::{Duration, OffsetDateTime};

use super::audit::Act;
use super::people::Curtain;
use super::{Store, StoreError, figure, publish, sources, staging};
use crate::calendar::{day_text, instant_text, parse_instant};
use crate::journey::State;
use crate::record::{Counts, Record, Summary};

/// How long a run that was broken off may be gone on with. What it read first would be of another day than what it reads last.
pub const RESUMABLE: Duration = Duration::hours(12);

/// Why a run begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The source was approved.
    Approval,
    /// It was due.
    Schedule,
    /// It was due while nobody was there.
    CatchUp,
    /// The last one failed.
    Retry,
    /// Somebody asked.
    Manual,
}

impl Cause {
    /// The name, as stored and shown.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Approval => "approval",
            Self::Schedule => "schedule",
            Self::CatchUp => "catch-up",
            Self::Retry => "retry",
            Self::Manual => "manual",
        }
    }
}

/// A run under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    /// Its number.
    pub run_no: i64,
    /// Where its next page begins; none: at the start.
    pub cursor: Option<String>,
    /// Whether an earlier attempt has read a part.
    pub resumed: bool,
    /// What earlier attempts delivered and took; nothing at the start.
    pub earlier: Earlier,
}

/// What the earlier attempts of a run delivered and took.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Earlier {
    /// Pages that were added.
    pub pages: u64,
    /// Records in them, those that came twice counted twice.
    pub records: Counts,
    /// The pools, with the bytes of text of each.
    pub pools: Vec<(String, u64)>,
    /// Milliseconds.
    pub spent_ms: u64,
}

/// Why a run failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed<'a> {
    /// Stable name, `kebab-case`, such as `unauthorized`.
    pub code: &'a str,
    /// One sentence for an administrator. Never a secret.
    pub message: &'a str,
    /// What to do.
    pub hint: Option<&'a str>,
    /// Whether nothing was reached, rather than something wrong found.
    pub unreachable: bool,
    /// Whether going on from the last page makes sense. Otherwise the run is over.
    pub resumable: bool,
    /// Not before this moment.
    pub retry_at: Option<OffsetDateTime>,
}

/// A run, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Run {
    /// Its number, by which `--at` names a snapshot.
    pub run_no: i64,
    /// Why it began.
    pub cause: String,
    /// `running`, `broken-off`, `complete`, `partial`, `failed` or `abandoned`.
    pub state: String,
    /// RFC 3339.
    pub started_at: String,
    /// The day of which it is.
    pub taken_on: String,
    /// RFC 3339.
    pub ended_at: Option<String>,
    /// Pages read.
    pub pages: u64,
    /// Users delivered, those that came twice counted twice.
    pub users: u64,
    /// Assignments delivered, in the same way.
    pub assignments: u64,
    /// Requests that the plugin sent.
    pub requests: u64,
    /// Why it failed, `kebab-case`.
    pub failure_code: Option<String>,
    /// The same in words.
    pub failure_message: Option<String>,
    /// What to do.
    pub failure_hint: Option<String>,
    /// Not before this moment, RFC 3339.
    pub retry_at: Option<String>,
    /// Warnings of the run.
    pub warnings: u64,
}

const SELECT: &str = "SELECT run_no, cause,
     iif(state = 'running' AND failure_code IS NOT NULL, 'broken-off', state), started_at, taken_on, ended_at, pages, users, assignments, requests, failure_code,
     failure_message, failure_hint, retry_at, (SELECT count(*) FROM run_warning w WHERE w.run_no = r.run_no) FROM run r";

fn run_of(row: &rusqlite::Row<'_>) -> rusqlite::Result<Run> {
    Ok(Run {
        run_no: row.get(0)?,
        cause: row.get(1)?,
        state: row.get(2)?,
        started_at: row.get(3)?,
        taken_on: row.get(4)?,
        ended_at: row.get(5)?,
        pages: row.get(6)?,
        users: row.get(7)?,
        assignments: row.get(8)?,
        requests: row.get(9)?,
        failure_code: row.get(10)?,
        failure_message: row.get(11)?,
        failure_hint: row.get(12)?,
        retry_at: row.get(13)?,
        warnings: row.get(14)?,
    })
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunEnd {
    /// It is the snapshot that everybody sees.
    Complete,
    /// Something is missing; the snapshot before stands.
    Partial,
    /// What was entered has changed since it began, so that it is of another source, as it were. It is forgotten, and the next
    /// one is due.
    Abandoned,
}

/// A run under way, as the store needs it.
struct UnderWay {
    source_no: i64,
    /// Whether what was entered is what it was when the run began.
    is_current: bool,
    tenant_no: i64,
    cursor: Option<String>,
    taken_on: String,
}

fn under_way(connection: &Connection, run_no: i64) -> Result<UnderWay, StoreError> {
    connection
        .prepare_cached(
            "SELECT r.source_no, s.tenant_no, r.cursor, r.taken_on, r.revision = s.revision FROM run r JOIN source s USING (source_no)
             WHERE r.run_no = ?1 AND r.state = 'running'",
        )?
        .query_row([run_no], |row| {
            Ok(UnderWay {
                source_no: row.get(0)?,
                tenant_no: row.get(1)?,
                cursor: row.get(2)?,
                taken_on: row.get(3)?,
                is_current: row.get(4)?,
            })
        })
        .optional()?
        .ok_or(StoreError::NotRunning(run_no))
}

impl Store {
    /// Begins a run of an approved source, or goes on with the one that was broken off.
    ///
    /// Who runs sources makes sure that no two do so at once: see the lock of the data folder.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] when the source is not approved.
    pub fn begin_run(&self, act: Act<'_>, tenant: &str, source_no: i64, cause: Cause) -> Result<Running, StoreError> {
        self.write(|transaction| {
            let source = sources::by_no(transaction, tenant, source_no)?;
            if !source.state.is_approved() {
                let why = format!("it is {}: nothing is read before it is approved", source.state);
                return Err(StoreError::Invalid { what: "the source", why });
            }
            let open: Option<(i64, String, Option<String>, i64)> = transaction
                .query_row(
                    "SELECT run_no, started_at, cursor, revision FROM run WHERE source_no = ?1 AND state = 'running'",
                    [source_no],
                    |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
                )
                .optional()?;
            if let Some((run_no, started_at, cursor, revision)) = open {
                let started = parse_instant(&started_at);
                // Pages that were read with other settings or another credential are of another source, as it were.
                if revision == source.revision
                    && started.is_some_and(|started| (Duration::ZERO..=RESUMABLE).contains(&(act.now - started))) {
                    let resumed = cursor.is_some();
                    transaction.execute(
                        "UPDATE run SET failure_code = NULL, failure_message = NULL, failure_hint = NULL, retry_at = NULL
                         WHERE run_no = ?1",
                        [run_no],
                    )?;
                    let earlier = if resumed { earlier(transaction, run_no)? } else { Earlier::default() };
                    return Ok(Running { run_no, cursor, resumed, earlier });
                }
                end(transaction, run_no, "abandoned", act.now)?;
            }
            let taken_on = day_text(act.now.to_offset(time::UtcOffset::UTC).date());
            transaction.execute(
                "INSERT INTO run (source_no, cause, state, started_at, taken_on, revision)
                 VALUES (?1, ?2, 'running', ?3, ?4, ?5)",
                params![source_no, cause.name(), instant_text(act.now), taken_on, source.revision],
            )?;
            let (run_no, earlier) = (transaction.last_insert_rowid(), Earlier::default());
            Ok(Running { run_no, cursor: None, resumed: false, earlier })
        })
    }

    /// Adds the page that began at `cursor`, and notes where the next one does, and the milliseconds that all attempts of the run
    /// have taken. A page that was added already changes nothing.
    ///
    /// # Errors
    /// [`StoreError::NotRunning`]; [`StoreError::Invalid`] for a value that is none.
    pub fn add_page(
        &self,
        run_no: i64,
        cursor: Option<&str>,
        records: &[Record<'_>],
        next: &str,
        spent_ms: u64,
    ) -> Result<(), StoreError> {
        self.write(|transaction| {
            let run = under_way(transaction, run_no)?;
            if run.cursor.as_deref() != cursor {
                return Ok(());
            }
            let curtain = Curtain::of(transaction, run.tenant_no, run.source_no)?;
            staging::stage(transaction, run_no, &curtain, records)?;
            count(transaction, run_no, records)?;
            transaction.execute(
                "UPDATE run SET cursor = ?2, spent_ms = max(spent_ms, ?3) WHERE run_no = ?1",
                params![run_no, next, figure("spent_ms", spent_ms)?],
            )?;
            Ok(())
        })
    }

    /// Adds the last page, which began at `cursor`, and ends the run: as the snapshot that everybody sees from now on,
    /// if it is complete.
    ///
    /// # Errors
    /// [`StoreError::NotRunning`], also when the page does not follow the one before; [`StoreError::Incoherent`].
    pub fn finish_run(
        &self,
        act: Act<'_>,
        run_no: i64,
        cursor: Option<&str>,
        records: &[Record<'_>],
        summary: &Summary,
    ) -> Result<RunEnd, StoreError> {
        self.write(|transaction| {
            let run = under_way(transaction, run_no)?;
            if run.cursor.as_deref() != cursor {
                return Err(StoreError::NotRunning(run_no));
            }
            if !run.is_current {
                end(transaction, run_no, "abandoned", act.now)?;
                return Ok(RunEnd::Abandoned);
            }
            let curtain = Curtain::of(transaction, run.tenant_no, run.source_no)?;
            staging::stage(transaction, run_no, &curtain, records)?;
            count(transaction, run_no, records)?;
            transaction.execute(
                "UPDATE run SET requests = ?2 WHERE run_no = ?1",
                params![run_no, figure("requests", summary.requests)?],
            )?;
            let snapshot =
                publish::Snapshot { run_no, source_no: run.source_no, tenant_no: run.tenant_no, day: &run.taken_on };
            let complete = summary.completeness == "complete";
            if complete {
                snapshot.publish(transaction)?;
                transaction.execute(
                    "UPDATE source SET state = 'active', trouble = NULL, failures = 0, not_before = NULL, snapshot_run = ?2,
                     facts = (SELECT facts FROM stage_source WHERE run_no = ?2) WHERE source_no = ?1",
                    params![run.source_no, run_no],
                )?;
            } else {
                snapshot.keep_activity(transaction)?;
                let what = "the last run read a part only; what is shown is of the run before";
                trouble(transaction, run.source_no, State::Problem, what)?;
            }
            end(transaction, run_no, if complete { "complete" } else { "partial" }, act.now)?;
            Ok(if complete { RunEnd::Complete } else { RunEnd::Partial })
        })
    }

    /// Notes the milliseconds that all attempts of a run have taken, when one of them ends without a page.
    ///
    /// # Errors
    /// [`StoreError::NotRunning`].
    pub fn note_spent(&self, run_no: i64, spent_ms: u64) -> Result<(), StoreError> {
        self.write(|transaction| {
            under_way(transaction, run_no)?;
            transaction.execute(
                "UPDATE run SET spent_ms = max(spent_ms, ?2) WHERE run_no = ?1",
                params![run_no, figure("spent_ms", spent_ms)?],
            )?;
            Ok(())
        })
    }

    /// Ends a run that failed. With `resumable` its pages are kept, and the next run goes on from them.
    ///
    /// # Errors
    /// [`StoreError::NotRunning`].
    pub fn fail_run(&self, act: Act<'_>, run_no: i64, failed: &Failed<'_>) -> Result<(), StoreError> {
        self.write(|transaction| {
            let run = under_way(transaction, run_no)?;
            transaction.execute(
                "UPDATE run SET failure_code = ?2, failure_message = ?3, failure_hint = ?4, retry_at = ?5 WHERE run_no = ?1",
                params![run_no, failed.code, failed.message, failed.hint, failed.retry_at.map(instant_text)],
            )?;
            // With the failure itself, so that no crash in between forgets it.
            transaction.execute(
                "UPDATE source SET not_before = ?2 WHERE source_no = ?1",
                params![run.source_no, failed.retry_at.map(instant_text)],
            )?;
            // Without a page there is nothing to go on from.
            if !failed.resumable || run.cursor.is_none() {
                end(transaction, run_no, "failed", act.now)?;
            }
            let state = if failed.unreachable { State::Unreachable } else { State::Problem };
            trouble(transaction, run.source_no, state, failed.message)
        })
    }

    /// The newest `most` runs of a source, newest first.
    ///
    /// # Errors
    /// [`StoreError::Unknown`].
    pub fn runs(&self, tenant: &str, source_no: i64, most: u32) -> Result<Vec<Run>, StoreError> {
        let reader = self.reader()?;
        sources::by_no(&reader, tenant, source_no)?;
        let mut statement = reader.prepare(&format!("{SELECT} WHERE source_no = ?1 ORDER BY run_no DESC LIMIT ?2"))?;
        Ok(statement.query_map(params![source_no, most], run_of)?.collect::<Result<_, _>>()?)
    }
}

fn earlier(transaction: &Transaction<'_>, run_no: i64) -> Result<Earlier, StoreError> {
    let mut earlier = transaction.query_row(
        "SELECT pages, spent_ms, sources, pools, users, assignments,
         (SELECT count(*) FROM run_warning w WHERE w.run_no = r.run_no) FROM run r WHERE run_no = ?1",
        [run_no],
        |row| {
            let records = Counts {
                source: row.get(2)?,
                pool: row.get(3)?,
                user: row.get(4)?,
                assignment: row.get(5)?,
                warning: row.get(6)?,
            };
            Ok(Earlier { pages: row.get(0)?, spent_ms: row.get(1)?, records, pools: Vec::new() })
        },
    )?;
    let mut statement = transaction.prepare(
        "SELECT pool_id, octet_length(pool_id) + octet_length(scope_id) + octet_length(scope_name) + octet_length(product)
         + octet_length(feature) + octet_length(coalesce(plan_code, '')) FROM stage_pool WHERE run_no = ?1",
    )?;
    earlier.pools = statement.query_map([run_no], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
    Ok(earlier)
}

fn count(transaction: &Transaction<'_>, run_no: i64, records: &[Record<'_>]) -> Result<(), StoreError> {
    let number = |test: fn(&Record<'_>) -> bool| {
        i64::try_from(records.iter().filter(|record| test(record)).count()).unwrap_or(i64::MAX)
    };
    transaction.execute(
        "UPDATE run SET pages = pages + 1, users = users + ?2, assignments = assignments + ?3, sources = sources + ?4,
         pools = pools + ?5 WHERE run_no = ?1",
        params![
            run_no,
            number(|record| matches!(record, Record::User(_))),
            number(|record| matches!(record, Record::Assignment(_))),
            number(|record| matches!(record, Record::Source(_))),
            number(|record| matches!(record, Record::Pool(_)))
        ],
    )?;
    Ok(())
}

fn trouble(transaction: &Transaction<'_>, source_no: i64, state: State, what: &str) -> Result<(), StoreError> {
    transaction.execute(
        "UPDATE source SET state = ?2, trouble = ?3, failures = failures + 1 WHERE source_no = ?1",
        params![source_no, state.name(), what],
    )?;
    Ok(())
}

/// Ends a run in `state`, and forgets its pages.
fn end(transaction: &Transaction<'_>, run_no: i64, state: &str, now: OffsetDateTime) -> Result<(), StoreError> {
    for table in ["stage_source", "stage_pool", "stage_user", "stage_seat"] {
        transaction.execute(&format!("DELETE FROM {table} WHERE run_no = ?1"), [run_no])?;
    }
    transaction.execute(
        "UPDATE run SET state = ?2, ended_at = ?3, cursor = NULL WHERE run_no = ?1",
        params![run_no, state, instant_text(now)],
    )?;
    Ok(())
}
