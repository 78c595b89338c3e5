//! A map that forgets what was used least recently when its entries get too heavy together.

use std::borrow::Borrow;
use std::hash::Hash;

use lru::LruCache;

/// See the module.
#[derive(Debug)]
pub struct WeightedLru<K: Hash + Eq, V> {
    entries: LruCache<K, (V, usize)>,
    weight: usize,
    limit: usize,
}

impl<K: Hash + Eq, V> WeightedLru<K, V> {
    /// An empty map for entries of up to `limit` together.
    pub fn new(limit: usize) -> Self {
        WeightedLru { entries: LruCache::unbounded(), weight: 0, limit }
    }

    /// The entry of `key`, which is now the one used last.
    pub fn get<Q: Hash + Eq + ?Sized>(&mut self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.entries.get(key).map(|(value, _)| value)
    }

    /// Puts an entry in; returns those that had to go, oldest first, and one that had the same key.
    pub fn put(&mut self, key: K, value: V, weight: usize) -> Vec<V> {
        let mut gone: Vec<V> = Vec::new();
        if let Some((_, (old, old_weight))) = self.entries.push(key, (value, weight)) {
            self.weight -= old_weight;
            gone.push(old);
        }
        self.weight += weight;
        while self.weight > self.limit && self.entries.len() > 1 {
            gone.extend(self.pop_oldest());
        }
        gone
    }

    /// Takes an entry out.
    pub fn remove<Q: Hash + Eq + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let (value, weight) = self.entries.pop(key)?;
        self.weight -= weight;
        Some(value)
    }

    /// Takes out the entry that was used least recently.
    pub fn pop_oldest(&mut self) -> Option<V> {
        let (_, (value, weight)) = self.entries.pop_lru()?;
        self.weight -= weight;
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_used_least_recently_goes_first() {
        let mut map = WeightedLru::new(10);
        assert!(map.put("a", 1, 4).is_empty() && map.put("b", 2, 4).is_empty());
        assert_eq!(map.get(&"a"), Some(&1));
        assert_eq!(map.put("c", 3, 4), [2]);
        let found = ["a", "b", "c"].map(|key| map.get(&key).copied());
        assert_eq!(found, [Some(1), None, Some(3)]);
        assert_eq!(map.put("a", 5, 1), [1]);
        assert_eq!(map.put("d", 4, 99), [3, 5], "one entry may be heavier than all may be");
        assert_eq!((map.remove(&"d"), map.remove(&"d"), map.pop_oldest()), (Some(4), None, None));
        assert!(map.put("e", 1, 10).is_empty());
    }
}
