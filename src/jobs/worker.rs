//! One training on a blocking thread: reads its rows and its last checkpoint, trains, measures, publishes.
//!
//! Storage that does not work stops nothing: the worker tries again until it does, or until it is told to stop. A job
//! that was accepted ends only by its training, by its owner, or by what it needs being damaged.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::value::RawValue;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::checkpoint::Checkpoint;
use super::error::{JobError, JobFailure};
use super::history::to_numbers;
use super::job::Job;
use super::report::{Ending, JobReport, JobState, Stop, StopReason};
use super::request::Training;
use super::rows;
use crate::learning::diagnosis::Warning;
use crate::learning::metrics::evaluate;
use crate::learning::network::Network;
use crate::learning::report::{End, EpochReport, Summary};
use crate::learning::snapshot::Snapshot;
use crate::learning::trainer::{Control, Observer, Trainer};
use crate::models::model::{MeasuredOn, RowsUsed, VersionFacts};
use crate::models::{ModelError, ModelRegistry, artifact};
use crate::storage::{Storage, StorageError, exact};
use crate::telemetry::Meters;

/// A checkpoint may cost the training this share of its time: the next one is put off until it does.
const CHECKPOINT_SHARE: f64 = 0.02;
/// Starts in a row without a checkpoint after which a job is taken for the cause of the process's death.
const MAX_ATTEMPTS: u64 = 20;
/// Waits between two tries on storage: the first, and the longest.
const RETRY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));

/// How often a worker that waits looks whether it is to stop.
const STOP_POLL: Duration = Duration::from_millis(20);

/// What a worker works with.
pub(super) struct Worker<'a> {
    pub(super) job: &'a Arc<Job>,
    pub(super) storage: &'a Storage,
    pub(super) registry: &'a ModelRegistry,
    pub(super) meters: &'a Meters,
    pub(super) runtime: &'a Handle,
    pub(super) checkpoint_interval: Duration,
}

/// How a worker leaves its job.
pub(super) enum Done {
    /// It has ended, and the catalog says so.
    Ended(Box<JobReport>),
    /// The service stops: it goes on when it is started again.
    Suspended,
}

/// What is to be written down at the end.
enum Outcome {
    /// An ending without a version.
    Plain(Ending),
    /// A version to publish.
    Version { state: JobState, reason: StopReason, made: Box<(Network, VersionFacts)> },
    /// Nothing: the job goes on later.
    Suspended,
}

/// What a training begins with.
struct Beginning {
    training: Training,
    network: Network,
    checkpoint: Option<Checkpoint<'static>>,
}

