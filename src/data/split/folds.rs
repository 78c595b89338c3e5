//! Rows held out fold by fold, by the same hashes as a single share of them: each network learns without one fold.
//!
//! A row's fold is the first whose bound its hash lies below. Bounds follow from shares alone where chance allows, so that a row
//! stays in its fold when others are added.

use std::collections::HashSet;

use super::bound::{natural_bound, slack};
use super::groups::sizes;
use super::rows::strata;

/// Most folds.
pub(super) const MAX_FOLDS: usize = 64;

/// Rows by folds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Folds {
    /// The rows of each fold, in ascending order. Some may be empty.
    pub folds: Vec<Vec<usize>>,
    /// Rows that are in none.
    pub others: Vec<usize>,
}

impl Folds {
    /// Of `count` folds, in one of which or in none each row is.
    pub fn of(count: usize, of_rows: impl Iterator<Item = Option<usize>>) -> Self {
        let mut found = Folds { folds: vec![Vec::new(); count], others: Vec::new() };
        for (row, fold) in of_rows.enumerate() {
            fold.map_or(&mut found.others, |fold| &mut found.folds[fold]).push(row);
        }
        found
    }
}

/// The fold of a hash: the first whose bound it lies below.
pub fn fold_of(hash: u64, bounds: &[u64]) -> Option<usize> {
    Some(bounds.partition_point(|bound| *bound <= hash)).filter(|fold| *fold < bounds.len())
}

/// Puts about `share` of the rows into each of `count` folds, class by class where `labels` has a class for each row. Returns the
/// bounds of each label, too (those of all rows, where there are no labels). Rows with equal hashes are never parted; a class
/// with a single hash is in no fold, and no fold has all of a class, so that every network learns each class.
pub fn folds_by_content(hashes: &[u64], count: usize, share: f64, labels: Option<&[u32]>) -> (Folds, Vec<Vec<u64>>) {
    let natural: Vec<u64> = (1..=count).map(|fold| natural_bound(fold as f64 * share)).collect();
    let strata = strata(hashes.len(), labels);
    let mut bounds = vec![natural.clone(); strata.iter().map(|(label, _)| label + 1).max().unwrap_or(0)];
    let mut of_rows = vec![None; hashes.len()];
    // By how much the folds up to each one are short of rows so far.
    let mut debts = vec![0.0; count];
    for (label, members) in strata {
        let mut sorted: Vec<u64> = members.iter().map(|row| hashes[*row]).collect();
        sorted.sort_unstable();
        let mut least = 0;
        for (fold, debt) in debts.iter_mut().enumerate() {
            let whole = share * sorted.len() as f64;
            let wanted = (whole * (fold + 1) as f64 + *debt).min(sorted.len() as f64);
            let (first, last) = (sorted[0], sorted[sorted.len() - 1]);
            let is_alone = first == last;
            let bound = if is_alone { 0 } else { bound(&sorted, wanted, slack(whole), natural[fold]).max(least) };
            // Never all: a network learns something of each class.
            let bound = if least <= first && bound > last { last } else { bound };
            let off = wanted - sorted.partition_point(|hash| *hash < bound) as f64;
            *debt = if off.abs() <= slack(whole) || is_alone { 0.0 } else { off };
            (bounds[label][fold], least) = (bound, bound);
        }
        members.iter().for_each(|row| of_rows[*row] = fold_of(hashes[*row], &bounds[label]));
    }
    (Folds::of(count, of_rows.into_iter()), bounds)
}

/// The bound below which about `wanted` of the hashes lie: the natural one where that is off by `slack` rows at most.
fn bound(sorted: &[u64], wanted: f64, slack: f64, natural: u64) -> u64 {
    let by_nature = sorted.partition_point(|hash| *hash < natural) as f64;
    if (by_nature - wanted).abs() <= slack {
        return natural;
    }
    let nearest = by_nature.clamp(wanted - slack, wanted + slack).round().max(0.0) as usize;
    let Some(next) = sorted.get(nearest) else { return u64::MAX };
    // Between two different hashes: before those that equal the next one, or behind them.
    let (start, end) = (sorted.partition_point(|hash| hash < next), sorted.partition_point(|hash| hash <= next));
    if nearest - start <= end - nearest { *next } else { sorted.get(end).copied().unwrap_or(u64::MAX) }
}

