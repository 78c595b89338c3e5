//! Candidates: networks with drawn settings, of which a training chooses those that answer together.

use rand::RngExt;
use serde::{Deserialize, Serialize};

use super::defaults::{WEIGHT_DECAY, learning_rate};
use crate::data::profile::Finding;
use crate::learning::random::{Generator, Purpose, generator};
use crate::learning::spec::{MAX_SEED, ValidModelSpec};
use crate::learning::training::ValidTrainingSpec;
use crate::models::table::TableSpec;

/// Widths and numbers of hidden layers that are drawn.
const WIDTHS: [usize; 3] = [128, 256, 384];
const DEPTHS: [usize; 4] = [1, 2, 3, 4];
/// Dropout that is drawn: evenly between these.
const DROPOUT: (f64, f64) = (0.0, 0.4);
/// Powers of ten that the learning rate of the recipe is multiplied with.
const RATE_POWERS: (f64, f64) = (-0.5, 0.4);
/// Powers of ten of the weight decay.
const DECAY_POWERS: (f64, f64) = (-2.7, -1.0);
/// Powers of ten of the deviation of waves: a larger one suits answers that jump.
const DEVIATION_POWERS: (f64, f64) = (-1.5, 0.5);

/// Losses that differ by less than a hundredth are not worth a word.
const NOT_MINDED: f64 = 1.01;

/// One candidate: its settings where they are drawn, and what has become of it. The networks of all folds are one candidate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// Counted from 1; the first has the settings of the recipe.
    pub candidate: u64,
    /// Widths of its hidden layers.
    pub hidden_layers: Vec<usize>,
    /// Share of units dropped in training.
    pub dropout: f64,
    /// η at its highest.
    pub learning_rate: f64,
    /// λ.
    pub weight_decay: f64,
    /// σ of the frequencies of its waves to begin with, if it has any.
    pub wave_deviation: Option<f64>,
    /// Draws its initial parameters, the order of its rows and its dropout.
    pub seed: u64,
    /// Epochs that it has done; none while it trains.
    pub epochs: Option<u64>,
    /// Its mean loss on the rows held out, of which none has taught the network that answers: log loss of calibrated
    /// probabilities, or the share of the target's variance that is left. None of one that trains, or has diverged.
    pub validation_loss: Option<f64>,
    /// The same of the answer of all that were chosen together once it was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss_together: Option<f64>,
    /// Its share of the answers of all that are chosen so far.
    pub weight: f64,
}

/// What a search leaves beside its networks.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Tried {
    /// All that were tried, with the share of the networks' answers that each has; none where nothing was searched for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) candidates: Vec<Candidate>,
    /// What those lose that were chosen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) selection: Option<Selection>,
}

/// The mean loss of those that answer together, as `validation_loss` of a [`Candidate`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Selection {
    /// On the rows held out, by which they were chosen.
    pub(super) validation_loss: f64,
    /// The same where each fifth of these rows is answered by what the other four choose.
    pub(super) on_other_rows: f64,
}

impl Tried {
    /// The finding that measures on the `rows` rows held out flatter, as those that answer were chosen by them; `None` where they do
    /// not, or by too little to mind.
    pub(super) fn flatters(&self, rows: usize) -> Option<Finding> {
        let Selection { validation_loss, on_other_rows } = self.selection?;
        if on_other_rows <= NOT_MINDED * validation_loss {
            return None;
        }
        let (all, chosen) = (self.candidates.len(), self.candidates.iter().filter(|one| one.weight > 0.0).count());
        let message = format!(
            "the measures flatter: they come from the {rows} rows by which those that answer ({chosen}) were chosen of {all} candidates. \
             Where each fifth of these rows is answered by what the others choose, the mean loss is {on_other_rows:.4} in place of \
             {validation_loss:.4}. Measure the version on rows of your own (POST /models/{{model}}/evaluate)."
        );
        Some(Finding { code: "chosen_by_measured_rows".to_owned(), message, column: None })
    }
}

/// What candidates are drawn around: settings that are the recipe's own are drawn, others are kept.
pub(super) struct Draws<'a> {
    /// The model.
    pub(super) spec: &'a TableSpec,
    /// The network of the recipe.
    pub(super) network: &'a ValidModelSpec,
    /// How it is trained.
    pub(super) settings: &'a ValidTrainingSpec,
}

impl Draws<'_> {
    /// The candidate of this number, the same whenever it is asked for.
    pub(super) fn candidate(&self, number: u64) -> Candidate {
        let (spec, settings) = (self.spec, self.settings);
        let first = Candidate {
            candidate: 1,
            hidden_layers: spec.hidden_layers.clone(),
            dropout: spec.dropout,
            learning_rate: settings.learning_rate,
            weight_decay: settings.weight_decay,
            wave_deviation: self.network.waves.as_ref().map(|waves| waves.deviation),
            seed: settings.seed,
            epochs: None,
            validation_loss: None,
            loss_together: None,
            weight: 0.0,
        };
        let mut drawn = generator(settings.seed, Purpose::Candidates);
        let draw = |_, number| self.drawn(&first, number, &mut drawn);
        (2..=number).fold(first.clone(), draw)
    }

    /// The candidate that comes next: a draw takes as many numbers whatever is kept.
    fn drawn(&self, first: &Candidate, number: u64, drawn: &mut Generator) -> Candidate {
        let recipe = self.spec.recipe;
        let power = |drawn: &mut Generator, (low, high)| 10f64.powf(drawn.random_range(low..high));
        let width = WIDTHS[drawn.random_range(0..WIDTHS.len())];
        let depth = DEPTHS[drawn.random_range(0..DEPTHS.len())];
        let dropout = drawn.random_range(DROPOUT.0..DROPOUT.1);
        let rate = power(drawn, RATE_POWERS);
        let decay = power(drawn, DECAY_POWERS);
        let deviation = power(drawn, DEVIATION_POWERS);
        let seed = drawn.random::<u64>() & MAX_SEED;
        let mut next = Candidate { candidate: number, seed, ..first.clone() };
        if first.hidden_layers == recipe.hidden_layers() {
            next.hidden_layers = vec![width; depth];
        }
        if first.dropout == recipe.dropout() {
            next.dropout = rounded(dropout);
        }
        if first.learning_rate == learning_rate(self.spec.task, self.network.parametrization) {
            next.learning_rate = rounded(first.learning_rate * rate);
        }
        if first.weight_decay == WEIGHT_DECAY {
            next.weight_decay = rounded(decay);
        }
        next.wave_deviation = first.wave_deviation.map(|_| rounded(deviation));
        next
    }
}

