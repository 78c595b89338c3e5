//! What can go wrong with data sets.

use crate::data::error::DataError;
use crate::storage::StorageError;
use crate::wording::Shown;

/// A call on data sets that cannot be answered.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum DatasetError {
    /// No data set has this identifier or name.
    #[error("there is no data set {}", Shown(.0))]
    NotFound(String),
    /// Another data set has this name.
    #[error("there is already a data set named {0:?}")]
    NameTaken(String),
    /// Another data set was made of this one meanwhile, and has its name.
    #[error(
        "data set {0:?} has grown meanwhile, or is deleted: append to the one that has its name now, or give another `name`"
    )]
    Overtaken(String),
    /// The name cannot be used.
    #[error("{0}")]
    Name(String),
    /// A job that needs it is queued or running.
    #[error("data set {0:?} is needed by a training that is queued or running: wait for it or cancel it first")]
    Busy(String),
    /// The data cannot be read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// Stored state cannot be read or written.
    #[error(transparent)]
    Storage(#[from] StorageError),
}
