//! A training on rows in memory: as it is asked for, and checked with its settings, training rows and validation rows.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::data::split::content::plain_hash;
use crate::data::split::{ByContent, HeldOut, Rule, Split, by_content, last};
use crate::learning::error::SpecError;
use crate::learning::examples::Examples;
use crate::learning::spec::ValidModelSpec;
use crate::learning::split::SplitBy;
use crate::learning::training::{Classes, TrainingSpec, ValidTrainingSpec};
use crate::models::inline::InlineExamples;

/// A training as it is asked for, with its rows.
#[derive(Clone, Debug)]
pub struct TrainingRequest {
    /// The rows to train on (and to split validation rows from).
    pub examples: InlineExamples,
    /// Rows to validate on, in place of a split.
    pub validation: Option<InlineExamples>,
    /// The settings.
    pub settings: TrainingSpec,
}

/// A checked training: nothing about it can fail any more but the training itself.
#[derive(Clone, Debug)]
pub struct Training {
    /// The settings, every default filled in.
    pub settings: ValidTrainingSpec,
    /// Rows to train on, with their weights.
    pub train: Examples,
    /// Rows to validate on.
    pub validation: Option<Examples>,
    /// Which of them each of several networks is measured on and does not learn from, although they are the first rows to train on;
    /// empty where no network learns from any.
    pub folds: Vec<Range<usize>>,
}

impl TrainingRequest {
    /// Checks the request for a training of `model`, and splits off the validation rows.
    ///
    /// # Errors
    /// The first setting, row or value that does not fit, with its JSON pointer.
    pub fn check(self, model: &ValidModelSpec) -> Result<Training, SpecError> {
        if self.validation.is_some() && self.settings.validation_split.is_some() {
            let detail = "give either `validation` or `validation_split`, not both";
            return Err(SpecError::invalid("/validation", detail));
        }
        if self.validation.is_some() && self.settings.split.is_some() {
            return Err(SpecError::invalid("/validation", "give either `validation` or `split`, not both"));
        }
        if self.settings.split.as_ref().is_some_and(|by| by.column().is_some()) {
            let detail = "a model by layer sizes knows the splits auto, random and order: its rows have no columns";
            return Err(SpecError::invalid("/split", detail));
        }
        if self.settings.members.is_some_and(|members| members > 1) {
            let detail =
                "a model by layer sizes is a single network: several learn side by side for a model by data set";
            return Err(SpecError::invalid("/members", detail));
        }
        if self.settings.candidates.is_some_and(|candidates| candidates > 1) {
            let detail =
                "a model by layer sizes has the layers it was given: candidates are tried for a model by data set";
            return Err(SpecError::invalid("/candidates", detail));
        }
        if self.settings.target_scale.is_some() {
            let detail =
                "the targets of a model by layer sizes are learned as they stand: a scale is for a model by data set";
            return Err(SpecError::invalid("/target_scale", detail));
        }
        if self.settings.distill.is_some() {
            let detail =
                "a version of a model by layer sizes is one network already: distill is for a model by data set";
            return Err(SpecError::invalid("/distill", detail));
        }
        let settings = self.settings.check(model.seed, Classes::of(model))?;
        let examples = self.examples.fit(model, "")?;
        let given = self.validation.map(|validation| validation.fit(model, "/validation")).transpose()?;
        let (train, validation) = match given {
            None if settings.validation_split > 0.0 => held_out(&examples, model, &settings)?,
            given => (examples, given),
        };
        let train = match &settings.class_weight {
            None => train,
            Some(weights) => {
                let row_weights = weights.row_weights(&train.targets().labels(), Classes::of(model), train.weights());
                train.with_loss_weights(row_weights)
            }
        };
        Ok(Training { settings, train, validation, folds: Vec::new() })
    }
}

/// The hash of what stands in a row: its inputs and what `outputs` outputs should be.
pub(super) fn content_hash(examples: &Examples, row: usize, outputs: usize, seed: u64) -> u64 {
    let mut target = vec![0.0; outputs];
    examples.targets().write(row, &mut target);
    plain_hash(examples.input_rows(row, row + 1).iter().chain(&target).copied(), seed)
}

/// Which rows of a training on plain numbers were held out, told by their content; `None` where they were chosen otherwise.
pub(super) fn held_out_rule(training: &Training, model: &ValidModelSpec) -> Option<HeldOut> {
    let (train, validation) = (&training.train, training.validation.as_ref()?);
    let (seed, share) = (training.settings.seed, training.settings.validation_split);
    if share == 0.0 {
        return None;
    }
    let sets = [train, validation];
    let hash = |examples: &Examples, row| content_hash(examples, row, model.outputs(), seed);
    let hashes: Vec<u64> = sets.iter().flat_map(|set| (0..set.rows()).map(|row| hash(set, row))).collect();
    let labels = model.classes().map(|_| sets.iter().flat_map(|set| set.targets().labels()).collect::<Vec<u32>>());
    let ByContent { split, bounds } = by_content(&hashes, share, labels.as_deref());
    // Rows that an earlier release chose, or the request's order, are others.
    let is_so = split.validation.iter().copied().eq(train.rows()..hashes.len());
    let classes = match labels {
        Some(_) => bounds.iter().enumerate().map(|(class, bound)| (class.to_string(), *bound)).collect(),
        None => BTreeMap::new(),
    };
    is_so.then(|| HeldOut::By(Rule::Random { seed, columns: Vec::new(), below: bounds[0], classes, numbered: false }))
}

/// Training rows and validation rows, stratified where there are classes and no order is asked for.
fn held_out(
    examples: &Examples,
    model: &ValidModelSpec,
    settings: &ValidTrainingSpec,
) -> Result<(Examples, Option<Examples>), SpecError> {
    let (rows, share) = (examples.rows(), settings.validation_split);
    let split = match settings.split {
        Some(SplitBy::Order {}) => last(rows, share),
        _ => at_random(examples, model, settings),
    };
    if split.validation.is_empty() {
        let detail = format!("{share} of {rows} rows leaves no row to validate on: send more rows that differ");
        return Err(SpecError::invalid("/validation_split", detail));
    }
    Ok((examples.select(&split.train), Some(examples.select(&split.validation))))
}

fn at_random(examples: &Examples, model: &ValidModelSpec, settings: &ValidTrainingSpec) -> Split {
    let hash = |row| content_hash(examples, row, model.outputs(), settings.seed);
    let hashes: Vec<u64> = (0..examples.rows()).map(hash).collect();
    let labels = model.classes().map(|_| examples.targets().labels());
    by_content(&hashes, settings.validation_split, labels.as_deref()).split
}
