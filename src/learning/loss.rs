//! Loss functions: value and gradient side by side, measured from the logits.
//!
//! Some pairs are fused because their gradient is simple and stable only together (Goodfellow et al., "Deep
//! Learning", section 6.2.2): softmax with cross-entropy, and sigmoid with binary cross-entropy. With p the output
//! and y the target, both give ∂L/∂z = p − y, and the value is taken from the logits, so that ±1e4 stays finite. So does the
//! Poisson loss with a rate p = e^z.
//!
//! ```
//! use epochd::learning::activation::OutputActivation;
//! use epochd::learning::loss::{Loss, Scored};
//!
//! // Logits 0 and ln 3 are the probabilities ¼ and ¾; the second class is true.
//! let (logits, outputs, targets) = ([0.0, 3f32.ln()], [0.25, 0.75], [0.0, 1.0]);
//! let batch = Scored { logits: &logits, outputs: &outputs, targets: &targets, weights: None, width: 2 };
//! assert!((Loss::CrossEntropy.sum(&batch) + 0.75f64.ln()).abs() < 1e-6);
//!
//! let mut gradient = [0.0; 2];
//! Loss::CrossEntropy.gradient(OutputActivation::SOFTMAX, &batch, 1.0, &mut gradient);
//! assert_eq!(gradient, [0.25, -0.25]); // p − y
//! ```

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::activation::{Activation, OutputActivation};

/// What training minimises: the mean over rows of a row's loss. Row losses of several outputs are their mean
/// (`cross_entropy`: one value a row). Definitions and defaults are PyTorch's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Loss {
    /// (y − ŷ)²
    Mse,
    /// |y − ŷ|
    Mae,
    /// (y − ŷ)²/2 where |y − ŷ| < 1, |y − ŷ| − 1/2 beyond (δ = 1)
    Huber,
    /// −y ln ŷ − (1 − y) ln(1 − ŷ), with a sigmoid output
    BinaryCrossEntropy,
    /// −Σₖ yₖ ln ŷₖ, with a softmax output
    CrossEntropy,
    /// ŷ − y ln ŷ = e^z − y·z, with an `exp` output: −ln of the probability of the count y at the rate ŷ, but for what y alone
    /// says (`PoissonNLLLoss` with `log_input=True, full=False`)
    Poisson,
    /// q·(y − ŷ) where y ≥ ŷ, (1 − q)·(ŷ − y) below, with this q between 0 and 1: least where ŷ is the q-quantile of y (the
    /// pinball loss of Koenker & Bassett 1978, "Regression Quantiles"; scikit-learn's `mean_pinball_loss`)
    Quantile(f64),
}

/// The words alone.
const KNOWN: &[&str] = &["mse", "mae", "huber", "binary_cross_entropy", "cross_entropy", "poisson", "quantile"];
/// The quantile of the loss `quantile` where none is named: the median.
const MEDIAN: f64 = 0.5;

/// The losses by their words in requests, replies and files; a quantile stands beside its word, in a field of its own.
const WORDS: [(&str, Loss); 7] = [
    ("mse", Loss::Mse),
    ("mae", Loss::Mae),
    ("huber", Loss::Huber),
    ("binary_cross_entropy", Loss::BinaryCrossEntropy),
    ("cross_entropy", Loss::CrossEntropy),
    ("poisson", Loss::Poisson),
    ("quantile", Loss::Quantile(MEDIAN)),
];

impl Serialize for Loss {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let same = |other: &Loss| std::mem::discriminant(self) == std::mem::discriminant(other);
        let word = WORDS.iter().find(|(_, loss)| same(loss)).map_or("", |(word, _)| word);
        serializer.serialize_str(word)
    }
}

impl<'de> Deserialize<'de> for Loss {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        let found = WORDS.iter().find(|(known, _)| *known == word);
        found.map(|(_, loss)| *loss).ok_or_else(|| D::Error::unknown_variant(&word, KNOWN))
    }
}

/// A batch seen by the loss.
///
/// # Shapes
/// `logits`, `outputs` and `targets` hold rows × `width` values, row-major; `weights` one for each row.
pub struct Scored<'a> {
    /// z of the last layer.
    pub logits: &'a [f32],
    /// ŷ = activation(z).
    pub outputs: &'a [f32],
    /// y.
    pub targets: &'a [f32],
    /// A weight for every row; `None` weighs each row 1.
    pub weights: Option<&'a [f32]>,
    /// Values in a row.
    pub width: usize,
}

impl Scored<'_> {
    fn rows(&self) -> impl Iterator<Item = (&[f32], &[f32], &[f32], f32)> {
        let width = self.width;
        let triples = self.logits.chunks_exact(width).zip(self.outputs.chunks_exact(width));
        triples.zip(self.targets.chunks_exact(width)).enumerate().map(|(row, ((z, p), y))| {
            let weight = self.weights.map_or(1.0, |weights| weights[row]);
            (z, p, y, weight)
        })
    }
}

