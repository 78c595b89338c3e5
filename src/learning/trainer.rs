//! Training: epochs of batches, each a forward pass, a backward pass and a step.
//!
//! The trainer knows no clock and no job. An [`Observer`] hears of every batch, epoch and warning, and answers whether
//! to go on. All buffers are made in [`Trainer::new`]; the epoch loop allocates nothing, unless the observer asks for a
//! [`Snapshot`].
//!
//! The same network, settings and examples give the same bits, on one thread or many: random draws come from seeded
//! streams, and sums run in an order that depends on nothing else. So do a snapshot and what was left to do after it.

mod batches;
mod memory;
mod resume;

use ndarray::{Axis, Slice};
use rand::seq::SliceRandom;

use batches::Batches;

use super::cuts::shard_rows;
use super::diagnosis::{Diagnosis, EpochFacts, Warning};
use super::evaluation::Evaluation;
use super::examples::Examples;
use super::network::Network;
use super::optimizer::{OptimizerState, Step};
use super::random::{Generator, Purpose, generator};
use super::report::{Diverged, EndReason, EpochReport, Summary};
use super::schedule::ScheduleState;
use super::snapshot::{Snapshot, UnderWay};
use super::spec::ValidModelSpec;
use super::stopping::Best;
use super::team::Team;
use super::tile::Tile;
use super::training::ValidTrainingSpec;

/// Rows on which a network is looked at for its diagnosis.
const PROBE_ROWS: usize = 256;

/// Whether training goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// Go on.
    Continue,
    /// Stop; epochs that are complete count.
    Stop,
    /// Hand a snapshot to [`Observer::save`], then do what it answers. Anywhere but before a batch: go on.
    Save,
}

/// Who watches a training.
pub trait Observer {
    /// A batch of `rows` rows is about to start.
    fn batch(&mut self, rows: usize) -> Control;
    /// The snapshot that was asked for, before the batch that is about to start.
    fn save(&mut self, _: Snapshot<'_>) -> Control {
        Control::Continue
    }
    /// An epoch is complete.
    fn epoch(&mut self, report: &EpochReport) -> Control;
    /// Something about the run that its owner should know.
    fn warning(&mut self, warning: Warning);
}