/// The hidden layers of the largest network that is drawn for a model.
pub(super) fn largest(spec: &TableSpec) -> Vec<usize> {
    match spec.hidden_layers == spec.recipe.hidden_layers() {
        true => vec![WIDTHS[WIDTHS.len() - 1]; DEPTHS[DEPTHS.len() - 1]],
        false => spec.hidden_layers.clone(),
    }
}

/// A number of three digits, as people read settings.
fn rounded(value: f64) -> f64 {
    format!("{value:.2e}").parse().expect("it was written as a number")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::encoder::Task;
    use crate::learning::activation::Activation;
    use crate::learning::spec::{ModelSpec, Parametrization};
    use crate::learning::training::{Classes, TrainingSpec};
    use crate::models::recipe::Recipe;

    fn spec(hidden_layers: Vec<usize>) -> TableSpec {
        TableSpec {
            dataset: None,
            target: "y".into(),
            task: Task::Classification,
            features: vec!["x".into()],
            features_chosen: false,
            weights: None,
            types: Vec::new(),
            recipe: Recipe::Best,
            without: Vec::new(),
            classes: vec!["a".into(), "b".into()],
            hidden_layers,
            activation: Activation::Mish,
            dropout: 0.15,
            loss: None,
            quantile: None,
            seed: 0,
        }
    }

    #[test]
    fn candidates_are_the_same_whenever_they_are_asked_for_and_keep_what_is_given() {
        let (layers, parametrization) = (vec![3.into(), 1.into()], Parametrization::Ntk);
        let network = ModelSpec { layers, parametrization, ..ModelSpec::default() }.check().expect("valid").0;
        let settings = TrainingSpec { learning_rate: Some(0.04), weight_decay: Some(0.02), ..TrainingSpec::default() };
        let settings = settings.check(7, Classes::None).expect("valid");
        let (open, given) = (spec(vec![256; 3]), spec(vec![9]));
        let draws = Draws { spec: &open, network: &network, settings: &settings };
        let drawn: Vec<Candidate> = (1..=40).map(|number| draws.candidate(number)).collect();
        assert_eq!(drawn[17], draws.candidate(18));
        assert_eq!((&drawn[0].hidden_layers, drawn[0].seed), (&vec![256; 3], 7));
        for one in &drawn[1..] {
            let width = one.hidden_layers[0];
            assert!(WIDTHS.contains(&width) && one.hidden_layers == vec![width; one.hidden_layers.len()]);
            assert!(DEPTHS.contains(&one.hidden_layers.len()) && (0.0..=0.4).contains(&one.dropout));
            assert!((0.0126..=0.101).contains(&one.learning_rate), "{one:?}");
            assert!((0.0019..=0.101).contains(&one.weight_decay) && one.wave_deviation.is_none(), "{one:?}");
        }
        let seeds: std::collections::BTreeSet<u64> = drawn.iter().map(|one| one.seed).collect();
        assert_eq!(seeds.len(), 40);
        // What is given is kept, and moves nothing of what else is drawn.
        let given = Draws { spec: &given, ..draws }.candidate(5);
        assert_eq!((&given.hidden_layers, given.dropout), (&vec![9], drawn[4].dropout));
        assert_eq!((largest(&open), largest(&spec(vec![9]))), (vec![384; 4], vec![9]));
    }

    #[test]
    fn measures_flatter_where_a_choice_by_other_rows_loses_more() {
        let (open, weights) = (spec(vec![9]), [0.5, 0.0, 0.5]);
        let (layers, settings) = (vec![3.into(), 1.into()], TrainingSpec::default().check(7, Classes::None));
        let network = ModelSpec { layers, ..ModelSpec::default() }.check().expect("valid").0;
        let draws = Draws { spec: &open, network: &network, settings: &settings.expect("valid") };
        let candidates: Vec<Candidate> =
            (1..).zip(weights).map(|(number, weight)| Candidate { weight, ..draws.candidate(number) }).collect();
        let told = |validation_loss, on_other_rows| {
            let selection = Some(Selection { validation_loss, on_other_rows });
            Tried { candidates: candidates.clone(), selection }.flatters(300).map(|finding| finding.message)
        };
        let message = told(0.25, 0.26).expect("4 % is worth a word");
        for part in ["300 rows", "(2)", "3 candidates", "0.2600 in place of 0.2500"] {
            assert!(message.contains(part), "{message}");
        }
        assert_eq!((told(0.25, 0.2524), told(0.25, 0.24), Tried::default().flatters(300)), (None, None, None));
    }
}
