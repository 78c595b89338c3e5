//! How good a version of a model by data set is on rows whose target is known.

use ndarray::Array2;

use super::conformal::Conformal;
use super::table::TableParts;
use crate::data::column::{Column, Table, Values};
use crate::data::encoder::{EncodeError, Encoder, Target, Task, rows_with};
use crate::learning::calibration::Calibration;
use crate::learning::curves::Curves;
use crate::learning::loss::Loss;
use crate::learning::metrics::{self, Metrics};
use crate::learning::predicted::Predicted;
use crate::learning::row_weights::RowWeights;

/// The target of the rows that a version is measured on.
#[derive(Clone, Debug)]
pub enum Truth {
    /// The class of each row.
    Labels(Vec<u32>),
    /// In the target's own unit.
    Values(Vec<f64>),
}

impl Truth {
    /// The target of the rows of `table` that have one, and which rows these are.
    ///
    /// # Errors
    /// The table lacks the target, or a value of it is none of the model's.
    pub fn of(encoder: &Encoder, table: &Table) -> Result<(Self, Vec<usize>), EncodeError> {
        let name = encoder.target.name();
        let column = table.column(name).ok_or_else(|| EncodeError::NoColumn(name.to_owned()))?;
        let column = column.of_kind(encoder.target.kind(), encoder.target_writing.reading())?;
        let rows = rows_with(&column);
        Ok((Truth::of_rows(encoder, &column, &rows)?, rows))
    }

    /// The target of the rows named.
    ///
    /// # Errors
    /// A value is none of the model's.
    pub fn of_rows(encoder: &Encoder, target: &Column, rows: &[usize]) -> Result<Self, EncodeError> {
        match (encoder.target.task(), &target.values) {
            (Task::Regression, Values::Numeric(values)) => {
                Ok(Truth::Values(rows.iter().map(|row| values[*row]).collect()))
            }
            (Task::Regression, _) => encoder.target.standardised(target, rows).map(|_| Truth::Values(Vec::new())),
            (Task::Classification, _) => Ok(Truth::Labels(encoder.target.labels(target, rows)?)),
        }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        match self {
            Truth::Labels(labels) => labels.len(),
            Truth::Values(values) => values.len(),
        }
    }

    /// The rows named.
    pub fn select(&self, rows: &[usize]) -> Truth {
        match self {
            Truth::Labels(labels) => Truth::Labels(rows.iter().map(|row| labels[*row]).collect()),
            Truth::Values(values) => Truth::Values(rows.iter().map(|row| values[*row]).collect()),
        }
    }
}

/// Probabilities of logits (rows × outputs): rows × classes, two of a single output.
pub fn probabilities(calibration: Option<&Calibration>, logits: &[f32], width: usize) -> Array2<f32> {
    let identity = Calibration::identity();
    let mut probabilities = vec![0.0; logits.len()];
    calibration.unwrap_or(&identity).apply(logits, width, &mut probabilities);
    if width == 1 {
        let pairs = probabilities.iter().flat_map(|p| [1.0 - p, *p]).collect();
        return Array2::from_shape_vec((logits.len(), 2), pairs).expect("two values per row");
    }
    Array2::from_shape_vec((logits.len() / width, width), probabilities).expect("a value per logit")
}

/// What makes answers of logits.
#[derive(Clone, Copy, Debug)]
pub struct Reading<'a> {
    /// What is predicted.
    pub target: &'a Target,
    /// What makes probabilities honest.
    pub calibration: Option<&'a Calibration>,
}

/// What a version answers to rows whose target is known, some rows after others: all that its measures need.
#[derive(Clone, Debug, Default)]
pub struct Answered {
    /// The true class of each row, and what the version says of it.
    labels: Vec<u32>,
    predicted: Predicted,
    /// Sum of −ln p of the true classes, each by its row's weight.
    log_loss: f64,
    /// The true value of each row and the version's, in the target's unit.
    values: Vec<f64>,
    answers: Vec<f64>,
    /// How much each row counts; none if all count alike.
    weights: Vec<f32>,
}

