//! Running sums of how predictions came true, and the measures that they make.

use serde::{Deserialize, Serialize};

use super::prediction_id::Answer;
use crate::learning::examples::most_likely;

/// Bins of confidence in the calibration error, equally wide (Guo et al., "On Calibration of Modern Neural Networks", 2017).
const BINS: usize = 15;
/// A probability of 0 counts as this, as in scikit-learn's and the service's own log loss.
const LEAST_PROBABILITY: f64 = 1e-15;

/// How one prediction came true.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outcome {
    /// A class.
    Class {
        /// The probability that the true class was given.
        p: f32,
        /// That of the class that was predicted.
        confidence: f32,
        /// Whether the two are one.
        right: bool,
    },
    /// A value.
    Value {
        /// The true one.
        truth: f64,
        /// The one predicted.
        predicted: f64,
    },
}

impl Outcome {
    /// Of a row whose true class has this index.
    pub fn of_class(probabilities: &[f32], label: usize) -> Self {
        let predicted = most_likely(probabilities);
        let (p, confidence) = (probabilities[label], probabilities[predicted]);
        Outcome::Class { p, confidence, right: predicted == label }
    }

    /// Whether what was answered is a number that is no farther from 0 than `most`.
    pub fn is_within(&self, most: f64) -> bool {
        match self {
            Outcome::Class { p, confidence, .. } => p.is_finite() && confidence.is_finite(),
            Outcome::Value { predicted, .. } => predicted.abs() <= most,
        }
    }

    /// Of an answer whose true class has this index; none if it has no such class.
    pub fn of_label(answer: &Answer, label: usize) -> Option<Self> {
        match answer {
            Answer::Classes(probabilities) if label < probabilities.len() => {
                Some(Outcome::of_class(probabilities, label))
            }
            _ => None,
        }
    }
}

/// Sums of a version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "task", rename_all = "snake_case")]
pub enum Sums {
    /// Of classes.
    Classification {
        /// Rows whose class was right.
        right: u64,
        /// Σ −ln p of the true classes.
        log_loss: f64,
        /// By confidence.
        bins: Vec<Bin>,
    },
    /// Of values.
    Regression {
        /// Σ (y − ŷ)²
        squared: f64,
        /// Σ |y − ŷ|
        absolute: f64,
        /// Mean of y.
        mean: f64,
        /// Σ (y − ȳ)², kept by Welford's method, which does not lose it where ȳ is large.
        spread: f64,
    },
}

/// Predictions of about the same confidence.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Bin {
    rows: u64,
    right: u64,
    confidence: f64,
}

/// Measures of a version in service.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Measures {
    /// Of classes.
    Classification {
        /// Share of rows whose class was right.
        accuracy: f64,
        /// Mean −ln p of the true class, in nats.
        log_loss: f64,
        /// Expected calibration error: by how much confidence and share of right rows differ, on the mean.
        calibration_error: f64,
    },
    /// Of values.
    Regression {
        /// √ mean (y − ŷ)²
        rmse: f64,
        /// mean |y − ŷ|
        mae: f64,
        /// 1 − Σ (y − ŷ)² / Σ (y − ȳ)²; none where y does not vary.
        r2: Option<f64>,
    },
}

impl Sums {
    /// Of no row yet, for outcomes such as this.
    pub fn for_outcome(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Class { .. } => Sums::Classification { right: 0, log_loss: 0.0, bins: vec![Bin::default(); BINS] },
            Outcome::Value { .. } => Sums::Regression { squared: 0.0, absolute: 0.0, mean: 0.0, spread: 0.0 },
        }
    }

    /// Adds an outcome to those of `rows` rows.
    pub fn add(&mut self, rows: u64, outcome: &Outcome) {
        match (self, *outcome) {
            (Sums::Classification { right: all, log_loss, bins }, Outcome::Class { p, confidence, right }) => {
                *all += u64::from(right);
                *log_loss -= f64::from(p).max(LEAST_PROBABILITY).ln();
                let at = ((f64::from(confidence) * BINS as f64) as usize).min(BINS - 1);
                if let Some(bin) = bins.get_mut(at) {
                    bin.rows += 1;
                    bin.right += u64::from(right);
                    bin.confidence += f64::from(confidence);
                }
            }
            (Sums::Regression { squared, absolute, mean, spread }, Outcome::Value { truth, predicted }) => {
                let (error, before) = (truth - predicted, truth - *mean);
                *squared += error * error;
                *absolute += error.abs();
                *mean += before / (rows + 1) as f64;
                *spread += before * (truth - *mean);
            }
            _ => {}
        }
    }

    /// The measures of `rows` rows, at least one.
    pub fn measures(&self, rows: u64) -> Measures {
        let of = |sum: f64| sum / rows as f64;
        match self {
            Sums::Classification { right, log_loss, bins } => Measures::Classification {
                accuracy: of(*right as f64),
                log_loss: of(*log_loss),
                calibration_error: of(bins.iter().map(|bin| (bin.right as f64 - bin.confidence).abs()).sum()),
            },
            Sums::Regression { squared, absolute, spread, .. } => Measures::Regression {
                rmse: of(*squared).sqrt(),
                mae: of(*absolute),
                r2: (*spread > 0.0).then(|| 1.0 - squared / spread),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(outcomes: &[Outcome]) -> Measures {
        let mut sums = Sums::for_outcome(&outcomes[0]);
        outcomes.iter().zip(0..).for_each(|(outcome, rows)| sums.add(rows, outcome));
        sums.measures(outcomes.len() as u64)
    }

    /// Confidences 0.9 and 0.92 share a bin, of which one row is right: |1 − 1.82|. The one of 0.6 is right: |1 − 0.6|.
    #[test]
    fn measures_of_classes_by_hand() {
        let outcomes = [([0.9, 0.1], 0), ([0.08, 0.92], 0), ([0.4, 0.6], 1)];
        let outcomes = outcomes.map(|(p, label): ([f32; 2], _)| Outcome::of_class(&p, label));
        let Measures::Classification { accuracy, log_loss, calibration_error } = measured(&outcomes) else {
            panic!("classes")
        };
        assert!((accuracy - 2.0 / 3.0).abs() < 1e-12);
        assert!((log_loss + (0.9f64.ln() + 0.08f64.ln() + 0.6f64.ln()) / 3.0).abs() < 1e-6);
        assert!((calibration_error - (0.82 + 0.4) / 3.0).abs() < 1e-6, "{calibration_error}");
    }

    /// Errors 1, 0, −1 on 1, 2, 3, all far from zero: RMSE √(2/3), MAE 2/3, R² = 1 − 2/2.
    #[test]
    fn measures_of_values_by_hand() {
        let far = 1e8;
        let outcomes = [1.0, 2.0, 3.0].map(|truth| Outcome::Value { truth: far + truth, predicted: far + 2.0 });
        let Measures::Regression { rmse, mae, r2 } = measured(&outcomes) else { panic!("values") };
        assert!((rmse - (2.0f64 / 3.0).sqrt()).abs() < 1e-12 && (mae - 2.0 / 3.0).abs() < 1e-12);
        assert!(r2.is_some_and(|r2| r2.abs() < 1e-6), "{r2:?}");
        let same = [Outcome::Value { truth: 5.0, predicted: 4.0 }; 3];
        assert!(matches!(measured(&same), Measures::Regression { r2: None, .. }));
    }
}
