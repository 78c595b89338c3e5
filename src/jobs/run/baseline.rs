//! What would be reached without a network of many layers, on the same rows: by a constant answer, and by a linear model.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::answering::Answering;
use super::context::RunContext;
use super::measure::{Answers, Measuring};
use super::trial::While;
use super::unpublished::Stopped;
use crate::data::encoder::{Encoder, Target};
use crate::jobs::training::Training;
use crate::learning::examples::Targets;
use crate::learning::members::Members;
use crate::learning::metrics::{self, Metrics};
use crate::learning::network::Network;
use crate::learning::optimizer::Optimizer;
use crate::learning::report::EndReason;
use crate::learning::row_weights::RowWeights;
use crate::learning::schedule::Schedule;
use crate::learning::stopping::EarlyStopping;
use crate::learning::team::Team;
use crate::learning::trainer::Trainer;
use crate::learning::training::ValidTrainingSpec;
use crate::models::scoring::Truth;
use crate::models::table::TableSpec;

/// About how many steps the linear baseline takes, and its learning rate: enough, as its loss is convex and its inputs are
/// scaled.
const LINEAR_STEPS: u64 = 4000;
const LINEAR_RATE: f64 = 0.02;
/// Where it is nothing but a baseline, the linear model may take this share of the time that the network's training took, but so
/// many seconds in any case. If it is not done by then, the version has no linear baseline.
const LINEAR_SHARE: f64 = 0.5;
const LINEAR_SECONDS: Duration = Duration::from_secs(5);

/// The measures of the baselines.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct Baselines {
    /// Always the most frequent class, with the classes' shares as probabilities.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) majority_class: Option<Measure>,
    /// Always the mean.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mean: Option<Measure>,
    /// Logistic or linear regression on the same input.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) linear: Option<Measure>,
}

/// The measures that a baseline is compared by.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub(super) enum Measure {
    Classification { accuracy: f64, log_loss: f64 },
    Regression { rmse: f64, mae: f64, r2: Option<f64> },
}

impl From<&Metrics> for Measure {
    fn from(metrics: &Metrics) -> Self {
        match metrics {
            Metrics::Classification(m) => Measure::Classification { accuracy: m.accuracy, log_loss: m.log_loss },
            Metrics::Regression(m) => Measure::Regression { rmse: m.rmse, mae: m.mae, r2: m.r2 },
        }
    }
}

/// What a constant answer reaches on rows of this truth and weights: the most frequent class of the training rows, or their mean.
pub(super) fn constant(target: &Target, training: &Training, truth: &Truth, weights: RowWeights) -> Baselines {
    let train = &training.train;
    match (target, truth) {
        (Target::Classification { counts, .. }, Truth::Labels(labels)) => {
            let counted = || counts.iter().map(|count| *count as f64).collect();
            let counts: Vec<f64> = train.class_weights(counts.len()).unwrap_or_else(counted);
            let (total, total_weight) = (counts.iter().sum::<f64>(), weights.total(labels.len()));
            let most = (0..counts.len()).rev().max_by(|a, b| counts[*a].total_cmp(&counts[*b])).unwrap_or(0);
            let rows = || labels.iter().enumerate().map(|(row, label)| (weights.get(row), *label as usize));
            let right: f64 = rows().filter(|(_, label)| *label == most).map(|(weight, _)| weight).sum();
            let share = |label: usize| (counts[label] / total).max(1e-15);
            let log_loss = rows().map(|(weight, label)| weight * -share(label).ln()).sum::<f64>() / total_weight;
            let accuracy = right / total_weight;
            Baselines { majority_class: Some(Measure::Classification { accuracy, log_loss }), ..Baselines::default() }
        }
        (Target::Regression { mean, .. }, Truth::Values(values)) => {
            let mean = mean_of_rows(target, training).unwrap_or(*mean);
            let answers = vec![mean; values.len()];
            let metrics::Regression { rmse, mae, r2 } = metrics::regression_of(&answers, values, weights);
            Baselines { mean: Some(Measure::Regression { rmse, mae, r2 }), ..Baselines::default() }
        }
        _ => unreachable!("the truth is of the target's task"),
    }
}

