//! What networks answer, row by row, to rows that none of those that answer has learned from: what they are weighed by when several
//! are to answer together.

use std::ops::Range;

use super::answering::Answering;
use super::measure::Measuring;
use super::unpublished::Stopped;
use crate::learning::loss::Loss;
use crate::learning::members::Members;
use crate::learning::selection::Measured;
use crate::models::scoring::Truth;

/// What answers are measured by where this is the truth, and numbers are learned with this loss.
pub(super) fn measured(truth: &Truth, loss: Loss) -> Measured<'_> {
    match truth {
        Truth::Labels(_) => Measured::Probabilities,
        Truth::Values(values) => Measured::Values(values, loss),
    }
}

/// The same networks, whose logits are multiplied with what makes their probabilities honest.
pub(super) fn calibrated(measuring: &Measuring, members: Members, folds: &[Range<usize>]) -> Result<Members, Stopped> {
    let found = measuring.calibration(Answering { members: &members, folds })?;
    let Some(calibration) = found else { return Ok(members) };
    let (mut networks, weights) = members.into_parts();
    networks.iter_mut().for_each(|network| network.scale_logits(calibration.inverse_temperature as f32));
    Ok(Members::of_parts(networks, weights))
}

/// Of each row the probability of its class, or what is answered in the unit of the target.
pub(super) fn answers(measuring: &Measuring, answering: Answering) -> Result<Vec<f64>, Stopped> {
    let (width, mut found) = (answering.outputs(), Vec::with_capacity(measuring.examples.rows()));
    let (output, target) = (answering.members.first().spec().output, measuring.corrected(answering)?);
    let mut outputs = Vec::new();
    let mut see = |logits: &[f32]| {
        let Truth::Labels(labels) = measuring.truth else {
            found.extend(logits.iter().map(|logit| target.value(*logit)));
            return (measuring.go_on)();
        };
        outputs.clear();
        outputs.extend_from_slice(logits);
        output.forward(&mut outputs, width);
        for row in outputs.chunks_exact(width) {
            let label = labels[found.len()];
            found.push(match row {
                [one] => f64::from(if label == 1 { *one } else { 1.0 - one }),
                row => f64::from(row[label as usize]),
            });
        }
        (measuring.go_on)()
    };
    let inputs = measuring.examples.input_rows(0, measuring.examples.rows());
    if answering.for_each_logits(inputs, None, &mut see) { Ok(found) } else { Err(Stopped) }
}
