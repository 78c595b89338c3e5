//! What can go wrong with stored state, told apart by what a caller can do about it.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use super::location::without_secrets;

/// SQLite's SQLITE_IOERR_SHMSIZE: the file beside the database that its readers share cannot be made as long as it has to be, as on a
/// full disk.
const NO_SHARED_MEMORY: u32 = 4874;

/// Why a scratch file does not grow: what [`StorageError::ScratchTaken`] is made of.
#[derive(Debug, thiserror::Error)]
#[error("the space for scratch files is taken (--scratch-space)")]
pub(super) struct ScratchTaken;

/// A call on storage that failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StorageError {
    /// The disk or the quota is full: nothing was written.
    #[error("the storage is full: nothing was written")]
    Full,
    /// The scratch files of uploads and long replies take as much as they may.
    #[error("the space for scratch files is taken (--scratch-space): nothing was written")]
    ScratchTaken,
    /// More would be stored than may be: nothing was written.
    #[error("the quota of the stored state is spent: {0}")]
    QuotaSpent(String),
    /// The database or the object store does not answer, or refuses: a later try may succeed.
    #[error("the storage does not work at the moment: {0}")]
    Unavailable(String),
    /// A row with this key is there already.
    #[error("there is such a row already")]
    Conflict,
    /// There is no such blob.
    #[error("{0} is missing")]
    Missing(String),
    /// What was read is not what was written.
    #[error("{key} is damaged: {reason}")]
    Damaged {
        /// Which blob or row.
        key: String,
        /// What does not fit.
        reason: String,
    },
}

impl StorageError {
    /// What is at `key` cannot be what was written there.
    pub fn damaged(key: impl Into<String>, reason: impl ToString) -> Self {
        StorageError::Damaged { key: key.into(), reason: reason.to_string() }
    }

    /// What the system said about a file.
    pub fn from_io(error: &io::Error) -> Self {
        match error.get_ref() {
            Some(inner) if inner.is::<ScratchTaken>() => StorageError::ScratchTaken,
            _ if out_of_space(error) => StorageError::Full,
            _ => StorageError::Unavailable(error.to_string()),
        }
    }

    /// Whether the same call may succeed later.
    pub fn is_passing(&self) -> bool {
        matches!(self, StorageError::Full | StorageError::ScratchTaken | StorageError::Unavailable(_))
    }
}

impl From<sqlx::Error> for StorageError {
    fn from(error: sqlx::Error) -> Self {
        StorageError::from(&error)
    }
}

impl From<&StorageError> for StorageError {
    fn from(error: &StorageError) -> Self {
        error.clone()
    }
}

impl From<&sqlx::Error> for StorageError {
    fn from(error: &sqlx::Error) -> Self {
        let sqlx::Error::Database(refused) = error else {
            return match error {
                sqlx::Error::ColumnDecode { index, source } => StorageError::damaged(index, source),
                error if out_of_space(error) => StorageError::Full,
                error => StorageError::Unavailable(without_secrets(&error.to_string())),
            };
        };
        let code = refused.code().unwrap_or_default().into_owned();
        // Codes of SQLite are numbers whose lowest byte says what kind they are: SQLITE_FULL, SQLITE_CORRUPT,
        // SQLITE_NOTADB. Those of PostgreSQL have five characters: disk_full, and the two of class XX that say the same.
        let whole = code.parse::<u32>().ok().filter(|_| code.len() < 5);
        let sqlite = whole.map(|code| code & 0xff);
        let damaged = matches!(sqlite, Some(11 | 26)) || code == "XX001" || code == "XX002";
        match () {
            () if sqlite == Some(13) || whole == Some(NO_SHARED_MEMORY) || code == "53100" => StorageError::Full,
            () if damaged => StorageError::damaged("the catalog", refused),
            () if refused.is_unique_violation() => StorageError::Conflict,
            () => StorageError::Unavailable(refused.to_string()),
        }
    }
}

impl From<object_store::Error> for StorageError {
    fn from(error: object_store::Error) -> Self {
        match error {
            object_store::Error::NotFound { path, .. } => StorageError::Missing(path),
            error if out_of_space(&error) => StorageError::Full,
            error => StorageError::Unavailable(without_secrets(&error.to_string())),
        }
    }
}

impl From<io::Error> for StorageError {
    fn from(error: io::Error) -> Self {
        StorageError::from_io(&error)
    }
}

/// Whether somewhere beneath `error` the system said that there is no room.
fn out_of_space(error: &(dyn Error + 'static)) -> bool {
    let no_room = |kind| matches!(kind, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
    let here = error.downcast_ref::<io::Error>().is_some_and(|error| no_room(error.kind()));
    here || error.source().is_some_and(out_of_space)
}

/// Why storage cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The data folder cannot be made or written.
    #[error("the data folder {} cannot be used: {source}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another process holds the data folder.
    #[error("the data folder {} is held by another process: stop it, or name another --data-dir", .0.display())]
    FolderHeld(PathBuf),
    /// Another process holds the database.
    #[error("the database of --database-url is held by another epochd: stop it, or name another database or schema")]
    DatabaseHeld,
    /// The catalog cannot be opened.
    #[error("the catalog cannot be opened: {0}")]
    Catalog(StorageError),
    /// The catalog's file is not what was written.
    #[error(
        "the catalog {} is damaged: {reason}. Restore a backup (epochd restore), or save what can be read of it with \
         `sqlite3 {} .recover`",
        path.display(),
        path.display()
    )]
    CatalogDamaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The catalog and the blobs are not those of one state.
    #[error(
        "the catalog ({catalog}) and the blobs ({blobs}) do not belong together: {reason}. Name the blobs that belong to \
         this catalog, or restore a backup; `epochd check` lists what is missing, and `epochd check --repair` takes the \
         two as they are"
    )]
    Strangers {
        /// Where the catalog is.
        catalog: String,
        /// Where the blobs are.
        blobs: String,
        /// What shows it.
        reason: String,
    },
    /// The object store cannot be opened.
    #[error("the blobs cannot be opened: {0}")]
    Blobs(StorageError),
}
