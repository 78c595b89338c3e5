//! The epoch loop.

use ndarray::{Axis, Slice};
use rand::seq::SliceRandom;

use super::batches::Batches;
use super::observer::{Control, Observer};
use super::state::TrainerState;
use crate::learning::diagnosis::EpochFacts;
use crate::learning::evaluation::Evaluation;
use crate::learning::examples::Examples;
use crate::learning::hindsight::Hindsight;
use crate::learning::network::Network;
use crate::learning::optimizer::Step;
use crate::learning::random::Position;
use crate::learning::report::{Diverged, EndReason, EpochReport, Summary};
use crate::learning::snapshot::{Snapshot, SnapshotMisfit, UnderWay};
use crate::learning::team::Team;
use crate::learning::tile::Tile;
use crate::learning::tiling::shard_rows;
use crate::learning::training::ValidTrainingSpec;

/// Rows on which a network is looked at for its diagnosis.
pub(super) const PROBE_ROWS: usize = 256;

/// A training at work.
pub struct Trainer<'a> {
    settings: &'a ValidTrainingSpec,
    train: &'a Examples,
    validation: Option<&'a Examples>,
    team: Team,
    state: TrainerState,
    batches: Batches,
    evaluation: Evaluation,
}

impl<'a> Trainer<'a> {
    /// Prepares to train `network` on `train`; `validation` is measured after every epoch.
    ///
    /// # Panics
    /// If the examples are not shaped as the network, or there are none.
    pub fn new(
        network: Network,
        settings: &'a ValidTrainingSpec,
        train: &'a Examples,
        validation: Option<&'a Examples>,
    ) -> Self {
        assert!(train.rows() > 0 && train.inputs().ncols() == network.spec().inputs(), "examples fit the network");
        Trainer {
            settings,
            train,
            validation,
            team: Team::alone(),
            batches: Batches::new(&network, settings, train.rows()),
            evaluation: Evaluation::default(),
            state: TrainerState::new(network, settings, train.rows()),
        }
    }

    /// The same, on the threads of `team`: the bits stay the same.
    pub fn on(self, team: Team) -> Self {
        Trainer { team, ..self }
    }

    /// Trains until the last epoch, an early stop, or the observer's stop.
    ///
    /// # Errors
    /// [`Diverged`] when the loss is no longer finite or has exploded.
    pub fn run(&mut self, observer: &mut dyn Observer) -> Result<Summary, Diverged> {
        if self.state.resumed.is_none() {
            self.look_at_the_start(observer);
        }
        let mut end = EndReason::Completed;
        while self.state.epoch < self.settings.epochs {
            let Some(report) = self.epoch(observer)? else {
                end = EndReason::Stopped;
                break;
            };
            self.diagnose(&report, observer);
            if observer.epoch(&report) == Control::Stop {
                end = EndReason::Stopped;
                break;
            }
            if self.patience_is_over() {
                end = EndReason::EarlyStopping;
                break;
            }
        }
        Ok(self.finish(end))
    }

    /// Goes on from `snapshot`, which a trainer of the same network, settings and examples has taken: [`Trainer::run`]
    /// then does what is left, to the same bits.
    ///
    /// # Errors
    /// [`SnapshotMisfit`] if the snapshot's buffers or counters cannot be of this training; nothing is changed then.
    pub fn resume(&mut self, snapshot: Snapshot<'_>) -> Result<(), SnapshotMisfit> {
        self.state.resume(snapshot, self.settings)
    }

    /// What is to be said of the network with the parameters to publish: `published` is what [`Trainer::run`] says of them.
    pub fn look_back(&self, published: &EpochReport) -> Hindsight {
        let mut found = self.state.diagnosis.look_back(published, &self.state.best);
        if self.state.diagnosis.has_looked_inside() {
            let (tile, network) = (self.probed(), &self.state.network);
            let outlived = self.state.diagnosis.outlived_inside(network, tile.workspace(), tile.rows(), published);
            found.outlived.extend(outlived);
        }
        found
    }

    /// The network with the parameters to publish.
    pub fn into_network(self) -> Network {
        self.state.network
    }

    /// One epoch; `None` if the observer stopped within it, which undoes its steps.
    fn epoch(&mut self, observer: &mut dyn Observer) -> Result<Option<EpochReport>, Diverged> {
        let batch_rows = self.settings.batch_size.of(self.train.rows());
        let resumed = self.state.resumed.take();
        // A snapshot's order is that of its epoch already.
        if resumed.is_none() && self.settings.shuffle && batch_rows < self.state.order.len() {
            self.state.order.shuffle(&mut self.state.shuffle);
        }
        let mut done = resumed.unwrap_or_default();
        for start in (done.batches as usize * batch_rows..self.state.order.len()).step_by(batch_rows) {
            let end = (start + batch_rows).min(self.state.order.len());
            if self.is_stopped(end - start, done, observer) {
                if done.batches > 0 {
                    self.state.network.parameters_mut().copy_from_slice(&self.state.complete_parameters);
                }
                return Ok(None);
            }
            let rates = self.state.schedule.rates(self.state.epoch, done.batches);
            let step = Step {
                learning_rate: rates.learning_rate,
                momentum: rates.momentum,
                gradient_scale: 1.0,
                l1: self.settings.l1,
                weight_decay: self.settings.weight_decay,
            };
            match self.batch(start, end, step, observer)? {
                Some((loss, weight)) => done.add(loss, weight, rates.learning_rate),
                None => return Ok(self.abandon(done, observer)),
            }
        }
        let (loss, learning_rate) = (done.loss / done.weight, done.learning_rate);
        let Some(validation_loss) = self.validation_loss(observer) else {
            return Ok(self.abandon(done, observer));
        };
        let report = EpochReport { epoch: self.state.epoch + 1, loss, validation_loss, learning_rate };
        self.complete(report)?;
        Ok(Some(report))
    }

