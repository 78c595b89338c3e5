//! The queue: jobs wait in the order they came and run on threads of their own, one of a model at a time.
//!
//! The catalog holds every job; the queue holds those that are open. A job is in the catalog before it is here, and its
//! end is in the catalog before it leaves.

mod place;
mod scheduling;
mod submission;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytesize::ByteSize;
use tokio::runtime::Handle;
use uuid::Uuid;

use super::error::JobError;
use super::handle::JobHandle;
use super::job::Job;
use super::report::{Ending, JobReport, JobState, Stop};
use super::request::Training;
use super::table::TableTraining;
use super::worker;
use crate::datasets::{DatasetDraft, DatasetRegistry};
use crate::learning::team::Cores;
use crate::models::{Model, ModelError, ModelRegistry, NewModel};
use crate::storage::Storage;
use crate::storage::catalog::JobRowFilter;
use crate::telemetry::Meters;

/// How long a cancelled job may take to write its end down before the canceller is told to ask again.
const CANCEL_PATIENCE: Duration = Duration::from_secs(20);

/// Bounds of the queue.
#[derive(Clone, Copy, Debug)]
pub struct QueueLimits {
    /// Jobs that run at once.
    pub concurrent: usize,
    /// Threads that the jobs share; each that runs has at least one.
    pub threads: usize,
    /// Jobs that may wait.
    pub waiting: usize,
    /// Ended jobs that stay readable; all if none is given.
    pub kept: Option<u64>,
    /// Memory that all trainings together may take.
    pub memory: ByteSize,
    /// Least time between two checkpoints of a job.
    pub checkpoint_interval: Duration,
}

/// All jobs of the service. Cheap to clone: a handle.
#[derive(Clone)]
pub struct JobQueue {
    inner: Arc<Inner>,
    _running: Arc<InterruptOnDrop>,
}

/// Interrupts what runs when the last handle goes, so that no worker outlives the service.
struct InterruptOnDrop(Arc<Inner>);

impl Drop for InterruptOnDrop {
    fn drop(&mut self) {
        self.0.stop();
    }
}

struct Inner {
    /// Held for a few lines at a time, never over a call on storage.
    jobs: Mutex<Jobs>,
    /// Held while a job is written down.
    submitting: tokio::sync::Mutex<()>,
    limits: QueueLimits,
    /// The processors that the jobs share.
    cores: Arc<Cores>,
    storage: Storage,
    registry: ModelRegistry,
    datasets: DatasetRegistry,
    meters: Arc<Meters>,
    runtime: Handle,
}

/// A training to be put into the queue.
pub enum Work {
    /// On rows of its own.
    Rows(Box<Training>),
    /// Of a model by data set.
    Table(Box<TableTraining>),
}

/// What comes into being together with its first training: a data set, and a model by it.
pub struct Birth {
    /// The data set, its columns written.
    pub draft: DatasetDraft,
    /// The model.
    pub model: NewModel,
}

#[derive(Default)]
struct Jobs {
    open: BTreeMap<Uuid, Arc<Job>>,
    waiting: VecDeque<Arc<Job>>,
    /// By model: at most one each.
    running: HashMap<Uuid, Arc<Job>>,
    /// Places in the queue of jobs that are being written down, and their memory.
    reserved: (usize, usize),
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
    /// An empty queue. Must be called within a tokio runtime: jobs read and write through it.
    pub fn new(
        storage: Storage,
        registry: ModelRegistry,
        datasets: DatasetRegistry,
        limits: QueueLimits,
        meters: Arc<Meters>,
    ) -> Self {
        let inner = Arc::new(Inner {
            jobs: Mutex::default(),
            submitting: tokio::sync::Mutex::default(),
            cores: Cores::new(limits.threads),
            limits,
            storage,
            registry,
            datasets,
            meters,
            runtime: Handle::current(),
        });
        JobQueue { _running: Arc::new(InterruptOnDrop(inner.clone())), inner }
    }

    /// Takes up the jobs that an earlier process left waiting or running; returns how many.
    ///
    /// # Errors
    /// `Storage`. A job whose row is damaged is left alone, with a line in the log.
    pub async fn recover(&self) -> Result<usize, JobError> {
        let rows = self.inner.storage.catalog.open_jobs().await?;
        let mut jobs = self.inner.lock();
        for row in rows {
            let id = row.id;
            match Job::from_row(row) {
                Ok(job) => jobs.add(Arc::new(job)),
                Err(error) => tracing::error!(job_id = %id, %error, "an open job cannot be taken up"),
            }
        }
        let taken_up = jobs.waiting.len();
        self.inner.start_waiting(&mut jobs);
        Ok(taken_up)
    }

    /// The job that `key` names.
    ///
    /// # Errors
    /// `NotFound`, `Storage`.
    pub async fn get(&self, key: &str) -> Result<JobHandle, JobError> {
        let missing = || JobError::NotFound(key.to_owned());
        let id = Uuid::try_parse(key).map_err(|_| missing())?;
        if let Some(job) = self.open(id) {
            return Ok(JobHandle::Open(job));
        }
        let row = self.inner.storage.catalog.job(id).await?.ok_or_else(missing)?;
        if row.outcome.is_none() {
            // It came in, or is being written down, while the catalog was asked.
            return Ok(JobHandle::Open(self.open(id).map_or_else(|| Job::from_row(row).map(Arc::new), Ok)?));
        }
        let report = Arc::new(JobReport::from_row(row)?);
        Ok(JobHandle::Ended { report, blobs: self.inner.storage.blobs.clone() })
    }

