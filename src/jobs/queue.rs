//! The queue: jobs wait in the order they came, run on tokio's blocking pool, one of a model at a time.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytesize::ByteSize;
use tokio::runtime::Handle;
use uuid::Uuid;

use super::error::JobError;
use super::job::Job;
use super::report::{Ending, JobState, Stop, StopReason};
use super::request::Training;
use super::worker;
use crate::models::{Model, ModelRegistry};
use crate::telemetry::Meters;

/// Most epochs that the histories of ended jobs may hold together: about 240 MB.
const MAX_KEPT_EPOCHS: usize = 5_000_000;

/// Bounds of the queue.
#[derive(Clone, Copy, Debug)]
pub struct QueueLimits {
    /// Jobs that run at once.
    pub concurrent: usize,
    /// Jobs that may wait.
    pub waiting: usize,
    /// Ended jobs that stay readable.
    pub kept: usize,
    /// Memory that all trainings together may take.
    pub memory: ByteSize,
}

/// All jobs of the service. Cheap to clone: a handle.
#[derive(Clone)]
pub struct JobQueue {
    inner: Arc<Inner>,
}

struct Inner {
    /// Held for a few lines at a time; taken before the registry's lock, never after it.
    jobs: Mutex<Jobs>,
    limits: QueueLimits,
    registry: ModelRegistry,
    meters: Arc<Meters>,
    runtime: Handle,
}

#[derive(Default)]
struct Jobs {
    by_id: BTreeMap<Uuid, Arc<Job>>,
    waiting: VecDeque<Arc<Job>>,
    /// By model: at most one each.
    running: HashMap<Uuid, Arc<Job>>,
    ended: VecDeque<Uuid>,
    /// Epochs in the histories of ended jobs.
    kept_epochs: usize,
    stopping: bool,
}

/// Which jobs are asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct JobFilter {
    /// Jobs of this model.
    pub model: Option<Uuid>,
    /// Jobs in this state.
    pub state: Option<JobState>,
}

impl JobQueue {
    /// An empty queue. Must be called within a tokio runtime: its blocking pool runs the jobs.
    pub fn new(registry: ModelRegistry, limits: QueueLimits, meters: Arc<Meters>) -> Self {
        let runtime = Handle::current();
        JobQueue { inner: Arc::new(Inner { jobs: Mutex::default(), limits, registry, meters, runtime }) }
    }

    /// Puts a training at the end of the queue.
    ///
    /// # Errors
    /// `Stopping`, `QueueFull`, `TooLarge`, or that the model is gone, not trained (warm start), or has no room.
    pub fn submit(&self, model: &Model, training: Training, request_id: String) -> Result<Arc<Job>, JobError> {
        let bytes = training.bytes(&model.spec);
        let limit = self.inner.limits.memory;
        if bytes as u64 > limit.as_u64() {
            let needed = ByteSize::b(bytes as u64).to_string();
            return Err(JobError::TooLarge { needed, limit: limit.to_string() });
        }
        let mut jobs = self.inner.lock();
        if jobs.stopping {
            return Err(JobError::Stopping);
        }
        let waiting_bytes: usize = jobs.waiting.iter().map(|job| job.bytes).sum();
        let full = jobs.waiting.len() >= self.inner.limits.waiting;
        if full || !jobs.waiting.is_empty() && (waiting_bytes + bytes) as u64 > limit.as_u64() {
            return Err(JobError::QueueFull { waiting: jobs.waiting.len() });
        }
        // Asked again under the lock: the model may have been deleted since the request was checked.
        self.inner.registry.room_for_version(model.id)?;
        if training.settings.warm_start {
            self.inner.registry.get(&model.id.to_string())?.active()?;
        }
        let job = Arc::new(Job::new(model.id, training, bytes, request_id));
        jobs.by_id.insert(job.id, job.clone());
        jobs.waiting.push_back(job.clone());
        self.inner.start_waiting(&mut jobs);
        Ok(job)
    }

