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

use super::checkpoint::Checkpoint;
use super::error::{JobError, JobFailure};
use super::files::{checkpoint_blob, given_up, history_blob};
use super::history::to_numbers;
use super::job::Job;
use super::report::{Ending, JobReport, JobState, Stop, StopReason};
use super::request::Training;
use super::rows;
use super::watch::Watch;
use crate::learning::metrics::evaluate;
use crate::learning::network::Network;
use crate::learning::report::{End, Summary};
use crate::learning::trainer::Trainer;
use crate::models::model::{MeasuredOn, RowsUsed, VersionFacts};
use crate::models::{ModelError, ModelRegistry, artifact};
use crate::storage::{Storage, StorageError, Write, exact};
use crate::telemetry::Meters;

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
        let batch_rows = training.settings.batch_size.of(rows);
        let rows_done = checkpoint.as_ref().map(|checkpoint| checkpoint.snapshot.state.rows_done(rows, batch_rows));
        let (snapshot, reached) = checkpoint.map(|checkpoint| (checkpoint.snapshot, checkpoint.reached)).unzip();
        if let Some(snapshot) = snapshot
            && let Err(misfit) = trainer.resume(snapshot)
        {
            self.useless(&misfit);
            return match self.persist(true, || self.runtime.block_on(self.begin(false))) {
                Ok(beginning) => self.train(beginning),
                Err(outcome) => outcome,
            };
        }
        self.job.start(reached.zip(rows_done));
        let mut watch = Watch::new(self);
        let summary = trainer.run(&mut watch);
        let (suspended, time_is_up) = (watch.suspended, watch.time_is_up);
        drop(watch);
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
        let (state, reason, made) = match outcome {
            Outcome::Suspended => return Done::Suspended,
            Outcome::Plain(ending) => return self.settle_plain(ending),
            Outcome::Version { state, reason, made } => (state, reason, made),
        };
        let (network, facts) = *made;
        let file = Bytes::from(artifact::encode(&network, Some(&facts)));
        let mut network = Some(network);
        let published = self
            .persist(false, || self.runtime.block_on(self.publish(state, reason, file.clone(), &facts, &mut network)));
        match published {
            Ok(report) => Done::Ended(Box::new(report)),
            // What cannot be published fails, and that is written down in its place.
            Err(Outcome::Plain(ending)) => self.settle_plain(ending),
            Err(_) => Done::Suspended,
        }
    }

    fn settle_plain(&self, ending: Ending) -> Done {
        let write = || self.runtime.block_on(write_end(self.storage, self.job, ending.clone()));
        match self.persist(false, write) {
            Ok(report) => Done::Ended(Box::new(report)),
            Err(Outcome::Suspended) => Done::Suspended,
            Err(_) => {
                tracing::error!(job_id = %self.job.id, "the job's end cannot be written down: it goes on at the next start");
                Done::Suspended
            }
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
        if !end_row(&mut write, job, &report).await? {
            return ended_before(self.storage, job).await;
        }
        write.commit().await?;
        if let Some(network) = network.take() {
            self.registry.published(job.model_id, &draft, network);
        }
        self.storage.discard(&given_up(job)).await;
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
    if !end_row(&mut write, job, &report).await? {
        return ended_before(storage, job).await;
    }
    write.commit().await?;
    storage.discard(&given_up(job)).await;
    Ok(report)
}

/// How a job ended whose end was written down although that seemed to have failed.
async fn ended_before(storage: &Storage, job: &Job) -> Result<JobReport, JobError> {
    let row = storage.catalog.job(job.id).await?.ok_or_else(|| JobError::NotFound(job.id.to_string()))?;
    JobReport::from_row(row)
}

async fn write_history(storage: &Storage, job: &Job) -> Result<(), JobError> {
    let history = job.history();
    if !history.is_empty() {
        let bytes: Vec<u8> = to_numbers(&history).iter().flat_map(|number| number.to_le_bytes()).collect();
        storage.blobs.put(&history_blob(job.id), bytes.into()).await?;
    }
    Ok(())
}

/// Ends the job's row, if it has not ended before; what it no longer refers to becomes litter.
async fn end_row(write: &mut Write, job: &Job, report: &JobReport) -> Result<bool, StorageError> {
    let ends = write.end_job(job.id, &report.to_outcome()).await?;
    for blob in given_up(job) {
        write.note_litter(&blob).await?;
    }
    Ok(ends)
}

fn failed(reason: StopReason, failure: JobFailure) -> Outcome {
    Outcome::Plain(Ending::failed(reason, failure))
}
