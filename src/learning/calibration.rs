//! Calibration: turning a classifier's logits into probabilities that keep what they promise.
//!
//! Temperature scaling (Guo, Pleiss, Sun & Weinberger 2017, "On Calibration of Modern Neural Networks") multiplies all
//! logits with one number, chosen on rows that training did not see. It changes no row's most probable class. Two
//! guards keep it sober where these rows are few: a prior that holds the number near 1, and a small share of the
//! uniform distribution, which bounds the loss of a wrong answer that was given as certain.
//!
//! # Shapes
//! Logits and probabilities are rows × classes, row-major; rows × 1 for two classes with one sigmoid output.
//!
//! ```
//! use epochd::learning::calibration::Calibration;
//! use epochd::learning::row_weights::RowWeights;
//!
//! // A network that is always sure (logits 5 apart: 99.3 %) and right in three rows of four.
//! let logits = [5.0, 0.0].repeat(40);
//! let labels: Vec<u32> = (0..40).map(|row| u32::from(row % 4 == 0)).collect();
//! let calibration = Calibration::fit(&logits, 2, &labels, RowWeights::ALIKE);
//! let mut probabilities = [0.0; 2];
//! calibration.apply(&[5.0, 0.0], 2, &mut probabilities);
//! assert!((0.7..0.85).contains(&probabilities[0]), "{probabilities:?}");
//! ```

use serde::{Deserialize, Serialize};

use super::row_weights::RowWeights;

/// β lies between the inverse of this and this.
const MOST_INVERSE_TEMPERATURE: f64 = 20.0;
/// Weight of (ln β)² in the prior: a normal distribution of ln β with a standard deviation of ½.
const PRIOR: f64 = 2.0;
/// Places at which the objective is first looked at. It is convex in β, but in ln β and with the prior it need not be.
/// Odd, so that β = 1 is one of them.
const GRID: usize = 17;
/// Steps of the golden section search: they narrow two grid intervals to less than 1e-6 of ln β.
const STEPS: usize = 30;
/// Logits that are looked at between two questions whether to go on: some milliseconds.
const LOOK_VALUES: usize = 1 << 18;

/// How logits become calibrated probabilities: p = (1 − mix)·f(β·z) + mix/K, with f softmax, or the sigmoid for a
/// single output, and K the number of classes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// β, the inverse of the temperature.
    pub inverse_temperature: f64,
    /// Share of the uniform distribution, 0 to 1.
    pub mix: f64,
}

impl Calibration {
    /// Probabilities as the network gives them.
    pub fn identity() -> Self {
        Calibration { inverse_temperature: 1.0, mix: 0.0 }
    }

    /// Whether it is as [`Calibration::fit`] may make one: it keeps the order of probabilities, and they are some.
    pub fn is_sound(&self) -> bool {
        let fits = 1.0 / MOST_INVERSE_TEMPERATURE..=MOST_INVERSE_TEMPERATURE;
        fits.contains(&self.inverse_temperature) && (0.0..=1.0).contains(&self.mix)
    }

    /// The calibration for `logits` whose classes are `labels`. Of n rows, β minimises n times the mean of their log losses by
    /// `weights` + 2 (ln β)² within 1/20 to 20, and `mix` is 1/(n + 1). Without a row it is the identity.
    ///
    /// # Shapes
    /// `logits` is rows × `width`, `labels` one a row. A width of 1 is that of two classes with one sigmoid output.
    ///
    /// # Panics
    /// If there is not a label for each row, or a label is no class.
    pub fn fit(logits: &[f32], width: usize, labels: &[u32], weights: RowWeights) -> Self {
        Calibration::fit_unless(logits, width, labels, weights, &mut || true).expect("nobody stops it")
    }

    /// The same; `None` once `go_on`, which is asked every some milliseconds, says no.
    ///
    /// # Panics
    /// As [`Calibration::fit`].
    pub fn fit_unless(
        logits: &[f32],
        width: usize,
        labels: &[u32],
        weights: RowWeights,
        go_on: &mut dyn FnMut() -> bool,
    ) -> Option<Self> {
        assert_eq!(logits.len(), labels.len() * width, "logits for every label");
        assert!(labels.iter().all(|label| (*label as usize) < width.max(2)), "labels are classes");
        if labels.is_empty() {
            return Some(Calibration::identity());
        }
        let rows = (LOOK_VALUES / width).max(1);
        let mean_weight = weights.total(labels.len()) / labels.len() as f64;
        let objective = |ln_beta: f64| {
            let (beta, mut sum) = (ln_beta.exp(), 0.0);
            for (index, (logits, labels)) in logits.chunks(rows * width).zip(labels.chunks(rows)).enumerate() {
                if !go_on() {
                    return None;
                }
                sum = log_loss(sum, logits, width, labels, weights.starting_at(index * rows), beta);
            }
            Some(sum / mean_weight + PRIOR * ln_beta.powi(2))
        };
        let inverse_temperature = minimum(objective)?.exp();
        Some(Calibration { inverse_temperature, mix: 1.0 / (labels.len() as f64 + 1.0) })
    }

