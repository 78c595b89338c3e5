//! One training on a blocking thread: reads its rows and its last checkpoint, trains, measures, publishes.
//!
//! Storage that does not work stops nothing: the worker tries again until it does, or until it is told to stop. A job
//! that was accepted ends only by its training, by its owner, or by what it needs being damaged.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::runtime::Handle;

use super::beginning::Beginning;
use super::error::{JobError, JobFailure};
use super::files::{given_up, history_blob};
use super::finish::{self, Made};
use super::history::to_numbers;
use super::job::Job;
use super::report::{Ending, JobReport, JobState, Stop, StopReason};
use super::watch::Watch;
use crate::datasets::DatasetRegistry;
use crate::learning::report::End;
use crate::learning::team::{Cores, Team};
use crate::learning::trainer::Trainer;
use crate::models::{ModelError, ModelRegistry, artifact};
use crate::storage::{Storage, StorageError, Write};
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
    pub(super) datasets: &'a DatasetRegistry,
    pub(super) meters: &'a Meters,
    pub(super) runtime: &'a Handle,
    pub(super) cores: &'a Arc<Cores>,
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
    Version { state: JobState, reason: StopReason, made: Box<Made> },
    /// Nothing: the job goes on later.
    Suspended,
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
        match self.persist(true, || Beginning::of(self, true)) {
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
                Err(JobError::Model(ModelError::MemoryFull { .. })) => {}
                Err(error) if error.storage().is_some_and(StorageError::is_passing) => {
                    tracing::warn!(job_id = %self.job.id, %error, "storage does not work: the job tries again");
                }
                Err(
                    error @ (JobError::Unfit(_) | JobError::Model(ModelError::Spec(_) | ModelError::TooLarge { .. })),
                ) => {
                    return Err(failed(StopReason::Error, JobFailure::Unfit(error.to_string())));
                }
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

    pub(super) fn useless(&self, error: &dyn std::fmt::Display) {
        tracing::warn!(job_id = %self.job.id, %error, "the job's checkpoint cannot be used: it starts again");
    }

    fn train(&self, Beginning { training, network, checkpoint, table, findings }: Beginning) -> Outcome {
        let trainer = Trainer::new(network, &training.settings, &training.train, training.validation.as_ref());
        let mut trainer = trainer.on(Team::on(self.cores));
        let rows = training.train.rows();
        let batch_rows = training.settings.batch_size.of(rows);
        let rows_done = checkpoint.as_ref().map(|checkpoint| checkpoint.snapshot.state.rows_done(rows, batch_rows));
        let (snapshot, reached) = checkpoint.map(|checkpoint| (checkpoint.snapshot, checkpoint.reached)).unzip();
        if let Some(snapshot) = snapshot
            && let Err(misfit) = trainer.resume(snapshot)
        {
            self.useless(&misfit);
            return match self.persist(true, || Beginning::of(self, false)) {
                Ok(beginning) => self.train(beginning),
                Err(outcome) => outcome,
            };
        }
        let goes_on = reached.is_some();
        self.job.start(reached.zip(rows_done));
        if !goes_on {
            findings.into_iter().for_each(|finding| self.job.warn(finding));
        }
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
        let Some(reached) = summary.published.filter(|_| keep) else {
            return Outcome::Plain(Ending { state, reason, version: None, failure: None });
        };
        let network = trainer.into_network();
        let made = match table {
            None => Some(finish::layers(self.job, &reached, &training, network)),
            Some(start) => finish::table(self.job, self.cores, &reached, &training, network, start),
        };
        made.map_or(Outcome::Suspended, |made| Outcome::Version { state, reason, made: Box::new(made) })
    }

    /// Writes down what became of the job, for as long as it takes.
    fn settle(&self, outcome: Outcome) -> Done {
        let (state, reason, made) = match outcome {
            Outcome::Suspended => return Done::Suspended,
            Outcome::Plain(ending) => return self.settle_plain(ending),
            Outcome::Version { state, reason, made } => (state, reason, made),
        };
        let file = Bytes::from(artifact::encode(&made.predictor, Some(&made.facts)));
        // A version that is published is read again after a restart: one that could not be is none.
        if let (Some(_), Err(error)) = (made.predictor.table().ok(), artifact::decode(&file)) {
            let detail = format!("the version's file could not be read again: {error}");
            return self.settle_plain(Ending::failed(StopReason::Error, JobFailure::Unfit(detail)));
        }
        let mut made = Some(*made);
        let published =
            self.persist(false, || self.runtime.block_on(self.publish(state, reason, file.clone(), &mut made)));
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
        made: &mut Option<Made>,
    ) -> Result<JobReport, JobError> {
        let job = self.job;
        let Some(Made { predictor, facts }) = made else { return ended_before(self.storage, job).await };
        write_history(self.storage, job).await?;
        let draft = self.registry.draft(job.id, predictor, file, facts.clone()).await?;
        let mut write = self.storage.catalog.write().await?;
        let number = self.registry.publish(&mut write, job.model_id, &draft).await?;
        let version = Some((number, facts.metrics.clone()));
        let report = job.report_ended(Ending { state, reason, version, failure: None });
        if !end_row(&mut write, job, &report).await? {
            return ended_before(self.storage, job).await;
        }
        write.commit().await?;
        if let Some(Made { predictor, .. }) = made.take() {
            self.registry.published(job.model_id, number, &draft, predictor);
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
