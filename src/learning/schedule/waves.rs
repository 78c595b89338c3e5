//! Waves of the learning rate, each twice as long as the one before (Holzmüller, Grinsztajn & Steinwart 2024): where they end, and
//! whether one has brought enough for another to follow.

use serde::{Deserialize, Serialize};

use crate::learning::bits;

/// Waves that come whatever they bring.
pub const CERTAIN: u64 = 4;
/// Further ones at most: a training takes twice as long with each.
pub const MOST_FURTHER: u64 = 4;

/// How long so many waves are together, where the first is 1.
pub fn widths(waves: u64) -> u64 {
    (1 << waves) - 1
}

/// The epoch, counted from 1, with which `wave` of the `waves` waves of `epochs` epochs ends.
pub fn end(epochs: u64, wave: u64, waves: u64) -> u64 {
    (epochs as f64 * widths(wave) as f64 / widths(waves) as f64).round() as u64
}

/// The wave, counted from 1, of `waves` waves of `epochs` epochs that ends with `epoch`.
pub fn ending(epochs: u64, epoch: u64, waves: u64) -> Option<u64> {
    (1..=waves).rev().find(|wave| end(epochs, *wave, waves) == epoch)
}

/// What waves have brought: the lowest loss that was watched up to the end of the last one, and of the one before it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Brought {
    #[serde(with = "bits")]
    before: f64,
    #[serde(with = "bits")]
    last: f64,
}

impl Default for Brought {
    /// Before the first wave has ended.
    fn default() -> Self {
        Brought { before: f64::INFINITY, last: f64::INFINITY }
    }
}

impl Brought {
    /// Takes note of the lowest loss at the end of a wave.
    pub fn note(&mut self, watched: f64) {
        *self = Brought { before: self.last, last: watched };
    }

    /// Whether the last wave has brought the loss down by this share; the first one has.
    pub fn is_enough(&self, least_gain: f64) -> bool {
        self.before.is_infinite() || self.before - self.last >= least_gain * self.before.abs()
    }
}
