//! The search for networks that answer together: candidates with drawn settings are trained one after the other, and after each those
//! are chosen anew whose mean answer errs least on rows that they have not learned from.

use std::borrow::Cow;
use std::sync::Arc;

use super::answering::Answering;
use super::finish::TableStart;
use super::initial::initial;
use super::measure::Measuring;
use super::out_of_fold::{answers, calibrated, measured};
use super::unpublished::{Halt, Stopped};
use crate::jobs::candidate::{Candidate, Draws, Selection, Tried};
use crate::jobs::training::Training;
use crate::learning::examples::Examples;
use crate::learning::loss::Loss;
use crate::learning::members::{MAX_MEMBERS, Members};
use crate::learning::metrics;
use crate::learning::network::Network;
use crate::learning::report::EpochReport;
use crate::learning::row_weights::RowWeights;
use crate::learning::selection::{Choice, Measured, answers_by_others, mean_answer, select};
use crate::learning::snapshot::SnapshotMisfit;
use crate::learning::spec::ValidModelSpec;
use crate::learning::tiling::evenly_spaced;
use crate::learning::training::ValidTrainingSpec;
use crate::models::scoring::Truth;
use crate::models::table::TableSpec;

/// Parameters of all networks that answer together: an answer to one row reads each once, for which there is a millisecond.
const ANSWERING: usize = 4 << 20;
/// Rows held out that candidates are chosen by, at most: more would say no more, and each is looked at a thousand times.
const CHOSEN_BY: usize = 20_000;
/// Parameters of all networks that may be chosen yet.
const KEPT: usize = 2 * ANSWERING;

/// Memory that the networks of a search take beside the one that trains, in bytes, about; `validation` rows are held out, and a
/// candidate has `parameters`.
pub(in crate::jobs) fn search_bytes(settings: &ValidTrainingSpec, parameters: usize, validation: usize) -> usize {
    if settings.candidates == 1 {
        return 0;
    }
    let of_one = parameters.saturating_mul(settings.networks());
    // Once more while they are written to a checkpoint.
    let networks = 2 * (KEPT.saturating_add(of_one)) * size_of::<f32>();
    // The answers of each to some rows, and of those that are chosen in two ways, beside those of one to all.
    let answers = (settings.candidates as usize + 2) * validation.min(CHOSEN_BY) + validation;
    networks.saturating_add(answers * size_of::<f64>())
}

/// Size of the networks of a version, in bytes, about; a candidate has `parameters`.
pub(in crate::jobs) fn version_bytes(settings: &ValidTrainingSpec, parameters: usize) -> usize {
    let of_one = parameters.saturating_mul(settings.networks());
    let values = if settings.candidates > 1 { of_one.max(ANSWERING) } else { of_one };
    values.saturating_mul(size_of::<f32>())
}

/// A candidate that has done its epochs and may be chosen, as a checkpoint keeps it.
#[derive(Clone, Debug)]
pub(super) struct Found<'a> {
    pub(super) number: u64,
    /// The epoch of the job that its parameters are of.
    pub(super) reached: EpochReport,
    /// Of one network of each fold, calibrated.
    pub(super) parameters: Vec<Cow<'a, [f32]>>,
}

/// A candidate that may be chosen.
struct Trained {
    number: u64,
    reached: EpochReport,
    members: Members,
    /// To each row that candidates are chosen by.
    answers: Vec<f64>,
}

impl Trained {
    /// Its place among all candidates.
    fn index(&self) -> usize {
        self.number as usize - 1
    }

    fn found(&self) -> Found<'_> {
        let parameters = self.members.list().iter().map(|member| member.network.parameters().into());
        Found { number: self.number, reached: self.reached, parameters: parameters.collect() }
    }
}

