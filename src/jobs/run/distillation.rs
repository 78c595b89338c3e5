//! A version of several networks made one: a network that learns what they answer, in place of the targets.
//!
//! After Hinton, Vinyals & Dean 2015, "Distilling the Knowledge in a Neural Network": of a row, the probabilities of all classes say
//! more than its class alone. Rows held out keep their targets: the epoch is chosen, and the new version calibrated and measured, by
//! what is true.

use ndarray::Array2;
use serde::Serialize;

use super::unpublished::Stopped;
use crate::learning::calibration::Calibration;
use crate::learning::examples::{Examples, Targets};
use crate::learning::metric::Metric;
use crate::models::prediction::TablePredictor;

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
        match parts.encoder.target.classes().is_empty() {
            true => version.members.first().spec().output.forward(&mut answers[start..], width),
            false => calibration.apply(logits, width, &mut answers[start..]),
        }
        go_on()
    };
    if !version.members.for_each_logits(examples.input_rows(0, examples.rows()), &mut see) {
        return Err(Stopped);
    }
    Ok(Targets::Values(Array2::from_shape_vec((examples.rows(), width), answers).expect("each row is answered")))
}
