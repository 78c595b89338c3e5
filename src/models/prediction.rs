//! Predictions of a version of a model by data set, whatever the form of request and reply.

use ndarray::{Array2, Axis};

use super::drift::{DriftCounts, Tally};
use super::intervals::Level;
use super::scoring::{Answered, Truth, probabilities};
use super::table::TableParts;
use crate::data::column::Table;
use crate::data::encoder::EncodeError;
use crate::data::encoder::Sighting;
use crate::data::row_weights::weights_of;
use crate::learning::examples::most_likely;
use crate::learning::members::{Fold, Members};
use crate::learning::row_weights::RowWeights;

/// Multiply-adds after which work looks whether anybody still waits for it. About a tenth of a second.
const UNTIL_A_LOOK: usize = 1 << 30;

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
        /// Of each row how many of its classes are the label set, likeliest first; none if sets are not asked for.
        sets: Option<Vec<usize>>,
    },
    /// Of a regression, in the target's unit.
    Values {
        /// One per row.
        values: Vec<f64>,
        /// The lower and the upper end of each row's interval; none if intervals are not asked for.
        intervals: Option<Vec<[f64; 2]>>,
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
            Answers::Classes { probabilities, sets } => {
                size_of_val(probabilities.as_slice().unwrap_or_default())
                    + size_of_val(sets.as_deref().unwrap_or_default())
            }
            Answers::Values { values, intervals } => {
                size_of_val(values.as_slice()) + size_of_val(intervals.as_deref().unwrap_or_default())
            }
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
        level: Option<&Level>,
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
            false => {
                let probabilities = probabilities(calibration.as_ref(), flat, logits.ncols());
                let rows =
                    probabilities.as_slice().expect("row-major probabilities").chunks_exact(probabilities.ncols());
                let sets = level.map(|level| rows.map(|row| level.set_length(self.parts, row)).collect());
                Answers::Classes { probabilities, sets }
            }
            true => {
                let values: Vec<f64> = flat.iter().map(|output| encoder.target.value(*output)).collect();
                let interval = |level: &Level| values.iter().map(|value| level.interval(self.parts, *value)).collect();
                Answers::Values { intervals: level.map(interval), values }
            }
        };
        if let Some(mut tally) = tally {
            answers.count(&mut tally);
            tally.end();
        }
        let mut sightings = encoded.sightings;
        sightings.sort_unstable();
        Ok(Predictions { answers, rows: table.rows, sightings, ids: Vec::new(), explanations: Vec::new() })
    }

    /// Rows that are answered until work looks whether anybody still waits for it: whole shards, unless `most` are fewer.
    pub fn rows_until_a_look(self, most: usize) -> usize {
        let (shard, of_row) = (self.members.shard_rows(), self.members.parameter_count().max(1));
        most.min(shard * (UNTIL_A_LOOK / of_row / shard).max(1)).max(1)
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
