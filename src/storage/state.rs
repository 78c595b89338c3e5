//! Stored state, opened and held by this process: the catalog and the blobs, and what holds the two together.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use tokio::sync::watch;

use super::catalog::{Catalog, DatabaseHold};
use super::checked::checked;
use super::folder::{self, FolderHold};
use super::identity::IDENTITY;
use super::{BlobFile, BlobReader, Blobs, Checksums, Quota, ScratchSpace, StorageError};

/// Litter that is younger may belong to a call that is under way.
const LITTER_AGE: i64 = 3600;
/// So many blobs that cannot be deleted tell that the store does not work at the moment.
const MOST_FAILURES: usize = 16;
/// A backup that has not ended after so long has died.
const BACKUP_AGE: i64 = 6 * 3600;
/// A store that worked so long ago is not asked again by each probe.
const SEEN: Duration = Duration::from_secs(3);
/// How long the first reply to a request is given again.
pub const RECEIPT_AGE: i64 = 24 * 3600;
/// Receipts that are kept at most, whoever asks how often: some 500 MB of the catalog.
const MAX_RECEIPTS: u64 = 100_000;
/// How long it is tried to tell a webhook, or kept where none is named any more.
const DELIVERY_AGE: i64 = 3 * 24 * 3600;

/// How long the outcome of a prediction counts once, however often it is told.
pub const TOLD_AGE: i64 = 30 * 24 * 3600;

/// All stored state. Cheap to clone: a handle.
#[derive(Clone)]
pub struct Storage {
    /// Rows.
    pub catalog: Catalog,
    /// Files.
    pub blobs: Blobs,
    /// Files of requests under way.
    pub scratch: ScratchSpace,
    /// How much may be stored.
    pub quota: Quota,
    pub(super) folder: Arc<PathBuf>,
    pub(super) patience: Duration,
    pub(super) opened: SystemTime,
    pub(super) hold: Arc<Mutex<Option<Hold>>>,
    /// Whether another process has taken the database.
    pub(super) lost: watch::Receiver<bool>,
    /// When the blobs' store was last seen to work.
    pub(super) seen: Arc<tokio::sync::Mutex<Option<Instant>>>,
    /// Whether the identifier of the state is among the blobs.
    pub(super) stamped: bool,
}

/// What keeps other processes out, for as long as it lives.
pub(super) struct Hold {
    pub(super) _folder: FolderHold,
    pub(super) database: Option<DatabaseHold>,
}

impl Storage {
    /// Writes a blob that a change will refer to soon: noted as litter until that change strikes it out.
    ///
    /// # Errors
    /// `Full`, `Unavailable`: there is no such blob then, or it is litter.
    pub async fn put_noted(&self, key: &str, bytes: Bytes) -> Result<(), StorageError> {
        self.catalog.note_litter(key).await?;
        self.blobs.put(key, bytes).await
    }

    /// The same of a file; returns its checksums.
    ///
    /// # Errors
    /// As [`Storage::put_noted`].
    pub async fn put_file_noted(&self, key: &str, file: BlobFile) -> Result<Checksums, StorageError> {
        self.catalog.note_litter(key).await?;
        self.blobs.put_file(key, file).await
    }

    /// A reader of parts of a blob, for threads that may block. What it reads is held against the checksums that the
    /// catalog has of it, if it has any.
    ///
    /// # Errors
    /// `Missing`, `Unavailable`; `Damaged` if its size is not the one it was written with.
    pub async fn reader(&self, key: &str) -> Result<BlobReader, StorageError> {
        let checksums = self.catalog.checksums(key).await?;
        self.blobs.reader(key, checksums).await
    }