    /// At most `limit` jobs older than `before` that fit `filter`, newest first.
    ///
    /// # Errors
    /// `Storage`.
    pub async fn list(
        &self,
        filter: JobFilter,
        before: Option<Uuid>,
        limit: usize,
    ) -> Result<Vec<JobReport>, JobError> {
        if filter.state.is_some_and(|state| !state.ended()) {
            return Ok(self.list_open(filter, before, limit));
        }
        let rows = JobRowFilter { model_id: filter.model, state: filter.state.map(JobState::word) };
        let rows = self.inner.storage.catalog.jobs(&rows, before, limit).await?;
        let mut reports = Vec::with_capacity(rows.len());
        for row in rows {
            reports.push(match self.open(row.id) {
                Some(job) => job.report(),
                None if row.outcome.is_some() => JobReport::from_row(row)?,
                None => self.get(&row.id.to_string()).await?.report(),
            });
        }
        Ok(reports)
    }

    fn list_open(&self, filter: JobFilter, before: Option<Uuid>, limit: usize) -> Vec<JobReport> {
        let jobs = self.inner.lock();
        let older = jobs.open.range(..before.unwrap_or(Uuid::max())).rev().map(|(_, job)| job);
        let of_model = older.filter(|job| filter.model.is_none_or(|model| model == job.model_id));
        let in_state = of_model.filter(|job| filter.state.is_none_or(|state| state == job.state()));
        in_state.take(limit).map(|job| job.report()).collect()
    }

    /// Number of jobs in each state.
    ///
    /// # Errors
    /// `Storage`.
    pub async fn counts(&self) -> Result<BTreeMap<&'static str, u64>, JobError> {
        let counted = self.inner.storage.catalog.count_jobs().await?;
        let of = |state: JobState| counted.iter().find(|(word, _)| word == state.word()).map_or(0, |(_, jobs)| *jobs);
        let mut counts: BTreeMap<_, _> = JobState::ALL.map(|state| (state.word(), of(state))).into();
        let jobs = self.inner.lock();
        counts.insert(JobState::Queued.word(), jobs.waiting.len() as u64);
        counts.insert(JobState::Running.word(), jobs.running.len() as u64);
        Ok(counts)
    }

    /// Cancels a job and waits until it has ended; with `keep` the epochs done become a version.
    ///
    /// # Errors
    /// `Ended` if it had ended before, `Stopping`, `Storage`.
    pub async fn cancel(&self, job: &JobHandle, keep: bool) -> Result<(), JobError> {
        let JobHandle::Open(job) = job else { return Err(JobError::Ended(job.report().id)) };
        if !self.cancel_waiting(job).await? {
            if job.state().ended() {
                return Err(JobError::Ended(job.id));
            }
            job.ask_to_stop(if keep { Stop::Keep } else { Stop::Drop });
        }
        if tokio::time::timeout(CANCEL_PATIENCE, job.over()).await.is_err() {
            let detail = "the job has been told to stop, but its end cannot be written down yet: ask again";
            return Err(crate::storage::StorageError::Unavailable(detail.into()).into());
        }
        match job.state() {
            JobState::Cancelled => Ok(()),
            state if state.ended() => Err(JobError::Ended(job.id)),
            _ => Err(JobError::Stopping),
        }
    }

    async fn cancel_waiting(&self, job: &Arc<Job>) -> Result<bool, JobError> {
        let position = {
            let mut jobs = self.inner.lock();
            let position = jobs.waiting.iter().position(|waiting| waiting.id == job.id);
            position.inspect(|position| drop(jobs.waiting.remove(*position)))
        };
        if position.is_none() {
            return Ok(false);
        }
        let written = worker::write_end(&self.inner.storage, job, Ending::cancelled()).await;
        let mut jobs = self.inner.lock();
        match written {
            Ok(report) => {
                jobs.open.remove(&job.id);
                job.end(report);
            }
            Err(error) => {
                let place = jobs.waiting.partition_point(|waiting| waiting.id < job.id);
                jobs.waiting.insert(place, job.clone());
                self.inner.start_waiting(&mut jobs);
                return Err(error);
            }
        }
        self.inner.start_waiting(&mut jobs);
        Ok(true)
    }

    /// Removes a model that no job is queued or running for.
    ///
    /// # Errors
    /// `ModelBusy`, that the model is gone, or `Storage`.
    pub async fn remove_model(&self, model: &Model) -> Result<(), JobError> {
        let mut write = self.inner.storage.catalog.write().await?;
        if !write.lock_model(model.id).await? {
            return Err(ModelError::NotFound(model.title()).into());
        }
        if write.has_open_jobs(model.id).await? {
            return Err(JobError::ModelBusy(model.title()));
        }
        Ok(self.inner.registry.remove(write, model.id).await?)
    }

    /// Takes no new jobs, asks those that run to write a checkpoint and stop, and waits for them. They and those that
    /// wait go on when the service is started again.
    pub async fn close(&self) {
        for job in self.inner.stop() {
            job.over().await;
        }
    }

    /// Whether the queue takes jobs.
    pub fn is_open(&self) -> bool {
        !self.inner.lock().stopping
    }

    fn open(&self, id: Uuid) -> Option<Arc<Job>> {
        self.inner.lock().open.get(&id).cloned()
    }
}
