//! All jobs of the service, open or ended: found, listed, counted.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::merged::{Listed, merged};
use super::scheduler::{QueueLimits, Scheduler};
use crate::datasets::DatasetRegistry;
use crate::jobs::error::JobError;
use crate::jobs::handle::{EndedJob, JobHandle};
use crate::jobs::job::Job;
use crate::jobs::outbox::Outbox;
use crate::jobs::record::history_blob;
use crate::jobs::report::JobReport;
use crate::jobs::state::{JobState, JobStates};
use crate::models::{Model, ModelError, ModelRegistry};
use crate::storage::Storage;
use crate::storage::catalog::{JobRow, JobRowFilter, shown};
use crate::telemetry::{Meters, Traces};

/// What the rows of jobs that are listed at once say, in bytes.
const MAX_LISTED_BYTES: u64 = 8 << 20;
/// Of the time that the queue waits for its jobs when it closes, they wait this share for storage.
const STORAGE_SHARE: f64 = 0.8;

/// All jobs of the service. Cheap to clone: a handle.
#[derive(Clone)]
pub struct JobQueue {
    pub(super) scheduler: Arc<Scheduler>,
    _running: Arc<InterruptOnDrop>,
}

/// Interrupts what runs when the last handle goes, so that no worker outlives the service.
struct InterruptOnDrop(Arc<Scheduler>);

impl Drop for InterruptOnDrop {
    fn drop(&mut self) {
        self.0.stop(None);
    }
}

/// Which jobs are asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct JobFilter {
    /// Jobs of this model.
    pub model: Option<Uuid>,
    /// Jobs that train on this data set.
    pub dataset: Option<Uuid>,
    /// Jobs in one of these states.
    pub states: JobStates,
}

impl JobQueue {
    /// An empty queue, which notes in `outbox` whose ends are to be told. Must be called within a tokio runtime: jobs read and write through it.
    pub fn new(
        storage: Storage,
        registry: ModelRegistry,
        datasets: DatasetRegistry,
        limits: QueueLimits,
        meters: Arc<Meters>,
        outbox: Outbox,
        traces: Traces,
    ) -> Self {
        let scheduler = Arc::new(Scheduler::new(storage, registry, datasets, limits, meters, outbox, traces));
        JobQueue { _running: Arc::new(InterruptOnDrop(scheduler.clone())), scheduler }
    }

    /// Where ends of jobs are noted for those who are to be told.
    pub fn outbox(&self) -> &Outbox {
        &self.scheduler.outbox
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
        let row = self.scheduler.storage.catalog.job(id).await?.ok_or_else(missing)?;
        if row.outcome.is_none() {
            return self.open_of_row(&row).await;
        }
        let ended = EndedJob::new(JobReport::read(row).await?, self.scheduler.storage.clone());
        Ok(JobHandle::Ended(Box::new(ended)))
    }

    /// The open job of a row. It came in while the catalog was asked; or its writing down seemed to have failed, and it is taken up
    /// now.
    async fn open_of_row(&self, row: &JobRow) -> Result<JobHandle, JobError> {
        if self.open(row.id).is_none() && self.is_open() {
            self.recover().await?;
        }
        let job = self.open(row.id).map_or_else(|| Job::from_row(row).map(Arc::new), Ok)?;
        Ok(JobHandle::Open(job))
    }

    /// At most `limit` jobs older than `before` that fit `filter`, newest first, and whether there are more. Fewer where they
    /// have much to say: measures of a hundred classes are tens of kilobytes each.
    ///
    /// # Errors
    /// `Storage`.
    pub async fn list(
        &self,
        filter: JobFilter,
        before: Option<Uuid>,
        limit: usize,
    ) -> Result<Listed<JobReport>, JobError> {
        let (ended, open): (Vec<_>, Vec<_>) = filter.states.iter().partition(|state| state.ended());
        // The catalog has all jobs; in which state the open ones are is known here.
        match (filter.states.are_all() || open.is_empty(), ended.is_empty()) {
            (true, _) => self.list_stored(filter, before, limit).await,
            (false, true) => Ok(self.list_open(filter, before, limit)),
            (false, false) => {
                // In this order: one that ends meanwhile is in both, and not in none.
                let open = self.list_open(filter, before, limit);
                let filter = JobFilter { states: JobStates::of(&ended), ..filter };
                let ended = self.list_stored(filter, before, limit).await?;
                Ok(merged(open, ended, limit, |report| report.id))
            }
        }
    }