impl Worker<'_> {
    /// Runs the job. Never panics: a panic of the training becomes a failed job.
    pub(super) fn run(self) -> Done {
        let outcome = catch_unwind(AssertUnwindSafe(|| self.outcome()));
        let outcome = outcome.unwrap_or_else(|_| failed(StopReason::Error, JobFailure::Panicked));
        let done = self.settle(outcome);
        let (id, model, request) = (self.job.id, self.job.model_id, &self.job.request_id);
        match &done {
            Done::Suspended => tracing::info!(job_id = %id, model_id = %model, "job interrupted: it goes on later"),
            Done::Ended(report) => {
                let (state, reason) = (report.state, report.stop_reason);
                let error = report.failure.as_ref().map(ToString::to_string);
                tracing::info!(job_id = %id, model_id = %model, request_id = %request, ?state, ?reason, error, "job ended");
            }
        }
        done
    }

    fn outcome(&self) -> Outcome {
        if self.job.attempts >= MAX_ATTEMPTS {
            let detail =
                format!("the process ended {MAX_ATTEMPTS} times while this job ran, before its first checkpoint");
            return failed(StopReason::Interrupted, JobFailure::Interrupted(detail));
        }
        self.meters.queue_seconds.observe(self.job.waited().as_secs_f64());
        match self.persist(true, || self.runtime.block_on(self.begin(true))) {
            Ok(beginning) => self.train(beginning),
            Err(outcome) => outcome,
        }
    }

    /// Tries `call` until storage works; else how the job ends instead. Its owner may cancel it meanwhile if it has not
    /// begun.
    fn persist<T>(&self, may_cancel: bool, mut call: impl FnMut() -> Result<T, JobError>) -> Result<T, Outcome> {
        let mut wait = RETRY.0;
        loop {
            match call() {
                Ok(value) => return Ok(value),
                Err(JobError::Storage(error) | JobError::Model(ModelError::Storage(error))) if error.is_passing() => {
                    tracing::warn!(job_id = %self.job.id, %error, "storage does not work: the job tries again");
                }
                Err(JobError::Model(ModelError::MemoryFull { .. })) => {}
                Err(error) => return Err(failed(StopReason::Error, JobFailure::Damaged(error.to_string()))),
            }
            let since = Instant::now();
            while since.elapsed() < wait {
                match self.job.stop() {
                    Some(Stop::Interrupt) => return Err(Outcome::Suspended),
                    Some(Stop::Drop | Stop::Keep) if may_cancel => return Err(Outcome::Plain(Ending::cancelled())),
                    _ => std::thread::sleep(STOP_POLL),
                }
            }
            wait = (wait * 2).min(RETRY.1);
        }
    }

    /// Reads what the training begins with, its last checkpoint if that may be used, and writes down that it begins.
    async fn begin(&self, resume: bool) -> Result<Beginning, JobError> {
        let job = self.job;
        let model = self.registry.get(&job.model_id.to_string()).await?;
        let damaged =
            |what: &str, reason: String| StorageError::damaged(format!("the {what} of job {}", job.id), reason);
        let file = self.storage.blobs.get(&job.rows_blob).await?;
        let training = rows::decode(&file, job.config().clone(), &model.spec);
        let training = training.map_err(|error| damaged("rows", error.to_string()))?;
        let checkpoint = match self.storage.blobs.get(&checkpoint_blob(job.id)).await {
            _ if !resume => None,
            Ok(file) => Checkpoint::decode(&file).map_err(|error| self.useless(&error)).ok(),
            Err(StorageError::Missing(_)) => None,
            Err(error) => return Err(error.into()),
        };
        let base =
            if job.config().warm_start { Some(job.base_version.unwrap_or(model.active()?.number)) } else { None };
        let network = match (&checkpoint, base) {
            (Some(_), _) => Network::with_parameters(model.spec.clone(), vec![0.0; model.spec.parameter_count()]),
            (None, None) => self.registry.start(&model).await?,
            (None, Some(number)) => {
                let version = self.registry.version(&model, number).await?;
                Network::clone(&*self.registry.network(&model, &version).await?)
            }
        };
        let mut write = self.storage.catalog.write().await?;
        write.start_job(job.id, Timestamp::now(), base).await?;
        write.commit().await?;
        Ok(Beginning { training, network, checkpoint })
    }

    fn useless(&self, error: &dyn std::fmt::Display) {
        tracing::warn!(job_id = %self.job.id, %error, "the job's checkpoint cannot be used: it starts again");
    }

    fn train(&self, Beginning { training, network, checkpoint }: Beginning) -> Outcome {
        let mut trainer = Trainer::new(network, &training.settings, &training.train, training.validation.as_ref());
        let rows = training.train.rows();
        let done =
            checkpoint.as_ref().map(|at| at.snapshot.state.rows_done(rows, training.settings.batch_size.of(rows)));
        if let Some(checkpoint) = &checkpoint
            && let Err(misfit) = trainer.resume(checkpoint.snapshot.clone())
        {
            self.useless(&misfit);
            return match self.persist(true, || self.runtime.block_on(self.begin(false))) {
                Ok(beginning) => self.train(beginning),
                Err(outcome) => outcome,
            };
        }
        self.job.start(checkpoint.as_ref().zip(done));
        drop(checkpoint);
        let mut watch = Watch::new(self);
        let summary = trainer.run(&mut watch);
        let (suspended, time_is_up) = (watch.suspended, watch.time_is_up);
        watch.finish();
        let summary = match summary {
            Ok(summary) => summary,
            Err(diverged) => return failed(StopReason::Diverged, JobFailure::Diverged(diverged.to_string())),
        };
        if suspended {
            return Outcome::Suspended;
        }
        let (state, reason, keep) = match (summary.end, self.job.stop()) {
            (End::Completed, _) => (JobState::Succeeded, StopReason::Completed, true),
            (End::EarlyStopping, _) => (JobState::Succeeded, StopReason::EarlyStopping, true),
            (End::Stopped, _) if time_is_up => (JobState::Succeeded, StopReason::TimeLimit, true),
            (End::Stopped, stop) => (JobState::Cancelled, StopReason::Cancelled, stop == Some(Stop::Keep)),
        };
        match self.facts(&summary, &training, trainer.into_network()) {
            Some(made) if keep => Outcome::Version { state, reason, made: Box::new(made) },
            _ => Outcome::Plain(Ending { state, reason, version: None, failure: None }),
        }
    }

    /// Measures the network; `None` if no epoch is complete.
    fn facts(&self, summary: &Summary, training: &Training, network: Network) -> Option<(Network, VersionFacts)> {
        let reached = summary.published?;
        let (rows_used, examples) = match &training.validation {
            Some(validation) => (RowsUsed::Validation, validation),
            None => (RowsUsed::Training, &training.train),
        };
        let (_, metrics) = evaluate(&network, examples);
        let metrics = exact::to_text(&MeasuredOn { rows_used, metrics });
        let facts = VersionFacts {
            job_id: Some(self.job.id),
            created_at: Timestamp::now(),
            epochs: reached.epoch,
            loss: reached.loss,
            validation_loss: reached.validation_loss,
            metrics: RawValue::from_string(metrics).expect("it was written as JSON").into(),
        };
        Some((network, facts))
    }

    /// Writes down what became of the job, for as long as it takes.
    fn settle(&self, outcome: Outcome) -> Done {
        let settled = match outcome {
            Outcome::Suspended => return Done::Suspended,
            Outcome::Plain(ending) => self.persist(false, || {
                self.runtime.block_on(write_end(self.storage, self.job, ending.clone())).map(Box::new)
            }),
            Outcome::Version { state, reason, made } => {
                let (network, facts) = *made;
                let file = Bytes::from(artifact::encode(&network, Some(&facts)));
                let mut network = Some(network);
                self.persist(false, || {
                    let publish = self.publish(state, reason, file.clone(), &facts, &mut network);
                    self.runtime.block_on(publish).map(Box::new)
                })
            }
        };
        match settled {
            Ok(report) => Done::Ended(report),
            // What cannot be published fails, and that is written down in its place.
            Err(Outcome::Plain(ending)) => self.settle(Outcome::Plain(ending)),
            Err(_) => Done::Suspended,
        }
    }

    /// Publishes a version and ends the job, both in one change.
    async fn publish(
        &self,
        state: JobState,
        reason: StopReason,
        file: Bytes,
        facts: &VersionFacts,
        network: &mut Option<Network>,
    ) -> Result<JobReport, JobError> {
        let job = self.job;
        write_history(self.storage, job).await?;
        let draft = self.registry.draft(job.id, file, facts.clone()).await?;
        let mut write = self.storage.catalog.write().await?;
        let number = self.registry.publish(&mut write, job.model_id, &draft).await?;
        let version = Some((number, facts.metrics.clone()));
        let report = job.report_ended(Ending { state, reason, version, failure: None });
        let litter = end_row(&mut write, job, &report).await?;
        write.commit().await?;
        if let Some(network) = network.take() {
            self.registry.published(job.model_id, &draft, network);
        }
        self.storage.discard(&litter).await;
        Ok(report)
    }
}

