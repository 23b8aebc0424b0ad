//! Reads sources when they are due, several at once, each by one at a time.
//!
//! What is due stands in the store, so that a restart forgets nothing: missed runs are caught up once, a broken-off run
//! goes on from its last page, and a service that said "not before" is not asked before. Another process may ask for a
//! run, approve or pause a source; the store is looked at every few seconds.
//!
//! Tenants take turns, and a quarter of the runs at once is for tenants of whom nothing is read. What remains: as many tenants
//! as there are runs at once, each with a source that takes hours, keep others out until `collection_wall`.
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
use tokio::task::{Id, JoinSet};
use tokio::time::Instant;

use super::reading::Clock;
use super::{JourneyError, blocking};

/// How often the store is looked at.
const LOOK: Duration = Duration::from_secs(2);

/// How long a source rests after a run, whatever the store says: where a run ends without a new time, since another process
/// reads the source or the disk is full, it would else begin again at once, and again.
const REST: Duration = Duration::from_secs(10);

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
        let mut under_way: HashMap<Id, (i64, i64)> = HashMap::new();
        let mut runs = JoinSet::new();
        let mut resting: HashMap<i64, Instant> = HashMap::new();
        let mut stop = std::pin::pin!(stop);
        blocking(|| self.store.announce_saved(Act { actor: "scheduler", now: self.clock.now() }))?;
        loop {
            let now = self.clock.now();
            let due = if runs.len() < self.at_once { blocking(|| self.store.due(now))? } else { Vec::new() };
            resting.retain(|_, ended| ended.elapsed() < REST);
            for source in in_turn(due, &under_way).into_iter().filter(|source| !resting.contains_key(&source.source_no))
            {
                let own = under_way.values().filter(|(tenant, _)| *tenant == source.tenant_no).count();
                let free = self.at_once.saturating_sub(runs.len());
                // A quarter is kept for tenants of whom nothing is read: slow sources of one would else keep out all others.
                if free == 0 || (own > 0 && free <= self.at_once / 4) {
                    continue;
                }
                let key = (source.tenant_no, source.source_no);
                let cause = schedule::cause(&source, now);
                let reader = Arc::clone(&self.reader);
                let task = runs.spawn(async move { reader.read(source, cause).await });
                under_way.insert(task.id(), key);
            }
            tokio::select! {
                () = &mut stop => break,
                Some(ended) = runs.join_next_with_id() => {
                    let task = match ended {
                        Ok((task, ())) => task,
                        Err(error) => error.id(),
                    };
                    if let Some((_, number)) = under_way.remove(&task) {
                        resting.insert(number, Instant::now());
                    }
                }
                () = tokio::time::sleep(LOOK) => {}
            }
        }
        runs.shutdown().await;
        Ok(())
    }
}

/// What is due and not under way, in turn: first a source of each tenant, those of whom the least is read before the others,
/// then a second of each, and so on; within a tenant the longest overdue first.
fn in_turn(due: Vec<Source>, under_way: &HashMap<Id, (i64, i64)>) -> Vec<Source> {
    let mut turns: HashMap<i64, usize> = HashMap::new();
    for (tenant, _) in under_way.values() {
        *turns.entry(*tenant).or_default() += 1;
    }
    let mut ranked: Vec<(usize, Source)> = due
        .into_iter()
        .filter(|source| !under_way.values().any(|(_, number)| *number == source.source_no))
        .map(|source| {
            let turn = turns.entry(source.tenant_no).or_default();
            *turn += 1;
            (*turn, source)
        })
        .collect();
    ranked.sort_by_key(|(turn, _)| *turn);
    ranked.into_iter().map(|(_, source)| source).collect()
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

    /// Reads nothing, takes its time, and notes when it was asked to. Without a time to take it is one that another process
    /// keeps from reading.
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
            if self.takes.is_zero() {
                return;
            }
            let next = schedule::next_run(source.source_no, START, source.interval_s, now);
            self.store.set_due(source.source_no, next, source.requests).unwrap();
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

    /// So many approved sources of the tenant `acme`, at `now`.
    fn bench(sources: usize, now: OffsetDateTime) -> Bench {
        bench_of(&[("acme", sources)], now)
    }

    /// Tenants with so many approved sources each.
    fn bench_of(tenants: &[(&str, usize)], now: OffsetDateTime) -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::open(&folder.path().join("broker.sqlite")).unwrap());
        for (tenant, number) in
            tenants.iter().flat_map(|(tenant, sources)| (0..*sources).map(move |number| (*tenant, number)))
        {
            if number == 0 {
                store.add_tenant(act(), tenant, Identity::Full, None).unwrap();
            }
            let key = format!("https://{number}.example.com");
            let entered = Entered {
                source_key: &key,
                display_name: &key,
                vendor: "V",
                plugin: "p",
                entered: "{}",
                configuration: "{}",
            };
            let source_no = store.add_source(act(), tenant, &entered, "sealed").unwrap().source_no;
            store.note_test(act(), tenant, source_no, "{}", true).unwrap();
            store.save_source(act(), tenant, source_no).unwrap();
            store.approve_source(act(), tenant, source_no).unwrap();
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
        bench.store.set_due(1, START, 0).unwrap();
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

    /// Sixteen slow sources of one tenant kept the source of another out for half a day.
    #[tokio::test(start_paused = true)]
    async fn slow_sources_of_one_tenant_keep_nobody_out() {
        let mut bench = bench_of(&[("slow", 20), ("modest", 2)], START);
        Arc::get_mut(&mut bench.reader).unwrap().takes = HOUR * 12;
        bench.run_for(Duration::from_secs(10), 8).await;
        let reads =
            |sources: std::ops::RangeInclusive<i64>| sources.map(|source| bench.reads(source).len()).sum::<usize>();
        // Two of eight are left for whoever comes next.
        assert_eq!((reads(1..=20), reads(21..=22)), (4, 2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_newcomer_is_read_while_others_are_slow() {
        let mut bench = bench_of(&[("slow", 20), ("modest", 1)], START);
        Arc::get_mut(&mut bench.reader).unwrap().takes = HOUR * 12;
        bench.store.pause_source(act(), "modest", 21, true).unwrap();
        let store = Arc::clone(&bench.store);
        let asking = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(60)).await;
            store.pause_source(Act { actor: "test", now: START }, "modest", 21, false).unwrap();
        });
        bench.run_for(Duration::from_secs(90), 8).await;
        asking.await.unwrap();
        assert_eq!((bench.reads(21).len(), bench.reader.most_at_once.load(Ordering::SeqCst)), (1, 7));
    }

    /// A source that another process read kept a processor busy; a full disk filled the log.
    #[tokio::test(start_paused = true)]
    async fn a_run_that_ends_without_a_new_time_is_not_repeated_at_once() {
        let mut bench = bench(1, START);
        Arc::get_mut(&mut bench.reader).unwrap().takes = Duration::ZERO;
        bench.run_for(Duration::from_secs(60), 2).await;
        let reads = bench.reads(1).len();
        assert!((4..=6).contains(&reads), "{reads} in a minute");
    }
}
