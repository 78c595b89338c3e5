//! Learning rate schedules. Definitions and defaults are those of `torch.optim.lr_scheduler`.
//!
//! ```
//! use epochd::learning::schedule::{Schedule, ScheduleState};
//!
//! // η₀ = 0.8, halved every 10 epochs.
//! let schedule = ScheduleState::new(Schedule::Step { step_size: 10, gamma: 0.5 }, 0.8, 100, 1);
//! let rate = |epoch| schedule.rates(epoch, 0).learning_rate;
//! assert_eq!([rate(0), rate(9), rate(10), rate(25)], [0.8, 0.8, 0.4, 0.2]);
//! ```

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

use super::bits;
use super::error::{SpecError, require};

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
    /// long as the one before (Holzmüller, Grinsztajn & Steinwart 2024).
    Coslog4 {},
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

/// OneCycleLR's bounds of μ or β₁.
const CYCLE_MOMENTUM: (f64, f64) = (0.85, 0.95);
/// As PyTorch's ReduceLROnPlateau, which ignores falls of η that are smaller than this.
const SMALLEST_FALL: f64 = 1e-8;

impl Default for Schedule {
    fn default() -> Self {
        Schedule::Constant {}
    }
}

impl Schedule {
    /// Four waves, each twice as long as the one before.
    pub fn coslog4() -> Self {
        Schedule::Coslog4 {}
    }

    /// A cosine down to 0.
    pub fn cosine() -> Self {
        Schedule::Cosine { min_learning_rate: 0.0 }
    }

    pub(super) fn check(&self) -> Result<(), SpecError> {
        let check = |name: &str, holds: bool, range: &str| {
            require(holds, &format!("/learning_rate_schedule/{name}"), || format!("{name} must be {range}"))
        };
        let rate = |rate: f64| rate >= 0.0 && rate.is_finite();
        let gamma = |gamma: f64| gamma > 0.0 && gamma <= 1.0;
        match *self {
            Schedule::Constant {} | Schedule::Coslog4 {} => Ok(()),
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

/// What a schedule sets for one step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rates {
    /// η
    pub learning_rate: f64,
    /// μ or β₁, where the schedule moves it.
    pub momentum: Option<f64>,
}

/// A schedule at work.
#[derive(Clone, Debug)]
pub struct ScheduleState {
    schedule: Schedule,
    base: f64,
    epochs: u64,
    batches: u64,
    pub(super) plateau: Plateau,
}

/// The state of a plateau schedule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plateau {
    #[serde(with = "bits")]
    rate: f64,
    #[serde(with = "bits")]
    best: f64,
    bad_epochs: u64,
    cooldown: u64,
}

impl ScheduleState {
    /// A schedule over `epochs` epochs of `batches` batches each, with η₀ = `learning_rate`.
    pub fn new(schedule: Schedule, learning_rate: f64, epochs: u64, batches: u64) -> Self {
        let plateau = Plateau { rate: learning_rate, best: f64::INFINITY, bad_epochs: 0, cooldown: 0 };
        ScheduleState { schedule, base: learning_rate, epochs, batches, plateau }
    }

    /// The rates of batch `batch` of epoch `epoch`, both counted from 0.
    pub fn rates(&self, epoch: u64, batch: u64) -> Rates {
        let learning_rate = match self.schedule {
            Schedule::Constant {} => self.base,
            Schedule::Step { step_size, gamma } => self.base * gamma.powf((epoch / step_size) as f64),
            Schedule::Exponential { gamma } => self.base * gamma.powf(epoch as f64),
            Schedule::Cosine { min_learning_rate: min } => {
                min + (self.base - min) * (1.0 + (PI * epoch as f64 / self.epochs as f64).cos()) / 2.0
            }
            Schedule::Coslog4 {} => {
                let last = (self.epochs * self.batches - 1).max(1);
                let t = (epoch * self.batches + batch) as f64 / last as f64;
                self.base * (1.0 - (2.0 * PI * (1.0 + 15.0 * t).log2()).cos()) / 2.0
            }
            Schedule::ReduceOnPlateau { .. } => self.plateau.rate,
            Schedule::OneCycle { warmup_fraction, initial_divisor, final_divisor, cycle_momentum } => {
                let (rise, share) = self.cycle(epoch * self.batches + batch, warmup_fraction);
                let first = self.base / initial_divisor;
                let from = if rise { first } else { first / final_divisor };
                let (low, high) = CYCLE_MOMENTUM;
                let momentum = cycle_momentum.then(|| between(high, low, share));
                return Rates { learning_rate: between(from, self.base, share), momentum };
            }
        };
        Rates { learning_rate, momentum: None }
    }

    /// Whether step `step` of a one-cycle schedule is in the rise, and how near it is to the peak (0 to 1).
    fn cycle(&self, step: u64, warmup_fraction: f64) -> (bool, f64) {
        let total = (self.epochs * self.batches) as f64;
        let (peak, end) = ((warmup_fraction * total - 1.0).max(0.0), (total - 1.0).max(1.0));
        let step = step as f64;
        if step <= peak && peak > 0.0 {
            (true, step / peak)
        } else {
            (false, ((end - step) / (end - peak)).clamp(0.0, 1.0))
        }
    }

    /// Tells the schedule what an epoch reached: the validation loss, or the loss where there is no validation.
    pub fn epoch_ended(&mut self, monitored: f64) {
        let Schedule::ReduceOnPlateau { factor, patience, threshold, cooldown, min_learning_rate } = self.schedule
        else {
            return;
        };
        let plateau = &mut self.plateau;
        if monitored < plateau.best * (1.0 - threshold) {
            plateau.best = monitored;
            plateau.bad_epochs = 0;
        } else {
            plateau.bad_epochs += 1;
        }
        if plateau.cooldown > 0 {
            plateau.cooldown -= 1;
            plateau.bad_epochs = 0;
        }
        if plateau.bad_epochs > patience {
            let lower = (plateau.rate * factor).max(min_learning_rate);
            if plateau.rate - lower > SMALLEST_FALL {
                plateau.rate = lower;
            }
            plateau.cooldown = cooldown;
            plateau.bad_epochs = 0;
        }
    }
}

/// Cosine from `from` (share 0) to `to` (share 1).
fn between(from: f64, to: f64, share: f64) -> f64 {
    to + (from - to) / 2.0 * (1.0 + (PI * share).cos())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Its zeros and peaks are where 1 + 15 t is a power of 2, and of √2 between them.
    #[test]
    fn coslog4_has_four_waves_each_twice_as_long_as_the_one_before() {
        let schedule = ScheduleState::new(Schedule::coslog4(), 0.5, 15, 100);
        let at = |t: f64| {
            let step = (t * 1499.0).round() as u64;
            schedule.rates(step / 100, step % 100).learning_rate
        };
        for zero in [0.0, 1.0, 3.0, 7.0, 15.0] {
            assert!(at(zero / 15.0) < 1e-4, "{zero}: {}", at(zero / 15.0));
        }
        for peak in [1, 2, 4, 8].map(|power| f64::from(power) * 2f64.sqrt() - 1.0) {
            assert!((at(peak / 15.0) - 0.5).abs() < 1e-4, "{peak}: {}", at(peak / 15.0));
        }
        let one = ScheduleState::new(Schedule::coslog4(), 0.5, 1, 1);
        assert!(one.rates(0, 0).learning_rate.is_finite());
    }
}
