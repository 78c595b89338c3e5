//! What a training takes of the memory.

use super::epochs::Trainer;
use super::learner::PROBE_ROWS;
use super::refined;
use crate::learning::evaluation::Evaluation;
use crate::learning::spec::ValidModelSpec;
use crate::learning::tile::Tile;
use crate::learning::tiling::{pass_rows, tile_rows};
use crate::learning::training::ValidTrainingSpec;

impl Trainer<'_> {
    /// Memory that a training of `model`, or of as many such networks as the settings say, on `rows` rows needs beside the rows,
    /// about; `validation` rows are held out.
    pub fn bytes(model: &ValidModelSpec, settings: &ValidTrainingSpec, rows: usize, validation: usize) -> usize {
        // Gradients beside what a snapshot has.
        let copies = 1 + copies(settings, rows);
        // Rows of the passes, in whole tiles, and of a probe.
        let pass = pass_rows(model, settings, rows);
        let rows_at_once = pass.next_multiple_of(tile_rows(model, pass)) + rows.min(PROBE_ROWS);
        let passes = rows_at_once * Tile::values_per_row(model);
        let looked_at = validation.max(rows.min(PROBE_ROWS));
        let refines = settings.early_stopping.as_ref().is_some_and(|stopping| stopping.calibrated);
        // Of each network its logits, and the probabilities that they become of one network after the other.
        let kept = if refines { refined::values(validation, model.outputs()) } else { 0 };
        let values = kept
            + copies * model.parameter_count()
            + passes
            + Evaluation::values(model, looked_at, settings.networks() > 1)
            + rows;
        values.saturating_mul(settings.networks()).saturating_add(kept).saturating_mul(size_of::<f32>())
    }

    /// Memory that a snapshot of such a training takes at most.
    pub fn snapshot_bytes(model: &ValidModelSpec, settings: &ValidTrainingSpec, rows: usize) -> usize {
        let values = copies(settings, rows) * model.parameter_count() + rows;
        values.saturating_mul(settings.networks() * size_of::<f32>())
    }
}

/// Buffers as long as the parameters that a training goes on from: the parameters, the optimizer's own, those of the best epoch
/// where early stopping restores them, and those of the last complete epoch where a stop may come before the next one is.
fn copies(settings: &ValidTrainingSpec, rows: usize) -> usize {
    let best = settings.early_stopping.as_ref().is_some_and(|stopping| stopping.restore_best);
    let complete = settings.batch_size.of(rows) < rows || settings.networks() > 1;
    1 + usize::from(best) + usize::from(complete) + settings.optimizer.state_buffers()
}
