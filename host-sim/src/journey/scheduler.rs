//! Reads sources when they are due, several at once, each by one at a time.
//!
//! What is due stands in the store, so that a restart forgets nothing: missed runs are caught up once, a broken-off run
//! goes on from its last page, and a service that said "not before" is not asked before. Another process may ask for a
//! run, approve or pause a source; the store is looked at every few seconds.
//!
//! At the end of [`Scheduler::run`] nothing is under way: runs are broken off between two pages, which loses nothing.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use broker::schedule;
use broker::store::Store;
use broker::store::audit::Act;
use broker::store::runs::Cause;
use broker::store::sources::Source;
use tokio::task::JoinSet;

use super::reading::Clock;
use super::{JourneyError, blocking};

/// How often the store is looked at.
const LOOK: Duration = Duration::from_secs(2);

/// Runs at once, unless told otherwise. A run mostly waits for its service.
pub const USUAL_AT_ONCE: usize = 16;

/// Who reads a source.
pub trait Reader: Send + Sync + 'static {
    /// Reads it once, and sets when it is read next. What went wrong stands in the store afterwards.
    fn read(&self, source: Source, cause: Cause) -> impl Future<Output = ()> + Send;
}

/// Reads sources when they are due.
pub struct Scheduler<R> {
    /// The store.
    pub store: Arc<Store>,
    /// Who reads.
    pub reader: Arc<R>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Most runs at once.
    pub at_once: usize,
}

impl<R: Reader> Scheduler<R> {
    /// Runs until `stop` is ready.
    ///
    /// # Errors
    /// [`JourneyError::Store`] when the store cannot be read; runs that are under way end with it.
    pub async fn run(&self, stop: impl Future<Output = ()>) -> Result<(), JourneyError> {
        let mut under_way = HashMap::new();
        let mut runs = JoinSet::new();
        let mut stop = std::pin::pin!(stop);
        blocking(|| self.store.announce_saved(Act { actor: "scheduler", now: self.clock.now() }))?;
        loop {
            let now = self.clock.now();
            let due = if runs.len() < self.at_once { blocking(|| self.store.due(now))? } else { Vec::new() };
            for source in due {
                let number = source.source_no;
                if runs.len() >= self.at_once {
                    break;
                }
                if under_way.values().any(|read| *read == number) {
                    continue;
                }
                let cause = schedule::cause(&source, now);
                let reader = Arc::clone(&self.reader);
                let task = runs.spawn(async move { reader.read(source, cause).await });
                under_way.insert(task.id(), number);
            }
            tokio::select! {
                () = &mut stop => break,
                Some(ended) = runs.join_next_with_id() => {
                    let task = match ended {
                        Ok((task, ())) => task,
                        Err(error) => error.id(),
                    };
                    under_way.remove(&task);
                }
                () = tokio::time::sleep(LOOK) => {}
            }
        }
        runs.shutdown().await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

    use std::collections::BTreeMap;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use broker::schedule;
    use broker::store::Store;
    use broker::store::audit::Act;
    use broker::store::runs::Cause;
    use broker::store::sources::{Entered, Source};
    use broker::store::tenants::Identity;
    use time::OffsetDateTime;
    use time::macros::datetime;
    use tokio::time::Instant;

    use super::{Clock, Reader, Scheduler};

    const START: OffsetDateTime = datetime!(2026-03-01 12:00 UTC);

    /// Goes as the paused clock of the runtime does.
    struct Paused {
        start: OffsetDateTime,
        since: Instant,
    }

    impl Clock for Paused {
        fn now(&self) -> OffsetDateTime {
            self.start + self.since.elapsed()
        }
    }

    /// Reads nothing, takes its time, and notes when it was asked to.
    struct Noting {
        store: Arc<Store>,
        clock: Arc<dyn Clock>,
        takes: Duration,
        panics: Mutex<usize>,
        at_once: AtomicUsize,
        most_at_once: AtomicUsize,
        reads: Mutex<BTreeMap<i64, Vec<(OffsetDateTime, Cause)>>>,
    }

    impl Reader for Noting {
        async fn read(&self, source: Source, cause: Cause) {
            let now = self.clock.now();
            self.reads.lock().unwrap().entry(source.source_no).or_default().push((now, cause));
            {
                let mut panics = self.panics.lock().unwrap();
                if *panics > 0 {
                    *panics -= 1;
                    drop(panics);
                    panic!("a reader that breaks");
                }
            }
            let at_once = self.at_once.fetch_add(1, Ordering::SeqCst) + 1;
            self.most_at_once.fetch_max(at_once, Ordering::SeqCst);
            tokio::time::sleep(self.takes).await;
            self.at_once.fetch_sub(1, Ordering::SeqCst);
            let next = schedule::next_run(source.source_no, START, source.interval_s, now);
            self.store.set_due(source.source_no, next, now).unwrap();
        }
    }

    struct Bench {
        _folder: tempfile::TempDir,
        store: Arc<Store>,
        reader: Arc<Noting>,
        clock: Arc<dyn Clock>,
    }

    fn act() -> Act<'static> {
        Act { actor: "test", now: START }
    }

