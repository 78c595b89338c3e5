//! Places for work of one kind, of which only so much is under way at once: work waits for one, and how many are taken and
//! how many wait can be told.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The places. Cheap to clone: a handle.
#[derive(Clone, Debug)]
pub struct Workplaces(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    free: Arc<Semaphore>,
    places: usize,
    waiting: AtomicUsize,
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
        Workplaces(Arc::new(Inner { free: Arc::new(Semaphore::new(places)), places, waiting: AtomicUsize::new(0) }))
    }

    /// Waits for a place; those who wait get theirs in order.
    pub async fn take(&self) -> Workplace {
        let free = &self.0.free;
        if let Ok(_permit) = free.clone().try_acquire_owned() {
            return Workplace { _permit };
        }
        let _waiting = Waiting::at(&self.0.waiting);
        Workplace { _permit: free.clone().acquire_owned().await.expect("the semaphore is never closed") }
    }

    /// How they are used at the moment.
    pub fn occupancy(&self) -> Occupancy {
        let taken = self.0.places - self.0.free.available_permits().min(self.0.places);
        let waiting = Some(self.0.waiting.load(Ordering::Relaxed));
        Occupancy { places: self.0.places, taken, waiting }
    }
}

/// Counts somebody who waits, until he has a place or gives up.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn at(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Waiting(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
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
}
