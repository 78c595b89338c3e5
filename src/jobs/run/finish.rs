//! From a trained network to a version: its measures, and for a model by data set all that goes with it.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;

use super::answering::Answering;
use super::baseline::{Baselines, constant};
use super::beside_baselines::{Kind, beside_baselines, moves_without_linear};
use super::blend::{Blended, blended};
use super::context::RunContext;
use super::distillation::Distilled;
use super::few_rows::few_rows;
use super::measure::{Answers, Measuring};
use super::origin::Origin;
use super::unpublished::Stopped;
use crate::data::encoder::Task;
use crate::jobs::candidate::Tried;
use crate::jobs::job::Job;
use crate::jobs::training::Training;
use crate::learning::calibration::Calibration;
use crate::learning::curves::Curves;
use crate::learning::examples::Examples;
use crate::learning::members::Members;
use crate::learning::metrics::Metrics;
use crate::learning::report::EpochReport;
use crate::learning::split::{SplitKind, SplitUsed};
use crate::learning::training::{TargetScale, ValidTrainingSpec};
use crate::models::Predictor;
use crate::models::conformal::Conformal;
use crate::models::recipe::Part;
use crate::models::scoring::Truth;
use crate::models::table::{FeatureImportance, TableParts};
use crate::models::version::{MeasuredOn, RowsUsed, TrainedOn, VersionFacts};
use crate::storage::exact;
use crate::telemetry::Phase;

/// What is known of a model by data set before its first epoch and needed after its last: all but what is measured, and
/// the targets to measure it by.
pub(super) struct TableStart {
    pub(super) parts: TableParts,
    pub(super) truth: Truth,
    /// The rows held out, by their places in their data set.
    pub(super) measured: Vec<usize>,
    /// How the rows held out were chosen.
    pub(super) split: Option<SplitUsed>,
    /// The version that it is based on, if it is on one.
    pub(super) origin: Option<Origin>,
}

/// Rows held out that do not tell how answers are distributed.
const FEW_ANSWERS: usize = 500;

/// A version of a model by data set, calibrated and measured.
pub(super) struct Finished {
    pub(super) predictor: Predictor,
    pub(super) measures: TableMeasures,
    /// Those of its training, as far as they were decided.
    pub(super) settings: ValidTrainingSpec,
}

impl Finished {
    /// The version as it is to be published; `distilled` is how it errs beside that which it learned from.
    pub(super) fn made(
        self,
        job: &Job,
        reached: &EpochReport,
        trained_on: TrainedOn,
        distilled: Option<Distilled>,
    ) -> Made {
        let measures = TableMeasures { distilled, ..self.measures };
        let facts = facts(job, reached, trained_on, (&measures, self.settings));
        Made { predictor: self.predictor, facts }
    }
}

/// A version that is to be published.
pub(super) struct Made {
    pub(super) predictor: Predictor,
    pub(super) facts: VersionFacts,
}

/// The measures of a version, with how the rows were chosen that they come from.
#[derive(Serialize)]
struct Measures {
    #[serde(flatten)]
    measured: MeasuredOn,
    #[serde(skip_serializing_if = "Option::is_none")]
    split: Option<SplitUsed>,
}

/// The measures of a version of a model by data set.
#[derive(Serialize)]
pub(super) struct TableMeasures {
    #[serde(flatten)]
    measured: Measures,
    rows: usize,
    /// The column by which they counted, if they did not count alike.
    #[serde(skip_serializing_if = "Option::is_none")]
    weights: Option<String>,
    baselines: Baselines,
    /// Whether numbers have bins beside them.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    bins: bool,
    /// How much of an answer is the linear model's.
    #[serde(skip_serializing_if = "Option::is_none")]
    linear_share: Option<f64>,
    #[serde(flatten)]
    tried: Tried,
    /// The scale that the target was learned in, where it is not its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    target_scale: Option<TargetScale>,
    /// The version that it was distilled from, and how both err.
    #[serde(skip_serializing_if = "Option::is_none")]
    distilled: Option<Distilled>,
}

