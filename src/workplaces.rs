//! Places for work of one kind, of which only so much is under way at once: work waits for one. How many are
//! taken and how many wait can be told, and whether more work comes than can be done.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// How long a queue may stand until it counts as more work than can be done: a burst is worked off sooner.
const BURST: Duration = Duration::from_millis(100);
/// A queue that was empty for less stands all the same: under more work than can be done the next comes at once.
const GAP: Duration = Duration::from_millis(5);
/// Of a queue that stands, so much work may wait for each place: who begins to wait then does so for about as long as work
/// takes, and has what he asked for in less than three times the time that it takes alone.
const STANDING: usize = 1;
/// Of a burst, so much may.
const BURSTING: usize = 4;

/// The places. Cheap to clone: a handle.
#[derive(Clone, Debug)]
pub struct Workplaces(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    free: Arc<Semaphore>,
    places: usize,
    queue: Mutex<Queue>,
}

/// Those who wait.
#[derive(Debug, Default)]
struct Queue {
    waiting: usize,
    /// Since when somebody has waited all the while, but for gaps.
    since: Option<Instant>,
    /// When nobody waited any more.
    emptied: Option<Instant>,
}

/// A place, given back when this is dropped.
#[derive(Debug)]
pub struct Workplace {
    _permit: OwnedSemaphorePermit,
}

/// How many places there are, and how they are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Occupancy {
    /// All of them.
    pub places: usize,
    /// Those that are taken.
    pub taken: usize,
    /// What waits for one, where that is counted.
    pub waiting: Option<usize>,
}

impl Workplaces {
    /// So many.
    pub fn new(places: usize) -> Self {
        Workplaces(Arc::new(Inner { free: Arc::new(Semaphore::new(places)), places, queue: Mutex::default() }))
    }

    /// Waits for a place; those who wait get theirs in order.
    pub async fn take(&self) -> Workplace {
        let free = &self.0.free;
        if let Ok(_permit) = free.clone().try_acquire_owned() {
            return Workplace { _permit };
        }
        let _waiting = Waiting::at(&self.0);
        Workplace { _permit: free.clone().acquire_owned().await.expect("the semaphore is never closed") }
    }

    /// Whether those who wait are too many: more than of a burst, or somebody has waited at any time of a while, so that more
    /// work comes than can be done.
    pub fn are_crowded(&self) -> bool {
        let (queue, places) = (self.0.queue(), self.0.places);
        let stands = || queue.since.is_some_and(|since| since.elapsed() >= BURST);
        queue.waiting >= BURSTING * places || queue.waiting >= STANDING * places && stands()
    }

    /// How they are used at the moment.
    pub fn occupancy(&self) -> Occupancy {
        let taken = self.0.places - self.0.free.available_permits().min(self.0.places);
        let waiting = Some(self.0.queue().waiting);
        Occupancy { places: self.0.places, taken, waiting }
    }
}

impl Inner {
    // Nothing that is done under the lock panics.
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts somebody who waits, until he has a place or gives up.
struct Waiting<'a>(&'a Inner);

impl<'a> Waiting<'a> {
    fn at(places: &'a Inner) -> Self {
        let mut queue = places.queue();
        if queue.waiting == 0 && queue.emptied.is_none_or(|emptied| emptied.elapsed() >= GAP) {
            queue.since = Some(Instant::now());
        }
        queue.waiting += 1;
        Waiting(places)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut queue = self.0.queue();
        queue.waiting -= 1;
        if queue.waiting == 0 {
            queue.emptied = Some(Instant::now());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn what_is_taken_and_what_waits_is_told() {
        let workplaces = Workplaces::new(1);
        let place = workplaces.take().await;
        assert_eq!(workplaces.occupancy(), Occupancy { places: 1, taken: 1, waiting: Some(0) });
        let mut second = Box::pin(workplaces.take());
        assert!(tokio::time::timeout(Duration::from_millis(5), &mut second).await.is_err());
        assert_eq!(workplaces.occupancy().waiting, Some(1));
        drop(place);
        let place = second.await;
        assert_eq!(workplaces.occupancy(), Occupancy { places: 1, taken: 1, waiting: Some(0) });
        let given_up = tokio::time::timeout(Duration::from_millis(5), workplaces.take()).await;
        assert!(given_up.is_err() && workplaces.occupancy().waiting == Some(0), "who gives up waits no more");
        drop(place);
        assert_eq!(workplaces.occupancy(), Occupancy { places: 1, taken: 0, waiting: Some(0) });
    }

    #[tokio::test]
    async fn a_burst_is_no_crowd_and_a_queue_that_stands_is_one_until_few_wait() {
        let workplaces = Workplaces::new(2);
        let places = [workplaces.take().await, workplaces.take().await];
        let mut waiting: Vec<_> = (0..STANDING * 2).map(|_| Box::pin(workplaces.take())).collect();
        for one in &mut waiting {
            assert!(tokio::time::timeout(Duration::ZERO, one).await.is_err());
        }
        assert!(!workplaces.are_crowded(), "a burst waits");
        tokio::time::sleep(BURST).await;
        assert!(workplaces.are_crowded());
        waiting.pop();
        assert!(!workplaces.are_crowded(), "one more may wait");
        let mut last = Box::pin(workplaces.take());
        assert!(tokio::time::timeout(Duration::ZERO, &mut last).await.is_err());
        assert!(workplaces.are_crowded(), "the queue has stood all the while");
        drop((waiting, last));
        let mut waiting: Vec<_> = (0..STANDING * 2).map(|_| Box::pin(workplaces.take())).collect();
        for one in &mut waiting {
            assert!(tokio::time::timeout(Duration::ZERO, one).await.is_err());
        }
        assert!(workplaces.are_crowded(), "it was gone for a moment");
        drop((places, waiting));
        tokio::time::sleep(GAP).await;
        let _places = [workplaces.take().await, workplaces.take().await];
        let mut waiting: Vec<_> = (0..STANDING * 2).map(|_| Box::pin(workplaces.take())).collect();
        for one in &mut waiting {
            assert!(tokio::time::timeout(Duration::ZERO, one).await.is_err());
        }
        assert!(!workplaces.are_crowded(), "a queue that was gone stands anew");
        for _ in STANDING * 2..BURSTING * 2 {
            let mut one = Box::pin(workplaces.take());
            assert!(!workplaces.are_crowded() && tokio::time::timeout(Duration::ZERO, &mut one).await.is_err());
            waiting.push(one);
        }
        assert!(workplaces.are_crowded(), "a burst has an end");
    }
}
