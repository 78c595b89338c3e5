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
use super::waves::{self, Brought, CERTAIN};

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
        #[serde(default, skip_serializing_if = "is_none")]
        further_waves: u64,
        /// The share of the watched loss that a wave must have brought it down by for a further one to follow.
        #[serde(default = "least_gain", skip_serializing_if = "is_least_gain")]
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
fn is_none(waves: &u64) -> bool {
    *waves == 0
}
fn least_gain() -> f64 {
    0.02
}
fn is_least_gain(gain: &f64) -> bool {
    *gain == least_gain()
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

    pub(super) fn check(&self) -> Result<(), SpecError> {
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
    /// Those that come whatever they bring.
    certain: u64,
    batches: u64,
    pub(super) plateau: Plateau,
    pub(super) brought: Brought,
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
        let (_, certain) = schedule.certain(epochs);
        ScheduleState { schedule, base: learning_rate, epochs, certain, batches, plateau, brought: Brought::default() }
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
            Schedule::Coslog4 { .. } => {
                let last = (self.certain * self.batches - 1).max(1);
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

    /// Tells the schedule the lowest loss that was watched in `epoch` epochs.
    pub fn best_is(&mut self, epoch: u64, watched: f64) {
        if self.wave_that_ends(epoch).is_some() {
            self.brought.note(watched);
        }
    }

    /// Whether the training ends after `epoch` epochs, as the wave that ends there has not brought enough for a further one.
    pub fn is_over(&self, epoch: u64) -> bool {
        let Schedule::Coslog4 { further_waves, least_gain } = self.schedule else { return false };
        let asked = CERTAIN..CERTAIN + further_waves;
        self.wave_that_ends(epoch).is_some_and(|wave| asked.contains(&wave)) && !self.brought.is_enough(least_gain)
    }

    /// The number of the wave whose last epoch is `epoch`, counted from 1.
    fn wave_that_ends(&self, epoch: u64) -> Option<u64> {
        let Schedule::Coslog4 { further_waves, .. } = self.schedule else { return None };
        waves::ending(self.epochs, epoch, CERTAIN + further_waves)
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

    #[test]
    fn a_fifth_wave_follows_the_same_four() {
        let four = ScheduleState::new(Schedule::coslog4(), 0.5, 30, 50);
        let (schedule, epochs) = Schedule::coslog4_and_one(30);
        assert_eq!((epochs, schedule.certain(epochs)), (62, (Schedule::coslog4(), 30)));
        let five = ScheduleState::new(schedule, 0.5, epochs, 50);
        for epoch in 0..30 {
            assert_eq!(four.rates(epoch, epoch), five.rates(epoch, epoch));
        }
        let ends: Vec<u64> = (1..=62).filter(|epoch| five.wave_that_ends(*epoch).is_some()).collect();
        assert_eq!(ends, [2, 6, 14, 30, 62]);
        assert!(five.rates(61, 49).learning_rate < 1e-5);
        // log₂(1 + 15 t) = 4.5
        assert!((five.rates(43, 11).learning_rate - 0.5).abs() < 1e-4);
        assert_eq!(Schedule::cosine().certain(7), (Schedule::cosine(), 7));
        for epochs in 17..300 {
            let (schedule, all) = Schedule::coslog4_and_one(epochs);
            assert_eq!(schedule.certain(all).1, epochs);
            assert!(ScheduleState::new(schedule, 1.0, all, 3).rates(all - 1, 2).learning_rate < 1e-2, "{epochs}");
        }
    }

    #[test]
    fn a_further_wave_follows_one_that_has_brought_enough() {
        // What the fourth of 30 epochs has brought decides, not what others have.
        for (third, fourth, is_over) in
            [(0.5, 0.4901, true), (0.5, 0.4899, false), (0.5, 0.5, true), (-0.5, -0.509, true), (-0.5, -0.511, false)]
        {
            let (schedule, epochs) = Schedule::coslog4_and_one(30);
            let mut state = ScheduleState::new(schedule, 0.1, epochs, 1);
            let mut best: f64 = 1.0;
            for epoch in 1..=epochs {
                best = if epoch == 14 { third } else { best };
                best = if epoch == 25 { fourth } else { best };
                state.best_is(epoch, best);
                assert_eq!(state.is_over(epoch), is_over && epoch == 30, "{third}, {fourth}: {epoch}");
            }
        }
        let mut four = ScheduleState::new(Schedule::coslog4(), 0.1, 30, 1);
        (1..=30).for_each(|epoch| four.best_is(epoch, 1.0));
        assert!(!four.is_over(30), "it is its last epoch anyway");
    }
}
