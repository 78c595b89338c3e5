//! Early stopping, and the memory of the best epoch.
//!
//! ```
//! use epochd::learning::stopping::{Best, EarlyStopping};
//!
//! let mut best = Best::new(Some(&EarlyStopping { min_delta: 0.1, ..EarlyStopping::default() }));
//! assert!(best.improves(1, 1.0));
//! assert!(!best.improves(2, 0.95)); // a fall by no more than `min_delta`
//! assert!(best.improves(3, 0.8));
//! assert_eq!(best.epoch, 3);
//! ```

use serde::{Deserialize, Serialize};

use super::bits;
use super::error::{SpecError, require};

/// When to stop before the last epoch. What is watched is the validation loss, or without validation the loss.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EarlyStopping {
    /// Epochs without improvement after which training stops.
    pub patience: u64,
    /// An improvement is a fall by more than this.
    pub min_delta: f64,
    /// Further epochs of patience for each epoch up to the best one: with 1, a training may take twice as long as the best needed,
    /// and `patience` epochs more.
    #[serde(skip_serializing_if = "is_nothing")]
    pub growth: f64,
    /// Of a classifier: whether the validation loss is that of its probabilities after the temperature that suits them best, which
    /// is fitted after every epoch.
    #[serde(skip_serializing_if = "is_off")]
    pub calibrated: bool,
    /// Whether the version gets the parameters of the best epoch rather than the last one's.
    pub restore_best: bool,
}

impl Default for EarlyStopping {
    fn default() -> Self {
        EarlyStopping { patience: 10, min_delta: 0.0, growth: 0.0, calibrated: false, restore_best: true }
    }
}

fn is_nothing(growth: &f64) -> bool {
    *growth == 0.0
}

fn is_off(set: &bool) -> bool {
    !set
}

impl EarlyStopping {
    /// Whether it is time to stop after `epoch` epochs, of which `best` was the best.
    pub fn is_over(&self, epoch: u64, best: u64) -> bool {
        (epoch - best) as f64 >= self.patience as f64 + self.growth * best as f64
    }

    pub(super) fn check(&self) -> Result<(), SpecError> {
        let holds = self.min_delta >= 0.0 && self.min_delta.is_finite();
        require(self.patience >= 1, "/early_stopping/patience", || "patience must be at least 1 epoch".into())?;
        require(holds, "/early_stopping/min_delta", || "min_delta must be at least 0".into())?;
        let holds = self.growth >= 0.0 && self.growth.is_finite();
        require(holds, "/early_stopping/growth", || "growth must be at least 0".into())
    }
}

/// The best epoch so far.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// Counted from 1; 0 before the first.
    pub epoch: u64,
    /// The watched loss of that epoch.
    #[serde(with = "bits")]
    pub watched: f64,
    #[serde(with = "bits")]
    min_delta: f64,
}

impl Best {
    /// Before the first epoch.
    pub fn new(stopping: Option<&EarlyStopping>) -> Self {
        Best { epoch: 0, watched: f64::INFINITY, min_delta: stopping.map_or(0.0, |stopping| stopping.min_delta) }
    }

    /// Takes note of an epoch's watched loss; true if it is the best so far.
    pub fn improves(&mut self, epoch: u64, watched: f64) -> bool {
        let improves = self.epoch == 0 || watched < self.watched - self.min_delta;
        if improves {
            (self.epoch, self.watched) = (epoch, watched);
        }
        improves
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_grows_with_the_best_epoch() {
        let fixed = EarlyStopping { patience: 10, ..EarlyStopping::default() };
        assert!(!fixed.is_over(19, 10) && fixed.is_over(20, 10));
        let growing = EarlyStopping { patience: 20, growth: 1.0, ..EarlyStopping::default() };
        assert!(!growing.is_over(57, 19) && growing.is_over(58, 19), "twice the best epoch and 20 more");
        assert!(growing.is_over(20, 0));
    }
}