    async fn list_stored(
        &self,
        filter: JobFilter,
        before: Option<Uuid>,
        limit: usize,
    ) -> Result<Listed<JobReport>, JobError> {
        let catalog = &self.scheduler.storage.catalog;
        let asked = (!filter.states.are_all()).then_some(filter.states);
        let states = asked.into_iter().flat_map(JobStates::iter).map(JobState::word).collect();
        let fits = JobRowFilter { model_id: filter.model, dataset_id: filter.dataset, states };
        let found = catalog.job_lengths(&fits, before, limit + 1).await?;
        let count = shown(found.iter().map(|(_, length)| *length), limit, MAX_LISTED_BYTES);
        let rows = catalog.jobs(&fits, before, count).await?;
        let order: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
        let is_here = |row: &JobRow| row.outcome.is_none() || self.open(row.id).is_some();
        let (here, ended): (Vec<_>, Vec<_>) = rows.into_iter().partition(is_here);
        let mut reports = JobReport::read_all(ended).await?;
        for row in here {
            reports.push(match self.open(row.id) {
                Some(job) => job.report(),
                None => self.get(&row.id.to_string()).await?.report(),
            });
        }
        let places: HashMap<Uuid, usize> = order.into_iter().zip(0..).collect();
        reports.sort_by_key(|report| places.get(&report.id).copied());
        Ok((reports, found.len() > count))
    }

    fn list_open(&self, filter: JobFilter, before: Option<Uuid>, limit: usize) -> Listed<JobReport> {
        let jobs = self.scheduler.lock();
        let of_model = |job: &&Arc<Job>| filter.model.is_none_or(|model| model == job.record.model_id);
        let on_dataset =
            |job: &&Arc<Job>| filter.dataset.is_none_or(|dataset| job.record.data.datasets().0 == Some(dataset));
        let in_state = |job: &&Arc<Job>| filter.states.has(job.progress.state());
        let found = jobs.before(before).filter(of_model).filter(on_dataset).filter(in_state);
        let found: Vec<_> = found.take(limit + 1).collect();
        let count = shown(found.iter().map(|job| job.bytes()), limit, MAX_LISTED_BYTES).min(found.len());
        (found[..count].iter().map(|job| job.report()).collect(), found.len() > count)
    }

    /// Number of jobs in each state.
    ///
    /// # Errors
    /// `Storage`.
    pub async fn counts(&self) -> Result<BTreeMap<&'static str, u64>, JobError> {
        let counted = self.scheduler.storage.catalog.count_jobs().await?;
        let of = |state: JobState| counted.iter().find(|(word, _)| word == state.word()).map_or(0, |(_, jobs)| *jobs);
        let mut counts: BTreeMap<_, _> = JobState::ALL.map(|state| (state.word(), of(state))).into();
        let (waiting, running) = self.scheduler.lock().counts();
        counts.insert(JobState::Queued.word(), waiting as u64);
        counts.insert(JobState::Running.word(), running as u64);
        Ok(counts)
    }

    /// How many jobs wait, and how many run.
    pub fn open_counts(&self) -> (usize, usize) {
        self.scheduler.lock().counts()
    }

    /// Removes a model that no job is queued or running for.
    ///
    /// # Errors
    /// `ModelBusy`, that the model is gone, or `Storage`.
    pub async fn remove_model(&self, model: &Model) -> Result<(), JobError> {
        let mut write = self.scheduler.storage.catalog.write().await?;
        if !write.lock_model(model.id).await? {
            return Err(ModelError::NotFound(model.title()).into());
        }
        if write.has_open_jobs(model.id).await? {
            return Err(JobError::ModelBusy(model.title()));
        }
        Ok(self.scheduler.registry.remove(write, model.id).await?)
    }

    /// Removes a job that has ended, with its history. A version that it made stays.
    ///
    /// # Errors
    /// `Open` if it has not ended, `NotFound` if it is gone, `Storage`.
    pub async fn remove(&self, job: &JobHandle) -> Result<(), JobError> {
        let id = job.report().id;
        if let JobHandle::Open(job) = job
            && !job.progress.state().ended()
        {
            return Err(JobError::Open(id));
        }
        let history = history_blob(id);
        let mut write = self.scheduler.storage.catalog.write().await?;
        if !write.remove_job(id).await? {
            return Err(JobError::NotFound(id.to_string()));
        }
        write.note_litter(&history).await?;
        write.commit().await?;
        self.scheduler.storage.discard(&[history]).await;
        Ok(())
    }

    /// Takes no new jobs, asks those that run to write a checkpoint and stop, and waits for them, `patience` at most. They
    /// and those that wait go on when the service is started again. False if some still run: what they do from now on is lost.
    pub async fn close(&self, patience: Duration) -> bool {
        let now = Instant::now();
        // A job that waits for storage gives up a little earlier, so that its log says so.
        let running = self.scheduler.stop(now.checked_add(patience.mul_f64(STORAGE_SHARE)));
        let all_over = async {
            for job in running {
                job.progress.over().await;
            }
        };
        tokio::time::timeout(patience, all_over).await.is_ok()
    }

    /// Whether the queue takes jobs.
    pub fn is_open(&self) -> bool {
        !self.scheduler.lock().stopping()
    }

    fn open(&self, id: Uuid) -> Option<Arc<Job>> {
        self.scheduler.lock().get(id).cloned()
    }
}
