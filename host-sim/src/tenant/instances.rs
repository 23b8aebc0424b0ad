//! The engine's instances, and who gets the next one.
//!
//! | a call | gets |
//! | --- | --- |
//! | of a tenant that has no other under way | any instance, in the order of asking |
//! | further ones of a tenant, and those of nobody | one only while more than a quarter of all are free, in the order of asking |
//!
//! Guarantees: tenants with a few slow calls each do not keep out who comes next, since a quarter of the instances is only for
//! those who have none. To hold all of them it takes as many tenants as that quarter, beside those that hold the rest.
//!
//! Refuses nothing: who gets no instance waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{AcquireError, Notify, OwnedSemaphorePermit, Semaphore};

/// The instances of one engine.
#[derive(Debug)]
pub(crate) struct Instances {
    free: Arc<Semaphore>,
    count: u32,
    /// How many are only for tenants that have none.
    kept: u32,
    /// Further calls wait in line for this, and the first of them for `released`.
    line: Semaphore,
    released: Notify,
}

/// One instance, for a call. It is free again when this is dropped.
#[derive(Debug)]
pub(super) struct Instance {
    _permit: Option<OwnedSemaphorePermit>,
    /// After the permit, so that whoever is told finds it.
    _told: Released,
    _held: Option<Held>,
}

/// What a tenant has of the instances.
#[derive(Debug, Default)]
pub(super) struct Holding {
    /// Calls that have an instance, or are the tenant's only one and wait for it.
    held: AtomicUsize,
    /// Told when there are none.
    none: Notify,
}

/// Tells who waits in line that an instance may be free.
#[derive(Debug)]
struct Released(Arc<Instances>);

impl Drop for Released {
    fn drop(&mut self) {
        self.0.released.notify_one();
    }
}

/// One of a tenant's calls is counted for as long as this is there.
#[derive(Debug)]
struct Held(Arc<Holding>);

impl Drop for Held {
    fn drop(&mut self) {
        if self.0.held.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.none.notify_one();
        }
    }
}

impl Holding {
    /// Counts a call, once there is no other.
    async fn only(self: &Arc<Self>) -> Held {
        loop {
            if self.held.compare_exchange(0, 1, Ordering::AcqRel, Ordering::Acquire).is_ok() {
                return Held(Arc::clone(self));
            }
            self.none.notified().await;
        }
    }

    fn one_more(self: &Arc<Self>) -> Held {
        self.held.fetch_add(1, Ordering::AcqRel);
        Held(Arc::clone(self))
    }
}

