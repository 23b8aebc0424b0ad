//! A tenant's turn: when a call may begin, and what is noted when it has ended.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::budget::Budget;
use super::instances::{Holding, Instance, Instances};
use super::pace::{Floor, Pace};
use crate::policy::limits::Limits;

/// What one tenant may take of the host.
#[derive(Debug)]
pub(crate) struct Share {
    calls: Arc<Semaphore>,
    holding: Arc<Holding>,
    under_way: AtomicUsize,
    budgets: Mutex<Budgets>,
    floor: Arc<Floor>,
    pace: Arc<Pace>,
}

#[derive(Debug)]
struct Budgets {
    requests: Budget,
    cpu: Budget,
    /// Whether passing `requests` and `cpu` is but a word on the bill.
    only_warn: [bool; 2],
}

/// The host was shut down while a call waited.
#[derive(Debug, thiserror::Error)]
#[error("the host is shut down")]
pub(crate) struct ShutDown;

impl From<AcquireError> for ShutDown {
    fn from(_: AcquireError) -> Self {
        Self
    }
}

/// A call that may begin. The tenant and the host have room for one more when it is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    share: Option<Arc<Share>>,
    _call: Option<OwnedSemaphorePermit>,
    _instance: Instance,
    /// Budgets that were used up and only warn.
    pub(crate) warned: Vec<&'static str>,
}

impl Share {
    pub(super) fn new(limits: &Limits, floor: Arc<Floor>) -> Self {
        let now = Instant::now();
        // A budget beyond what a float counts exactly is none that anybody waits for.
        let requests = u32::try_from(limits.requests_per_minute).map_or(f64::MAX, f64::from);
        let only_warn = ["requests_per_minute", "cpu_per_minute"].map(|name| limits.only_warns(name));
        Self {
            calls: Arc::new(Semaphore::new(limits.calls.clamp(1, Semaphore::MAX_PERMITS))),
            holding: Arc::default(),
            under_way: AtomicUsize::new(0),
            budgets: Mutex::new(Budgets {
                requests: Budget::new(requests, now),
                cpu: Budget::new(limits.cpu_per_minute.as_secs_f64(), now),
                only_warn,
            }),
            pace: Arc::new(Pace::new(Arc::clone(&floor))),
            floor,
        }
    }

    pub(crate) fn pace(&self) -> Arc<Pace> {
        Arc::clone(&self.pace)
    }

    pub(super) fn free_calls(&self) -> usize {
        self.calls.available_permits()
    }

