//! Sums over rows, and the weights that follow from them.

use ndarray::{Array2, s};

/// A column whose variance is so small a part of its mean square is constant but for rounding, of up to a hundred million rows.
const LEAST_VARIANCE: f64 = 1e-9;

/// A row: the values of its first columns, of which the first is 1, and what is not 0 of those behind them, each column once.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// 1, then plain values.
    pub dense: Vec<f64>,
    /// Places among all columns, and values.
    pub sparse: Vec<(usize, f64)>,
}

impl Row {
    /// What these weights answer to the row.
    pub fn times(&self, weights: &[f64]) -> f64 {
        let dense: f64 = self.dense.iter().zip(weights).map(|(value, weight)| value * weight).sum();
        dense + self.sparse.iter().map(|(at, value)| value * weights[*at]).sum::<f64>()
    }
}

/// What a linear regression needs to know of its rows: Σ w·x·xᵀ and Σ w·x·y.
///
/// Sums of some rows and of others add up, so that those of all folds but one cost no pass over their rows.
#[derive(Clone, Debug)]
pub struct Moments {
    /// Columns whose values stand in a row one behind the other, the constant first.
    dense: usize,
    /// columns × columns; the lower triangle alone is kept.
    products: Array2<f64>,
    with_target: Vec<f64>,
}

impl Moments {
    /// Those of no row of so many columns, the constant and `dense` ones among them.
    pub fn of_columns(dense: usize, columns: usize) -> Self {
        Moments { dense, products: Array2::zeros((columns, columns)), with_target: vec![0.0; columns] }
    }

    /// Memory of one, in bytes.
    pub fn bytes(columns: usize) -> usize {
        columns.saturating_add(1).saturating_mul(columns).saturating_mul(size_of::<f64>())
    }

    /// Takes a row in.
    pub fn add(&mut self, row: &Row, target: f64, weight: f64) {
        let dense = &row.dense;
        for (at, value) in dense.iter().enumerate() {
            add_multiple(self.products.row_mut(at).into_slice().expect("row-major"), &dense[..=at], weight * value);
            self.with_target[at] += weight * value * target;
        }
        for (index, (at, value)) in row.sparse.iter().enumerate() {
            add_multiple(self.products.row_mut(*at).into_slice().expect("row-major"), dense, weight * value);
            for (other, with) in &row.sparse[..=index] {
                self.products[[*at.max(other), *at.min(other)]] += weight * value * with;
            }
            self.with_target[*at] += weight * value * target;
        }
    }

    /// These and those of further rows.
    pub fn with(mut self, others: &Moments) -> Self {
        self.products += &others.products;
        self.with_target.iter_mut().zip(&others.with_target).for_each(|(sum, other)| *sum += other);
        self
    }

    /// The equations that follow.
    pub fn equations(&self) -> Equations {
        let (columns, total) = (self.with_target.len(), self.products[[0, 0]]);
        let means: Vec<f64> = (0..columns).map(|column| self.products[[column, 0]] / total).collect();
        let deviation = |column: usize| {
            let square = self.products[[column, column]] / total;
            let variance = square - means[column].powi(2);
            if variance > LEAST_VARIANCE * square { variance.sqrt() } else { 0.0 }
        };
        let deviations: Vec<f64> = (1..columns).map(deviation).collect();
        let correlation = |(i, j): (usize, usize)| {
            let covariance = || self.products[[i + 1, j + 1]] / total - means[i + 1] * means[j + 1];
            if j <= i { divided(covariance(), deviations[i] * deviations[j]) } else { 0.0 }
        };
        let correlations = Array2::from_shape_fn((columns - 1, columns - 1), correlation);
        let mean_target = self.with_target[0] / total;
        let with_target = |column: usize| {
            let covariance = self.with_target[column] / total - means[column] * mean_target;
            divided(covariance, deviations[column - 1])
        };
        let with_target = (1..columns).map(with_target).collect();
        Equations { dense: self.dense, correlations, with_target, means, mean_target, deviations }
    }
}

