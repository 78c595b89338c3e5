//! Which job runs when, and on which thread.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

use super::open_jobs::OpenJobs;
use crate::datasets::DatasetRegistry;
use crate::jobs::error::JobError;
use crate::jobs::job::Job;
use crate::jobs::outbox::Outbox;
use crate::jobs::record::history_blob;
use crate::jobs::run::{Done, RunContext, run};
use crate::jobs::speed::Speed;
use crate::learning::team::Cores;
use crate::memory::{Charge, Share};
use crate::models::ModelRegistry;
use crate::processors::{Patient, give_way};
use crate::storage::Storage;
use crate::telemetry::{Meters, Traces};
use crate::workplaces::Workplaces;

/// Bounds of the queue.
#[derive(Clone, Debug)]
pub struct QueueLimits {
    /// Jobs that run at once.
    pub concurrent: usize,
    /// Threads that the jobs share; each that runs has at least one.
    pub threads: usize,
    /// Jobs that may wait.
    pub waiting: usize,
    /// Ended jobs that stay readable; all if none is given.
    pub kept: Option<u64>,
    /// Memory that all running trainings together may take.
    pub memory: Share,
    /// Least time between two checkpoints of a job.
    pub checkpoint_interval: Duration,
}

/// Holds the open jobs, and all that it takes to run one.
pub(super) struct Scheduler {
    /// Held for a few lines at a time, never over a call on storage.
    jobs: Mutex<OpenJobs>,
    /// Held while a job is written down, so that jobs are queued in the order of their identifiers.
    pub(super) submitting: Workplaces,
    pub(super) limits: QueueLimits,
    /// The processors that the jobs share.
    cores: Arc<Cores>,
    pub(super) speed: Speed,
    pub(super) storage: Storage,
    pub(super) registry: ModelRegistry,
    pub(super) datasets: DatasetRegistry,
    meters: Arc<Meters>,
    pub(super) outbox: Outbox,
    traces: Traces,
    runtime: Handle,
}

impl Scheduler {
    /// Without jobs. Must be called within a tokio runtime: jobs read and write through it.
    pub(super) fn new(
        storage: Storage,
        registry: ModelRegistry,
        datasets: DatasetRegistry,
        limits: QueueLimits,
        meters: Arc<Meters>,
        outbox: Outbox,
        traces: Traces,
    ) -> Self {
        Scheduler {
            jobs: Mutex::default(),
            submitting: Workplaces::new(1),
            cores: Cores::new(limits.threads),
            speed: Speed::new(limits.threads),
            limits,
            storage,
            registry,
            datasets,
            meters,
            outbox,
            traces,
            runtime: Handle::current(),
        }
    }

    // A panic while the lock was held leaves the maps whole: each change is a few infallible lines.
    pub(super) fn lock(&self) -> MutexGuard<'_, OpenJobs> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes no new jobs, suspends those that wait, and asks those that run to stop until `deadline`, after which they
    /// wait for storage no longer; returns these.
    pub(super) fn stop(&self, deadline: Option<Instant>) -> Vec<Arc<Job>> {
        let mut jobs = self.lock();
        let running = jobs.stop();
        running.iter().for_each(|job| job.control.interrupt(deadline));
        running
    }

    /// Starts jobs from the front of the queue while there is room; a job whose model is busy lets others pass.
    pub(super) fn start_waiting(self: &Arc<Self>, jobs: &mut OpenJobs) {
        while let Some((job, memory)) = jobs.start_next(self.limits.concurrent, &self.limits.memory) {
            let scheduler = self.clone();
            // The blocking thread waits for the job's own, so that the runtime does not end before the job.
            self.runtime.spawn_blocking(move || behind_requests(move || scheduler.run(&job, memory)));
        }
    }

    fn run(self: Arc<Self>, job: &Arc<Job>, memory: Charge) {
        let context = RunContext {
            job,
            memory: &memory,
            storage: &self.storage,
            registry: &self.registry,
            datasets: &self.datasets,
            meters: &self.meters,
            outbox: &self.outbox,
            traces: &self.traces,
            runtime: &self.runtime,
            cores: &self.cores,
            speed: &self.speed,
            checkpoint_interval: self.limits.checkpoint_interval,
        };
        // Whatever happens, the job leaves its place to others.
        let done = catch_unwind(AssertUnwindSafe(|| run(&context))).unwrap_or(Done::Suspended);
        drop(memory);
        // Whoever learns that the job has ended finds the queue without it: both change under one lock.
        let mut jobs = self.lock();
        jobs.leave(job);
        match done {
            Done::Suspended => job.progress.suspend(),
            Done::Ended(report) => jobs.end(job, *report),
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
            give_way(Patient::Training);
            run();
        };
        thread::Builder::new().name("training".into()).spawn_scoped(scope, behind).map(|_| ())
    });
    if let Err(error) = begun {
        tracing::warn!(%error, "no thread of its own for a training: it is as urgent as requests");
        run();
    }
}
