//! Curves that show how good a network is: calibration, the receiver operating characteristic, and residuals. Definitions are
//! scikit-learn's (`calibration_curve` with uniform bins, `roc_curve`), with its `sample_weight` where rows have weights.
//!
//! ```
//! use epochd::learning::curves::Curves;
//! use epochd::learning::predicted::Predicted;
//! use epochd::learning::row_weights::RowWeights;
//!
//! let mut predicted = Predicted::default();
//! predicted.extend(&[0.8, 0.2, 0.9, 0.1, 0.3, 0.7], 2);
//! let curves = Curves::of_classes(&predicted, &[0, 0, 1], 2, RowWeights::ALIKE);
//! // 0.1 and 0.2 for class 1 are in the first two bins, and neither row is of it; 0.7 is.
//! assert_eq!(curves.calibration.iter().map(|bin| bin.observed).collect::<Vec<_>>(), [0.0, 0.0, 1.0]);
//! ```

use serde::{Deserialize, Serialize};

use super::predicted::Predicted;
use super::roc::{MOST_POINTS, RocPoint, roc_curve};
use super::row_weights::RowWeights;

/// Bins of a calibration curve: of equal width, each without its lower end, the first with it.
pub const BINS: usize = 10;
/// Most rows of which the residuals are kept.
pub const MOST_RESIDUALS: usize = 500;

/// Points of the curves of a network on rows whose target is known. A curve that is not defined there is empty.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Curves {
    /// Of two classes the probability of the second; of more that of the predicted class; of independent outputs each of them.
    pub calibration: Vec<CalibrationBin>,
    /// For two classes that both occur.
    pub roc: Vec<RocPoint>,
    /// For one number: rows evenly spaced among all.
    pub residuals: Vec<Residual>,
}

/// Rows whose probabilities are about alike.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CalibrationBin {
    /// The mean of their probabilities.
    pub predicted: f64,
    /// The share of them for which it came true.
    pub observed: f64,
    /// How many they are.
    pub rows: u64,
}

/// A row's prediction and its target.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Residual {
    /// ŷ
    pub predicted: f64,
    /// y
    pub actual: f64,
}

impl Curves {
    /// Where each row belongs to one class of `classes`; `truth` has the class of each row.
    pub fn of_classes(predicted: &Predicted, truth: &[u32], classes: usize, weights: RowWeights) -> Self {
        let mut bins = CalibrationBins::default();
        for (row, truth) in truth.iter().enumerate() {
            let (p, is_true) = match classes {
                2 => (predicted.scores[row], *truth == 1),
                _ => (predicted.confidences[row], *truth == predicted.labels[row]),
            };
            bins.add(f64::from(p), if is_true { 1.0 } else { 0.0 }, weights.get(row));
        }
        let roc = if classes == 2 { roc_curve(&predicted.scores, truth, weights) } else { Vec::new() };
        Curves { calibration: bins.curve(), roc, residuals: Vec::new() }
    }

    /// Of the predictions of one number per row.
    pub fn of_values(predicted: &[f64], actual: &[f64]) -> Self {
        let mut residuals = Residuals::among(actual.len());
        predicted.iter().zip(actual).for_each(|(predicted, actual)| residuals.add(*predicted, *actual));
        Curves { residuals: residuals.kept(), ..Curves::default() }
    }

    /// Whether curves of a file could have been made here.
    pub fn are_sound(&self) -> bool {
        let share = |value: f64| (0.0..=1.0).contains(&value);
        let bins = self.calibration.iter().all(|bin| share(bin.predicted) && share(bin.observed));
        let points = self.roc.iter().all(|at| share(at.false_positive_rate) && share(at.true_positive_rate));
        let finite = self
            .residuals
            .iter()
            .all(|one| one.predicted.is_finite() && one.actual.is_finite() && (one.actual - one.predicted).is_finite());
        let lengths = [self.calibration.len(), self.roc.len(), self.residuals.len()];
        bins && points && finite && lengths.iter().zip([BINS, MOST_POINTS, MOST_RESIDUALS]).all(|(n, most)| *n <= most)
    }
}

/// What gathers a calibration curve, some rows after others.
#[derive(Clone, Debug, Default)]
pub(super) struct CalibrationBins([BinSums; BINS]);

