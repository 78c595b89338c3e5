//! Rows cut in two.

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
pub(super) fn wanted(rows: usize, share: f64) -> usize {
    match rows {
        0 | 1 => 0,
        rows => ((rows as f64 * share).round() as usize).clamp(1, rows - 1),
    }
}

/// The rows of each class with its label, smallest class first, so that what rounding leaves over falls on the largest.
pub(super) fn strata(rows: usize, labels: Option<&[u32]>) -> Vec<(usize, Vec<usize>)> {
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

    #[test]
    fn the_last_rows_are_never_none_and_never_all() {
        assert_eq!(last(10, 0.25), Split { train: (0..7).collect(), validation: (7..10).collect() });
        assert_eq!((last(3, 0.01).validation, last(3, 0.9).train), (vec![2], vec![0]));
        assert!(last(1, 0.5).validation.is_empty());
    }
}