    /// The mean of −ln p(label) over rows by their weights.
    ///
    /// # Shapes
    /// As of [`Calibration::fit`].
    pub fn mean_loss(&self, logits: &[f32], width: usize, labels: &[u32], weights: RowWeights) -> f64 {
        let mut probabilities = vec![0.0; logits.len()];
        self.apply(logits, width, &mut probabilities);
        let row = |(row, (p, label)): (usize, (&[f32], &u32))| {
            let p = match (p, *label) {
                ([one], 0) => 1.0 - f64::from(*one),
                ([one], _) => f64::from(*one),
                (p, label) => f64::from(p[label as usize]),
            };
            -weights.get(row) * p.max(f64::MIN_POSITIVE).ln()
        };
        let sum: f64 = probabilities.chunks_exact(width).zip(labels).enumerate().map(row).sum();
        sum / weights.total(labels.len())
    }

    /// Writes the calibrated probabilities of `logits` into `probabilities`.
    ///
    /// # Shapes
    /// Both are rows × `width`. A width of 1 gives the probability of class 1.
    ///
    /// # Panics
    /// If the shapes differ.
    pub fn apply(&self, logits: &[f32], width: usize, probabilities: &mut [f32]) {
        assert!(logits.len() == probabilities.len() && logits.len().is_multiple_of(width), "rows of one shape");
        let uniform = self.mix / width.max(2) as f64;
        let mut scaled = vec![0.0; width];
        for (z, p) in logits.chunks_exact(width).zip(probabilities.chunks_exact_mut(width)) {
            scaled.iter_mut().zip(z).for_each(|(scaled, z)| *scaled = self.inverse_temperature * f64::from(*z));
            normalise(&mut scaled);
            let mixed = scaled.iter().map(|share| ((1.0 - self.mix) * share + uniform) as f32);
            p.iter_mut().zip(mixed).for_each(|(p, mixed)| *p = mixed);
        }
    }
}

/// The logits of a row as probabilities: softmax, or the sigmoid of a single one.
fn normalise(z: &mut [f64]) {
    if let [z] = z {
        *z = 1.0 / (1.0 + (-*z).exp());
        return;
    }
    let max = z.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    z.iter_mut().for_each(|z| *z = (*z - max).exp());
    let sum: f64 = z.iter().sum();
    z.iter_mut().for_each(|z| *z /= sum);
}

/// `sum` and the sum over rows of −w ln p(label), with p from β·z and without mixing. A single logit z is that of two classes
/// whose logits are 0 and z.
fn log_loss(sum: f64, logits: &[f32], width: usize, labels: &[u32], weights: RowWeights, beta: f64) -> f64 {
    let row = |(z, label): (&[f32], &u32)| match z {
        [z] => {
            let margin = beta * f64::from(*z) * if *label == 1 { 1.0 } else { -1.0 };
            (-margin).max(0.0) + (-margin.abs()).exp().ln_1p()
        }
        z => {
            let max = f64::from(z.iter().copied().fold(f32::NEG_INFINITY, f32::max));
            let sum: f64 = z.iter().map(|z| (beta * (f64::from(*z) - max)).exp()).sum();
            sum.ln() + beta * (max - f64::from(z[*label as usize]))
        }
    };
    let losses = logits.chunks_exact(width).zip(labels).map(row);
    match weights.given() {
        None => losses.fold(sum, |sum, loss| sum + loss),
        Some(weights) => losses.zip(weights).fold(sum, |sum, (loss, weight)| sum + f64::from(*weight) * loss),
    }
}