/// The rows that a version is measured on.
fn measured_rows(training: &Training) -> (RowsUsed, &Examples) {
    match &training.validation {
        Some(validation) => (RowsUsed::Validation, validation),
        None => (RowsUsed::Training, &training.train),
    }
}

/// The rows whose answers are what later ones are compared with: those held out, as a network answers what it was trained on
/// otherwise than what it never saw; the training rows where too few were held out to tell of a distribution.
fn answered_rows(training: &Training) -> &Examples {
    training.validation.as_ref().filter(|held_out| held_out.rows() >= FEW_ANSWERS).unwrap_or(&training.train)
}

/// Measures the network of a model by layer sizes.
///
/// # Errors
/// The job is to stop meanwhile.
pub(super) fn layers(
    job: &Job,
    reached: &EpochReport,
    training: &Training,
    trained_on: TrainedOn,
    members: Members,
) -> Result<Made, Stopped> {
    let (rows_used, examples) = measured_rows(training);
    let measured = members.evaluate_unless(examples, &mut || !job.control.is_urgent());
    let (_, metrics, curves) = measured.ok_or(Stopped)?;
    let split = job.record.split();
    let settings = resolved(job, training, split.as_ref());
    let measured = Measures { measured: MeasuredOn { rows_used, metrics }, split };
    let facts = facts(job, reached, trained_on, (&measured, settings));
    Ok(Made { predictor: Predictor::new(members, None).with_curves(curves), facts })
}

/// Calibrates and measures the network of a model by data set. A training that is cancelled with its epochs kept is measured
/// like any other.
///
/// # Errors
/// The job is to stop meanwhile.
pub(super) fn table(
    context: &RunContext,
    training: &Training,
    (members, tried): (Members, Tried),
    start: TableStart,
) -> Result<Finished, Stopped> {
    let TableStart { mut parts, truth, split, origin, .. } = start;
    let (rows_used, examples) = measured_rows(training);
    let go_on = || !context.job.control.is_urgent();
    let target = &parts.encoder.target;
    let measuring =
        Measuring { spec: &parts.spec, encoder: &parts.encoder, target, examples, truth: &truth, go_on: &go_on };
    let blended = context.in_phase(Phase::Baseline, || blended(context, training, &parts.spec, measuring, members))?;
    let Blended { members, linear, linear_share } = blended;
    let answering = Answering { members: &members, folds: &training.folds };
    // What the rows held out would make too good is taken over.
    let origin = origin.filter(|origin| origin.stands_in(training.validation.is_some()));
    let target = if origin.is_some() { target.clone() } else { measuring.corrected(answering)? };
    let measuring = Measuring { target: &target, ..measuring };
    let Judged { metrics, curves, calibration, conformal, importance } =
        judged(context, training, measuring, answering, origin)?;
    let constant = constant((&target, parts.spec.asked_loss()), training, &truth, examples.weights());
    tried.flatters(examples.rows()).into_iter().for_each(|finding| context.job.progress.warn(finding));
    let baselines = Baselines { linear, ..constant };
    let kind = match parts.spec.hidden_layers.is_empty() {
        true => Kind::Linear,
        false if parts.spec.has(Part::LinearModel) => Kind::Together,
        false => Kind::Networks,
    };
    // Classes that are weighed up are answered more often than they are right: the most frequent one may be right as often.
    let weighed = training.settings.class_weight.is_some();
    let majority_class = baselines.majority_class.clone().filter(|_| !weighed);
    let compared = Baselines { majority_class, ..baselines.clone() };
    let are_latest = matches!(split.as_ref().map(|used| used.kind), Some(SplitKind::Time | SplitKind::Order));
    let beside = beside_baselines((&metrics, parts.spec.metric()), &compared, examples.rows(), (kind, are_latest));
    let moves = (target.moves() && linear_share.is_none() && kind != Kind::Linear)
        .then(|| moves_without_linear(target.name(), kind));
    beside.into_iter().chain(moves).for_each(|finding| context.job.progress.warn(finding));
    let target_scale = target.log1p().map(|_| TargetScale::Log1p);
    let of_numbers = parts.spec.task == Task::Regression;
    let settings = ValidTrainingSpec {
        target_scale: target_scale.or(of_numbers.then_some(TargetScale::Identity)),
        ..resolved(context.job, training, split.as_ref())
    };
    let measures = TableMeasures {
        measured: Measures { measured: MeasuredOn { rows_used, metrics }, split },
        rows: examples.rows(),
        weights: training.settings.weights.clone(),
        baselines,
        bins: parts.encoder.embedded_bins().next().is_some(),
        linear_share,
        tried,
        target_scale,
        distilled: None,
    };
    let answers = answered_rows(training);
    parts.answers = Some(Measuring { examples: answers, ..measuring }.answered(&members, calibration.as_ref())?);
    parts.encoder.target = target;
    (parts.calibration, parts.conformal, parts.importance) = (calibration, conformal, importance);
    Ok(Finished { predictor: Predictor::new(members, Some(parts)).with_curves(curves), measures, settings })
}

