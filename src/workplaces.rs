//! Places for work of one kind, of which only so much is under way at once: work waits for one. How many are
//! taken and how many wait can be told, and whether more work comes than can be done.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// How long a queue may stand until it counts as more work than can be done: a burst is worked off sooner.
const BURST: Duration = Duration::from_millis(100);
/// Of a queue that stands, so much work may wait for each place: a few times as long as work takes.
const STANDING: usize = 3;

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
    /// Since when somebody has waited all the while.
    since: Option<Instant>,
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

    /// Whether those who wait are too many, and somebody has waited at any time of a while: more work comes than can be done.
    pub fn are_crowded(&self) -> bool {
        let queue = self.0.queue();
        queue.waiting >= STANDING * self.0.places && queue.since.is_some_and(|since| since.elapsed() >= BURST)
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
        queue.waiting += 1;
        queue.since.get_or_insert_with(Instant::now);
        Waiting(places)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut queue = self.0.queue();
        queue.waiting -= 1;
        if queue.waiting == 0 {
            queue.since = None;
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
        assert!(!workplaces.are_crowded(), "a burst of any size waits");
        tokio::time::sleep(BURST).await;
        assert!(workplaces.are_crowded());
        waiting.pop();
        assert!(!workplaces.are_crowded(), "one more may wait");
        let mut last = Box::pin(workplaces.take());
        assert!(tokio::time::timeout(Duration::ZERO, &mut last).await.is_err());
        assert!(workplaces.are_crowded(), "the queue has stood all the while");
        drop((places, waiting, last));
        let _places = [workplaces.take().await, workplaces.take().await];
        let mut waiting: Vec<_> = (0..STANDING * 2).map(|_| Box::pin(workplaces.take())).collect();
        for one in &mut waiting {
            assert!(tokio::time::timeout(Duration::ZERO, one).await.is_err());
        }
        assert!(!workplaces.are_crowded(), "a queue that was gone stands anew");
    }
}
