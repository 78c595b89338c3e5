//! The epoch loop: one network, or several side by side, each on its own rows, one epoch after the other.

use std::ops::Range;

use super::learner::{Learner, Rows};
use super::observer::{Control, Observer};
use super::refined::{self, Answered};
use super::state::TrainerState;
use super::turns::Turns;
use crate::learning::examples::Examples;
use crate::learning::hindsight::Hindsight;
use crate::learning::members::member_seed;
use crate::learning::network::Network;
use crate::learning::report::{Diverged, EndReason, EpochReport, Summary};
use crate::learning::snapshot::{Snapshot, SnapshotMisfit};
use crate::learning::team::Team;
use crate::learning::training::ValidTrainingSpec;

/// A training at work.
///
/// Several networks are in the same epoch, whose losses are told as their means. They stop together, and leave the parameters
/// of one epoch: that of the best mean validation loss.
pub struct Trainer<'a> {
    settings: &'a ValidTrainingSpec,
    learners: Vec<Learner<'a>>,
    /// What works on several networks at a time; on one network, its own team does.
    team: Team,
    is_resumed: bool,
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
        Trainer::of_members(vec![network], settings, train, validation, &[])
    }

    /// Prepares to train `networks` side by side. `folds` has, for each of them in turn, the rows of `train` that it does not learn
    /// from: the same rows of `validation` are what it is measured on. Where there are no folds, all learn from all rows and are
    /// measured on all.
    ///
    /// # Panics
    /// If the examples are not shaped as the networks, there are no networks or no rows to learn from, or a fold is not of both.
    pub fn of_members(
        networks: Vec<Network>,
        settings: &'a ValidTrainingSpec,
        train: &'a Examples,
        validation: Option<&'a Examples>,
        folds: &[Range<usize>],
    ) -> Self {
        let several = networks.len() > 1;
        let learner = |(index, network): (usize, Network)| {
            assert!(train.inputs().ncols() == network.spec().inputs(), "examples fit the network");
            let fold = if folds.is_empty() { 0..0 } else { folds[index % folds.len()].clone() };
            let order: Vec<u32> = (0..train.rows() as u32).filter(|row| !fold.contains(&(*row as usize))).collect();
            assert!(!order.is_empty(), "there are rows to learn from");
            // A network whose fold is empty learns from all rows; it has nothing to be measured on.
            let validation = validation.filter(|_| folds.is_empty() || !fold.is_empty());
            let all = validation.map_or(0, Examples::rows);
            let rows = Rows { train, validation, validated: if folds.is_empty() { 0..all } else { fold } };
            let seed = member_seed(settings.seed, index);
            Learner::new(rows, settings, TrainerState::new(network, settings, seed, order, several))
        };
        let learners: Vec<Learner> = networks.into_iter().enumerate().map(learner).collect();
        assert!(!learners.is_empty(), "there is a network");
        Trainer { settings, learners, team: Team::alone(), is_resumed: false }
    }

    /// The same, on the threads of `team`: the bits stay the same.
    pub fn on(mut self, team: Team) -> Self {
        match self.learners.as_mut_slice() {
            [one] => one.team = team,
            _ => self.team = team,
        }
        self
    }

    /// Trains until the last epoch, an early stop, or the observer's stop.
    ///
    /// # Errors
    /// [`Diverged`] when a loss is no longer finite or has exploded.
    pub fn run(&mut self, observer: &mut dyn Observer) -> Result<Summary, Diverged> {
        let turns = Turns::new(observer);
        if !self.is_resumed {
            let looked_at = self.learners.iter_mut().map(Learner::look_at_the_start);
            // What is said of the first network goes for all of them.
            let warnings = looked_at.reduce(|first, _| first).unwrap_or_default();
            warnings.into_iter().for_each(|warning| turns.lock().warning(warning));
        }
        let mut end = EndReason::Completed;
        while self.epochs_done() < self.settings.epochs {
            let Some(report) = self.epoch(&turns)? else {
                end = EndReason::Stopped;
                break;
            };
            let is_over = self.is_over();
            let last = report.epoch == self.settings.epochs || is_over;
            let warnings = self.learners[0].diagnose(&report, last);
            warnings.into_iter().for_each(|warning| turns.lock().warning(warning));
            if turns.lock().epoch(&report) == Control::Stop {
                end = EndReason::Stopped;
                break;
            }
            if is_over {
                end = EndReason::EarlyStopping;
                break;
            }
        }
        let best_epoch = self.learners[0].state.best.epoch;
        let published = self.mean(Learner::finish);
        Ok(Summary { end, published, best_epoch })
    }

    /// Goes on from `snapshots`, one of each network, which a trainer of the same networks, settings and examples has taken:
    /// [`Trainer::run`] then does what is left, to the same bits.
    ///
    /// # Errors
    /// [`SnapshotMisfit`] if the snapshots' buffers or counters cannot be of this training; nothing is changed then.
    pub fn resume(&mut self, snapshots: Vec<Snapshot<'_>>) -> Result<(), SnapshotMisfit> {
        let misfit = |what: String| Err(SnapshotMisfit { what });
        if snapshots.len() != self.learners.len() {
            return misfit(format!("it is of {} networks; this training has {}", snapshots.len(), self.learners.len()));
        }
        for (learner, snapshot) in self.learners.iter().zip(&snapshots) {
            learner.state.check(snapshot, self.settings)?;
            if snapshot.state.epoch != snapshots[0].state.epoch {
                return misfit("its networks are in different epochs".to_owned());
            }
        }
        self.learners.iter_mut().zip(snapshots).for_each(|(learner, snapshot)| learner.state.resume(snapshot));
        self.is_resumed = true;
        Ok(())
    }

    /// Rows that an epoch goes through: those of each network.
    pub fn epoch_rows(&self) -> u64 {
        self.learners.iter().map(Learner::count).sum()
    }

    /// Rows that were gone through so far.
    pub fn rows_done(&self) -> u64 {
        self.learners.iter().map(Learner::rows_done).sum()
    }

    /// What is to be said of the networks with the parameters to publish: `published` is what [`Trainer::run`] says of them.
    pub fn look_back(&self, published: &EpochReport) -> Hindsight {
        self.learners[0].look_back(published)
    }

    /// The network with the parameters to publish, of a training of one.
    pub fn into_network(self) -> Network {
        self.into_networks().swap_remove(0)
    }

    /// The networks with the parameters to publish.
    pub fn into_networks(self) -> Vec<Network> {
        self.learners.into_iter().map(Learner::into_network).collect()
    }

    fn epochs_done(&self) -> u64 {
        self.learners[0].state.epoch
    }

    /// Whether it is time to stop, by early stopping or by what the waves of the schedule have brought.
    fn is_over(&self) -> bool {
        let (stopping, state) = (self.settings.early_stopping.as_ref(), &self.learners[0].state);
        let is_impatient = stopping.is_some_and(|stopping| stopping.is_over(state.epoch, state.best.epoch));
        is_impatient || state.schedule.is_over(state.epoch)
    }

    /// One epoch of all networks; `None` if the observer stopped within it, which undoes its steps.
    fn epoch(&mut self, turns: &Turns) -> Result<Option<EpochReport>, Diverged> {
        while self.learners.iter().any(|learner| learner.report.is_none()) {
            self.go_on(turns)?;
            let halt = turns.halted();
            let is_done = self.learners.iter().all(|learner| learner.report.is_some());
            let control = match halt {
                _ if is_done => Control::Continue,
                // A network halted by itself, as it is urgent.
                Control::Continue => turns.lock().batch(0),
                halt => halt,
            };
            let control = match control {
                Control::Save => turns.lock().save(self.learners.iter_mut().map(Learner::snapshot).collect()),
                control => control,
            };
            if control == Control::Stop {
                self.learners.iter_mut().for_each(Learner::undo);
                return Ok(None);
            }
        }
        self.learners.iter().try_for_each(Learner::check)?;
        self.refine();
        let report = self.mean(|learner| learner.report).expect("all have one");
        if self.learners.len() > 1 {
            let reports: Vec<EpochReport> = self.learners.iter().filter_map(|learner| learner.report).collect();
            turns.lock().members(&reports);
        }
        self.learners.iter_mut().for_each(|learner| learner.complete(report.watched()));
        Ok(Some(report))
    }

    /// Puts the validation losses of calibrated answers in the place of the others, where early stopping asks for that.
    fn refine(&mut self) {
        let answered: Vec<&Answered> = self.learners.iter().filter_map(|learner| learner.answered.as_ref()).collect();
        if answered.is_empty() {
            return;
        }
        let width = self.learners[0].state.network.spec().outputs();
        let losses = refined::losses(width, &answered);
        let measured = self.learners.iter_mut().filter(|learner| learner.answered.is_some());
        for (learner, loss) in measured.zip(losses) {
            learner.report = learner.report.map(|report| EpochReport { validation_loss: loss, ..report });
        }
    }

    /// Lets every network whose epoch is not done work on it, until it is or a halt is called.
    fn go_on(&mut self, turns: &Turns) -> Result<(), Diverged> {
        if let [one] = self.learners.as_mut_slice() {
            return one.go_on(turns);
        }
        let mut waiting: Vec<(&mut Learner, Result<(), Diverged>)> = self
            .learners
            .iter_mut()
            .filter(|learner| learner.report.is_none())
            .map(|learner| (learner, Ok(())))
            .collect();
        self.team.each(true, &mut waiting, |_, (learner, outcome)| *outcome = learner.go_on(turns));
        waiting.into_iter().try_for_each(|(_, outcome)| outcome)
    }

    /// The mean of what is told of each network: of losses, and of validation losses by the weights of the rows that each is
    /// measured on. Of one network it is that.
    fn mean(&mut self, of: impl Fn(&mut Learner<'a>) -> Option<EpochReport>) -> Option<EpochReport> {
        if let [one] = self.learners.as_mut_slice() {
            return of(one);
        }
        let count = self.learners.len() as f64;
        let (mut loss, mut learning_rate, mut validation, mut weight, mut epoch) = (0.0, 0.0, 0.0, 0.0, 0);
        for learner in &mut self.learners {
            let (report, weighs) = (of(learner)?, learner.validation_weight());
            epoch = report.epoch;
            loss += report.loss / count;
            learning_rate += report.learning_rate / count;
            validation += report.validation_loss.unwrap_or(0.0) * weighs;
            weight += weighs;
        }
        let validation_loss = (weight > 0.0).then(|| validation / weight);
        Some(EpochReport { epoch, loss, validation_loss, learning_rate })
    }
}
