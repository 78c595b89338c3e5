//! From a trained network to a version: its measures, and for a model by data set all that goes with it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::few_rows::few_rows;
use super::job::Job;
use super::measure::{self, Baselines};
use super::report::Stop;
use super::request::Training;
use crate::learning::diagnosis::Warning;
use crate::learning::examples::Examples;
use crate::learning::metrics::{Metrics, evaluate};
use crate::learning::network::Network;
use crate::learning::report::EpochReport;
use crate::learning::stopping::EarlyStopping;
use crate::learning::team::{Cores, Team};
use crate::learning::trainer::{Control, Observer, Trainer};
use crate::learning::training::ValidTrainingSpec;
use crate::models::Predictor;
use crate::models::scoring::{self, Truth};
use crate::models::table::TableParts;
use crate::models::version::{MeasuredOn, RowsUsed, VersionFacts};
use crate::storage::exact;

/// Steps that the linear baseline gets, about, and their first size: its loss is convex, and its inputs are scaled.
const LINEAR_STEPS: u64 = 4000;
const LINEAR_RATE: f64 = 0.02;
/// It may take this share of the time that the network's training took, or so long if that is longer: one that is not
/// done by then is none.
const LINEAR_SHARE: f64 = 0.5;
const LINEAR_SECONDS: Duration = Duration::from_secs(5);

/// What of a model by data set is known before its first epoch and needed after its last.
pub(super) struct TableStart {
    pub(super) parts: TableParts,
    pub(super) truth: Truth,
}

/// A version that is to be published.
pub(super) struct Made {
    pub(super) predictor: Predictor,
    pub(super) facts: VersionFacts,
}

/// The measures of a version of a model by data set.
#[derive(Serialize)]
struct TableMeasures {
    #[serde(flatten)]
    measured: MeasuredOn,
    rows: usize,
    baselines: Baselines,
}

/// The rows that a version is measured on.
fn measured_rows(training: &Training) -> (RowsUsed, &Examples) {
    match &training.validation {
        Some(validation) => (RowsUsed::Validation, validation),
        None => (RowsUsed::Training, &training.train),
    }
}

/// Measures the network of a model by layer sizes.
pub(super) fn layers(job: &Job, reached: &EpochReport, training: &Training, network: Network) -> Made {
    let (rows_used, examples) = measured_rows(training);
    let (_, metrics) = evaluate(&network, examples);
    let facts = facts(job.id, reached, &MeasuredOn { rows_used, metrics });
    Made { predictor: network.into(), facts }
}

/// Calibrates and measures the network of a model by data set; `None` if the service stops meanwhile.
pub(super) fn table(
    job: &Job,
    cores: &Arc<Cores>,
    reached: &EpochReport,
    training: &Training,
    network: Network,
    start: TableStart,
) -> Option<Made> {
    let TableStart { mut parts, truth } = start;
    let (rows_used, examples) = measured_rows(training);
    if let Some(held_out) = &training.validation {
        measure::calibrate(&mut parts, &network, held_out, &truth);
        // A training that is cancelled with its epochs kept is measured like any other.
        let mut go_on = || !matches!(job.stop(), Some(Stop::Interrupt | Stop::Drop));
        let seed = training.settings.seed;
        let importance = measure::importance(&parts, &network, held_out, &truth, seed, &mut go_on);
        if importance.is_none() && job.stop() == Some(Stop::Interrupt) {
            return None;
        }
        parts.importance = importance.unwrap_or_default();
    }
    let metrics = scoring::measure(&parts, &network.logits_of(examples.inputs().view()), &truth);
    let linear = linear(job, cores, training, &parts, examples, &truth)?;
    let baselines = Baselines { linear, ..measure::constant(&parts.encoder.target, &truth) };
    if let (RowsUsed::Validation, Some(finding)) = (rows_used, few_rows(&metrics, examples.rows())) {
        job.warn(finding);
    }
    let measured = MeasuredOn { rows_used, metrics };
    let facts = facts(job.id, reached, &TableMeasures { measured, rows: examples.rows(), baselines });
    Some(Made { predictor: Predictor::new(network.into(), Some(parts)), facts })
}

fn facts(job_id: Uuid, reached: &EpochReport, metrics: &impl Serialize) -> VersionFacts {
    VersionFacts {
        job_id: Some(job_id),
        created_at: Timestamp::now(),
        epochs: reached.epoch,
        loss: reached.loss,
        validation_loss: reached.validation_loss,
        metrics: RawValue::from_string(exact::to_text(metrics)).expect("it was written as JSON").into(),
    }
}

/// What a linear model reaches on the same rows: `Some(None)` if it diverges, takes too long or the job is cancelled
/// meanwhile, `None` if the service stops.
#[allow(clippy::option_option)]
fn linear(
    job: &Job,
    cores: &Arc<Cores>,
    training: &Training,
    parts: &TableParts,
    examples: &Examples,
    truth: &Truth,
) -> Option<Option<measure::Measure>> {
    let Ok(spec) = parts.spec.linear(&parts.encoder) else { return Some(None) };
    let batches = training.train.rows().div_ceil(training.settings.batch_size.of(training.train.rows()));
    let settings = ValidTrainingSpec {
        epochs: (LINEAR_STEPS / batches as u64).clamp(10, 500),
        learning_rate: LINEAR_RATE,
        early_stopping: Some(EarlyStopping::default()),
        ..training.settings.clone()
    };
    let network = Network::new(Arc::new(spec));
    let trainer = Trainer::new(network, &settings, &training.train, training.validation.as_ref());
    let mut trainer = trainer.on(Team::on(cores));
    let allowed = LINEAR_SECONDS.max(job.running_for().mul_f64(LINEAR_SHARE));
    let mut quiet = Quiet { job, until: Instant::now() + allowed, stopped: false };
    let ended = trainer.run(&mut quiet);
    if quiet.stopped {
        return if job.stop() == Some(Stop::Interrupt) { None } else { Some(None) };
    }
    let network = ended.ok().map(|_| trainer.into_network());
    Some(network.map(|network| {
        let mut own = TableParts { calibration: None, ..parts.clone() };
        if let Some(held_out) = &training.validation {
            measure::calibrate(&mut own, &network, held_out, truth);
        }
        let metrics: Metrics = scoring::measure(&own, &network.logits_of(examples.inputs().view()), truth);
        measure::Measure::from(&metrics)
    }))
}

/// Watches the training of a baseline: all it asks is whether the job is to stop, and the time.
struct Quiet<'a> {
    job: &'a Job,
    until: Instant,
    stopped: bool,
}

impl Observer for Quiet<'_> {
    fn batch(&mut self, _: usize) -> Control {
        self.stopped = self.job.stop().is_some() || Instant::now() >= self.until;
        if self.stopped { Control::Stop } else { Control::Continue }
    }

    fn epoch(&mut self, _: &EpochReport) -> Control {
        Control::Continue
    }

    fn warning(&mut self, _: Warning) {}
}
