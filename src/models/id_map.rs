//! Maps by the UUID of a model, without hashing it: the service draws these UUIDs itself, and their last bytes are random.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use uuid::Uuid;

/// A map by identifiers that no client chooses.
pub(super) type IdMap<T> = HashMap<Uuid, T, BuildHasherDefault<IdHasher>>;

/// Takes the last eight bytes of what is hashed.
#[derive(Default)]
pub(super) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn write(&mut self, bytes: &[u8]) {
        // Big-endian: the two bits that are the same in all UUIDs come first, where a map needs variety least.
        self.0 = bytes.last_chunk().map_or(self.0, |last| u64::from_be_bytes(*last));
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::hash::{BuildHasher, BuildHasherDefault};

    use super::*;

    #[test]
    fn uuids_of_one_moment_have_different_hashes() {
        let hasher = BuildHasherDefault::<IdHasher>::default();
        let hashes: HashSet<u64> = (0..1000).map(|_| hasher.hash_one(Uuid::now_v7()) % 1024).collect();
        // Of 1,000 draws among 1,024 places, 1,024 (1 − 1/e^(1000/1024)) = 638 places are met.
        assert!(hashes.len() > 550, "{}", hashes.len());
    }
}
