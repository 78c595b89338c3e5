//! How long a training takes: the work of its epochs, and how fast this process has done such work so far.

use std::sync::{Mutex, PoisonError};

use crate::learning::spec::ValidModelSpec;
use crate::learning::training::ValidTrainingSpec;

/// Multiply-adds for each weight and row of an epoch: forward, and back to the inputs and to the weights.
const PASSES: f64 = 3.0;
/// What the activation of a unit takes beside its weights, forth and back, in multiply-adds.
const OF_UNIT: f64 = 100.0;
/// Multiply-adds in a second of one processor, before a training has told; that counts as much as one of so many seconds.
const FIRST: f64 = 3e10;
const FIRST_SECONDS: f64 = 1.0;
/// What was measured counts half from so many seconds of training on.
const REMEMBERED: f64 = 120.0;
/// Trainings below so many seconds tell nothing.
const LEAST: f64 = 0.05;

/// Multiply-adds that a row takes in an epoch of one network, for its weights alone.
pub(super) fn of_weights(network: &ValidModelSpec) -> f64 {
    let weights: usize = network.layers.iter().map(|layer| layer.inputs * layer.units).sum();
    PASSES * weights as f64
}

/// Multiply-adds that a row takes in an epoch of one network.
pub(super) fn of_row(network: &ValidModelSpec) -> f64 {
    let units: usize = network.layers.iter().map(|layer| layer.units).sum();
    of_weights(network) + OF_UNIT * units as f64
}

/// How fast this process trains.
#[derive(Debug)]
pub(in crate::jobs) struct Speed {
    /// Multiply-adds, and seconds that they took.
    measured: Mutex<(f64, f64)>,
}

impl Speed {
    /// That of a process with so many threads for trainings that has trained nothing yet.
    pub(super) fn new(threads: usize) -> Self {
        Speed { measured: Mutex::new((FIRST * threads as f64 * FIRST_SECONDS, FIRST_SECONDS)) }
    }

    /// So much work took so many seconds.
    pub(super) fn saw(&self, work: f64, seconds: f64) {
        if seconds < LEAST || work <= 0.0 {
            return;
        }
        let mut measured = self.measured.lock().unwrap_or_else(PoisonError::into_inner);
        let (before, seconds_before) = *measured;
        let kept = if seconds_before > REMEMBERED { 0.5 } else { 1.0 };
        *measured = (kept * before + work, kept * seconds_before + seconds);
    }

    /// About how many seconds a training takes if it does all the epochs that come whatever they bring, each of which is so much work.
    pub(super) fn seconds(&self, of_epoch: f64, settings: &ValidTrainingSpec) -> f64 {
        let (work, seconds) = *self.measured.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, certain) = settings.learning_rate_schedule.certain(settings.epochs);
        let epochs = certain as f64 * settings.candidates as f64;
        let all = of_epoch * epochs * seconds / work;
        settings.max_seconds.map_or(all, |limit| all.min(limit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learning::schedule::Schedule;
    use crate::learning::spec::ModelSpec;
    use crate::learning::training::{Classes, TrainingSpec};

    fn network(widths: &[usize]) -> ValidModelSpec {
        let layers = widths.iter().copied().map(Into::into).collect();
        ModelSpec { layers, ..ModelSpec::default() }.check().expect("a network").0
    }

    fn settings(settings: TrainingSpec) -> ValidTrainingSpec {
        settings.check(0, Classes::None).expect("settings")
    }

    /// 2 · 10 + 10 · 1 weights, three times; 11 units.
    #[test]
    fn the_work_of_a_row_is_that_of_its_weights_and_units() {
        let network = network(&[2, 10, 1]);
        assert_eq!((of_weights(&network), of_row(&network)), (90.0, 90.0 + 1_100.0));
    }

    #[test]
    fn what_trainings_took_is_expected_of_the_next() {
        let speed = Speed::new(1);
        let ten = settings(TrainingSpec { epochs: Some(10), ..TrainingSpec::default() });
        let first = speed.seconds(FIRST, &ten);
        assert!((first - 10.0).abs() < 1e-9, "{first}");
        // Half as fast, for long.
        (0..50).for_each(|_| speed.saw(FIRST / 2.0 * 10.0, 10.0));
        let later = speed.seconds(FIRST, &ten);
        assert!((later / first - 2.0).abs() < 0.02, "{later} {first}");
        let (schedule, epochs) = Schedule::coslog4_and_one(10);
        let with_a_wave_more = settings(TrainingSpec {
            epochs: Some(epochs),
            learning_rate_schedule: Some(schedule),
            ..TrainingSpec::default()
        });
        assert_eq!(speed.seconds(FIRST, &with_a_wave_more), later, "it mostly does not come");
        speed.saw(1e300, 0.01);
        assert_eq!(speed.seconds(FIRST, &ten), later, "what is too short tells nothing");
        let limited = settings(TrainingSpec { max_seconds: Some(0.5), candidates: Some(8), ..TrainingSpec::default() });
        assert_eq!(speed.seconds(FIRST, &limited), 0.5);
    }
}
