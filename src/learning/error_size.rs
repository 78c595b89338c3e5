//! How large errors are: a model of |y − ŷ| by the answer ŷ, to scale conformal scores with.
//!
//! An interval of one width for all rows is too wide where answers are easy and too narrow where they are hard. Scores
//! |y − ŷ| / s(ŷ) make intervals ŷ ± q·s(ŷ) that are as wide as errors are large (Lei et al. 2018, "Distribution-Free Predictive
//! Inference for Regression", section 5.2, "locally weighted"). Here s has few numbers, means of some fifty rows and more each with
//! straight lines between them, so that it may be fitted on the rows whose scores it scales: no row moves its own s by
//! more than a fiftieth.
//!
//! ```
//! use epochd::learning::error_size::ErrorSize;
//! use epochd::learning::row_weights::RowWeights;
//!
//! // Errors that are a tenth of the answer.
//! let answers: Vec<f64> = (0..1000).map(f64::from).collect();
//! let errors: Vec<f64> = answers.iter().map(|answer| answer / 10.0).collect();
//! let size = ErrorSize::fit(&answers, &errors, RowWeights::ALIKE);
//! assert!((size.at(500.0) - 50.0).abs() < 1.0 && (size.at(900.0) - 90.0).abs() < 1.0);
//! ```

use serde::{Deserialize, Serialize};

use super::row_weights::RowWeights;
use super::tiling::share_range;

/// Most means, and rows that each is of at least, if there are so many.
const MOST_KNOTS: usize = 20;
const KNOT_ROWS: usize = 50;
/// No size is smaller than this share of the mean error: few rows that were answered well by chance promise little.
const LEAST_SHARE: f64 = 0.05;

/// The mean size of errors by the answer: a straight line between each two knots, and level beyond the outer ones.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorSize {
    /// The answers of the knots, ascending, in the target's unit.
    answers: Vec<f64>,
    /// The sizes there, above 0, in the target's unit.
    sizes: Vec<f64>,
}

impl ErrorSize {
    /// The sizes of `errors`, |y − ŷ| of rows that training did not see, by their `answers` ŷ: means by `weights` over rows of
    /// neighbouring answers. 1 everywhere if no answer is wrong, or none is a number.
    ///
    /// # Panics
    /// If there is not an error for each answer.
    pub fn fit(answers: &[f64], errors: &[f64], weights: RowWeights) -> Self {
        assert_eq!(answers.len(), errors.len(), "an error for each answer");
        let mut order: Vec<usize> = (0..answers.len()).collect();
        order.sort_by(|a, b| answers[*a].total_cmp(&answers[*b]));
        let mean = |rows: &[usize], of: &[f64]| {
            let total: f64 = rows.iter().map(|row| weights.get(*row)).sum();
            rows.iter().map(|row| weights.get(*row) * of[*row]).sum::<f64>() / total
        };
        let all = mean(&order, errors);
        if !(all > 0.0 && all.is_finite()) {
            return ErrorSize { answers: vec![0.0], sizes: vec![1.0] };
        }
        let (count, mut size) =
            ((order.len() / KNOT_ROWS).clamp(1, MOST_KNOTS), ErrorSize { answers: vec![], sizes: vec![] });
        for knot in 0..count {
            let rows = &order[share_range(order.len(), count, knot)];
            let (answer, error) = (mean(rows, answers), mean(rows, errors).max(LEAST_SHARE * all));
            // Rows of one answer are of one knot.
            if size.answers.last().is_none_or(|last| *last < answer) {
                size.answers.push(answer);
                size.sizes.push(error);
            } else if let Some(last) = size.sizes.last_mut() {
                *last = last.max(error);
            }
        }
        size
    }

    /// The size of an error of this answer, above 0.
    pub fn at(&self, answer: f64) -> f64 {
        let above = self.answers.partition_point(|knot| *knot < answer);
        match (above.checked_sub(1), self.answers.get(above)) {
            (None, _) => self.sizes[0],
            (Some(below), None) => self.sizes[below],
            (Some(below), Some(end)) => {
                let share = (answer - self.answers[below]) / (end - self.answers[below]);
                self.sizes[below] + share * (self.sizes[above] - self.sizes[below])
            }
        }
    }

    /// Whether it can be what [`ErrorSize::fit`] gave.
    pub fn is_sound(&self) -> bool {
        let sizes = self.sizes.iter().all(|size| *size > 0.0 && size.is_finite());
        let answers = self.answers.iter().all(|answer| answer.is_finite()) && self.answers.is_sorted_by(|a, b| a < b);
        sizes && answers && self.sizes.len() == self.answers.len() && (1..=MOST_KNOTS).contains(&self.sizes.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_means_of_neighbours_with_lines_between_them() {
        // Two knots of 50 rows: answers 0 to 49 are off by 1, answers 50 to 99 by 3.
        let answers: Vec<f64> = (0..100).map(f64::from).collect();
        let errors: Vec<f64> = (0..100).map(|row| if row < 50 { 1.0 } else { 3.0 }).collect();
        let size = ErrorSize::fit(&answers, &errors, RowWeights::ALIKE);
        assert_eq!(size, ErrorSize { answers: vec![24.5, 74.5], sizes: vec![1.0, 3.0] });
        assert_eq!([-1e300, 24.5, 49.5, 74.5, 1e300].map(|answer| size.at(answer)), [1.0, 1.0, 2.0, 3.0, 3.0]);
        // In the first knot the rows of an error of 2 weigh three times as much: (3·2 + 1·1)/4.
        let weights: Vec<f32> = (0..100).map(|row| if row % 2 == 0 { 3.0 } else { 1.0 }).collect();
        let errors: Vec<f64> = (0..100).map(|row| if row % 2 == 0 { 2.0 } else { 1.0 }).collect();
        assert!((ErrorSize::fit(&answers, &errors, RowWeights::of(&weights)).sizes[0] - 1.75).abs() < 1e-12);
    }

    #[test]
    fn every_size_is_above_0_and_finite() {
        let answers: Vec<f64> = (0..300).map(|row| f64::from(row / 100)).collect();
        let some = |row: usize| if row < 200 { 0.0 } else { 1e300 };
        for errors in [vec![0.0; 300], vec![f64::NAN; 300], vec![f64::INFINITY; 300], (0..300).map(some).collect()] {
            let size = ErrorSize::fit(&answers, &errors, RowWeights::ALIKE);
            assert!(size.is_sound(), "{size:?}");
            assert!([0.0, 0.5, 1.0, 2.0, 3.0].iter().all(|answer| size.at(*answer) > 0.0));
        }
        let alike = ErrorSize::fit(&[7.0; 300], &[2.0; 300], RowWeights::ALIKE);
        assert_eq!(alike.answers, [7.0], "one answer is one knot");
        assert!(ErrorSize::fit(&[], &[], RowWeights::ALIKE).is_sound());
    }

    #[test]
    fn what_cannot_be_one_is_told() {
        for (answers, sizes) in [
            (vec![], vec![]),
            (vec![1.0, 1.0], vec![1.0, 1.0]),
            (vec![1.0], vec![0.0]),
            (vec![1.0], vec![1.0, 2.0]),
            (vec![f64::NAN], vec![1.0]),
            ((0..21).map(f64::from).collect(), vec![1.0; 21]),
        ] {
            assert!(!ErrorSize { answers, sizes }.is_sound());
        }
    }
}
