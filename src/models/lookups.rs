//! How look-ups in memory end, and what has to leave it.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::telemetry::{CacheUse, SpreadCounter};

/// Counts the look-ups of one kind.
#[derive(Debug, Default)]
pub(super) struct Lookups {
    hits: SpreadCounter,
    misses: AtomicU64,
    evictions: AtomicU64,
}

impl Lookups {
    /// Counts a look-up, and hands on what it found.
    pub(super) fn note<T>(&self, found: Option<T>) -> Option<T> {
        match &found {
            Some(_) => self.hits.add(1),
            None => drop(self.misses.fetch_add(1, Ordering::Relaxed)),
        }
        found
    }

    /// So many had to leave.
    pub(super) fn evicted(&self, count: usize) {
        self.evictions.fetch_add(count as u64, Ordering::Relaxed);
    }

    /// What was counted.
    pub(super) fn so_far(&self) -> CacheUse {
        let [misses, evictions] = [&self.misses, &self.evictions].map(|count| count.load(Ordering::Relaxed));
        CacheUse { hits: self.hits.get(), misses, evictions }
    }
}
