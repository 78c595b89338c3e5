//! What a version of a model by data set gets after its last epoch: calibration, scores for intervals, importance of each
//! feature.

use ndarray::{Array1, Array2, ArrayView1, Axis};

use crate::data::encoder::Encoder;
use crate::learning::calibration::Calibration;
use crate::learning::conformal::Scores;
use crate::learning::examples::Examples;
use crate::learning::importance::permutation_importance;
use crate::learning::metrics::Metrics;
use crate::learning::network::Network;
use crate::learning::random::{Purpose, generator};
use crate::models::scoring::{Truth, measure, probabilities};
use crate::models::table::{FeatureImportance, TableParts};

/// Most scores that are kept of the rows held out.
const MAX_SCORES: usize = 20_000;
/// Multiply-adds that all shuffles of a version's features may take together: some seconds of one processor.
const IMPORTANCE_WORK: usize = 20_000_000_000;
/// A row counts as so many multiply-adds at least: it is moved and measured too.
const LEAST_ROW_WORK: usize = 1_000;
/// Rows on which importance is measured, and shuffles of each feature: at most, and at least.
const IMPORTANCE_ROWS: (usize, usize) = (2_000, 50);
const IMPORTANCE_REPEATS: (usize, usize) = (5, 2);

/// Fits the calibration of the version's probabilities and the scores of its intervals, on rows that were held out.
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

/// How much work importance may be: the more features, the fewer shuffles of each; then the fewer rows; then the fewer
/// features.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Effort {
    repeats: usize,
    rows: usize,
    features: usize,
}

impl Effort {
    /// For `features` features on at most `rows` rows, each of which takes `row_work` multiply-adds.
    fn of(features: usize, rows: usize, row_work: usize) -> Self {
        let predictions = IMPORTANCE_WORK / row_work.max(LEAST_ROW_WORK);
        let (most, least) = IMPORTANCE_ROWS;
        let (features, most) = (features.max(1), most.min(rows).max(1));
        let repeats = (predictions / (features * most)).clamp(IMPORTANCE_REPEATS.1, IMPORTANCE_REPEATS.0);
        let rows = (predictions / (features * repeats)).clamp(least.min(most), most);
        Effort { repeats, rows, features: (predictions / (rows * repeats)).clamp(1, features) }
    }
}

/// How much worse the version gets on `held_out` when one feature's values are shuffled, most important feature first. Where
/// there are more features than [`Effort`] allows, only those are shuffled that correlate most with the version's answers.
/// Asks `go_on` before each shuffle, and gives `None` if that says no.
pub(super) fn importance(
    parts: &TableParts,
    network: &Network,
    held_out: &Examples,
    truth: &Truth,
    seed: u64,
    go_on: &mut dyn FnMut() -> bool,
) -> Option<Vec<FeatureImportance>> {
    let encoder: &Encoder = &parts.encoder;
    let groups = encoder.groups();
    let effort = Effort::of(groups.len(), held_out.rows(), network.spec().parameter_count());
    let chosen: Vec<usize> = (0..effort.rows).map(|i| i * held_out.rows() / effort.rows).collect();
    let inputs = held_out.inputs().select(Axis(0), &chosen);
    let truth = truth.select(&chosen);
    let features = match effort.features < groups.len() {
        true => most_promising(&groups, &inputs, &network.logits_of(inputs.view()), effort.features),
        false => (0..groups.len()).collect(),
    };
    let groups: Vec<Vec<usize>> = features.iter().map(|feature| groups[*feature].clone()).collect();
    let mut loss = |inputs: &Array2<f32>| match measure(parts, &network.logits_of(inputs.view()), &truth) {
        Metrics::Classification(measured) => measured.log_loss,
        Metrics::Regression(measured) => measured.rmse,
    };
    let mut generator = generator(seed, Purpose::Importance);
    let found = permutation_importance(&mut loss, &inputs, &groups, effort.repeats, &mut generator, go_on)?;
    let named = features.iter().map(|feature| &encoder.features[*feature]).zip(found);
    let mut list: Vec<FeatureImportance> = named
        .map(|(feature, found)| FeatureImportance {
            feature: feature.name.clone(),
            importance: found.mean,
            std: found.std,
        })
        .collect();
    list.sort_by(|a, b| b.importance.total_cmp(&a.importance));
    Some(list)
}

/// The `most` features with a column that `outputs` (rows × outputs) correlate with most, in their order.
fn most_promising(groups: &[Vec<usize>], inputs: &Array2<f32>, outputs: &Array2<f32>, most: usize) -> Vec<usize> {
    let outputs: Vec<Array1<f32>> = outputs.columns().into_iter().map(standardised).collect();
    let promise = |columns: &Vec<usize>| {
        let of_column = |column: &usize| {
            let x = standardised(inputs.column(*column));
            outputs.iter().map(|y| x.dot(y).abs()).fold(0.0, f32::max)
        };
        columns.iter().map(of_column).fold(0.0, f32::max)
    };
    let promises: Vec<f32> = groups.iter().map(promise).collect();
    let mut order: Vec<usize> = (0..groups.len()).collect();
    order.sort_by(|a, b| promises[*b].total_cmp(&promises[*a]));
    order.truncate(most);
    order.sort_unstable();
    order
}

/// The values centred and scaled to Euclidean length 1; zeros where they do not vary.
fn standardised(values: ArrayView1<f32>) -> Array1<f32> {
    let centred = &values - values.mean().unwrap_or(0.0);
    let length = centred.dot(&centred).sqrt();
    if length > 0.0 && length.is_finite() { centred / length } else { Array1::zeros(values.len()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_effort_for_importance_stays_within_its_bound() {
        assert_eq!(Effort::of(10, 500, 40_000), Effort { repeats: 5, rows: 500, features: 10 });
        assert_eq!(Effort::of(100, 20_000, 40_000), Effort { repeats: 2, rows: 2_000, features: 100 });
        let some_rows = Effort::of(1_000, 20_000, 100_000);
        assert_eq!((some_rows.repeats, some_rows.features), (2, 1_000));
        for (features, row_work) in [(1_000, 600_000), (16_384, 8_400_000), (16_384, 100_000_000), (16_384, 1)] {
            let Effort { repeats, rows, features } = Effort::of(features, 20_000, row_work);
            assert!(repeats * rows * features * row_work <= IMPORTANCE_WORK, "{features} of {row_work}");
            assert!(repeats >= 2 && rows >= 50 && features >= 1);
        }
        assert_eq!(Effort::of(3, 7, 1_000).rows, 7, "all there are");
    }

    #[test]
    fn features_that_the_answers_follow_are_the_promising_ones() {
        let inputs = Array2::from_shape_fn((40, 4), |(row, column)| (row * [3, 7, 11, 13][column] % 41) as f32);
        let outputs = Array2::from_shape_fn((40, 1), |(row, _)| 2.0 - inputs[[row, 2]]);
        let groups = [vec![0], vec![1, 2], vec![3]];
        assert_eq!(most_promising(&groups, &inputs, &outputs, 1), [1]);
        assert_eq!(most_promising(&groups, &Array2::zeros((40, 4)), &outputs, 2), [0, 1]);
    }
}
