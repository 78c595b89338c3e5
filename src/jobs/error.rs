//! What can go wrong with jobs.

use uuid::Uuid;

use crate::learning::error::SpecError;
use crate::models::ModelError;

/// A call on jobs that cannot be answered.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum JobError {
    /// No job has this identifier; ended jobs are dropped when there are many.
    #[error("there is no job {0:?}")]
    NotFound(String),
    /// The job has ended already.
    #[error("job {0} has ended: it can no longer be cancelled")]
    Ended(Uuid),
    /// As many jobs wait as may wait.
    #[error("{waiting} jobs are waiting, the most that may: try again when some have ended")]
    QueueFull {
        /// Jobs that wait.
        waiting: usize,
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
    /// The model is not there, not trained, or has no room.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The settings or the examples do not fit.
    #[error(transparent)]
    Spec(#[from] SpecError),
}

/// Why a job failed.
#[derive(Clone, Debug, PartialEq)]
pub enum JobFailure {
    /// The loss left the finite numbers.
    Diverged(String),
    /// A defect of the service: the training panicked.
    Panicked,
    /// The version could not be published.
    Model(ModelError),
}

impl std::fmt::Display for JobFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self {
            JobFailure::Diverged(detail) => f.write_str(detail),
            JobFailure::Panicked => f.write_str("the training ended by a defect of the service; its log says more"),
            JobFailure::Model(error) => error.fmt(f),
        }
    }
}