    /// Parts of a blob. They are held against the checksums that the catalog has of it, if
    /// it has any.
    ///
    /// # Errors
    /// `Missing`, `Unavailable`, also where a part reaches beyond the end; `Damaged`.
    pub async fn parts(&self, key: &str, parts: &[Range<u64>]) -> Result<Vec<Bytes>, StorageError> {
        let Some(checksums) = self.catalog.checksums(key).await? else { return self.blobs.parts(key, parts).await };
        checksums.check_size(key, self.blobs.size(key).await?)?;
        let start = parts.iter().map(|part| part.start).min().unwrap_or(0);
        let end = parts.iter().map(|part| part.end).max().unwrap_or(0);
        let around = checksums.blocks_around(start..end);
        let blocks = self.blobs.parts(key, std::slice::from_ref(&around)).await?.remove(0);
        checksums.check(key, around.start, &blocks)?;
        let within = |at: u64| ((at - around.start) as usize).min(blocks.len());
        Ok(parts.iter().map(|part| blocks.slice(within(part.start)..within(part.end))).collect())
    }

    /// A blob's size and its bytes as they come, in pieces that are held against the checksums that the catalog has of it, if
    /// it has any.
    ///
    /// # Errors
    /// `Missing`, `Unavailable`, `Damaged`.
    pub async fn stream(
        &self,
        key: &str,
    ) -> Result<(u64, BoxStream<'static, Result<Bytes, StorageError>>), StorageError> {
        let checksums = self.catalog.checksums(key).await?;
        let (size, pieces) = self.blobs.stream(key).await?;
        checksums.as_ref().map_or(Ok(()), |checksums| checksums.check_size(key, size))?;
        Ok((size, checked(key.to_owned(), checksums, pieces.boxed())))
    }

    /// A new file that is to become a blob; it has no name, and is gone when it is closed before.
    ///
    /// # Errors
    /// `Full`, `Unavailable`.
    pub fn blob_file(&self) -> Result<BlobFile, StorageError> {
        let file = tempfile::tempfile_in(&*self.folder)?;
        Ok(BlobFile::new(file, self.blobs.are_files()))
    }

