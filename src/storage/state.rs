//! Stored state, opened and held by this process: the catalog and the blobs, and what holds the two together.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::catalog::{Catalog, Database, DatabaseHold};
use super::error::OpenError;
use super::folder::{self, Hold};
use super::{BlobFile, Blobs, Gate, ScratchSpace, StateLocation, StorageError};

/// Litter that is younger may belong to a call that is under way.
const LITTER_AGE: i64 = 3600;
/// A backup that has not ended after so long has died.
const BACKUP_AGE: i64 = 6 * 3600;
/// How long a process waits for a database that another one holds, and how often it asks.
const HOLD_PATIENCE: Duration = Duration::from_secs(5);
const HOLD_POLL: Duration = Duration::from_millis(50);
/// How long the first reply to a request is given again.
pub const RECEIPT_AGE: i64 = 24 * 3600;

/// All stored state. Cheap to clone: a handle.
#[derive(Clone)]
pub struct Storage {
    /// Rows.
    pub catalog: Catalog,
    /// Files.
    pub blobs: Blobs,
    /// Files of requests under way.
    pub scratch: ScratchSpace,
    folder: Arc<PathBuf>,
    hold: Arc<Mutex<Option<Hold>>>,
}

impl Storage {
    /// Opens the state at `location`, made if there is none, and holds it for this process.
    ///
    /// # Errors
    /// Another process holds it, or it cannot be used.
    pub async fn open(location: &StateLocation, gate: Gate) -> Result<Self, OpenError> {
        let folder = folder::hold(&location.folder)?;
        let file = location.folder.join(folder::CATALOG);
        let database = location.database_url.clone().map_or(Database::File(file), Database::Url);
        let catalog = Catalog::open(&database, gate.clone()).await.map_err(OpenError::Catalog)?;
        let database = hold_database(&catalog).await?;
        let blobs = match &location.blob_url {
            Some(url) => Blobs::at_url(url.as_str(), gate),
            None => Blobs::in_folder(&location.folder.join(folder::BLOBS), gate),
        };
        let blobs = blobs.map_err(OpenError::Blobs)?;
        blobs.check().await.map_err(OpenError::Blobs)?;
        let hold = Arc::new(Mutex::new(Some(Hold { _folder: folder, database })));
        let scratch = ScratchSpace::new(&location.folder, location.scratch_limit);
        let folder = Arc::new(location.folder.clone());
        Ok(Storage { catalog, blobs, scratch, folder, hold })
    }

    /// Writes a blob that a change will refer to soon: noted as litter until that change strikes it out.
    ///
    /// # Errors
    /// `Full`, `Unavailable`: there is no such blob then, or it is litter.
    pub async fn put_noted(&self, key: &str, bytes: Bytes) -> Result<(), StorageError> {
        self.catalog.note_litter(key).await?;
        self.blobs.put(key, bytes).await
    }

    /// The same of a file; returns its size.
    ///
    /// # Errors
    /// As [`Storage::put_noted`].
    pub async fn put_file_noted(&self, key: &str, file: BlobFile) -> Result<u64, StorageError> {
        self.catalog.note_litter(key).await?;
        self.blobs.put_file(key, file).await
    }

    /// A new file that is to become a blob; it has no name, and is gone when it is closed before.
    ///
    /// # Errors
    /// `Full`, `Unavailable`.
    pub fn blob_file(&self) -> Result<BlobFile, StorageError> {
        let file = tempfile::tempfile_in(&*self.folder)?;
        Ok(BlobFile::new(file, self.blobs.are_files()))
    }

    /// Deletes those of `blobs` that are noted as litter. What fails stays noted, and is deleted by a later sweep; while
    /// a backup is under way all stay, because it may be reading them.
    pub async fn discard(&self, blobs: &[String]) {
        if let Err(error) = self.try_discard(blobs).await {
            tracing::warn!(%error, "some blobs could not be deleted yet");
        }
    }

    async fn try_discard(&self, blobs: &[String]) -> Result<(), StorageError> {
        if blobs.is_empty() || self.catalog.backup_is_under_way(BACKUP_AGE).await? {
            return Ok(());
        }
        let mut deleted = Vec::new();
        for blob in blobs {
            // A change that was thought to have failed may have been made: then a row refers to the blob.
            if self.catalog.is_litter(blob).await? {
                self.blobs.delete(blob).await?;
                deleted.push(blob);
            }
        }
        let mut write = self.catalog.write().await?;
        for blob in deleted {
            write.strike_litter(blob).await?;
        }
        write.commit().await
    }

    /// Deletes what nothing refers to any more, and receipts that are too old.
    ///
    /// # Errors
    /// `Unavailable`: the rest is left to the next sweep.
    pub async fn sweep(&self) -> Result<(), StorageError> {
        let litter = self.catalog.old_litter(LITTER_AGE).await?;
        self.try_discard(&litter).await?;
        let mut write = self.catalog.write().await?;
        write.drop_old_receipts(RECEIPT_AGE).await?;
        write.drop_old_backups(BACKUP_AGE).await?;
        write.commit().await
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

/// Holds the catalog's database for this process. One that was killed a moment ago may still seem to hold it.
async fn hold_database(catalog: &Catalog) -> Result<Option<DatabaseHold>, OpenError> {
    let since = Instant::now();
    loop {
        match catalog.hold().await {
            Err(StorageError::Conflict) if since.elapsed() < HOLD_PATIENCE => tokio::time::sleep(HOLD_POLL).await,
            Err(StorageError::Conflict) => return Err(OpenError::DatabaseHeld),
            held => return held.map_err(OpenError::Catalog),
        }
    }
}
