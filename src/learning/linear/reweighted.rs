//! Linear models of losses that have no equations of their own: solved again and again with weights that follow the errors before.
//!
//! Each step is a regression whose minimum lies where the loss's would, were the errors those of the step before: Fisher scoring for
//! rates (Nelder & Wedderburn 1972, "Generalized Linear Models"), and for absolute errors weights of 1/|y − ŷ| (Schlossmacher 1973,
//! "An Iterative Technique for Absolute Deviations Curve Fitting"), to either side of a quantile by its part.

use super::ridge::{Equations, Moments, Row};
use crate::learning::loss::Loss;

/// Steps at most. Rates take five or so; medians come nearer and nearer.
pub const MOST_STEPS: usize = 20;
/// A step that lowers the loss by less than this part of it is the last one.
const LEAST_GAIN: f64 = 1e-5;
/// Errors count as no smaller: one of 0 would have all weight. In standard deviations of the target.
const LEAST_ERROR: f64 = 1e-3;
/// The logarithm of a rate, in units of the mean rate, goes no farther from 0.
const FARTHEST: f64 = 20.0;
/// The penalty while the weights are found.
const PENALTY: f64 = 1e-3;

/// Hands all rows to the function it is given, with their targets and weights; `None` if it is to stop.
pub type EachRow<'a> = &'a mut dyn FnMut(&mut dyn FnMut(&Row, f64, f64)) -> Option<()>;

/// The equations of the step that errs least, whose solution for small penalties minimises `loss`; `empty` are the sums of no row.
/// `None` if `each_row` stops, or where there is no solution.
pub fn reweighted(loss: Loss, empty: &Moments, each_row: EachRow) -> Option<Equations> {
    let mut weights: Option<Vec<f64>> = None;
    // What the weights are the solution of, and what errs least so far.
    let (mut made, mut best): (Option<Equations>, Option<(f64, Equations)>) = (None, None);
    for _ in 0..=MOST_STEPS {
        let (mut moments, mut sum) = (empty.clone(), 0.0);
        each_row(&mut |row, target, weight| {
            let logit = weights.as_ref().map_or_else(|| start(loss, target), |weights| row.times(weights));
            let (response, times) = working(loss, target, logit);
            moments.add(row, response, weight * times);
            sum += weight * loss_of(loss, target, logit);
        })?;
        if let Some(equations) = made.take() {
            let gain = best.as_ref().map_or(f64::INFINITY, |(least, _)| least - sum);
            if gain > 0.0 {
                best = Some((sum, equations));
            }
            if gain <= LEAST_GAIN * sum.abs() {
                break;
            }
        }
        let equations = moments.equations();
        let Some(solved) = equations.solve(PENALTY) else { break };
        (weights, made) = (Some(solved), Some(equations));
    }
    best.map(|(_, equations)| equations)
}

/// What a row is taken to be answered before the first step.
fn start(loss: Loss, target: f64) -> f64 {
    match loss {
        // Between the row's own rate and the mean of all, which is 1.
        Loss::Poisson => f64::midpoint(target, 1.0).ln(),
        _ => target,
    }
}

/// What the regression of a step is to answer to a row, and how much that counts: where it answers with this logit, the gradients of
/// its squared error and of the loss are alike.
fn working(loss: Loss, target: f64, logit: f64) -> (f64, f64) {
    let off = target - logit;
    let by_size = || off.abs().max(LEAST_ERROR).recip();
    match loss {
        Loss::Poisson => {
            let logit = logit.clamp(-FARTHEST, FARTHEST);
            let rate = logit.exp();
            (logit + (target - rate) / rate, rate)
        }
        Loss::Mae => (target, by_size()),
        Loss::Huber => (target, by_size().min(1.0)),
        Loss::Quantile(quantile) => (target, by_size() * if off >= 0.0 { quantile } else { 1.0 - quantile }),
        Loss::Mse | Loss::BinaryCrossEntropy | Loss::CrossEntropy => (target, 1.0),
    }
}

/// The loss of a row that is answered with this logit, of the losses that are for one number.
pub fn loss_of(loss: Loss, target: f64, logit: f64) -> f64 {
    let off = target - logit;
    match loss {
        Loss::Poisson => {
            let logit = logit.clamp(-FARTHEST, FARTHEST);
            logit.exp() - target * logit
        }
        Loss::Mae => off.abs(),
        Loss::Huber if off.abs() < 1.0 => off * off / 2.0,
        Loss::Huber => off.abs() - 0.5,
        Loss::Quantile(quantile) => (quantile * off).max((quantile - 1.0) * off),
        Loss::Mse | Loss::BinaryCrossEntropy | Loss::CrossEntropy => off * off,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROWS: [([f64; 2], f64, f64); 8] = [
        ([0.5, 2.0], 1.0, 1.0),
        ([1.5, -1.0], 2.0, 2.0),
        ([-0.5, 0.0], 0.0, 1.0),
        ([3.0, 1.0], 7.0, 0.5),
        ([2.0, -2.0], 3.0, 1.0),
        ([-1.0, 1.0], 1.0, 1.0),
        ([0.0, -1.5], 0.0, 1.0),
        ([1.0, 0.5], 2.0, 1.0),
    ];

    fn solved(loss: Loss) -> Vec<f64> {
        let mut each_row = |see: &mut dyn FnMut(&Row, f64, f64)| {
            for (x, y, weight) in ROWS {
                see(&Row { dense: vec![1.0, x[0], x[1]], sparse: Vec::new() }, y, weight);
            }
            Some(())
        };
        let equations = reweighted(loss, &Moments::of_columns(3, 3), &mut each_row).expect("a solution");
        equations.solve(0.0).expect("a solution")
    }

    fn lost(loss: Loss, weights: &[f64]) -> f64 {
        let of_row = |([a, b], y, weight): &([f64; 2], f64, f64)| {
            weight * loss_of(loss, *y, weights[0] + a * weights[1] + b * weights[2])
        };
        ROWS.iter().map(of_row).sum()
    }

    /// The weights of statsmodels 0.14's `GLM(y, add_constant(X), family=Poisson(), freq_weights=w)` of these rows.
    #[test]
    fn rates_are_those_of_a_generalised_linear_model() {
        let (found, expected) = (solved(Loss::Poisson), [-0.3731751133, 0.7652298739, 0.1059116384]);
        let off = found.iter().zip(expected).map(|(one, other)| (one - other).abs()).fold(0.0, f64::max);
        assert!(off < 2e-3, "{found:?}");
        assert!(lost(Loss::Poisson, &found) < lost(Loss::Poisson, &expected) + 1e-4);
    }

    /// What scikit-learn 1.7's `QuantileRegressor(quantile=q, alpha=0, solver="highs")` loses, and BFGS with Huber's loss.
    #[test]
    fn quantiles_and_huber_lose_little_more_than_the_least() {
        for (loss, least) in [
            (Loss::Mae, 2.0 * 2.1),
            (Loss::Quantile(0.5), 2.1),
            (Loss::Quantile(0.8), 1.6333333333),
            (Loss::Huber, 2.2423151751),
        ] {
            let found = lost(loss, &solved(loss));
            assert!(found >= least - 1e-6 && found < 1.02 * least, "{loss:?}: {found} for {least}");
        }
    }

    #[test]
    fn who_is_stopped_has_no_solution() {
        assert!(reweighted(Loss::Mae, &Moments::of_columns(3, 3), &mut |_| None).is_none());
    }
}
