//! Equal shares of the processors, for as long as more than one tenant has calls in progress.
//!
//! A guest gives way at every epoch, so it cannot keep others from running; but one that always computes would still take
//! a processor for itself. So each tenant has a balance of processor time: it fills at the tenant's share, and a call
//! whose tenant owes time is not gone on with before that is paid. Who waits for a network owes nothing.
//!
//! | tenants with calls | share of each, on two processors |
//! | --- | --- |
//! | 1 | 2: never waits |
//! | 2 | 1 |
//! | 10 | 0.2 |
//!
//! Who is alone does not wait, even by a clock that stands still while it computes, as that of a replay does.
//!
//! Counted is all that is done for a tenant: the guest, what the host does on its behalf, and its connections. A share is
//! not more where others leave theirs: a call that waits for a network needs little of it, and an idle moment is over
//! before it is known to be one.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

/// What a tenant may use at once after having used little. An honest page takes a few milliseconds; one that does nothing
/// but compute has this used up at once.
const BURST: Duration = Duration::from_millis(25);

/// The processors, and how many tenants are at work.
#[derive(Debug)]
pub struct Floor {
    processors: f64,
    tenants: AtomicUsize,
}

impl Floor {
    /// So many processors.
    #[must_use]
    pub fn new(processors: usize) -> Self {
        let processors = u32::try_from(processors.max(1)).map_or(f64::MAX, f64::from);
        Self { processors, tenants: AtomicUsize::new(0) }
    }

    /// Processors for each tenant now.
    fn share(&self) -> f64 {
        let tenants = self.tenants.load(Ordering::Relaxed).max(1);
        self.processors / u32::try_from(tenants).map_or(f64::MAX, f64::from)
    }

    /// Whether there is nobody to share with.
    fn is_quiet(&self) -> bool {
        self.tenants.load(Ordering::Relaxed) <= 1
    }

