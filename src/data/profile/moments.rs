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

    /// Of some values. Sums run side by side, so that none waits for the one before it.
    pub fn of(values: &[f64]) -> Self {
        const LANES: usize = 8;
        if values.is_empty() {
            return Moments::NONE;
        }
        let (eights, rest) = values.as_chunks::<LANES>();
        let (mut sums, mut mins, mut maxs) = ([0.0; LANES], [f64::INFINITY; LANES], [f64::NEG_INFINITY; LANES]);
        for eight in eights {
            for (lane, value) in eight.iter().enumerate() {
                sums[lane] += value;
                mins[lane] = if *value < mins[lane] { *value } else { mins[lane] };
                maxs[lane] = if *value > maxs[lane] { *value } else { maxs[lane] };
            }
        }
        let count = values.len() as f64;
        let mean = (sums.iter().sum::<f64>() + rest.iter().sum::<f64>()) / count;
        let mut squares = [0.0; LANES];
        for eight in eights {
            for (lane, value) in eight.iter().enumerate() {
                squares[lane] += (value - mean) * (value - mean);
            }
        }
        let others = rest.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>();
        Moments {
            count,
            mean,
            squares: squares.iter().sum::<f64>() + others,
            min: mins.iter().chain(rest).copied().fold(f64::INFINITY, f64::min),
            max: maxs.iter().chain(rest).copied().fold(f64::NEG_INFINITY, f64::max),
        }
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
        values.chunks(77).for_each(|piece| moments.merge(Moments::of(piece)));
        assert_eq!((moments.count, moments.min, moments.max), (10_000.0, 1e9, 1e9 + 1.0));
        assert!(((moments.squares / moments.count).sqrt() - 0.5).abs() < 1e-9, "{moments:?}");
    }
}
