//! Conformal prediction: answers with a promise, such as an interval that holds the truth for 9 rows of 10.
//!
//! Split conformal prediction (Vovk, Gammerman & Shafer 2005, "Algorithmic Learning in a Random World"; Lei et al. 2018,
//! "Distribution-Free Predictive Inference for Regression"): a score says how badly an answer fits the truth of a row
//! that training did not see. With q the ⌈(n + 1)·level⌉-th smallest of n scores, the score of a further row is at most q
//! with a probability of at least `level`, whatever the network and the distribution of rows, as long as the rows are
//! exchangeable. Of a regression the score is |y − ŷ|, over how large errors of such answers are ([`error_size`](super::error_size)),
//! and the interval ŷ ± q times that. Of a classifier it is the mass of the classes that are likelier than the true one, and the
//! set of answers all classes with at most q before them (Romano, Sesia & Candès 2020, "Classification with Valid and Adaptive
//! Coverage", without the random part: the likeliest class is always in it, and the same row has the same set). Quantiles are of
//! parts of the rows ([`parts`](super::parts)), so that the promise holds for answers large and small, sure and unsure.
//!
//! Versions of earlier releases have scores of all rows together, |y − ŷ| and 1 − p(true class): the interval is ŷ ± q, and the
//! set of answers all classes with 1 − p ≤ q (Sadinle, Lei & Wasserman 2019).
//!
//! Where rows have weights, they stand for a distribution that has rows by their weights, and the promise is made for that one:
//! q is the least score that, with the smaller ones, has (n + 1)·level/n of all weight (Tibshirani, Foygel Barber, Candès &
//! Ramdas 2019, "Conformal Prediction Under Covariate Shift", with the mean weight for that of the further row, which nobody
//! knows).
//!
//! ```
//! use epochd::learning::conformal::Scores;
//!
//! // Nine errors of a regression: the ⌈10 · 0.8⌉ = 8th smallest bounds the next one in 8 cases of 10.
//! let errors = vec![0.9, 0.1, 0.8, 0.2, 0.7, 0.3, 0.6, 0.4, 0.5];
//! let scores = Scores::new(errors, 1000);
//! assert_eq!(scores.quantile(0.8), Some(0.8));
//! assert_eq!(scores.quantile(0.95), None);
//! assert_eq!(Scores::rows_needed(0.95), 19);
//! ```

use super::row_weights::RowWeights;

/// Differences from a whole rank that are only rounding: 0.07 · 100 is a little more than 7 in binary.
const ROUNDING: f64 = 1e-9;

/// Scores of rows that training did not see, sorted ascending.
///
/// Of many scores some order statistics are kept, evenly spaced in rank and with the largest among them. A quantile is
/// then the next kept one at or above its rank: never too small, and by less than 1/kept too far up.
#[derive(Clone, Debug, PartialEq)]
pub struct Scores {
    /// The order statistics of ranks ⌈(j + 1)·count/kept⌉ for j from 0.
    values: Vec<f32>,
    /// n, of all scores.
    count: usize,
}

impl Scores {
    /// The scores in any order, of which at most `most` are kept. What is not a number counts as the worst score.
    ///
    /// # Panics
    /// If `most` is 0.
    pub fn new(mut scores: Vec<f32>, most: usize) -> Self {
        assert!(most > 0, "room for a score");
        scores.iter_mut().filter(|score| score.is_nan()).for_each(|score| *score = f32::INFINITY);
        scores.sort_unstable_by(f32::total_cmp);
        let count = scores.len();
        let values = match count <= most {
            true => scores,
            false => (1..=most).map(|j| scores[ceiling(j, count, most) - 1]).collect(),
        };
        Scores { values, count }
    }

    /// The same of rows that count by their weights.
    ///
    /// # Panics
    /// If `most` is 0.
    pub fn weighted(scores: Vec<f32>, weights: RowWeights, most: usize) -> Self {
        let Some(weights) = weights.given() else { return Scores::new(scores, most) };
        assert!(most > 0, "room for a score");
        let worst = |score: f32| if score.is_nan() { f32::INFINITY } else { score };
        let mut pairs: Vec<(f32, f32)> = scores.into_iter().map(worst).zip(weights.iter().copied()).collect();
        pairs.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let (count, total) = (pairs.len(), pairs.iter().map(|(_, weight)| f64::from(*weight)).sum::<f64>());
        let kept = count.min(most);
        let (mut values, mut reached) = (Vec::with_capacity(kept), 0.0);
        for (score, weight) in pairs {
            reached += f64::from(weight);
            // What has a rank among rows that count alike has this share of all weight.
            let share = |rank: usize| (rank as f64 - ROUNDING * count as f64) / count as f64 * total;
            while values.len() < kept && reached >= share(ceiling(values.len() + 1, count, kept)) {
                values.push(score);
            }
        }
        Scores { values, count }
    }

