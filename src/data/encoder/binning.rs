//! Encoders with bins beside numbers.

use super::edges::{LEAST_BINS, found_edges};
use super::encode::Encoder;
use super::encoding::Encoding;
use crate::data::column::{Table, Values};

/// A table with more columns of numbers has none: they would be most of the network.
pub const MOST_BINNED: usize = 500;

impl Encoder {
    /// The same with bins beside the numbers, fitted on the training rows `rows` of `table`; `None` if no column has any.
    pub fn binned(&self, table: &Table, rows: &[usize]) -> Option<Self> {
        let mut binned = self.clone();
        let is_number = |encoding: &Encoding| matches!(encoding, Encoding::Numeric { .. });
        if self.features.iter().filter(|feature| is_number(&feature.encoding)).count() > MOST_BINNED {
            return None;
        }
        let mut has_bins = false;
        for feature in &mut binned.features {
            let Encoding::Numeric { edges, .. } = &mut feature.encoding else { continue };
            let Some(Values::Numeric(values)) = table.column(&feature.name).map(|column| &column.values) else {
                continue;
            };
            let mut sorted: Vec<f64> = rows.iter().map(|row| values[*row]).filter(|value| !value.is_nan()).collect();
            sorted.sort_unstable_by(f64::total_cmp);
            let found = found_edges(&sorted);
            if found.len() + 1 >= LEAST_BINS {
                (*edges, has_bins) = (found, true);
            }
        }
        has_bins.then_some(binned)
    }

    /// The places among [`Encoder::embedded`] of the codes of bins.
    pub fn embedded_bins(&self) -> Vec<usize> {
        let embedded = self.features.iter().filter(|feature| feature.codes().is_some());
        let is_number = |encoding: &Encoding| matches!(encoding, Encoding::Numeric { .. });
        embedded.enumerate().filter(|(_, feature)| is_number(&feature.encoding)).map(|(place, _)| place).collect()
    }
}