/// A search at work.
pub(super) struct Search<'a> {
    training: &'a Training,
    start: &'a TableStart,
    validation: &'a Examples,
    /// As the recipe has it.
    network: &'a ValidModelSpec,
    /// The rows held out that candidates are chosen by, their truth and their weights.
    rows: Vec<usize>,
    truth: Truth,
    weights: Option<Vec<f32>>,
    /// All so far, the last of which may be training.
    pub(super) candidates: Vec<Candidate>,
    trained: Vec<Trained>,
}

impl<'a> Search<'a> {
    /// A search of a training that tries more than one candidate; `None` of another one.
    pub(super) fn new(
        training: &'a Training,
        start: Option<&'a TableStart>,
        network: &'a ValidModelSpec,
    ) -> Option<Self> {
        let searches = training.settings.candidates > 1;
        let (start, validation) = start.zip(training.validation.as_ref()).filter(|_| searches)?;
        let rows = evenly_spaced(validation.rows().min(CHOSEN_BY), validation.rows());
        let (truth, weights) = (start.truth.select(&rows), validation.weights().select(&rows));
        let (candidates, trained) = (Vec::new(), Vec::new());
        Some(Search { training, start, validation, network, rows, truth, weights, candidates, trained })
    }

    fn candidate(&self, number: u64) -> Candidate {
        let (spec, settings) = (&self.start.parts.spec, &self.training.settings);
        Draws { spec, network: self.network, settings }.candidate(number)
    }

    /// Begins the next candidate, unless all have been tried.
    pub(super) fn begin_next(&mut self) -> bool {
        let number = self.candidates.len() as u64 + 1;
        let is_more = number <= self.training.settings.candidates;
        if is_more {
            self.candidates.push(self.candidate(number));
        }
        is_more
    }

    /// The candidate that trains.
    fn under_way(&self) -> &Candidate {
        self.candidates.last().expect("a candidate has begun")
    }

    /// Epochs of those before the one that trains.
    pub(super) fn epochs_before(&self) -> u64 {
        self.candidates.iter().filter_map(|candidate| candidate.epochs).sum()
    }

    /// How the candidate that trains is trained.
    pub(super) fn settings(&self) -> ValidTrainingSpec {
        let Candidate { learning_rate, weight_decay, seed, .. } = *self.under_way();
        ValidTrainingSpec { learning_rate, weight_decay, seed, ..self.training.settings.clone() }
    }

    /// The network of a candidate.
    fn spec(&self, candidate: &Candidate) -> Result<ValidModelSpec, Halt> {
        let (hidden_layers, dropout) = (candidate.hidden_layers.clone(), candidate.dropout);
        let spec = TableSpec { hidden_layers, dropout, ..self.start.parts.spec.clone() };
        let mut network = spec.network(&self.start.parts.encoder)?;
        network.seed = if candidate.candidate == 1 { self.network.seed } else { candidate.seed };
        if let (Some(waves), Some(deviation)) = (&mut network.waves, candidate.wave_deviation) {
            waves.deviation = deviation;
        }
        Ok(network)
    }

    /// The networks of the candidate that trains, as they begin.
    pub(super) fn networks(&self) -> Result<Vec<Network>, Halt> {
        let spec = self.spec(self.under_way())?;
        let encoder = &self.start.parts.encoder;
        Ok(initial(&spec, self.training.settings.networks(), encoder, &self.training.train).into_parts().0)
    }

