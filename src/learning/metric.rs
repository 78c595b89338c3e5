//! What answers are compared by: the measure that a loss asks for. Definitions are scikit-learn's (`sklearn.metrics`), with its
//! `sample_weight` where rows have weights.
//!
//! ```
//! use epochd::learning::loss::Loss;
//! use epochd::learning::metric::OfLoss;
//! use epochd::learning::row_weights::RowWeights;
//!
//! // mean_pinball_loss([1, 2, 3], [2, 2, 2], alpha=0.9): (0.1 + 0 + 0.9)/3; two of three targets are not above their answers.
//! let measured = OfLoss::measured(Loss::Quantile(0.9), &[2.0; 3], &[1.0, 2.0, 3.0], RowWeights::ALIKE);
//! let Some(OfLoss::Quantile { pinball_loss, share_below }) = measured else { panic!("a quantile") };
//! assert!((pinball_loss - 1.0 / 3.0).abs() < 1e-12 && (share_below - 2.0 / 3.0).abs() < 1e-12);
//!
//! // mean_poisson_deviance([0, 1, 4], [1, 1, 2]): 2·(1 + 0 + 4 ln 2 − 2)/3.
//! let measured = OfLoss::measured(Loss::Poisson, &[1.0, 1.0, 2.0], &[0.0, 1.0, 4.0], RowWeights::ALIKE);
//! let Some(OfLoss::Rate { poisson_deviance }) = measured else { panic!("a rate") };
//! assert!((poisson_deviance - 2.0 * (4.0 * 2f64.ln() - 1.0) / 3.0).abs() < 1e-12);
//! ```

use serde::{Deserialize, Serialize};

use super::loss::Loss;
use super::row_weights::RowWeights;

/// What versions are compared by: the less, the better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Of classes: the mean of −ln p of the true one.
    LogLoss,
    /// Of numbers: the root of the mean squared error, in the target's unit.
    Rmse,
    /// Of numbers: the mean absolute error, in the target's unit.
    Mae,
    /// Of a quantile: its mean pinball loss, in the target's unit.
    PinballLoss,
    /// Of rates of counts: their mean Poisson deviance.
    PoissonDeviance,
    /// Of a model by layer sizes: the loss that it is trained with.
    Loss,
}

impl Metric {
    /// That of numbers which are learned with this loss; none named is the squared error.
    pub fn of_numbers(loss: Option<Loss>) -> Self {
        match loss {
            // A few rows that are far off would decide a squared error, and these losses are chosen to bear with such rows.
            Some(Loss::Mae | Loss::Huber) => Metric::Mae,
            Some(Loss::Quantile(_)) => Metric::PinballLoss,
            Some(Loss::Poisson) => Metric::PoissonDeviance,
            Some(Loss::Mse | Loss::BinaryCrossEntropy | Loss::CrossEntropy) | None => Metric::Rmse,
        }
    }

    /// What it is called in a sentence.
    pub fn name(self) -> &'static str {
        match self {
            Metric::LogLoss => "log loss",
            Metric::Rmse => "RMSE",
            Metric::Mae => "MAE",
            Metric::PinballLoss => "pinball loss",
            Metric::PoissonDeviance => "Poisson deviance",
            Metric::Loss => "loss",
        }
    }

    /// The word on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Metric::LogLoss => "log_loss",
            Metric::Rmse => "rmse",
            Metric::Mae => "mae",
            Metric::PinballLoss => "pinball_loss",
            Metric::PoissonDeviance => "poisson_deviance",
            Metric::Loss => "loss",
        }
    }
}

/// What an answer to a row of the value `y` costs, by what versions with this loss of numbers are compared by; of the squared error
/// before the root is drawn.
pub fn of_row(loss: Loss, y: f64, answer: f64) -> f64 {
    match loss {
        Loss::Mse | Loss::BinaryCrossEntropy | Loss::CrossEntropy => (y - answer).powi(2),
        Loss::Mae | Loss::Huber => (y - answer).abs(),
        Loss::Quantile(q) if y >= answer => q * (y - answer),
        Loss::Quantile(q) => (1.0 - q) * (answer - y),
        Loss::Poisson => {
            let (y, answer) = (y.max(0.0), answer.max(1e-15));
            let deviance = 2.0 * (if y == 0.0 { 0.0 } else { y * (y / answer).ln() } - y + answer);
            // Of a rate that is right but for its last digits, rounding may leave less than 0.
            if deviance < 0.0 { 0.0 } else { deviance }
        }
    }
}