    /// Asks the observer before a batch of `rows` rows, and gives it the snapshot it may want.
    fn is_stopped(&self, rows: usize, done: UnderWay, observer: &mut dyn Observer) -> bool {
        let control = match observer.batch(rows) {
            Control::Save => observer.save(self.state.snapshot(done)),
            control => control,
        };
        control == Control::Stop
    }

    /// Leaves an epoch at once, because the observer said that it is urgent.
    fn abandon(&mut self, done: UnderWay, observer: &mut dyn Observer) -> Option<EpochReport> {
        self.is_stopped(0, done, observer);
        if !self.state.complete_parameters.is_empty() {
            self.state.network.parameters_mut().copy_from_slice(&self.state.complete_parameters);
        }
        None
    }

    /// Books a complete epoch: schedule, best epoch, parameters to come back to.
    fn complete(&mut self, report: EpochReport) -> Result<(), Diverged> {
        if !self.state.network.parameters().iter().all(|w| w.is_finite()) || !report.watched().is_finite() {
            return Err(self.diverged("parameters or validation loss are no longer finite"));
        }
        self.state.epoch = report.epoch;
        self.state.last = Some(report);
        self.state.schedule.epoch_ended(report.watched());
        let improves = self.state.best.improves(report.epoch, report.watched());
        let parameters = self.state.network.parameters();
        if let (true, Some((best, kept))) = (improves, &mut self.state.best_parameters) {
            *best = report;
            kept.copy_from_slice(parameters);
        }
        if !self.state.complete_parameters.is_empty() {
            self.state.complete_parameters.copy_from_slice(parameters);
        }
        Ok(())
    }

    /// A step along the gradient of the mean loss of rows `start..end` of the epoch's order. Returns the weighted sum of
    /// the rows' losses, and the sum of their weights; `None` if it is urgent to stop, and then nothing has changed.
    fn batch(
        &mut self,
        start: usize,
        end: usize,
        step: Step,
        observer: &dyn Observer,
    ) -> Result<Option<(f64, f64)>, Diverged> {
        let rows = &self.state.order[start..end];
        let weight = match self.train.loss_weights().given() {
            None => rows.len() as f64,
            Some(weights) => rows.iter().map(|row| f64::from(weights[*row as usize])).sum(),
        };
        let (scale, shard) = ((1.0 / weight) as f32, shard_rows(self.state.network.spec()));
        let (mut loss, last) = (0.0, (rows.len() - 1) / shard);
        let dropout = Position::of(&self.state.dropout);
        for (index, rows) in rows.chunks(shard).enumerate() {
            let (batches, team) = (&mut self.batches, &mut self.team);
            loss += batches.pass(&self.state.network, self.train, rows, scale, &mut self.state.dropout, team);
            if index < last {
                batches.accumulate(&mut self.state.network, index == 0, team);
                if observer.is_urgent() {
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
    fn validation_loss(&mut self, observer: &dyn Observer) -> Option<Option<f64>> {
        let Some(validation) = self.validation else { return Some(None) };
        let (network, rows) = (&self.state.network, validation.rows());
        let go_on = |_: &[f32]| !observer.is_urgent();
        self.evaluation.mean_loss(network, validation, rows, &mut self.team, go_on).map(Some)
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

    fn patience_is_over(&self) -> bool {
        let stopping = self.settings.early_stopping.as_ref();
        stopping.is_some_and(|stopping| stopping.is_over(self.state.epoch, self.state.best.epoch))
    }

    fn look_at_the_start(&mut self, observer: &mut dyn Observer) {
        let rows = self.train.rows().min(PROBE_ROWS);
        let loss = self.evaluation.mean_loss(&self.state.network, self.train, rows, &mut self.team, |_| true);
        let loss = loss.expect("all rows are looked at");
        let plain = Slice::from(..self.state.network.spec().plain_inputs());
        let inputs = self.train.inputs().slice_axis(Axis(1), plain);
        self.state.diagnosis.start(loss, inputs).into_iter().for_each(|warning| observer.warning(warning));
    }

    fn diagnose(&mut self, report: &EpochReport, observer: &mut dyn Observer) {
        let last = report.epoch == self.settings.epochs || self.patience_is_over();
        let facts = EpochFacts { report, best: &self.state.best, last };
        self.state.diagnosis.epoch(&facts).into_iter().for_each(|warning| observer.warning(warning));
        if self.state.diagnosis.wants_probe(report.epoch, last) {
            let tile = self.probed();
            let warnings = self.state.diagnosis.probe(&self.state.network, tile.workspace(), tile.rows(), report);
            warnings.into_iter().for_each(|warning| observer.warning(warning));
        }
    }

    /// A forward and a backward pass of some training rows.
    fn probed(&self) -> Tile {
        let rows = self.train.rows().min(PROBE_ROWS).min(shard_rows(self.state.network.spec()));
        let mut tile = Tile::new(&self.state.network, rows);
        tile.probe(&self.state.network, self.train, rows);
        tile
    }

    /// Puts the parameters to publish into the network.
    fn finish(&mut self, end: EndReason) -> Summary {
        let mut published = self.state.last;
        if let (true, Some((best, parameters))) = (self.state.epoch > 0, &self.state.best_parameters) {
            self.state.network.parameters_mut().copy_from_slice(parameters);
            published = Some(*best);
        }
        Summary { end, published, best_epoch: self.state.best.epoch }
    }
}
