//! What a training tells of itself: each epoch, and its end.

use serde::{Deserialize, Serialize};

use super::bits;

/// What an epoch reached. Serialized, for snapshots, its floats are written as their bits.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochReport {
    /// Counted from 1.
    pub epoch: u64,
    /// Mean loss over the training rows, each measured in its batch before that batch's step, penalties left out.
    #[serde(with = "bits")]
    pub loss: f64,
    /// Mean loss over the validation rows after the epoch.
    #[serde(with = "bits")]
    pub validation_loss: Option<f64>,
    /// η of the epoch's last batch.
    #[serde(with = "bits")]
    pub learning_rate: f64,
}

impl EpochReport {
    /// What early stopping and plateau schedules watch: the validation loss, or the loss without validation.
    pub fn watched(&self) -> f64 {
        self.validation_loss.unwrap_or(self.loss)
    }
}

/// Why a training that did not fail has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// All epochs are done.
    Completed,
    /// The watched loss had not improved for `patience` epochs.
    EarlyStopping,
    /// The observer said so.
    Stopped,
}

/// What a training leaves besides the network.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    /// Why it ended.
    pub end: EndReason,
    /// The epoch whose parameters the network now has, with what it reached; `None` if no epoch is complete.
    pub published: Option<EpochReport>,
    /// The epoch with the best watched loss; 0 if none is complete.
    pub best_epoch: u64,
}

/// The loss left the finite numbers, or exploded.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("training diverged in epoch {epoch}: {cause}")]
pub struct Diverged {
    /// Counted from 1.
    pub epoch: u64,
    /// What was seen, and what to do about it.
    pub cause: String,
}
