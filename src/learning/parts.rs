//! Conformal scores by parts of the rows, so that a promise holds in each part and not only overall.
//!
//! Mondrian conformal prediction (Vovk, Lindsay, Nouretdinov & Gammerman 2003, "Mondrian Confidence Machine"): rows are parted
//! by something that is known before the truth is, here by how large or how sure the answer is, and each part has quantiles of its own.
//!
//! ```
//! use epochd::learning::parts::Parts;
//! use epochd::learning::row_weights::RowWeights;
//!
//! // The upper half of the answers is off by ten times as much.
//! let answers: Vec<f64> = (0..200).map(f64::from).collect();
//! let errors = (0..200).map(|row| if row < 100 { 0.1 } else { 1.0 }).collect();
//! let parts = Parts::new(&answers, errors, RowWeights::ALIKE, 1000);
//! let quantiles = parts.quantiles(0.9).expect("rows enough");
//! assert_eq!([3.0, 150.0].map(|answer| quantiles[parts.part(answer)]), [0.1, 1.0]);
//! ```

use super::conformal::Scores;
use super::row_weights::RowWeights;
use super::tiling::share_range;

/// Most parts, and rows that each has at least, if there are several: with so many, levels up to 0.99 have a quantile.
const MOST_PARTS: usize = 4;
const PART_ROWS: usize = 100;

/// Scores of rows that training did not see, in parts of about as many rows each.
#[derive(Clone, Debug, PartialEq)]
pub struct Parts {
    /// Where each part but the last ends: it has the rows whose number is less.
    bounds: Vec<f64>,
    /// Of each part at least one score.
    scores: Vec<Scores>,
}

impl Parts {
    /// The parts of rows by their `numbers`, with the `scores` of these rows, of which at most `most` are kept.
    ///
    /// # Panics
    /// If there is not a score for each number, or `most` is less than there are parts.
    pub fn new(numbers: &[f64], scores: Vec<f32>, weights: RowWeights, most: usize) -> Self {
        assert_eq!(numbers.len(), scores.len(), "a score for each row");
        let bounds = bounds(numbers);
        let count = bounds.len() + 1;
        let mut rows = vec![Vec::new(); count];
        numbers.iter().enumerate().for_each(|(row, number)| rows[part(&bounds, *number)].push(row));
        let of_part = |rows: &Vec<usize>| {
            let scores = rows.iter().map(|row| scores[*row]).collect();
            Scores::weighted(scores, RowWeights::from(weights.select(rows).as_deref()), most / count)
        };
        Parts { scores: rows.iter().map(of_part).collect(), bounds }
    }

    /// Parts of a file. `None` if they cannot be so.
    pub fn of(bounds: Vec<f64>, scores: Vec<Scores>) -> Option<Self> {
        let ascend = bounds.is_sorted_by(|a, b| a < b) && bounds.iter().all(|bound| bound.is_finite());
        (ascend && scores.len() == bounds.len() + 1 && scores.len() <= MOST_PARTS).then_some(Parts { bounds, scores })
    }

    /// Where each part but the last ends.
    pub fn bounds(&self) -> &[f64] {
        &self.bounds
    }

    /// The scores of each part.
    pub fn scores(&self) -> &[Scores] {
        &self.scores
    }

    /// How many rows there were in all parts.
    pub fn count(&self) -> usize {
        self.scores.iter().map(Scores::count).sum()
    }

    /// The part of a row with this number.
    pub fn part(&self, number: f64) -> usize {
        part(&self.bounds, number)
    }

    /// The quantile of each part at `level`: see [`Scores::quantile`]. Parts that have too few rows for it have that of all rows.
    /// `None` if there are too few of these, too.
    pub fn quantiles(&self, level: f64) -> Option<Vec<f32>> {
        let of_parts: Vec<Option<f32>> = self.scores.iter().map(|scores| scores.quantile(level)).collect();
        let of_all = if of_parts.contains(&None) { Some(Scores::quantile_of_all(&self.scores, level)?) } else { None };
        of_parts.into_iter().map(|of_part| of_part.or(of_all)).collect()
    }
}

