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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_sure_loses_as_little_as_its_calibrated_self() {
        // Sure of class 1, and right in three rows of four: ¾ is what may be said, which loses −¾ ln ¾ − ¼ ln ¼.
        let (logits, labels) = ([8.0; 400], (0..400).map(|row| u32::from(row % 4 > 0)).collect::<Vec<u32>>());
        let answered = Answered { logits: &logits, labels: &labels, weights: RowWeights::ALIKE };
        let loss = losses(1, &[answered])[0].expect("there are rows");
        let least = -(0.75f64 * 0.75f64.ln() + 0.25 * 0.25f64.ln());
        assert!((loss - least).abs() < 0.01, "{loss} {least}");
    }

    #[test]
    fn one_temperature_suits_all_networks_and_weights_count() {
        // Two that are as sure, one of them always right, the other never: what the first says is what the second should have said.
        let (logits, right, wrong) = ([4.0f32, 0.0].repeat(50), vec![0; 50], vec![1; 50]);
        let of = |labels: &[u32], weights: &[f32]| {
            let weights = RowWeights::of(weights);
            losses(2, &[&right[..], labels].map(|labels| Answered { logits: &logits, labels, weights }))
        };
        let shares = |losses: &[Option<f64>]| losses.iter().map(|loss| (-loss.expect("a loss")).exp()).sum::<f64>();
        let even = of(&wrong, &[1.0; 50]);
        assert!((shares(&even) - 1.0).abs() < 1e-6 && even[0] < Some(0.6), "{even:?}");
        let none: Vec<u32> = Vec::new();
        let alone = losses(
            2,
            &[
                Answered { logits: &logits, labels: &right, weights: RowWeights::ALIKE },
                Answered { logits: &[], labels: &none, weights: RowWeights::ALIKE },
            ],
        );
        assert!(alone[0].expect("a loss") < 0.05 && alone[1].is_none(), "{alone:?}");
    }
}
