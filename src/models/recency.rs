//! When things in memory were last used, and which of them go first.

use std::sync::atomic::{AtomicU64, Ordering};

use uuid::Uuid;

/// Time as uses are ordered by: it advances with everything that is put in. Uses between two of these are at one time.
#[derive(Debug, Default)]
pub(super) struct Clock(AtomicU64);

impl Clock {
    /// The time of a use: later than all that was put in before.
    pub(super) fn now(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// The time of something that is put in: later than all uses before, earlier than all afterwards.
    pub(super) fn put_in(&self) -> LastUse {
        LastUse((self.0.fetch_add(2, Ordering::Relaxed) + 1).into())
    }
}

/// When something was last used. An atomic, so that readers note it under the read lock; written only if it changes, so
/// that cores which use the same thing do not take the memory of it from each other.
#[derive(Debug, Default)]
pub(super) struct LastUse(AtomicU64);

impl LastUse {
    pub(super) fn note(&self, now: u64) {
        if self.get() != now {
            self.0.store(now, Ordering::Relaxed);
        }
    }

    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Something that may leave memory.
pub(super) struct Candidate {
    pub(super) used: u64,
    pub(super) bytes: usize,
    /// The model, and the version if it is one.
    pub(super) key: (Uuid, u64),
}

/// Those used least recently that have `bytes` together, and of the next those that fit in `spare`.
pub(super) fn least_recent(mut candidates: Vec<Candidate>, bytes: usize, spare: usize) -> Vec<(Uuid, u64)> {
    candidates.sort_unstable_by_key(|candidate| (candidate.used, candidate.key));
    let mut sum: usize = 0;
    let wanted = candidates.iter().take_while(|candidate| {
        let enough = sum >= bytes && sum.saturating_add(candidate.bytes) > bytes.saturating_add(spare);
        sum = sum.saturating_add(candidate.bytes);
        !enough
    });
    wanted.map(|candidate| candidate.key).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(bytes: usize, spare: usize) -> Vec<u64> {
        let candidate = |(used, bytes, number)| Candidate { used, bytes, key: (Uuid::nil(), number) };
        let candidates = [(3, 10, 3), (1, 10, 1), (2, 10, 2), (4, 50, 4)].map(candidate);
        least_recent(candidates.into(), bytes, spare).into_iter().map(|(_, number)| number).collect()
    }

    #[test]
    fn what_was_used_least_recently_goes_first() {
        assert_eq!(chosen(1, 0), [1]);
        assert_eq!(chosen(20, 0), [1, 2]);
        assert_eq!(chosen(21, 0), [1, 2, 3]);
        assert_eq!(chosen(1000, 0), [1, 2, 3, 4]);
    }

    #[test]
    fn what_goes_beyond_the_need_is_small() {
        assert_eq!(chosen(10, 9), [1]);
        assert_eq!(chosen(10, 10), [1, 2]);
        assert_eq!(chosen(10, 49), [1, 2, 3], "a large one is not dropped for it");
    }

    #[test]
    fn a_use_lies_between_what_was_put_in_before_and_after() {
        let clock = Clock::default();
        let times = [clock.put_in().get(), clock.now(), clock.put_in().get(), clock.now()];
        assert!(times.is_sorted_by(|one, next| one < next), "{times:?}");
    }
}