    /// So many approved sources, at `now`.
    fn bench(sources: usize, now: OffsetDateTime) -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::open(&folder.path().join("broker.sqlite")).unwrap());
        store.add_tenant(act(), "acme", Identity::Full, None).unwrap();
        for number in 0..sources {
            let key = format!("https://{number}.example.com");
            let entered = Entered {
                source_key: &key,
                display_name: &key,
                vendor: "V",
                plugin: "p",
                entered: "{}",
                configuration: "{}",
            };
            let source_no = store.add_source(act(), "acme", &entered, "sealed").unwrap().source_no;
            store.note_test(act(), "acme", source_no, "{}", true).unwrap();
            store.save_source(act(), "acme", source_no).unwrap();
            store.approve_source(act(), "acme", source_no).unwrap();
        }
        let clock: Arc<dyn Clock> = Arc::new(Paused { start: now, since: Instant::now() });
        let reader = Arc::new(Noting {
            store: Arc::clone(&store),
            clock: Arc::clone(&clock),
            takes: Duration::from_secs(5),
            panics: Mutex::new(0),
            at_once: AtomicUsize::new(0),
            most_at_once: AtomicUsize::new(0),
            reads: Mutex::default(),
        });
        Bench { _folder: folder, store, reader, clock }
    }

    impl Bench {
        async fn run_for(&self, time: Duration, at_once: usize) {
            let scheduler = Scheduler {
                store: Arc::clone(&self.store),
                reader: Arc::clone(&self.reader),
                clock: Arc::clone(&self.clock),
                at_once,
            };
            scheduler.run(tokio::time::sleep(time)).await.unwrap();
        }

        fn reads(&self, source: i64) -> Vec<(OffsetDateTime, Cause)> {
            self.reader.reads.lock().unwrap().get(&source).cloned().unwrap_or_default()
        }
    }

    const HOUR: Duration = Duration::from_secs(3_600);

    #[tokio::test(start_paused = true)]
    async fn each_is_read_when_it_is_due_and_by_one_at_a_time() {
        let bench = bench(5, START);
        bench.store.pause_source(act(), "acme", 5, true).unwrap();
        for source in 1..=4 {
            bench.store.set_interval(act(), "acme", source, 900).unwrap();
        }
        bench.run_for(Duration::from_secs(46 * 60), 2).await;
        for source in 1..=4 {
            let reads = bench.reads(source);
            let times = reads.iter().zip(reads.iter().skip(1));
            // The first follows the approval; the others keep the source's time.
            assert_eq!(reads.len(), 4, "{source}: {reads:?}");
            assert!(times.skip(1).all(|(one, next)| (next.0 - one.0).whole_minutes().abs_diff(15) <= 1), "{reads:?}");
        }
        assert_eq!(bench.reads(5), [], "paused");
        assert_eq!(bench.reader.most_at_once.load(Ordering::SeqCst), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn missed_runs_are_caught_up_once() {
        let bench = bench(1, START + HOUR * 24 * 9);
        bench.store.set_due(1, START, START).unwrap();
        bench.run_for(HOUR, 2).await;
        assert_eq!(bench.reads(1).len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn what_somebody_asks_for_is_read_soon_even_during_a_run() {
        let bench = bench(1, START);
        bench.run_for(HOUR, 2).await;
        bench.store.run_now(Act { actor: "somebody", now: bench.clock.now() }, "acme", 1).unwrap();
        bench.run_for(Duration::from_secs(3), 2).await;
        let reads = bench.reads(1);
        assert_eq!(reads.iter().map(|read| read.1).collect::<Vec<_>>(), [Cause::Approval, Cause::Manual]);
        // The run was broken off by the end of the scheduler, and is due again.
        bench.run_for(HOUR, 2).await;
        assert_eq!(bench.reads(1).len(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_does_not_wait_for_runs() {
        let mut bench = bench(1, START);
        let reader = Arc::get_mut(&mut bench.reader).unwrap();
        reader.takes = HOUR * 1_000;
        let begun = Instant::now();
        bench.run_for(Duration::from_secs(60), 2).await;
        assert_eq!((bench.reads(1).len(), begun.elapsed()), (1, Duration::from_secs(60)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_run_that_breaks_down_stops_nobody() {
        let bench = bench(2, START);
        *bench.reader.panics.lock().unwrap() = 1;
        bench.run_for(Duration::from_secs(30), 2).await;
        assert_eq!((bench.reads(1).len(), bench.reads(2).len()), (2, 1));
    }
}
