//! The validation loss of classifiers as it will be once their probabilities are calibrated.
//!
//! A network that goes on learning gets surer of itself than it may be, and its log loss rises while it still learns to tell classes
//! apart. Temperature scaling takes the first away and leaves the second: so epochs are compared by what is left after it
//! (Berta, Holzmüller, Jordan & Bach 2025, "Rethinking Early Stopping: Refine, Then Calibrate").

use crate::learning::calibration::Calibration;
use crate::learning::row_weights::RowWeights;

/// Logits that a temperature is fitted on, at most: one number needs no more, and it is fitted after every epoch.
const MOST_VALUES: usize = 1 << 16;

/// What a network answers to the rows that it is measured on.
pub(super) struct Answered<'a> {
    /// Rows × outputs.
    pub(super) logits: &'a [f32],
    pub(super) labels: &'a [u32],
    pub(super) weights: RowWeights<'a>,
}

/// The mean loss of each network's answers after the temperature that suits those of all; none of one that answers to no row.
pub(super) fn losses(width: usize, all: &[Answered]) -> Vec<Option<f64>> {
    let rows: usize = all.iter().map(|answered| answered.labels.len()).sum();
    let step = (rows * width).div_ceil(MOST_VALUES).max(1);
    let (mut logits, mut labels, mut weights) = (Vec::new(), Vec::new(), Vec::new());
    for answered in all {
        for row in (0..answered.labels.len()).step_by(step) {
            logits.extend_from_slice(&answered.logits[row * width..(row + 1) * width]);
            labels.push(answered.labels[row]);
            weights.extend(answered.weights.given().map(|weights| weights[row]));
        }
    }
    let weights = if weights.is_empty() { RowWeights::ALIKE } else { RowWeights::of(&weights) };
    let calibration = Calibration::fit(&logits, width, &labels, weights);
    let loss = |one: &Answered| calibration.mean_loss(one.logits, width, one.labels, one.weights);
    all.iter().map(|one| (!one.labels.is_empty()).then(|| loss(one))).collect()
}
