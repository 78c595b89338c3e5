//! Permutation importance: how much worse a network's answers get when a feature's values are shuffled over the rows.
//!
//! Breiman 2001 ("Random Forests", section 10); Fisher, Rudin & Dominici 2019 ("All Models are Wrong, but Many are
//! Useful") for any model. Shuffling keeps a feature's distribution and breaks its tie to the target. It also breaks its
//! tie to other features: of two that say the same, each may look unimportant.

use ndarray::{Array2, Axis};
use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};

use super::random::Generator;

/// How much a score rises when a feature is shuffled; near 0, or below it by chance, for one that does not matter.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Importance {
    /// Mean rise over the repeats, in the unit of the score.
    pub mean: f64,
    /// Standard deviation of the rises (of these repeats, divided by their number).
    pub std: f64,
}

/// The importance of each feature to `score`, a measure of answers to inputs (rows × inputs) that is lower when they are
/// better, such as log loss or RMSE. A feature is a group of input columns, whose values stay together as they move from
/// row to row. The score is asked once for the inputs as they are, and `repeats` times for each feature; the orders are
/// drawn from `generator`. It gives `None` where it was told to stop: then nothing is returned.
///
/// # Panics
/// If there are no repeats, or a group names a column that is not there.
pub fn permutation_importance(
    score: &mut dyn FnMut(&Array2<f32>) -> Option<f64>,
    inputs: &Array2<f32>,
    groups: &[Vec<usize>],
    repeats: usize,
    generator: &mut Generator,
) -> Option<Vec<Importance>> {
    assert!(repeats > 0, "a feature is shuffled at least once");
    let baseline = score(inputs)?;
    let mut shuffled = inputs.clone();
    let mut order: Vec<usize> = (0..inputs.nrows()).collect();
    let mut importance = |columns: &Vec<usize>| {
        let rises: Option<Vec<f64>> = (0..repeats)
            .map(|_| {
                order.shuffle(generator);
                move_columns(inputs, &mut shuffled, columns, &order);
                Some(score(&shuffled)? - baseline)
            })
            .collect();
        for column in columns {
            shuffled.index_axis_mut(Axis(1), *column).assign(&inputs.index_axis(Axis(1), *column));
        }
        rises.map(|rises| mean_and_deviation(&rises))
    };
    groups.iter().map(&mut importance).collect()
}

/// Gives row i of `shuffled` the values of row `order[i]` of `inputs` in these columns.
fn move_columns(inputs: &Array2<f32>, shuffled: &mut Array2<f32>, columns: &[usize], order: &[usize]) {
    for (mut row, from) in shuffled.outer_iter_mut().zip(order) {
        columns.iter().for_each(|column| row[*column] = inputs[(*from, *column)]);
    }
}

fn mean_and_deviation(values: &[f64]) -> Importance {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
    Importance { mean, std: variance.sqrt() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learning::random::{Purpose, generator};

    /// 200 rows of four columns: two that differ, one that repeats the first, and one of noise.
    fn inputs() -> Array2<f32> {
        Array2::from_shape_fn((200, 4), |(row, column)| {
            let step = [37, 53, 37, 91][column];
            (row * step % 101) as f32 / 101.0
        })
    }

    /// Root mean square of `error` over the rows.
    fn rms(rows: &Array2<f32>, error: impl Fn(&[f32]) -> f32) -> f64 {
        let squares = rows.outer_iter().map(|row| f64::from(error(row.as_slice().expect("row-major"))).powi(2));
        (squares.sum::<f64>() / rows.nrows() as f64).sqrt()
    }

    fn importance(
        score: impl Fn(&Array2<f32>) -> f64,
        groups: &[Vec<usize>],
        repeats: usize,
        seed: u64,
    ) -> Vec<Importance> {
        let mut generator = generator(seed, Purpose::Importance);
        permutation_importance(&mut |rows| Some(score(rows)), &inputs(), groups, repeats, &mut generator)
            .expect("nobody stops it")
    }

    #[test]
    fn a_column_that_matters_ranks_above_one_that_does_not() {
        let truth: Vec<f32> = inputs().outer_iter().map(|row| 3.0 * row[0] + row[1]).collect();
        let score = |rows: &Array2<f32>| {
            let squares = rows.outer_iter().zip(&truth).map(|(row, y)| f64::from(3.0 * row[0] + row[1] - y).powi(2));
            (squares.sum::<f64>() / truth.len() as f64).sqrt()
        };
        let found = importance(score, &[vec![0], vec![1], vec![3]], 5, 1);
        assert!(found[0].mean > 2.0 * found[1].mean && found[1].mean > 0.1, "{found:?}");
        assert_eq!(found[2], Importance { mean: 0.0, std: 0.0 });
        assert!(found[0].std > 0.0 && found[0].std < 0.3 * found[0].mean, "{found:?}");
    }

    #[test]
    fn columns_of_a_group_move_together() {
        // The score asks only whether columns 0 and 2 are still alike.
        let score = |rows: &Array2<f32>| rms(rows, |row| row[0] - row[2]);
        let found = importance(score, &[vec![0, 2], vec![0]], 3, 2);
        assert_eq!(found[0].mean, 0.0);
        assert!(found[1].mean > 0.2, "{found:?}");
    }

    #[test]
    fn every_column_is_put_back_before_the_next_is_shuffled() {
        let original = inputs();
        let changed = std::cell::RefCell::new(Vec::new());
        let score = |rows: &Array2<f32>| {
            let differs = |column: &usize| rows.column(*column) != original.column(*column);
            changed.borrow_mut().push((0..4).filter(differs).collect::<Vec<_>>());
            0.0
        };
        importance(score, &[vec![0], vec![1, 3], vec![2]], 2, 3);
        let seen: Vec<Vec<usize>> = changed.into_inner();
        assert_eq!(seen, [vec![], vec![0], vec![0], vec![1, 3], vec![1, 3], vec![2], vec![2]]);
    }

    #[test]
    fn the_seed_decides() {
        let score = |rows: &Array2<f32>| rms(rows, |row| row[0] - row[2]);
        let found = |seed| importance(score, &[vec![0], vec![2]], 4, seed);
        assert_eq!(found(7), found(7));
        assert_ne!(found(7), found(8));
    }

    #[test]
    fn few_rows_and_no_features_are_no_trouble() {
        let mut generator = generator(0, Purpose::Importance);
        let mut of = |rows: usize, groups: &[Vec<usize>]| {
            let mut score = |rows: &Array2<f32>| Some(rows.nrows() as f64);
            permutation_importance(&mut score, &Array2::zeros((rows, 2)), groups, 2, &mut generator)
        };
        assert_eq!(of(1, &[vec![0], vec![]]), Some(vec![Importance { mean: 0.0, std: 0.0 }; 2]));
        assert_eq!(of(0, &[]), Some(Vec::new()));
    }

    #[test]
    fn it_ends_between_two_scores_when_it_is_told_to() {
        let (mut generator, mut scores) = (generator(0, Purpose::Importance), 0);
        let mut score = |_: &Array2<f32>| {
            scores += 1;
            (scores < 4).then_some(0.0)
        };
        let groups = [vec![0], vec![1], vec![2], vec![3]];
        let found = permutation_importance(&mut score, &inputs(), &groups, 2, &mut generator);
        assert_eq!((found, scores), (None, 4));
    }
}