/// Writes down that a job ends so, without a version.
///
/// # Errors
/// `Storage`: it has not ended then.
pub(super) async fn write_end(storage: &Storage, job: &Job, ending: Ending) -> Result<JobReport, JobError> {
    write_history(storage, job).await?;
    let report = job.report_ended(ending);
    let mut write = storage.catalog.write().await?;
    let litter = end_row(&mut write, job, &report).await?;
    write.commit().await?;
    storage.discard(&litter).await;
    Ok(report)
}

async fn write_history(storage: &Storage, job: &Job) -> Result<(), JobError> {
    let history = job.history();
    if !history.is_empty() {
        let bytes: Vec<u8> = to_numbers(&history).iter().flat_map(|number| number.to_le_bytes()).collect();
        storage.blobs.put(&history_blob(job.id), bytes.into()).await?;
    }
    Ok(())
}

/// Ends the job's row; what it no longer refers to becomes litter.
async fn end_row(
    write: &mut crate::storage::Write,
    job: &Job,
    report: &JobReport,
) -> Result<[String; 2], StorageError> {
    write.end_job(job.id, &report.to_outcome()).await?;
    let litter = [job.rows_blob.clone(), checkpoint_blob(job.id)];
    for blob in &litter {
        write.note_litter(blob).await?;
    }
    Ok(litter)
}

fn failed(reason: StopReason, failure: JobFailure) -> Outcome {
    Outcome::Plain(Ending::failed(reason, failure))
}

/// Carries the trainer's news to the job, the job's wishes to the trainer, and its state to storage.
struct Watch<'a> {
    worker: &'a Worker<'a>,
    /// Set when the first epoch is complete: a training always leaves a version.
    time_limit: Option<f64>,
    time_is_up: bool,
    suspended: bool,
    /// The checkpoint that is being written.
    writing: Option<JoinHandle<()>>,
    /// What says when the next one is due.
    timer: JoinHandle<()>,
}

