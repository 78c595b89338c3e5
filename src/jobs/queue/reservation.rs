//! A place among the jobs that wait, held while a job is written down.

use bytesize::ByteSize;

use super::open_jobs::OpenJobs;
use super::scheduler::Scheduler;
use crate::jobs::error::JobError;

/// A place for a job of so many bytes; given up when dropped.
pub(super) struct Reservation<'a> {
    scheduler: &'a Scheduler,
    bytes: usize,
    held: bool,
}

impl<'a> Reservation<'a> {
    /// Reserves a place.
    ///
    /// # Errors
    /// `TooLarge`, `Stopping`, `QueueFull`.
    pub(super) fn new(scheduler: &'a Scheduler, bytes: usize) -> Result<Self, JobError> {
        let limits = &scheduler.limits;
        if bytes as u64 > limits.memory.as_u64() {
            let needed = ByteSize::b(bytes as u64).to_string();
            return Err(JobError::TooLarge { needed, limit: limits.memory.to_string() });
        }
        let mut jobs = scheduler.lock();
        if jobs.stopping() {
            return Err(JobError::Stopping);
        }
        let (waiting, waiting_bytes) = jobs.waiting_or_reserved();
        let memory_full = waiting > 0 && (waiting_bytes + bytes) as u64 > limits.memory.as_u64();
        if waiting >= limits.waiting || memory_full {
            return Err(JobError::QueueFull { waiting });
        }
        jobs.reserve(bytes);
        Ok(Reservation { scheduler, bytes, held: true })
    }

    /// Gives the place up to a job that takes it, under the lock that `jobs` comes from.
    pub(super) fn give_up(mut self, jobs: &mut OpenJobs) {
        self.held = false;
        jobs.unreserve(self.bytes);
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        if self.held {
            self.scheduler.lock().unreserve(self.bytes);
        }
    }
}
