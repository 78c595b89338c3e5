//! The data folder: what stands where in it, and the lock that lets one process at a time use it.

use std::fs::{File, TryLockError};
use std::path::Path;

use super::OpenError;
use super::catalog::DatabaseHold;

/// The SQLite database.
pub const CATALOG: &str = "catalog.sqlite";
/// The folder of the blobs.
pub const BLOBS: &str = "blobs";
/// The file whose lock is the folder's.
const LOCK: &str = "lock";

/// What keeps other processes out, for as long as it lives.
pub(super) struct Hold {
    pub(super) _folder: File,
    pub(super) database: Option<DatabaseHold>,
}

/// Makes the data folder and holds it for this process.
///
/// # Errors
/// It cannot be used, or another process holds it.
pub fn hold(folder: &Path) -> Result<File, OpenError> {
    let unusable = |source| OpenError::Folder { path: folder.to_owned(), source };
    std::fs::create_dir_all(folder).map_err(unusable)?;
    let lock = File::create(folder.join(LOCK)).map_err(unusable)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(OpenError::FolderHeld(folder.to_owned())),
        Err(TryLockError::Error(source)) => Err(unusable(source)),
    }
}
