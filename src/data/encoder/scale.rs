//! Robust scaling with a smooth clip (Holzmüller et al. 2024, section on preprocessing).

use serde::{Deserialize, Serialize};

/// z = (x − median) / interquartile range, then z / √(1 + (z/3)²): odd, of slope 1 at 0, bounded by 3.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scale {
    /// Median.
    pub center: f64,
    /// Interquartile range; half the range where that is 0; 0 where all values are equal. Where half of the values are one, how far the
    /// others are spread and away from it, if they are spread.
    pub width: f64,
}

impl Scale {
    /// Fits on `sorted` values, of which there is at least one. Quantiles are interpolated linearly.
    pub fn fit(sorted: &[f64]) -> Self {
        Scale::beside_most(sorted).unwrap_or_else(|| Scale::by_quantiles(|q| quantile(sorted, q)))
    }

    /// Where one value is that of half the rows or more, say 0 of what was bought: the quartiles say nothing of the others, and the range
    /// only how far the farthest is. `None` where there is no such value, or the others are alike.
    fn beside_most(sorted: &[f64]) -> Option<Self> {
        let most = sorted[sorted.len() / 2];
        let (first, behind) = (sorted.partition_point(|x| *x < most), sorted.partition_point(|x| *x <= most));
        let others = sorted.len() - (behind - first);
        if 2 * others > sorted.len() || others == 0 {
            return None;
        }
        let at = |index: usize| sorted[if index < first { index } else { index + (behind - first) }];
        let [low, middle, high] = [0.25, 0.5, 0.75].map(|q| interpolated(q, others, at));
        let (spread, away) = (high - low, (middle - most).abs());
        (spread > 0.0).then(|| Scale { center: most, width: spread.max(away).min(f64::MAX) })
    }

    /// Fits on a column of `rows` values that are `on` in `count` rows and `off` in the others.
    pub fn fit_two(off: f64, on: f64, count: usize, rows: usize) -> Self {
        let at = |index: usize| if index >= rows - count { on } else { off };
        Scale::by_quantiles(|q| interpolated(q, rows, at))
    }

    fn by_quantiles(quantile: impl Fn(f64) -> f64) -> Self {
        let between = quantile(0.75) - quantile(0.25);
        let width = if between > 0.0 { between } else { quantile(1.0) / 2.0 - quantile(0.0) / 2.0 };
        // A difference of finite numbers may leave them; a file keeps no infinity.
        Scale { center: quantile(0.5), width: width.min(f64::MAX) }
    }

    /// The scaled and clipped value.
    pub fn apply(&self, x: f64) -> f32 {
        if self.width <= 0.0 {
            return 0.0;
        }
        let difference = (x - self.center).clamp(f64::MIN, f64::MAX);
        let z = difference / self.width;
        // Beyond 1e100 the square would leave the finite numbers; the value is 3 there.
        if z.abs() > 1e100 { (3.0 * z.signum()) as f32 } else { (z / (1.0 + (z / 3.0).powi(2)).sqrt()) as f32 }
    }
}

fn quantile(sorted: &[f64], q: f64) -> f64 {
    interpolated(q, sorted.len(), |index| sorted[index])
}

/// The quantile `q` of `count` values in order, interpolated linearly as NumPy's default does.
fn interpolated(q: f64, count: usize, at: impl Fn(usize) -> f64) -> f64 {
    let position = q * (count - 1) as f64;
    let (below, share) = (position.floor(), position.fract());
    let (low, high) = (at(below as usize), at((below as usize + 1).min(count - 1)));
    // Weighed rather than by a difference, which may leave the finite numbers.
    if share == 0.0 { low } else { low * (1.0 - share) + high * share }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quartiles_are_numpys() {
        // numpy.percentile([1, 2, 4, 8], [25, 50, 75]) = [1.75, 3, 5]
        assert_eq!(Scale::fit(&[1.0, 2.0, 4.0, 8.0]), Scale { center: 3.0, width: 3.25 });
        assert_eq!(Scale::fit(&[0.0, 5.0, 5.0, 5.0, 5.0]), Scale { center: 5.0, width: 2.5 });
        assert_eq!(Scale::fit(&[7.0]), Scale { center: 7.0, width: 0.0 });
    }

    #[test]
    fn what_lies_beside_a_value_of_most_rows_is_told_apart() {
        let mut values = vec![0.0; 70];
        values.extend((1..=30).map(f64::from));
        // numpy.percentile(range(1, 31), [25, 50, 75]) = [8.25, 15.5, 22.75]
        assert_eq!(Scale::fit(&values), Scale { center: 0.0, width: 15.5 });
        // A few that are far off move nothing.
        values.extend([1e6, 1e9]);
        assert!(Scale::fit(&values).width < 17.0);
        // Below half of the rows the quartiles tell.
        let few: Vec<f64> = (0..40).map(|row| f64::from((row - 15).max(0))).collect();
        assert_eq!(Scale::fit(&few), Scale { center: 4.5, width: 14.25 });
    }

    #[test]
    fn a_rare_indicator_lies_at_0_and_1_66() {
        let scale = Scale::fit_two(0.0, 1.0, 2, 100);
        assert_eq!(scale.apply(0.0), 0.0);
        assert!((scale.apply(1.0) - 1.664_100_6).abs() < 1e-6, "2/√(1 + 4/9)");
        let ones: Vec<f64> = (0..10).map(|row| f64::from(row >= 6)).collect();
        assert_eq!(Scale::fit_two(0.0, 1.0, 4, 10), Scale::fit(&ones));
    }

    #[test]
    fn the_largest_numbers_keep_a_finite_scale() {
        for values in [vec![-1.7e308, -1.7e308, 1.7e308, 1.7e308], vec![-1.7e308, 0.0, 0.0, 0.0, 0.0, 1.7e308]] {
            let scale = Scale::fit(&values);
            assert!(scale.width.is_finite() && scale.width > 0.0, "{scale:?}");
            assert!(values.iter().all(|x| scale.apply(*x).abs() <= 3.0), "{scale:?}");
            let stored: Scale = serde_json::from_str(&serde_json::to_string(&scale).unwrap()).unwrap();
            assert_eq!(stored, scale);
        }
    }

    #[test]
    fn the_clip_is_smooth_odd_and_bounded() {
        let scale = Scale { center: 0.0, width: 1.0 };
        assert!((scale.apply(1e-3) - 1e-3).abs() < 1e-9);
        assert_eq!(scale.apply(-2.0), -scale.apply(2.0));
        assert!(scale.apply(1e308) <= 3.0 && scale.apply(1e6) <= 3.0);
        assert_eq!(Scale { center: 1.0, width: 0.0 }.apply(9.0), 0.0);
    }
}