/// The equations whose solution errs least, of columns in units of their deviations.
#[derive(Clone, Debug)]
pub struct Equations {
    dense: usize,
    /// The lower triangle, without the constant.
    correlations: Array2<f64>,
    /// Of each column with the target, in the unit of the target.
    with_target: Vec<f64>,
    /// Of all columns, that of the constant first.
    means: Vec<f64>,
    mean_target: f64,
    /// 0 of a column that does not vary.
    deviations: Vec<f64>,
}

impl Equations {
    /// The weights of all columns with the penalty λ, that of the constant first. `None` where rounding leaves no solution; columns
    /// that do not vary have the weight 0.
    pub fn solve(&self, penalty: f64) -> Option<Vec<f64>> {
        let mut matrix = self.correlations.clone();
        for (column, (value, deviation)) in matrix.diag_mut().iter_mut().zip(&self.deviations).enumerate() {
            // A weight counts in the unit of its column, but for one that few rows have: there it counts as it is.
            let of_weight = if column + 1 < self.dense { penalty } else { penalty / deviation.powi(2) };
            *value = if *deviation > 0.0 { 1.0 + of_weight } else { 1.0 };
        }
        let found = factorised(matrix).map(|lower| substituted(&lower, &self.with_target))?;
        let slopes = found.iter().zip(&self.deviations).map(|(weight, deviation)| divided(*weight, *deviation));
        let mut weights: Vec<f64> = [0.0].into_iter().chain(slopes).collect();
        weights[0] =
            self.mean_target - self.means.iter().zip(&weights).map(|(mean, weight)| mean * weight).sum::<f64>();
        weights.iter().all(|weight| weight.is_finite()).then_some(weights)
    }
}

fn divided(value: f64, by: f64) -> f64 {
    if by > 0.0 { value / by } else { 0.0 }
}

fn add_multiple(sums: &mut [f64], values: &[f64], factor: f64) {
    sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += factor * value);
}

/// L with L·Lᵀ = A, of which the lower triangle is given (Cholesky; Golub & Van Loan, "Matrix Computations", section 4.2). `None` if A
/// is not positive definite.
fn factorised(mut matrix: Array2<f64>) -> Option<Array2<f64>> {
    for i in 0..matrix.nrows() {
        for j in 0..=i {
            let left = matrix[[i, j]] - matrix.slice(s![i, ..j]).dot(&matrix.slice(s![j, ..j]));
            match i == j {
                true if left > 0.0 => matrix[[i, i]] = left.sqrt(),
                true => return None,
                false => matrix[[i, j]] = left / matrix[[j, j]],
            }
        }
    }
    Some(matrix)
}

