//! Taking a snapshot of a training, and going on from one.

use std::borrow::Cow;

use super::Trainer;
use crate::learning::random::Position;
use crate::learning::snapshot::{Snapshot, SnapshotMisfit, SnapshotState, UnderWay};

impl Trainer<'_> {
    /// Goes on from `snapshot`, which a trainer of the same network, settings and examples has taken: [`Trainer::run`]
    /// then does what is left, to the same bits.
    ///
    /// # Errors
    /// [`SnapshotMisfit`] if the snapshot's buffers or counters cannot be of this training; nothing is changed then.
    pub fn resume(&mut self, snapshot: Snapshot<'_>) -> Result<(), SnapshotMisfit> {
        self.check_buffers(&snapshot)?;
        self.check_counters(&snapshot.state)?;
        let Snapshot { state, parameters, first, second, best_parameters, complete_parameters, order } = snapshot;
        self.network.parameters_mut().copy_from_slice(&parameters);
        self.optimizer.first = first.into_owned();
        self.optimizer.second = second.into_owned();
        self.optimizer.steps = state.steps;
        self.schedule.plateau = state.plateau;
        self.best = state.best;
        self.diagnosis = state.diagnosis;
        state.shuffle.restore(&mut self.shuffle);
        state.dropout.restore(&mut self.dropout);
        self.order = order.into_owned();
        self.epoch = state.epoch;
        self.last = state.last;
        self.best_parameters = state.best_report.zip(best_parameters.map(Cow::into_owned));
        self.complete_parameters = complete_parameters.into_owned();
        self.resumed = Some(state.under_way);
        Ok(())
    }

    /// All that the training is, `under_way` in its epoch.
    pub(super) fn snapshot(&self, under_way: UnderWay) -> Snapshot<'_> {
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
        let mut seen = vec![false; self.order.len()];
        let mut new = |row: &u32| seen.get_mut(*row as usize).is_some_and(|seen| !std::mem::replace(seen, true));
        fits(snapshot.order.iter().all(&mut new), || "order does not name every row once".into())
    }

    /// The counters agree with the settings and with each other.
    fn check_counters(&self, state: &SnapshotState) -> Result<(), SnapshotMisfit> {
        let batch_rows = self.settings.batch_size.of(self.train.rows());
        let (epoch, batches) = (state.epoch, self.train.rows().div_ceil(batch_rows) as u64);
        let done = state.under_way.batches;
        fits(epoch < self.settings.epochs, || format!("{epoch} epochs of {} are done", self.settings.epochs))?;
        fits(done < batches, || format!("{done} batches of {batches} are done"))?;
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
