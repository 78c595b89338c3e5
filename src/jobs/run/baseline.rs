//! What would be reached without a network of many layers, on the same rows: by constant answers, and by a linear model.

use std::ops::Range;

use serde::Serialize;

use super::answering::Answering;
use super::measure::{Answers, Measuring};
use super::unpublished::Stopped;
use crate::data::encoder::Target;
use crate::jobs::training::Training;
use crate::learning::examples::{Examples, Targets};
use crate::learning::loss::Loss;
use crate::learning::members::Members;
use crate::learning::metrics::{self, Metrics};
use crate::learning::row_weights::RowWeights;
use crate::models::scoring::Truth;

/// The measures of the baselines.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct Baselines {
    /// Always the most frequent class, with the classes' shares as probabilities.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) majority_class: Option<Measure>,
    /// Always the mean.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mean: Option<Measure>,
    /// Always the median, where the loss asks for that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) median: Option<Measure>,
    /// Always the quantile that the loss asks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) quantile: Option<Measure>,
    /// Logistic or linear regression on the same input.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) linear: Option<Measure>,
}

/// The measures that a baseline is compared by.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub(super) enum Measure {
    Classification { accuracy: f64, log_loss: f64 },
    Regression(metrics::Regression),
}

impl From<&Metrics> for Measure {
    fn from(metrics: &Metrics) -> Self {
        match metrics {
            Metrics::Classification(m) => Measure::Classification { accuracy: m.accuracy, log_loss: m.log_loss },
            Metrics::Regression(m) => Measure::Regression(m.clone()),
        }
    }
}

/// What constant answers reach on rows of this truth and weights: the most frequent class of the training rows, or their mean, and
/// where the loss asks for their median or another quantile that as well.
pub(super) fn constant(
    (target, loss): (&Target, Option<Loss>),
    training: &Training,
    truth: &Truth,
    weights: RowWeights,
) -> Baselines {
    let (train, first) = (&training.train, first_learned(&training.folds));
    match (target, truth) {
        (Target::Classification { classes, .. }, Truth::Labels(labels)) => {
            let (learned, of_rows) = (train.targets().labels(), train.weights());
            let mut counts = vec![0.0; classes.len()];
            (first..train.rows()).for_each(|row| counts[learned[row] as usize] += of_rows.get(row));
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
            let always = |answer| {
                let answers = vec![answer; values.len()];
                let measured = metrics::regression_of(&answers, values, weights);
                Measure::Regression(measured.of_loss(loss, &answers, values, weights))
            };
            let mean = Some(always(mean_of_rows(target, training, first).unwrap_or(*mean)));
            let of_rows = |level| quantile_of_rows(target, train, first, level).map(always);
            let (median, quantile) = match loss {
                Some(Loss::Mae | Loss::Huber) => (of_rows(0.5), None),
                loss => (None, loss.and_then(Loss::quantile).and_then(of_rows)),
            };
            Baselines { mean, median, quantile, ..Baselines::default() }
        }
        _ => unreachable!("the truth is of the target's task"),
    }
}

/// The first of the rows to train on that constant answers know: where one network alone holds rows out, as the latest, those
/// stand before the ones that it learns from.
fn first_learned(folds: &[Range<usize>]) -> usize {
    match folds {
        [first, others @ ..] if others.iter().all(Range::is_empty) => first.end,
        _ => 0,
    }
}

/// The mean of the training rows from `first` on by their weights, in the target's unit; none where that is the target's own: all
/// rows count alike, and are learned as they are, on a scale that was fitted on them.
fn mean_of_rows(target: &Target, Training { train, settings, .. }: &Training, first: usize) -> Option<f64> {
    let (weights, Targets::Values(values)) = (train.weights(), train.targets()) else { return None };
    let is_own = !settings.warm_start && settings.distill.is_none() && !target.is_rate() && first == 0;
    let rows = first..values.nrows();
    let sum: f64 = rows.clone().map(|row| weights.get(row) * target.off_scale(values[(row, 0)])).sum();
    let total: f64 = rows.map(|row| weights.get(row)).sum();
    (weights.given().is_some() || target.log1p().is_some() || !is_own).then(|| sum / total)
}

/// The quantile of the targets of the training rows from `first` on by their weights, in the target's unit: the least value that so
/// much of the weight is not above.
fn quantile_of_rows(target: &Target, train: &Examples, first: usize, level: f64) -> Option<f64> {
    let (weights, Targets::Values(values)) = (train.weights(), train.targets()) else { return None };
    let mut order: Vec<u32> = (first as u32..values.nrows() as u32).collect();
    let value = |row: &u32| values[(*row as usize, 0)];
    order.sort_unstable_by(|a, b| value(a).total_cmp(&value(b)));
    let asked = level * order.iter().map(|row| weights.get(*row as usize)).sum::<f64>();
    let mut below = 0.0;
    let reaches = |row: &&u32| {
        below += weights.get(**row as usize);
        below >= asked
    };
    let at = order.iter().find(reaches).or(order.last());
    at.map(|row| target.off_scale(value(row)))
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
