//! How a job is cancelled.

use std::sync::Arc;
use std::time::Duration;

use super::job_queue::JobQueue;
use super::scheduler::Scheduler;
use crate::jobs::control::Stop;
use crate::jobs::error::JobError;
use crate::jobs::handle::JobHandle;
use crate::jobs::job::Job;
use crate::jobs::report::{Ending, JobReport};
use crate::jobs::run::write_end;
use crate::jobs::state::JobState;
use crate::storage::StorageError;

/// How long the canceller waits for the job's end.
const CANCEL_PATIENCE: Duration = Duration::from_secs(20);

impl JobQueue {
    /// Cancels a job and waits until it has ended; with `keep` the epochs done become a version, which is measured first: the
    /// job may then still run when the canceller is answered, or may have succeeded, where its epochs were done already.
    ///
    /// # Errors
    /// `Ended` if it had ended before, `Stopping`, `Storage` if its end cannot be written down.
    pub async fn cancel(&self, job: &JobHandle, keep: bool) -> Result<(), JobError> {
        let JobHandle::Open(job) = job else { return Err(JobError::Ended(job.report().id)) };
        let ended = || JobError::Ended(job.record.id);
        // One that an earlier process began may have epochs to keep: it runs until they are a version.
        let is_to_go_on = keep && job.control.goes_on();
        if is_to_go_on || !self.cancel_waiting(job).await? {
            if job.progress.state().ended() {
                return Err(ended());
            }
            job.control.ask_to_stop(if keep { Stop::Keep } else { Stop::Drop });
        }
        let over = tokio::time::timeout(CANCEL_PATIENCE, job.progress.over()).await;
        match job.progress.state() {
            JobState::Cancelled => Ok(()),
            JobState::Succeeded if keep => Ok(()),
            state if state.ended() => Err(ended()),
            _ if over.is_ok() => Err(JobError::Stopping),
            _ if keep => Ok(()),
            _ => {
                let detail = "the job has been told to stop, but its end cannot be written down yet: ask again";
                Err(StorageError::Unavailable(detail.into()).into())
            }
        }
    }

    /// Ends a job that waits; false if it does not wait.
    async fn cancel_waiting(&self, job: &Arc<Job>) -> Result<bool, JobError> {
        let scheduler = &self.scheduler;
        if !scheduler.lock().withhold(job.record.id) {
            return Ok(false);
        }
        let written = match write_end(&scheduler.storage, &scheduler.outbox, job, Ending::cancelled()).await {
            // It may have been written down all the same: a job that has ended must not start.
            Err(error) => self.ended(job).await.ok_or(error),
            written => written,
        };
        let mut jobs = scheduler.lock();
        let cancelled = match written {
            Ok(report) => {
                jobs.end(job, report);
                Ok(true)
            }
            Err(error) => {
                jobs.put_back(job.clone());
                Err(error)
            }
        };
        scheduler.start_waiting(&mut jobs);
        cancelled
    }

    /// How a job has ended, if the catalog says now that it has.
    async fn ended(&self, job: &Job) -> Option<JobReport> {
        let Scheduler { storage, outbox, .. } = &*self.scheduler;
        let row = storage.catalog.job(job.record.id).await.ok()??;
        row.outcome.as_ref()?;
        outbox.rouse();
        JobReport::from_row(row).ok()
    }
}
