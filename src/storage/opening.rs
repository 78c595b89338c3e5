//! Opens stored state: holds it, brings it to its present form, and looks whether it is whole and of one piece.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::watch;

use super::catalog::{Catalog, Database, DatabaseHold};
use super::state::Hold;
use super::{Blobs, Gate, OpenError, Quota, ScratchSpace, StateLocation, Storage, StorageError, folder, identity};

/// How long a process waits for a database that another one holds, and how often it asks.
const HOLD_PATIENCE: Duration = Duration::from_secs(5);
const HOLD_POLL: Duration = Duration::from_millis(50);
/// A catalog's file of so many bytes is read whole at start; a larger one would hold it up.
const SMALL_CATALOG: u64 = 64 << 20;

/// Where the catalog is.
pub fn database(location: &StateLocation) -> Database {
    let file = location.folder.join(folder::CATALOG);
    location.database_url.clone().map_or(Database::File(file), Database::Url)
}

impl Storage {
    /// Opens the state at `location`, made if there is none, and holds it for this process.
    ///
    /// # Errors
    /// Another process holds it, it cannot be used, or its parts do not belong together.
    pub async fn open(location: &StateLocation, gate: Gate) -> Result<Self, OpenError> {
        let mut storage = Storage::open_unchecked(location, gate).await?;
        let checked = storage.check_whole(location).await;
        if checked.is_err() {
            storage.close().await;
        }
        checked.map(|()| storage)
    }

    /// The same without a look at whether the state is whole: to find out what is wrong with it.
    ///
    /// # Errors
    /// Another process holds it, or it cannot be used.
    pub async fn open_unchecked(location: &StateLocation, gate: Gate) -> Result<Self, OpenError> {
        let held = folder::hold(&location.folder)?;
        for path in folder::open_to_others(&location.folder) {
            let path = path.display();
            tracing::warn!("{path} may be used by others than its owner: chmod go-rwx it unless that is meant");
        }
        let file = location.folder.join(folder::CATALOG);
        let failed = |error| explained(&file, error);
        let connected = Catalog::connect(&database(location), gate.clone(), location.timeout).await;
        let mut catalog = connected.map_err(failed)?;
        let hold = hold_database(&mut catalog).await.map_err(|error| match error {
            StorageError::Conflict => OpenError::DatabaseHeld,
            error => failed(error),
        })?;
        let blobs = match &location.blob_url {
            Some(url) => Blobs::at_url(url.as_str(), gate, location.timeout),
            None => Blobs::in_folder(&location.folder.join(folder::BLOBS), gate, location.timeout),
        };
        let lost = hold.as_ref().map_or_else(|| watch::channel(false).1, DatabaseHold::lost);
        Ok(Storage {
            catalog,
            blobs: blobs.map_err(OpenError::Blobs)?,
            scratch: ScratchSpace::new(&location.folder, location.scratch_limit),
            quota: Quota::default(),
            folder: Arc::new(location.folder.clone()),
            patience: location.timeout,
            opened: SystemTime::now(),
            hold: Arc::new(Mutex::new(Some(Hold { _folder: held, database: hold }))),
            lost,
            seen: Arc::default(),
            stamped: false,
        })
    }

    async fn check_whole(&mut self, location: &StateLocation) -> Result<(), OpenError> {
        let file = location.folder.join(folder::CATALOG);
        if location.database_url.is_none() && std::fs::metadata(&file).is_ok_and(|file| file.len() <= SMALL_CATALOG) {
            let faults = self.catalog.faults(false).await.map_err(|error| explained(&file, error))?;
            if !faults.is_empty() {
                return Err(OpenError::CatalogDamaged { path: file, reason: faults.join("; ") });
            }
        }
        self.blobs.check().await.map_err(OpenError::Blobs)?;
        if let Some(reason) = identity::mismatch(&self.catalog, &self.blobs).await.map_err(OpenError::Blobs)? {
            let catalog = location.database_url.as_ref().map_or(file.display().to_string(), |url| format!("{url:?}"));
            let blobs = location.folder.join(folder::BLOBS).display().to_string();
            let blobs = location.blob_url.as_ref().map_or(blobs, |url| format!("{url:?}"));
            return Err(OpenError::Strangers { catalog, blobs, reason: reason.to_owned() });
        }
        // A full disk is no reason not to serve what is there.
        match identity::stamp(&self.catalog, &self.blobs).await {
            Ok(()) => self.stamped = true,
            Err(error) => {
                tracing::warn!(%error, "the state could not be given its identifier: the next start tries again")
            }
        }
        if let Err(error) = self.catalog.pack(false).await {
            tracing::warn!(%error, "the catalog's file could not be made smaller");
        }
        Ok(())
    }
}

/// Holds the catalog's database for this process, and brings its tables to their present form. A process that was killed
/// a moment ago may still seem to hold it.
async fn hold_database(catalog: &mut Catalog) -> Result<Option<DatabaseHold>, StorageError> {
    let since = Instant::now();
    let lock = loop {
        match catalog.lock().await {
            Err(StorageError::Conflict) if since.elapsed() < HOLD_PATIENCE => tokio::time::sleep(HOLD_POLL).await,
            taken => break taken?,
        }
    };
    catalog.migrate().await?;
    match lock {
        Some(lock) => catalog.hold(lock).await.map(Some),
        None => Ok(None),
    }
}

/// Why the catalog cannot be opened: where it is a file that is damaged, with what to do about it.
fn explained(file: &Path, error: StorageError) -> OpenError {
    match error {
        StorageError::Damaged { reason, .. } if file.is_file() => {
            OpenError::CatalogDamaged { path: file.to_owned(), reason }
        }
        error => OpenError::Catalog(error),
    }
}
