//! How what keeps a network from learning its rows by heart moves while it learns.
//!
//! ```
//! use epochd::learning::regularization::RegularizationSchedule::FlatCos;
//!
//! // In full for half of the steps, then a cosine down to nothing.
//! let factor = |step| (1000.0 * FlatCos.factor(step, 101)).round() / 1000.0;
//! assert_eq!([0, 50, 75, 100].map(factor), [1.0, 1.0, 0.5, 0.0]);
//! ```

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

/// What dropout, weight decay and L1 are multiplied with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RegularizationSchedule {
    /// 1
    #[default]
    Constant,
    /// 1 for t < ½, then (1 + cos(π(2t − 1))) / 2, where t goes from 0 at the first batch to 1 at the last (Holzmüller, Grinsztajn &
    /// Steinwart 2024): the last steps fit what the first ones were kept from.
    FlatCos,
}

impl RegularizationSchedule {
    /// The factor of step `step` of `steps`, counted from 0.
    pub fn factor(self, step: u64, steps: u64) -> f64 {
        let t = step as f64 / steps.saturating_sub(1).max(1) as f64;
        match self {
            RegularizationSchedule::FlatCos if t >= 0.5 => (1.0 + (PI * (2.0 * t - 1.0)).cos()) / 2.0,
            _ => 1.0,
        }
    }
}
