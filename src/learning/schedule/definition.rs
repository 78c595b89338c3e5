//! The schedules there are, with their settings and defaults.

use serde::{Deserialize, Serialize};

use super::waves::{self, CERTAIN};
use crate::learning::error::{SpecError, require};

/// How the learning rate moves. η₀ is the training's `learning_rate`; e counts epochs from 0.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Schedule {
    /// η = η₀
    Constant {},
    /// η = η₀ γ^⌊e / step_size⌋
    Step {
        /// Epochs between two falls.
        #[serde(default = "step_size")]
        step_size: u64,
        /// γ
        #[serde(default = "step_gamma")]
        gamma: f64,
    },
    /// η = η₀ γᵉ
    Exponential {
        /// γ
        #[serde(default = "exponential_gamma")]
        gamma: f64,
    },
    /// η = η_min + (η₀ − η_min)(1 + cos(π e / epochs)) / 2
    Cosine {
        /// η_min
        #[serde(default)]
        min_learning_rate: f64,
    },
    /// η = η₀ (1 − cos(2π log₂(1 + 15 t))) / 2, where t goes from 0 at the first batch to 1 at the last: four waves, each twice as
    /// long as the one before (Holzmüller, Grinsztajn & Steinwart 2024). Further waves follow behind t = 1, the next up to 31/15.
    Coslog4 {
        /// Waves behind the fourth, each of which comes only if the one before it has brought enough.
        #[serde(default)]
        further_waves: u64,
        /// The share of the watched loss that a wave must have brought it down by for a further one to follow.
        #[serde(default = "least_gain")]
        least_gain: f64,
    },
    /// Smith & Topin 2017: a cosine up to η₀ and a longer one down, moved with every batch.
    OneCycle {
        /// Share of the steps in which η rises.
        #[serde(default = "warmup_fraction")]
        warmup_fraction: f64,
        /// The first η is η₀ / initial_divisor.
        #[serde(default = "initial_divisor")]
        initial_divisor: f64,
        /// The last η is the first / final_divisor.
        #[serde(default = "final_divisor")]
        final_divisor: f64,
        /// Moves μ (or β₁) between 0.95 and 0.85 against η, for optimizers that have one.
        #[serde(default = "cycle_momentum")]
        cycle_momentum: bool,
    },
    /// η falls by `factor` when the validation loss (or, without validation, the loss) stops falling.
    ReduceOnPlateau {
        /// What η is multiplied with.
        #[serde(default = "plateau_factor")]
        factor: f64,
        /// Epochs without improvement before η falls.
        #[serde(default = "plateau_patience")]
        patience: u64,
        /// An improvement is a fall by more than this share of the best.
        #[serde(default = "plateau_threshold")]
        threshold: f64,
        /// Epochs after a fall in which none is counted.
        #[serde(default)]
        cooldown: u64,
        /// η falls no lower.
        #[serde(default)]
        min_learning_rate: f64,
    },
}

fn step_size() -> u64 {
    30
}
fn step_gamma() -> f64 {
    0.1
}
fn exponential_gamma() -> f64 {
    0.95
}
fn least_gain() -> f64 {
    0.02
}
fn warmup_fraction() -> f64 {
    0.3
}
fn initial_divisor() -> f64 {
    25.0
}
fn final_divisor() -> f64 {
    1e4
}
fn cycle_momentum() -> bool {
    true
}
fn plateau_factor() -> f64 {
    0.1
}
fn plateau_patience() -> u64 {
    10
}
fn plateau_threshold() -> f64 {
    1e-4
}

impl Default for Schedule {
    fn default() -> Self {
        Schedule::Constant {}
    }
}

impl Schedule {
    /// Four waves, each twice as long as the one before.
    pub fn coslog4() -> Self {
        Schedule::Coslog4 { further_waves: 0, least_gain: least_gain() }
    }

    /// The same of `epochs` epochs, and a wave more if the fourth has brought enough: the schedule, and the epochs of all five.
    pub fn coslog4_and_one(epochs: u64) -> (Self, u64) {
        let schedule = Schedule::Coslog4 { further_waves: 1, least_gain: least_gain() };
        let [four, five] = [CERTAIN, CERTAIN + 1].map(|count| waves::widths(count) as f64);
        (schedule, (epochs as f64 * five / four).round() as u64)
    }

    /// What of the schedule and its `epochs` comes whatever it brings.
    pub fn certain(&self, epochs: u64) -> (Self, u64) {
        match *self {
            Schedule::Coslog4 { further_waves, .. } if further_waves > 0 => {
                (Schedule::coslog4(), waves::end(epochs, CERTAIN, CERTAIN + further_waves).max(1))
            }
            _ => (self.clone(), epochs),
        }
    }

    /// A cosine down to 0.
    pub fn cosine() -> Self {
        Schedule::Cosine { min_learning_rate: 0.0 }
    }

    pub(in crate::learning) fn check(&self) -> Result<(), SpecError> {
        let check = |name: &str, holds: bool, range: &str| {
            require(holds, &format!("/learning_rate_schedule/{name}"), || format!("{name} must be {range}"))
        };
        let rate = |rate: f64| rate >= 0.0 && rate.is_finite();
        let gamma = |gamma: f64| gamma > 0.0 && gamma <= 1.0;
        match *self {
            Schedule::Constant {} => Ok(()),
            Schedule::Coslog4 { further_waves: further, least_gain: gain } => {
                let is_bounded = check("further_waves", further <= waves::MOST_FURTHER, "at most 4");
                is_bounded.and(check("least_gain", (0.0..1.0).contains(&gain), "in 0 ≤ gain < 1"))
            }
            Schedule::Step { step_size, gamma: g } => {
                check("step_size", step_size > 0, "at least 1 epoch").and(check("gamma", gamma(g), "in 0 < γ ≤ 1"))
            }
            Schedule::Exponential { gamma: g } => check("gamma", gamma(g), "in 0 < γ ≤ 1"),
            Schedule::Cosine { min_learning_rate } => check("min_learning_rate", rate(min_learning_rate), "at least 0"),
            Schedule::OneCycle { warmup_fraction, initial_divisor, final_divisor, .. } => {
                let divisor = |divisor: f64| divisor >= 1.0 && divisor.is_finite();
                check("warmup_fraction", warmup_fraction > 0.0 && warmup_fraction < 1.0, "between 0 and 1")
                    .and(check("initial_divisor", divisor(initial_divisor), "at least 1"))
                    .and(check("final_divisor", divisor(final_divisor), "at least 1"))
            }
            Schedule::ReduceOnPlateau { factor, threshold, min_learning_rate, .. } => {
                check("factor", factor > 0.0 && factor < 1.0, "between 0 and 1")
                    .and(check("threshold", rate(threshold), "at least 0"))
                    .and(check("min_learning_rate", rate(min_learning_rate), "at least 0"))
            }
        }
    }
}