impl Answered {
    /// Memory that a row takes here at most, about, where there is room from the beginning; [`Answered::metrics`] included.
    pub const ROW_BYTES: usize = 36;

    /// With room for so many rows, which do not count alike if they are `weighed`.
    pub fn for_rows(rows: usize, target: &Target, weighed: bool) -> Self {
        let weights = Vec::with_capacity(if weighed { rows } else { 0 });
        match target.task() {
            Task::Classification => Answered {
                labels: Vec::with_capacity(rows),
                predicted: Predicted::for_rows(rows),
                weights,
                ..Answered::default()
            },
            Task::Regression => {
                let [values, answers] = [(); 2].map(|()| Vec::with_capacity(rows));
                Answered { values, answers, weights, ..Answered::default() }
            }
        }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.labels.len().max(self.values.len())
    }

    /// Takes in rows that the networks answer with `logits` (rows × outputs).
    pub fn add(&mut self, parts: &TableParts, logits: &Array2<f32>, truth: &Truth, weights: RowWeights) {
        let reading = Reading { target: &parts.encoder.target, calibration: parts.calibration.as_ref() };
        self.extend(reading, logits.as_slice().expect("row-major logits"), truth, weights, 0);
    }

    /// The same; the rows' targets and weights stand in `truth` and `weights` from row `start` on. All rows have weights, or none.
    pub fn extend(&mut self, reading: Reading, logits: &[f32], truth: &Truth, weights: RowWeights, start: usize) {
        let weights = weights.starting_at(start);
        if let Some(weights) = weights.given() {
            self.weights.extend(&weights[..logits.len() / reading.target.outputs()]);
        }
        match truth {
            Truth::Labels(labels) => {
                let width = reading.target.outputs();
                let labels = &labels[start..start + logits.len() / width];
                let probabilities = probabilities(reading.calibration, logits, width);
                // A probability of 0 counts as 1e-15, as in scikit-learn.
                let loss =
                    |(row, label): (usize, &u32)| -f64::from(probabilities[[row, *label as usize]]).max(1e-15).ln();
                labels.iter().enumerate().for_each(|row| self.log_loss += weights.get(row.0) * loss(row));
                self.predicted.extend(probabilities.as_slice().expect("row-major"), probabilities.ncols());
                self.labels.extend(labels);
            }
            Truth::Values(values) => {
                self.answers.extend(logits.iter().map(|output| reading.target.value(*output)));
                self.values.extend(&values[start..start + logits.len()]);
            }
        }
    }

    /// How far off the answers of a regression are on all rows so far; none of a classification.
    pub fn conformal(&self) -> Option<Conformal> {
        (!self.values.is_empty()).then(|| Conformal::of_values(&self.answers, &self.values, self.weights()))
    }

    fn weights(&self) -> RowWeights<'_> {
        if self.weights.is_empty() { RowWeights::ALIKE } else { RowWeights::of(&self.weights) }
    }

    /// The measures on all rows so far.
    pub fn metrics(&self, parts: &TableParts) -> Metrics {
        self.measures(&parts.encoder.target, parts.spec.asked_loss())
    }

    /// The same of any networks that predict `target` and were trained with this loss, if one was asked for.
    pub fn measures(&self, target: &Target, loss: Option<Loss>) -> Metrics {
        let (classes, weights) = (target.classes(), self.weights());
        if classes.is_empty() {
            let measured = metrics::regression_of(&self.answers, &self.values, weights);
            return Metrics::Regression(measured.of_loss(loss, &self.answers, &self.values, weights));
        }
        let log_loss = self.log_loss / weights.total(self.labels.len());
        let measured = metrics::by_class(&self.predicted, &self.labels, classes.len(), log_loss, weights);
        Metrics::Classification(measured.with_names(classes))
    }

    /// The curves on all rows so far, of networks that predict `target`.
    pub fn curves(&self, target: &Target) -> Curves {
        match target.classes().len() {
            0 => Curves::of_values(&self.answers, &self.values),
            classes => Curves::of_classes(&self.predicted, &self.labels, classes, self.weights()),
        }
    }
}