fn part(bounds: &[f64], number: f64) -> usize {
    bounds.partition_point(|bound| *bound <= number)
}

/// The numbers that part these into as many parts of as many rows as there may be; fewer where many rows have one number.
fn bounds(numbers: &[f64]) -> Vec<f64> {
    let mut sorted = numbers.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let (rows, count) = (sorted.len(), (sorted.len() / PART_ROWS).clamp(1, MOST_PARTS));
    let (mut bounds, mut begin) = (Vec::new(), 0);
    for index in 1..count {
        let bound = sorted[share_range(rows, count, index).start];
        let end = sorted.partition_point(|number| *number < bound);
        if bound.is_finite() && end - begin >= PART_ROWS && rows - end >= PART_ROWS {
            bounds.push(bound);
            begin = end;
        }
    }
    bounds
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(numbers: &[f64], most: usize) -> Parts {
        Parts::new(numbers, (0..numbers.len()).map(|row| row as f32).collect(), RowWeights::ALIKE, most)
    }

    #[test]
    fn parts_are_of_as_many_rows_and_have_quantiles_of_their_own() {
        let numbers: Vec<f64> = (0..800).map(f64::from).collect();
        let parts = parts(&numbers, 4000);
        assert_eq!(parts.bounds(), [200.0, 400.0, 600.0]);
        assert_eq!(
            [-1.0, 0.0, 199.0, 200.0, 599.5, 600.0, 1e9].map(|number| parts.part(number)),
            [0, 0, 0, 1, 2, 3, 3]
        );
        // ⌈201 · 0.9⌉ = 181: the 181st smallest of 200.
        assert_eq!(parts.quantiles(0.9), Some(vec![180.0, 380.0, 580.0, 780.0]));
        assert_eq!((parts.count(), Parts::of(parts.bounds.clone(), parts.scores.clone())), (800, Some(parts)));
    }

    #[test]
    fn a_level_that_needs_more_rows_than_a_part_has_goes_by_all() {
        let numbers: Vec<f64> = (0..400).map(f64::from).collect();
        for most in [4000, 40] {
            let parts = parts(&numbers, most);
            // 0.995 needs 199 rows; ⌈401 · 0.995⌉ = 399: the 399th smallest of 400, or of ten kept in each part the largest.
            let expected = if most == 4000 { 398.0 } else { 399.0 };
            assert_eq!(parts.quantiles(0.995), Some(vec![expected; 4]), "{most}");
            assert_eq!(parts.quantiles(0.9999), None);
        }
    }

    #[test]
    fn rows_of_one_number_are_of_one_part() {
        let counts = |numbers: &[f64]| parts(numbers, 4000).scores.iter().map(Scores::count).collect::<Vec<_>>();
        assert_eq!(counts(&[1.0; 800]), [800]);
        assert_eq!(counts(&[[1.0; 500], [2.0; 500]].concat()), [500, 500]);
        assert_eq!(counts(&[vec![1.0; 950], vec![2.0; 50]].concat()), [1000], "too few for a part");
        assert_eq!(counts(&[]), [0]);
        assert_eq!(counts(&(0..250).map(f64::from).collect::<Vec<_>>()), [125, 125]);
    }

    #[test]
    fn parts_of_a_file_are_checked() {
        let scores = |count| vec![Scores::new(vec![1.0], 1); count];
        assert!(Parts::of(vec![1.0, 2.0], scores(3)).is_some());
        for (bounds, count) in [(vec![1.0], 1), (vec![1.0, 1.0], 3), (vec![f64::NAN], 2), (vec![1.0, 2.0, 3.0, 4.0], 5)]
        {
            assert!(Parts::of(bounds, scores(count)).is_none());
        }
    }
}
