//! How jobs that the catalog has get into the queue: at the start those that an earlier process left, and later those whose
//! writing down seemed to fail and was done.

use std::sync::{Arc, Weak};
use std::time::Duration;

use super::job_queue::JobQueue;
use super::scheduler::Scheduler;
use crate::jobs::error::JobError;
use crate::jobs::job::Job;

/// How often it is looked whether the catalog has an open job that the queue does not have.
const INTERVAL: Duration = Duration::from_secs(60);

impl JobQueue {
    /// Takes up the open jobs that the queue does not have: those that an earlier process left waiting or running, or whose writing
    /// down seemed to have failed. Returns how many.
    ///
    /// # Errors
    /// `Storage`. A job whose row is damaged is left alone, with a line in the log.
    pub async fn recover(&self) -> Result<usize, JobError> {
        self.scheduler.recover().await
    }

    /// Looks again each minute, for as long as the queue lives. Must be called within a tokio runtime.
    pub fn go_on_recovering(&self) {
        tokio::spawn(recover_again(Arc::downgrade(&self.scheduler)));
    }
}

async fn recover_again(scheduler: Weak<Scheduler>) {
    loop {
        tokio::time::sleep(INTERVAL).await;
        let Some(scheduler) = scheduler.upgrade().filter(|scheduler| !scheduler.lock().stopping()) else { return };
        match scheduler.recover().await {
            Ok(0) => {}
            Ok(jobs) => tracing::warn!(jobs, "going on with jobs whose writing down seemed to have failed"),
            Err(error) => tracing::warn!(%error, "the open jobs cannot be read: they are looked at again in a minute"),
        }
    }
}

impl Scheduler {
    /// See [`JobQueue::recover`].
    pub(super) async fn recover(self: &Arc<Self>) -> Result<usize, JobError> {
        // Whoever writes a job down puts it into the queue before another looks.
        let _order = self.submitting.take(None).await;
        let (catalog, mut taken_up) = (&self.storage.catalog, 0);
        for id in catalog.open_job_ids().await? {
            if self.lock().get(id).is_some() {
                continue;
            }
            // A job leaves the queue after its end is written down: one that was there a moment ago has ended.
            let Some(row) = catalog.job(id).await?.filter(|row| row.outcome.is_none()) else { continue };
            let job = Job::from_row(&row).map(|job| Arc::new(job.charged_to(&self.limits.memory)));
            let mut jobs = self.lock();
            match job {
                Ok(job) => {
                    jobs.add(job);
                    taken_up += 1;
                }
                Err(error) if jobs.note_unreadable(id) => {
                    tracing::error!(job_id = %id, %error, "an open job cannot be taken up")
                }
                Err(_) => {}
            }
        }
        self.start_waiting(&mut self.lock());
        Ok(taken_up)
    }
}
