//! How a run leaves its job without a version to publish.

use crate::jobs::control::Stop;
use crate::jobs::error::{JobError, JobFailure};
use crate::jobs::job::Job;
use crate::jobs::report::Ending;
use crate::jobs::state::StopReason;

/// Why there is no version to publish.
pub(super) enum Unpublished {
    /// The job ends so.
    Ended(Ending),
    /// The service stops: the job goes on when it is started again.
    Suspended,
}

/// Work on a job ended before it was done: the service stops, or the job is cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stopped;

/// Why a step of a run did not come to its end.
#[derive(Debug)]
pub(super) enum Halt {
    /// The job is to stop.
    Stopped,
    /// It failed.
    Failed(JobError),
}

impl From<Stopped> for Halt {
    fn from(_: Stopped) -> Self {
        Halt::Stopped
    }
}

impl<E: Into<JobError>> From<E> for Halt {
    fn from(error: E) -> Self {
        Halt::Failed(error.into())
    }
}

impl Unpublished {
    /// What becomes of a job that was [`Stopped`].
    pub(super) fn stopped(job: &Job) -> Self {
        match job.control.stop() {
            Some(Stop::Drop | Stop::Keep) => Unpublished::Ended(Ending::cancelled()),
            Some(Stop::Interrupt) | None => Unpublished::Suspended,
        }
    }

    /// The job fails.
    pub(super) fn failed(reason: StopReason, failure: JobFailure) -> Self {
        Unpublished::Ended(Ending::failed(reason, failure))
    }
}