    /// Deletes those of `blobs` that are noted as litter. What fails or takes too long stays noted, and is deleted by a
    /// later sweep; while a backup is under way all stay, because it may be reading them.
    pub async fn discard(&self, blobs: &[String]) {
        let settled: Vec<&String> = blobs.iter().filter(|blob| !self.blobs.may_still_come(blob)).collect();
        match tokio::time::timeout(self.patience, self.try_discard(&settled, 0)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "some blobs could not be deleted yet"),
            Err(_) => tracing::warn!("some blobs could not be deleted yet: that takes too long"),
        }
    }

    /// Deletes those of `blobs` that are noted as litter, for `age` seconds at least. One that cannot be deleted keeps no other.
    async fn try_discard(&self, blobs: &[&String], age: i64) -> Result<(), StorageError> {
        if blobs.is_empty() || self.catalog.backup_is_under_way(BACKUP_AGE).await? {
            return Ok(());
        }
        // A change that was thought to have failed may have been made: then a row refers to the blob. This change waits
        // for one that is still being made, and sees how it ended.
        let mut look = self.catalog.write().await?;
        let mut litter = Vec::new();
        // In one order, so that two that look at the same blobs do not wait for each other.
        let mut blobs = blobs.to_vec();
        blobs.sort_unstable();
        for blob in blobs {
            if look.is_litter(blob, age).await? {
                litter.push(blob);
            }
        }
        look.roll_back().await?;
        if litter.is_empty() {
            return Ok(());
        }
        let (deleted, failed) = self.delete_all(litter).await;
        let mut write = self.catalog.write().await?;
        for blob in deleted {
            write.strike_litter(blob).await?;
            write.remove_checksums(blob).await?;
        }
        // Behind the others, which it does not keep from their turn.
        for (blob, _) in &failed {
            write.postpone_litter(blob).await?;
        }
        write.commit().await?;
        failed.into_iter().next().map_or(Ok(()), |(_, error)| Err(error))
    }

    /// Deletes blobs; returns those that are gone, and those that cannot be deleted with the reasons. Where these are many the store
    /// does not work, and the rest is left.
    async fn delete_all<'b>(&self, blobs: Vec<&'b String>) -> (Vec<&'b String>, Vec<(&'b String, StorageError)>) {
        let (mut deleted, mut failed) = (Vec::new(), Vec::new());
        for blob in blobs {
            match self.blobs.delete(blob).await {
                Ok(()) => deleted.push(blob),
                Err(error) => failed.push((blob, error)),
            }
            if failed.len() == MOST_FAILURES {
                break;
            }
        }
        (deleted, failed)
    }

    /// Deletes what nothing refers to any more, what processes before left half written, and receipts that are too old.
    /// Gives room back to the disk.
    ///
    /// # Errors
    /// `Unavailable`: what could not be done is left to the next sweep, and everything else is done.
    pub async fn sweep(&self) -> Result<(), StorageError> {
        let (folder, opened) = (self.folder.clone(), self.opened);
        let removed = tokio::task::spawn_blocking(move || folder::remove_leftovers(&folder, opened)).await;
        match removed.expect("removing files does not panic") {
            Ok(0) => {}
            Ok(files) => tracing::info!(files, "removed what an earlier process had left half written"),
            Err(error) => tracing::warn!(%error, "the data folder could not be looked through"),
        }
        // Each part by itself: one that fails keeps no other from its turn.
        let dropped = self.drop_old_rows().await;
        let discarded = self.discard_old().await;
        let shrunk = self.catalog.shrink().await;
        dropped.and(discarded).and(shrunk)
    }

    /// Removes rows that are kept for a while alone.
    async fn drop_old_rows(&self) -> Result<(), StorageError> {
        let mut write = self.catalog.write().await?;
        let forgotten = write.drop_receipts(RECEIPT_AGE, MAX_RECEIPTS).await?;
        write.drop_old_backups(BACKUP_AGE).await?;
        write.drop_old_told(TOLD_AGE).await?;
        let untold = write.drop_old_deliveries(DELIVERY_AGE).await?;
        write.commit().await?;
        if forgotten > 0 {
            tracing::warn!(
                forgotten,
                "more than {MAX_RECEIPTS} requests with an Idempotency-Key came in a day: the oldest are not known any more"
            );
        }
        if untold > 0 {
            tracing::warn!(untold, "ends of jobs that no webhook could be told for days are told no more");
        }
        Ok(())
    }

    /// Deletes litter that no call under way can mean any more.
    async fn discard_old(&self) -> Result<(), StorageError> {
        let litter = self.catalog.old_litter(LITTER_AGE).await?;
        if litter.is_empty() {
            return Ok(());
        }
        self.keep_referred().await?;
        self.try_discard(&litter.iter().collect::<Vec<_>>(), LITTER_AGE).await
    }

    /// Takes off the list of old litter what rows refer to: no change lists such a blob, and were there one that does, this keeps it.
    async fn keep_referred(&self) -> Result<(), StorageError> {
        let mut write = self.catalog.write().await?;
        let kept = write.strike_referred(LITTER_AGE).await?;
        write.commit().await?;
        if kept > 0 {
            tracing::error!(kept, "files that are referred to were listed to be deleted: they stay");
        }
        Ok(())
    }

    /// Asks whether the blobs' store works and still has this state. Asks it once where many want to know at once, and not
    /// again for some seconds after it did.
    ///
    /// # Errors
    /// `Unavailable`, `Missing`.
    pub async fn check_blobs(&self) -> Result<(), StorageError> {
        let mut seen = self.seen.lock().await;
        if seen.is_none_or(|seen| seen.elapsed() > SEEN) {
            *seen = None;
            match self.stamped {
                true => self.blobs.size(IDENTITY).await.map(drop)?,
                false => self.blobs.check().await?,
            }
            *seen = Some(Instant::now());
        }
        Ok(())
    }

    /// Whether another process has taken the database, so that this one can write no more.
    pub fn is_lost(&self) -> bool {
        *self.lost.borrow()
    }

    /// Resolves when another process has taken the database.
    pub async fn lost(&self) {
        let mut lost = self.lost.clone();
        if lost.wait_for(|lost| *lost).await.is_err() {
            // Nobody watches any more: the state is closed, or no process can take it.
            std::future::pending::<()>().await;
        }
    }

    /// Closes the catalog's connections, and lets another process have the state.
    pub async fn close(&self) {
        self.catalog.close().await;
        let hold = self.hold.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(database) = hold.and_then(|hold| hold.database) {
            database.release().await;
        }
    }
}
