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
            // A squared error would be that of the few rows for which either loss is chosen.
            Some(Loss::Mae | Loss::Huber) => Metric::Mae,
            Some(Loss::Quantile(_)) => Metric::PinballLoss,
            Some(Loss::Poisson) => Metric::PoissonDeviance,
            Some(Loss::Mse | Loss::BinaryCrossEntropy | Loss::CrossEntropy) | None => Metric::Rmse,
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
        /// The mean of 2·(y ln(y/ŷ) − y + ŷ).
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
        match loss {
            Loss::Quantile(q) => Some(OfLoss::Quantile {
                pinball_loss: mean(&|y, p| if y >= p { q * (y - p) } else { (1.0 - q) * (p - y) }),
                share_below: mean(&|y, p| f64::from(u8::from(y <= p))),
            }),
            Loss::Poisson => {
                let of_row = |y: f64, p: f64| 2.0 * (if y == 0.0 { 0.0 } else { y * (y / p).ln() } - y + p);
                Some(OfLoss::Rate { poisson_deviance: mean(&of_row) })
            }
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