#[derive(Clone, Copy, Debug, Default)]
struct BinSums {
    /// Σ w
    weight: f64,
    /// Σ w·p
    predicted: f64,
    /// Σ w·y
    observed: f64,
    rows: u64,
}

impl CalibrationBins {
    /// Takes in a probability and what came of it: 1 if it came true, else 0, or what share of it did.
    pub(super) fn add(&mut self, p: f64, observed: f64, weight: f64) {
        let bin = (1..BINS).filter(|edge| (*edge as f64 / BINS as f64) < p).count();
        let sums = &mut self.0[bin];
        sums.weight += weight;
        sums.predicted += weight * p;
        sums.observed += weight * observed;
        sums.rows += 1;
    }

    /// The bins with rows in them.
    pub(super) fn curve(&self) -> Vec<CalibrationBin> {
        let weighty = self.0.iter().filter(|sums| sums.weight > 0.0);
        let share = |sum: f64, sums: &BinSums| (sum / sums.weight).clamp(0.0, 1.0);
        let bin = |sums: &BinSums| CalibrationBin {
            predicted: share(sums.predicted, sums),
            observed: share(sums.observed, sums),
            rows: sums.rows,
        };
        weighty.map(bin).collect()
    }
}

/// What keeps the residuals of some of the rows.
#[derive(Clone, Debug)]
pub(super) struct Residuals {
    every: usize,
    seen: usize,
    kept: Vec<Residual>,
}

impl Residuals {
    /// Of so many rows.
    pub(super) fn among(rows: usize) -> Self {
        Residuals { every: rows.div_ceil(MOST_RESIDUALS).max(1), seen: 0, kept: Vec::new() }
    }

    /// Takes in the next row.
    pub(super) fn add(&mut self, predicted: f64, actual: f64) {
        if self.seen.is_multiple_of(self.every) && predicted.is_finite() {
            self.kept.push(Residual { predicted, actual });
        }
        self.seen += 1;
    }

    /// Those that were kept.
    pub(super) fn kept(self) -> Vec<Residual> {
        self.kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probability_at_the_edge_of_a_bin_is_in_the_lower_one() {
        let mut bins = CalibrationBins::default();
        for (p, observed) in [(0.0, 0.0), (0.1, 1.0), (0.1001, 1.0), (0.95, 1.0), (1.0, 0.0)] {
            bins.add(p, observed, 1.0);
        }
        let curve = bins.curve();
        assert_eq!(curve.iter().map(|bin| bin.rows).collect::<Vec<_>>(), [2, 1, 2]);
        assert_eq!(curve[0], CalibrationBin { predicted: 0.05, observed: 0.5, rows: 2 });
        assert_eq!(curve[2].observed, 0.5);
    }

    #[test]
    fn more_than_two_classes_are_measured_by_the_predicted_one() {
        let mut predicted = Predicted::default();
        predicted.extend(&[0.55, 0.25, 0.2, 0.1, 0.58, 0.32, 0.05, 0.03, 0.92], 3);
        let curves = Curves::of_classes(&predicted, &[0, 2, 2], 3, RowWeights::of(&[3.0, 1.0, 1.0]));
        let [low, high] = curves.calibration[..] else { panic!("{curves:?}") };
        assert!((low.predicted - (3.0 * 0.55 + 0.58) / 4.0).abs() < 1e-6, "{low:?}");
        assert_eq!((low.observed, low.rows, high.observed), (0.75, 2, 1.0));
        assert!(curves.roc.is_empty() && curves.residuals.is_empty() && curves.are_sound());
    }

    #[test]
    fn residuals_are_of_rows_evenly_spaced() {
        let values: Vec<f64> = (0..1201).map(f64::from).collect();
        let curves = Curves::of_values(&values, &values);
        assert_eq!(curves.residuals.len(), 401);
        assert_eq!(curves.residuals[400], Residual { predicted: 1200.0, actual: 1200.0 });
        assert!(curves.are_sound());
        let wild = Curves { residuals: vec![Residual { predicted: f64::NAN, actual: 0.0 }], ..Curves::default() };
        assert!(!wild.are_sound());
        let far = Residual { predicted: f64::MAX, actual: -f64::MAX };
        assert!(!Curves { residuals: vec![far], ..Curves::default() }.are_sound());
    }
}
