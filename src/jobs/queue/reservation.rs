//! A place among the jobs that wait, held while a job is written down.

use bytesize::ByteSize;

use super::open_jobs::OpenJobs;
use super::scheduler::Scheduler;
use crate::jobs::error::JobError;

/// A place for a job; given up when dropped.
pub(super) struct Reservation<'a> {
    scheduler: &'a Scheduler,
    held: bool,
}

impl<'a> Reservation<'a> {
    /// Reserves a place for a job that needs so many bytes once it runs.
    ///
    /// # Errors
    /// `TooLarge`, `Stopping`, `QueueFull`.
    pub(super) fn new(scheduler: &'a Scheduler, bytes: usize) -> Result<Self, JobError> {
        let limits = &scheduler.limits;
        if bytes as u64 > limits.memory.limit() {
            let [needed, limit] = [bytes as u64, limits.memory.limit()].map(|bytes| ByteSize::b(bytes).to_string());
            return Err(JobError::TooLarge { needed, limit });
        }
        let mut jobs = scheduler.lock();
        if jobs.stopping() {
            return Err(JobError::Stopping);
        }
        let waiting = jobs.waiting_or_reserved();
        if waiting >= limits.waiting {
            return Err(JobError::QueueFull { waiting });
        }
        jobs.reserve();
        Ok(Reservation { scheduler, held: true })
    }

    /// Gives the place up to a job that takes it, under the lock that `jobs` comes from.
    pub(super) fn give_up(mut self, jobs: &mut OpenJobs) {
        self.held = false;
        jobs.unreserve();
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        if self.held {
            self.scheduler.lock().unreserve();
        }
    }
}
