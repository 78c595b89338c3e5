//! Rows held out by lot, as release 0.1.0 did.

use rand::Rng;
use rand::seq::SliceRandom;

use super::rows::{Split, strata};

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
}