    /// The job that `key` names.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn get(&self, key: &str) -> Result<Arc<Job>, JobError> {
        let id = Uuid::try_parse(key).ok();
        let jobs = self.inner.lock();
        let job = id.and_then(|id| jobs.by_id.get(&id));
        job.cloned().ok_or_else(|| JobError::NotFound(key.to_owned()))
    }

    /// At most `limit` jobs older than `before` that fit `filter`, newest first.
    pub fn list(&self, filter: JobFilter, before: Option<Uuid>, limit: usize) -> Vec<Arc<Job>> {
        let jobs = self.inner.lock();
        let older = jobs.by_id.range(..before.unwrap_or(Uuid::max())).rev().map(|(_, job)| job);
        let of_model = older.filter(|job| filter.model.is_none_or(|model| model == job.model_id));
        let in_state = of_model.filter(|job| filter.state.is_none_or(|state| state == job.state()));
        in_state.take(limit).cloned().collect()
    }

    /// Number of jobs in each state.
    pub fn counts(&self) -> BTreeMap<&'static str, usize> {
        let jobs = self.inner.lock();
        let mut counts = BTreeMap::from([("queued", jobs.waiting.len()), ("running", jobs.running.len())]);
        for id in &jobs.ended {
            let word = match jobs.by_id[id].state() {
                JobState::Succeeded => "succeeded",
                JobState::Cancelled => "cancelled",
                _ => "failed",
            };
            *counts.entry(word).or_default() += 1;
        }
        counts
    }

    /// Cancels a job and waits until it has ended; with `keep` the epochs done become a version.
    ///
    /// # Errors
    /// `Ended` if it had ended before.
    pub async fn cancel(&self, job: &Arc<Job>, keep: bool) -> Result<(), JobError> {
        if !self.cancel_waiting(job) {
            if job.state().ended() {
                return Err(JobError::Ended(job.id));
            }
            job.ask_to_stop(if keep { Stop::Keep } else { Stop::Drop });
        }
        job.ended().await;
        if job.state() == JobState::Cancelled { Ok(()) } else { Err(JobError::Ended(job.id)) }
    }

    fn cancel_waiting(&self, job: &Arc<Job>) -> bool {
        let mut jobs = self.inner.lock();
        let before = jobs.waiting.len();
        jobs.waiting.retain(|waiting| waiting.id != job.id);
        let waited = jobs.waiting.len() < before;
        if waited {
            job.end(Ending::cancelled(StopReason::Cancelled));
            self.inner.keep_ended(&mut jobs, job);
            self.inner.start_waiting(&mut jobs);
        }
        waited
    }

    /// Removes a model that no job is queued or running for.
    ///
    /// # Errors
    /// `ModelBusy`, or that the model is gone.
    pub fn remove_model(&self, model: &Model) -> Result<(), JobError> {
        let jobs = self.inner.lock();
        let busy = jobs.running.contains_key(&model.id) || jobs.waiting.iter().any(|job| job.model_id == model.id);
        if busy {
            return Err(JobError::ModelBusy(model.title()));
        }
        Ok(self.inner.registry.remove(model.id)?)
    }

    /// Takes no new jobs, drops those that wait, asks those that run to stop, and waits for them.
    pub async fn close(&self) {
        let running: Vec<Arc<Job>> = {
            let mut jobs = self.inner.lock();
            jobs.stopping = true;
            while let Some(job) = jobs.waiting.pop_front() {
                job.end(Ending::cancelled(StopReason::Interrupted));
                self.inner.keep_ended(&mut jobs, &job);
            }
            jobs.running.values().cloned().collect()
        };
        for job in &running {
            job.ask_to_stop(Stop::Interrupt);
        }
        for job in running {
            job.ended().await;
        }
    }

    /// Whether the queue takes jobs.
    pub fn is_open(&self) -> bool {
        !self.inner.lock().stopping
    }
}

impl Inner {
    // A panic while the lock was held leaves the maps whole: each change is a few infallible lines.
    fn lock(&self) -> MutexGuard<'_, Jobs> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts jobs from the front of the queue while there is room; a job whose model is busy lets others pass.
    fn start_waiting(self: &Arc<Self>, jobs: &mut Jobs) {
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
            self.runtime.spawn_blocking(move || inner.run(&job));
        }
    }

    fn run(self: Arc<Self>, job: &Arc<Job>) {
        let ending = worker::run(job, &self.registry, &self.meters);
        // Whoever learns that the job has ended finds the queue without it: both change under one lock.
        let mut jobs = self.lock();
        jobs.running.remove(&job.model_id);
        job.end(ending);
        self.keep_ended(&mut jobs, job);
        self.start_waiting(&mut jobs);
    }

    /// Keeps an ended job readable, and drops the oldest ones beyond the bounds.
    fn keep_ended(&self, jobs: &mut Jobs, job: &Job) {
        jobs.ended.push_back(job.id);
        jobs.kept_epochs += job.epochs_done();
        while jobs.ended.len() > self.limits.kept || jobs.kept_epochs > MAX_KEPT_EPOCHS && jobs.ended.len() > 1 {
            let Some(dropped) = jobs.ended.pop_front().and_then(|oldest| jobs.by_id.remove(&oldest)) else { return };
            jobs.kept_epochs -= dropped.epochs_done();
        }
    }
}
