//! Rows that occur more than once, by their hashes, in bounded memory.

/// Up to so many different rows the count is exact.
const MOST: usize = 1 << 20;

/// What a row that is counted takes while counts are brought into order: its hash and its count, twice, and their copy.
const ROW_BYTES: u64 = 64;

/// Of a hash, these many bits choose its list.
const LIST_BITS: u32 = 8;

/// What the counts of `rows` rows take at most.
pub(crate) fn most_bytes(rows: u64) -> u64 {
    rows.min(MOST as u64) * ROW_BYTES
}

/// Counts rows that are copies of an earlier one.
#[derive(Default)]
pub(crate) struct Duplicates {
    /// Each hash and its rows, sorted by hash.
    counted: Vec<(u64, u64)>,
    /// Hashes that are not sorted in yet, by their highest bits: short lists are sorted faster than a long one.
    fresh: Vec<Vec<u64>>,
    /// How many these are.
    count: usize,
    /// Of the hashes only those are kept whose lowest so many bits are 0: 1 in 2^thinned.
    thinned: u32,
}

impl Duplicates {
    /// Takes rows into account.
    pub fn add(&mut self, hashes: &[u64]) {
        self.fresh.resize(1 << LIST_BITS, Vec::new());
        for hash in hashes {
            if self.keeps(*hash) {
                self.fresh[(hash >> (u64::BITS - LIST_BITS)) as usize].push(*hash);
                self.count += 1;
                if self.count >= MOST {
                    self.settle();
                }
            }
        }
    }

    /// How many rows are copies: exact if all hashes are kept, else an estimate from those that are.
    pub fn count(&mut self) -> u64 {
        self.settle();
        self.counted.iter().map(|(_, rows)| rows - 1).sum::<u64>() << self.thinned
    }

    /// Whether the count is exact.
    pub fn is_exact(&self) -> bool {
        self.thinned == 0
    }

    fn keeps(&self, hash: u64) -> bool {
        hash & ((1 << self.thinned) - 1) == 0
    }

    fn settle(&mut self) {
        self.count = 0;
        self.counted.reserve(self.fresh.iter().map(Vec::len).sum());
        for list in &mut self.fresh {
            list.sort_unstable();
            self.counted.extend(list.drain(..).map(|hash| (hash, 1)));
        }
        // Two sorted runs, one behind the other: a stable sort merges them in one pass.
        self.counted.sort_by_key(|(hash, _)| *hash);
        self.counted.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            if same {
                kept.1 += next.1;
            }
            same
        });
        while self.counted.len() > MOST {
            self.thinned += 1;
            let mask = (1 << self.thinned) - 1;
            self.counted.retain(|(hash, _)| hash & mask == 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::distinct::hash_bits;
    use super::*;

    fn copies(hashes: impl Iterator<Item = u64>) -> (u64, bool) {
        let mut duplicates = Duplicates::default();
        hashes.collect::<Vec<_>>().chunks(1000).for_each(|piece| duplicates.add(piece));
        (duplicates.count(), duplicates.is_exact())
    }

    #[test]
    fn copies_are_counted() {
        assert_eq!(copies((0..1000).map(hash_bits)), (0, true));
        assert_eq!(copies((0..1000).map(|row| hash_bits(row % 900))), (100, true));
        assert_eq!(copies((0..3_000_000).map(|_| hash_bits(7))), (2_999_999, true));
        let (count, exact) = copies((0..3_000_000).map(|row| hash_bits(row % 2_000_000)));
        assert!(!exact && (970_000..1_030_000).contains(&count), "{count}");
    }
}
