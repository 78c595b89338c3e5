//! Ids of predictions as a body lists them: read up to as many as are taken at once, and counted beyond.

use std::fmt;

use serde::de::{Error, IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::memory::made;

/// Ids of a request at most: they are taken in one change of the catalog.
pub const MAX_IDS: usize = 10_000;
/// A list of so many entries is charged when it grows.
const COUNTED: usize = 64;

/// Ids of predictions. Of more than [`MAX_IDS`] the first ones, and how many there are: three bytes of a body each ask for a
/// text, and could take ten times the memory of the body before anybody refuses them.
#[derive(Debug, Default)]
pub struct GivenIds {
    /// The first [`MAX_IDS`].
    pub first: Vec<String>,
    /// How many there are.
    pub count: usize,
}

impl<'de> Deserialize<'de> for GivenIds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Ids)
    }
}

struct Ids;

impl<'de> Visitor<'de> for Ids {
    type Value = GivenIds;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a list of ids")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<GivenIds, A::Error> {
        let mut first = Vec::new();
        while first.len() < MAX_IDS {
            let Some(id) = list.next_element::<String>()? else { return Ok(GivenIds { count: first.len(), first }) };
            // The list is about to double.
            let grows = first.len() == first.capacity() && first.len() >= COUNTED;
            let more = if grows { first.len() * size_of::<String>() } else { 0 };
            made((id.len() + more) as u64).map_err(|_| A::Error::custom("no memory"))?;
            first.push(id);
        }
        let mut count = first.len();
        while list.next_element::<IgnoredAny>()?.is_some() {
            count += 1;
        }
        Ok(GivenIds { first, count })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_beyond_the_most_are_counted_and_not_kept() {
        let read = |count: usize| {
            let list = format!("[{}]", vec![r#""""#; count].join(","));
            let ids: GivenIds = serde_json::from_str(&list).expect("a list of texts");
            (ids.first.len(), ids.count)
        };
        assert_eq!(read(0), (0, 0));
        assert_eq!(read(MAX_IDS), (MAX_IDS, MAX_IDS));
        assert_eq!(read(3 * MAX_IDS), (MAX_IDS, 3 * MAX_IDS));
        let ids: GivenIds = serde_json::from_str(r#"["a","b"]"#).expect("a list of texts");
        assert_eq!(ids.first, ["a", "b"]);
        assert!(serde_json::from_str::<GivenIds>("[1]").is_err());
    }
}
