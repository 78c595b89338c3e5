//! The scale that a number is learned in: its own, or ln(1 + y) where that errs less on rows held out.
//!
//! Prices, counts and durations vary by factors rather than by amounts: a squared error in their own unit is that of the few largest
//! rows. Learned as ln(1 + y) they are answered by the mean of the logarithm, which stands for less than the mean of y; so a line
//! through the answers to rows held out, by least squares in the target's own unit, makes their mean right again (a smearing estimate
//! of two numbers; Duan 1983, "Smearing Estimate: A Nonparametric Retransformation Method", has one).

use std::ops::Range;
use std::sync::Arc;

use ndarray::Array2;

use super::answering::Answering;
use super::measure::Measuring;
use super::trial::{Trial, has_time, is_clearly_less};
use super::unpublished::{Halt, Stopped};
use crate::data::encoder::{EncodeError, Log1p, Target};
use crate::jobs::job::Job;
use crate::learning::examples::{Examples, Targets};
use crate::learning::members::Members;
use crate::learning::row_weights::RowWeights;
use crate::learning::team::Cores;
use crate::learning::training::{TargetScale, ValidTrainingSpec};
use crate::models::scoring::Truth;

/// From this skewness on both scales are tried: that of an exponential distribution is 2.
const SKEWNESS: f64 = 1.0;
/// Rows held out that tell one scale from the other.
const LEAST_ROWS: usize = 100;
/// They are tried in this part of the epochs, but in so many in any case.
const SHARE_OF_EPOCHS: u64 = 16;
const LEAST_EPOCHS: u64 = 8;
/// Standard errors by which the other scale has to err less.
const ERRORS: f64 = 1.0;

/// A training that may be learned in either scale.
pub(super) struct Choice<'a> {
    pub(super) settings: &'a ValidTrainingSpec,
    /// Networks to begin with.
    pub(super) members: &'a Members,
    pub(super) train: &'a mut Examples,
    pub(super) validation: &'a mut Option<Examples>,
    pub(super) folds: &'a [Range<usize>],
    /// Of the rows held out, or of those to train on where none are.
    pub(super) truth: &'a Truth,
    pub(super) job: &'a Job,
    pub(super) cores: &'a Arc<Cores>,
}

impl Choice<'_> {
    /// The scale that `target` is learned in, by its `values` in the rows to train on. Both are tried where no value is below 0 and
    /// these are skewed to the right; where the logarithm is taken, the examples are as it says.
    ///
    /// # Errors
    /// `Target`: the logarithm is asked for, and a value is below 0. That it was told to stop.
    pub(super) fn settle(mut self, target: &Target, values: &[f64]) -> Result<Target, Halt> {
        let wanted = self.settings.target_scale.unwrap_or(TargetScale::Identity);
        if wanted == TargetScale::Identity || self.settings.warm_start {
            return Ok(target.clone());
        }
        let Some(logarithm) = target.in_log_scale(values) else {
            let reason = "has values below 0: target_scale log1p needs numbers of at least 0".to_owned();
            let refused = EncodeError::Target { name: target.name().to_owned(), reason };
            return if wanted == TargetScale::Log1p { Err(refused.into()) } else { Ok(target.clone()) };
        };
        let is_tried = wanted == TargetScale::Auto;
        if is_tried && !self.may_pay(values) {
            return Ok(target.clone());
        }
        let own = if is_tried { self.squared_errors(target)? } else { None };
        let before = self.exchange(&logarithm, values);
        let pays = match (own, if is_tried { self.squared_errors(&logarithm)? } else { None }) {
            _ if !is_tried => true,
            (Some(own), Some(others)) => is_clearly_less(&others, &own, self.weights(), ERRORS),
            (None, others) => others.is_some(),
            (_, None) => false,
        };
        if !pays {
            self.put_back(before);
        }
        Ok(if pays { logarithm } else { target.clone() })
    }

    fn weights(&self) -> RowWeights<'_> {
        self.validation.as_ref().map_or(RowWeights::ALIKE, Examples::weights)
    }

    fn may_pay(&self, values: &[f64]) -> bool {
        let rows = self.validation.as_ref().map_or(0, Examples::rows);
        has_time(self.settings) && rows >= LEAST_ROWS && skewness(values) > SKEWNESS
    }

    /// Puts the targets on this scale; returns those that they had.
    fn exchange(&mut self, target: &Target, values: &[f64]) -> (Targets, Option<Targets>) {
        let on_scale = |values: &[f64]| {
            let learned = values.iter().map(|y| target.learned(*y)).collect();
            Targets::Values(Array2::from_shape_vec((values.len(), 1), learned).expect("one column"))
        };
        let train = self.train.exchange_targets(on_scale(values));
        let validation = match (self.validation.as_mut(), self.truth) {
            (Some(validation), Truth::Values(values)) => Some(validation.exchange_targets(on_scale(values))),
            _ => None,
        };
        (train, validation)
    }

    fn put_back(&mut self, (train, validation): (Targets, Option<Targets>)) {
        self.train.exchange_targets(train);
        if let (Some(examples), Some(targets)) = (self.validation.as_mut(), validation) {
            examples.exchange_targets(targets);
        }
    }

    /// The squared error of each row held out, in the target's unit, after a short training; none if that diverges.
    fn squared_errors(&self, target: &Target) -> Result<Option<Vec<f64>>, Stopped> {
        let (Some(validation), Truth::Values(values)) = (self.validation.as_ref(), self.truth) else { return Ok(None) };
        let (learning_rate_schedule, certain) = self.settings.learning_rate_schedule.certain(self.settings.epochs);
        let epochs = (certain / SHARE_OF_EPOCHS).max(LEAST_EPOCHS).min(certain);
        let settings =
            ValidTrainingSpec { epochs, learning_rate_schedule, early_stopping: None, ..self.settings.clone() };
        let Choice { job, cores, train, folds, .. } = self;
        let trial = Trial { job, cores, settings: &settings, train, validation, folds };
        let Some(members) = trial.run(self.members.clone())? else { return Ok(None) };
        let go_on = || !job.control.is_in_vain();
        let answering = Answering { members: &members, folds: self.folds };
        let outputs = outputs(answering, validation, &go_on)?;
        let target = corrected(target, &outputs, values, validation.weights());
        let squared = outputs.iter().zip(values).map(|(output, y)| (target.value(*output) - y).powi(2));
        Ok(Some(squared.collect()))
    }
}