/// A training at work.
pub struct Trainer<'a> {
    network: Network,
    settings: &'a ValidTrainingSpec,
    train: &'a Examples,
    validation: Option<&'a Examples>,
    team: Team,
    optimizer: OptimizerState,
    schedule: ScheduleState,
    best: Best,
    diagnosis: Diagnosis,
    shuffle: Generator,
    dropout: Generator,
    order: Vec<u32>,
    batches: Batches,
    evaluation: Evaluation,
    /// Epochs done.
    epoch: u64,
    last: Option<EpochReport>,
    /// The best epoch so far with its parameters, where early stopping restores them.
    best_parameters: Option<(EpochReport, Vec<f32>)>,
    /// Parameters after the last complete epoch, where a stop may come within one.
    complete_parameters: Vec<f32>,
    /// How far the first epoch is, where training goes on from a snapshot.
    resumed: Option<UnderWay>,
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
        let batch_rows = settings.batch_size.of(train.rows());
        let batches = train.rows().div_ceil(batch_rows);
        let parameters = network.parameters().len();
        let restores = settings.early_stopping.as_ref().is_some_and(|stopping| stopping.restore_best);
        let schedule = settings.learning_rate_schedule.clone();
        Trainer {
            settings,
            train,
            validation,
            team: Team::alone(),
            optimizer: OptimizerState::new(settings.optimizer, parameters),
            schedule: ScheduleState::new(schedule, settings.learning_rate, settings.epochs, batches as u64),
            best: Best::new(settings.early_stopping.as_ref()),
            diagnosis: Diagnosis::new(settings),
            shuffle: generator(settings.seed, Purpose::Shuffle),
            dropout: generator(settings.seed, Purpose::Dropout),
            order: (0..train.rows() as u32).collect(),
            batches: Batches::new(&network, settings, train.rows()),
            evaluation: Evaluation::default(),
            epoch: 0,
            last: None,
            best_parameters: restores.then(|| (NO_REPORT, network.parameters().to_vec())),
            complete_parameters: if batches > 1 { network.parameters().to_vec() } else { Vec::new() },
            resumed: None,
            network,
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
        if self.resumed.is_none() {
            self.look_at_the_start(observer);
        }
        let mut end = EndReason::Completed;
        while self.epoch < self.settings.epochs {
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

    /// The network with the parameters to publish.
    pub fn into_network(self) -> Network {
        self.network
    }

    /// One epoch; `None` if the observer stopped within it, which undoes its steps.
    fn epoch(&mut self, observer: &mut dyn Observer) -> Result<Option<EpochReport>, Diverged> {
        let batch_rows = self.settings.batch_size.of(self.train.rows());
        let resumed = self.resumed.take();
        // A snapshot's order is that of its epoch already.
        if resumed.is_none() && self.settings.shuffle && batch_rows < self.order.len() {
            self.order.shuffle(&mut self.shuffle);
        }
        let mut done = resumed.unwrap_or_default();
        for start in (done.batches as usize * batch_rows..self.order.len()).step_by(batch_rows) {
            let end = (start + batch_rows).min(self.order.len());
            if self.is_stopped(end - start, done, observer) {
                if done.batches > 0 {
                    self.network.parameters_mut().copy_from_slice(&self.complete_parameters);
                }
                return Ok(None);
            }
            let rates = self.schedule.rates(self.epoch, done.batches);
            let step = Step {
                learning_rate: rates.learning_rate,
                momentum: rates.momentum,
                gradient_scale: 1.0,
                l1: self.settings.l1,
                weight_decay: self.settings.weight_decay,
            };
            let (loss, weight) = self.batch(start, end, step)?;
            done.add(loss, weight, rates.learning_rate);
        }
        let (loss, learning_rate) = (done.loss / done.weight, done.learning_rate);
        let validation_loss = self.validation_loss();
        let report = EpochReport { epoch: self.epoch + 1, loss, validation_loss, learning_rate };
        self.complete(report)?;
        Ok(Some(report))
    }

    /// Asks the observer before a batch of `rows` rows, and gives it the snapshot it may want.
    fn is_stopped(&self, rows: usize, done: UnderWay, observer: &mut dyn Observer) -> bool {
        let control = match observer.batch(rows) {
            Control::Save => observer.save(self.snapshot(done)),
            control => control,
        };
        control == Control::Stop
    }

    /// Books a complete epoch: schedule, best epoch, parameters to come back to.
    fn complete(&mut self, report: EpochReport) -> Result<(), Diverged> {
        if !self.network.parameters().iter().all(|w| w.is_finite()) || !report.watched().is_finite() {
            return Err(self.diverged("parameters or validation loss are no longer finite"));
        }
        self.epoch = report.epoch;
        self.last = Some(report);
        self.schedule.epoch_ended(report.watched());
        let improves = self.best.improves(report.epoch, report.watched());
        let parameters = self.network.parameters();
        if let (true, Some((best, kept))) = (improves, &mut self.best_parameters) {
            *best = report;
            kept.copy_from_slice(parameters);
        }
        if !self.complete_parameters.is_empty() {
            self.complete_parameters.copy_from_slice(parameters);
        }
        Ok(())
    }

    /// A step along the gradient of the mean loss of rows `start..end` of the epoch's order. Returns the weighted sum of
    /// the rows' losses, and the sum of their weights.
    fn batch(&mut self, start: usize, end: usize, step: Step) -> Result<(f64, f64), Diverged> {
        let rows = &self.order[start..end];
        let weight = match self.train.weights() {
            None => rows.len() as f64,
            Some(weights) => rows.iter().map(|row| f64::from(weights[*row as usize])).sum(),
        };
        let (scale, shard) = ((1.0 / weight) as f32, shard_rows(self.network.spec()));
        let (mut loss, last) = (0.0, (rows.len() - 1) / shard);
        for (index, rows) in rows.chunks(shard).enumerate() {
            let (batches, team) = (&mut self.batches, &mut self.team);
            loss += batches.pass(&self.network, self.train, rows, scale, &mut self.dropout, team);
            if index < last {
                batches.accumulate(&mut self.network, index == 0, team);
            }
        }
        self.check_loss(loss / weight)?;
        let (clip_norm, team) = (self.settings.gradient_clip_norm, &mut self.team);
        self.batches.step(&mut self.network, &mut self.optimizer, step, clip_norm, last == 0, team);
        Ok((loss, weight))
    }

    fn validation_loss(&mut self) -> Option<f64> {
        let validation = self.validation?;
        Some(self.evaluation.mean_loss(&self.network, validation, validation.rows(), &mut self.team, |_| ()))
    }

    fn check_loss(&self, loss: f64) -> Result<(), Diverged> {
        if !loss.is_finite() {
            return Err(self.diverged("the loss is no longer finite"));
        }
        match self.diagnosis.exploded(loss) {
            true => Err(self.diverged("the loss has grown more than a million times")),
            false => Ok(()),
        }
    }

    fn diverged(&self, seen: &str) -> Diverged {
        Diverged { epoch: self.epoch + 1, cause: self.diagnosis.cause_of_divergence(seen) }
    }

    fn patience_is_over(&self) -> bool {
        let patience = self.settings.early_stopping.as_ref().map(|stopping| stopping.patience);
        patience.is_some_and(|patience| self.epoch - self.best.epoch >= patience)
    }

    fn look_at_the_start(&mut self, observer: &mut dyn Observer) {
        let rows = self.train.rows().min(PROBE_ROWS);
        let loss = self.evaluation.mean_loss(&self.network, self.train, rows, &mut self.team, |_| ());
        let plain = Slice::from(..self.network.spec().plain_inputs());
        let inputs = self.train.inputs().slice_axis(Axis(1), plain);
        self.diagnosis.start(loss, inputs).into_iter().for_each(|warning| observer.warning(warning));
    }

    fn diagnose(&mut self, report: &EpochReport, observer: &mut dyn Observer) {
        let last = report.epoch == self.settings.epochs || self.patience_is_over();
        let facts = EpochFacts { report, best: &self.best, last };
        self.diagnosis.epoch(&facts).into_iter().for_each(|warning| observer.warning(warning));
        if self.diagnosis.wants_probe(report.epoch, last) {
            let rows = self.train.rows().min(PROBE_ROWS).min(shard_rows(self.network.spec()));
            let mut tile = Tile::new(&self.network, rows);
            tile.probe(&self.network, self.train, rows);
            let warnings = self.diagnosis.probe(&self.network, tile.workspace(), rows, report);
            warnings.into_iter().for_each(|warning| observer.warning(warning));
        }
    }

    /// Puts the parameters to publish into the network.
    fn finish(&mut self, end: EndReason) -> Summary {
        let mut published = self.last;
        if let (true, Some((best, parameters))) = (self.epoch > 0, &self.best_parameters) {
            self.network.parameters_mut().copy_from_slice(parameters);
            published = Some(*best);
        }
        Summary { end, published, best_epoch: self.best.epoch }
    }
}

/// Rows that the training passes take at once: a batch, or a shard of it.
fn pass_rows(model: &ValidModelSpec, settings: &ValidTrainingSpec, rows: usize) -> usize {
    settings.batch_size.of(rows).min(shard_rows(model))
}

const NO_REPORT: EpochReport = EpochReport { epoch: 0, loss: 0.0, validation_loss: None, learning_rate: 0.0 };
