//! One run of one source: from the plugin's pages into the store.
//!
//! Guarantees: pages go into the store one by one with their cursors; whatever ends the run, the store knows why and where
//! to go on. A test of the connection comes first, so that the end of a token is known before it is reached; whether the
//! service can be read is then seen by reading it.

use std::io;
use std::sync::Arc;

use broker::alerts::Judged;
use broker::alerts::rules::Thresholds;
use broker::record::{Record, Summary};
use broker::schedule;
use broker::store::audit::Act;
use broker::store::runs::{Cause, Failed, RunEnd};
use broker::store::sources::Source;
use broker::store::{Store, StoreError};
use time::{Duration, OffsetDateTime};
use tokio::time::Instant;

use super::connection::Connection;
use super::host::Host;
use super::{JourneyError, blocking};
use crate::bill::Bill;
use crate::collection::{CollectionError, Earlier, Observer, PageSink};
use crate::contract::{Batch, Failure, Progress, explanation};
use crate::egress::NetworkFailureKind;
use crate::policy::limits::TooLarge;
use crate::records;

/// What time it is.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> OffsetDateTime;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> OffsetDateTime {
        OffsetDateTime::now_utc()
    }
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is the snapshot that everybody sees.
    Complete,
    /// Something is missing; the snapshot before stands.
    Partial,
    /// It failed; the snapshot before stands.
    Failed {
        /// Stable name, `kebab-case`.
        code: &'static str,
        /// One sentence.
        message: String,
        /// What to do.
        hint: Option<String>,
    },
}

/// A run that has ended.
#[derive(Debug)]
pub struct Reading {
    /// Its number.
    pub run_no: i64,
    /// Whether it went on from an earlier attempt.
    pub resumed: bool,
    /// How it ended.
    pub outcome: Outcome,
    /// What it cost.
    pub bill: Bill,
    /// What is newly true of the tenant's sources, or over.
    pub alerts: Judged,
}

impl Host {
    /// Reads a source once, sets when it is read next, and judges the tenant's alerts.
    ///
    /// # Errors
    /// [`JourneyError::InUse`]; others when the store cannot say how it went. What is wrong with the source or the service
    /// is the reading's outcome.
    pub async fn read(
        &self,
        actor: &str,
        clock: &dyn Clock,
        source: &Source,
        cause: Cause,
        observer: &mut dyn Observer,
    ) -> Result<Reading, JourneyError> {
        let _lock = self.folder().lock(source.source_no)?;
        let begun = clock.now();
        let act = Act { actor, now: begun };
        let store = self.store();
        let running = blocking(|| store.begin_run(act, &source.tenant, source.source_no, cause))?;
        // As it is now: what the caller holds may have been edited since.
        let source = &blocking(|| store.source(&source.tenant, source.source_no))?;
        let mut observer = Held { store: Arc::clone(store), source_no: source.source_no, clock, observer };
        let mut bill = Bill::default();
        let result = match self.connect(source).await {
            Ok(connection) => {
                let limit = connection.limits.output_bytes;
                let earlier = earlier(&running.earlier);
                let mut pages =
                    Pages::new(Arc::clone(store), running.run_no, running.cursor.clone(), limit, earlier.spent);
                if !running.resumed {
                    self.look(act, source, &connection, &mut bill).await?;
                }
                let collection = connection.collection();
                // From the start, nothing is what was delivered before.
                let summary = collection.go_on(running.cursor, &earlier, &mut pages, &mut observer, &mut bill).await;
                match summary {
                    Ok(_) => {
                        let act = Act { actor, now: clock.now() };
                        blocking(|| pages.finish(act)).map_err(Ended::from)
                    }
                    Err(error) => {
                        blocking(|| store.note_spent(running.run_no, pages.spent_ms()))?;
                        Err(Ended::of(&error, &connection, clock.now()))
                    }
                }
            }
            Err(error) => Err(Ended::of_connection(&error)),
        };
        let now = clock.now();
        let outcome = match result {
            Ok(RunEnd::Complete) => Outcome::Complete,
            Ok(RunEnd::Partial) => Outcome::Partial,
            Ok(RunEnd::Abandoned) => Outcome::Failed {
                code: "edited",
                message: "it was edited while it was read, and what was read is forgotten".to_owned(),
                hint: Some("it is due again at once; `cargo sim source run` reads it now".to_owned()),
            },
            Err(ended) => {
                blocking(|| store.fail_run(Act { actor, now }, running.run_no, &ended.as_failed()))?;
                Outcome::Failed { code: ended.code, message: ended.message, hint: ended.hint }
            }
        };
        blocking(|| self.set_next(source, begun, now, &outcome))?;
        let act = Act { actor, now };
        let alerts = blocking(|| self.store().judge(act, &source.tenant, &Thresholds::default()))?;
        Ok(Reading { run_no: running.run_no, resumed: running.resumed, outcome, bill, alerts })
    }

