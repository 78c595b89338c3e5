//! Which rows are held out for validation.

use rand::Rng;
use rand::seq::SliceRandom;

/// Rows to train on and rows to validate on, both in ascending order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// Rows to train on.
    pub train: Vec<usize>,
    /// Rows held out.
    pub validation: Vec<usize>,
}

/// Holds out `share` of `rows` at random.
///
/// With `labels` (a class for each row) the split is stratified: each class gives its share, rounded so that the whole
/// comes out right, and keeps at least one row to train on.
pub fn split(rows: usize, share: f64, labels: Option<&[u32]>, generator: &mut impl Rng) -> Split {
    let mut held = vec![false; rows];
    let mut debt = 0.0;
    for mut members in strata(rows, labels) {
        members.shuffle(generator);
        let wanted = members.len() as f64 * share + debt;
        let count = (wanted.round().max(0.0) as usize).min(members.len() - 1);
        debt = wanted - count as f64;
        members[..count].iter().for_each(|row| held[*row] = true);
    }
    let (validation, train) = (0..rows).partition(|row| held[*row]);
    Split { train, validation }
}

/// The rows of each class, smallest class first, so that what rounding leaves over falls on the largest.
fn strata(rows: usize, labels: Option<&[u32]>) -> Vec<Vec<usize>> {
    let Some(labels) = labels else { return vec![(0..rows).collect()] };
    let classes = labels.iter().max().map_or(0, |most| *most as usize + 1);
    let mut strata = vec![Vec::new(); classes];
    labels.iter().enumerate().for_each(|(row, label)| strata[*label as usize].push(row));
    strata.retain(|members| !members.is_empty());
    strata.sort_by_key(Vec::len);
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
        let split = split(1000, 0.2, Some(&labels), &mut ChaCha8Rng::seed_from_u64(1));
        let held = |class| split.validation.iter().filter(|row| labels[**row] == class).count();
        assert_eq!((held(0), held(1)), (180, 20));
        assert_eq!(split.train.len(), 800);
        assert!(split.train.iter().all(|row| !split.validation.contains(row)));
    }

    #[test]
    fn a_class_of_one_row_is_trained_on() {
        let mut labels = vec![0; 9];
        labels.push(1);
        let split = split(10, 0.5, Some(&labels), &mut ChaCha8Rng::seed_from_u64(1));
        assert!(split.train.contains(&9));
        assert_eq!(split.validation.len(), 5);
    }
}
