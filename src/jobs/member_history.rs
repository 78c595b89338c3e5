//! What each of several networks reached, epoch by epoch: kept whole, or not at all where it would be much.

use super::history::{ENTRY_BYTES, EpochEntry, KEPT_EPOCHS, to_bytes};
use crate::learning::members::MAX_MEMBERS;
use crate::learning::report::EpochReport;

/// Entries of all networks together that are kept at most.
const MOST_ENTRIES: u64 = 40_000;

/// The histories of networks that learn side by side: of each an entry for every epoch from the first on. Empty where one learns, where
/// there would be very many, and of a training that began without them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MemberHistories {
    list: Vec<Vec<EpochEntry>>,
}

impl MemberHistories {
    /// Those of `networks` networks whose entries stand one network behind the other; none if they do not have as many each.
    pub(super) fn of(entries: Vec<EpochEntry>, networks: usize) -> Self {
        if networks < 2 || entries.is_empty() || !entries.len().is_multiple_of(networks) {
            return MemberHistories::default();
        }
        MemberHistories { list: entries.chunks_exact(entries.len() / networks).map(<[EpochEntry]>::to_vec).collect() }
    }

    /// How many there are.
    pub fn networks(&self) -> usize {
        self.list.len()
    }

    /// Entries of the network of this index, counted from 0; none where there is no such network.
    pub fn entries(&self, index: usize) -> &[EpochEntry] {
        self.list.get(index).map_or(&[], Vec::as_slice)
    }

    /// All entries, one network behind the other.
    pub(super) fn all(&self) -> Vec<EpochEntry> {
        self.list.concat()
    }

    /// Adds what each network reached in this epoch, which follows those before: else all are let go.
    pub(super) fn push(&mut self, epoch: u64, reports: &[EpochReport], elapsed_seconds: f64) {
        if self.list.is_empty() && epoch == 1 {
            self.list = vec![Vec::new(); reports.len()];
        }
        let follows = self.list.len() == reports.len() && self.list.iter().all(|one| one.len() as u64 + 1 == epoch);
        if !follows || !are_kept(epoch, reports.len()) {
            self.list.clear();
            return;
        }
        for (one, report) in self.list.iter_mut().zip(reports) {
            one.push(EpochEntry::new(&EpochReport { epoch, ..*report }, elapsed_seconds));
        }
    }

    /// As they are stored behind the history of a training of so many epochs.
    pub(super) fn to_bytes(&self, epochs: u64) -> Vec<u8> {
        let whole = self.list.first().is_some_and(|one| one.len() as u64 == epochs);
        if whole { to_bytes(&self.all(), false) } else { Vec::new() }
    }
}

/// Whether entries of so many networks are kept of a training of so many epochs.
fn are_kept(epochs: u64, networks: usize) -> bool {
    networks > 1 && epochs <= KEPT_EPOCHS && epochs.saturating_mul(networks as u64) <= MOST_ENTRIES
}

/// How many bytes they take at most, as they are stored, of a job that may do so many epochs: fewer may be kept whole. `networks` is not
/// known of a warm start.
pub(super) fn most_bytes(epochs: u64, networks: Option<u64>) -> u64 {
    let networks = networks.unwrap_or(MAX_MEMBERS as u64);
    let entries = networks.saturating_mul(epochs.min(KEPT_EPOCHS)).min(MOST_ENTRIES);
    if networks > 1 { entries * ENTRY_BYTES } else { 0 }
}

/// How many networks have entries in a stored history of `bytes` bytes that has every one of so many epochs.
pub(super) fn stored_networks(bytes: u64, epochs: u64) -> usize {
    let histories = bytes.checked_div(epochs * ENTRY_BYTES).unwrap_or(0);
    usize::try_from(histories.saturating_sub(1)).unwrap_or(0)
}

/// Where those of the network of this index, counted from 0, stand there.
pub(super) fn stored_range(index: usize, epochs: u64) -> std::ops::Range<u64> {
    let of_one = epochs * ENTRY_BYTES;
    (index as u64 + 1) * of_one..(index as u64 + 2) * of_one
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jobs::history::from_bytes;

    fn report(loss: f64) -> EpochReport {
        EpochReport { epoch: 9, loss, validation_loss: Some(loss / 2.0), learning_rate: 0.1 }
    }

    fn losses(entries: &[EpochEntry]) -> Vec<(u64, f64)> {
        entries.iter().map(|entry| (entry.epoch, entry.loss)).collect()
    }

    #[test]
    fn each_network_has_its_own_and_gets_it_back() {
        let mut histories = MemberHistories::default();
        for epoch in 1..=3 {
            histories.push(epoch, &[report(epoch as f64), report(10.0 * epoch as f64)], 0.5);
        }
        assert_eq!(losses(histories.entries(1)), [(1, 10.0), (2, 20.0), (3, 30.0)]);
        let bytes = histories.to_bytes(3);
        assert_eq!(bytes.len() as u64, most_bytes(3, Some(2)));
        // Behind the history of both.
        let stored = [vec![0; 3 * ENTRY_BYTES as usize], bytes].concat();
        assert_eq!(stored_networks(stored.len() as u64, 3), 2);
        let range = stored_range(1, 3);
        assert_eq!(from_bytes(1, &stored[range.start as usize..range.end as usize]), histories.entries(1));
        assert_eq!(MemberHistories::of(histories.all(), 2), histories);
        assert_eq!((stored_networks(3 * ENTRY_BYTES, 3), stored_networks(0, 0)), (0, 0));
    }

    #[test]
    fn what_would_be_much_or_has_gaps_is_let_go() {
        let both = [report(1.0), report(2.0)];
        let mut late = MemberHistories::default();
        late.push(4, &both, 0.0);
        assert_eq!(late.networks(), 0, "the epochs before are not known");
        late.push(5, &both, 0.0);
        assert_eq!((late.networks(), late.to_bytes(5)), (0, Vec::new()));
        let mut long = MemberHistories::default();
        (1..=KEPT_EPOCHS).for_each(|epoch| long.push(epoch, &both, 0.0));
        assert_eq!((long.networks(), long.to_bytes(KEPT_EPOCHS - 1)), (2, Vec::new()));
        long.push(KEPT_EPOCHS + 1, &both, 0.0);
        assert_eq!(long.networks(), 0);
        assert!(are_kept(625, 64) && !are_kept(626, 64) && !are_kept(1, 1));
        // A training that may do more epochs may end before.
        assert_eq!(most_bytes(1_000_000, Some(2)), 2 * KEPT_EPOCHS * ENTRY_BYTES);
        assert_eq!((most_bytes(700, None), most_bytes(700, Some(1))), (MOST_ENTRIES * ENTRY_BYTES, 0));
    }
}
