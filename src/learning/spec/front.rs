//! What stands in front of the first dense layer, and how steps are sized: the parts of a network for tables.

use serde::{Deserialize, Serialize};

use crate::learning::error::{SpecError, require};

/// Waves of a column.
pub const MAX_FREQUENCIES: usize = 256;
/// Values of a column, and columns with waves, at most.
const MAX_VALUES: usize = 64;
const MAX_COLUMNS: usize = 4096;

/// Waves of some columns of the input, each beside its column: see [`Periodic`](crate::learning::layer::Periodic).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Waves {
    /// Places of the columns in the input, ascending: numbers, not codes.
    pub columns: Vec<usize>,
    /// Waves of each column.
    pub frequencies: usize,
    /// Values that are made of these.
    pub values: usize,
    /// σ, the standard deviation of the frequencies to begin with.
    pub deviation: f64,
}

/// How large steps are against each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Parametrization {
    /// All alike.
    #[default]
    Standard,
    /// As if a layer of d inputs computed x·W/√d + b with W of order 1 (Jacot, Gabriel & Hongler 2018, "Neural Tangent Kernel"),
    /// and biases learned at a tenth of the rate: one learning rate fits all widths.
    Ntk,
}

impl Waves {
    /// Values that they add to a row.
    pub fn outputs(&self) -> usize {
        self.columns.len() * self.values
    }

    /// Parameters of one column: frequencies, phases, and from these to its values.
    pub fn column_parameters(&self) -> usize {
        2 * self.frequencies + (self.frequencies + 1) * self.values
    }

    /// Parameters of all columns.
    pub fn parameter_count(&self) -> usize {
        self.columns.len() * self.column_parameters()
    }

    /// Checks the bounds, within which no size overflows.
    pub(super) fn check_bounds(&self) -> Result<(), SpecError> {
        let within = |value: usize, most: usize| (1..=most).contains(&value);
        require(within(self.frequencies, MAX_FREQUENCIES), "/waves/frequencies", || {
            format!("a column has 1 to {MAX_FREQUENCIES} waves; got {}", self.frequencies)
        })?;
        require(within(self.values, MAX_VALUES), "/waves/values", || {
            format!("a column has 1 to {MAX_VALUES} values; got {}", self.values)
        })?;
        require(self.deviation > 0.0 && self.deviation.is_finite(), "/waves/deviation", || {
            format!("the deviation is {}; it must be above 0", self.deviation)
        })?;
        require(within(self.columns.len(), MAX_COLUMNS), "/waves/columns", || {
            format!("1 to {MAX_COLUMNS} columns have waves; got {}", self.columns.len())
        })
    }
}

/// Checks that `columns` are some of the `plain` ones, ascending.
pub(super) fn check_columns(columns: &[usize], plain: usize, pointer: &str) -> Result<(), SpecError> {
    let ascending = columns.is_sorted_by(|one, other| one < other);
    let fit = columns.last().is_none_or(|last| *last < plain);
    require(ascending && fit, pointer, || {
        format!("the columns are some of the {plain} that are no codes, in their order")
    })
}