impl<'a> Watch<'a> {
    fn new(worker: &'a Worker<'a>) -> Self {
        // A warm start is written down at once: the version it starts from may be deleted.
        let first = if worker.job.config().warm_start { Duration::ZERO } else { worker.checkpoint_interval };
        let time_limit = if worker.job.epochs_done() > 0 { worker.job.config().max_seconds } else { None };
        let timer = due_after(worker, first);
        Watch { worker, time_limit, time_is_up: false, suspended: false, writing: None, timer }
    }

    fn control(&mut self) -> Control {
        let job = self.worker.job;
        match job.stop() {
            Some(Stop::Interrupt) => return Control::Save,
            Some(Stop::Drop | Stop::Keep) => return Control::Stop,
            None => {}
        }
        self.time_is_up = self.time_limit.is_some_and(|limit| job.running_for() >= duration(limit));
        match self.time_is_up {
            true => Control::Stop,
            false if job.take_checkpoint_due() => Control::Save,
            false => Control::Continue,
        }
    }

    fn write_checkpoint(&mut self, snapshot: Snapshot<'_>) {
        let (since, worker) = (Instant::now(), self.worker);
        let id = worker.job.id;
        let file = Bytes::from(worker.job.checkpoint(snapshot).encode());
        let storage = worker.storage.clone();
        self.writing = Some(worker.runtime.spawn(async move {
            if let Err(error) = put_checkpoint(&storage, id, file).await {
                tracing::warn!(job_id = %id, %error, "a checkpoint could not be written");
            }
        }));
        let cost = since.elapsed();
        worker.meters.checkpoint_seconds.observe(cost.as_secs_f64());
        self.timer = due_after(worker, worker.checkpoint_interval.max(cost.div_f64(CHECKPOINT_SHARE)));
    }

    /// Waits for a checkpoint that is being written: when the job has ended, none may come after.
    fn finish(self) {
        self.timer.abort();
        if let Some(writing) = self.writing {
            let _ = self.worker.runtime.block_on(writing);
        }
    }
}

async fn put_checkpoint(storage: &Storage, id: Uuid, file: Bytes) -> Result<(), StorageError> {
    storage.blobs.put(&checkpoint_blob(id), file).await?;
    let mut write = storage.catalog.write().await?;
    write.job_progressed(id).await?;
    write.commit().await
}

/// Lets a checkpoint of the job be due after `wait`.
fn due_after(worker: &Worker, wait: Duration) -> JoinHandle<()> {
    let job = worker.job.clone();
    worker.runtime.spawn(async move {
        tokio::time::sleep(wait).await;
        job.set_checkpoint_due();
    })
}

impl Observer for Watch<'_> {
    fn batch(&mut self, rows: usize) -> Control {
        let control = self.control();
        if control != Control::Stop {
            self.worker.job.batch(rows);
        }
        control
    }

    fn save(&mut self, snapshot: Snapshot<'_>) -> Control {
        self.suspended = self.worker.job.stop() == Some(Stop::Interrupt);
        let busy = self.writing.as_ref().is_some_and(|writing| !writing.is_finished());
        if self.suspended {
            if let Some(writing) = self.writing.take() {
                let _ = self.worker.runtime.block_on(writing);
            }
            self.write_checkpoint(snapshot);
            return Control::Stop;
        }
        match busy {
            true => self.timer = due_after(self.worker, self.worker.checkpoint_interval),
            false => self.write_checkpoint(snapshot),
        }
        Control::Continue
    }

    fn epoch(&mut self, report: &EpochReport) -> Control {
        self.worker.job.epoch(report);
        self.worker.meters.epochs.inc();
        self.time_limit = self.worker.job.config().max_seconds;
        Control::Continue
    }

    fn warning(&mut self, warning: Warning) {
        self.worker.job.warn(warning);
    }
}

/// Seconds as a duration; what is too long for one is as long as can be.
fn duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

/// The blobs that the row of a job refers to, where `rows_blob` is that of its rows if it is open; those of a job that
/// has not got so far are not there.
pub fn blobs(id: Uuid, rows_blob: Option<String>) -> Vec<String> {
    rows_blob.map_or_else(|| vec![history_blob(id)], |rows| vec![rows, checkpoint_blob(id)])
}

/// Where the last checkpoint of a job is until it has ended.
fn checkpoint_blob(id: Uuid) -> String {
    format!("checkpoints/{id}.safetensors")
}

/// Where the history of a job is once it has ended: entries of 32 bytes.
pub(super) fn history_blob(id: Uuid) -> String {
    format!("histories/{id}")
}