impl Measuring<'_> {
    /// The target with the line that makes the mean of these answers right, if it is learned as ln(1 + y).
    ///
    /// # Errors
    /// It was told to stop.
    pub(super) fn corrected(&self, answering: Answering) -> Result<Target, Stopped> {
        match (self.target.log1p(), self.truth) {
            (Some(_), Truth::Values(values)) => {
                let outputs = outputs(answering, self.examples, self.go_on)?;
                Ok(corrected(self.target, &outputs, values, self.examples.weights()))
            }
            _ => Ok(self.target.clone()),
        }
    }
}

/// The answers to all rows, on the scale that is learned.
fn outputs(answering: Answering, examples: &Examples, go_on: &dyn Fn() -> bool) -> Result<Vec<f32>, Stopped> {
    let mut outputs = Vec::with_capacity(examples.rows());
    let mut see = |logits: &[f32]| {
        outputs.extend_from_slice(logits);
        go_on()
    };
    if answering.for_each_logits(examples.input_rows(0, examples.rows()), None, &mut see) {
        Ok(outputs)
    } else {
        Err(Stopped)
    }
}

/// The target with the line through these outputs that suits the true values best.
fn corrected(target: &Target, outputs: &[f32], values: &[f64], weights: RowWeights) -> Target {
    let plain = target.clone().with_line(Log1p::PLAIN);
    if plain.log1p().is_none() {
        return plain;
    }
    let answers: Vec<f64> = outputs.iter().map(|output| plain.value(*output)).collect();
    plain.with_line(line(&answers, values, weights))
}

/// The line through `answers` that is nearest to `values` in the mean of squares; one through 0 where it would not rise.
fn line(answers: &[f64], values: &[f64], weights: RowWeights) -> Log1p {
    let total = weights.total(values.len());
    let mean = |of: &dyn Fn(usize) -> f64| (0..values.len()).map(|row| weights.get(row) * of(row)).sum::<f64>() / total;
    let (of_answers, of_values) = (mean(&|row| answers[row]), mean(&|row| values[row]));
    let spread = mean(&|row| (answers[row] - of_answers).powi(2));
    let slope = mean(&|row| (answers[row] - of_answers) * (values[row] - of_values)) / spread;
    if slope > 0.0 && slope.is_finite() {
        return Log1p { intercept: of_values - slope * of_answers, slope };
    }
    let slope = of_values / of_answers;
    if slope > 0.0 && slope.is_finite() { Log1p { intercept: 0.0, slope } } else { Log1p::PLAIN }
}

/// The third moment over that of a normal distribution: 0 of a symmetrical one, above 0 where the larger values lie farther off.
fn skewness(values: &[f64]) -> f64 {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let moment = |power: i32| values.iter().map(|value| (value - mean).powi(power)).sum::<f64>() / count;
    moment(3) / moment(2).powf(1.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_makes_the_mean_right() {
        let answers = [1.0, 2.0, 3.0, 6.0];
        let values = [2.5, 4.5, 5.5, 13.5];
        let found = line(&answers, &values, RowWeights::ALIKE);
        let answered: f64 = answers.iter().map(|answer| found.intercept + found.slope * answer).sum();
        assert!((answered - 26.0).abs() < 1e-9 && (1.5..3.0).contains(&found.slope), "{found:?}");
        // A row that weighs three times as much counts as three.
        let weighted = line(&answers, &values, RowWeights::of(&[1.0, 1.0, 3.0, 1.0]));
        let repeated = line(&[1.0, 2.0, 3.0, 3.0, 3.0, 6.0], &[2.5, 4.5, 5.5, 5.5, 5.5, 13.5], RowWeights::ALIKE);
        assert!((weighted.slope - repeated.slope).abs() < 1e-9);
        // Answers that fall where values rise, and such as do not vary: through 0.
        assert_eq!(line(&[3.0, 1.0], &[2.0, 6.0], RowWeights::ALIKE), Log1p { intercept: 0.0, slope: 2.0 });
        assert_eq!(line(&[2.0, 2.0], &[2.0, 6.0], RowWeights::ALIKE), Log1p { intercept: 0.0, slope: 2.0 });
        assert_eq!(line(&[0.0, 0.0], &[0.0, 0.0], RowWeights::ALIKE), Log1p::PLAIN);
    }

    #[test]
    fn skewness_tells_to_which_side_values_lie_farther_off() {
        // Three values of −1 and one of 3: (−3 + 27)/4 over ((3 + 9)/4)^1.5 = 6/5.196.
        assert!((skewness(&[-1.0, -1.0, -1.0, 3.0]) - 1.1547).abs() < 1e-4);
        assert!(skewness(&[1.0, 2.0, 3.0]).abs() < 1e-12);
        assert!(skewness(&[1.0; 4]).is_nan(), "which is not above any number");
    }
}
