//! What versions are called: by their number, or by an alias, a name that moves from one version to another.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::{ModelError, Version};
use crate::storage::StorageError;
use crate::storage::catalog::AliasRow;

/// The alias of the active version, which is always there.
pub const ACTIVE: &str = "active";
/// Most aliases of a model: the records of their versions are in memory with its own.
pub const MAX_ALIASES: usize = 32;
/// Most characters of an alias.
const MAX_LENGTH: usize = 32;

/// What a client calls a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VersionKey {
    /// Counted from 1 within the model.
    Number(u64),
    /// An alias.
    Alias(String),
}

/// A name of a version.
#[derive(Clone, Debug)]
pub struct Alias {
    /// The name.
    pub name: String,
    /// The version that it names now.
    pub version: Arc<Version>,
    /// Since when it names that one.
    pub updated_at: Timestamp,
}

impl Alias {
    /// The aliases of rows in their order; a version that several name, or that is the `active` one, is in memory once.
    ///
    /// # Errors
    /// `Storage` with `Damaged`: a row does not say what a row says.
    pub fn of_rows(active: Option<&Arc<Version>>, rows: Vec<AliasRow>) -> Result<Vec<Self>, ModelError> {
        let mut known: BTreeMap<u64, Arc<Version>> =
            active.map(|active| (active.number, active.clone())).into_iter().collect();
        let mut aliases = Vec::with_capacity(rows.len());
        for AliasRow { alias: name, number, version, updated_at } in rows {
            if let (Some(row), false) = (version, known.contains_key(&number)) {
                known.insert(number, Arc::new(Version::from_row(row)?));
            }
            let unknown =
                || StorageError::damaged(format!("the alias {name}"), format!("there is no version {number}"));
            let version = known.get(&number).cloned().ok_or_else(unknown)?;
            aliases.push(Alias { name, version, updated_at });
        }
        Ok(aliases)
    }
}

impl VersionKey {
    /// What a word of a path calls a version: digits are its number.
    ///
    /// # Errors
    /// The word, which can be no version's.
    pub fn of(word: String) -> Result<Self, String> {
        match word.parse() {
            Ok(number) => Ok(VersionKey::Number(number)),
            Err(_) if is_alias(&word) => Ok(VersionKey::Alias(word)),
            Err(_) => Err(word),
        }
    }
}

/// Whether a word may be an alias: letters in lower case, digits, `-` and `_`, beginning with a letter.
fn is_alias(word: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_';
    word.len() <= MAX_LENGTH
        && word.bytes().next().is_some_and(|first| first.is_ascii_lowercase())
        && word.bytes().all(inner)
}

/// Checks a word that is to become an alias, or was one.
///
/// # Errors
/// `Alias`: what is wrong with it.
pub fn check_alias(word: &str) -> Result<(), ModelError> {
    if word == ACTIVE {
        let detail = "`active` is always the active version: POST to a version's /activate to change which one that is";
        return Err(ModelError::Alias(detail.into()));
    }
    if !is_alias(word) {
        let detail = format!(
            "an alias begins with a letter and has at most {MAX_LENGTH} letters in lower case, digits, `-` and `_`"
        );
        return Err(ModelError::Alias(detail));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_of_a_path_is_a_number_or_an_alias() {
        let alias = |word: &str| Some(VersionKey::Alias(word.to_owned()));
        let cases = [
            ("12", Some(VersionKey::Number(12))),
            ("canary", alias("canary")),
            ("active", alias("active")),
            ("a-1_b", alias("a-1_b")),
            ("1a", None),
            ("-a", None),
            ("A", None),
            ("", None),
            ("ä", None),
            ("18446744073709551616", None),
        ];
        for (word, key) in cases {
            assert_eq!(VersionKey::of(word.to_owned()).ok(), key, "{word:?}");
        }
        assert!(VersionKey::of("a".repeat(32)).is_ok() && VersionKey::of("a".repeat(33)).is_err());
    }
}
