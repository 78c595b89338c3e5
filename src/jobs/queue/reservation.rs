//! A place among the jobs that wait, held while a job is written down.

use bytesize::ByteSize;

use super::open_jobs::OpenJobs;
use super::scheduler::Scheduler;
use crate::jobs::error::JobError;
use crate::jobs::job::Job;
use crate::memory::Charge;

/// Of the memory for trainings, the part that the settings of open jobs may hold: one in so many bytes.
const SETTINGS: u64 = 4;

/// A place for a job; given up when dropped.
pub(super) struct Reservation<'a> {
    scheduler: &'a Scheduler,
    held: bool,
    /// What the job's settings take, if it is much.
    memory: Option<Charge>,
}

impl<'a> Reservation<'a> {
    /// Reserves a place for a job that needs so many bytes once it runs, and whose settings take `kept` bytes until it has ended.
    ///
    /// # Errors
    /// `TooLarge`, `Stopping`, `QueueFull`, `QueueHeavy`.
    pub(super) fn new(scheduler: &'a Scheduler, bytes: usize, kept: u64) -> Result<Self, JobError> {
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
        let memory = Job::charge(&limits.memory, kept);
        if let Some(memory) = &memory {
            let others = jobs.held();
            let is_much = others > 0 && others + kept > limits.memory.limit() / SETTINGS;
            if is_much || memory.grow(kept).is_err() {
                return Err(JobError::QueueHeavy { needed: ByteSize::b(kept).to_string() });
            }
        }
        jobs.reserve();
        Ok(Reservation { scheduler, held: true, memory })
    }

    /// What is charged for the job's settings.
    pub(super) fn memory(&self) -> Option<Charge> {
        self.memory.clone()
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
