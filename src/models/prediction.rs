//! Predictions of a version of a model by data set, whatever the form of request and reply.

use ndarray::{Array2, Axis};

use super::ModelError;
use super::drift::{DriftCounts, Tally};
use super::scoring::{Answered, Truth, probabilities};
use super::table::TableParts;
use crate::data::column::Table;
use crate::data::encoder::EncodeError;
use crate::data::encoder::Sighting;
use crate::data::row_weights::weights_of;
use crate::learning::examples::most_likely;
use crate::learning::members::{Fold, Members};
use crate::learning::row_weights::RowWeights;

/// What a version says of each row.
#[derive(Clone, Debug)]
pub struct Predictions {
    /// Classes or values.
    pub answers: Answers,
    /// Number of rows.
    pub rows: usize,
    /// Values outside what training saw: row, feature and how, in the order of the rows.
    pub sightings: Vec<(usize, usize, Sighting)>,
    /// By what each answer is known when its true outcome is told; empty if that is not asked for.
    pub ids: Vec<String>,
    /// How each answer comes about; empty if that is not asked for.
    pub explanations: Vec<Explanation>,
}

/// Answers for each row.
#[derive(Clone, Debug)]
pub enum Answers {
    /// Of a classification.
    Classes {
        /// rows × classes
        probabilities: Array2<f32>,
        /// The classes whose score, 1 − p, is at most this are the label set, with the most likely one in any case.
        most: Option<f32>,
    },
    /// Of a regression, in the target's unit.
    Values {
        /// One per row.
        values: Vec<f64>,
        /// An interval reaches this far to both sides.
        margin: Option<f64>,
    },
}

/// How an answer comes about. All is in log odds, ln(p / (1 − p)), of the predicted class, or in the target's unit.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// The mean answer to the background.
    pub base: f64,
    /// Features of the encoder, by their places, with what each adds: those that add or take most come first.
    pub contributions: Vec<(usize, f64)>,
    /// What all others add together: base, contributions and rest add up to what is answered.
    pub rest: f64,
}

impl Predictions {
    /// Memory that they take, about.
    pub fn bytes(&self) -> usize {
        let answers = match &self.answers {
            Answers::Classes { probabilities, .. } => size_of_val(probabilities.as_slice().unwrap_or_default()),
            Answers::Values { values, .. } => size_of_val(values.as_slice()),
        };
        let ids = self.ids.iter().map(|id| id.capacity() + size_of::<String>()).sum::<usize>();
        let of_one = |one: &Explanation| size_of_val(one.contributions.as_slice()) + size_of::<Explanation>();
        let explanations = self.explanations.iter().map(of_one).sum::<usize>();
        answers + size_of_val(self.sightings.as_slice()) + ids + explanations
    }

    /// What lies outside what training saw in a row: feature and how.
    pub fn flags(&self, row: usize) -> impl Iterator<Item = (usize, Sighting)> + Clone + '_ {
        let start = self.sightings.partition_point(|(of, ..)| *of < row);
        self.sightings[start..].iter().take_while(move |(of, ..)| *of == row).map(|(_, feature, how)| (*feature, *how))
    }
}

impl Answers {
    fn count(&self, tally: &mut Tally) {
        match self {
            Answers::Classes { probabilities, .. } => {
                let rows = probabilities.as_slice().expect("row-major probabilities");
                rows.chunks_exact(probabilities.ncols()).for_each(|row| tally.class(most_likely(row)));
            }
            Answers::Values { values, .. } => values.iter().for_each(|value| tally.value(*value)),
        }
    }
}

/// The conformal score of a level: an interval reaches this far to both sides of its value, and a label set has the classes
/// whose score, 1 − p, is at most this.
#[derive(Clone, Copy, Debug)]
pub struct Interval(f32);

impl Interval {
    /// The score that a level such as 0.9 stands for, by the rows that were held out of the version's training.
    ///
    /// # Errors
    /// `NoInterval`: too few rows were held out.
    pub fn at(level: f64, parts: &TableParts) -> Result<Self, ModelError> {
        let Some(scores) = &parts.scores else {
            let reason = "no rows were held out when it was trained: train with a validation_split";
            return Err(ModelError::NoInterval(reason.into()));
        };
        scores.quantile(level).map(Interval).ok_or_else(|| {
            let needed = crate::learning::conformal::Scores::rows_needed(level);
            ModelError::NoInterval(format!(
                "an interval of {level} needs {needed} rows held out; there were {}: train with more validation rows, or \
                 ask for less",
                scores.count()
            ))
        })
    }
}

/// What answers for a version of a model by data set: columns in, classes or values out.
#[derive(Clone, Copy, Debug)]
pub struct TablePredictor<'a> {
    /// The networks.
    pub members: &'a Members,
    /// What goes with them.
    pub parts: &'a TableParts,
}