    /// Scores as [`Scores::values`] and [`Scores::count`] told them, from a file. `None` if they cannot be so.
    pub fn from_sorted(values: Vec<f32>, count: usize) -> Option<Self> {
        let sorted = values.is_sorted() && values.iter().all(|score| *score >= 0.0);
        let fits = values.len() <= count && values.is_empty() == (count == 0);
        (sorted && fits).then_some(Scores { values, count })
    }

    /// The order statistics that are kept, ascending.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// How many scores there were before any were left out.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The score that a further row stays within with a probability of at least `level` (between 0 and 1): the
    /// ⌈(n + 1)·level⌉-th smallest of n. `None` if there are fewer than [`Scores::rows_needed`].
    pub fn quantile(&self, level: f64) -> Option<f32> {
        let rank = rank(self.count, level).filter(|rank| *rank <= self.count)?;
        // The first kept one of at least this rank: the least j with ⌈(j + 1)·count/kept⌉ ≥ rank.
        let index = (rank - 1) as u128 * self.values.len() as u128 / self.count as u128;
        Some(self.values[index as usize])
    }

    /// The quantile of several sets of scores together.
    pub(super) fn quantile_of_all(sets: &[Scores], level: f64) -> Option<f32> {
        let count = sets.iter().map(|scores| scores.count).sum();
        let rank = rank(count, level).filter(|rank| *rank <= count)?;
        // A kept score stands for itself and those between it and the one before.
        let kept = |scores: &Scores| scores.count as f64 / scores.values.len().max(1) as f64;
        let mut all: Vec<(f32, f64)> =
            sets.iter().flat_map(|scores| scores.values.iter().map(|value| (*value, kept(scores)))).collect();
        all.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let mut reached = 0.0;
        let found = all.iter().find(|(_, stands_for)| {
            reached += stands_for;
            reached >= rank as f64 - ROUNDING * count as f64
        });
        found.or(all.last()).map(|(value, _)| *value)
    }

    /// The least number of scores that have a quantile at `level`: 9 for 0.9, 19 for 0.95. `usize::MAX` if no number
    /// of rows that could be had has one.
    pub fn rows_needed(level: f64) -> usize {
        if level.is_nan() || level > 1.0 - ROUNDING {
            return usize::MAX;
        }
        let enough = |rows: usize| rank(rows, level).is_some_and(|rank| rank <= rows);
        let mut rows = ((level / (1.0 - level)).ceil() as usize).max(1);
        while !enough(rows) {
            rows += 1;
        }
        while rows > 1 && enough(rows - 1) {
            rows -= 1;
        }
        rows
    }
}

/// The classes of a row, likeliest first, each with the sum of the probabilities before it: a score of the class if it is the true
/// one. Of classes that are as likely, the first comes first.
pub fn ranked(probabilities: &[f32]) -> Vec<(usize, f32)> {
    let mut order: Vec<usize> = (0..probabilities.len()).collect();
    order.sort_by(|a, b| probabilities[*b].total_cmp(&probabilities[*a]));
    let mut sum = 0.0;
    let with_sum = |class: usize| {
        let before = sum;
        sum += f64::from(probabilities[class]);
        (class, before as f32)
    };
    order.into_iter().map(with_sum).collect()
}

/// ⌈(rows + 1)·level⌉, at least 1; `None` if `level` is not a number.
fn rank(rows: usize, level: f64) -> Option<usize> {
    let rank = (rows as f64 + 1.0) * level;
    (!level.is_nan()).then(|| ((rank - ROUNDING).ceil() as usize).max(1))
}

