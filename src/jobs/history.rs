//! The history of a job: one entry per epoch, and how entries are stored and paged.

use serde::Serialize;

use crate::learning::report::EpochReport;

/// What an epoch reached, and when.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct EpochEntry {
    /// Counted from 1.
    pub epoch: u64,
    /// Mean loss over the training rows.
    pub loss: f64,
    /// Mean loss over the validation rows.
    pub validation_loss: Option<f64>,
    /// η of the epoch's last batch.
    pub learning_rate: f64,
    /// Since the training started.
    pub elapsed_seconds: f64,
}

impl EpochEntry {
    /// The entry of a report, `elapsed_seconds` after the start.
    pub fn new(report: &EpochReport, elapsed_seconds: f64) -> Self {
        EpochEntry {
            epoch: report.epoch,
            loss: report.loss,
            validation_loss: report.validation_loss,
            learning_rate: report.learning_rate,
            elapsed_seconds,
        }
    }
}

/// Which entries are asked for.
#[derive(Clone, Copy, Debug)]
pub struct HistoryQuery {
    /// Entries after this epoch.
    pub after: u64,
    /// Only epochs whose number this divides, and always the last one so far.
    pub every: u64,
    /// Most entries of a reply.
    pub limit: usize,
}

/// The epochs asked for of a history of `last` epochs, and the `after` of the next page, if there is more.
///
/// ```
/// use epochd::jobs::history::{HistoryQuery, page};
///
/// assert_eq!(page(7, HistoryQuery { after: 0, every: 3, limit: 10 }), (vec![3, 6, 7], None));
/// assert_eq!(page(7, HistoryQuery { after: 0, every: 1, limit: 3 }), (vec![1, 2, 3], Some(3)));
/// ```
pub fn page(last: u64, query: HistoryQuery) -> (Vec<u64>, Option<u64>) {
    let first = (query.after / query.every).saturating_add(1).saturating_mul(query.every);
    let mut epochs: Vec<u64> = Vec::new();
    let mut epoch = first;
    while epoch <= last && epochs.len() <= query.limit {
        epochs.push(epoch);
        epoch = epoch.saturating_add(query.every);
    }
    if epochs.len() <= query.limit && last > query.after && epochs.last() != Some(&last) {
        epochs.push(last);
    }
    let more = epochs.len() > query.limit;
    epochs.truncate(query.limit);
    let next_after = if more { epochs.last().copied() } else { None };
    (epochs, next_after)
}

/// Numbers of a stored entry: loss, validation loss (NaN for none), learning rate, elapsed seconds.
pub const ENTRY_NUMBERS: usize = 4;
/// Bytes of a stored entry; that of epoch n begins at byte (n − 1) times this.
pub const ENTRY_BYTES: u64 = (ENTRY_NUMBERS * size_of::<f64>()) as u64;

/// The numbers of a history, entry after entry.
pub fn to_numbers(history: &[EpochEntry]) -> Vec<f64> {
    let numbers = |entry: &EpochEntry| {
        [entry.loss, entry.validation_loss.unwrap_or(f64::NAN), entry.learning_rate, entry.elapsed_seconds]
    };
    history.iter().flat_map(numbers).collect()
}

/// The entries of `numbers`, the first of which is that of epoch `first`.
pub fn from_numbers(first: u64, numbers: &[f64]) -> Vec<EpochEntry> {
    let entry = |(epoch, numbers): (u64, &[f64])| EpochEntry {
        epoch,
        loss: numbers[0],
        validation_loss: Some(numbers[1]).filter(|loss| !loss.is_nan()),
        learning_rate: numbers[2],
        elapsed_seconds: numbers[3],
    };
    (first..).zip(numbers.chunks_exact(ENTRY_NUMBERS)).map(entry).collect()
}

/// The entries that were stored as `bytes`, the first of which is that of epoch `first`.
pub fn from_bytes(first: u64, bytes: &[u8]) -> Vec<EpochEntry> {
    let number = |b: &[u8]| f64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]);
    from_numbers(first, &bytes.chunks_exact(8).map(number).collect::<Vec<f64>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epochs(length: u64, after: u64, every: u64, limit: usize) -> (Vec<u64>, Option<u64>) {
        page(length, HistoryQuery { after, every, limit })
    }

    #[test]
    fn stored_entries_come_back() {
        let entry = |epoch, validation_loss| EpochEntry {
            epoch,
            loss: 0.1 + 0.2,
            validation_loss,
            learning_rate: 1e-300,
            elapsed_seconds: epoch as f64 / 3.0,
        };
        let history = [entry(1, None), entry(2, Some(0.25)), entry(3, None)];
        let bytes: Vec<u8> = to_numbers(&history).iter().flat_map(|number| number.to_le_bytes()).collect();
        assert_eq!(from_bytes(1, &bytes), history);
        assert_eq!(from_bytes(2, &bytes[ENTRY_BYTES as usize..]), history[1..]);
    }

    #[test]
    fn every_kth_epoch_and_always_the_last() {
        assert_eq!(epochs(7, 0, 3, 10), (vec![3, 6, 7], None));
        assert_eq!(epochs(6, 0, 3, 10), (vec![3, 6], None));
        assert_eq!(epochs(7, 6, 3, 10), (vec![7], None));
        assert_eq!(epochs(7, 7, 1, 10), (vec![], None));
        assert_eq!(epochs(0, 0, 1, 10), (vec![], None));
        assert_eq!(epochs(2, u64::MAX, u64::MAX, 10), (vec![], None));
    }

    #[test]
    fn pages_join_without_gap_or_overlap() {
        assert_eq!(epochs(7, 0, 1, 3), (vec![1, 2, 3], Some(3)));
        assert_eq!(epochs(7, 3, 1, 3), (vec![4, 5, 6], Some(6)));
        assert_eq!(epochs(7, 6, 1, 3), (vec![7], None));
        assert_eq!(epochs(7, 0, 3, 2), (vec![3, 6], Some(6)));
        assert_eq!(epochs(6, 0, 3, 2), (vec![3, 6], None));
    }
}