    pub(super) fn enter(&self) {
        self.tenants.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn leave(&self) {
        self.tenants.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The processor time of one tenant.
#[derive(Debug)]
pub struct Pace {
    floor: Arc<Floor>,
    balance: Mutex<Balance>,
}

#[derive(Debug)]
struct Balance {
    /// Seconds; below zero they are owed.
    left: f64,
    at: Instant,
}

impl Pace {
    /// A tenant that has used nothing yet.
    #[must_use]
    pub fn new(floor: Arc<Floor>) -> Self {
        Self { floor, balance: Mutex::new(Balance { left: BURST.as_secs_f64(), at: Instant::now() }) }
    }

    fn with<T>(&self, act: impl FnOnce(&mut Balance) -> T) -> T {
        let mut balance = self.balance.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let filled = now.saturating_duration_since(balance.at).as_secs_f64() * self.floor.share();
        balance.left = (balance.left + filled).min(BURST.as_secs_f64());
        balance.at = now;
        act(&mut balance)
    }

    /// What may be used at once, seconds.
    #[cfg(test)]
    pub(crate) fn left(&self) -> f64 {
        self.with(|balance| balance.left)
    }

    /// How long to wait until nothing is owed.
    fn wait(&self) -> Option<Duration> {
        if self.floor.is_quiet() {
            return None;
        }
        let owed = self.with(|balance| -balance.left);
        // Less than a timer can measure is not owed.
        (owed > 1e-6).then(|| Duration::try_from_secs_f64(owed / self.floor.share()).unwrap_or(BURST))
    }

    /// Takes processor time that was used.
    pub fn spend(&self, used: Duration) {
        self.with(|balance| balance.left -= used.as_secs_f64());
    }
}

/// Does something, and tells how long it kept a thread busy.
///
/// By the wall clock, and not by the processor time of the thread: on a machine that others keep busy, too, a thread gets
/// less of a processor, and a share of what is there is all that can be given.
pub fn timed<T>(act: impl FnOnce() -> T) -> (T, Duration) {
    let started = std::time::Instant::now();
    let outcome = act();
    (outcome, started.elapsed())
}

/// How long something has kept a thread busy, also while it does. Clones are the same clock.
#[derive(Debug, Clone, Default)]
pub struct Busy(Arc<Mutex<BusyTime>>);

#[derive(Debug, Default)]
struct BusyTime {
    before: Duration,
    since: Option<std::time::Instant>,
}

impl Busy {
    /// Does something on this clock, and tells how long it took.
    pub(crate) fn timed<T>(&self, act: impl FnOnce() -> T) -> (T, Duration) {
        let started = std::time::Instant::now();
        self.with(|time| time.since = Some(started));
        let outcome = act();
        let used = started.elapsed();
        self.with(|time| {
            time.before += used;
            time.since = None;
        });
        (outcome, used)
    }

    fn with<T>(&self, act: impl FnOnce(&mut BusyTime) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// So long until now.
    #[must_use]
    pub fn used(&self) -> Duration {
        self.with(|time| time.before + time.since.map_or(Duration::ZERO, |since| since.elapsed()))
    }
}

/// A call, or a connection, that is gone on with at its tenant's pace.
pub struct Paced<F> {
    inner: Pin<Box<F>>,
    pace: Option<Arc<Pace>>,
    pause: Option<Pin<Box<Sleep>>>,
    busy: Busy,
}

impl<F: Future> Paced<F> {
    /// At the pace of a tenant, or at any if there is none.
    pub fn new(inner: F, pace: Option<Arc<Pace>>) -> Self {
        Self::watched(inner, pace, Busy::default())
    }

    /// The same, with a clock of the time for which a processor is busy with it.
    pub fn watched(inner: F, pace: Option<Arc<Pace>>, busy: Busy) -> Self {
        Self { inner: Box::pin(inner), pace, pause: None, busy }
    }
}

impl<F: Future> Future for Paced<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(pause) = &mut self.pause {
            ready!(pause.as_mut().poll(context));
            self.pause = None;
        }
        if let Some(wait) = self.pace.as_ref().and_then(|pace| pace.wait()) {
            let mut pause = Box::pin(tokio::time::sleep(wait));
            // Polled once, so that it wakes this call; over already for a wait of no time.
            if pause.as_mut().poll(context).is_pending() {
                self.pause = Some(pause);
                return Poll::Pending;
            }
        }
        let busy = self.busy.clone();
        let (outcome, used) = busy.timed(|| self.inner.as_mut().poll(context));
        if let Some(pace) = &self.pace {
            pace.spend(used);
        }
        outcome
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::{BURST, Busy, Floor, Pace};

    #[test]
    fn a_clock_of_busy_time_goes_while_something_is_done_and_stands_in_between() {
        let busy = Busy::default();
        let (within, used) = busy.timed(|| {
            let start = std::time::Instant::now();
            while start.elapsed() < Duration::from_millis(5) {}
            busy.used()
        });
        assert!(within >= Duration::from_millis(5) && busy.used() == used && used >= within, "{within:?} {used:?}");
        let ((), again) = busy.timed(|| ());
        assert_eq!(busy.used(), used + again);
    }

    fn second(tenants: usize) -> (Arc<Floor>, Pace) {
        let floor = Arc::new(Floor::new(2));
        (0..tenants).for_each(|_| floor.enter());
        let pace = Pace::new(Arc::clone(&floor));
        (floor, pace)
    }

    #[tokio::test(start_paused = true)]
    async fn who_computes_all_the_time_gets_the_share_and_no_more() {
        for (tenants, expected) in [(1, 2.0), (2, 1.0), (10, 0.2)] {
            let (_floor, pace) = second(tenants);
            let start = tokio::time::Instant::now();
            let mut used = Duration::ZERO;
            let step = Duration::from_millis(2);
            // As a guest on each of two processors would: so much is used in so much time, unless it has to wait.
            while start.elapsed() < Duration::from_secs(10) {
                match pace.wait() {
                    Some(wait) => tokio::time::sleep(wait).await,
                    None => {
                        pace.spend(step * 2);
                        used += step * 2;
                        tokio::time::sleep(step).await;
                    }
                }
            }
            let share = used.as_secs_f64() / start.elapsed().as_secs_f64();
            assert!((share - expected).abs() < 0.05 * expected + 0.02, "{tenants}: {share}");
        }
    }

    /// On the clock of a replay, which does not go on while a guest computes, everything would be owed.
    #[tokio::test(start_paused = true)]
    async fn who_is_alone_does_not_wait_though_the_clock_stands_still() {
        let (floor, pace) = second(1);
        pace.spend(Duration::from_secs(60));
        assert_eq!(pace.wait(), None);
        floor.enter();
        assert!(pace.wait().is_some(), "it is owed to whoever comes");
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_used_little_does_not_wait() {
        let (floor, pace) = second(10);
        pace.spend(BURST - Duration::from_millis(1));
        assert_eq!(pace.wait(), None);
        pace.spend(Duration::from_millis(2));
        let wait = pace.wait().unwrap_or_default();
        assert!(wait > Duration::from_millis(4) && wait < Duration::from_millis(6), "{wait:?}");
        (0..8).for_each(|_| floor.leave());
        assert!(pace.wait().is_some_and(|of_two| of_two < wait), "there is more for each when others have gone");
    }
}