/// The mean of the training rows by their weights, in the target's unit; none where that is the target's own: rows count alike, and
/// are learned as they are, on a scale that was fitted on them.
fn mean_of_rows(target: &Target, Training { train, settings, .. }: &Training) -> Option<f64> {
    let (weights, Targets::Values(values)) = (train.weights(), train.targets()) else { return None };
    let is_own = !settings.warm_start && settings.distill.is_none();
    let sum: f64 = values.iter().enumerate().map(|(row, y)| weights.get(row) * target.off_scale(*y)).sum();
    (weights.given().is_some() || target.log1p().is_some() || !is_own).then(|| sum / weights.total(values.len()))
}

/// A linear model that learned from the same rows, or one for each fold; `None` if it diverges or, if it is not wanted for the
/// version itself, takes too long.
///
/// # Errors
/// The job is to stop meanwhile.
pub(super) fn linear(
    context: &RunContext,
    training: &Training,
    spec: &TableSpec,
    encoder: &Encoder,
    is_wanted: bool,
) -> Result<Option<Members>, Stopped> {
    let job = context.job;
    let Ok(spec) = spec.linear(encoder) else { return Ok(None) };
    let settings = linear_settings(training.train.rows(), &training.settings);
    let spec = Arc::new(spec);
    // One for each network beside which it is measured, on the same rows.
    let count = training.folds.len().max(1);
    let networks = (0..count).map(|_| Network::new(spec.clone())).collect();
    let Training { train, validation, folds, .. } = training;
    let trainer = Trainer::of_members(networks, &settings, train, validation.as_ref(), folds);
    let mut trainer = trainer.on(Team::on(context.cores));
    let allowed = LINEAR_SECONDS.max(job.progress.trained().mul_f64(LINEAR_SHARE));
    let until = (!is_wanted).then(|| Instant::now() + allowed);
    let has_time = || until.is_none_or(|until| Instant::now() < until);
    let ended = trainer.run(&mut While(|| !job.control.is_urgent() && has_time()));
    if job.control.is_urgent() {
        return Err(Stopped);
    }
    let is_done = ended.is_ok_and(|summary| summary.end != EndReason::Stopped);
    Ok(is_done.then(|| Members::alike(trainer.into_networks())))
}

/// What a linear model reaches, calibrated if rows were held out.
///
/// # Errors
/// The job is to stop meanwhile.
pub(super) fn measured(linear: &Members, training: &Training, measuring: Measuring) -> Result<Measure, Stopped> {
    let answering = Answering { members: linear, folds: &training.folds };
    let calibration = match training.validation {
        Some(_) => measuring.calibration(answering)?,
        None => None,
    };
    let target = measuring.corrected(answering)?;
    let measuring = Measuring { target: &target, ..measuring };
    let Answers { metrics, .. } = measuring.answers(answering, calibration.as_ref(), false)?;
    Ok(Measure::from(&metrics))
}

/// The settings of the linear baseline beside a training on `rows` rows: its rows and weights, and an optimizer of its own.
pub(in crate::jobs) fn linear_settings(rows: usize, settings: &ValidTrainingSpec) -> ValidTrainingSpec {
    let batches = rows.div_ceil(settings.batch_size.of(rows)).max(1);
    ValidTrainingSpec {
        epochs: (LINEAR_STEPS / batches as u64).clamp(10, 500),
        optimizer: Optimizer::adamw(),
        weight_decay: Optimizer::adamw().default_weight_decay(),
        learning_rate: LINEAR_RATE,
        learning_rate_schedule: Schedule::cosine(),
        early_stopping: Some(EarlyStopping::default()),
        ..settings.clone()
    }
}
