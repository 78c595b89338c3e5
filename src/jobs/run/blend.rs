//! The linear model beside the networks of the recipe `standard`: it answers with them, as much as is best on rows held out.
//!
//! On small and noisy tables, and on wide ones, a linear model errs otherwise than networks do, and often less. One number is fitted,
//! its share of the mean, on answers of networks that have not learned from the rows; where it does not pay for itself it is 0.

use std::ops::Range;

use super::answering::Answering;
use super::baseline::{self, Measure};
use super::context::RunContext;
use super::linear;
use super::measure::Measuring;
use super::out_of_fold::{answers, calibrated, measured};
use super::unpublished::Stopped;
use crate::jobs::training::Training;
use crate::learning::members::{MAX_MEMBERS, Member, Members};
use crate::learning::row_weights::RowWeights;
use crate::models::recipe::Part;
use crate::models::scoring::Truth;
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
    let is_wanted = spec.has(Part::LinearModel) && spec.minimises_its_measure() && training.settings.distill.is_none();
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
    let share = best_share(measuring.truth, measuring.examples.weights(), &of_networks?, &of_linear?);
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
fn best_share(truth: &Truth, weights: RowWeights, first: &[f64], second: &[f64]) -> Option<f64> {
    let rows = first.len();
    let count = rows as f64;
    let unlikely = |share: f64| {
        let mixed = |row: usize| (1.0 - share) * first[row] + share * second[row];
        let loss = measured(truth).mean_loss(rows, weights, mixed);
        match truth {
            Truth::Labels(_) => count * loss,
            // Of a normal distribution around the answers, with the spread that suits them best.
            Truth::Values(_) => count / 2.0 * loss.ln(),
        }
    };
    let shares = (0..SHARES).map(|share| share as f64 / SHARES as f64).chain([MOST]);
    let (share, least) = shares.map(|share| (share, unlikely(share))).min_by(|a, b| a.1.total_cmp(&b.1))?;
    (share > 0.0 && least < unlikely(0.0) - 1.0).then_some(share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_is_that_of_the_likeliest_mean() {
        // Off by 1 to either side: their mean is right.
        let truth = Truth::Values((0..40).map(f64::from).collect());
        let around = |off: f64| {
            (0..40).map(|row| f64::from(row) + off * if row % 2 == 0 { 1.0 } else { 0.9 }).collect::<Vec<_>>()
        };
        assert_eq!(best_share(&truth, RowWeights::ALIKE, &around(1.0), &around(-1.0)), Some(0.5));
        assert_eq!(best_share(&truth, RowWeights::ALIKE, &around(1.0), &around(-3.0)), Some(0.25));
        assert_eq!(best_share(&truth, RowWeights::ALIKE, &around(0.1), &around(1.0)), None);
        // As likely as before, whatever the share.
        let truth = Truth::Labels(vec![0; 40]);
        assert_eq!(best_share(&truth, RowWeights::ALIKE, &[0.8; 40], &[0.8; 40]), None);
        assert_eq!(best_share(&truth, RowWeights::ALIKE, &[0.5; 40], &[0.8; 40]), Some(MOST));
        // Three rows do not say enough.
        let truth = Truth::Labels(vec![0; 3]);
        assert_eq!(best_share(&truth, RowWeights::ALIKE, &[0.7; 3], &[0.8; 3]), None);
    }
}
