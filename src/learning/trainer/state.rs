//! All that a training is between two batches: what a snapshot is taken of, and what one is put back into.

use std::borrow::Cow;

use crate::learning::diagnosis::Diagnosis;
use crate::learning::network::Network;
use crate::learning::optimizer::OptimizerState;
use crate::learning::random::{Generator, Position, Purpose, generator};
use crate::learning::report::EpochReport;
use crate::learning::schedule::ScheduleState;
use crate::learning::snapshot::{Snapshot, SnapshotMisfit, SnapshotState, UnderWay};
use crate::learning::stopping::Best;
use crate::learning::training::ValidTrainingSpec;

/// What changes from batch to batch.
pub(super) struct TrainerState {
    pub network: Network,
    pub optimizer: OptimizerState,
    pub schedule: ScheduleState,
    pub best: Best,
    pub diagnosis: Diagnosis,
    /// Draws the order of the rows.
    pub shuffle: Generator,
    /// Draws the seeds of dropout masks.
    pub dropout: Generator,
    /// The training rows in the order of the epoch under way.
    pub order: Vec<u32>,
    /// Epochs done.
    pub epoch: u64,
    pub last: Option<EpochReport>,
    /// The best epoch so far with its parameters, where early stopping restores them.
    pub best_parameters: Option<(EpochReport, Vec<f32>)>,
    /// Parameters after the last complete epoch, where a stop may come before the next one is.
    pub complete_parameters: Vec<f32>,
    /// How far the epoch is that has begun.
    pub under_way: Option<UnderWay>,
}

/// In place of the best epoch before there is one.
const NO_REPORT: EpochReport = EpochReport { epoch: 0, loss: 0.0, validation_loss: None, learning_rate: 0.0 };

impl TrainerState {
    /// Before the first batch of a training on the rows of `order`, of a network alone or beside `others`.
    pub fn new(network: Network, settings: &ValidTrainingSpec, seed: u64, order: Vec<u32>, others: bool) -> Self {
        let rows = order.len();
        let batches = rows.div_ceil(settings.batch_size.of(rows));
        let parameters = network.parameters().len();
        let restores = settings.early_stopping.as_ref().is_some_and(|stopping| stopping.restore_best);
        let schedule = settings.learning_rate_schedule.clone();
        TrainerState {
            optimizer: OptimizerState::new(settings.optimizer, parameters),
            schedule: ScheduleState::new(schedule, settings.learning_rate, settings.epochs, batches as u64),
            best: Best::new(settings.early_stopping.as_ref()),
            diagnosis: Diagnosis::new(settings),
            shuffle: generator(seed, Purpose::Shuffle),
            dropout: generator(seed, Purpose::Dropout),
            order,
            epoch: 0,
            last: None,
            best_parameters: restores.then(|| (NO_REPORT, network.parameters().to_vec())),
            complete_parameters: if batches > 1 || others { network.parameters().to_vec() } else { Vec::new() },
            under_way: None,
            network,
        }
    }

    /// Whether the snapshot's buffers and counters can be of this training.
    pub fn check(&self, snapshot: &Snapshot<'_>, settings: &ValidTrainingSpec) -> Result<(), SnapshotMisfit> {
        self.check_buffers(snapshot)?;
        self.check_counters(&snapshot.state, settings)
    }

    /// Takes on what a snapshot says that was [checked](Self::check).
    pub fn resume(&mut self, snapshot: Snapshot<'_>) {
        let Snapshot { state, parameters, first, second, best_parameters, complete_parameters, order } = snapshot;
        self.network.parameters_mut().copy_from_slice(&parameters);
        self.optimizer.first = first.into_owned();
        self.optimizer.second = second.into_owned();
        self.optimizer.steps = state.steps;
        self.schedule.plateau = state.plateau;
        self.schedule.brought = state.brought;
        self.best = state.best;
        self.diagnosis = state.diagnosis;
        state.shuffle.restore(&mut self.shuffle);
        state.dropout.restore(&mut self.dropout);
        self.order = order.into_owned();
        self.epoch = state.epoch;
        self.last = state.last;
        self.best_parameters = state.best_report.zip(best_parameters.map(Cow::into_owned));
        self.complete_parameters = complete_parameters.into_owned();
        self.under_way = Some(state.under_way);
    }

