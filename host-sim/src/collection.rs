//! One full collection: page after page until the plugin says that it is done.
//!
//! Each page goes to the sink before the next is asked for, so memory is that of one page, and whatever the sink keeps
//! of the page's cursor is a place to go on from. When the service says "too many requests" the host sleeps and asks
//! for the same page again: the plugin holds no state that could grow stale meanwhile.

mod check;

use std::io;
use std::time::Duration;

use check::Checker;

use tokio::time::Instant;

use crate::bill::{Bill, Records};
use crate::contract::{Batch, Configuration, Failure, Progress, Summary};
use crate::egress::{Network, NetworkFailure};
use crate::engine::{CallError, End, Plugin};
use crate::policy::limits::Limits;

/// The wait when the service gives none. GitLab's windows are a minute long.
const DEFAULT_WAIT: Duration = Duration::from_secs(60);

/// Where pages go.
pub trait PageSink: Send {
    /// Takes one page, whole or not at all.
    ///
    /// # Errors
    /// When it cannot be written; the collection ends there.
    fn page(&mut self, batch: &Batch) -> io::Result<()>;
}

/// Who is told how it goes.
pub trait Observer: Send {
    /// After each page.
    fn progress(&mut self, progress: &Progress);
    /// Before a wait that the service asked for.
    fn waiting(&mut self, wait: Duration, message: &str);
}

/// Why a collection ended before its end.
#[derive(Debug, thiserror::Error)]
pub enum CollectionError {
    /// The plugin says so.
    #[error("the plugin reports a failure")]
    Failure {
        /// What it says.
        failure: Box<Failure>,
        /// What the host saw on the network, where it saw more.
        last_failure: Option<NetworkFailure>,
    },
    /// The plugin passed a limit or crashed.
    #[error("{error}")]
    Call {
        /// Which, or how.
        error: CallError,
        /// What the host saw on the network before, if anything went wrong there.
        last_failure: Option<NetworkFailure>,
    },
    /// The plugin broke the contract.
    #[error("the plugin broke the contract: {0}")]
    Contract(String),
    /// The service asks for more patience than the limit allows.
    #[error("the service asks to wait {} s more, over the limit rate_limit_wait = {} ms", wait.as_secs(), limit.as_millis())]
    RateLimited {
        /// The wait asked for.
        wait: Duration,
        /// The limit for the run.
        limit: Duration,
    },
    /// The output cannot be written. Where that is for its limit, the words name it.
    #[error("the output cannot be written: {0}")]
    Output(#[from] io::Error),
    /// Answers can no longer be recorded: a run that goes on would have a recording that is not whole.
    #[error("the recording cannot be written: {0}")]
    Recording(String),
}

/// What the earlier attempts of a run delivered and took, where somebody kept it.
#[derive(Debug, Clone, Default)]
pub struct Earlier {
    /// Batches.
    pub batches: u64,
    /// Records in them.
    pub records: Records,
    /// The pools among them, with the bytes of text of each.
    pub pools: Vec<(String, usize)>,
    /// How long the attempts took.
    pub spent: Duration,
}

/// What to collect, and with what.
#[derive(Clone, Copy)]
pub struct Collection<'a> {
    /// The plugin.
    pub plugin: &'a Plugin,
    /// The tenant's network, with grant and secret.
    pub network: &'a Network,
    /// The parsed settings.
    pub config: &'a Configuration,
    /// The limits.
    pub limits: &'a Limits,
}

