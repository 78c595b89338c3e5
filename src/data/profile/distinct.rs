//! How many different values there are, and which are frequent, in bounded memory.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;

use foldhash::fast::RandomState;

/// Up to as many different values a column's count of them is exact.
pub const EXACT_DISTINCT: usize = 10_000;
/// The memory of all columns' exact counts together.
const EXACT_BYTES: usize = 48 << 20;
/// The memory of all columns' sketches together.
const SKETCH_BYTES: usize = 24 << 20;
/// What an entry of a map or of a sketch takes beyond its content.
const ENTRY_BYTES: usize = 32;

/// What all columns' counts take at most once `rows` rows of `columns` columns are counted whose arrays took `bytes`.
pub(crate) fn most_bytes(columns: usize, rows: u64, bytes: u64) -> u64 {
    let columns = columns.max(1) as u64;
    let each = columns.saturating_mul(rows.min(EXACT_DISTINCT as u64));
    let exact = each.saturating_mul(ENTRY_BYTES as u64).saturating_add(bytes).min(EXACT_BYTES as u64);
    exact + columns.saturating_mul(rows.min(sketch_size(columns as usize) as u64)) * ENTRY_BYTES as u64
}

/// How many hashes the sketch of one of `columns` columns keeps.
fn sketch_size(columns: usize) -> usize {
    (SKETCH_BYTES / ENTRY_BYTES / columns).clamp(64, 4096)
}

/// Counts the different values of one column.
pub(crate) struct Distinct<K> {
    counts: HashMap<K, u64, RandomState>,
    /// Bytes by which the map may still grow.
    room: usize,
    /// In place of the exact count, from the first value on that the map has no room for.
    sketch: Option<Sketch>,
    sketch_size: usize,
}

impl<K: Hash + Eq> Distinct<K> {
    /// Nothing counted yet, for one of `columns` columns.
    pub fn new(columns: usize) -> Self {
        let columns = columns.max(1);
        Distinct {
            counts: HashMap::default(),
            room: EXACT_BYTES / columns,
            sketch: None,
            sketch_size: sketch_size(columns),
        }
    }

    /// Counts a value, given its hash and its length in bytes; `hash_of` gives the hash of a value that was counted before.
    #[inline]
    pub fn add<Q>(&mut self, value: &Q, hash: u64, bytes: usize, hash_of: impl Fn(&K) -> u64)
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned + ?Sized,
        Q::Owned: Into<K>,
    {
        if let Some(sketch) = &mut self.sketch {
            sketch.add(hash);
        }
        if self.counts.is_empty() && self.sketch.is_some() {
            return;
        }
        if let Some(count) = self.counts.get_mut(value) {
            *count += 1;
        } else if self.sketch.is_none() {
            if self.counts.len() < EXACT_DISTINCT && self.room >= bytes + ENTRY_BYTES {
                self.room -= bytes + ENTRY_BYTES;
                self.counts.insert(value.to_owned().into(), 1);
            } else {
                let mut sketch = Sketch::new(self.sketch_size);
                self.counts.keys().for_each(|key| sketch.add(hash_of(key)));
                sketch.add(hash);
                self.sketch = Some(sketch);
            }
        }
    }

    /// Brings the sketch into order, once all values are there.
    pub fn settle(&mut self) {
        self.sketch.iter_mut().for_each(Sketch::settle);
    }

    /// Whether the count is exact.
    pub fn is_exact(&self) -> bool {
        self.sketch.is_none()
    }

    /// How many different values there are among `values`.
    pub fn count(&self, values: u64) -> u64 {
        let exact = self.counts.len() as u64;
        self.sketch.as_ref().map_or(exact, |sketch| sketch.estimate().clamp(exact.min(values), values))
    }

    /// The values that are counted, each with its count, in no order: all of them while the count is exact.
    pub fn counts(&self) -> impl Iterator<Item = (&K, u64)> {
        self.counts.iter().map(|(value, count)| (value, *count))
    }

    /// The most frequent of the values that are counted, most frequent first.
    pub fn top(&self, most: usize) -> Vec<(&K, u64)>
    where
        K: Ord,
    {
        let mut entries: Vec<(&K, u64)> = self.counts().collect();
        entries.sort_unstable_by(|one, two| two.1.cmp(&one.1).then_with(|| one.0.cmp(two.0)));
        entries.truncate(most);
        entries
    }
}

impl Distinct<u64> {
    /// Counts the values of some rows, given their bits, if they have one, and the hash of each row. Forgets the values
    /// once they are too many to be counted exactly.
    pub fn add_bits(&mut self, hashes: &[u64], bits: impl Fn(usize) -> Option<u64>) {
        let exact = if self.is_exact() { hashes.len() } else { 0 };
        for (row, hash) in hashes[..exact].iter().enumerate() {
            if let Some(bits) = bits(row) {
                self.add(&bits, *hash, 0, |bits| hash_bits(*bits));
            }
        }
        if let Some(sketch) = &mut self.sketch {
            for (row, hash) in hashes.iter().enumerate().skip(exact) {
                if *hash < sketch.end && bits(row).is_some() {
                    sketch.add(*hash);
                }
            }
            self.counts = HashMap::default();
        }
    }
}

