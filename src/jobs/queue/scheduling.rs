//! Which job runs when, and where.

use std::sync::{Arc, MutexGuard, PoisonError};
use std::thread;

use super::{Inner, Jobs};
use crate::jobs::error::JobError;
use crate::jobs::files::history_blob;
use crate::jobs::job::Job;
use crate::jobs::report::Stop;
use crate::jobs::worker::{Done, Worker};
use crate::learning::team::lower_priority;

impl Jobs {
    pub(super) fn add(&mut self, job: Arc<Job>) {
        if self.stopping {
            return job.suspend();
        }
        self.open.insert(job.id, job.clone());
        self.waiting.push_back(job);
    }
}

impl Inner {
    // A panic while the lock was held leaves the maps whole: each change is a few infallible lines.
    pub(super) fn lock(&self) -> MutexGuard<'_, Jobs> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes no new jobs, suspends those that wait, and asks those that run to stop; returns these.
    pub(super) fn stop(&self) -> Vec<Arc<Job>> {
        let mut jobs = self.lock();
        jobs.stopping = true;
        jobs.waiting.drain(..).for_each(|job| job.suspend());
        let running: Vec<Arc<Job>> = jobs.running.values().cloned().collect();
        running.iter().for_each(|job| job.ask_to_stop(Stop::Interrupt));
        running
    }

    /// Starts jobs from the front of the queue while there is room; a job whose model is busy lets others pass.
    pub(super) fn start_waiting(self: &Arc<Self>, jobs: &mut Jobs) {
        while jobs.running.len() < self.limits.concurrent && !jobs.stopping {
            let idle = jobs.waiting.iter().position(|job| !jobs.running.contains_key(&job.model_id));
            let Some(next) = idle else { return };
            let used: usize = jobs.running.values().map(|job| job.bytes).sum();
            let fits = (used + jobs.waiting[next].bytes) as u64 <= self.limits.memory.as_u64();
            if !fits && !jobs.running.is_empty() {
                return;
            }
            let job = jobs.waiting.remove(next).expect("the position was found above");
            jobs.running.insert(job.model_id, job.clone());
            let inner = self.clone();
            // The blocking thread waits for the job's own, so that the runtime does not end before the job.
            self.runtime.spawn_blocking(move || behind_requests(move || inner.run(job)));
        }
    }

    fn run(self: Arc<Self>, job: Arc<Job>) {
        let done = Worker {
            job: &job,
            storage: &self.storage,
            registry: &self.registry,
            datasets: &self.datasets,
            meters: &self.meters,
            runtime: &self.runtime,
            cores: &self.cores,
            checkpoint_interval: self.limits.checkpoint_interval,
        }
        .run();
        // Whoever learns that the job has ended finds the queue without it: both change under one lock.
        let mut jobs = self.lock();
        jobs.running.remove(&job.model_id);
        match done {
            Done::Suspended => job.suspend(),
            Done::Ended(report) => {
                jobs.open.remove(&job.id);
                job.end(*report);
            }
        }
        self.start_waiting(&mut jobs);
        drop(jobs);
        if let Some(kept) = self.limits.kept {
            let forgotten = self.runtime.block_on(self.forget_old_jobs(kept));
            forgotten.unwrap_or_else(|error| tracing::warn!(%error, "old jobs could not be removed yet"));
        }
    }

    /// Removes the oldest ended jobs beyond `kept`.
    async fn forget_old_jobs(&self, kept: u64) -> Result<(), JobError> {
        let mut write = self.storage.catalog.write().await?;
        let old = write.old_jobs(kept).await?;
        let histories: Vec<String> = old.iter().map(|id| history_blob(*id)).collect();
        for (id, history) in old.iter().zip(&histories) {
            write.remove_job(*id).await?;
            write.note_litter(history).await?;
        }
        write.commit().await?;
        self.storage.discard(&histories).await;
        Ok(())
    }
}

/// Does `work` on a thread that lets those that answer requests go first, and waits for it; on this thread where the
/// system gives no other.
fn behind_requests(work: impl FnOnce() + Send) {
    let mut work = Some(work);
    let mut run = || work.take().into_iter().for_each(|work| work());
    let begun = thread::scope(|scope| {
        let behind = || {
            lower_priority();
            run();
        };
        thread::Builder::new().name("training".into()).spawn_scoped(scope, behind).map(|_| ())
    });
    if let Err(error) = begun {
        tracing::warn!(%error, "no thread of its own for a training: it is as urgent as requests");
        run();
    }
}
