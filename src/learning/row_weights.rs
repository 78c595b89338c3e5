//! How much each row counts: in the loss, and wherever rows are counted or averaged.
//!
//! A mean over rows is Σ w·x / Σ w, so only the ratios of weights matter, and a row of weight 3 counts as much as three
//! rows alike (scikit-learn's `sample_weight`, PyTorch's `weight` of `CrossEntropyLoss` row by row).
//!
//! ```
//! use epochd::learning::row_weights::RowWeights;
//!
//! let weights = RowWeights::of(&[3.0, 1.0]);
//! let mean = (weights.get(0) * 2.0 + weights.get(1) * 6.0) / weights.total(2);
//! assert_eq!(mean, 3.0);
//! assert_eq!(RowWeights::ALIKE.total(2), 2.0);
//! ```

/// The weight of each row, or that all rows count alike.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RowWeights<'a>(Option<&'a [f32]>);

impl<'a> RowWeights<'a> {
    /// Each row counts 1.
    pub const ALIKE: RowWeights<'static> = RowWeights(None);

    /// One weight a row.
    pub fn of(weights: &'a [f32]) -> Self {
        RowWeights(Some(weights))
    }

    /// The weight of row `row`.
    pub fn get(self, row: usize) -> f64 {
        self.0.map_or(1.0, |weights| f64::from(weights[row]))
    }

    /// The sum over the first `rows` rows.
    pub fn total(self, rows: usize) -> f64 {
        match self.0 {
            None => rows as f64,
            Some(weights) => weights[..rows].iter().map(|weight| f64::from(*weight)).sum(),
        }
    }

    /// The rows from `start` on.
    pub fn starting_at(self, start: usize) -> Self {
        RowWeights(self.0.map(|weights| &weights[start..]))
    }

    /// The numbers, if rows do not count alike.
    pub fn given(self) -> Option<&'a [f32]> {
        self.0
    }

    /// The weights of the rows named, if rows do not count alike.
    pub fn select(self, rows: &[usize]) -> Option<Vec<f32>> {
        self.0.map(|weights| rows.iter().map(|row| weights[*row]).collect())
    }
}

impl<'a> From<Option<&'a [f32]>> for RowWeights<'a> {
    fn from(weights: Option<&'a [f32]>) -> Self {
        RowWeights(weights)
    }
}

/// Weights above 0 with a mean of 1, so that 32 bits hold them and their sums whatever their unit is. What would be nothing
/// beside the others counts as the least number above it: a batch of such rows alone still has a mean.
///
/// # Panics
/// If a weight is not above 0, or their sum is not finite: callers check what comes from outside.
pub fn normalised(weights: &[f64]) -> Vec<f32> {
    let mean = weights.iter().sum::<f64>() / weights.len() as f64;
    assert!(mean.is_finite() && weights.iter().all(|weight| *weight > 0.0), "weights above 0");
    weights.iter().map(|weight| ((weight / mean) as f32).max(f32::MIN_POSITIVE)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_ratios_of_weights_matter() {
        assert_eq!(normalised(&[1.0, 3.0]), [0.5, 1.5]);
        assert_eq!(normalised(&[1e30, 3e30]), [0.5, 1.5]);
        assert_eq!(normalised(&[1e-300, 1.0]), [f32::MIN_POSITIVE, 2.0]);
    }
}