impl Loss {
    /// The output activation that goes with this loss when none is asked for.
    pub fn default_output(self) -> OutputActivation {
        match self {
            Loss::Mse | Loss::Mae | Loss::Huber | Loss::Quantile(_) => {
                OutputActivation::Elementwise(Activation::Identity)
            }
            Loss::BinaryCrossEntropy => OutputActivation::Elementwise(Activation::Sigmoid),
            Loss::CrossEntropy => OutputActivation::SOFTMAX,
            Loss::Poisson => OutputActivation::EXP,
        }
    }

    /// The quantile that it answers, if it is that of one.
    pub fn quantile(self) -> Option<f64> {
        if let Loss::Quantile(quantile) = self { Some(quantile) } else { None }
    }

    /// Whether its gradient by the logits is taken together with that of its output: p − y.
    fn is_fused(self) -> bool {
        matches!(self, Loss::BinaryCrossEntropy | Loss::CrossEntropy | Loss::Poisson)
    }

    /// The sum over rows of weight · row loss, in f64.
    pub fn sum(self, batch: &Scored) -> f64 {
        batch.rows().map(|(z, p, y, weight)| f64::from(weight) * self.row(z, p, y)).sum()
    }

    /// Loss of one row.
    fn row(self, logits: &[f32], outputs: &[f32], targets: &[f32]) -> f64 {
        let mean = |terms: f64| terms / targets.len() as f64;
        let errors = || outputs.iter().zip(targets).map(|(p, y)| f64::from(p - y));
        match self {
            Loss::Mse => mean(errors().map(|e| e * e).sum()),
            Loss::Mae => mean(errors().map(f64::abs).sum()),
            Loss::Huber => mean(errors().map(|e| if e.abs() < 1.0 { 0.5 * e * e } else { e.abs() - 0.5 }).sum()),
            Loss::BinaryCrossEntropy => mean(logits.iter().zip(targets).map(|(z, y)| binary_from_logit(*z, *y)).sum()),
            Loss::CrossEntropy => cross_entropy_from_logits(logits, targets),
            Loss::Poisson => mean(logits.iter().zip(targets).map(|(z, y)| poisson_from_logit(*z, *y)).sum()),
            Loss::Quantile(q) => mean(errors().map(|e| if e < 0.0 { -q * e } else { (1.0 - q) * e }).sum()),
        }
    }

    /// Moves targets that are classes from what they are towards all of the K classes alike: y ← (1 − ε)·y + ε/K, with ε the
    /// `share` (Szegedy et al. 2016, "Rethinking the Inception Architecture for Computer Vision", section 7; PyTorch's
    /// `label_smoothing`). The two classes of a sigmoid are y and 1 − y. Targets of other losses stay.
    ///
    /// # Shapes
    /// `targets` holds rows × `width` values.
    pub fn smooth(self, targets: &mut [f32], width: usize, share: f32) {
        let classes = match self {
            Loss::CrossEntropy => width,
            Loss::BinaryCrossEntropy => 2,
            _ => return,
        };
        let even = share / classes as f32;
        targets.iter_mut().for_each(|y| *y = (1.0 - share) * *y + even);
    }

    /// Writes ∂(Σ weight · row loss · `scale`)/∂z into `gradient`. With `scale` = 1/Σ weight this is the gradient of the
    /// batch's mean loss.
    ///
    /// # Shapes
    /// `gradient` is rows × width, as the batch's logits.
    pub fn gradient(self, output: OutputActivation, batch: &Scored, scale: f32, gradient: &mut [f32]) {
        let width = batch.width;
        let per_value = scale / width as f32;
        for ((_, p, y, weight), g) in batch.rows().zip(gradient.chunks_exact_mut(width)) {
            let factor = weight * per_value;
            let pairs = g.iter_mut().zip(p.iter().zip(y));
            match self {
                Loss::Mse => pairs.for_each(|(g, (p, y))| *g = 2.0 * factor * (p - y)),
                Loss::Mae => pairs.for_each(|(g, (p, y))| *g = factor * sign(p - y)),
                Loss::Huber => pairs.for_each(|(g, (p, y))| *g = factor * (p - y).clamp(-1.0, 1.0)),
                Loss::BinaryCrossEntropy | Loss::Poisson => pairs.for_each(|(g, (p, y))| *g = factor * (p - y)),
                Loss::Quantile(q) => pairs.for_each(|(g, (p, y))| {
                    let slope = if p < y { -q } else { 1.0 - q };
                    *g = if p == y { 0.0 } else { factor * slope as f32 };
                }),
                Loss::CrossEntropy => {
                    let total: f32 = y.iter().sum();
                    pairs.for_each(|(g, (p, y))| *g = weight * scale * (total * p - y));
                }
            }
        }
        if !self.is_fused() {
            output.backward(batch.logits, batch.outputs, gradient, width);
        }
    }
}

