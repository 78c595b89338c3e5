//! The history of a job: one entry per epoch.

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
    /// Each so many-th epoch, and always the last one so far.
    pub every: u64,
    /// Most entries of a reply.
    pub limit: usize,
}

/// The entries asked for, and the `after` of the next page, if there is more.
///
/// `history` holds epoch n at index n − 1.
pub fn page(history: &[EpochEntry], query: HistoryQuery) -> (Vec<EpochEntry>, Option<u64>) {
    let last = history.len() as u64;
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
    (epochs.iter().map(|epoch| history[*epoch as usize - 1]).collect(), next_after)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epochs(length: u64, after: u64, every: u64, limit: usize) -> (Vec<u64>, Option<u64>) {
        let report = |epoch| EpochReport { epoch, loss: 0.0, validation_loss: None, learning_rate: 0.1 };
        let history: Vec<EpochEntry> = (1..=length).map(|epoch| EpochEntry::new(&report(epoch), 0.0)).collect();
        let (entries, next) = page(&history, HistoryQuery { after, every, limit });
        (entries.iter().map(|entry| entry.epoch).collect(), next)
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
