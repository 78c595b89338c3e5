//! What a version of a model by data set gets after its last epoch: calibration, scores for intervals, measures beside
//! honest baselines, importance of each feature.

use ndarray::{Array2, Axis};
use serde::Serialize;

use crate::data::encoder::{Encoder, Target};
use crate::learning::calibration::Calibration;
use crate::learning::conformal::Scores;
use crate::learning::examples::Examples;
use crate::learning::importance::permutation_importance;
use crate::learning::metrics::{self, Metrics};
use crate::learning::network::Network;
use crate::learning::random::{Purpose, generator};
use crate::models::scoring::{Truth, measure, probabilities};
use crate::models::table::{FeatureImportance, TableParts};

/// Most scores that are kept of the rows held out.
const MAX_SCORES: usize = 20_000;
/// Multiply-adds that all shuffles of a version's features may take together: seconds.
const IMPORTANCE_WORK: usize = 20_000_000_000;
/// Rows on which importance is measured, at most, and shuffles of each feature.
const IMPORTANCE_ROWS: usize = 2_000;
const IMPORTANCE_REPEATS: usize = 5;

/// What would be reached without a network: by a constant answer, and by a linear model.
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

/// Fits what makes the version's probabilities and intervals honest, on rows that were held out.
pub(super) fn calibrate(parts: &mut TableParts, network: &Network, held_out: &Examples, truth: &Truth) {
    let logits = network.logits_of(held_out.inputs().view());
    let width = logits.ncols();
    let logits = logits.as_slice().expect("row-major logits");
    let scores: Vec<f32> = match truth {
        Truth::Labels(labels) => {
            let calibration = Calibration::fit(logits, width, labels);
            let probabilities = probabilities(Some(&calibration), logits, width);
            parts.calibration = Some(calibration);
            labels.iter().enumerate().map(|(row, label)| 1.0 - probabilities[[row, *label as usize]]).collect()
        }
        Truth::Values(values) => {
            let error = |(output, y): (&f32, &f64)| (parts.encoder.target.value(*output) - y).abs() as f32;
            logits.iter().zip(values).map(error).collect()
        }
    };
    parts.scores = Some(Scores::new(scores, MAX_SCORES));
}

/// What a constant answer reaches: the most frequent class of the training rows, or their mean.
pub(super) fn constant(target: &Target, truth: &Truth) -> Baselines {
    match (target, truth) {
        (Target::Classification { counts, .. }, Truth::Labels(labels)) => {
            let total = counts.iter().sum::<u64>() as f64;
            let most = (0..counts.len()).rev().max_by_key(|class| counts[*class]).unwrap_or(0);
            let right = labels.iter().filter(|label| **label as usize == most).count();
            let share = |label: &u32| (counts[*label as usize] as f64 / total).max(1e-15);
            let log_loss = labels.iter().map(|label| -share(label).ln()).sum::<f64>() / labels.len() as f64;
            let accuracy = right as f64 / labels.len() as f64;
            Baselines { majority_class: Some(Measure::Classification { accuracy, log_loss }), ..Baselines::default() }
        }
        (Target::Regression { mean, .. }, Truth::Values(values)) => {
            let metrics::Regression { rmse, mae, r2 } = metrics::regression_of(&vec![*mean; values.len()], values);
            Baselines { mean: Some(Measure::Regression { rmse, mae, r2 }), ..Baselines::default() }
        }
        _ => unreachable!("the truth is of the target's task"),
    }
}

/// How much worse the version gets on `held_out` when one feature's values are shuffled, most important first.
pub(super) fn importance(
    parts: &TableParts,
    network: &Network,
    held_out: &Examples,
    truth: &Truth,
    seed: u64,
) -> Vec<FeatureImportance> {
    let encoder: &Encoder = &parts.encoder;
    let of_all_rows = encoder.features.len() * IMPORTANCE_REPEATS * network.spec().parameter_count();
    let rows = (IMPORTANCE_WORK / of_all_rows.max(1)).clamp(50, IMPORTANCE_ROWS).min(held_out.rows());
    let chosen: Vec<usize> = (0..rows).map(|i| i * held_out.rows() / rows).collect();
    let inputs = held_out.inputs().select(Axis(0), &chosen);
    let truth = truth.select(&chosen);
    let mut loss = |inputs: &Array2<f32>| match measure(parts, network, inputs, &truth) {
        Metrics::Classification(measured) => measured.log_loss,
        Metrics::Regression(measured) => measured.rmse,
    };
    let mut generator = generator(seed, Purpose::Importance);
    let found = permutation_importance(&mut loss, &inputs, &encoder.groups(), IMPORTANCE_REPEATS, &mut generator);
    let named = encoder.features.iter().zip(found);
    let mut list: Vec<FeatureImportance> = named
        .map(|(feature, found)| FeatureImportance {
            feature: feature.name.clone(),
            importance: found.mean,
            std: found.std,
        })
        .collect();
    list.sort_by(|a, b| b.importance.total_cmp(&a.importance));
    list
}