    fn with<T>(&self, act: impl FnOnce(&mut Budgets) -> T) -> T {
        act(&mut self.budgets.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// How long until both budgets have something left, and those of them that only warn and have nothing left.
    fn owed(&self) -> (Duration, Vec<&'static str>) {
        let now = Instant::now();
        self.with(|budgets| {
            let waits = [budgets.requests.wait(now), budgets.cpu.wait(now)];
            let names = ["requests_per_minute", "cpu_per_minute"];
            let mut wait = Duration::ZERO;
            let mut warned = Vec::new();
            for ((owed, name), only_warn) in waits.into_iter().zip(names).zip(budgets.only_warn) {
                if only_warn && !owed.is_zero() {
                    warned.push(name);
                } else {
                    wait = wait.max(owed);
                }
            }
            (wait, warned)
        })
    }

    /// Takes what a call cost.
    pub(crate) fn spend(&self, requests: u64, busy: Duration) {
        let requests = u32::try_from(requests).map_or(f64::MAX, f64::from);
        let now = Instant::now();
        self.with(|budgets| {
            budgets.requests.spend(requests, now);
            budgets.cpu.spend(busy.as_secs_f64(), now);
        });
    }
}

impl Turn {
    /// Waits until the tenant, if there is one, and then the host has room.
    ///
    /// In this order, so that a tenant's calls wait for each other and not in everybody's way: the queues for instances
    /// are served in the order of asking, and no tenant stands in one more often than it may have calls at once.
    pub(crate) async fn take(share: Option<Arc<Share>>, instances: &Arc<Instances>) -> Result<Self, ShutDown> {
        let mut warned = Vec::new();
        let mut call = None;
        if let Some(share) = &share {
            call = Some(Arc::clone(&share.calls).acquire_owned().await?);
            loop {
                let (wait, names) = share.owed();
                warned = names;
                if wait.is_zero() {
                    break;
                }
                tokio::time::sleep(wait).await;
            }
        }
        let instance = instances.take(share.as_ref().map(|share| &share.holding)).await?;
        if let Some(share) = &share
            && share.under_way.fetch_add(1, Ordering::Relaxed) == 0
        {
            share.floor.enter();
        }
        Ok(Self { share, _call: call, _instance: instance, warned })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(share) = &self.share
            && share.under_way.fetch_sub(1, Ordering::Relaxed) == 1
        {
            share.floor.leave();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::sync::Arc;
    use std::time::Duration;

    use tokio::time::Instant;

    use super::{Instances, Share, Turn};
    use crate::policy::limits::{Limits, Mode};
    use crate::tenant::pace::Floor;

    fn share(limits: &Limits) -> Arc<Share> {
        Arc::new(Share::new(limits, Arc::new(Floor::new(2))))
    }

    #[tokio::test(start_paused = true)]
    async fn one_call_more_than_allowed_waits_for_one_that_ends() {
        let share = share(&Limits { calls: 2, ..Limits::default() });
        let instances = Arc::new(Instances::new(64));
        let take = || Turn::take(Some(Arc::clone(&share)), &instances);
        let first = take().await.unwrap();
        let _second = take().await.unwrap();
        let mut third = Box::pin(take());
        assert!(tokio::time::timeout(Duration::from_secs(3_600), &mut third).await.is_err());
        assert_eq!(instances.free(), 62, "who waits for its own tenant takes no instance");
        drop(first);
        assert!(tokio::time::timeout(Duration::from_secs(1), third).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn instances_are_handed_out_in_turns() {
        let instances = Arc::new(Instances::new(1));
        let greedy = share(&Limits { calls: 2, ..Limits::default() });
        let modest = share(&Limits { calls: 2, ..Limits::default() });
        let held = Turn::take(Some(Arc::clone(&greedy)), &instances).await.unwrap();
        let (told, mut order) = tokio::sync::mpsc::unbounded_channel();
        // Twenty calls of one tenant were there before the one of the other.
        for name in ["greedy"; 20].into_iter().chain(["modest"]) {
            let share = Arc::clone(if name == "greedy" { &greedy } else { &modest });
            let (instances, told) = (Arc::clone(&instances), told.clone());
            tokio::spawn(async move {
                let _turn = Turn::take(Some(share), &instances).await.unwrap();
                told.send(name).unwrap();
                tokio::time::sleep(Duration::from_secs(1)).await;
            });
            tokio::task::yield_now().await;
        }
        drop(held);
        let mut before = 0;
        while order.recv().await.unwrap() == "greedy" {
            before += 1;
        }
        assert!(before <= 2, "{before} calls of the other tenant went before");
    }

    #[tokio::test(start_paused = true)]
    async fn a_budget_that_is_used_up_is_waited_for() {
        let limits = Limits { requests_per_minute: 60, cpu_per_minute: Duration::from_secs(6), ..Limits::default() };
        let instances = Arc::new(Instances::new(1));
        for (requests, busy, waits, seconds) in [
            (60, 0, true, 0),
            (59, 0, false, 0),
            (120, 0, true, 60),
            (0, 5, false, 0),
            (0, 6, true, 0),
            (0, 12, true, 60),
        ] {
            let share = share(&limits);
            share.spend(requests, Duration::from_secs(busy));
            let start = Instant::now();
            drop(Turn::take(Some(share), &instances).await.unwrap());
            let waited = start.elapsed();
            assert_eq!((!waited.is_zero(), waited.as_secs()), (waits, seconds), "{requests} {busy}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_budget_that_warns_is_not_waited_for() {
        let mut limits = Limits { requests_per_minute: 1, ..Limits::default() };
        limits.set_mode("requests_per_minute", Mode::Warn).unwrap();
        let share = share(&limits);
        share.spend(100, Duration::ZERO);
        let start = Instant::now();
        let turn = Turn::take(Some(share), &Arc::new(Instances::new(1))).await.unwrap();
        assert_eq!((turn.warned.as_slice(), start.elapsed()), (&["requests_per_minute"][..], Duration::ZERO));
    }
}
