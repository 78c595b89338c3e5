//! One network at its epochs.

use std::ops::Range;

use ndarray::{Axis, Slice};
use rand::seq::SliceRandom;

use super::batches::Batches;
use super::observer::Control;
use super::refined::Answered;
use super::state::TrainerState;
use super::turns::Turns;
use crate::learning::diagnosis::{EpochFacts, Warning};
use crate::learning::evaluation::Evaluation;
use crate::learning::examples::Examples;
use crate::learning::hindsight::Hindsight;
use crate::learning::network::Network;
use crate::learning::optimizer::Step;
use crate::learning::random::Position;
use crate::learning::report::{Diverged, EpochReport};
use crate::learning::snapshot::{Snapshot, UnderWay};
use crate::learning::team::Team;
use crate::learning::tile::Tile;
use crate::learning::tiling::shard_rows;
use crate::learning::training::ValidTrainingSpec;

/// Rows on which a network is looked at for its diagnosis.
pub(super) const PROBE_ROWS: usize = 256;

/// The rows that a network learns from and those that it is measured on.
pub(super) struct Rows<'a> {
    /// The rows that it learns from are some of these.
    pub train: &'a Examples,
    pub validation: Option<&'a Examples>,
    /// Which of those it is measured on: at least one, where there are any.
    pub validated: Range<usize>,
}

/// A network, its rows, and how far it is.
pub(super) struct Learner<'a> {
    settings: &'a ValidTrainingSpec,
    rows: Rows<'a>,
    pub(super) team: Team,
    pub(super) state: TrainerState,
    batches: Batches,
    evaluation: Evaluation,
    /// What it answers to the rows that it is measured on, where the loss is that of calibrated answers.
    pub(super) answered: Option<Answered>,
    /// What the epoch under way has reached, once its batches are done and its rows measured.
    pub(super) report: Option<EpochReport>,
}

impl<'a> Learner<'a> {
    pub(super) fn new(rows: Rows<'a>, settings: &'a ValidTrainingSpec, state: TrainerState) -> Self {
        let validated = rows.validated.clone();
        let refines = settings.early_stopping.as_ref().is_some_and(|stopping| stopping.calibrated);
        let measured = rows.validation.filter(|_| refines && state.network.spec().classes().is_some());
        let width = state.network.spec().outputs();
        Learner {
            answered: measured.map(|examples| Answered::to(examples, validated, width)),
            settings,
            rows,
            team: Team::alone(),
            batches: Batches::new(&state.network, settings, state.order.len()),
            evaluation: Evaluation::default(),
            state,
            report: None,
        }
    }

    /// Rows that it learns from.
    pub(super) fn count(&self) -> u64 {
        self.state.order.len() as u64
    }

    /// Rows that it has learned from so far: each epoch counts them anew.
    pub(super) fn rows_done(&self) -> u64 {
        let batch_rows = self.settings.batch_size.of(self.state.order.len()) as u64;
        let partial = self.state.under_way.map_or(0, |done| done.batches * batch_rows);
        self.state.epoch * self.count() + partial.min(self.count())
    }

    /// By how much its validation loss counts beside that of others.
    pub(super) fn validation_weight(&self) -> f64 {
        let weights = self.rows.validation.map(|rows| rows.weights().starting_at(self.rows.validated.start));
        weights.map_or(0.0, |weights| weights.total(self.rows.validated.len()))
    }

    /// Works on the epoch under way until its report is there, or a halt is called between two batches.
    pub(super) fn go_on(&mut self, turns: &Turns) -> Result<(), Diverged> {
        let batch_rows = self.settings.batch_size.of(self.state.order.len());
        let mut done = self.begin();
        for start in (done.batches as usize * batch_rows..self.state.order.len()).step_by(batch_rows) {
            let end = (start + batch_rows).min(self.state.order.len());
            if turns.batch(end - start) != Control::Continue {
                return Ok(());
            }
            let rates = self.state.schedule.rates(self.state.epoch, done.batches);
            let regularization = self.regularization(done.batches);
            let step = Step {
                learning_rate: rates.learning_rate,
                momentum: rates.momentum,
                gradient_scale: 1.0,
                l1: self.settings.l1 * regularization,
                weight_decay: self.settings.weight_decay * regularization,
            };
            let Some((loss, weight)) = self.batch(start..end, step, regularization as f32, turns)? else {
                return Ok(());
            };
            done.add(loss, weight, rates.learning_rate);
            self.state.under_way = Some(done);
        }
        let (loss, learning_rate) = (done.loss / done.weight, done.learning_rate);
        if let Some(validation_loss) = self.validation_loss(turns) {
            self.report = Some(EpochReport { epoch: self.state.epoch + 1, loss, validation_loss, learning_rate });
        }
        Ok(())
    }

