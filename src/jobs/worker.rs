//! One training on a blocking thread: trains, measures, publishes, and tells the job.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use jiff::Timestamp;

use super::error::JobFailure;
use super::job::Job;
use super::report::{Ending, JobState, Stop, StopReason};
use super::request::Training;
use crate::learning::diagnosis::Warning;
use crate::learning::metrics::evaluate;
use crate::learning::network::Network;
use crate::learning::report::{End, EpochReport, Summary};
use crate::learning::trainer::{Control, Observer, Trainer};
use crate::models::model::{MeasuredOn, RowsUsed};
use crate::models::{ModelError, ModelRegistry, Version};
use crate::telemetry::Meters;

/// Runs `job` and says how it ended. Never panics: a panic of the training becomes a failed job.
pub(super) fn run(job: &Job, registry: &ModelRegistry, meters: &Meters) -> Ending {
    let Some(training) = job.start() else { return Ending::cancelled(StopReason::Interrupted) };
    meters.queue_seconds.observe(job.waited().as_secs_f64());
    let ending = catch_unwind(AssertUnwindSafe(|| train(job, training, registry, meters)));
    let ending = ending.unwrap_or_else(|_| Ending::failed(StopReason::Error, JobFailure::Panicked));
    let (id, model, request, state) = (job.id, job.model_id, &job.request_id, ending.state);
    let (reason, error) = (ending.reason, ending.failure.as_ref().map(ToString::to_string));
    tracing::info!(job_id = %id, model_id = %model, request_id = %request, ?state, ?reason, error, "job ended");
    ending
}

fn train(job: &Job, training: Training, registry: &ModelRegistry, meters: &Meters) -> Ending {
    let network = match start(job, registry) {
        Ok(network) => network,
        Err(error) => return Ending::failed(StopReason::Error, JobFailure::Model(error)),
    };
    let mut watch = Watch { job, meters, time_limit: None, time_is_up: false };
    let mut trainer = Trainer::new(network, &training.settings, &training.train, training.validation.as_ref());
    let summary = match trainer.run(&mut watch) {
        Ok(summary) => summary,
        Err(diverged) => {
            return Ending::failed(StopReason::Diverged, JobFailure::Diverged(diverged.to_string()));
        }
    };
    let network = trainer.into_network();
    let (state, reason, keep) = match (summary.end, job.stop()) {
        (End::Completed, _) => (JobState::Succeeded, StopReason::Completed, true),
        (End::EarlyStopping, _) => (JobState::Succeeded, StopReason::EarlyStopping, true),
        (End::Stopped, _) if watch.time_is_up => (JobState::Succeeded, StopReason::TimeLimit, true),
        (End::Stopped, Some(Stop::Interrupt)) => (JobState::Cancelled, StopReason::Interrupted, false),
        (End::Stopped, stop) => (JobState::Cancelled, StopReason::Cancelled, stop == Some(Stop::Keep)),
    };
    if !keep {
        return Ending::cancelled(reason);
    }
    match publish(job, network, summary, &training, registry) {
        Ok(version) => Ending { state, reason, version, failure: None },
        Err(error) => Ending::failed(StopReason::Error, JobFailure::Model(error)),
    }
}

/// Where training starts: the model's own start, or its active version.
fn start(job: &Job, registry: &ModelRegistry) -> Result<Network, ModelError> {
    let model = registry.get(&job.model_id.to_string())?;
    match job.config().warm_start {
        true => model.active().map(|version| version.network.clone()),
        false => Ok(Network::new(model.spec.clone())),
    }
}

/// Measures the network and publishes it; `None` if no epoch is complete.
fn publish(
    job: &Job,
    network: Network,
    summary: Summary,
    training: &Training,
    registry: &ModelRegistry,
) -> Result<Option<(u64, MeasuredOn)>, ModelError> {
    let Some(reached) = summary.published else { return Ok(None) };
    let (rows_used, examples) = match &training.validation {
        Some(validation) => (RowsUsed::Validation, validation),
        None => (RowsUsed::Training, &training.train),
    };
    let (_, metrics) = evaluate(&network, examples);
    let metrics = MeasuredOn { rows_used, metrics };
    let version = registry.publish(job.model_id, |number| Version {
        number,
        job_id: job.id,
        created_at: Timestamp::now(),
        network,
        epochs: reached.epoch,
        loss: reached.loss,
        validation_loss: reached.validation_loss,
        metrics,
    })?;
    Ok(Some((version.number, version.metrics.clone())))
}

/// Carries the trainer's news to the job, and the job's wishes to the trainer.
struct Watch<'a> {
    job: &'a Job,
    meters: &'a Meters,
    /// Set when the first epoch is complete: a training always leaves a version.
    time_limit: Option<f64>,
    time_is_up: bool,
}

impl Watch<'_> {
    fn control(&mut self) -> Control {
        if self.job.stop().is_some() {
            return Control::Stop;
        }
        self.time_is_up = self.time_limit.is_some_and(|limit| self.job.running_for() >= duration(limit));
        if self.time_is_up { Control::Stop } else { Control::Continue }
    }
}

impl Observer for Watch<'_> {
    fn batch(&mut self, rows: usize) -> Control {
        let control = self.control();
        if control == Control::Continue {
            self.job.batch(rows);
        }
        control
    }

    fn epoch(&mut self, report: &EpochReport) -> Control {
        self.job.epoch(report);
        self.meters.epochs.inc();
        self.time_limit = self.job.config().max_seconds;
        Control::Continue
    }

    fn warning(&mut self, warning: Warning) {
        self.job.warn(warning);
    }
}

/// Seconds as a duration; what is too long for one is as long as can be.
fn duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}
