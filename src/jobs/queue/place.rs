//! Places in the queue that are held while a job is written down.

use bytesize::ByteSize;

use super::{Inner, Jobs};
use crate::jobs::error::JobError;

/// A place in the queue for a job that is being written down; given up when dropped.
pub(super) struct Place<'a> {
    inner: &'a Inner,
    bytes: usize,
    held: bool,
}

impl<'a> Place<'a> {
    pub(super) fn take(inner: &'a Inner, bytes: usize) -> Result<Self, JobError> {
        if bytes as u64 > inner.limits.memory.as_u64() {
            let needed = ByteSize::b(bytes as u64).to_string();
            return Err(JobError::TooLarge { needed, limit: inner.limits.memory.to_string() });
        }
        let mut jobs = inner.lock();
        if jobs.stopping {
            return Err(JobError::Stopping);
        }
        let waiting = jobs.waiting.len() + jobs.reserved.0;
        let waiting_bytes = jobs.waiting.iter().map(|job| job.bytes).sum::<usize>() + jobs.reserved.1;
        let full = waiting >= inner.limits.waiting;
        if full || waiting > 0 && (waiting_bytes + bytes) as u64 > inner.limits.memory.as_u64() {
            return Err(JobError::QueueFull { waiting });
        }
        jobs.reserved.0 += 1;
        jobs.reserved.1 += bytes;
        Ok(Place { inner, bytes, held: true })
    }

    pub(super) fn give_up(mut self, jobs: &mut Jobs) {
        self.held = false;
        jobs.reserved.0 -= 1;
        jobs.reserved.1 -= self.bytes;
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if self.held {
            let mut jobs = self.inner.lock();
            jobs.reserved.0 -= 1;
            jobs.reserved.1 -= self.bytes;
        }
    }
}
