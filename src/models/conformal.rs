//! How far off a version was on the rows held out: what its intervals and label sets are made of.

use ndarray::ArrayView2;

use crate::data::encoder::Target;
use crate::learning::conformal::{Scores, ranked};
use crate::learning::error_size::ErrorSize;
use crate::learning::parts::Parts;
use crate::learning::row_weights::RowWeights;

/// Most scores that are kept of the rows held out.
const MAX_SCORES: usize = 20_000;

/// How far off a version was on the rows held out.
#[derive(Clone, Debug, PartialEq)]
pub enum Conformal {
    /// Of earlier releases: 1 − p(true class) or |y − ŷ|, of all rows together.
    Even(Scores),
    /// Of a classification: the probabilities of the classes that were likelier than the true one, in parts of the rows by the
    /// probability of the likeliest.
    Ranked(Parts),
    /// Of a regression: |y − ŷ| over the size of such errors, in parts of the rows by ŷ.
    Scaled {
        /// In the target's unit.
        size: ErrorSize,
        /// Without a unit.
        parts: Parts,
    },
}

impl Conformal {
    /// Of values that were answered and true ones, in the target's unit.
    pub fn of_values(answers: &[f64], values: &[f64], weights: RowWeights) -> Self {
        let errors: Vec<f64> = answers.iter().zip(values).map(|(answer, y)| (answer - y).abs()).collect();
        let size = ErrorSize::fit(answers, &errors, weights);
        let scores = answers.iter().zip(&errors).map(|(answer, error)| (error / size.at(*answer)) as f32).collect();
        Conformal::Scaled { parts: Parts::new(answers, scores, weights, MAX_SCORES), size }
    }

    /// Of rows whose likeliest class has these probabilities, with the scores of their true classes.
    pub fn of_classes(highest: &[f64], scores: Vec<f32>, weights: RowWeights) -> Self {
        Conformal::Ranked(Parts::new(highest, scores, weights, MAX_SCORES))
    }

    /// Rows held out.
    pub fn count(&self) -> usize {
        match self {
            Conformal::Even(scores) => scores.count(),
            Conformal::Ranked(parts) | Conformal::Scaled { parts, .. } => parts.count(),
        }
    }

    /// The scores of each part of the rows: of earlier releases there is one.
    pub fn scores(&self) -> &[Scores] {
        match self {
            Conformal::Even(scores) => std::slice::from_ref(scores),
            Conformal::Ranked(parts) | Conformal::Scaled { parts, .. } => parts.scores(),
        }
    }

    /// Whether it is of this target's task.
    pub fn fits(&self, target: &Target) -> bool {
        match self {
            Conformal::Even(_) => true,
            Conformal::Ranked(_) => !target.classes().is_empty(),
            Conformal::Scaled { .. } => target.classes().is_empty(),
        }
    }

    /// The score of each part that a further row stays within with a probability of `level`; `None` if there are too few rows.
    pub(super) fn quantiles(&self, level: f64) -> Option<Vec<f32>> {
        match self {
            Conformal::Even(scores) => scores.quantile(level).map(|quantile| vec![quantile]),
            Conformal::Ranked(parts) | Conformal::Scaled { parts, .. } => parts.quantiles(level),
        }
    }

    /// The part of a row of which this was answered, or whose likeliest class has this probability.
    pub(super) fn part(&self, number: f64) -> usize {
        match self {
            Conformal::Even(_) => 0,
            Conformal::Ranked(parts) | Conformal::Scaled { parts, .. } => parts.part(number),
        }
    }
}

/// The probability of the likeliest class of each of some rows, and the score of the true one.
#[derive(Debug, Default)]
pub struct ClassScores {
    highest: Vec<f64>,
    scores: Vec<f32>,
}

impl ClassScores {
    /// Takes in rows of probabilities (rows × classes) with their labels.
    pub fn extend(&mut self, probabilities: ArrayView2<f32>, labels: &[u32]) {
        for (row, label) in probabilities.outer_iter().zip(labels) {
            let row = row.to_slice().expect("row-major probabilities");
            let ranked = ranked(row);
            let of_label = ranked.iter().find(|(class, _)| *class == *label as usize);
            self.scores.push(of_label.map_or(f32::INFINITY, |(_, before)| *before));
            self.highest.push(f64::from(row[ranked[0].0]));
        }
    }

    /// What they make.
    pub fn conformal(self, weights: RowWeights) -> Conformal {
        Conformal::of_classes(&self.highest, self.scores, weights)
    }
}