/// ⌈factor·rows/parts⌉
fn ceiling(factor: usize, rows: usize, parts: usize) -> usize {
    (factor as u128 * rows as u128).div_ceil(parts as u128) as usize
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;
    use crate::learning::random::{Generator, Purpose, generator};

    fn tenths(count: usize) -> Scores {
        Scores::new((1..=count).rev().map(|i| i as f32 / 10.0).collect(), 1000)
    }

    #[test]
    fn weights_count_as_repeated_rows() {
        for seed in 0..40 {
            let mut generator = generator(seed, Purpose::Split);
            let scores: Vec<f32> = (0..60).map(|_| generator.random()).collect();
            let times: Vec<usize> = (0..60).map(|row| 1 + (row * 7 + seed as usize) % 4).collect();
            let weights: Vec<f32> = times.iter().map(|times| *times as f32 * 0.37).collect();
            let weighted = Scores::weighted(scores.clone(), RowWeights::of(&weights), 1000);
            assert_eq!((weighted.count(), weighted.values().len()), (60, 60));
            let repeated = scores.iter().zip(&times).flat_map(|(score, times)| std::iter::repeat_n(*score, *times));
            let repeated = Scores::new(repeated.collect(), 1000);
            for level in [0.5, 0.8, 0.9] {
                // Of n rows the rank is (n + 1)·level: of repeated ones the same share is asked of more rows.
                let share = (60.0 + 1.0) * level / 60.0;
                let rank = (share * repeated.count() as f64 - ROUNDING).ceil() as usize;
                let (ours, exact) = (weighted.quantile(level).expect("enough"), repeated.values()[rank - 1]);
                assert!(ours >= exact && weighted.values().iter().all(|score| *score <= exact || *score >= ours));
            }
            let alike = Scores::weighted(scores.clone(), RowWeights::of(&[3.0; 60]), 17);
            assert_eq!(alike, Scores::new(scores, 17));
        }
    }

    #[test]
    fn quantiles_of_small_sets_are_exact() {
        let nine = tenths(9);
        // (9 + 1)·0.9 = 9: the largest; (9 + 1)·0.91 = 9.1, rounded up 10: there is none.
        assert_eq!(nine.quantile(0.9), Some(0.9));
        assert_eq!(nine.quantile(0.91), None);
        assert_eq!(nine.quantile(0.5), Some(0.5));
        assert_eq!(nine.quantile(0.51), Some(0.6));
        assert_eq!(nine.quantile(0.0), Some(0.1));
        assert_eq!(nine.quantile(1.0), None);
        assert_eq!(nine.quantile(f64::NAN), None);
        // 0.07 · 100 = 7.000000000000001 in binary.
        assert_eq!(tenths(99).quantile(0.07), Some(0.7));
        assert_eq!(Scores::new(Vec::new(), 10).quantile(0.5), None);
    }

    #[test]
    fn the_rows_a_level_needs_are_the_first_with_a_quantile() {
        assert_eq!([0.5, 0.8, 0.9, 0.95, 0.99, 0.999].map(Scores::rows_needed), [1, 4, 9, 19, 99, 999]);
        for level in [0.001, 0.3, 0.5, 0.66, 0.8, 0.9, 0.925, 0.95, 0.99, 0.997] {
            let rows = Scores::rows_needed(level);
            assert!(tenths(rows).quantile(level).is_some() && tenths(rows - 1).quantile(level).is_none(), "{level}");
        }
        assert_eq!([Scores::rows_needed(1.0), Scores::rows_needed(f64::NAN)], [usize::MAX; 2]);
    }

    #[test]
    fn thinned_scores_give_the_same_or_the_next_larger_quantile() {
        for (count, most) in [(1000, 10), (1000, 7), (997, 100), (101, 100), (50, 50), (3, 1)] {
            let scores: Vec<f32> = (1..=count).map(|i| i as f32).collect();
            let (all, thinned) = (Scores::new(scores.clone(), count), Scores::new(scores, most));
            assert!(thinned.values().len() == most && thinned.count() == count);
            for level in (1..100).map(|percent| f64::from(percent) / 100.0) {
                let (exact, kept) = (all.quantile(level), thinned.quantile(level));
                assert_eq!(exact.is_some(), kept.is_some(), "{count} {most} {level}");
                let off = kept.zip(exact).map_or(0.0, |(kept, exact)| kept - exact);
                assert!((0.0..=(count as f32 / most as f32).ceil()).contains(&off), "{count} {most} {level}: {off}");
            }
        }
    }

    #[test]
    fn what_is_no_number_is_the_worst_score() {
        let scores = Scores::new(vec![f32::NAN, 0.5, -f32::NAN], 10);
        assert_eq!(scores.values(), [0.5, f32::INFINITY, f32::INFINITY]);
    }

    #[test]
    fn scores_of_a_file_are_checked() {
        let scores = Scores::new((0..500).map(|i| (i * 7 % 31) as f32).collect(), 100);
        assert_eq!(Scores::from_sorted(scores.values().to_vec(), scores.count()), Some(scores));
        for (rows, kept) in [(1, vec![1.0, 2.0]), (2, vec![2.0, 1.0]), (2, vec![]), (0, vec![1.0]), (1, vec![f32::NAN])]
        {
            assert_eq!(Scores::from_sorted(kept, rows), None);
        }
    }

    #[test]
    fn the_score_of_a_class_is_the_mass_before_it() {
        assert_eq!(ranked(&[0.25, 0.5, 0.25, 0.0]), [(1, 0.0), (0, 0.5), (2, 0.75), (3, 1.0)]);
        assert_eq!(ranked(&[0.25, 0.75]), [(1, 0.0), (0, 0.75)]);
    }

    /// Squared, skewed numbers of a seeded generator.
    fn draws(generator: &mut Generator, count: usize) -> Vec<f32> {
        (0..count).map(|_| (1.0 / (1.001 - generator.random::<f32>())).powi(2)).collect()
    }

    #[test]
    fn coverage_is_what_the_level_says() {
        for (rows, most) in [(39, 1000), (199, 1000), (2000, 500)] {
            for level in [0.5, 0.8, 0.9, 0.95] {
                let (mut covered, mut tried) = (0, 0);
                for seed in 0..400 {
                    let mut generator = generator(seed, Purpose::Split);
                    let scores = Scores::new(draws(&mut generator, rows), most);
                    let quantile = scores.quantile(level).expect("enough rows");
                    let further = draws(&mut generator, 50);
                    covered += further.iter().filter(|score| **score <= quantile).count();
                    tried += further.len();
                }
                let coverage = covered as f64 / tried as f64;
                assert!((coverage - level).abs() < 0.02, "{rows} rows at {level}: {coverage}");
            }
        }
    }
}