impl TablePredictor<'_> {
    /// Predicts for the rows of `table`, which has a column for each feature. The rows and what is answered to them are
    /// counted in `counts`, if there are any.
    ///
    /// # Errors
    /// A column is missing or of a wrong type.
    pub fn predict(
        self,
        table: &Table,
        interval: Option<Interval>,
        counts: Option<&DriftCounts>,
    ) -> Result<Predictions, EncodeError> {
        let TableParts { encoder, calibration, .. } = self.parts;
        let mut tally = counts.map(|counts| counts.tally(table.rows));
        let encoded = encoder.transform_telling(table, |feature, values, slots| {
            if let Some(tally) = &mut tally {
                tally.feature(feature, values, slots);
            }
        })?;
        let logits = self.members.logits_of(encoded.inputs.view());
        let flat = logits.as_slice().expect("row-major logits");
        let answers = match encoder.target.classes().is_empty() {
            false => Answers::Classes {
                probabilities: probabilities(calibration.as_ref(), flat, logits.ncols()),
                most: interval.map(|Interval(score)| score),
            },
            true => Answers::Values {
                values: flat.iter().map(|output| encoder.target.value(*output)).collect(),
                margin: interval.map(|Interval(score)| f64::from(score)),
            },
        };
        if let Some(mut tally) = tally {
            answers.count(&mut tally);
            tally.end();
        }
        let mut sightings = encoded.sightings;
        sightings.sort_unstable();
        Ok(Predictions { answers, rows: table.rows, sightings, ids: Vec::new(), explanations: Vec::new() })
    }

    /// Takes into `answered` what is answered to the rows named, all of which have a target, and a weight among `weights`: by all
    /// networks, or by those that have not learned from this fold.
    ///
    /// # Errors
    /// As [`TablePredictor::answer`].
    pub fn answer_rows(
        self,
        table: &Table,
        rows: &[usize],
        fold: Option<Fold>,
        weights: RowWeights,
        answered: &mut Answered,
    ) -> Result<(), EncodeError> {
        let encoder = &self.parts.encoder;
        let name = encoder.target.name();
        let target = table.column(name).ok_or_else(|| EncodeError::NoColumn(name.to_owned()))?;
        let truth =
            Truth::of_rows(encoder, &*target.of_kind(encoder.target.kind(), encoder.target_writing.reading())?, rows)?;
        let inputs = encoder.inputs_of(table, rows, &|| true)?.expect("nobody stops it");
        let logits = match fold {
            None => self.members.logits_of(inputs.view()),
            Some(fold) => self.members.without(fold).logits_of(inputs.view()),
        };
        answered.add(self.parts, &logits, &truth, weights);
        Ok(())
    }

    /// Takes into `answered` what is answered to those rows of `table` that have a target, and by the column of weights, if one is
    /// named, weigh something.
    ///
    /// # Errors
    /// A column is missing or of a wrong type, a target is none of the model's, or a row has no weight.
    pub fn answer(self, table: &Table, weights: Option<&str>, answered: &mut Answered) -> Result<(), EncodeError> {
        let encoder = &self.parts.encoder;
        let (mut truth, mut rows) = Truth::of(encoder, table)?;
        let weights = match weights {
            None => None,
            Some(name) => {
                let column = table.column(name).ok_or_else(|| EncodeError::NoColumn(name.to_owned()))?;
                let of_rows = weights_of(column, rows.iter().copied())?;
                let counted: Vec<usize> = (0..rows.len()).filter(|place| of_rows[*place] > 0.0).collect();
                truth = truth.select(&counted);
                rows = counted.iter().map(|place| rows[*place]).collect();
                Some(counted.iter().map(|place| of_rows[*place] as f32).collect::<Vec<f32>>())
            }
        };
        if rows.is_empty() {
            return Ok(());
        }
        let inputs = encoder.transform(table)?.inputs.select(Axis(0), &rows);
        let logits = self.members.logits_of(inputs.view());
        answered.add(self.parts, &logits, &truth, RowWeights::from(weights.as_deref()));
        Ok(())
    }
}

/// The classes whose score, 1 − p as in the scores of the rows held out, is at most `most`, most likely first; the most
/// likely one in any case.
pub fn label_set<'a>(classes: &'a [String], row: &[f32], most: f32) -> Vec<&'a str> {
    let mut order: Vec<usize> = (0..row.len()).collect();
    order.sort_by(|a, b| row[*b].total_cmp(&row[*a]));
    let likely = order.iter().take_while(|class| 1.0 - row[**class] <= most).count().max(1);
    order[..likely].iter().map(|class| classes[*class].as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_at_the_threshold_is_in_its_set() {
        let classes: Vec<String> = ["a", "b", "c"].map(String::from).to_vec();
        for thousandths in 1..300 {
            let p = thousandths as f32 / 1000.0;
            // The score of a row held out with this probability of its class, as the quantile may be.
            let score = 1.0 - p;
            assert_eq!(label_set(&classes, &[1.0 - 2.0 * p, p, p], score), ["a", "b", "c"], "{p}");
        }
        assert_eq!(label_set(&classes, &[0.5, 0.3, 0.2], 0.1), ["a"]);
    }
}