/// Whole groups by folds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupFolds {
    /// The rows.
    pub folds: Folds,
    /// The bounds of the hashes of the groups' keys.
    pub bounds: Vec<u64>,
    /// Groups that are too large to be held out …
    pub spared: Vec<u64>,
    /// … of so many in all.
    pub groups: usize,
}

/// Puts whole groups with about `share` of the rows into each of `count` folds. A group with more than twice as many rows is in
/// no fold, unless all are so large; nor are rows without a key. `None`: there are fewer than two groups.
pub fn folds_by_group(keys: &[Option<u64>], count: usize, share: f64) -> Option<GroupFolds> {
    let groups = sizes(keys);
    if groups.len() < 2 {
        return None;
    }
    let wanted = groups.iter().map(|group| group.1).sum::<usize>() as f64 * share;
    let is_large = |group: &&(u64, usize)| group.1 as f64 > 2.0 * wanted;
    let large: Vec<u64> = groups.iter().filter(is_large).map(|group| group.0).collect();
    let spared = if large.len() == groups.len() { Vec::new() } else { large };
    let held: Vec<(u64, usize)> = groups.iter().filter(|group| !spared.contains(&group.0)).copied().collect();
    let rows: usize = held.iter().map(|group| group.1).sum();
    // Each fold ends behind the group that brings the rows so far nearest to its share of those that are held out.
    let (mut bounds, mut next, mut so_far) = (Vec::new(), 0, 0);
    for fold in 1..=count {
        let wanted = rows as f64 * (share * fold as f64).min(1.0);
        let fits = |so_far: usize, size: usize| (so_far + size) as f64 - wanted <= wanted - so_far as f64;
        while let Some((_, size)) = held.get(next).filter(|group| fits(so_far, group.1)) {
            (so_far, next) = (so_far + size, next + 1);
        }
        bounds.push(held.get(next).map_or(u64::MAX, |group| group.0));
    }
    let mut found = GroupFolds { folds: Folds::default(), bounds, spared: Vec::new(), groups: groups.len() };
    found.spare(spared, keys);
    Some(found)
}

impl GroupFolds {
    /// Takes these groups out of their folds, too.
    pub fn spare(&mut self, groups: Vec<u64>, keys: &[Option<u64>]) {
        self.spared.extend(groups);
        let spared: HashSet<u64> = self.spared.iter().copied().collect();
        let fold = |key: &Option<u64>| fold_of(key.filter(|key| !spared.contains(key))?, &self.bounds);
        self.folds = Folds::of(self.bounds.len(), keys.iter().map(fold));
    }
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
    fn each_row_is_in_one_fold_and_the_folds_are_alike_class_by_class() {
        for (seed, rows) in [(1, 150), (2, 1000), (3, 4999), (4, 43)] {
            let hashes = hashes(seed, rows);
            let labels: Vec<u32> = (0..rows as u32).map(|row| u32::from(row % 7 == 0)).collect();
            let (found, _) = folds_by_content(&hashes, 5, 0.2, Some(&labels));
            let mut all: Vec<usize> = found.folds.concat();
            all.sort_unstable();
            assert_eq!(all, (0..rows).collect::<Vec<_>>());
            for label in 0..2 {
                let wanted = labels.iter().filter(|other| **other == label).count() as f64 / 5.0;
                for fold in &found.folds {
                    let count = fold.iter().filter(|row| labels[**row] == label).count() as f64;
                    assert!((count - wanted).abs() <= (wanted / 4.0).max(2.0), "{count} of {wanted} in {rows}");
                }
            }
        }
    }

    #[test]
    fn many_small_classes_share_the_folds() {
        let hashes = hashes(5, 60);
        let labels: Vec<u32> = (0..60).map(|row| row / 3).collect();
        let (found, _) = folds_by_content(&hashes, 5, 0.2, Some(&labels));
        let sizes: Vec<usize> = found.folds.iter().map(Vec::len).collect();
        assert!(sizes.iter().all(|size| (9..=15).contains(size)), "{sizes:?}");
        // Two rows of a class are in one fold only where chance has put their hashes side by side; three never are.
        let together =
            |class: usize| found.folds.iter().any(|fold| (0..3).all(|row| fold.contains(&(class * 3 + row))));
        assert!((0..20).all(|class| !together(class)));
    }

