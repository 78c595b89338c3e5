//! The quota: how many objects and how many bytes may be stored in all.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use tokio::sync::Mutex;
use uuid::Uuid;

use super::StorageError;
use super::catalog::{Catalog, Stored, Write};
use crate::memory::behalf::done_for_all;

/// Counting may take one part in so many of the time.
const COUNTING_SHARE: u32 = 10;
/// What was counted longer ago is counted again: what is stored without being taken, such as texts that change, is seen then.
const COUNTED_ANEW: Duration = Duration::from_secs(60);

/// What may be stored in all; everything until it is bounded. Cheap to clone: a handle.
#[derive(Clone, Default)]
pub struct Quota(Arc<Inner>);

#[derive(Default)]
struct Inner {
    limit: OnceLock<Stored>,
    /// Held while the catalog is counted, so that it is counted once.
    counted: Mutex<Counted>,
    /// Bytes that came to be stored since without being taken: a version is whole before its size is known.
    grown: AtomicU64,
}

/// What was counted last, and what has been added since; deletions are seen when it is counted again.
#[derive(Default)]
struct Counted {
    stored: Option<Stored>,
    /// When it was counted.
    since: Option<Instant>,
    /// When it may be counted again.
    next: Option<Instant>,
}

impl Quota {
    /// Bounds what may be stored. The first call counts.
    pub fn bound(&self, limit: Stored) {
        self.0.limit.get_or_init(|| limit);
    }

    /// Asks whether `more` may be stored of the key `owner`, before anything is written for it.
    ///
    /// # Errors
    /// `QuotaSpent`, `Unavailable`.
    pub async fn check(&self, catalog: &Catalog, owner: Option<Uuid>, more: Stored) -> Result<(), StorageError> {
        catalog.check_allowance(owner, more.bytes).await?;
        self.within(more, async || catalog.stored().await).await.map(drop)
    }

    /// Takes `more` of the quota, for what `write` is about to add of the key `owner`.
    ///
    /// # Errors
    /// As [`Quota::check`].
    pub async fn take(&self, write: &mut Write, owner: Option<Uuid>, more: Stored) -> Result<(), StorageError> {
        write.take_allowance(owner, more.bytes).await?;
        if let Some((counted, stored)) = &mut self.within(more, async || write.stored().await).await? {
            counted.stored = Some(stored.and(more));
        }
        Ok(())
    }

    /// So many bytes are stored that nobody has taken of the quota.
    pub fn grew(&self, bytes: u64) {
        self.0.grown.fetch_add(bytes, Ordering::Relaxed);
    }

    /// What is stored, if there is room for `more`; none where nothing is bounded.
    async fn within(
        &self,
        more: Stored,
        count: impl AsyncFnOnce() -> Result<Stored, StorageError>,
    ) -> Result<Option<(tokio::sync::MutexGuard<'_, Counted>, Stored)>, StorageError> {
        let Some(limit) = self.0.limit.get() else { return Ok(None) };
        let mut counted = self.0.counted.lock().await;
        let fits = |stored: &Stored| stored.and(more).is_within(*limit);
        let grown = Stored { objects: 0, bytes: self.0.grown.swap(0, Ordering::Relaxed) };
        counted.stored = counted.stored.map(|stored| stored.and(grown));
        let is_fresh = counted.since.is_some_and(|since| since.elapsed() < COUNTED_ANEW);
        let may_not_count = counted.next.is_some_and(|next| Instant::now() < next);
        let known = counted.stored.filter(|stored| is_fresh && fits(stored) || may_not_count);
        let stored = match known {
            Some(stored) => stored,
            None => {
                let since = Instant::now();
                let stored = done_for_all(count()).await?;
                counted.stored = Some(stored);
                counted.since = Some(since);
                counted.next = Some(since + since.elapsed() * COUNTING_SHARE);
                stored
            }
        };
        if fits(&stored) { Ok(Some((counted, stored))) } else { Err(stored.spent(*limit)) }
    }
}
