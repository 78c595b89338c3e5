//! Encoders with bins beside numbers.

use super::edges::{LEAST_BINS, found_edges};
use super::encode::Encoder;
use super::encoding::Encoding;
use super::feature::Feature;
use crate::data::column::{Table, Values};

/// A table with more columns of numbers, those that are embedded counted too, has none: they would be most of the network.
pub const MOST_BINNED: usize = 500;

impl Encoder {
    /// The same with bins beside the numbers, fitted on the training rows `rows` of `table`; `None` if no column has any.
    pub fn binned(&self, table: &Table, rows: &[usize]) -> Option<Self> {
        let is_number = |feature: &&Feature| matches!(feature.encoding, Encoding::Numeric { .. });
        if self.features.iter().filter(is_number).count() + self.embedded().count() > MOST_BINNED {
            return None;
        }
        let mut binned = self.clone();
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
    pub fn embedded_bins(&self) -> impl Iterator<Item = usize> + '_ {
        self.embedded().enumerate().filter(|(_, codes)| codes.of_bins).map(|(place, _)| place)
    }
}
