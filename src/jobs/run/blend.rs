//! The linear model beside the networks of the recipe `standard`: it answers with them, as much as is best on rows held out.
//!
//! On small and noisy tables, and on wide ones, a linear model errs otherwise than networks do, and often less. One number is fitted,
//! its share of the mean, on answers of networks that have not learned from the rows; where it does not pay for itself it is 0.

use std::ops::Range;

use super::answering::Answering;
use super::baseline::{self, Measure};
use super::context::RunContext;
use super::linear::{self, STRAIGHT};
use super::measure::Measuring;
use super::out_of_fold::{answers, calibrated, measured};
use super::unpublished::Stopped;
use crate::jobs::training::Training;
use crate::learning::loss::Loss;
use crate::learning::members::{MAX_MEMBERS, Member, Members};
use crate::learning::row_weights::RowWeights;
use crate::learning::selection::Measured;
use crate::models::recipe::Part;
use crate::models::table::TableSpec;

/// Shares that are tried: so many, evenly spaced from 0 to before 1, and a last one, as the networks always answer.
const SHARES: usize = 20;
const MOST: f64 = 0.99;

/// What answers in a version.
pub(super) struct Blended {
    pub(super) members: Members,
    /// What the linear model reaches alone; none if there is none.
    pub(super) linear: Option<Measure>,
    /// How much of an answer is the linear model's; none of it, where it does not answer.
    pub(super) linear_share: Option<f64>,
}

/// Trains the linear model, measures it, and lets it answer with the networks of a training if its recipe says so.
///
/// # Errors
/// The job is to stop.
pub(super) fn blended(
    context: &RunContext,
    training: &Training,
    spec: &TableSpec,
    measuring: Measuring,
    members: Members,
) -> Result<Blended, Stopped> {
    let is_wanted = spec.has(Part::LinearModel) && training.settings.distill.is_none();
    let blends = training.validation.is_some() && is_wanted;
    let Some(linear) = linear::trained(context, training, spec, measuring.encoder, blends)? else {
        return Ok(Blended { members, linear: None, linear_share: None });
    };
    let measure = Some(baseline::measured(&linear, training, measuring)?);
    let (members, linear_share) = match blends {
        true => together(&measuring, members, linear, &training.folds)?,
        false => (members, None),
    };
    Ok(Blended { members, linear: measure, linear_share })
}

/// The networks with the linear model of each fold behind them, and its share of their answers; none where that is 0, or a version
/// has no room for so many. Both are calibrated before, each by itself, so that neither counts for being too sure.
fn together(
    measuring: &Measuring,
    networks: Members,
    linear: Members,
    folds: &[Range<usize>],
) -> Result<(Members, Option<f64>), Stopped> {
    if networks.list().len() + linear.list().len() > MAX_MEMBERS {
        return Ok((networks, None));
    }
    let [networks, linear] = [calibrated(measuring, networks, folds)?, calibrated(measuring, linear, folds)?];
    let [of_networks, of_linear] = [&networks, &linear].map(|members| answers(measuring, Answering { members, folds }));
    let (answers, weights) = ([&of_networks?[..], &of_linear?], measuring.examples.weights());
    let measured = measured(measuring.truth, networks.first().spec().loss);
    let share = match measuring.target.moves() {
        true => straight_share(measured, weights, answers),
        false => best_share(measured, weights, answers),
    };
    let Some(share) = share else { return Ok((networks, None)) };
    let (first, second) = (weighted(networks, 1.0 - share), weighted(linear, share));
    let all = Members::new(first.chain(second).collect()).expect("both have the inputs and outputs of one encoder");
    Ok((all, Some(share)))
}

/// Networks that have this share of all weight together.
fn weighted(members: Members, share: f64) -> impl Iterator<Item = Member> {
    let (networks, weights) = members.into_parts();
    let total: f64 = weights.iter().sum();
    networks.into_iter().zip(weights).map(move |(network, weight)| Member { network, weight: share * weight / total })
}

