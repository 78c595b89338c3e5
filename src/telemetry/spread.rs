//! A counter that many cores count at for every request: each at a place of its own, so that none takes the memory of it
//! from another.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Places of a counter; threads beyond that share them.
const PLACES: usize = 16;

/// See the module.
#[derive(Debug, Default)]
pub struct SpreadCounter([Place; PLACES]);

/// Alone on its line of a processor's cache: 64 bytes on all that are usual.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Place(AtomicU64);

thread_local! {
    /// The place of this thread.
    static PLACE: usize = {
        static THREADS: AtomicUsize = AtomicUsize::new(0);
        THREADS.fetch_add(1, Ordering::Relaxed) % PLACES
    };
}

impl SpreadCounter {
    /// Counts `more`.
    pub fn add(&self, more: u64) {
        PLACE.with(|place| self.0[*place].0.fetch_add(more, Ordering::Relaxed));
    }

    /// What was counted by all threads.
    pub fn get(&self) -> u64 {
        self.0.iter().map(|place| place.0.load(Ordering::Relaxed)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_threads_count_adds_up() {
        let counter = SpreadCounter::default();
        std::thread::scope(|scope| {
            for _ in 0..2 * PLACES {
                scope.spawn(|| (0..1000).for_each(|_| counter.add(2)));
            }
        });
        assert_eq!(counter.get(), 4000 * PLACES as u64);
    }
}
