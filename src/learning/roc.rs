//! The receiver operating characteristic of a score: how many rows of class 1 and how many of class 0 lie above each threshold.

use serde::{Deserialize, Serialize};

use super::row_weights::RowWeights;

/// Most points of a curve.
pub const MOST_POINTS: usize = 200;

/// What a threshold lets through.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RocPoint {
    /// Share of the rows of class 0 that score at least as high as the threshold.
    pub false_positive_rate: f64,
    /// Share of the rows of class 1 that do.
    pub true_positive_rate: f64,
}

/// Scores from the lowest to the highest. A row of class 1 has its weight, one of class 0 less than nothing: so no more is sorted
/// than has to be.
fn ranked(scores: &[f32], truth: &[u32], weights: RowWeights) -> Vec<(f32, f32)> {
    let sign = |class: u32| if class == 1 { 1.0 } else { -1.0 };
    let weight = |(row, class): (usize, &u32)| (weights.get(row) * sign(*class)) as f32;
    let mut ranked: Vec<(f32, f32)> = scores.iter().copied().zip(truth.iter().enumerate().map(weight)).collect();
    ranked.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    ranked
}

/// How much the rows of class 1 and of class 0 among rows of one score weigh.
fn of_classes(tied: &[(f32, f32)]) -> (f64, f64) {
    let sum = |sign: f64| tied.iter().map(|(_, weight)| (sign * f64::from(*weight)).max(0.0)).sum::<f64>();
    (sum(1.0), sum(-1.0))
}

/// The probability that a row of class 1 scores above a row of class 0, ties counting half (Mann & Whitney 1947), where rows are
/// drawn by their weights; `None` if one of the classes does not occur.
pub fn roc_auc(scores: &[f32], truth: &[u32], weights: RowWeights) -> Option<f64> {
    let (mut above, mut positives, mut negatives) = (0.0, 0.0, 0.0);
    for tied in ranked(scores, truth, weights).chunk_by(|a, b| a.0 == b.0) {
        let (of_one, of_zero) = of_classes(tied);
        above += of_one * (negatives + of_zero / 2.0);
        positives += of_one;
        negatives += of_zero;
    }
    (positives > 0.0 && negatives > 0.0).then(|| above / (positives * negatives))
}

/// The curve from (0, 0), where nothing is let through, to (1, 1): its corners, or of very many [`MOST_POINTS`], evenly spaced
/// along it. Empty if one of the classes does not occur.
///
/// ```
/// use epochd::learning::roc::roc_curve;
/// use epochd::learning::row_weights::RowWeights;
///
/// let curve = roc_curve(&[0.1, 0.4, 0.35, 0.8], &[0, 0, 1, 1], RowWeights::ALIKE);
/// let points: Vec<_> = curve.iter().map(|point| (point.false_positive_rate, point.true_positive_rate)).collect();
/// assert_eq!(points, [(0.0, 0.0), (0.0, 0.5), (0.5, 0.5), (0.5, 1.0), (1.0, 1.0)]);
/// ```
pub fn roc_curve(scores: &[f32], truth: &[u32], weights: RowWeights) -> Vec<RocPoint> {
    let ranked = ranked(scores, truth, weights);
    let (positives, negatives) = of_classes(&ranked);
    if positives <= 0.0 || negatives <= 0.0 {
        return Vec::new();
    }
    let mut passed = (0.0, 0.0);
    let mut corners = vec![passed];
    // From the highest score down, as each threshold lets through what lies above it.
    for tied in ranked.chunk_by(|a, b| a.0 == b.0).rev() {
        let (of_one, of_zero) = of_classes(tied);
        let next = (passed.0 + of_zero, passed.1 + of_one);
        if corners.len() > 1 && is_straight(corners[corners.len() - 2], passed, next) {
            corners.pop();
        }
        corners.push(next);
        passed = next;
    }
    let point = |(of_zero, of_one): &(f64, f64)| RocPoint {
        false_positive_rate: of_zero / passed.0,
        true_positive_rate: of_one / passed.1,
    };
    thinned(corners.iter().map(point).collect())
}

fn is_straight(a: (f64, f64), b: (f64, f64), c: (f64, f64)) -> bool {
    (b.0 - a.0) * (c.1 - b.1) == (c.0 - b.0) * (b.1 - a.1)
}

/// At most [`MOST_POINTS`] of these points, the first and the last among them.
fn thinned(points: Vec<RocPoint>) -> Vec<RocPoint> {
    if points.len() <= MOST_POINTS {
        return points;
    }
    // Both rates only grow, so that their sum says how far along the curve a point is: from 0 to 2.
    let along = |point: &RocPoint| point.false_positive_rate + point.true_positive_rate;
    let step = 2.0 / (MOST_POINTS - 1) as f64;
    let mut chosen: Vec<usize> = (0..MOST_POINTS - 1)
        .map(|i| points.partition_point(|point| along(point) < i as f64 * step))
        .chain([points.len() - 1])
        .collect();
    chosen.dedup();
    chosen.into_iter().map(|index| points[index]).collect()
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;
    use crate::learning::random::{Purpose, generator};

    fn area(curve: &[RocPoint]) -> f64 {
        let trapezoid = |pair: &[RocPoint]| {
            (pair[1].false_positive_rate - pair[0].false_positive_rate)
                * (pair[0].true_positive_rate + pair[1].true_positive_rate)
                / 2.0
        };
        curve.windows(2).map(trapezoid).sum()
    }

    #[test]
    fn the_area_under_the_curve_is_the_one_that_is_measured() {
        for (rows, steps, most) in [(40, 5.0, 1e-12), (300, 1e9, 1e-12), (20_000, 1e9, 1e-3), (5_000, 20.0, 1e-12)] {
            let mut generator = generator(rows as u64, Purpose::Split);
            let truth: Vec<u32> = (0..rows).map(|_| u32::from(generator.random::<f64>() < 0.3)).collect();
            let score = |class: &u32| generator.random::<f32>() + 0.4 * *class as f32;
            let scores: Vec<f32> = truth.iter().map(score).map(|score| (score * steps).floor() / steps).collect();
            let weights: Vec<f32> = (0..rows).map(|row| 1.0 + (row % 3) as f32).collect();
            for weights in [RowWeights::ALIKE, RowWeights::of(&weights)] {
                let curve = roc_curve(&scores, &truth, weights);
                let measured = roc_auc(&scores, &truth, weights).expect("both classes occur");
                assert!((area(&curve) - measured).abs() < most, "{rows}: {} and {measured}", area(&curve));
                assert!(curve.len() <= MOST_POINTS);
                let last = curve.last().expect("a curve");
                assert_eq!((curve[0].true_positive_rate, last.false_positive_rate), (0.0, 1.0));
                assert_eq!(last.true_positive_rate, 1.0);
            }
        }
    }

    #[test]
    fn one_class_alone_has_no_curve() {
        assert!(roc_curve(&[0.1, 0.9], &[1, 1], RowWeights::ALIKE).is_empty());
        assert!(roc_curve(&[], &[], RowWeights::ALIKE).is_empty());
    }

    #[test]
    fn a_straight_part_has_no_point_in_its_middle() {
        let scores = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4];
        let curve = roc_curve(&scores, &[1, 1, 1, 0, 0, 0], RowWeights::ALIKE);
        assert_eq!(curve.len(), 3, "{curve:?}");
    }
}
