//! Whether numbers get bins beside them: two short trainings tell, one with bins and one without.
//!
//! Bins help where answers jump at values of a column, and are noise to learn from where they bend. Which it is shows after a few
//! epochs on rows held out, long before either network has learned all that it can.

use std::ops::Range;

use super::answering::Answering;
use super::context::RunContext;
use super::encoded::{Encoding, take, weighted};
use super::initial::initial;
use super::measure::Measuring;
use super::out_of_fold::{answers, calibrated, measured};
use super::trial::{Trial, has_time, is_clearly_less};
use super::unpublished::Halt;
use crate::data::column::{Column, Table};
use crate::data::encoder::{Encoder, Task};
use crate::learning::loss::Loss;
use crate::learning::row_weights::RowWeights;
use crate::learning::stopping::EarlyStopping;
use crate::learning::tiling::evenly_spaced;
use crate::learning::training::ValidTrainingSpec;
use crate::models::scoring::Truth;
use crate::models::table::TableSpec;

/// Epochs of a short training: of few rows as many as take about so many steps, as a network with bins learns faster at first.
const EPOCHS: (u64, u64) = (10, 60);
const STEPS: usize = 600;
/// The loss with bins has to be less by this share of it: without them a network goes on to learn for longer.
const LEAST_GAIN: f64 = 0.03;
/// And by more than so many standard errors: where few rows of a class decide, chance alone makes one, and a network with bins then
/// learns these few by heart.
const ERRORS: f64 = 2.0;
/// Rows that it learns from, and rows that it is measured on, at most.
const ROWS: usize = 20_000;
const MEASURED: usize = 10_000;

/// The rows of a training as its table has them.
pub(super) struct Looked<'a> {
    pub(super) table: &'a Table,
    pub(super) target: &'a Column,
    pub(super) weights: Option<&'a Column>,
    /// Rows that no network learns from; of folds, those of all.
    pub(super) held_out: &'a [usize],
    pub(super) folds: &'a [Range<usize>],
}

/// The encoder with bins beside numbers where a network with them errs less, by a [`LEAST_GAIN`] and by more than two
/// standard errors of the difference row by row; else as it is. Where no rows are held out there is nothing to tell by. `train` are the rows
/// that it was fitted on.
///
/// # Errors
/// There is no memory for it, or the job is to stop.
pub(super) fn with_bins_if_they_pay(
    plain: Encoder,
    model: &TableSpec,
    settings: &ValidTrainingSpec,
    rows: &Looked,
    train: &[usize],
    context: &RunContext,
) -> Result<Encoder, Halt> {
    // Behind folds that are not learned from stand the others.
    let (measured_on, learned) = match folds_to_measure_on(rows.folds, train.len()) {
        Some(folds) => (&rows.held_out[..folds], &train[folds..]),
        None => (rows.held_out, train),
    };
    if measured_on.is_empty()
        || !model.minimises_its_measure()
        || !has_time(settings)
        || !model.may_have_bins(learned.len() as u64)
    {
        return Ok(plain);
    }
    let Some(binned) = plain.binned(rows.table, train) else { return Ok(plain) };
    let some = |rows: &[usize], most: usize| {
        evenly_spaced(most.min(rows.len()), rows.len()).into_iter().map(|place| rows[place]).collect()
    };
    let (learned, measured_on): (Vec<usize>, Vec<usize>) = (some(learned, ROWS), some(measured_on, MEASURED));
    let cells = (learned.len() + measured_on.len()) * binned.width();
    take(context.memory, rows.table.bytes().saturating_add(cells * size_of::<f32>()) as u64)?;
    let losses = |encoder: &Encoder| Short { model, settings, rows, encoder, context }.losses(&learned, &measured_on);
    let Some(without) = losses(&plain)? else { return Ok(plain) };
    let Some(with) = losses(&binned)? else { return Ok(plain) };
    let weights = without.weights.as_deref().map_or(RowWeights::ALIKE, RowWeights::of);
    let sum = |losses: &[f64]| losses.iter().enumerate().map(|(row, loss)| weights.get(row) * loss).sum::<f64>();
    let is_enough = sum(&with.losses) < (1.0 - LEAST_GAIN) * sum(&without.losses);
    Ok(if is_enough && is_clearly_less(&with.losses, &without.losses, weights, ERRORS) { binned } else { plain })
}

