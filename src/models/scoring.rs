//! How good a version of a model by data set is on rows whose target is known.

use ndarray::Array2;

use super::table::TableParts;
use crate::data::column::{Column, Table, Values};
use crate::data::encoder::{EncodeError, Encoder, Target, Task, rows_with};
use crate::learning::calibration::Calibration;
use crate::learning::metrics::{self, Metrics, Predicted};
use crate::learning::network::Network;

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
        let column = column.of_kind(encoder.target.kind())?;
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

/// Measures of a version on encoded rows.
pub fn measure(parts: &TableParts, network: &Network, inputs: &Array2<f32>, truth: &Truth) -> Metrics {
    let logits = network.logits_of(inputs.view());
    score(&parts.encoder.target, parts.calibration.as_ref(), &logits, truth)
}

fn score(target: &Target, calibration: Option<&Calibration>, logits: &Array2<f32>, truth: &Truth) -> Metrics {
    let flat = logits.as_slice().expect("row-major logits");
    match truth {
        Truth::Labels(labels) => {
            let probabilities = probabilities(calibration, flat, logits.ncols());
            let log_loss = log_loss(&probabilities, labels);
            let mut predicted = Predicted::default();
            predicted.extend(probabilities.as_slice().expect("row-major"), probabilities.ncols());
            let measured = metrics::by_class(&predicted, labels, probabilities.ncols(), log_loss);
            Metrics::Classification(measured.with_names(target.classes()))
        }
        Truth::Values(values) => {
            let predicted: Vec<f64> = flat.iter().map(|output| target.value(*output)).collect();
            Metrics::Regression(metrics::regression_of(&predicted, values))
        }
    }
}

/// Mean −ln p of the true class; a probability of 0 counts as 1e-15, as in scikit-learn.
fn log_loss(probabilities: &Array2<f32>, labels: &[u32]) -> f64 {
    let of_row = |(row, label): (usize, &u32)| -f64::from(probabilities[[row, *label as usize]]).max(1e-15).ln();
    labels.iter().enumerate().map(of_row).sum::<f64>() / labels.len() as f64
}
