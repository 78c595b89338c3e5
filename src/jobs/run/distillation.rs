//! A version of several networks made one: a network that learns what they answer, in place of the targets.
//!
//! After Hinton, Vinyals & Dean 2015, "Distilling the Knowledge in a Neural Network": of a row, the probabilities of all classes say
//! more than its class alone. Rows held out keep their targets: the epoch is chosen, and the new version calibrated and measured, by
//! what is true.

use ndarray::Array2;
use serde::Serialize;

use super::unpublished::Stopped;
use crate::data::profile::Finding;
use crate::data::split::{HeldOut, Rule};
use crate::jobs::comparison::Metric;
use crate::learning::calibration::Calibration;
use crate::learning::examples::{Examples, Targets};
use crate::models::conformal::Conformal;
use crate::models::prediction::TablePredictor;

/// How the rows that a version learned from and those that a training holds out belong together, by their data sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relation {
    /// Of one data set, of one that was made of the other, or nobody knows.
    Related,
    /// Of others; but the version goes back to versions that learned from nobody knows what.
    Unknown,
    /// Of others, and the version learned from none before.
    Apart,
}

/// What a version that is distilled may have learned of the rows held out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Learned {
    Nothing,
    Some,
    /// Its networks held out each row in turn, or which it held out is not known.
    All,
}

impl Learned {
    /// By the rows that the version's training held out, where that is known, and those that are now.
    pub(super) fn of(theirs: Option<&HeldOut>, relation: Relation, ours: Option<&HeldOut>) -> Self {
        let folds = |held_out: &HeldOut| matches!(held_out, HeldOut::By(rule) if rule.folds().is_some());
        match ours {
            Some(_) if relation == Relation::Apart => Learned::Nothing,
            Some(ours) if are_same(theirs, relation, ours) => Learned::Nothing,
            _ if theirs.is_none_or(folds) => Learned::All,
            _ => Learned::Some,
        }
    }
}

/// Whether a version's training held out the rows that are held out now: by places only of one data set.
pub(super) fn are_same(theirs: Option<&HeldOut>, relation: Relation, ours: &HeldOut) -> bool {
    let by_place = matches!(ours, HeldOut::By(Rule::Order { .. }));
    theirs == Some(ours) && (relation == Relation::Related || !by_place)
}

/// A version that is distilled.
pub(super) struct Teacher {
    pub(super) version: u64,
    pub(super) learned: Learned,
    /// How far off it is on rows that it has not learned from.
    pub(super) conformal: Option<Conformal>,
}

impl Teacher {
    /// Whether what it teaches may come of the rows held out.
    pub(super) fn may_know_rows_held_out(&self) -> bool {
        self.learned != Learned::Nothing
    }

    /// The finding that measures on `rows` of them flatter.
    pub(super) fn flatters(&self, rows: usize) -> Finding {
        let (version, learned) = (self.version, if self.learned == Learned::All { "" } else { "some of " });
        let message = format!(
            "the measures flatter: they come from {rows} rows, and version {version}, whose answers are learned, may have learned \
             from {learned}them. Intervals and label sets are those of version {version}, which this one may hold less often. \
             {ON_OTHER_ROWS}"
        );
        Finding { code: "distilled_rows_known".to_owned(), message, column: None }
    }
}

/// What to do where measures flatter.
pub(super) const ON_OTHER_ROWS: &str =
    "Measure both versions on rows of your own (POST /models/{model}/evaluate), or give such rows as `validation`.";

/// A version beside the one that it was distilled from.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Distilled {
    /// The one that it learned from.
    pub(super) version: u64,
    /// Rows that neither has learned from.
    pub(super) rows: usize,
    pub(super) metric: Metric,
    /// What it reaches on them.
    pub(super) value: Option<f64>,
    /// What the other reaches: of several folds each row is answered by the networks that have not learned from it.
    pub(super) of_version: Option<f64>,
    /// Whether its other measures come of rows that the other may have learned from.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) measures_flatter: bool,
    /// Why there is no such value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
}

/// What a version answers to rows, as targets to learn: rows × outputs, of classes their probabilities, of a number its answer on the
/// scale that is learned.
///
/// # Errors
/// It was told to stop.
pub(super) fn answers(
    version: TablePredictor,
    examples: &Examples,
    go_on: &dyn Fn() -> bool,
) -> Result<Targets, Stopped> {
    let (parts, width) = (version.parts, version.members.first().spec().outputs());
    let identity = Calibration::identity();
    let calibration = parts.calibration.as_ref().unwrap_or(&identity);
    let mut answers = Vec::with_capacity(examples.rows() * width);
    let mut see = |logits: &[f32]| {
        let start = answers.len();
        answers.extend_from_slice(logits);
        if !parts.encoder.target.classes().is_empty() {
            calibration.apply(logits, width, &mut answers[start..]);
        }
        go_on()
    };
    if !version.members.for_each_logits(examples.input_rows(0, examples.rows()), &mut see) {
        return Err(Stopped);
    }
    Ok(Targets::Values(Array2::from_shape_vec((examples.rows(), width), answers).expect("each row is answered")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_version_has_learned_of_rows_is_nothing_only_where_that_is_known() {
        let random =
            |seed| HeldOut::By(Rule::Random { seed, columns: Vec::new(), below: 9, classes: Default::default() });
        let folds = Rule::Folds { seed: 1, columns: Vec::new(), bounds: vec![1, 2], classes: Default::default() };
        let (folds, order) = (HeldOut::By(folds), HeldOut::By(Rule::Order { from: 8 }));
        use Relation::{Apart, Related, Unknown};
        for (theirs, relation, ours, learned) in [
            (Some(&random(1)), Related, Some(&random(1)), Learned::Nothing),
            (Some(&random(1)), Unknown, Some(&random(1)), Learned::Nothing),
            (Some(&random(1)), Related, Some(&random(2)), Learned::Some),
            (Some(&folds), Related, Some(&random(1)), Learned::All),
            (Some(&folds), Apart, Some(&random(1)), Learned::Nothing),
            (Some(&folds), Unknown, Some(&random(1)), Learned::All),
            (None, Related, Some(&random(1)), Learned::All),
            (None, Apart, Some(&random(1)), Learned::Nothing),
            (Some(&order), Related, Some(&order), Learned::Nothing),
            // The same places of other rows.
            (Some(&order), Unknown, Some(&order), Learned::Some),
            (Some(&random(1)), Apart, None, Learned::Some),
        ] {
            assert_eq!(Learned::of(theirs, relation, ours), learned, "{theirs:?} {relation:?} {ours:?}");
        }
    }
}
