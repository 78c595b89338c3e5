//! Shapley values: how much each feature of a row brings to what a network answers to it.
//!
//! Shapley 1953 ("A Value for n-Person Games"), for networks as Štrumbelj & Kononenko 2014 ("Explaining prediction models and
//! individual predictions with feature contributions") estimate it: a walk begins at a background row, one that training saw, and
//! gives it the row's own features one after the other; what the answer changes at each step is that feature's share. A feature's
//! value is the mean of its shares over walks in different orders from all background rows. Each order is walked both ways
//! (antithetic sampling: Mitchell, Cooper, Frank & Holmes 2022, "Sampling Permutations for Shapley Value Estimation").
//!
//! Whatever the orders, a walk's shares add up to the answer to the row less that to the background row. So the values add up to
//! the answer less the mean answer to the background.

use ndarray::{Array2, ArrayView2};
use rand::seq::SliceRandom;

use super::random::Generator;

/// How an answer comes about.
#[derive(Clone, Debug, PartialEq)]
pub struct Shapley {
    /// The mean answer to the background rows.
    pub base: f64,
    /// What each feature adds to it.
    pub values: Vec<f64>,
}

/// The Shapley values of the features of `row` for `answer`, which gives an answer to each row of some inputs (rows × inputs), or
/// `None` where it was told to stop. A feature is a group of input columns; what is in no group is the background's in each walk.
/// Orders are drawn from `generator`, one for each row of `background` (rows × inputs), and walked there and back.
///
/// # Panics
/// If there is no background row, or the widths differ.
pub fn shapley(
    answer: &mut dyn FnMut(ArrayView2<f32>) -> Option<Vec<f64>>,
    row: &[f32],
    background: ArrayView2<f32>,
    groups: &[Vec<usize>],
    generator: &mut Generator,
) -> Option<Shapley> {
    assert!(background.nrows() > 0 && background.ncols() == row.len(), "background rows as wide as the row");
    let mut order: Vec<usize> = (0..groups.len()).collect();
    let mut steps = Array2::zeros((groups.len() + 1, row.len()));
    let (mut base, mut values) = (0.0, vec![0.0; groups.len()]);
    for start in background.outer_iter() {
        order.shuffle(generator);
        for _ in 0..2 {
            let mut at = start.to_owned();
            steps.row_mut(0).assign(&at);
            for (step, feature) in order.iter().enumerate() {
                groups[*feature].iter().for_each(|column| at[*column] = row[*column]);
                steps.row_mut(step + 1).assign(&at);
            }
            let answers = answer(steps.view())?;
            base += answers[0];
            order.iter().zip(answers.windows(2)).for_each(|(feature, pair)| values[*feature] += pair[1] - pair[0]);
            order.reverse();
        }
    }
    let walks = 2.0 * background.nrows() as f64;
    values.iter_mut().for_each(|value| *value /= walks);
    Some(Shapley { base: base / walks, values })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learning::random::{Purpose, generator};

    const ROW: [f32; 4] = [1.0, 2.0, -1.0, 0.5];

    fn background(rows: usize) -> Array2<f32> {
        Array2::from_shape_fn((rows, 4), |(row, column)| ((row * [3, 7, 11, 5][column] + column) % 13) as f32 / 4.0)
    }

    fn each() -> Vec<Vec<usize>> {
        (0..4).map(|column| vec![column]).collect()
    }

    fn found(answer: impl Fn(&[f32]) -> f64, background: &Array2<f32>, groups: &[Vec<usize>]) -> Shapley {
        let mut answer = |rows: ArrayView2<f32>| {
            Some(rows.outer_iter().map(|row| answer(row.to_owned().as_slice().expect("a row"))).collect())
        };
        let mut generator = generator(7, Purpose::Explanation);
        shapley(&mut answer, &ROW, background.view(), groups, &mut generator).expect("nobody stops it")
    }

    fn mean(background: &Array2<f32>, value: impl Fn(&[f32]) -> f64) -> f64 {
        background.outer_iter().map(|row| value(row.as_slice().expect("a row"))).sum::<f64>()
            / background.nrows() as f64
    }

    #[test]
    fn a_sum_is_taken_apart_into_its_terms() {
        let weights = [2.0, -1.0, 0.0, 3.0];
        let sum = |row: &[f32]| row.iter().zip(weights).map(|(x, w)| w * f64::from(*x)).sum::<f64>();
        let background = background(5);
        let shapley = found(sum, &background, &each());
        for (column, value) in shapley.values.iter().enumerate() {
            let expected = weights[column] * (f64::from(ROW[column]) - mean(&background, |row| f64::from(row[column])));
            assert!((value - expected).abs() < 1e-9, "{column}: {value} and {expected}");
        }
        assert!((shapley.base - mean(&background, sum)).abs() < 1e-9);
    }

    /// By the definition: a weighted mean over all sets of other features.
    #[test]
    fn a_product_is_shared_as_the_definition_says() {
        let product =
            |row: &[f32]| f64::from(row[0]) * f64::from(row[1]) * (1.0 + f64::from(row[2])) + f64::from(row[3]);
        let background = background(400);
        let with = |set: usize, start: &[f32]| {
            let mixed: Vec<f32> = (0..4).map(|i| if set >> i & 1 == 1 { ROW[i] } else { start[i] }).collect();
            product(&mixed)
        };
        let exact: Vec<f64> = (0..4)
            .map(|feature| {
                let sets = (0..16usize).filter(|set| set >> feature & 1 == 0);
                sets.map(|set| {
                    let weight = [1.0, 1.0 / 3.0, 1.0 / 3.0, 1.0][set.count_ones() as usize] / 4.0;
                    weight * mean(&background, |start| with(set | 1 << feature, start) - with(set, start))
                })
                .sum()
            })
            .collect();
        let shapley = found(product, &background, &each());
        for (value, exact) in shapley.values.iter().zip(&exact) {
            assert!((value - exact).abs() < 0.15, "{:?} and {exact:?}", shapley.values);
        }
        assert!((shapley.values[3] - exact[3]).abs() < 1e-9, "what stands alone is exact");
    }

    #[test]
    fn values_add_up_to_the_answer_less_the_base_and_what_does_nothing_has_none() {
        let curved = |row: &[f32]| (f64::from(row[0]) * 1.3).tanh() + f64::from(row[1] * row[3]).sin();
        let shapley = found(curved, &background(9), &each());
        let sum = shapley.base + shapley.values.iter().sum::<f64>();
        assert!((sum - curved(&ROW)).abs() < 1e-12, "{shapley:?}");
        assert_eq!(shapley.values[2], 0.0);
    }

    #[test]
    fn columns_of_a_feature_go_together_and_the_same_draws_give_the_same_values() {
        let sum = |row: &[f32]| f64::from(row[0] * row[1]) + f64::from(row[2]);
        let background = background(4);
        let groups = [vec![0, 1], vec![2], vec![3]];
        let shapley = found(sum, &background, &groups);
        let expected = 2.0 - mean(&background, |row| f64::from(row[0] * row[1]));
        assert!((shapley.values[0] - expected).abs() < 1e-9);
        assert_eq!(shapley, found(sum, &background, &groups));
    }

    #[test]
    fn it_ends_when_it_is_told_to() {
        let mut asked = 0;
        let mut answer = |rows: ArrayView2<f32>| {
            asked += 1;
            (asked < 3).then(|| vec![0.0; rows.nrows()])
        };
        let mut generator = generator(1, Purpose::Explanation);
        assert_eq!(shapley(&mut answer, &ROW, background(9).view(), &each(), &mut generator), None);
        assert_eq!(asked, 3);
    }
}