    /// What a checkpoint keeps.
    pub(super) fn found(&self) -> Vec<Found<'_>> {
        self.trained.iter().map(Trained::found).collect()
    }

    /// Goes on from a checkpoint.
    ///
    /// # Errors
    /// What it keeps is of another training; the job is to stop.
    pub(super) fn resume(
        &mut self,
        candidates: Vec<Candidate>,
        found: Vec<Found<'_>>,
        go_on: &dyn Fn() -> bool,
    ) -> Result<Result<(), SnapshotMisfit>, Halt> {
        let misfit = |what: String| Ok(Err(SnapshotMisfit { what }));
        self.candidates = candidates;
        for Found { number, reached, parameters } in found {
            let spec = Arc::new(self.spec(&self.candidate(number))?);
            let fits = parameters.iter().all(|one| one.len() == spec.parameter_count());
            if !fits || parameters.len() != self.training.settings.networks() {
                return misfit(format!("candidate {number} is of another shape"));
            }
            let networks: Vec<Network> =
                parameters.into_iter().map(|one| Network::with_parameters(spec.clone(), one.into_owned())).collect();
            let members = Members::alike(networks);
            let answers = self.answers(&members, go_on)?;
            self.trained.push(Trained { number, reached, members, answers });
        }
        Ok(Ok(()))
    }

    fn measuring<'b>(&'b self, go_on: &'b dyn Fn() -> bool) -> Measuring<'b> {
        let TableStart { parts, truth, .. } = self.start;
        let (spec, encoder, target) = (&parts.spec, &parts.encoder, &parts.encoder.target);
        Measuring { spec, encoder, target, examples: self.validation, truth, go_on }
    }

    /// What networks answer to the rows that candidates are chosen by.
    fn answers(&self, members: &Members, go_on: &dyn Fn() -> bool) -> Result<Vec<f64>, Stopped> {
        let all = answers(&self.measuring(go_on), Answering { members, folds: &self.training.folds })?;
        Ok(self.rows.iter().map(|row| all[*row]).collect())
    }

    fn weights(&self) -> RowWeights<'_> {
        RowWeights::from(self.weights.as_deref())
    }

    /// The candidate that trains has come to its end after so many epochs: with these networks of the epoch `reached`, or without
    /// any that can be used. One that was `stopped` before its first epoch was none.
    ///
    /// # Errors
    /// The job is to stop.
    pub(super) fn take(
        &mut self,
        epochs: u64,
        made: Option<(Vec<Network>, EpochReport)>,
        stopped: bool,
        go_on: &dyn Fn() -> bool,
    ) -> Result<(), Stopped> {
        let number = self.under_way().candidate;
        if epochs == 0 && made.is_none() && stopped {
            self.candidates.pop();
            return Ok(());
        }
        let loss = match made {
            None => None,
            Some((networks, reached)) => {
                let folds = &self.training.folds;
                let members = calibrated(&self.measuring(go_on), Members::alike(networks), folds)?;
                let answers = self.answers(&members, go_on)?;
                let loss = self.loss(&answers);
                self.trained.push(Trained { number, reached, members, answers });
                Some(loss)
            }
        };
        let last = self.candidates.last_mut().expect("a candidate has begun");
        (last.epochs, last.validation_loss) = (Some(epochs), loss);
        let together = self.choose(go_on)?;
        self.candidates.last_mut().expect("a candidate has begun").loss_together = together;
        self.let_go();
        Ok(())
    }

    /// What answers are measured by.
    fn measured(&self) -> Measured<'_> {
        measured(&self.truth, self.network.loss)
    }

    /// The mean loss of answers: log loss, squared error by the target's variance, or what versions of another loss are compared by.
    fn loss(&self, answers: &[f64]) -> f64 {
        match self.measured() {
            Measured::Values(values, Loss::Mse) => {
                metrics::regression_of(answers, values, self.weights()).r2.map_or(0.0, |r2| 1.0 - r2)
            }
            measured => measured.mean_loss(answers.len(), self.weights(), |row| answers[row]),
        }
    }

    /// What it takes to have a candidate among those that answer: its parameters, and at least so many for each network that there is
    /// a place for the linear models.
    fn cost(&self, one: &Trained) -> usize {
        let least = ANSWERING / MAX_MEMBERS.saturating_sub(self.training.folds.len().max(1)).max(1);
        one.members.list().iter().map(|member| member.network.parameters().len().max(least)).sum()
    }

    fn choices(&self) -> Vec<Choice<'_>> {
        self.trained.iter().map(|one| Choice { answers: &one.answers, cost: self.cost(one) }).collect()
    }

    /// How often each that is trained counts among those that answer.
    fn counts(&self, choices: &[Choice], go_on: &dyn Fn() -> bool) -> Result<Vec<u32>, Stopped> {
        select(choices, self.measured(), self.weights(), ANSWERING, go_on).ok_or(Stopped)
    }

    /// Chooses those that answer, and returns what they lose together on the rows that they are chosen by, if there are any.
    fn choose(&mut self, go_on: &dyn Fn() -> bool) -> Result<Option<f64>, Stopped> {
        let choices = self.choices();
        let counts = self.counts(&choices, go_on)?;
        let together = (!choices.is_empty()).then(|| self.loss(&self.together(&choices, &counts)));
        let total: u32 = counts.iter().sum();
        self.candidates.iter_mut().for_each(|candidate| candidate.weight = 0.0);
        for (one, count) in self.trained.iter().zip(counts) {
            self.candidates[one.index()].weight = f64::from(count) / f64::from(total);
        }
        Ok(together)
    }

    /// What candidates answer together of which each counts so often.
    fn together(&self, choices: &[Choice], counts: &[u32]) -> Vec<f64> {
        (0..self.rows.len()).map(|row| mean_answer(choices, counts, row)).collect()
    }

    /// Lets go of those with the largest losses, where all that are not chosen are too many.
    fn let_go(&mut self) {
        let mut order: Vec<(bool, f64, u64, usize)> = Vec::new();
        for one in &self.trained {
            let Candidate { weight, validation_loss, .. } = &self.candidates[one.index()];
            order.push((*weight == 0.0, validation_loss.unwrap_or(f64::INFINITY), one.number, self.cost(one)));
        }
        order.sort_by(|one, other| one.0.cmp(&other.0).then(one.1.total_cmp(&other.1)));
        let mut spent = 0usize;
        order.retain(|(is_spare, _, _, cost)| {
            spent = spent.saturating_add(*cost);
            !is_spare || spent <= KEPT
        });
        self.trained.retain(|one| order.iter().any(|(_, _, number, _)| *number == one.number));
    }

    /// What those lose that are chosen, on the rows that they were chosen by and on others.
    fn selection(&self, go_on: &dyn Fn() -> bool) -> Result<Selection, Stopped> {
        let choices = self.choices();
        let counts = self.counts(&choices, go_on)?;
        let answers = self.together(&choices, &counts);
        let by_others = answers_by_others(&choices, self.measured(), self.weights(), ANSWERING, go_on);
        let [validation_loss, on_other_rows] = [answers, by_others.ok_or(Stopped)?].map(|all| self.loss(&all));
        Ok(Selection { validation_loss, on_other_rows })
    }

    /// The networks that answer, with their weights, what the best of their candidates reached, and what was tried; `None` if
    /// none has learned.
    ///
    /// # Errors
    /// The job is to stop.
    pub(super) fn chosen(self, go_on: &dyn Fn() -> bool) -> Result<Option<(Members, EpochReport, Tried)>, Stopped> {
        if self.trained.is_empty() {
            return Ok(None);
        }
        let selection = Some(self.selection(go_on)?);
        let Search { candidates, mut trained, .. } = self;
        trained.retain(|one| candidates[one.index()].weight > 0.0);
        let watched = |one: &EpochReport, other: &EpochReport| one.watched().total_cmp(&other.watched());
        let Some(reached) = trained.iter().map(|one| one.reached).min_by(watched) else { return Ok(None) };
        let (mut networks, mut weights) = (Vec::new(), Vec::new());
        for one in trained {
            let weight = candidates[one.index()].weight;
            let (of_one, _) = one.members.into_parts();
            weights.extend(vec![weight / of_one.len() as f64; of_one.len()]);
            networks.extend(of_one);
        }
        Ok(Some((Members::of_parts(networks, weights), reached, Tried { candidates, selection })))
    }
}
