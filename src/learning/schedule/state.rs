//! A schedule at work: the rates of each batch, and what it has been told of the epochs.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

use super::definition::Schedule;
use super::waves::{self, Brought, CERTAIN};
use crate::learning::bits;

/// OneCycleLR's bounds of μ or β₁.
const CYCLE_MOMENTUM: (f64, f64) = (0.85, 0.95);
/// As PyTorch's ReduceLROnPlateau, which ignores falls of η that are smaller than this.
const SMALLEST_FALL: f64 = 1e-8;

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
    pub(in crate::learning) plateau: Plateau,
    pub(in crate::learning) brought: Brought,
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
