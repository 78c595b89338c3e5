//! Whole groups held out, by the hash of what names them.

use super::bound::{natural_bound, slack};
use super::rows::Split;

/// Groups held out by the hashes of their keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ByGroup {
    /// The rows.
    pub split: Split,
    /// Groups whose hash lies below are held out …
    pub below: u64,
    /// … but these, which are too large for that.
    pub spared: Vec<u64>,
    /// How many groups there are.
    pub groups: usize,
    /// How many of them are held out.
    pub held: usize,
}

/// Holds out whole groups: those whose key's hash lies below `share` of all hashes. Where that is more than a tenth off the
/// rows that were asked for, the bound is moved to where it comes nearest. A group of more rows than are wanted is trained on,
/// but where all are: then the smallest is held out. Rows without a key are trained on. `None`: there are fewer than two groups.
pub fn by_group(keys: &[Option<u64>], share: f64) -> Option<ByGroup> {
    let groups = sizes(keys);
    if groups.len() < 2 {
        return None;
    }
    let wanted = groups.iter().map(|group| group.1).sum::<usize>() as f64 * share;
    let fits = |group: &(u64, usize)| group.1 as f64 <= wanted + slack(wanted);
    let mut small: Vec<(u64, usize)> = groups.iter().copied().filter(fits).collect();
    if small.is_empty() {
        small.extend(groups.iter().min_by_key(|(hash, size)| (*size, *hash)));
    }
    let most = small.len().min(groups.len() - 1);
    let natural = natural_bound(share);
    let held = nearest(&small, most, wanted, natural);
    // The natural bound where it lies between the last group held out and the next.
    let (last, next) = (small[held - 1].0, small.get(held).map(|next| next.0));
    let fits = last < natural && next.is_none_or(|next| natural <= next);
    let below = if fits { natural } else { last.saturating_add(1) };
    let spared: Vec<u64> =
        groups.iter().filter(|group| group.0 < below && !small.contains(group)).map(|group| group.0).collect();
    let is_held = |key: &Option<u64>| key.is_some_and(|key| key < below && !spared.contains(&key));
    let split = Split::of(&keys.iter().map(is_held).collect::<Vec<_>>());
    Some(ByGroup { split, below, spared, groups: groups.len(), held })
}

/// The hash of each group in ascending order, and how many rows it has.
pub(super) fn sizes(keys: &[Option<u64>]) -> Vec<(u64, usize)> {
    let mut sorted: Vec<u64> = keys.iter().flatten().copied().collect();
    sorted.sort_unstable();
    sorted.chunk_by(|a, b| a == b).map(|group| (group[0], group.len())).collect()
}

/// How many of the first groups, in the order of their hashes, have about `wanted` rows: one at least, `most` at most.
fn nearest(groups: &[(u64, usize)], most: usize, wanted: f64, natural: u64) -> usize {
    let mut rows = 0;
    let off: Vec<f64> = groups[..most]
        .iter()
        .map(|(_, size)| {
            rows += size;
            (rows as f64 - wanted).abs()
        })
        .collect();
    let by_nature = groups.partition_point(|(hash, _)| *hash < natural);
    if (1..=most).contains(&by_nature) && off[by_nature - 1] <= slack(wanted) {
        return by_nature;
    }
    let best = (0..most).min_by(|a, b| off[*a].total_cmp(&off[*b])).expect("a group at least");
    best + 1
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn keys(sizes: &[usize], seed: u64) -> Vec<Option<u64>> {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut keys: Vec<Option<u64>> = Vec::new();
        for size in sizes {
            let key = random.random();
            keys.extend(std::iter::repeat_n(Some(key), *size));
        }
        keys
    }

    #[test]
    fn groups_stay_whole_and_the_share_comes_near() {
        for seed in 0..20 {
            let all = keys(&[10; 100], seed);
            let found = by_group(&all, 0.2).expect("groups");
            let count = found.split.validation.len();
            assert!(count.is_multiple_of(10) && (180..=220).contains(&count), "{count}");
            assert_eq!((found.groups, found.held), (100, count / 10));
            assert!(found.split.validation.iter().all(|row| found.split.validation.contains(&(row / 10 * 10))));
        }
    }

    #[test]
    fn groups_that_were_held_out_stay_so_when_others_come() {
        let all = keys(&[5; 4000], 1);
        let (first, later) = (by_group(&all[..19_000], 0.2).expect("groups"), by_group(&all, 0.2).expect("groups"));
        let old: Vec<usize> = later.split.validation.into_iter().filter(|row| *row < 19_000).collect();
        assert_eq!((old, first.below), (first.split.validation, later.below));
    }

    #[test]
    fn a_group_that_is_too_large_is_trained_on() {
        for seed in 0..20 {
            let mut sizes = vec![10; 40];
            sizes.push(600);
            let all = keys(&sizes, seed);
            let found = by_group(&all, 0.2).expect("groups");
            assert!(found.split.validation.iter().all(|row| *row < 400));
            assert!((180..=220).contains(&found.split.validation.len()), "{}", found.split.validation.len());
        }
        // Where all are too large, the smallest.
        let found = by_group(&keys(&[500, 300, 400], 3), 0.2).expect("groups");
        assert_eq!((found.split.validation, found.held), ((500..800).collect::<Vec<_>>(), 1));
    }

    #[test]
    fn rows_of_no_group_are_trained_on_and_one_group_is_none() {
        let mut all = keys(&[5; 20], 1);
        all.extend([None; 50]);
        let found = by_group(&all, 0.2).expect("groups");
        assert!(found.split.validation.iter().all(|row| *row < 100));
        assert_eq!(by_group(&[Some(3), Some(3), None], 0.2), None);
    }
}