    /// All that the training is, `under_way` in its epoch.
    pub fn snapshot(&self, under_way: UnderWay) -> Snapshot<'_> {
        let (best_report, best_parameters) =
            self.best_parameters.as_ref().map(|(report, kept)| (*report, kept)).unzip();
        Snapshot {
            state: SnapshotState {
                epoch: self.epoch,
                under_way,
                last: self.last,
                best_report,
                steps: self.optimizer.steps,
                plateau: self.schedule.plateau.clone(),
                brought: self.schedule.brought.clone(),
                best: self.best.clone(),
                diagnosis: self.diagnosis.clone(),
                shuffle: Position::of(&self.shuffle),
                dropout: Position::of(&self.dropout),
            },
            parameters: self.network.parameters().into(),
            first: Cow::from(&self.optimizer.first),
            second: Cow::from(&self.optimizer.second),
            best_parameters: best_parameters.map(Cow::from),
            complete_parameters: Cow::from(&self.complete_parameters),
            order: Cow::from(&self.order),
        }
    }

    /// Every buffer is as long as the trainer's own, and the order names every row once.
    fn check_buffers(&self, snapshot: &Snapshot) -> Result<(), SnapshotMisfit> {
        let length = |what: &str, found: usize, own: usize| {
            fits(found == own, || format!("{what} has {found} values; this training has {own}"))
        };
        length("parameters", snapshot.parameters.len(), self.network.parameters().len())?;
        length("first", snapshot.first.len(), self.optimizer.first.len())?;
        length("second", snapshot.second.len(), self.optimizer.second.len())?;
        length("complete_parameters", snapshot.complete_parameters.len(), self.complete_parameters.len())?;
        length("order", snapshot.order.len(), self.order.len())?;
        let (best, own) = (snapshot.best_parameters.as_ref(), self.best_parameters.as_ref());
        length("best_parameters", best.map_or(0, |best| best.len()), own.map_or(0, |own| own.1.len()))?;
        let both = best.is_some() == own.is_some() && snapshot.state.best_report.is_some() == own.is_some();
        fits(both, || "the best epoch is kept in one of the two only".into())?;
        let [mut found, mut own] = [&snapshot.order[..], &self.order].map(<[u32]>::to_vec);
        found.sort_unstable();
        own.sort_unstable();
        fits(found == own, || "order does not name every row once".into())
    }

    /// The counters agree with the settings and with each other.
    fn check_counters(&self, state: &SnapshotState, settings: &ValidTrainingSpec) -> Result<(), SnapshotMisfit> {
        let rows = self.order.len();
        let (epoch, batches) = (state.epoch, rows.div_ceil(settings.batch_size.of(rows)) as u64);
        let done = state.under_way.batches;
        fits(epoch < settings.epochs, || format!("{epoch} epochs of {} are done", settings.epochs))?;
        // All of them where it was taken while the validation rows were measured.
        fits(done <= batches, || format!("{done} batches of {batches} are done"))?;
        let (steps, expected) = (state.steps, epoch * batches + done);
        fits(steps == expected, || format!("the optimizer took {steps} steps in {expected} batches"))?;
        let last = state.last.map_or(0, |report| report.epoch);
        fits(last == epoch, || format!("{epoch} epochs are done; the last one is {last}"))?;
        let best = state.best.epoch;
        fits(best <= epoch, || format!("{epoch} epochs are done; the best one is {best}"))
    }
}

fn fits(holds: bool, what: impl FnOnce() -> String) -> Result<(), SnapshotMisfit> {
    if holds { Ok(()) } else { Err(SnapshotMisfit { what: what() }) }
}