/// How good answers are at what their loss asks for, where squared and absolute errors do not tell.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum OfLoss {
    /// Of a quantile q.
    Quantile {
        /// The mean of q·(y − ŷ) where y ≥ ŷ and of (1 − q)·(ŷ − y) below, in the unit of the target.
        pinball_loss: f64,
        /// Share of the rows whose target is not above the answer: near q where that is a good one.
        share_below: f64,
    },
    /// Of the rate of a count.
    Rate {
        /// The mean of 2·(y ln(y/ŷ) − y + ŷ). A target below 0 counts as 0, as it is learned, and a rate below 1e-15 as that.
        poisson_deviance: f64,
    },
}

impl OfLoss {
    /// That of `answers` to rows with these `targets`; `None` for a loss of which squared and absolute errors tell.
    pub fn measured(loss: Loss, answers: &[f64], targets: &[f64], weights: RowWeights) -> Option<Self> {
        let mean = |of_row: &dyn Fn(f64, f64) -> f64| {
            let pairs = targets.iter().zip(answers).enumerate();
            pairs.map(|(row, (y, p))| weights.get(row) * of_row(*y, *p)).sum::<f64>() / weights.total(targets.len())
        };
        let of_rows = mean(&|y, p| of_row(loss, y, p));
        match loss {
            Loss::Quantile(_) => {
                Some(OfLoss::Quantile { pinball_loss: of_rows, share_below: mean(&|y, p| f64::from(u8::from(y <= p))) })
            }
            Loss::Poisson => Some(OfLoss::Rate { poisson_deviance: of_rows }),
            Loss::Mse | Loss::Mae | Loss::Huber | Loss::BinaryCrossEntropy | Loss::CrossEntropy => None,
        }
    }

    /// The measure that is the less the better.
    pub fn error(self) -> f64 {
        match self {
            OfLoss::Quantile { pinball_loss, .. } => pinball_loss,
            OfLoss::Rate { poisson_deviance } => poisson_deviance,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `mean_pinball_loss(y, p, alpha=0.9, sample_weight=w)` and `mean_poisson_deviance(y, p, sample_weight=w)` of scikit-learn 1.9.1.
    #[test]
    fn measures_are_those_of_scikit_learn_with_weights_and_without() {
        let (y, p) = ([1.0, 2.0, 3.0, 0.0, 7.0], [2.0, 2.0, 2.0, 0.5, 6.0]);
        let weights = [1.0, 2.0, 0.5, 3.0, 1.0];
        let of = |loss, weights| OfLoss::measured(loss, &p, &y, weights).expect("it has one of its own");
        let near = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-12, "{found} for {expected}");
        near(of(Loss::Quantile(0.9), RowWeights::ALIKE).error(), 0.39);
        near(of(Loss::Quantile(0.9), RowWeights::of(&weights)).error(), 0.213_333_333_333_333_35);
        near(of(Loss::Poisson, RowWeights::ALIKE).error(), 0.440_921_161_022_142_74);
        near(of(Loss::Poisson, RowWeights::of(&weights)).error(), 0.531_761_397_438_162_6);
        let OfLoss::Quantile { share_below, .. } = of(Loss::Quantile(0.9), RowWeights::of(&weights)) else {
            panic!("a quantile");
        };
        near(share_below, 0.8);
    }

    #[test]
    fn a_deviance_is_finite_and_not_below_0_whatever_rates_and_targets_are() {
        for (p, y) in [(0.0, 3.0), (0.0, 0.0), (2.0, -1.0), (27.999_999_999_999_986, 28.0), (1e300, 1.0)] {
            let measured = OfLoss::measured(Loss::Poisson, &[p], &[y], RowWeights::ALIKE).expect("a deviance");
            assert!(measured.error().is_finite() && measured.error() >= 0.0, "{measured:?} of {y} at a rate of {p}");
        }
    }

    #[test]
    fn numbers_are_compared_by_what_their_loss_asks_for() {
        let of = |loss| Metric::of_numbers(Some(loss)).word();
        let losses = [Loss::Mse, Loss::Mae, Loss::Huber, Loss::Poisson, Loss::Quantile(0.1)];
        assert_eq!(losses.map(of), ["rmse", "mae", "mae", "poisson_deviance", "pinball_loss"]);
        assert_eq!(Metric::of_numbers(None), Metric::Rmse);
    }
}
