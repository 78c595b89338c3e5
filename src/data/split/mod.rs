//! Which rows are held out for validation, and how that is told again of rows that come later.
//!
//! | by | held out | share |
//! |---|---|---|
//! | [`by_content`] | rows whose hash lies below the share of all hashes | kept within a tenth of what was asked, class by class |
//! | [`by_group`] | whole groups, by the hash of their key | as near as whole groups allow |
//! | [`latest`] | the latest rows; those of one time stay together | as near as times allow |
//! | [`last`] | the last rows | exact |

mod bound;
pub mod content;
mod groups;
mod held_out;
mod rule;
mod time;

use rand::Rng;
use rand::seq::SliceRandom;

pub use bound::{ByContent, by_content};
pub use groups::{ByGroup, by_group};
pub use held_out::HeldOut;
pub use rule::{MAX_SPARED, Rule, group_keys};
pub use time::{Latest, Order, latest, order};

/// Rows to train on and rows to validate on, both in ascending order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Split {
    /// Rows to train on.
    pub train: Vec<usize>,
    /// Rows held out.
    pub validation: Vec<usize>,
}

impl Split {
    /// Of as many rows as `held` has entries: those held out are true.
    pub fn of(held: &[bool]) -> Self {
        let (validation, train) = (0..held.len()).partition(|row| held[*row]);
        Split { train, validation }
    }
}

/// Holds out the last `share` of `rows`: one row at least, and not all.
pub fn last(rows: usize, share: f64) -> Split {
    let from = rows - wanted(rows, share);
    Split { train: (0..from).collect(), validation: (from..rows).collect() }
}

/// How many of `rows` rows are a share of them: where there are two, neither none nor all.
fn wanted(rows: usize, share: f64) -> usize {
    match rows {
        0 | 1 => 0,
        rows => ((rows as f64 * share).round() as usize).clamp(1, rows - 1),
    }
}

/// Holds out `share` of `rows` by lot, as releases did that knew no other way: their jobs that are still open go on with the
/// rows that they began with.
///
/// With `labels` (a class for each row) each class gives its share, rounded so that the whole comes out right, and keeps at
/// least one row to train on.
pub fn by_lot(rows: usize, share: f64, labels: Option<&[u32]>, generator: &mut impl Rng) -> Split {
    let mut held = vec![false; rows];
    let mut debt = 0.0;
    for (_, mut members) in strata(rows, labels) {
        members.shuffle(generator);
        let wanted = members.len() as f64 * share + debt;
        let count = (wanted.round().max(0.0) as usize).min(members.len() - 1);
        debt = wanted - count as f64;
        members[..count].iter().for_each(|row| held[*row] = true);
    }
    Split::of(&held)
}

/// The rows of each class with its label, smallest class first, so that what rounding leaves over falls on the largest.
fn strata(rows: usize, labels: Option<&[u32]>) -> Vec<(usize, Vec<usize>)> {
    let Some(labels) = labels else { return (rows > 0).then(|| (0, (0..rows).collect())).into_iter().collect() };
    let classes = labels.iter().max().map_or(0, |most| *most as usize + 1);
    let mut strata: Vec<_> = (0..classes).map(|label| (label, Vec::new())).collect();
    labels.iter().enumerate().for_each(|(row, label)| strata[*label as usize].1.push(row));
    strata.retain(|(_, members)| !members.is_empty());
    strata.sort_by_key(|(_, members)| members.len());
    strata
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn every_class_gives_its_share_and_no_row_is_lost() {
        let labels: Vec<u32> = (0..1000).map(|row| if row % 10 == 0 { 1 } else { 0 }).collect();
        let split = by_lot(1000, 0.2, Some(&labels), &mut ChaCha8Rng::seed_from_u64(1));
        let held = |class| split.validation.iter().filter(|row| labels[**row] == class).count();
        assert_eq!((held(0), held(1)), (180, 20));
        assert_eq!(split.train.len(), 800);
        assert!(split.train.iter().all(|row| !split.validation.contains(row)));
    }

    #[test]
    fn a_class_of_one_row_is_trained_on() {
        let mut labels = vec![0; 9];
        labels.push(1);
        let split = by_lot(10, 0.5, Some(&labels), &mut ChaCha8Rng::seed_from_u64(1));
        assert!(split.train.contains(&9));
        assert_eq!(split.validation.len(), 5);
    }

    #[test]
    fn the_last_rows_are_never_none_and_never_all() {
        assert_eq!(last(10, 0.25), Split { train: (0..7).collect(), validation: (7..10).collect() });
        assert_eq!((last(3, 0.01).validation, last(3, 0.9).train), (vec![2], vec![0]));
        assert!(last(1, 0.5).validation.is_empty());
    }
}