/// −y ln σ(z) − (1 − y) ln(1 − σ(z)) = max(z, 0) − z·y + ln(1 + e^{−|z|})
fn binary_from_logit(z: f32, y: f32) -> f64 {
    let (z, y) = (f64::from(z), f64::from(y));
    z.max(0.0) - z * y + (-z.abs()).exp().ln_1p()
}

/// e^z − y·z
fn poisson_from_logit(z: f32, y: f32) -> f64 {
    let (z, y) = (f64::from(z), f64::from(y));
    z.exp() - y * z
}

/// −Σₖ yₖ ln softmax(z)ₖ = Σₖ yₖ (ln Σⱼ e^{zⱼ} − zₖ), shifted by the largest logit.
fn cross_entropy_from_logits(logits: &[f32], targets: &[f32]) -> f64 {
    let max = f64::from(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    let sum: f64 = logits.iter().map(|z| (f64::from(*z) - max).exp()).sum();
    let log_sum = max + sum.ln();
    // A target of 0 takes no part, so that 0 · ∞ does not arise.
    let terms = targets.iter().zip(logits).filter(|(y, _)| **y != 0.0);
    terms.map(|(y, z)| f64::from(*y) * (log_sum - f64::from(*z))).sum()
}

fn sign(x: f32) -> f32 {
    if x == 0.0 { 0.0 } else { x.signum() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value_and_gradient(loss: Loss, logits: &[f32], targets: &[f32]) -> (f64, Vec<f32>) {
        let (mut outputs, mut gradient) = (logits.to_vec(), vec![0.0; logits.len()]);
        loss.default_output().forward(&mut outputs, 1);
        let batch = Scored { logits, outputs: &outputs, targets, weights: None, width: 1 };
        loss.gradient(loss.default_output(), &batch, 1.0, &mut gradient);
        (loss.sum(&batch), gradient)
    }

    /// z = ln 3 and y = 2: ŷ = 3, 3 − 2 ln 3 = 0.802775; ∂/∂z = 3 − 2. z = 0 and y = 0: 1; ∂/∂z = 1.
    #[test]
    fn poisson_worked_by_hand() {
        let (value, gradient) = value_and_gradient(Loss::Poisson, &[3f32.ln(), 0.0], &[2.0, 0.0]);
        assert!((value - (0.802_775_4 + 1.0)).abs() < 1e-6, "{value}");
        assert!((gradient[0] - 1.0).abs() < 1e-6 && gradient[1] == 1.0, "{gradient:?}");
    }

    /// ε = 0.3 over three classes: 0.7 + 0.1 and 0.1; of a sigmoid 0.7 + 0.15 and 0.15.
    #[test]
    fn smoothing_worked_by_hand() {
        let smoothed = |loss: Loss, mut targets: Vec<f32>, width| {
            loss.smooth(&mut targets, width, 0.3);
            targets.iter().map(|y| (100.0 * y).round() / 100.0).collect::<Vec<f32>>()
        };
        assert_eq!(smoothed(Loss::CrossEntropy, vec![0.0, 1.0, 0.0], 3), [0.1, 0.8, 0.1]);
        assert_eq!(smoothed(Loss::BinaryCrossEntropy, vec![1.0, 0.0], 1), [0.85, 0.15]);
        assert_eq!(smoothed(Loss::Mse, vec![5.0], 1), [5.0]);
    }

    /// q = 0.9: 1 too low costs 0.9, 2 too high 2 · 0.1, right nothing.
    #[test]
    fn quantile_worked_by_hand() {
        let (value, gradient) = value_and_gradient(Loss::Quantile(0.9), &[4.0, 7.0, 5.0], &[5.0, 5.0, 5.0]);
        assert!((value - 1.1).abs() < 1e-9, "{value}");
        assert_eq!(gradient, [-0.9, 0.1, 0.0]);
    }

    /// Of the numbers 1 to 100 the mean loss is least at the quantile: 90 are at most the answer.
    #[test]
    fn the_best_constant_is_the_quantile() {
        let targets: Vec<f32> = (1..=100).map(|y| y as f32).collect();
        let at = |answer: f32| value_and_gradient(Loss::Quantile(0.9), &[answer; 100], &targets).0;
        assert!((1..=100).all(|answer| at(90.5) <= at(answer as f32) + 1e-6));
    }

    #[test]
    fn words_come_back() {
        assert_eq!(WORDS.map(|(word, _)| word), KNOWN);
        for (word, loss) in WORDS {
            let text = serde_json::to_string(&loss).expect("a word");
            assert_eq!((text.as_str(), serde_json::from_str(&text).ok()), (format!("{word:?}").as_str(), Some(loss)));
        }
        assert_eq!(serde_json::to_string(&Loss::Quantile(0.1)).ok().as_deref(), Some("\"quantile\""));
    }
}
