//! The moments of numbers, gathered piece by piece.

/// Count, mean, squared deviations from it, and range.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Moments {
    pub count: f64,
    pub mean: f64,
    pub squares: f64,
    pub min: f64,
    pub max: f64,
}

impl Moments {
    /// Of no values.
    pub const NONE: Moments =
        Moments { count: 0.0, mean: 0.0, squares: 0.0, min: f64::INFINITY, max: f64::NEG_INFINITY };

    /// Of some values.
    pub fn of(values: impl Iterator<Item = f64> + Clone) -> Self {
        let mut moments = Moments::NONE;
        let mut sum = 0.0;
        for value in values.clone() {
            moments.count += 1.0;
            sum += value;
            moments.min = moments.min.min(value);
            moments.max = moments.max.max(value);
        }
        if moments.count > 0.0 {
            moments.mean = sum / moments.count;
            moments.squares = values.map(|value| (value - moments.mean) * (value - moments.mean)).sum();
        }
        moments
    }

    /// Adds those of other values.
    ///
    /// Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances", 1979.
    pub fn merge(&mut self, other: Moments) {
        let count = self.count + other.count;
        if other.count > 0.0 {
            let step = other.mean - self.mean;
            self.squares += other.squares + step * step * (self.count * other.count / count);
            self.mean += step * (other.count / count);
        }
        self.count = count;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_mean_does_not_hide_a_small_deviation() {
        let values: Vec<f64> = (0..10_000).map(|row| 1e9 + f64::from(row % 2)).collect();
        let mut moments = Moments::NONE;
        values.chunks(77).for_each(|piece| moments.merge(Moments::of(piece.iter().copied())));
        assert_eq!((moments.count, moments.min, moments.max), (10_000.0, 1e9, 1e9 + 1.0));
        assert!(((moments.squares / moments.count).sqrt() - 0.5).abs() < 1e-9, "{moments:?}");
    }
}
