//! How a run leaves its job without a version to publish.

use crate::jobs::error::JobFailure;
use crate::jobs::report::Ending;
use crate::jobs::state::StopReason;

/// Why there is no version to publish.
pub(super) enum Unpublished {
    /// The job ends so.
    Ended(Ending),
    /// The service stops: the job goes on when it is started again.
    Suspended,
}

impl Unpublished {
    /// The job fails.
    pub(super) fn failed(reason: StopReason, failure: JobFailure) -> Self {
        Unpublished::Ended(Ending::failed(reason, failure))
    }
}