/// The `size` smallest hashes: the less of the range they fill, the more there are.
///
/// Bar-Yossef et al., "Counting distinct elements in a data stream", 2002. The error is about 1/sqrt(size).
#[derive(Clone)]
struct Sketch {
    /// The smallest so far and, until they are settled, as many more that may be among them.
    smallest: Vec<u64>,
    /// Hashes that came lately, each at the index of its lowest bits: most repeated values are sorted out here.
    recent: Vec<u64>,
    size: usize,
    /// The greatest of the smallest, once there are as many; those from here on are too large to be among them.
    end: u64,
}

impl Sketch {
    fn new(size: usize) -> Self {
        Sketch { smallest: Vec::new(), recent: vec![0; size.next_power_of_two()], size, end: u64::MAX }
    }

    #[inline]
    fn add(&mut self, hash: u64) {
        if hash >= self.end {
            return;
        }
        let place = hash as usize & (self.recent.len() - 1);
        if self.recent[place] == hash {
            return;
        }
        self.recent[place] = hash;
        self.smallest.push(hash);
        if self.smallest.len() >= 2 * self.size {
            self.narrow();
        }
    }

    /// Leaves the smallest alone, in no order, repeated ones among them.
    fn narrow(&mut self) {
        if self.smallest.len() > self.size {
            self.end = *self.smallest.select_nth_unstable(self.size - 1).1;
            self.smallest.truncate(self.size);
        }
    }

    /// Leaves the smallest alone, each once, in their order.
    fn settle(&mut self) {
        self.smallest.sort_unstable();
        self.smallest.dedup();
        self.smallest.truncate(self.size);
        if self.smallest.len() == self.size {
            self.end = self.smallest[self.size - 1];
        }
    }

    fn estimate(&self) -> u64 {
        if !self.smallest.is_sorted_by(|one, two| one < two) || self.smallest.len() > self.size {
            let mut settled = self.clone();
            settled.settle();
            return settled.estimate();
        }
        if self.end == u64::MAX {
            return self.smallest.len() as u64;
        }
        // All hashes up to the end are there, whether others have made it smaller than the last of `size` different ones or not.
        let others = self.smallest.len().saturating_sub(1);
        (others as f64 * (u64::MAX as f64 / self.end as f64)).round() as u64
    }
}

/// A hash of a number's or time's bits.
#[inline]
pub(crate) fn hash_bits(bits: u64) -> u64 {
    fold(fold(bits ^ 0x243f_6a88_85a3_08d3, 0x9e37_79b9_7f4a_7c15) ^ 0x1319_8a2e_0370_7344, 0xc2b2_ae3d_27d4_eb4f)
}

/// A hash of a word.
#[inline]
pub(crate) fn hash_word(word: &str) -> u64 {
    use std::hash::{BuildHasher, Hasher};
    let mut hasher = foldhash::quality::FixedState::with_seed(0).build_hasher();
    hasher.write(word.as_bytes());
    hasher.finish()
}

/// Both halves of a product, one over the other.
#[inline]
pub(crate) fn fold(one: u64, two: u64) -> u64 {
    let product = u128::from(one) * u128::from(two);
    product as u64 ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_exact_up_to_the_limit_and_close_beyond() {
        for values in [1_u64, 9_999, 10_000, 10_001, 50_000, 400_000] {
            let mut distinct = Distinct::<u64>::new(20);
            for _ in 0..2 {
                (0..values).for_each(|value| {
                    let bits = (value as f64).to_bits();
                    distinct.add(&bits, hash_bits(bits), 0, |bits| hash_bits(*bits));
                });
            }
            let count = distinct.count(values * 2);
            assert_eq!(distinct.is_exact(), values <= 10_000);
            let error = (count as f64 / values as f64 - 1.0).abs();
            assert!(if distinct.is_exact() { error == 0.0 } else { error < 0.06 }, "{count} of {values}");
        }
    }

    #[test]
    fn words_keep_their_counts_beyond_the_limit() {
        let mut distinct = Distinct::<Box<str>>::new(1);
        let mut add = |word: &str| distinct.add(word, hash_word(word), word.len(), |word| hash_word(word));
        add("often");
        (0..20_000).for_each(|number| {
            add(&number.to_string());
            add("often");
        });
        assert_eq!(distinct.top(2), [(&"often".into(), 20_001), (&"0".into(), 1)]);
    }

    #[test]
    fn many_columns_share_the_memory() {
        let mut distinct = Distinct::<Box<str>>::new(16_384);
        (0..10_000).for_each(|number| {
            let word = number.to_string();
            distinct.add(word.as_str(), hash_word(&word), word.len(), |word| hash_word(word));
        });
        assert!(distinct.counts.len() * (ENTRY_BYTES + 1) <= EXACT_BYTES / 16_384);
        let share = distinct.count(10_000) as f64 / 10_000.0;
        assert!((0.6..1.4).contains(&share), "{share}");
    }
}