/// x of L·Lᵀ·x = `right`.
fn substituted(lower: &Array2<f64>, right: &[f64]) -> Vec<f64> {
    let mut found = right.to_vec();
    for i in 0..found.len() {
        let known: f64 = (0..i).map(|j| lower[[i, j]] * found[j]).sum();
        found[i] = (found[i] - known) / lower[[i, i]];
    }
    for i in (0..found.len()).rev() {
        let known: f64 = (i + 1..found.len()).map(|j| lower[[j, i]] * found[j]).sum();
        found[i] = (found[i] - known) / lower[[i, i]];
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROWS: [([f64; 2], f64, f64); 5] = [
        ([0.5, 2.0], 1.0, 1.0),
        ([1.5, -1.0], 2.0, 2.0),
        ([-0.5, 0.0], 0.5, 1.0),
        ([3.0, 1.0], 4.0, 0.5),
        ([2.0, -2.0], 2.5, 1.0),
    ];

    fn moments(rows: &[([f64; 2], f64, f64)]) -> Moments {
        let mut moments = Moments::of_columns(2, 3);
        for ([a, b], y, weight) in rows {
            moments.add(&Row { dense: vec![1.0, *a], sparse: vec![(2, *b)] }, *y, *weight);
        }
        moments
    }

    fn near(found: &[f64], expected: &[f64]) {
        let off = found.iter().zip(expected).map(|(one, other)| (one - other).abs()).fold(0.0, f64::max);
        assert!(off < 1e-9 && found.len() == expected.len(), "{found:?} for {expected:?}");
    }

    /// The penalised error at the minimum grows in all directions.
    #[test]
    fn nothing_near_the_solution_is_better() {
        let of_all = moments(&ROWS);
        let total: f64 = ROWS.iter().map(|(_, _, weight)| weight).sum();
        let mean = |of: &dyn Fn(f64) -> f64| ROWS.iter().map(|(x, _, weight)| weight * of(x[0])).sum::<f64>() / total;
        let deviation = (mean(&|x| x * x) - mean(&|x| x).powi(2)).sqrt();
        for penalty in [0.0, 0.1, 2.0] {
            let error = |weights: &[f64]| {
                let off = |(x, y, weight): &([f64; 2], f64, f64)| {
                    weight * (y - weights[0] - x[0] * weights[1] - x[1] * weights[2]).powi(2)
                };
                let size = (deviation * weights[1]).powi(2) + weights[2].powi(2);
                ROWS.iter().map(off).sum::<f64>() / total + penalty * size
            };
            let found = of_all.equations().solve(penalty).expect("a solution");
            for column in 0..3 {
                for step in [-1e-3, 1e-3] {
                    let mut other = found.clone();
                    other[column] += step;
                    assert!(error(&other) > error(&found), "{penalty}: {column} {step}");
                }
            }
        }
    }

    /// NumPy: `W = numpy.sqrt([1, 2, 1, 0.5, 1]); X = numpy.c_[numpy.ones(5), [0.5, 1.5, -0.5, 3, 2], [2, -1, 0, 1, -2]]; y = [1, 2, 0.5,
    /// 4, 2.5]; numpy.linalg.lstsq(W[:, None] * X, W * y)[0]`
    #[test]
    fn without_a_penalty_it_is_numpys_least_squares() {
        let found = moments(&ROWS).equations().solve(0.0).expect("a solution");
        near(&found, &NUMPY);
    }

    const NUMPY: [f64; 3] = [0.706_117_021_276_596_5, 0.948_138_297_872_341_2, 0.031_028_368_794_326_5];

    #[test]
    fn sums_of_parts_add_up() {
        let parts = [moments(&ROWS[..2]).with(&moments(&ROWS[2..])), moments(&ROWS)];
        let [found, expected] = parts.map(|moments| moments.equations().solve(0.1).expect("a solution"));
        near(&found, &expected);
    }

    /// A word of three rows that were off by 3 by chance, and a slope that all rows tell.
    #[test]
    fn what_few_rows_say_is_drawn_to_0_before_what_all_say() {
        let mut moments = Moments::of_columns(2, 3);
        for row in 0..300 {
            let x = f64::from(row % 7) - 3.0;
            let has_word = row < 3;
            let sparse = if has_word { vec![(2, 1.0)] } else { Vec::new() };
            moments.add(&Row { dense: vec![1.0, x], sparse }, 2.0 * x + if has_word { 3.0 } else { 0.0 }, 1.0);
        }
        let found = moments.equations().solve(0.03).expect("a solution");
        assert!((found[1] - 2.0).abs() < 0.1, "{found:?}");
        // About 3 · 3 / (3 + 300 · 0.03)
        assert!((found[2] - 0.75).abs() < 0.1, "{found:?}");
    }

    #[test]
    fn columns_that_do_not_vary_or_say_the_same_do_no_harm() {
        let mut of_rows = Moments::of_columns(4, 4);
        for x in 0..4 {
            let x = f64::from(x);
            of_rows.add(&Row { dense: vec![1.0, x, 7.0, x], sparse: vec![] }, 3.0 * x, 1.0);
        }
        let found = of_rows.equations().solve(1e-6).expect("the penalty parts the twins");
        assert!((found[1] - 1.5).abs() < 1e-4 && (found[3] - 1.5).abs() < 1e-4 && found[2] == 0.0, "{found:?}");
        assert!(Moments::of_columns(2, 2).equations().solve(1.0).is_none(), "there is no row");
        let mut many = Moments::of_columns(2, 2);
        (0..400_000).for_each(|row| many.add(&Row { dense: vec![1.0, 0.1], sparse: vec![] }, f64::from(row % 3), 1.0));
        assert_eq!(many.equations().solve(1e-6).expect("a constant answer")[1], 0.0, "0.1, but for rounding");
    }
}