    /// Tests the connection, and keeps what it said. A test that cannot be made is no reason not to read.
    async fn look(
        &self,
        act: Act<'_>,
        source: &Source,
        connection: &Connection,
        bill: &mut Bill,
    ) -> Result<(), JourneyError> {
        let outcome = connection.plugin.test(&connection.network, &connection.config).await;
        bill.add(&outcome.bill);
        if let Ok(report) = outcome.result {
            let passed = report.outcome != crate::contract::CheckStatus::Fail;
            let text = connection.redact(&super::host::report_json(&report).to_string());
            match blocking(|| self.store().note_test_of(act, source, &text, passed)) {
                // The next run makes one of what was entered since.
                Ok(_) | Err(StoreError::Edited(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn set_next(
        &self,
        source: &Source,
        begun: OffsetDateTime,
        now: OffsetDateTime,
        outcome: &Outcome,
    ) -> Result<(), JourneyError> {
        let after = self.store().source(&source.tenant, source.source_no)?;
        let instant = |text: &str| broker::calendar::parse_instant(text);
        let anchor = instant(&after.created_at).unwrap_or(begun);
        let next = match outcome {
            Outcome::Failed { code: "edited", .. } => now,
            Outcome::Complete | Outcome::Partial => {
                schedule::next_run(after.source_no, anchor, after.interval_s, begun)
            }
            Outcome::Failed { .. } => {
                let earliest = after.not_before.as_deref().and_then(instant);
                schedule::retry(after.source_no, after.failures, after.interval_s, earliest, now)
            }
        };
        Ok(self.store().set_due(after.source_no, next, source.requests)?)
    }
}

/// Notes each wait before it is waited: whoever begins anew in between must not ask before.
struct Held<'a> {
    store: Arc<Store>,
    source_no: i64,
    clock: &'a dyn Clock,
    observer: &'a mut dyn Observer,
}

impl Observer for Held<'_> {
    fn progress(&mut self, progress: &Progress) {
        self.observer.progress(progress);
    }

    fn waiting(&mut self, wait: std::time::Duration, message: &str) {
        let until = self.clock.now().saturating_add(Duration::try_from(wait).unwrap_or(Duration::DAY));
        // A store that cannot be written is found out at the next page.
        if let Err(error) = blocking(|| self.store.hold(self.source_no, until)) {
            tracing::warn!(%error, "a wait is not kept");
        }
        self.observer.waiting(wait, message);
    }
}

/// Pages on their way into the store.
struct Pages {
    store: Arc<Store>,
    run_no: i64,
    cursor: Option<String>,
    /// The last page, which is added together with the end of the run.
    last: Option<Batch>,
    /// The limit `output_bytes`, and what was delivered, as JSON: staged pages take place on the disk.
    limit: u64,
    delivered: Counted,
    /// When this attempt began, and what those before took.
    started: Instant,
    spent: std::time::Duration,
}

/// What the store knows of earlier attempts, as a collection takes it.
fn earlier(known: &broker::store::runs::Earlier) -> Earlier {
    let bytes = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
    Earlier {
        batches: known.pages,
        records: known.records,
        pools: known.pools.iter().map(|(pool, text)| (pool.clone(), bytes(*text))).collect(),
        spent: std::time::Duration::from_millis(known.spent_ms),
    }
}

/// Counts what is written.
#[derive(Debug, Default)]
struct Counted(u64);

impl io::Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Pages {
    fn new(store: Arc<Store>, run_no: i64, cursor: Option<String>, limit: u64, spent: std::time::Duration) -> Self {
        let (last, delivered, started) = (None, Counted::default(), Instant::now());
        Self { store, run_no, cursor, last, limit, delivered, started, spent }
    }

    /// Of all attempts so far.
    fn spent_ms(&self) -> u64 {
        u64::try_from(self.spent.saturating_add(self.started.elapsed()).as_millis()).unwrap_or(u64::MAX)
    }

    fn finish(&mut self, act: Act<'_>) -> Result<RunEnd, StoreError> {
        let incoherent = |why: &str| StoreError::Incoherent(why.to_owned());
        let last = self.last.take().ok_or_else(|| incoherent("a run without a last page"))?;
        let records: Vec<Record<'_>> = records::of_batch(&last).collect();
        let summary = records.iter().find_map(|record| match record {
            Record::Summary(summary) => Some(summary.clone()),
            _ => None,
        });
        let summary: Summary = summary.ok_or_else(|| incoherent("a last page without a summary"))?;
        self.store.finish_run(act, self.run_no, self.cursor.as_deref(), &records, &summary)
    }
}

impl PageSink for Pages {
    fn page(&mut self, batch: &Batch) -> io::Result<()> {
        for record in records::of_batch(batch) {
            serde_json::to_writer(&mut self.delivered, &record)?;
        }
        if self.delivered.0 > self.limit {
            return Err(TooLarge::error("output_bytes", self.limit));
        }
        let Some(next) = &batch.next else {
            self.last = Some(batch.clone());
            return Ok(());
        };
        let records: Vec<Record<'_>> = records::of_batch(batch).collect();
        blocking(|| self.store.add_page(self.run_no, self.cursor.as_deref(), &records, next, self.spent_ms()))
            .map_err(io::Error::other)?;
        self.cursor = Some(next.clone());
        Ok(())
    }
}

/// Why a run failed, without a secret.
#[derive(Debug)]
struct Ended {
    code: &'static str,
    message: String,
    hint: Option<String>,
    unreachable: bool,
    resumable: bool,
    retry_at: Option<OffsetDateTime>,
}

impl Ended {
    fn new(code: &'static str, message: impl Into<String>) -> Self {
        let (message, hint) = (message.into(), None);
        Self { code, message, hint, unreachable: false, resumable: false, retry_at: None }
    }

    fn of(error: &CollectionError, connection: &Connection, now: OffsetDateTime) -> Self {
        let mut ended = match error {
            CollectionError::Failure { failure, last_failure } => {
                let mut ended = Self::of_failure(failure);
                // Where the plugin got nothing but a code, what the host saw is more exact.
                if let Some(seen) = last_failure
                    && (ended.unreachable || seen.kind == NetworkFailureKind::Denied)
                    && !ended.message.contains(&seen.words)
                {
                    ended.message = format!("{} ({})", ended.message.trim_end_matches('.'), seen.words);
                    ended.hint = seen.hint.clone().or(ended.hint);
                }
                ended
            }
            // What was read is good; the next attempt goes on from there, as soon as the limit or the plugin lets it.
            CollectionError::Call { error, .. } => Self { resumable: true, ..Self::new("plugin", error.to_string()) },
            CollectionError::Contract(_) => Self::new("contract", error.to_string()),
            // A run into the store is not recorded.
            CollectionError::Recording(error) => Self::new("recording", error.to_string()),
            CollectionError::Output(error) if TooLarge::is_why(error) => Self::new("limit", error.to_string()),
            CollectionError::Output(error) => Self { resumable: true, ..Self::new("store", error.to_string()) },
            CollectionError::RateLimited { wait, .. } => Self {
                resumable: true,
                retry_at: Some(now.saturating_add(Duration::try_from(*wait).unwrap_or(Duration::DAY))),
                ..Self::new("rate-limited", error.to_string())
            },
        };
        ended.message = connection.redact(&ended.message);
        ended.hint = ended.hint.map(|hint| connection.redact(&hint));
        ended
    }

    fn of_failure(failure: &Failure) -> Self {
        let explanation = explanation(failure);
        let (code, unreachable, resumable) = match failure {
            Failure::InvalidConfiguration(_) => ("invalid-configuration", false, false),
            // The place to go on from is what is wrong.
            Failure::InvalidCursor(_) => ("invalid-cursor", false, false),
            Failure::Unauthorized(_) => ("unauthorized", false, true),
            Failure::Forbidden(_) => ("forbidden", false, true),
            Failure::NotFound(_) => ("not-found", false, false),
            Failure::RateLimited(_) => ("rate-limited", false, true),
            Failure::Unreachable(_) => ("unreachable", true, true),
            Failure::Tls(_) => ("tls", true, true),
            Failure::DeniedByHost(_) => ("denied-by-host", false, false),
            Failure::Upstream(_) => ("upstream", false, true),
            Failure::Malformed(_) => ("malformed", false, false),
        };
        let hint = explanation.hint.clone();
        Self { hint, unreachable, resumable, ..Self::new(code, explanation.message.clone()) }
    }

    /// What went wrong before anything was asked of the service. Its words hold no secret: none was opened, or it was not
    /// sent.
    fn of_connection(error: &JourneyError) -> Self {
        let (code, hint) = match error {
            JourneyError::Grown { source_no, .. } | JourneyError::Other { source_no, .. } => {
                ("not-agreed", Some(format!("`source edit {source_no}` shows what it asks for now and agrees to it")))
            }
            _ => ("setup", None),
        };
        Self { hint, resumable: true, ..Self::new(code, error.to_string()) }
    }

    fn as_failed(&self) -> Failed<'_> {
        Failed {
            code: self.code,
            message: &self.message,
            hint: self.hint.as_deref(),
            unreachable: self.unreachable,
            resumable: self.resumable,
            retry_at: self.retry_at,
        }
    }
}

impl From<StoreError> for Ended {
    fn from(error: StoreError) -> Self {
        Self::new("store", error.to_string())
    }
}
