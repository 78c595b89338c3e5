//! The search for networks that answer together: candidates with drawn settings are trained one after the other, and after each those
//! are chosen anew whose mean answer errs least on rows that they have not learned from.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use super::answering::Answering;
use super::finish::TableStart;
use super::initial::initial;
use super::measure::Measuring;
use super::out_of_fold::{answers, calibrated, measured};
use super::unpublished::{Halt, Stopped};
use crate::jobs::candidate::{Candidate, Draws};
use crate::jobs::training::Training;
use crate::learning::examples::Examples;
use crate::learning::members::{MAX_MEMBERS, Members};
use crate::learning::metrics;
use crate::learning::network::Network;
use crate::learning::report::EpochReport;
use crate::learning::row_weights::RowWeights;
use crate::learning::selection::{Choice, select};
use crate::learning::snapshot::SnapshotMisfit;
use crate::learning::spec::ValidModelSpec;
use crate::learning::training::ValidTrainingSpec;
use crate::models::scoring::Truth;
use crate::models::table::TableSpec;

/// Parameters of all networks that answer together: an answer to one row reads each once, for which there is a millisecond.
const ANSWERING: usize = 4 << 20;
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
    networks.saturating_add(validation.saturating_mul((settings.candidates as usize + 1) * size_of::<f64>()))
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
    /// To each row held out.
    answers: Vec<f64>,
}

impl Trained {
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
        Some(Search { training, start, validation, network, candidates: Vec::new(), trained: Vec::new() })
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
            let weights = vec![1.0; networks.len()];
            let members = Members::of_parts(networks, weights);
            let answers = self.answers(&members, go_on)?;
            self.trained.push(Trained { number, reached, members, answers });
        }
        Ok(Ok(()))
    }

    fn measuring<'b>(&'b self, go_on: &'b dyn Fn() -> bool) -> Measuring<'b> {
        let TableStart { parts, truth, .. } = self.start;
        Measuring { encoder: &parts.encoder, target: &parts.encoder.target, examples: self.validation, truth, go_on }
    }

    fn answers(&self, members: &Members, go_on: &dyn Fn() -> bool) -> Result<Vec<f64>, Stopped> {
        answers(&self.measuring(go_on), Answering { members, folds: &self.training.folds })
    }

    /// The candidate that trains has come to its end after so many epochs: with these networks of the epoch `reached`, or without
    /// any that can be used.
    ///
    /// # Errors
    /// The job is to stop.
    pub(super) fn take(
        &mut self,
        epochs: u64,
        made: Option<(Vec<Network>, EpochReport)>,
        go_on: &dyn Fn() -> bool,
    ) -> Result<(), Stopped> {
        let number = self.under_way().candidate;
        if epochs == 0 && made.is_none() {
            self.candidates.pop();
            return Ok(());
        }
        let loss = match made {
            None => None,
            Some((networks, reached)) => {
                let weights = vec![1.0; networks.len()];
                let members = Members::of_parts(networks, weights);
                let members = calibrated(&self.measuring(go_on), members, &self.training.folds)?;
                let answers = self.answers(&members, go_on)?;
                let loss = self.loss(&answers);
                self.trained.push(Trained { number, reached, members, answers });
                Some(loss)
            }
        };
        let last = self.candidates.last_mut().expect("a candidate has begun");
        (last.epochs, last.validation_loss) = (Some(epochs), loss);
        self.choose();
        Ok(())
    }

    /// The mean loss of answers: log loss, or squared error by the target's variance.
    fn loss(&self, answers: &[f64]) -> f64 {
        let (truth, weights) = (&self.start.truth, self.validation.weights());
        match truth {
            Truth::Values(values) => metrics::regression_of(answers, values, weights).r2.map_or(0.0, |r2| 1.0 - r2),
            Truth::Labels(_) => measured(truth).mean_loss(answers.len(), weights, |row| answers[row]),
        }
    }

    /// Chooses those that answer, and lets go of those that are least likely to be chosen later where all are too many.
    fn choose(&mut self) {
        let cost = |one: &Trained| {
            let least = ANSWERING / (MAX_MEMBERS - self.training.folds.len().max(1));
            one.members.list().iter().map(|member| member.network.parameters().len().max(least)).sum()
        };
        let choices: Vec<Choice> =
            self.trained.iter().map(|one| Choice { answers: &one.answers, cost: cost(one) }).collect();
        let weights: RowWeights = self.validation.weights();
        let counts = select(&choices, measured(&self.start.truth), weights, ANSWERING);
        let total: u32 = counts.iter().sum();
        let share = |count: u32| f64::from(count) / f64::from(total.max(1));
        let shares: HashMap<u64, f64> =
            self.trained.iter().zip(&counts).map(|(one, count)| (one.number, share(*count))).collect();
        for candidate in &mut self.candidates {
            candidate.weight = shares.get(&candidate.candidate).copied().unwrap_or(0.0);
        }
        let costs: Vec<usize> = choices.iter().map(|choice| choice.cost).collect();
        let losses: Vec<f64> = self.trained.iter().map(|one| self.loss(&one.answers)).collect();
        let mut order: Vec<usize> = (0..costs.len()).collect();
        order.sort_by(|a, b| counts[*b].min(1).cmp(&counts[*a].min(1)).then(losses[*a].total_cmp(&losses[*b])));
        let mut spent = 0usize;
        let mut kept = vec![false; costs.len()];
        for index in order {
            spent = spent.saturating_add(costs[index]);
            kept[index] = counts[index] > 0 || spent <= KEPT;
        }
        let mut kept = kept.into_iter();
        self.trained.retain(|_| kept.next().unwrap_or(false));
    }

    /// The networks that answer, with their weights, and what the best of their candidates reached; `None` if none has learned.
    pub(super) fn chosen(self) -> Option<(Members, EpochReport)> {
        let weight = |number: u64| self.candidates[number as usize - 1].weight;
        let chosen = || self.trained.iter().filter(|one| weight(one.number) > 0.0);
        let reached = chosen().map(|one| one.reached).min_by(|one, other| one.watched().total_cmp(&other.watched()))?;
        let of_one = |one: &Trained| {
            let networks = one.members.list().iter().map(|member| member.network.clone()).collect::<Vec<_>>();
            let weight = weight(one.number) / networks.len() as f64;
            networks.into_iter().map(move |network| (network, weight)).collect::<Vec<_>>()
        };
        let (networks, weights) = chosen().flat_map(of_one).unzip();
        Some((Members::of_parts(networks, weights), reached))
    }
}