    #[test]
    fn no_fold_has_all_rows_of_a_class() {
        for seed in 0..50 {
            let hashes = hashes(seed, 300);
            // Three classes of two rows each beside large ones.
            let labels: Vec<u32> = (0..300).map(|row| if row < 6 { row / 2 } else { 3 + row % 2 }).collect();
            let (found, bounds) = folds_by_content(&hashes, 5, 0.2, Some(&labels));
            for label in 0..5 {
                let of_class: Vec<usize> = (0..300).filter(|row| labels[*row] == label).collect();
                let has_all = |fold: &Vec<usize>| of_class.iter().all(|row| fold.contains(row));
                assert!(!found.folds.iter().any(has_all), "class {label} of seed {seed}");
                let told = |row: &usize| fold_of(hashes[*row], &bounds[label as usize]);
                let place = |row: &usize| found.folds.iter().position(|fold| fold.contains(row));
                assert!(of_class.iter().all(|row| told(row) == place(row)));
            }
        }
    }

    #[test]
    fn a_row_stays_in_its_fold_when_others_come() {
        let all = hashes(1, 6000);
        let (first, _) = folds_by_content(&all[..5000], 5, 0.2, None);
        let (later, _) = folds_by_content(&all, 5, 0.2, None);
        let kept =
            first.folds.iter().zip(&later.folds).flat_map(|(old, new)| old.iter().filter(|row| new.contains(row)));
        assert!(kept.count() > 4900);
    }

    #[test]
    fn copies_are_never_parted_and_a_single_row_of_a_class_is_learned_by_all() {
        let different = hashes(1, 40);
        let all: Vec<u64> = (0..1000).map(|row| different[row % 40]).collect();
        let (found, _) = folds_by_content(&all, 5, 0.2, None);
        assert!(found.folds.iter().all(|fold| fold.iter().all(|row| fold.contains(&(row % 40)))));
        let (found, bounds) = folds_by_content(&hashes(2, 10), 5, 0.2, Some(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 1]));
        assert_eq!((found.others, &bounds[1]), (vec![9], &vec![0; 5]));
        assert_eq!(folds_by_content(&[7; 50], 5, 0.2, None).0.others.len(), 50);
    }

    #[test]
    fn the_bounds_tell_the_folds_again() {
        let hashes = hashes(3, 300);
        let (found, bounds) = folds_by_content(&hashes, 4, 0.15, None);
        for (row, hash) in hashes.iter().enumerate() {
            let place = found.folds.iter().position(|fold| fold.contains(&row));
            assert_eq!(fold_of(*hash, &bounds[0]), place, "{row}");
        }
        assert!((100..=140).contains(&found.others.len()), "{}", found.others.len());
    }

    #[test]
    fn groups_stay_whole_and_large_ones_are_spared() {
        let keys = |sizes: &[usize]| -> Vec<Option<u64>> {
            let of_groups = hashes(7, sizes.len());
            sizes.iter().zip(of_groups).flat_map(|(size, key)| std::iter::repeat_n(Some(key), *size)).collect()
        };
        let all = keys(&[10; 100]);
        let found = folds_by_group(&all, 5, 0.2).expect("groups");
        assert!(found.folds.others.is_empty() && found.groups == 100);
        for fold in &found.folds.folds {
            assert!((190..=210).contains(&fold.len()), "{}", fold.len());
            assert!(fold.iter().all(|row| fold.contains(&(row / 10 * 10))));
        }
        let found = folds_by_group(&keys(&[10, 10, 10, 10, 10, 600]), 5, 0.2).expect("groups");
        assert_eq!((found.folds.others.len(), found.spared.len()), (600, 1));
        // Two groups: two networks learn from the other one each, the others from both.
        let found = folds_by_group(&keys(&[40, 40]), 5, 0.2).expect("groups");
        assert_eq!(found.folds.folds.concat().len(), 80);
        assert_eq!(found.folds.folds.iter().filter(|fold| !fold.is_empty()).count(), 2);
        assert_eq!(folds_by_group(&[Some(3), Some(3), None], 5, 0.2), None);
    }
}
