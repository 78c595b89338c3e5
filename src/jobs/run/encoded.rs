//! Rows of a table as a network takes them: encoded, with their targets and weights.

use bytesize::ByteSize;
use ndarray::Array2;

use super::unpublished::{Halt, Stopped};
use crate::data::column::{Column, Table};
use crate::data::encoder::{EncodeError, Encoder};
use crate::data::row_weights::weights_of;
use crate::jobs::error::JobError;
use crate::learning::examples::{Examples, Targets};
use crate::learning::row_weights::normalised;
use crate::learning::training::{Classes, ValidTrainingSpec};
use crate::memory::{Charge, Refused};
use crate::models::ModelError;

/// Takes memory for what is about to be encoded, where the estimate was less. Where others hold it, this job gives up all that
/// it has: two that wait for each other would wait for good.
pub(super) fn take(memory: &Charge, bytes: u64) -> Result<(), JobError> {
    let limit = |limit: u64| ByteSize::b(limit).to_string();
    memory.cover(bytes).map_err(|refused| match refused {
        Refused::Never { limit: most } => JobError::TooLarge { needed: limit(bytes), limit: limit(most) },
        Refused::Now => {
            memory.shrink(u64::MAX);
            ModelError::MemoryFull { limit: limit(bytes) }.into()
        }
    })
}

/// An encoder at work.
pub(super) struct Encoding<'a> {
    pub(super) encoder: &'a Encoder,
    pub(super) go_on: &'a dyn Fn() -> bool,
}

impl Encoding<'_> {
    /// The rows named, encoded, with their targets and weights.
    pub(super) fn examples(
        &self,
        table: &Table,
        target: &Column,
        weights: Option<&Column>,
        rows: &[usize],
    ) -> Result<Examples, Halt> {
        let inputs = self.encoder.inputs_of(table, rows, self.go_on)?.ok_or(Stopped)?;
        let examples = Examples::new(inputs, targets(self.encoder, target, rows)?);
        Ok(match weights {
            None => examples,
            Some(column) => examples.with_weights(normalised(&weights_of(column, rows.iter().copied())?)),
        })
    }
}

fn targets(encoder: &Encoder, target: &Column, rows: &[usize]) -> Result<Targets, EncodeError> {
    match encoder.target.classes().len() {
        0 => {
            let values = encoder.target.standardised(target, rows)?;
            Ok(Targets::Values(as_column(values)))
        }
        2 => {
            let labels = encoder.target.labels(target, rows)?;
            Ok(Targets::Values(as_column(labels.into_iter().map(|label| label as f32).collect())))
        }
        _ => Ok(Targets::Classes(encoder.target.labels(target, rows)?)),
    }
}

fn as_column(values: Vec<f32>) -> Array2<f32> {
    Array2::from_shape_vec((values.len(), 1), values).expect("one column")
}

/// The same examples with the weights of classes in the loss, if the settings have any.
pub(super) fn weighted(examples: Examples, settings: &ValidTrainingSpec, encoder: &Encoder) -> Examples {
    match &settings.class_weight {
        None => examples,
        Some(weights) => {
            let classes = Classes::Named(encoder.target.classes());
            let row_weights = weights.row_weights(&examples.targets().labels(), classes, examples.weights());
            examples.with_loss_weights(row_weights)
        }
    }
}
