//! Rows held out by a hash of their content: each decides for itself, whatever rows stand beside it.

use super::rows::{Split, strata};

/// Rows held out by their hashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ByContent {
    /// The rows.
    pub split: Split,
    /// Of each label (of all rows, where there are no labels) the bound below which a hash holds its row out.
    pub bounds: Vec<u64>,
}

/// The bound below which a hash lies with this probability.
pub fn natural_bound(share: f64) -> u64 {
    // 2⁶⁴, of which f64 holds 53 bits.
    (share * 18_446_744_073_709_551_616.0) as u64
}

/// Holds out the rows whose hash lies below `share` of all hashes, so that a row that is held out once stays so, also when
/// others are added.
///
/// Chance makes that somewhat more or fewer rows than asked. Where it is more than a tenth off, the bound is moved as little as
/// brings it there; a class (`labels` has one for each row) has a bound of its own, fewer than ten rows are rounded exactly,
/// and a row of each class at least is trained on. Rows with equal hashes are never parted, for which a share may be far off.
pub fn by_content(hashes: &[u64], share: f64, labels: Option<&[u32]>) -> ByContent {
    let natural = natural_bound(share);
    let strata = strata(hashes.len(), labels);
    let mut bounds = vec![natural; strata.iter().map(|(label, _)| label + 1).max().unwrap_or(0)];
    let mut held = vec![false; hashes.len()];
    let mut debt = 0.0;
    for (label, members) in strata {
        let mut sorted: Vec<u64> = members.iter().map(|row| hashes[*row]).collect();
        sorted.sort_unstable();
        let wanted = sorted.len() as f64 * share + debt;
        let bound = bound(&sorted, wanted, natural);
        let off = wanted - below(&sorted, bound) as f64;
        debt = if off.abs() <= slack(wanted) { 0.0 } else { off };
        bounds[label] = bound;
        members.iter().for_each(|row| held[*row] = hashes[*row] < bound);
    }
    ByContent { split: Split::of(&held), bounds }
}

/// By how many rows a count may be off. Fewer rows than none are wanted where others have brought too many.
pub(super) fn slack(wanted: f64) -> f64 {
    (wanted / 10.0).floor().max(0.0)
}

fn below(sorted: &[u64], bound: u64) -> usize {
    sorted.partition_point(|hash| *hash < bound)
}

/// The bound below which about `wanted` of the hashes lie, and never all: the natural one where that will do.
fn bound(sorted: &[u64], wanted: f64, natural: u64) -> u64 {
    let (by_nature, slack) = (below(sorted, natural), slack(wanted));
    if (by_nature as f64 - wanted).abs() <= slack && by_nature < sorted.len() {
        return natural;
    }
    let nearest = (by_nature as f64).clamp(wanted - slack, wanted + slack).round().max(0.0) as usize;
    let at = nearest.min(sorted.len() - 1);
    // Between two different hashes: before those that equal the one there, or behind them.
    let (start, end) = (below(sorted, sorted[at]), sorted.partition_point(|hash| *hash <= sorted[at]));
    if end == sorted.len() || at - start <= end - at { sorted[at] } else { sorted[end] }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn hashes(seed: u64, rows: usize) -> Vec<u64> {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        (0..rows).map(|_| random.random()).collect()
    }

    #[test]
    fn classes_of_two_rows_do_not_ask_for_fewer_rows_than_none() {
        for seed in 0..20 {
            let hashes = hashes(seed, 6012);
            let labels: Vec<u32> = (0..6012).map(|row| if row < 12 { row / 2 } else { 6 + row % 2 }).collect();
            for share in [0.05, 0.1, 0.15, 0.2] {
                let held = by_content(&hashes, share, Some(&labels)).split.validation;
                assert!((held.len() as f64 - 6012.0 * share).abs() <= 6012.0 * share / 10.0 + 12.0, "{}", held.len());
                let whole = |class: u32| (2 * class..2 * class + 2).all(|row| held.contains(&(row as usize)));
                assert!(!(0..6).any(whole), "a row of each class is trained on");
            }
        }
    }

    #[test]
    fn the_share_is_kept_within_a_tenth_class_by_class() {
        for (seed, rows, share) in [(1, 150, 0.2), (2, 1000, 0.2), (3, 1000, 0.5), (4, 20_000, 0.15), (5, 43, 0.1)] {
            let hashes = hashes(seed, rows);
            let labels: Vec<u32> = (0..rows as u32).map(|row| u32::from(row % 7 == 0)).collect();
            let held = by_content(&hashes, share, Some(&labels)).split.validation;
            for label in 0..2 {
                let all = labels.iter().filter(|other| **other == label).count() as f64 * share;
                let count = held.iter().filter(|row| labels[**row] == label).count() as f64;
                assert!((count - all).abs() <= (all / 10.0).max(1.0), "{count} of {all} in {label} of {rows}");
            }
            let count = by_content(&hashes, share, None).split.validation.len() as f64;
            assert!((count - rows as f64 * share).abs() <= (rows as f64 * share / 10.0).max(1.0), "{count}");
        }
    }

    #[test]
    fn a_row_that_was_held_out_stays_so_when_others_come() {
        let all = hashes(1, 6000);
        let first = by_content(&all[..5000], 0.2, None).split;
        let later = by_content(&all, 0.2, None).split;
        let old: Vec<usize> = later.validation.into_iter().filter(|row| *row < 5000).collect();
        assert_eq!(old, first.validation);
        // The rows of a smaller share are among those of a larger one.
        let fewer = by_content(&all, 0.15, None).split;
        assert!(fewer.validation.iter().all(|row| *row >= 5000 || first.validation.contains(row)));
        // In a small table, where chance is put right, nearly all of them.
        let (few, more) = (by_content(&all[..150], 0.2, None).split, by_content(&all[..165], 0.2, None).split);
        let kept = few.validation.iter().filter(|row| more.validation.contains(row)).count();
        assert!(kept + 4 >= few.validation.len(), "{kept} of {}", few.validation.len());
    }

    #[test]
    fn copies_are_never_parted() {
        // 40 different rows, each of them 25 times.
        let different = hashes(1, 40);
        let all: Vec<u64> = (0..1000).map(|row| different[row % 40]).collect();
        let split = by_content(&all, 0.2, None).split;
        assert!((175..=225).contains(&split.validation.len()), "{}", split.validation.len());
        assert!(split.validation.iter().all(|row| split.validation.contains(&(row % 40))));
        // One row, over and over: nothing can be held out.
        assert!(by_content(&[7; 50], 0.2, None).split.validation.is_empty());
    }

    #[test]
    fn few_rows_are_rounded_and_a_class_of_one_is_trained_on() {
        for seed in 0..50 {
            let hashes = hashes(seed, 10);
            assert_eq!(by_content(&hashes, 0.2, None).split.validation.len(), 2);
            let labels = [0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
            let split = by_content(&hashes, 0.5, Some(&labels)).split;
            assert!(split.train.contains(&9) && split.validation.len() == 5, "{split:?}");
        }
    }
}