    /// How far the epoch under way is; one that has not begun begins with an order of its own.
    fn begin(&mut self) -> UnderWay {
        let rows = self.state.order.len();
        if self.state.under_way.is_none() && self.settings.shuffle && self.settings.batch_size.of(rows) < rows {
            self.state.order.shuffle(&mut self.state.shuffle);
        }
        *self.state.under_way.get_or_insert_default()
    }

    /// All that it is between two batches.
    pub(super) fn snapshot(&mut self) -> Snapshot<'_> {
        let under_way = self.begin();
        self.state.snapshot(under_way)
    }

    /// Takes back what was done of the epoch under way.
    pub(super) fn undo(&mut self) {
        self.report = None;
        let begun = self.state.under_way.is_some_and(|done| done.batches > 0);
        if begun && !self.state.complete_parameters.is_empty() {
            self.state.network.parameters_mut().copy_from_slice(&self.state.complete_parameters);
        }
    }

    /// Whether the epoch under way has left the finite numbers.
    pub(super) fn check(&self) -> Result<(), Diverged> {
        let is_finite = self.report.is_none_or(|report| report.watched().is_finite());
        if !is_finite || !self.state.network.parameters().iter().all(|w| w.is_finite()) {
            return Err(self.diverged("parameters or validation loss are no longer finite"));
        }
        Ok(())
    }

    /// Books the epoch whose report is there: schedule, best epoch by what is `watched`, parameters to come back to.
    pub(super) fn complete(&mut self, watched: f64) {
        let Some(report) = self.report.take() else { return };
        self.state.under_way = None;
        self.state.epoch = report.epoch;
        self.state.last = Some(report);
        self.state.schedule.epoch_ended(watched);
        let improves = self.state.best.improves(report.epoch, watched);
        self.state.schedule.best_is(report.epoch, self.state.best.watched);
        let parameters = self.state.network.parameters();
        if let (true, Some((best, kept))) = (improves, &mut self.state.best_parameters) {
            *best = report;
            kept.copy_from_slice(parameters);
        }
        if !self.state.complete_parameters.is_empty() {
            self.state.complete_parameters.copy_from_slice(parameters);
        }
    }

    /// What regularization is multiplied with before batch `batch` of the epoch under way.
    fn regularization(&self, batch: u64) -> f64 {
        let rows = self.state.order.len();
        let batches = rows.div_ceil(self.settings.batch_size.of(rows)) as u64;
        let (step, steps) = (self.state.epoch * batches + batch, self.settings.epochs * batches);
        self.settings.regularization_schedule.factor(step, steps)
    }

    /// A step along the gradient of the mean loss of the rows in this range of the epoch's order. Returns the weighted sum of
    /// the rows' losses, and the sum of their weights; `None` if it is urgent to stop, and then nothing has changed.
    fn batch(
        &mut self,
        range: Range<usize>,
        step: Step,
        dropout_factor: f32,
        turns: &Turns,
    ) -> Result<Option<(f64, f64)>, Diverged> {
        let rows = &self.state.order[range];
        let weight = match self.rows.train.loss_weights().given() {
            None => rows.len() as f64,
            Some(weights) => rows.iter().map(|row| f64::from(weights[*row as usize])).sum(),
        };
        let (scale, shard) = ((1.0 / weight) as f32, shard_rows(self.state.network.spec()));
        let (mut loss, last) = (0.0, (rows.len() - 1) / shard);
        let dropout = Position::of(&self.state.dropout);
        for (index, rows) in rows.chunks(shard).enumerate() {
            let (batches, team) = (&mut self.batches, &mut self.team);
            loss += batches.pass(
                &self.state.network,
                self.rows.train,
                rows,
                (scale, dropout_factor),
                &mut self.state.dropout,
                team,
            );
            if index < last {
                batches.accumulate(&mut self.state.network, index == 0, team);
                if turns.is_urgent() {
                    dropout.restore(&mut self.state.dropout);
                    return Ok(None);
                }
            }
        }
        self.check_loss(loss / weight)?;
        let (clip_norm, team) = (self.settings.gradient_clip_norm, &mut self.team);
        self.batches.step(&mut self.state.network, &mut self.state.optimizer, step, clip_norm, last == 0, team);
        Ok(Some((loss, weight)))
    }

    /// The mean loss of the validation rows, if there are any; `None` if it is urgent to stop.
    fn validation_loss(&mut self, turns: &Turns) -> Option<Option<f64>> {
        let Some(validation) = self.rows.validation else { return Some(None) };
        let (network, rows) = (&self.state.network, self.rows.validated.clone());
        let (width, kept) = (network.spec().outputs(), &mut self.answered);
        kept.iter_mut().for_each(Answered::clear);
        let see = |outputs: &[f32]| {
            kept.iter_mut().for_each(|kept| kept.see(outputs, width));
            !turns.is_urgent()
        };
        let loss = self.evaluation.mean_loss(network, validation, rows, &mut self.team, see)?;
        self.answered.iter_mut().for_each(|kept| kept.finish(network.spec().output));
        Some(Some(loss))
    }

    fn check_loss(&self, loss: f64) -> Result<(), Diverged> {
        if !loss.is_finite() {
            return Err(self.diverged("the loss is no longer finite"));
        }
        match self.state.diagnosis.exploded(loss) {
            true => Err(self.diverged("the loss has grown more than a million times")),
            false => Ok(()),
        }
    }

    fn diverged(&self, seen: &str) -> Diverged {
        Diverged { epoch: self.state.epoch + 1, cause: self.state.diagnosis.cause_of_divergence(seen) }
    }

    /// Looks at the network before its first epoch.
    pub(super) fn look_at_the_start(&mut self) -> Vec<Warning> {
        let rows = self.rows.train.rows().min(PROBE_ROWS);
        let loss = self.evaluation.mean_loss(&self.state.network, self.rows.train, 0..rows, &mut self.team, |_| true);
        let loss = loss.expect("all rows are looked at");
        let plain = Slice::from(..self.state.network.spec().plain_inputs());
        let inputs = self.rows.train.inputs().slice_axis(Axis(1), plain);
        self.state.diagnosis.start(loss, inputs).into_iter().collect()
    }

    /// What is to be said after an epoch; `last` says that none comes after it.
    pub(super) fn diagnose(&mut self, report: &EpochReport, last: bool) -> Vec<Warning> {
        let facts = EpochFacts { report, best: &self.state.best, last };
        let mut warnings: Vec<Warning> = self.state.diagnosis.epoch(&facts).into_iter().collect();
        if self.state.diagnosis.wants_probe(report.epoch, last) {
            let tile = self.probed();
            warnings.extend(self.state.diagnosis.probe(&self.state.network, tile.workspace(), tile.rows(), report));
        }
        warnings
    }

    /// What is to be said of the network with the parameters to publish.
    pub(super) fn look_back(&self, published: &EpochReport) -> Hindsight {
        let mut found = self.state.diagnosis.look_back(published, &self.state.best);
        if self.state.diagnosis.has_looked_inside() {
            let (tile, network) = (self.probed(), &self.state.network);
            let outlived = self.state.diagnosis.outlived_inside(network, tile.workspace(), tile.rows(), published);
            found.outlived.extend(outlived);
        }
        found
    }

    /// A forward and a backward pass of some training rows.
    fn probed(&self) -> Tile {
        let rows = self.rows.train.rows().min(PROBE_ROWS).min(shard_rows(self.state.network.spec()));
        let mut tile = Tile::new(&self.state.network, rows);
        tile.probe(&self.state.network, self.rows.train, rows);
        tile
    }

    /// Puts the parameters to publish into the network; returns the epoch that they are of.
    pub(super) fn finish(&mut self) -> Option<EpochReport> {
        match &self.state.best_parameters {
            Some((best, parameters)) if self.state.epoch > 0 => {
                self.state.network.parameters_mut().copy_from_slice(parameters);
                Some(*best)
            }
            _ => self.state.last,
        }
    }

    pub(super) fn into_network(self) -> Network {
        self.state.network
    }
}
