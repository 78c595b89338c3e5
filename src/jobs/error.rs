//! What can go wrong with jobs.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::data::encoder::EncodeError;
use crate::datasets::DatasetError;
use crate::learning::error::SpecError;
use crate::models::ModelError;
use crate::storage::StorageError;
use crate::wording::Shown;

/// A call on jobs that cannot be answered.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum JobError {
    /// No job has this identifier.
    #[error("there is no job {}", Shown(.0))]
    NotFound(String),
    /// The job has ended already.
    #[error("job {0} has ended: it can no longer be cancelled")]
    Ended(Uuid),
    /// The job has not ended yet.
    #[error("job {0} is queued or running: cancel it first, or wait for its end")]
    Open(Uuid),
    /// As many jobs wait as may wait.
    #[error("{waiting} jobs are waiting, the most that may: try again when some have ended")]
    QueueFull {
        /// Jobs that wait.
        waiting: usize,
    },
    /// The settings of jobs that have not ended take as much memory as they may.
    #[error(
        "the settings of the job take {needed}, and there is no memory for them now (--training-memory): try again when \
             jobs have ended, or name fewer columns"
    )]
    QueueHeavy {
        /// Readable.
        needed: String,
    },
    /// The service is on its way down.
    #[error("the service is stopping and takes no new jobs")]
    Stopping,
    /// The training would need more memory than all trainings together may take.
    #[error("the training needs about {needed} of memory; {limit} is the most (--training-memory)")]
    TooLarge {
        /// Readable estimate.
        needed: String,
        /// Readable bound.
        limit: String,
    },
    /// A job of the model is queued or running.
    #[error("model {0:?} has a training queued or running: wait for it or cancel it first")]
    ModelBusy(String),
    /// The model is not there or not trained.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The settings or the examples do not fit.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// A data set is not there, or cannot be added.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// The data cannot be learned from.
    #[error(transparent)]
    Unfit(#[from] EncodeError),
    /// Stored state cannot be read or written.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl JobError {
    /// The error of storage that caused it, if one did.
    pub fn storage(&self) -> Option<&StorageError> {
        match self {
            JobError::Storage(error)
            | JobError::Model(ModelError::Storage(error))
            | JobError::Dataset(DatasetError::Storage(error)) => Some(error),
            _ => None,
        }
    }
}

/// Why a job failed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "cause", content = "detail", rename_all = "snake_case")]
pub enum JobFailure {
    /// The loss left the finite numbers.
    Diverged(String),
    /// The data cannot be learned from.
    Unfit(String),
    /// A defect of the service: the training panicked.
    Panicked,
    /// What the training starts from or learns from cannot be read.
    Damaged(String),
    /// The process died again and again before the training got anywhere.
    Interrupted(String),
}

impl std::fmt::Display for JobFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self {
            JobFailure::Diverged(detail)
            | JobFailure::Unfit(detail)
            | JobFailure::Damaged(detail)
            | JobFailure::Interrupted(detail) => f.write_str(detail),
            JobFailure::Panicked => f.write_str("the training ended by a defect of the service; its log says more"),
        }
    }
}
