//! Examples that stand in a request, checked against a model: widths of rows, indices of classes, probabilities.

use ndarray::Array2;
use serde::Deserialize;

use crate::data::json::{Rows, RowsError};
use crate::data::values::format_number;
use crate::learning::error::SpecError;
use crate::learning::examples::{Examples, Targets};
use crate::learning::loss::Loss;
use crate::learning::row_weights::normalised;
use crate::learning::spec::ValidModelSpec;

/// How far the sum of a row of class probabilities may be from 1.
const PROBABILITY_TOLERANCE: f32 = 1e-3;

/// Inputs with their targets, as they stand in a request.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InlineExamples {
    /// rows × inputs
    pub inputs: Rows,
    /// rows × outputs; a flat list for one output or for class indices.
    pub targets: Rows,
    /// How much each row counts, where they do not count alike.
    #[serde(default)]
    pub weights: Option<Rows>,
}

impl InlineExamples {
    /// The examples for `model`; `at` is the JSON pointer of the object they stand in.
    ///
    /// # Errors
    /// The first row or value that does not fit, with its pointer.
    pub fn fit(self, model: &ValidModelSpec, at: &str) -> Result<Examples, SpecError> {
        let inputs = inputs(self.inputs, model, at)?;
        let targets = targets(self.targets, model, &format!("{at}/targets"))?;
        if inputs.nrows() != targets.rows() {
            let detail = format!("there are {} inputs and {} targets", inputs.nrows(), targets.rows());
            return Err(SpecError::shape(format!("{at}/targets"), detail));
        }
        let examples = Examples::new(inputs, targets);
        match self.weights {
            None => Ok(examples),
            Some(weights) => weighted(examples, weights, &format!("{at}/weights")),
        }
    }
}

/// The rows that count, with their weights: those that weigh nothing are left out.
fn weighted(examples: Examples, weights: Rows, at: &str) -> Result<Examples, SpecError> {
    let weights = match weights {
        Rows::Flat(weights) if weights.len() == examples.rows() => weights,
        Rows::Flat(weights) => {
            let detail = format!("there are {} weights for {} rows", weights.len(), examples.rows());
            return Err(SpecError::shape(at, detail));
        }
        Rows::List(_) => return Err(SpecError::shape(at, "weights is a list of numbers: one for each row")),
    };
    if let Some(row) = weights.iter().position(|weight| *weight < 0.0) {
        let detail = format!("the weight {} is less than 0", format_number(f64::from(weights[row])));
        return Err(SpecError::invalid(format!("{at}/{row}"), detail));
    }
    let counted: Vec<usize> = (0..weights.len()).filter(|row| weights[*row] > 0.0).collect();
    if counted.is_empty() {
        return Err(SpecError::invalid(at, "all weights are 0: no row counts"));
    }
    let weights: Vec<f64> = counted.iter().map(|row| f64::from(weights[*row])).collect();
    let counted = if counted.len() == examples.rows() { examples } else { examples.select(&counted) };
    Ok(counted.with_weights(normalised(&weights)))
}

/// Rows of inputs for `model`, from the field `inputs` of the object at `at`.
///
/// # Errors
/// The first row that is not as wide as the model's input.
pub fn inputs(rows: Rows, model: &ValidModelSpec, at: &str) -> Result<Array2<f32>, SpecError> {
    let width = model.inputs();
    rows.into_matrix(width).map_err(|error| unfit(error, "inputs", "the model takes", &format!("{at}/inputs")))
}

fn unfit(error: RowsError, field: &str, expectation: &str, pointer: &str) -> SpecError {
    match error {
        RowsError::Empty => SpecError::shape(pointer, format!("{field} is empty: send at least one row")),
        RowsError::Width { row, got, expected } => {
            let values = if got == 1 { "value" } else { "values" };
            let detail = format!("{field}[{row}] has {got} {values}; {expectation} {expected}");
            SpecError::shape(format!("{pointer}/{row}"), detail)
        }
    }
}

fn targets(rows: Rows, model: &ValidModelSpec, at: &str) -> Result<Targets, SpecError> {
    let outputs = model.outputs();
    let values = match rows {
        Rows::Flat(values) if model.loss == Loss::CrossEntropy => return class_indices(&values, outputs, at),
        Rows::Flat(values) if outputs == 1 && !values.is_empty() => {
            Array2::from_shape_vec((values.len(), 1), values).expect("one column")
        }
        Rows::Flat(values) if values.is_empty() => return Err(unfit(RowsError::Empty, "targets", "", at)),
        Rows::Flat(_) => {
            let detail = format!("targets is a flat list, but the model has {outputs} outputs: send a row for each");
            return Err(SpecError::shape(at, detail));
        }
        table => table.into_matrix(outputs).map_err(|error| unfit(error, "targets", "the model gives", at))?,
    };
    match model.loss {
        Loss::BinaryCrossEntropy => check_rows(&values, at, |row| {
            let wrong = row.iter().find(|y| !(0.0..=1.0).contains(*y))?;
            Some(format!("the target {} is not between 0 and 1, as binary_cross_entropy needs", format_number(*wrong)))
        })?,
        Loss::CrossEntropy => check_rows(&values, at, |row| {
            let probabilities = row.iter().all(|y| (0.0..=1.0).contains(y));
            let fits = probabilities && (row.iter().sum::<f32>() - 1.0).abs() <= PROBABILITY_TOLERANCE;
            (!fits).then(|| "a row of targets is one-hot, or probabilities that sum to 1".to_owned())
        })?,
        Loss::Poisson => check_rows(&values, at, |row| {
            let wrong = row.iter().find(|y| **y < 0.0)?;
            Some(format!("the target {} is below 0, which poisson cannot count", format_number(*wrong)))
        })?,
        Loss::Mse | Loss::Mae | Loss::Huber | Loss::Quantile(_) => {}
    }
    Ok(Targets::Values(values))
}

fn class_indices(values: &[f32], classes: usize, at: &str) -> Result<Targets, SpecError> {
    if values.is_empty() {
        return Err(unfit(RowsError::Empty, "targets", "", at));
    }
    let index = |(row, value): (usize, &f32)| {
        let fits = value.fract() == 0.0 && *value >= 0.0 && (*value as usize) < classes;
        let detail =
            || format!("{} is no class index: the model has the classes 0 to {}", format_number(*value), classes - 1);
        if fits { Ok(*value as u32) } else { Err(SpecError::invalid(format!("{at}/{row}"), detail())) }
    };
    values.iter().enumerate().map(index).collect::<Result<_, _>>().map(Targets::Classes)
}

/// The first row with which something is wrong.
fn check_rows(values: &Array2<f32>, at: &str, wrong: impl Fn(&[f32]) -> Option<String>) -> Result<(), SpecError> {
    for (row, target) in values.outer_iter().enumerate() {
        if let Some(detail) = wrong(target.as_slice().expect("row-major targets")) {
            return Err(SpecError::invalid(format!("{at}/{row}"), detail));
        }
    }
    Ok(())
}