impl Instances {
    /// So many instances, at least one.
    pub(crate) fn new(count: u32) -> Self {
        let count = count.max(1);
        Self {
            free: Arc::new(Semaphore::new(usize::try_from(count).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS))),
            count,
            kept: count / 4,
            line: Semaphore::new(1),
            released: Notify::new(),
        }
    }

    /// How many there are.
    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    /// Waits for an instance, for a call of the tenant that holds what `holding` says, or for one of nobody.
    pub(super) async fn take(self: &Arc<Self>, holding: Option<&Arc<Holding>>) -> Result<Instance, AcquireError> {
        let Some(holding) = holding else { return self.further().await };
        // A call that waits as a further one is the only one as soon as the others have ended.
        tokio::select! {
            biased;
            first = self.first(holding) => first,
            further = self.further() => further.map(|instance| Instance { _held: Some(holding.one_more()), ..instance }),
        }
    }

    async fn first(self: &Arc<Self>, holding: &Arc<Holding>) -> Result<Instance, AcquireError> {
        let held = holding.only().await;
        // Before the permit, which may come and be given back without an instance when this is dropped here.
        let told = Released(Arc::clone(self));
        let permit = Arc::clone(&self.free).acquire_owned().await?;
        Ok(Instance { _permit: Some(permit), _told: told, _held: Some(held) })
    }

    async fn further(self: &Arc<Self>) -> Result<Instance, AcquireError> {
        let _line = self.line.acquire().await?;
        loop {
            // All at once, so that nobody takes one of those that are kept between looking and taking.
            if let Ok(mut permits) = Arc::clone(&self.free).try_acquire_many_owned(self.kept.saturating_add(1)) {
                return Ok(Instance { _permit: permits.split(1), _told: Released(Arc::clone(self)), _held: None });
            }
            self.released.notified().await;
        }
    }

    #[cfg(test)]
    pub(super) fn free(&self) -> usize {
        self.free.available_permits()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "tests")]

    use std::sync::Arc;
    use std::time::Duration;

    use super::{Holding, Instance, Instances};

    /// What can be had without waiting for a call to end.
    async fn at_once(instances: &Arc<Instances>, holding: Option<&Arc<Holding>>) -> Option<Instance> {
        tokio::time::timeout(Duration::from_secs(3_600), instances.take(holding)).await.ok().map(Result::unwrap)
    }

    async fn all_at_once(instances: &Arc<Instances>, holding: Option<&Arc<Holding>>) -> Vec<Instance> {
        let mut taken = Vec::new();
        while let Some(instance) = at_once(instances, holding).await {
            taken.push(instance);
        }
        taken
    }

    fn tenant() -> Arc<Holding> {
        Arc::default()
    }

    #[tokio::test(start_paused = true)]
    async fn a_quarter_is_for_tenants_that_have_none() {
        for (count, shared) in [(64, 48), (8, 6), (4, 3), (3, 3), (1, 1)] {
            let instances = Arc::new(Instances::new(count));
            let greedy = tenant();
            let mut taken = all_at_once(&instances, Some(&greedy)).await;
            assert_eq!(taken.len(), shared, "{count}");
            assert!(at_once(&instances, None).await.is_none(), "nobody's calls get none of them either");
            let others: Vec<_> = (shared..usize::try_from(count).unwrap()).map(|_| tenant()).collect();
            for other in &others {
                taken.push(at_once(&instances, Some(other)).await.unwrap());
                assert!(at_once(&instances, Some(other)).await.is_none());
            }
            // As many tenants as there are kept, beside those that hold the rest.
            assert!(at_once(&instances, Some(&tenant())).await.is_none());
            drop(taken);
            assert_eq!(instances.free(), usize::try_from(count).unwrap());
        }
    }

    /// Whoever ends a call when all further ones are taken, and begins another, must not end up with an instance of those that
    /// are kept and all that it may have of the others.
    #[tokio::test(start_paused = true)]
    async fn calls_that_end_and_begin_again_get_no_more_of_it() {
        let instances = Arc::new(Instances::new(8));
        let tenants = [tenant(), tenant()];
        let mut taken = std::collections::VecDeque::new();
        for number in 0..200_usize {
            let tenant = &tenants[number / 3 % 2];
            if let Some(instance) = at_once(&instances, Some(tenant)).await {
                taken.push_back(instance);
            }
            assert!(taken.len() <= 6, "{} at {number}", taken.len());
            if number % 5 == 4 {
                taken.pop_front();
            }
        }
        assert!(at_once(&instances, Some(&Arc::default())).await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_waits_as_a_further_one_is_the_only_one_when_the_others_have_ended() {
        let instances = Arc::new(Instances::new(4));
        let (one, other) = (tenant(), tenant());
        let first = at_once(&instances, Some(&one)).await.unwrap();
        let _taken = all_at_once(&instances, Some(&other)).await;
        let waiting = {
            let (instances, one) = (Arc::clone(&instances), Arc::clone(&one));
            tokio::spawn(async move { instances.take(Some(&one)).await.unwrap() })
        };
        // Who came to wait and went again is in nobody's way.
        assert!(at_once(&instances, Some(&one)).await.is_none());
        drop(first);
        let second = tokio::time::timeout(Duration::from_secs(1), waiting).await.unwrap().unwrap();
        assert!(at_once(&instances, Some(&one)).await.is_none());
        drop(second);
    }

    #[tokio::test(start_paused = true)]
    async fn further_calls_get_what_is_free_again_in_the_order_of_asking() {
        let instances = Arc::new(Instances::new(4));
        let greedy = tenant();
        let mut taken = all_at_once(&instances, Some(&greedy)).await;
        let (told, mut order) = tokio::sync::mpsc::unbounded_channel();
        for number in 0..3 {
            let (instances, greedy, told) = (Arc::clone(&instances), Arc::clone(&greedy), told.clone());
            tokio::spawn(async move {
                let instance = instances.take(Some(&greedy)).await.unwrap();
                told.send((number, instance)).unwrap();
            });
            tokio::task::yield_now().await;
        }
        for expected in 0..3 {
            assert!(order.try_recv().is_err());
            taken.pop();
            let (number, instance) = order.recv().await.unwrap();
            assert_eq!(number, expected);
            taken.insert(0, instance);
        }
    }
}