/// Rows of the folds to measure on: the more the better, as long as two thirds of the rows to train on are left. At least one fold;
/// `None` without folds.
fn folds_to_measure_on(folds: &[Range<usize>], rows: usize) -> Option<usize> {
    let most = folds.iter().rev().find(|fold| 3 * fold.end <= rows);
    most.or(folds.first()).map(|fold| fold.end)
}

/// A short training with one encoder.
struct Short<'a> {
    model: &'a TableSpec,
    settings: &'a ValidTrainingSpec,
    rows: &'a Looked<'a>,
    encoder: &'a Encoder,
    context: &'a RunContext<'a>,
}

/// What a network loses row by row, and the weights of these rows.
struct Losses {
    losses: Vec<f64>,
    weights: Option<Vec<f32>>,
}

impl Short<'_> {
    /// What a network that learned from some rows for a while loses on others; `None` if it diverged.
    fn losses(&self, learned: &[usize], measured_on: &[usize]) -> Result<Option<Losses>, Halt> {
        let (encoder, job) = (self.encoder, self.context.job);
        let go_on = &|| self.context.goes_on();
        let Looked { table, target, weights, .. } = *self.rows;
        let encoding = Encoding { encoder, go_on };
        let train = encoding.examples(table, target, weights, learned)?;
        let held_out = encoding.examples(table, target, weights, measured_on)?;
        let network = initial(&self.model.network(encoder)?, 1, encoder, &train);
        let train = weighted(train, self.settings, encoder);
        let batch = self.settings.batch_size.of(learned.len());
        let epochs = ((STEPS * batch / learned.len()) as u64).clamp(EPOCHS.0, EPOCHS.1);
        let stopping = EarlyStopping {
            patience: epochs,
            calibrated: self.model.task == Task::Classification,
            ..EarlyStopping::default()
        };
        let (learning_rate_schedule, _) = self.settings.learning_rate_schedule.certain(epochs);
        let settings = ValidTrainingSpec {
            epochs,
            learning_rate_schedule,
            early_stopping: Some(stopping),
            members: Some(1),
            ..self.settings.clone()
        };
        let trial = Trial {
            job,
            cores: self.context.cores,
            settings: &settings,
            train: &train,
            validation: &held_out,
            folds: &[],
        };
        let Some(members) = trial.run(network)? else { return Ok(None) };
        let truth = Truth::of_rows(encoder, target, measured_on)?;
        let measuring =
            Measuring { spec: self.model, encoder, target: &encoder.target, examples: &held_out, truth: &truth, go_on };
        let members = calibrated(&measuring, members, &[])?;
        let answers = answers(&measuring, Answering { members: &members, folds: &[] })?;
        let losses =
            answers.iter().enumerate().map(|(row, answer)| measured(&truth, Loss::Mse).loss(row, *answer)).collect();
        Ok(Some(Losses { losses, weights: held_out.weights().given().map(<[f32]>::to_vec) }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_third_of_the_rows_is_measured_on_at_most_and_one_fold_at_least() {
        let folds = |each: usize, count: usize| -> Vec<_> { (0..count).map(|at| at * each..(at + 1) * each).collect() };
        assert_eq!(folds_to_measure_on(&folds(20, 5), 100), Some(20));
        assert_eq!(folds_to_measure_on(&folds(15, 3), 100), Some(30));
        assert_eq!(folds_to_measure_on(&folds(50, 2), 100), Some(50));
        assert_eq!(folds_to_measure_on(&[], 100), None);
    }
}
