//! Snapshots: all that a training is between two batches, so that another trainer goes on from there to the same bits.
//!
//! A snapshot borrows the buffers of the training it is of: to take one copies nothing that is large. One that was read
//! back owns them. What follows from the settings and the examples is not in it.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::bits;
use super::diagnosis::Diagnosis;
use super::random::Position;
use super::report::EpochReport;
use super::schedule::{Brought, Plateau};
use super::stopping::Best;

/// A training between two batches.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot<'a> {
    /// Everything that is not a buffer.
    pub state: SnapshotState,
    /// The network's parameters.
    pub parameters: Cow<'a, [f32]>,
    /// The optimizer's first buffer; empty if it has none.
    pub first: Cow<'a, [f32]>,
    /// The optimizer's second buffer; empty if it has none.
    pub second: Cow<'a, [f32]>,
    /// Parameters of the best epoch, where early stopping restores them.
    pub best_parameters: Option<Cow<'a, [f32]>>,
    /// Parameters after the last complete epoch; empty where no stop can come within one.
    pub complete_parameters: Cow<'a, [f32]>,
    /// The order of the rows in the epoch under way: each epoch shuffles that of the one before.
    pub order: Cow<'a, [u32]>,
}

impl Snapshot<'_> {
    /// The same, with buffers of its own.
    pub fn into_owned(self) -> Snapshot<'static> {
        fn owned<T: Clone>(values: Cow<[T]>) -> Cow<'static, [T]> {
            Cow::Owned(values.into_owned())
        }
        Snapshot {
            state: self.state,
            parameters: owned(self.parameters),
            first: owned(self.first),
            second: owned(self.second),
            best_parameters: self.best_parameters.map(owned),
            complete_parameters: owned(self.complete_parameters),
            order: owned(self.order),
        }
    }
}

/// The part of a [`Snapshot`] that is not a buffer. Serialized, its floats are written as their bits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SnapshotState {
    /// Epochs done.
    pub epoch: u64,
    /// How far the next one is.
    pub under_way: UnderWay,
    /// The last epoch done.
    pub last: Option<EpochReport>,
    /// The epoch that [`Snapshot::best_parameters`] are of; numbered 0 before the first.
    pub best_report: Option<EpochReport>,
    /// Steps that the optimizer has taken.
    pub steps: u64,
    /// The state of a plateau schedule.
    pub plateau: Plateau,
    /// What the waves of a schedule have brought; not there in snapshots of before.
    #[serde(default)]
    pub brought: Brought,
    /// The best epoch so far.
    pub best: Best,
    /// What the rules of diagnosis have seen, and the warnings they have raised.
    pub diagnosis: Diagnosis,
    /// Position of the generator that shuffles the rows.
    pub shuffle: Position,
    /// Position of the generator of dropout seeds.
    pub dropout: Position,
}

/// How far an epoch is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct UnderWay {
    /// Batches done.
    pub batches: u64,
    /// Weighted sum of the losses of their rows.
    #[serde(with = "bits")]
    pub loss: f64,
    /// Sum of the weights of their rows.
    #[serde(with = "bits")]
    pub weight: f64,
    /// η of the last of them.
    #[serde(with = "bits")]
    pub learning_rate: f64,
}

impl UnderWay {
    /// Books a batch.
    pub(super) fn add(&mut self, loss: f64, weight: f64, learning_rate: f64) {
        self.batches += 1;
        self.loss += loss;
        self.weight += weight;
        self.learning_rate = learning_rate;
    }
}

/// A snapshot that is not of the training it was given to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the snapshot is not of this training: {what}")]
pub struct SnapshotMisfit {
    /// What does not fit.
    pub what: String,
}