/// The share of the second answers with which the mean of both is likeliest; none if that is 0, or makes all rows together less than
/// e times as likely: then one number more does not pay for itself (Akaike 1974).
fn best_share(measured: Measured, weights: RowWeights, answers: [&[f64]; 2]) -> Option<f64> {
    let count = answers[0].len() as f64;
    let unlikely = |share: f64| {
        let loss = loss_of(measured, weights, answers, share);
        match measured {
            Measured::Probabilities => count * loss,
            // Of a Poisson distribution, but for what the counts alone say.
            Measured::Values(_, Loss::Poisson) => count / 2.0 * loss,
            // Of a Laplace distribution around the answers, to either side of a quantile by its part, with the spread that suits them best.
            Measured::Values(_, Loss::Mae | Loss::Huber | Loss::Quantile(_)) => count * loss.ln(),
            // Of a normal one.
            Measured::Values(..) => count / 2.0 * loss.ln(),
        }
    };
    let (share, least) = shares().map(|share| (share, unlikely(share))).min_by(|a, b| a.1.total_cmp(&b.1))?;
    (share > 0.0 && least < unlikely(0.0) - 1.0).then_some(share)
}

/// The largest share of the second answers with which the mean of both errs little more than with the best one; none if that is 0.
fn straight_share(measured: Measured, weights: RowWeights, answers: [&[f64]; 2]) -> Option<f64> {
    let losses: Vec<(f64, f64)> = shares().map(|share| (share, loss_of(measured, weights, answers, share))).collect();
    let least = losses.iter().map(|(_, loss)| *loss).fold(f64::INFINITY, f64::min);
    let fits = |(_, loss): &&(f64, f64)| *loss <= STRAIGHT * least;
    losses.iter().rev().find(fits).map(|(share, _)| *share).filter(|share| *share > 0.0)
}

/// The shares that are tried, from 0 on.
fn shares() -> impl Iterator<Item = f64> {
    (0..SHARES).map(|share| share as f64 / SHARES as f64).chain([MOST])
}

/// What the mean of both answers loses where the second have this share of it.
fn loss_of(measured: Measured, weights: RowWeights, [first, second]: [&[f64]; 2], share: f64) -> f64 {
    let mixed = |row: usize| (1.0 - share) * first[row] + share * second[row];
    measured.mean_loss(first.len(), weights, mixed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_is_that_of_the_likeliest_mean() {
        // Off by 1 to either side: their mean is right.
        let values: Vec<f64> = (0..40).map(f64::from).collect();
        let truth = Measured::Values(&values, Loss::Mse);
        let around = |off: f64| {
            (0..40).map(|row| f64::from(row) + off * if row % 2 == 0 { 1.0 } else { 0.9 }).collect::<Vec<_>>()
        };
        let best =
            |truth: Measured, first: &[f64], second: &[f64]| best_share(truth, RowWeights::ALIKE, [first, second]);
        assert_eq!(best(truth, &around(1.0), &around(-1.0)), Some(0.5));
        assert_eq!(best(truth, &around(1.0), &around(-3.0)), Some(0.25));
        assert_eq!(best(truth, &around(0.1), &around(1.0)), None);
        // By other losses of numbers as well.
        for loss in [Loss::Mae, Loss::Quantile(0.5)] {
            assert_eq!(best(Measured::Values(&values, loss), &around(1.0), &around(-3.0)), Some(0.25), "{loss:?}");
        }
        let of_rates = Measured::Values(&[2.0; 400], Loss::Poisson);
        assert_eq!(best(of_rates, &[1.0; 400], &[3.0; 400]), Some(0.5));
        // A target that moves: as much as errs by no more than a tenth more squares.
        let straight = |first: &[f64], second: &[f64]| straight_share(truth, RowWeights::ALIKE, [first, second]);
        assert_eq!(straight(&around(1.0), &around(1.04)), Some(MOST));
        assert_eq!(straight(&around(1.0), &around(1.1)), Some(0.45), "1.045² is 1.09");
        assert_eq!(straight(&around(1.0), &around(9.0)), None);
        // As likely as before, whatever the share.
        assert_eq!(best(Measured::Probabilities, &[0.8; 40], &[0.8; 40]), None);
        assert_eq!(best(Measured::Probabilities, &[0.5; 40], &[0.8; 40]), Some(MOST));
        // Three rows do not say enough.
        assert_eq!(best(Measured::Probabilities, &[0.7; 3], &[0.8; 3]), None);
    }
}