impl Collection<'_> {
    /// Collects from `cursor`, or from the start, to the end. Of a run that goes on nothing is known but its cursor: what was
    /// delivered before is not counted, and its limits begin anew.
    ///
    /// # Errors
    /// [`CollectionError`]. Pages that were passed to the sink before stay there; `bill` counts all calls made.
    pub async fn run(
        self,
        cursor: Option<String>,
        sink: &mut dyn PageSink,
        observer: &mut dyn Observer,
        bill: &mut Bill,
    ) -> Result<Summary, CollectionError> {
        let checker = Checker::new(self.limits, cursor.is_none());
        self.timed(checker, Duration::ZERO, cursor, sink, observer, bill).await
    }

    /// The same, where it is known what earlier attempts delivered and took: the run is checked as if there had been one.
    ///
    /// # Errors
    /// See [`Collection::run`].
    pub async fn go_on(
        self,
        cursor: Option<String>,
        earlier: &Earlier,
        sink: &mut dyn PageSink,
        observer: &mut dyn Observer,
        bill: &mut Bill,
    ) -> Result<Summary, CollectionError> {
        self.timed(Checker::after(self.limits, earlier), earlier.spent, cursor, sink, observer, bill).await
    }

    async fn timed(
        self,
        checker: Checker<'_>,
        spent: Duration,
        cursor: Option<String>,
        sink: &mut dyn PageSink,
        observer: &mut dyn Observer,
        bill: &mut Bill,
    ) -> Result<Summary, CollectionError> {
        let started = Instant::now();
        let result = self.go(checker, self.end(started, spent), started, cursor, sink, observer, bill).await;
        bill.took(started.elapsed());
        result
    }

    /// The end, by what is left of the limit `collection_wall`. One that is out of reach of the clock does not come.
    fn end(self, started: Instant, spent: Duration) -> Option<End> {
        let limit = self.limits.collection_wall;
        Some(End { at: started.checked_add(limit.saturating_sub(spent))?, limit })
    }

    #[allow(clippy::too_many_arguments, reason = "one caller")]
    async fn go(
        self,
        mut checker: Checker<'_>,
        end: Option<End>,
        started: Instant,
        mut cursor: Option<String>,
        sink: &mut dyn PageSink,
        observer: &mut dyn Observer,
        bill: &mut Bill,
    ) -> Result<Summary, CollectionError> {
        let enforced = end.filter(|_| !self.limits.only_warns("collection_wall"));
        let mut warns = end.filter(|_| enforced.is_none());
        let plugin = self.plugin.until(enforced);
        let mut waited = Duration::ZERO;
        loop {
            within(enforced, Duration::ZERO)?;
            let outcome = plugin.collect(self.network, self.config, cursor.as_ref()).await;
            bill.add(&outcome.bill);
            bill.took(started.elapsed());
            if warns.take_if(|end| Instant::now() > end.at).is_some() {
                bill.warn("collection_wall");
            }
            if let Some(why) = self.network.client.recording_failure() {
                return Err(CollectionError::Recording(why));
            }
            tracing::debug!(target: "bill", call = bill.calls, bill = %Bill::of(&outcome.bill).to_json(self.limits), "call");
            let last_failure = outcome.last_failure;
            let batch = match outcome.result {
                Err(error) => return Err(CollectionError::Call { error, last_failure }),
                Ok(Ok(batch)) => batch,
                Ok(Err(Failure::RateLimited(failure))) => {
                    let wait = failure
                        .retry_after
                        .map_or(DEFAULT_WAIT, |seconds| Duration::from_secs(u64::from(seconds)))
                        // A service that says "in 0 seconds" still gets a moment.
                        .max(Duration::from_secs(1));
                    let limit = self.limits.rate_limit_wait;
                    if waited + wait > limit {
                        return Err(CollectionError::RateLimited { wait, limit });
                    }
                    // Nobody waits for what will not come any more.
                    within(enforced, wait)?;
                    observer.waiting(wait, &failure.explanation.message);
                    tokio::time::sleep(wait).await;
                    waited += wait;
                    bill.add_rate_limited(wait);
                    continue;
                }
                Ok(Err(failure)) => return Err(CollectionError::Failure { failure: Box::new(failure), last_failure }),
            };
            checker.batch(&batch, cursor.as_deref(), bill)?;
            sink.page(&batch)?;
            observer.progress(&batch.progress);
            match (batch.next, batch.summary) {
                (Some(next), _) => cursor = Some(next),
                (None, Some(summary)) => return Ok(summary),
                (None, None) => return Err(CollectionError::Contract("a batch without next and summary".to_owned())),
            }
        }
    }
}

/// Whether so much time is left.
fn within(end: Option<End>, time: Duration) -> Result<(), CollectionError> {
    match end {
        Some(end) if Instant::now() + time > end.at => {
            Err(CollectionError::Call { error: end.passed(), last_failure: None })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::within;
    use crate::engine::End;

    #[tokio::test(start_paused = true)]
    async fn a_collection_has_its_time_and_no_more() {
        let (limit, moment) = (Duration::from_millis(500), Duration::from_millis(1));
        let end = Some(End { at: Instant::now() + limit, limit });
        assert!(within(end, limit).is_ok() && within(None, Duration::from_secs(1 << 20)).is_ok());
        let words = within(end, limit + moment).err().map(|error| error.to_string());
        assert_eq!(words.as_deref(), Some("the plugin passed the limit collection_wall = 500 ms"));
        tokio::time::advance(limit).await;
        assert!(within(end, Duration::ZERO).is_ok());
        tokio::time::advance(moment).await;
        assert!(within(end, Duration::ZERO).is_err());
    }
}
