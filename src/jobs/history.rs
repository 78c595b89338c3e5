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

/// The same of a history of which only these entries are kept: of each `every` epochs the first that is, and the last one.
pub fn page_of(kept: &[EpochEntry], query: HistoryQuery) -> (Vec<EpochEntry>, Option<u64>) {
    let (last, mut before, mut found) = (kept.last().map_or(0, |entry| entry.epoch), 0, Vec::new());
    for entry in kept {
        let multiple = entry.epoch / query.every;
        let is_due = multiple > before || entry.epoch == last;
        before = multiple;
        if is_due && entry.epoch > query.after {
            found.push(*entry);
        }
        if found.len() > query.limit {
            break;
        }
    }
    let more = found.len() > query.limit;
    found.truncate(query.limit);
    let next_after = found.last().filter(|_| more).map(|entry| entry.epoch);
    (found, next_after)
}

/// Epochs that are kept of a longer history once the job has ended, evenly spaced, beside the first, the best and the last.
pub const KEPT_EPOCHS: u64 = 10_000;
/// Numbers of a stored entry: loss, validation loss (NaN for none), learning rate, elapsed seconds.
pub const ENTRY_NUMBERS: usize = 4;
/// Bytes of a stored entry; where every epoch is stored, that of epoch n begins at byte (n − 1) times this.
pub const ENTRY_BYTES: u64 = (ENTRY_NUMBERS * size_of::<f64>()) as u64;
/// Bytes of a stored entry of a thinned history: the epoch's number stands before the others.
const THINNED_BYTES: usize = 8 + ENTRY_BYTES as usize;

/// The numbers of a history, entry after entry.
pub fn to_numbers(history: &[EpochEntry]) -> Vec<f64> {
    history.iter().flat_map(numbers).collect()
}

fn numbers(entry: &EpochEntry) -> [f64; ENTRY_NUMBERS] {
    [entry.loss, entry.validation_loss.unwrap_or(f64::NAN), entry.learning_rate, entry.elapsed_seconds]
}

/// The entries of `numbers`, which are those of `epochs`.
pub fn from_numbers(epochs: impl Iterator<Item = u64>, numbers: &[f64]) -> Vec<EpochEntry> {
    let entry = |(epoch, numbers): (u64, &[f64])| EpochEntry {
        epoch,
        loss: numbers[0],
        validation_loss: Some(numbers[1]).filter(|loss| !loss.is_nan()),
        learning_rate: numbers[2],
        elapsed_seconds: numbers[3],
    };
    epochs.zip(numbers.chunks_exact(ENTRY_NUMBERS)).map(entry).collect()
}

/// The entries that were stored as `bytes`, the first of which is that of epoch `first`, without a gap.
pub fn from_bytes(first: u64, bytes: &[u8]) -> Vec<EpochEntry> {
    let number = |bytes: &[u8; 8]| f64::from_le_bytes(*bytes);
    from_numbers(first.., &bytes.as_chunks().0.iter().map(number).collect::<Vec<f64>>())
}

/// A history as it is stored: as it always was where it has every epoch.
pub fn to_bytes(history: &[EpochEntry], thinned: bool) -> Vec<u8> {
    let bytes = |entry: &EpochEntry| {
        let epoch = thinned.then(|| entry.epoch.to_le_bytes());
        epoch.into_iter().chain(numbers(entry).map(f64::to_le_bytes)).flatten()
    };
    history.iter().flat_map(bytes).collect()
}

/// About how many bytes the history of a job of so many epochs takes once it has ended.
pub fn stored_bytes(epochs: u64) -> u64 {
    if epochs > KEPT_EPOCHS { KEPT_EPOCHS * THINNED_BYTES as u64 } else { epochs * ENTRY_BYTES }
}

/// The entries of a thinned history that was stored as `bytes`; `None` if it breaks off.
pub fn from_thinned(bytes: &[u8]) -> Option<Vec<EpochEntry>> {
    let entry = |bytes: &[u8]| {
        let (epoch, rest) = bytes.split_first_chunk()?;
        from_bytes(u64::from_le_bytes(*epoch), rest).pop()
    };
    let whole = bytes.len().is_multiple_of(THINNED_BYTES);
    bytes.chunks_exact(THINNED_BYTES).map(entry).collect::<Option<_>>().filter(|_| whole)
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
        let bytes = to_bytes(&history, false);
        assert_eq!(from_bytes(1, &bytes), history);
        assert_eq!(from_bytes(2, &bytes[ENTRY_BYTES as usize..]), history[1..]);
        let thinned = [entry(1, None), entry(64, Some(0.25)), entry(1_000_000, None)];
        let bytes = to_bytes(&thinned, true);
        assert_eq!(from_thinned(&bytes).as_deref(), Some(thinned.as_slice()));
        assert_eq!(from_thinned(&bytes[1..]), None);
    }

    #[test]
    fn pages_of_kept_entries_are_those_of_a_whole_history_and_skip_what_is_not_kept() {
        let entry =
            |epoch| EpochEntry { epoch, loss: 0.0, validation_loss: None, learning_rate: 0.1, elapsed_seconds: 0.0 };
        let found = |kept: &[EpochEntry], after, every, limit| {
            let (entries, next) = page_of(kept, HistoryQuery { after, every, limit });
            (entries.iter().map(|entry| entry.epoch).collect::<Vec<u64>>(), next)
        };
        let whole: Vec<EpochEntry> = (1..=7).map(entry).collect();
        for (after, every, limit) in [(0, 1, 3), (3, 1, 3), (6, 1, 3), (0, 3, 10), (0, 3, 2), (6, 3, 10), (7, 1, 10)] {
            assert_eq!(found(&whole, after, every, limit), epochs(7, after, every, limit), "{after} {every} {limit}");
        }
        let kept: Vec<EpochEntry> = [1, 64, 77, 128, 192, 256, 300].map(entry).to_vec();
        assert_eq!(found(&kept, 0, 100, 10), (vec![128, 256, 300], None));
        assert_eq!(found(&kept, 64, 1, 2), (vec![77, 128], Some(128)));
        assert_eq!(found(&[], 0, 1, 2), (vec![], None));
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
