//! The history of a job in bounded memory: of very many epochs an even choice is kept, with the first, the best and the last.

use super::history::{EpochEntry, KEPT_EPOCHS};

/// Epochs that are held while a job runs: when there are so many, every other one is dropped. Several times what is kept at
/// last, so that the choice is even then as well.
const MOST_HELD: usize = 4 * KEPT_EPOCHS as usize;

/// Entries of a history, which grows epoch by epoch.
#[derive(Clone, Debug, PartialEq)]
pub struct History {
    /// Those of epochs that `stride` divides.
    even: Vec<EpochEntry>,
    /// A power of two; 1 while every epoch is held.
    stride: u64,
    first: Option<EpochEntry>,
    /// The first of those with the least watched loss.
    best: Option<EpochEntry>,
    last: Option<EpochEntry>,
}

impl Default for History {
    fn default() -> Self {
        History { even: Vec::new(), stride: 1, first: None, best: None, last: None }
    }
}

impl History {
    /// The history that [`History::entries`] and [`History::stride`] told of.
    pub fn of(entries: impl IntoIterator<Item = EpochEntry>, stride: u64) -> Self {
        let mut history = History { stride: stride.max(1), ..History::default() };
        entries.into_iter().for_each(|entry| history.push(entry));
        history
    }

    /// Adds the entry of the next epoch.
    pub fn push(&mut self, entry: EpochEntry) {
        self.first.get_or_insert(entry);
        self.last = Some(entry);
        if self.best.is_none_or(|best| watched(&entry) < watched(&best)) {
            self.best = Some(entry);
        }
        if entry.epoch.is_multiple_of(self.stride) {
            self.even.push(entry);
        }
        if self.even.len() >= MOST_HELD {
            self.stride *= 2;
            let stride = self.stride;
            self.even.retain(|entry| entry.epoch.is_multiple_of(stride));
        }
    }

    /// Epochs done.
    pub fn epochs(&self) -> u64 {
        self.last.map_or(0, |last| last.epoch)
    }

    /// The last entry.
    pub fn last(&self) -> Option<&EpochEntry> {
        self.last.as_ref()
    }

    /// The epoch with the least watched loss.
    pub fn best_epoch(&self) -> Option<u64> {
        self.best.map(|best| best.epoch)
    }

    /// The distance of the epochs held: 1 if all are.
    pub fn stride(&self) -> u64 {
        self.stride
    }

    /// Entries held from epoch `first` on, at most `most`.
    pub fn entries(&self, first: u64, most: usize) -> Vec<EpochEntry> {
        let start = self.even.partition_point(|entry| entry.epoch < first);
        let end = start.saturating_add(most).min(self.even.len());
        let marks = [self.first, self.best, self.last].into_iter().flatten().filter(|entry| entry.epoch >= first);
        let mut entries: Vec<EpochEntry> = self.even[start..end].iter().copied().chain(marks).collect();
        entries.sort_by_key(|entry| entry.epoch);
        entries.dedup_by_key(|entry| entry.epoch);
        entries.truncate(most);
        entries
    }

    /// What is kept of it once the job has ended, and whether that is less than every epoch.
    pub fn kept(&self) -> (Vec<EpochEntry>, bool) {
        let (held, last) = (self.entries(1, usize::MAX), self.epochs());
        if last <= KEPT_EPOCHS {
            return (held, false);
        }
        let mut kept: Vec<EpochEntry> = (1..=KEPT_EPOCHS)
            .map(|i| (u128::from(i) * u128::from(last) / u128::from(KEPT_EPOCHS)) as u64)
            .map(|epoch| held[held.partition_point(|entry| entry.epoch <= epoch).saturating_sub(1)])
            .chain([self.first, self.best].into_iter().flatten())
            .collect();
        kept.sort_by_key(|entry| entry.epoch);
        kept.dedup_by_key(|entry| entry.epoch);
        (kept, true)
    }
}

/// The loss by which epochs are compared: of the validation rows where there are any.
fn watched(entry: &EpochEntry) -> f64 {
    entry.validation_loss.unwrap_or(entry.loss)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(epochs: u64, best: u64) -> History {
        let entry = |epoch| EpochEntry {
            epoch,
            loss: if epoch == best { 0.0 } else { 1.0 },
            validation_loss: None,
            learning_rate: 0.1,
            elapsed_seconds: epoch as f64,
        };
        History::of((1..=epochs).map(entry), 1)
    }

    fn epochs(entries: &[EpochEntry]) -> Vec<u64> {
        entries.iter().map(|entry| entry.epoch).collect()
    }

    #[test]
    fn a_short_history_is_kept_whole() {
        let short = history(KEPT_EPOCHS, 77);
        assert!(!short.kept().1);
        assert_eq!(epochs(&short.kept().0), (1..=KEPT_EPOCHS).collect::<Vec<_>>());
        assert_eq!(epochs(&short.entries(9, 3)), [9, 10, 11]);
        assert_eq!((short.epochs(), short.best_epoch(), short.stride()), (KEPT_EPOCHS, Some(77), 1));
    }

    #[test]
    fn of_a_long_history_the_first_the_best_the_last_and_an_even_choice_are_kept() {
        for last in [10_001, 39_999, 40_001, 1_000_000] {
            let best = last / 3 + 1;
            let long = history(last, best);
            assert!(long.entries(1, usize::MAX).len() <= MOST_HELD + 3);
            let (kept, thinned) = long.kept();
            assert!(thinned && (10_000..=10_003).contains(&kept.len()), "{last}: {}", kept.len());
            let kept = epochs(&kept);
            assert!(kept[0] == 1 && kept[kept.len() - 1] == last && kept.contains(&best), "{last}");
            let widest = kept.windows(2).map(|pair| pair[1] - pair[0]).max();
            assert!(widest <= Some(2 * last.div_ceil(KEPT_EPOCHS)), "{last}: {widest:?}");
        }
    }

    #[test]
    fn a_history_that_was_written_down_goes_on_as_it_was() {
        let mut long = history(100_001, 5);
        let mut read = History::of(long.entries(1, usize::MAX), long.stride());
        assert_eq!(read, long);
        let next = EpochEntry { epoch: 100_002, ..*long.last().expect("an entry") };
        long.push(next);
        read.push(next);
        assert_eq!(read, long);
        assert_eq!(
            epochs(&long.entries(100_001, 9)),
            [100_001, 100_002]
                .into_iter()
                .filter(|epoch| { epoch % long.stride() == 0 || *epoch == 100_002 })
                .collect::<Vec<_>>()
        );
    }
}