/// What the rows held out say of networks, or those to train on where none are.
struct Judged {
    metrics: Metrics,
    curves: Curves,
    calibration: Option<Calibration>,
    conformal: Option<Conformal>,
    importance: Vec<FeatureImportance>,
}

/// Calibrates and measures networks, and says where the measures mislead. The `origin` may have learned from the rows that they are measured
/// on, so that answers to these are too good: then what it knows of itself, by rows that it had not learned from, is taken over.
///
/// # Errors
/// The job is to stop meanwhile.
fn judged(
    context: &RunContext,
    training: &Training,
    measuring: Measuring,
    answering: Answering,
    origin: Option<Origin>,
) -> Result<Judged, Stopped> {
    let (held_out, rows) = (training.validation.is_some(), measuring.examples.rows());
    let tells = held_out && origin.is_none();
    let calibration = match tells {
        true => context.in_phase(Phase::Calibrate, || measuring.calibration(answering))?,
        false => origin.as_ref().and_then(|origin| origin.calibration),
    };
    let answers = || measuring.answers(answering, calibration.as_ref(), tells);
    let Answers { metrics, curves, conformal } = context.in_phase(Phase::Measure, answers)?;
    let shuffled = || measuring.importance(answering, calibration.as_ref(), training.settings.seed);
    let importance = if held_out { context.in_phase(Phase::Importance, shuffled)? } else { Vec::new() };
    let few = few_rows(&metrics, rows).filter(|_| held_out);
    let flattering = origin.as_ref().filter(|_| held_out).map(|origin| origin.flatters(rows));
    few.into_iter().chain(flattering).for_each(|finding| context.job.progress.warn(finding));
    let conformal = origin.map_or(conformal, |origin| origin.conformal);
    Ok(Judged { metrics, curves, calibration, conformal, importance })
}

/// The settings of a training, with what it has decided itself in place of what was left to it.
fn resolved(job: &Job, training: &Training, split: Option<&SplitUsed>) -> ValidTrainingSpec {
    let config = ValidTrainingSpec::clone(&job.record.config);
    let split = split.map(SplitUsed::by).or(config.split.clone());
    ValidTrainingSpec { split, members: Some(training.settings.networks() as u64), ..config }
}

/// What is kept of a version beside its networks, with its measures and the settings of its training.
fn facts(
    job: &Job,
    reached: &EpochReport,
    trained_on: TrainedOn,
    (metrics, settings): (&impl Serialize, ValidTrainingSpec),
) -> VersionFacts {
    VersionFacts {
        job_id: Some(job.record.id),
        created_at: Timestamp::now(),
        epochs: reached.epoch,
        loss: reached.loss,
        validation_loss: reached.validation_loss,
        metrics: RawValue::from_string(exact::to_text(metrics)).expect("it was written as JSON").into(),
        warnings: Vec::new(),
        trained_on,
        settings: Some(settings.into()),
    }
}
