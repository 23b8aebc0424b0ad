//! One full collection: page after page until the plugin says that it is done.
//!
//! Each page goes to the sink before the next is asked for, so memory is that of one page, and whatever the sink keeps
//! of the page's cursor is a place to go on from. When the service says "too many requests" the host sleeps and asks
//! for the same page again: the plugin holds no state that could grow stale meanwhile.

use std::collections::HashSet;
use std::io;
use std::time::Duration;

use crate::bill::{Bill, Records};
use crate::contract::{Batch, Configuration, Counts, Entry, Failure, Progress, Summary};
use crate::egress::{Network, NetworkFailure};
use crate::engine::{CallError, Plugin};
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
    #[error(transparent)]
    Call(#[from] CallError),
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
    /// The output cannot be written.
    #[error("the output cannot be written: {0}")]
    Output(#[from] io::Error),
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
    /// Collects from `cursor`, or from the start, to the end.
    ///
    /// # Errors
    /// [`CollectionError`]. Pages that were passed to the sink before stay there; `bill` counts all calls made.
    pub async fn run(
        self,
        mut cursor: Option<String>,
        sink: &mut dyn PageSink,
        observer: &mut dyn Observer,
        bill: &mut Bill,
    ) -> Result<Summary, CollectionError> {
        let mut waited = Duration::ZERO;
        let from_start = cursor.is_none();
        loop {
            let outcome = self.plugin.collect(self.network, self.config, cursor.as_ref()).await;
            bill.add(&outcome.bill);
            let batch = match outcome.result? {
                Ok(batch) => batch,
                Err(Failure::RateLimited(failure)) => {
                    let wait = failure
                        .retry_after
                        .map_or(DEFAULT_WAIT, |seconds| Duration::from_secs(u64::from(seconds)))
                        // A service that says "in 0 seconds" still gets a moment.
                        .max(Duration::from_secs(1));
                    let limit = self.limits.rate_limit_wait;
                    if waited + wait > limit {
                        return Err(CollectionError::RateLimited { wait, limit });
                    }
                    observer.waiting(wait, &failure.explanation.message);
                    tokio::time::sleep(wait).await;
                    waited += wait;
                    bill.add_rate_limited(wait);
                    continue;
                }
                Err(failure) => {
                    let last_failure = outcome.last_failure;
                    return Err(CollectionError::Failure { failure: Box::new(failure), last_failure });
                }
            };
            check(&batch, cursor.as_deref(), self.limits)?;
            bill.count(&batch);
            if let (true, Some(summary)) = (from_start, &batch.summary) {
                check_counts(&summary.counts, bill.records)?;
            }
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

/// What the contract says of a batch that came after `cursor`.
fn check(batch: &Batch, cursor: Option<&str>, limits: &Limits) -> Result<(), CollectionError> {
    let broken = |what: String| Err(CollectionError::Contract(what));
    match (&batch.next, &batch.summary) {
        (Some(_), Some(_)) => return broken("a batch with both next and summary".to_owned()),
        (Some(next), None) if Some(next.as_str()) == cursor => {
            return broken("a batch that leads back to itself".to_owned());
        }
        (Some(next), None) if next.len() > limits.cursor_bytes => {
            let (bytes, limit) = (next.len(), limits.cursor_bytes);
            return broken(format!("a cursor of {bytes} bytes, over the limit cursor_bytes = {limit}"));
        }
        _ => {}
    }
    let (entries, limit) = (batch.entries.len(), limits.batch_entries);
    if entries > limit {
        return broken(format!("a batch of {entries} entries, over the limit batch_entries = {limit}"));
    }
    // An assignment without its user would be a seat that nobody holds: Allocation could only drop it.
    let mut users = HashSet::new();
    for entry in &batch.entries {
        match entry {
            Entry::User(user) => {
                users.insert(user.user_id.as_str());
            }
            Entry::Assignment(assignment) if !users.contains(assignment.user_id.as_str()) => {
                let user = &assignment.user_id;
                return broken(format!("an assignment of user {user}, who is not before it in its batch"));
            }
            Entry::Assignment(_) | Entry::Source(_) | Entry::Pool(_) => {}
        }
    }
    Ok(())
}

/// The whole run's own count must be what was delivered, unless a part was delivered to an earlier run.
fn check_counts(counts: &Counts, delivered: Records) -> Result<(), CollectionError> {
    let told = Records::from(counts);
    if told == delivered {
        return Ok(());
    }
    Err(CollectionError::Contract(format!("a summary that counts {told:?}, where {delivered:?} were delivered")))
}

#[cfg(test)]
mod tests {
    use super::{CollectionError, check, check_counts};
    use crate::bill::Records;
    use crate::contract::{Batch, Entry};
    use crate::policy::limits::Limits;
    use crate::samples;

    #[track_caller]
    fn assert_broken(batch: &Batch, cursor: Option<&str>, words: &str) {
        match check(batch, cursor, &Limits { cursor_bytes: 4, batch_entries: 2, ..Limits::default() }) {
            Err(CollectionError::Contract(why)) => assert!(why.contains(words), "{why}"),
            other => assert!(words.is_empty() && other.is_ok(), "{words}: {other:?}"),
        }
    }

    #[test]
    fn a_batch_that_breaks_the_contract_is_refused() {
        let next = |cursor: &str| Batch { next: Some(cursor.to_owned()), ..samples::batch(vec![]) };
        let last = Batch { summary: Some(samples::summary()), ..samples::batch(vec![]) };
        assert_broken(&last, Some("a"), "");
        assert_broken(&next("b"), None, "");
        assert_broken(&next("b"), Some("a"), "");
        assert_broken(&next("a"), Some("a"), "leads back to itself");
        assert_broken(&Batch { summary: last.summary, ..next("b") }, Some("a"), "both next and summary");
        assert_broken(&next("abcd"), None, "");
        assert_broken(&next("abcde"), None, "a cursor of 5 bytes, over the limit cursor_bytes = 4");
        let entries = |count: usize| Batch { entries: vec![Entry::User(samples::user()); count], ..last.clone() };
        assert_broken(&entries(2), None, "");
        assert_broken(&entries(3), None, "a batch of 3 entries, over the limit batch_entries = 2");
        let user = || Entry::User(samples::user());
        let assignment = || Entry::Assignment(samples::assignment());
        let of = |entries| Batch { entries, ..last.clone() };
        assert_broken(&of(vec![user(), assignment()]), None, "");
        assert_broken(&of(vec![assignment(), user()]), None, "who is not before it in its batch");
    }

    #[test]
    fn a_summary_counts_what_was_delivered() {
        let counts = samples::summary().counts;
        let delivered = Records::from(&counts);
        assert!(check_counts(&counts, delivered).is_ok());
        let fewer = Records { user: delivered.user + 1, ..delivered };
        assert!(matches!(check_counts(&counts, fewer), Err(CollectionError::Contract(_))));
    }
}
