//! The latest rows held out, and whether rows stand in the order of their times.

use super::rows::{Split, wanted};

/// Rows stand in an order only if they have so many different times: few are in some order by chance.
const LEAST_TIMES: usize = 10;
/// Of the rows at most one in so many may be without a time.
const MISSING_ONE_IN: usize = 20;
/// Of the steps from row to row at most one in so many may go the other way: rows that came late, or shops one behind the other.
const BACK_ONE_IN: usize = 50;

/// The latest rows held out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Latest {
    /// The rows.
    pub split: Split,
    /// The first time held out, in microseconds since 1970 UTC.
    pub from: i64,
    /// Rows without a time, which are trained on.
    pub missing: usize,
}

/// Holds out about the latest `share` of the rows that have a time. Rows of one time stay together; rows without one are
/// trained on. `None`: there are fewer than two times.
pub fn latest(times: &[Option<i64>], share: f64) -> Option<Latest> {
    let mut sorted: Vec<i64> = times.iter().flatten().copied().collect();
    sorted.sort_unstable();
    if sorted.first() == sorted.last() {
        return None;
    }
    let wanted = wanted(sorted.len(), share);
    let at = sorted.len() - wanted;
    let start = sorted.partition_point(|time| *time < sorted[at]);
    let end = sorted.partition_point(|time| *time <= sorted[at]);
    let first = if start == 0 || (end < sorted.len() && end - at < at - start) { end } else { start };
    let from = sorted[first];
    let held: Vec<bool> = times.iter().map(|time| time.is_some_and(|time| time >= from)).collect();
    Some(Latest { split: Split::of(&held), from, missing: times.len() - sorted.len() })
}

/// In which order rows stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The earliest first.
    Ascending,
    /// The latest first.
    Descending,
}

/// Whether rows stand in the order of these times, but for few: those that have one, ties in any order.
pub fn order(times: impl Iterator<Item = Option<i64>>) -> Option<Order> {
    let (mut rising, mut falling, mut missing, mut rows) = (0, 0, 0, 0);
    let mut before = None;
    for time in times {
        rows += 1;
        let Some(time) = time else {
            missing += 1;
            continue;
        };
        rising += usize::from(before.is_some_and(|before| before < time));
        falling += usize::from(before.is_some_and(|before| before > time));
        before = Some(time);
    }
    let is_mixed = rising.min(falling) * BACK_ONE_IN > rows;
    if is_mixed || missing * MISSING_ONE_IN > rows || rising.max(falling) + 1 < LEAST_TIMES {
        return None;
    }
    Some(if falling < rising { Order::Ascending } else { Order::Descending })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_rows_are_held_out_wherever_they_stand() {
        let times: Vec<Option<i64>> = [5, 1, 9, 3, 7, 2, 8, 4, 6, 0].map(Some).to_vec();
        let found = latest(&times, 0.3).expect("times");
        assert_eq!((found.split.validation, found.from, found.missing), (vec![2, 4, 6], 7, 0));
    }

    #[test]
    fn ties_stay_together_and_missing_times_are_trained_on() {
        let found = |times: &[i64], share| latest(&times.iter().copied().map(Some).collect::<Vec<_>>(), share);
        // Two of ten are wanted; three are nearer than none.
        assert_eq!(found(&[1, 2, 3, 4, 5, 6, 7, 8, 8, 8], 0.2).expect("times").split.validation, [7, 8, 9]);
        // Eight of ten would be held out with the tie, two without it.
        assert_eq!(found(&[1, 2, 5, 5, 5, 5, 5, 5, 8, 9], 0.3).expect("times").split.validation, [8, 9]);
        // All but the last time are one: what is left is held out.
        assert_eq!(found(&[5, 5, 5, 5, 5, 5, 5, 5, 5, 9], 0.4).expect("times").split.validation, [9]);
        assert_eq!(found(&[5, 5, 5], 0.4), None);
        let some = latest(&[Some(1), None, Some(2), Some(3), None], 0.3).expect("times");
        assert_eq!((some.split.train, some.split.validation, some.missing), (vec![0, 1, 2, 4], vec![3], 2));
    }

    #[test]
    fn rows_in_order_are_told_from_others() {
        let rising: Vec<Option<i64>> = (0..40).map(|row| Some(row / 2)).collect();
        assert_eq!(order(rising.iter().copied()), Some(Order::Ascending));
        assert_eq!(order(rising.iter().rev().copied()), Some(Order::Descending));
        let mut swapped = rising.clone();
        swapped.swap(3, 30);
        assert_eq!(order(swapped.iter().copied()), None);
        // One row of sixty came late; three shops stand one behind the other.
        let late = (0..60).map(|row| Some(if row == 40 { 5 } else { row }));
        assert_eq!(order(late), Some(Order::Ascending));
        assert_eq!(order((0..300).map(|row| Some(row % 100))), Some(Order::Ascending));
        assert_eq!(order((0..300).map(|row| Some(row % 20))), None, "fifteen of twenty rows each");
        assert_eq!(order(rising[..8].iter().copied()), None, "too few to tell");
        let mut gaps = rising.clone();
        gaps[5] = None;
        assert_eq!(order(gaps.iter().copied()), Some(Order::Ascending));
        gaps[..10].fill(None);
        assert_eq!(order(gaps.iter().copied()), None, "too many without a time");
    }
}
