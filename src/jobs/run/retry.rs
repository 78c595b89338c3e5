//! Storage that does not work stops no job: what needs it is tried again until it does, or until the job is to stop.

use std::thread;
use std::time::{Duration, Instant};

use super::context::RunContext;
use super::unpublished::{Halt, Stopped, Unpublished};
use crate::jobs::control::{JobControl, Stop};
use crate::jobs::error::{JobError, JobFailure};
use crate::jobs::report::Ending;
use crate::jobs::state::StopReason;
use crate::models::ModelError;
use crate::storage::StorageError;

/// Waits between two tries: the first, and the longest.
const RETRY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));
/// How often a run that waits looks whether it is to stop.
const STOP_POLL: Duration = Duration::from_millis(20);

impl RunContext<'_> {
    /// Waits for what is read, until the job is to stop.
    pub(super) fn read<T>(&self, call: impl Future<Output = T>) -> Result<T, Stopped> {
        self.wait(call, JobControl::is_in_vain)
    }

    /// Waits for what is written, and where the service stops no longer than it waits for its jobs: the store may hang.
    pub(super) fn write<T>(&self, call: impl Future<Output = T>) -> Result<T, Stopped> {
        self.wait(call, JobControl::is_given_up)
    }

    fn wait<T>(&self, call: impl Future<Output = T>, is_over: fn(&JobControl) -> bool) -> Result<T, Stopped> {
        let over = async {
            while !is_over(&self.job.control) {
                tokio::time::sleep(STOP_POLL).await;
            }
        };
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                done = call => Ok(done),
                () = over => Err(Stopped),
            }
        })
    }

    /// Tries `call` until storage works; else how the job is left instead. Its owner may cancel it meanwhile if
    /// `may_cancel`.
    pub(super) fn persist<T>(
        &self,
        may_cancel: bool,
        mut call: impl FnMut() -> Result<T, Halt>,
    ) -> Result<T, Unpublished> {
        let job = self.job;
        let mut wait = RETRY.0;
        loop {
            match call() {
                Ok(value) => return Ok(value),
                Err(Halt::Stopped) => return Err(Unpublished::stopped(job)),
                Err(Halt::Failed(JobError::Model(ModelError::MemoryFull { .. }))) => {}
                Err(Halt::Failed(error)) if error.storage().is_some_and(StorageError::is_passing) => {
                    tracing::warn!(job_id = %job.record.id, %error, "storage does not work: the job tries again");
                }
                Err(Halt::Failed(error)) => return Err(Unpublished::failed(StopReason::Error, lasting(&error))),
            }
            let since = Instant::now();
            while since.elapsed() < wait {
                match job.control.stop() {
                    Some(Stop::Interrupt) => return Err(Unpublished::Suspended),
                    Some(_) if may_cancel && job.control.is_in_vain() => {
                        return Err(Unpublished::Ended(Ending::cancelled()));
                    }
                    _ => thread::sleep(STOP_POLL),
                }
            }
            wait = (wait * 2).min(RETRY.1);
        }
    }
}

/// The failure of a job whose error does not pass: of its data, or of what is stored.
fn lasting(error: &JobError) -> JobFailure {
    match error {
        JobError::Unfit(_)
        | JobError::TooLarge { .. }
        | JobError::Model(ModelError::Spec(_) | ModelError::TooLarge { .. }) => JobFailure::Unfit(error.to_string()),
        _ => JobFailure::Damaged(error.to_string()),
    }
}
