//! The models whose predictions are counted at the moment, within a bound of memory.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use uuid::Uuid;

use crate::models::drift::DriftCounts;

/// Looks in vain after which a model that nobody asks is followed no more.
const IDLE_LOOKS: u32 = 60;

/// The counts of each model.
#[derive(Default)]
pub(super) struct FollowedModels {
    /// Held for a lookup: by the first request of a record, and by those who write down.
    models: Mutex<HashMap<Uuid, Entry>>,
    /// Whether there was no room at the last try: nobody tries again until some may have been made.
    is_full: AtomicBool,
}

struct Entry {
    counts: Arc<DriftCounts>,
    bytes: u64,
    idle_looks: u32,
}

/// What is known of an activation.
pub(super) enum Known {
    /// Its counts.
    Counts(Arc<DriftCounts>),
    /// That there was a later one.
    Over,
    /// Nothing yet.
    Nothing,
}

impl FollowedModels {
    /// The counts of a model's version that was activated at `since`.
    pub(super) fn find(&self, model: Uuid, version: u64, since: Timestamp) -> Known {
        match self.lock().get(&model) {
            Some(entry) if entry.counts.version == version && entry.counts.since == since => {
                Known::Counts(entry.counts.clone())
            }
            Some(entry) if entry.counts.since > since => Known::Over,
            _ => Known::Nothing,
        }
    }

    /// Puts counts in, in place of those of earlier activations; returns those that are there then.
    pub(super) fn put(&self, counts: DriftCounts, bytes: u64) -> Arc<DriftCounts> {
        let mut models = self.lock();
        match models.get(&counts.model) {
            Some(entry) if entry.counts.since >= counts.since => entry.counts.clone(),
            _ => {
                let counts = Arc::new(counts);
                models.insert(counts.model, Entry { counts: counts.clone(), bytes, idle_looks: 0 });
                counts
            }
        }
    }

    /// Whether there are `bytes` more within `limit`. Once there are not, the answer stays for a while.
    pub(super) fn has_room(&self, bytes: u64, limit: u64) -> bool {
        let fits = self.lock().values().map(|entry| entry.bytes).sum::<u64>() + bytes <= limit;
        self.is_full.store(!fits, Ordering::Relaxed);
        fits
    }

    /// Whether there was no room at the last try.
    pub(super) fn is_full(&self) -> bool {
        self.is_full.load(Ordering::Relaxed)
    }

    /// All counts.
    pub(super) fn all(&self) -> Vec<Arc<DriftCounts>> {
        self.lock().values().map(|entry| entry.counts.clone()).collect()
    }

    /// Notes whether anything was counted since the last look; false once nothing was for long.
    pub(super) fn looked_at(&self, counts: &DriftCounts, counted: bool) -> bool {
        let mut models = self.lock();
        let Some(entry) = models.get_mut(&counts.model) else { return false };
        entry.idle_looks = if counted { 0 } else { entry.idle_looks + 1 };
        entry.idle_looks < IDLE_LOOKS
    }

    /// Takes counts out.
    pub(super) fn remove(&self, counts: &Arc<DriftCounts>) {
        let mut models = self.lock();
        if models.get(&counts.model).is_some_and(|entry| Arc::ptr_eq(&entry.counts, counts)) {
            models.remove(&counts.model);
        }
        self.is_full.store(false, Ordering::Relaxed);
    }

    // A panic while the lock was held leaves the map usable: each method is a few infallible lines.
    fn lock(&self) -> MutexGuard<'_, HashMap<Uuid, Entry>> {
        self.models.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