/// Where `objective` is least among all places looked at: a grid over ln β, then golden section search (Kiefer 1953)
/// around its best. 0 if the objective is nowhere a number; `None` once the objective is told to stop.
fn minimum(mut objective: impl FnMut(f64) -> Option<f64>) -> Option<f64> {
    let mut best = (0.0, objective(0.0)?);
    let mut seen = |place: f64| {
        let value = objective(place)?;
        if value < best.1 || best.1.is_nan() {
            best = (place, value);
        }
        Some((value, best.0))
    };
    let (end, middle) = (MOST_INVERSE_TEMPERATURE.ln(), (GRID / 2) as f64);
    let mut centre = 0.0;
    for i in 0..GRID {
        centre = seen(end * (i as f64 - middle) / middle)?.1;
    }
    let ratio = (5f64.sqrt() - 1.0) / 2.0;
    let (mut low, mut high) = ((centre - end / middle).max(-end), (centre + end / middle).min(end));
    let (mut left, mut right) = (high - ratio * (high - low), low + ratio * (high - low));
    let (mut at_left, mut at_right) = (seen(left)?.0, seen(right)?.0);
    for _ in 0..STEPS {
        if at_left < at_right {
            (high, right, at_right) = (right, left, at_left);
            left = high - ratio * (high - low);
            at_left = seen(left)?.0;
        } else {
            (low, left, at_left) = (left, right, at_right);
            right = low + ratio * (high - low);
            at_right = seen(right)?.0;
        }
    }
    Some(best.0)
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;
    use crate::learning::activation::OutputActivation;
    use crate::learning::random::{Purpose, generator};

    /// Rows of `width` logits and the classes drawn from softmax(β·z).
    fn drawn(rows: usize, width: usize, beta: f64, seed: u64) -> (Vec<f32>, Vec<u32>) {
        let mut generator = generator(seed, Purpose::Split);
        let mut labels = Vec::with_capacity(rows);
        let mut logits = Vec::with_capacity(rows * width);
        for _ in 0..rows {
            let z: Vec<f32> = (0..width).map(|_| 6.0 * generator.random::<f32>() - 3.0).collect();
            let mut shares: Vec<f64> = z.iter().map(|z| beta * f64::from(*z)).collect();
            normalise(&mut shares);
            let mut left: f64 = generator.random();
            let class = shares.iter().position(|share| {
                left -= share;
                left < 0.0
            });
            labels.push(class.unwrap_or(width - 1) as u32);
            logits.extend(z);
        }
        (logits, labels)
    }

    fn objective(logits: &[f32], width: usize, labels: &[u32], beta: f64) -> f64 {
        log_loss(0.0, logits, width, labels, RowWeights::ALIKE, beta) + PRIOR * beta.ln().powi(2)
    }

    #[test]
    fn a_known_temperature_is_recovered() {
        for (beta, seed) in [(0.3, 1), (1.0, 2), (2.5, 3)] {
            let (logits, labels) = drawn(20_000, 4, beta, seed);
            let fitted = Calibration::fit(&logits, 4, &labels, RowWeights::ALIKE);
            assert!((fitted.inverse_temperature / beta - 1.0).abs() < 0.05, "{beta}: {fitted:?}");
            assert_eq!(fitted.mix, 1.0 / 20_001.0);
        }
    }

    #[test]
    fn the_objective_is_never_worse_than_without_and_least_among_its_neighbours() {
        for seed in 0..60 {
            let (width, rows) = (2 + seed as usize % 4, 1 + seed as usize * 3 % 40);
            let (logits, labels) = drawn(rows, width, [0.0, 0.2, 1.0, 8.0][seed as usize % 4], seed);
            let beta = Calibration::fit(&logits, width, &labels, RowWeights::ALIKE).inverse_temperature;
            let at = |beta: f64| objective(&logits, width, &labels, beta);
            assert!(at(beta) <= at(1.0), "seed {seed}: {beta}");
            for i in 0..=600 {
                let other = (-3.0 + f64::from(i) / 100.0f64).exp().clamp(0.05, 20.0);
                assert!(at(beta) <= at(other) + 1e-9, "seed {seed}: {beta} is worse than {other}");
            }
        }
    }

    #[test]
    fn a_small_set_without_an_error_stays_bounded() {
        // 21 rows of three classes, all right with a margin of 4, as of a network that has learned the irises.
        let labels: Vec<u32> = (0..21).map(|row| row % 3).collect();
        let logits: Vec<f32> =
            labels.iter().flat_map(|l| (0..3).map(move |k| if k == *l { 4.0 } else { 0.0 })).collect();
        let fitted = Calibration::fit(&logits, 3, &labels, RowWeights::ALIKE);
        assert!((1.0..2.5).contains(&fitted.inverse_temperature), "{fitted:?}");
        let mut probabilities = [0.0; 3];
        fitted.apply(&[400.0, 0.0, 0.0], 3, &mut probabilities);
        // A wrong certain answer costs at most ln(3·22) = 4.19 nats.
        assert!((probabilities[1] - 1.0 / 66.0).abs() < 1e-6, "{probabilities:?}");
    }

    #[test]
    fn one_sigmoid_output_equals_two_softmax_outputs() {
        let (logits, labels) = drawn(300, 2, 1.7, 5);
        let single: Vec<f32> = logits.chunks_exact(2).map(|z| z[1] - z[0]).collect();
        let pairs: Vec<f32> = single.iter().flat_map(|z| [0.0, *z]).collect();
        let (one, two) = (
            Calibration::fit(&single, 1, &labels, RowWeights::ALIKE),
            Calibration::fit(&pairs, 2, &labels, RowWeights::ALIKE),
        );
        assert!((one.inverse_temperature - two.inverse_temperature).abs() < 1e-6 && one.mix == two.mix);
        let (mut narrow, mut wide) = (vec![0.0; single.len()], vec![0.0; pairs.len()]);
        one.apply(&single, 1, &mut narrow);
        two.apply(&pairs, 2, &mut wide);
        for (p, pair) in narrow.iter().zip(wide.chunks_exact(2)) {
            assert!((p - pair[1]).abs() < 1e-6 && (pair[0] + pair[1] - 1.0).abs() < 1e-6);
        }
    }

    #[test]
    fn weights_count_as_repeated_rows_by_their_ratios() {
        let (logits, labels) = drawn(400, 3, 0.6, 11);
        let times: Vec<usize> = (0..400).map(|row| 1 + row % 3).collect();
        let rows = times.iter().enumerate().flat_map(|(row, times)| std::iter::repeat_n(row, *times));
        let (mut more_logits, mut more_labels) = (Vec::new(), Vec::new());
        for row in rows {
            more_logits.extend(&logits[3 * row..3 * row + 3]);
            more_labels.push(labels[row]);
        }
        let at = |beta: f64, scale: f32| {
            let weights: Vec<f32> = times.iter().map(|times| *times as f32 * scale).collect();
            log_loss(0.0, &logits, 3, &labels, RowWeights::of(&weights), beta)
        };
        for beta in [0.3, 1.0, 4.0] {
            let repeated = log_loss(0.0, &more_logits, 3, &more_labels, RowWeights::ALIKE, beta);
            assert!((at(beta, 1.0) - repeated).abs() < 1e-9 * repeated, "{beta}");
        }
        let fitted = |scale: f32| {
            let weights: Vec<f32> = times.iter().map(|times| *times as f32 * scale).collect();
            Calibration::fit(&logits, 3, &labels, RowWeights::of(&weights))
        };
        assert_eq!(fitted(1.0), fitted(8.0), "only ratios matter");
        assert_ne!(fitted(1.0), Calibration::fit(&logits, 3, &labels, RowWeights::ALIKE));
        assert_eq!(
            Calibration::fit(&logits, 3, &labels, RowWeights::of(&[2.0; 400])),
            Calibration::fit(&logits, 3, &labels, RowWeights::ALIKE)
        );
    }

    #[test]
    fn it_ends_when_it_is_told_to() {
        let (logits, labels) = drawn(200_000, 4, 1.0, 9);
        let mut asked = 0;
        let mut go_on = || {
            asked += 1;
            asked < 10
        };
        assert_eq!(Calibration::fit_unless(&logits, 4, &labels, RowWeights::ALIKE, &mut go_on), None);
        assert_eq!(asked, 10, "asked within a place and between places");
    }

    #[test]
    fn without_rows_probabilities_stay_as_they_are() {
        let identity = Calibration::fit(&[], 3, &[], RowWeights::ALIKE);
        assert_eq!(identity, Calibration::identity());
        let logits = [0.5, -1.0, 2.0, 9.0, 9.0, -9.0];
        let (mut calibrated, mut plain) = ([0.0; 6], logits);
        identity.apply(&logits, 3, &mut calibrated);
        OutputActivation::SOFTMAX.forward(&mut plain, 3);
        assert!(calibrated.iter().zip(plain).all(|(a, b)| (a - b).abs() < 1e-6));
    }

    #[test]
    fn extreme_logits_give_numbers() {
        let logits = [1e30, -1e30, 0.0, -1e30, 1e30, 0.0];
        let fitted = Calibration::fit(&logits, 3, &[1, 1], RowWeights::ALIKE);
        let mut probabilities = [0.0; 6];
        fitted.apply(&logits, 3, &mut probabilities);
        assert!(fitted.inverse_temperature.is_finite() && probabilities.iter().all(|p| *p > 0.0 && *p < 1.0));
        let endless = Calibration::fit(&[f32::INFINITY, 0.0], 2, &[0], RowWeights::ALIKE);
        assert!(endless.inverse_temperature.is_finite());
    }
}
