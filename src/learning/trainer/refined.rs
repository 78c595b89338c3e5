//! The validation loss of classifiers as it will be once their probabilities are calibrated.
//!
//! A network that goes on learning gets surer of itself than it may be, and its log loss rises while it still learns to tell classes
//! apart. Temperature scaling takes the first away and leaves the second: so epochs are compared by what is left after it
//! (Berta, Holzmüller, Jordan & Bach 2025, "Rethinking Early Stopping: Refine, Then Calibrate").

use std::ops::Range;

use crate::learning::activation::OutputActivation;
use crate::learning::calibration::Calibration;
use crate::learning::examples::Examples;
use crate::learning::row_weights::RowWeights;

/// Logits that are kept of a network's answers, at most: of more rows than that some are, evenly spaced.
const MOST_KEPT: usize = 1 << 20;
/// Logits that a temperature is fitted on, at most: one number needs no more, and it is fitted after every epoch.
const MOST_FITTED: usize = 1 << 16;

/// What a network answers to rows that it is measured on.
pub(super) struct Answered {
    /// Each so many rows one is kept.
    step: usize,
    /// Rows seen.
    seen: usize,
    labels: Vec<u32>,
    weights: Option<Vec<f32>>,
    /// Rows × outputs.
    logits: Vec<f32>,
}

/// Logits that are kept at most of a network's answers to so many rows.
pub(super) fn values(rows: usize, width: usize) -> usize {
    rows.saturating_mul(width).min(MOST_KEPT)
}

impl Answered {
    /// Room for the answers to these rows, each of `width` outputs.
    pub(super) fn to(examples: &Examples, rows: Range<usize>, width: usize) -> Self {
        let step = (rows.len() * width).div_ceil(MOST_KEPT).max(1);
        let places: Vec<usize> = rows.step_by(step).collect();
        let labels = examples.targets().labels();
        let labels = places.iter().map(|place| labels[*place]).collect();
        Answered { step, seen: 0, labels, weights: examples.weights().select(&places), logits: Vec::new() }
    }

    /// Forgets the answers.
    pub(super) fn clear(&mut self) {
        self.seen = 0;
        self.logits.clear();
    }

    /// Takes in the outputs of the next rows.
    pub(super) fn see(&mut self, outputs: &[f32], width: usize) {
        for row in outputs.chunks_exact(width) {
            if self.seen.is_multiple_of(self.step) {
                self.logits.extend_from_slice(row);
            }
            self.seen += 1;
        }
    }

    /// All outputs are there: they become logits.
    pub(super) fn finish(&mut self, output: OutputActivation) {
        output.invert(&mut self.logits);
    }
}

/// The mean loss of each network's answers after the temperature that suits those of all; none of one that answers to no row.
pub(super) fn losses(width: usize, all: &[&Answered]) -> Vec<Option<f64>> {
    let rows: usize = all.iter().map(|answered| answered.labels.len()).sum();
    let step = (rows * width).div_ceil(MOST_FITTED).max(1);
    let (mut logits, mut labels, mut weights) = (Vec::new(), Vec::new(), Vec::new());
    for answered in all {
        for row in (0..answered.labels.len()).step_by(step) {
            logits.extend_from_slice(&answered.logits[row * width..(row + 1) * width]);
            labels.push(answered.labels[row]);
            weights.extend(answered.weights.as_ref().map(|weights| weights[row]));
        }
    }
    let weights = if weights.is_empty() { RowWeights::ALIKE } else { RowWeights::of(&weights) };
    let calibration = Calibration::fit(&logits, width, &labels, weights);
    let loss = |one: &Answered| {
        let weights = RowWeights::from(one.weights.as_deref());
        calibration.mean_loss(&one.logits, width, &one.labels, weights)
    };
    all.iter().map(|one| (!one.labels.is_empty()).then(|| loss(one))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(logits: &[f32], labels: &[u32], weights: Option<&[f32]>) -> Answered {
        let weights = weights.map(<[f32]>::to_vec);
        Answered { step: 1, seen: labels.len(), labels: labels.to_vec(), weights, logits: logits.to_vec() }
    }

    #[test]
    fn what_is_too_sure_loses_as_little_as_its_calibrated_self() {
        // Sure of class 1, and right in three rows of four: ¾ is what may be said, which loses −¾ ln ¾ − ¼ ln ¼.
        let labels: Vec<u32> = (0..400).map(|row| u32::from(row % 4 > 0)).collect();
        let loss = losses(1, &[&answered(&[8.0; 400], &labels, None)])[0].expect("there are rows");
        let least = -(0.75f64 * 0.75f64.ln() + 0.25 * 0.25f64.ln());
        assert!((loss - least).abs() < 0.01, "{loss} {least}");
    }

    #[test]
    fn one_temperature_suits_all_networks_and_weights_count() {
        // Two that are as sure, one of them always right, the other never: what the first says is what the second should have said.
        let logits = [4.0f32, 0.0].repeat(50);
        let of = |weight: f32| {
            let right = answered(&logits, &[0; 50], Some(&[1.0; 50]));
            losses(2, &[&right, &answered(&logits, &[1; 50], Some(&[weight; 50]))])
        };
        let shares = |losses: &[Option<f64>]| losses.iter().map(|loss| (-loss.expect("a loss")).exp()).sum::<f64>();
        let even = of(1.0);
        assert!((shares(&even) - 1.0).abs() < 1e-6 && even[0] < Some(0.6), "{even:?}");
        assert!(of(1e-3)[0] < even[0], "the second hardly counts");
        let alone = losses(2, &[&answered(&logits, &[0; 50], None), &answered(&[], &[], None)]);
        assert!(alone[0].expect("a loss") < 0.05 && alone[1].is_none(), "{alone:?}");
    }

    #[test]
    fn of_very_many_logits_those_of_some_rows_are_kept() {
        let (rows, width) = (5_000, 300);
        let targets = crate::learning::examples::Targets::Classes((0..rows as u32).map(|row| row % 300).collect());
        let examples = Examples::new(ndarray::Array2::zeros((rows, 1)), targets);
        let mut kept = Answered::to(&examples, 10..rows, width);
        let row = vec![1.0 / 300.0; width];
        (10..rows).for_each(|_| kept.see(&row, width));
        kept.finish(OutputActivation::SOFTMAX);
        assert_eq!((kept.logits.len(), kept.labels[..2].to_vec()), (kept.labels.len() * width, vec![10, 12]));
        assert!(kept.logits.len() <= MOST_KEPT && kept.labels.len() > 2_000);
        let loss = losses(width, &[&kept])[0].expect("a loss");
        assert!((loss - 300f64.ln()).abs() < 1e-4, "{loss}");
    }
}
