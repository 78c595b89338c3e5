//! Where state is kept.

use std::fmt;
use std::path::PathBuf;

/// Where state is kept.
#[derive(Clone, Debug)]
pub struct StateLocation {
    /// The data folder: held by one process, and home of what has no location of its own.
    pub folder: PathBuf,
    /// A PostgreSQL database, in place of a SQLite file in the folder.
    pub database_url: Option<SecretUrl>,
    /// An object store, in place of files in the folder.
    pub blob_url: Option<SecretUrl>,
    /// Most bytes of scratch files in the folder; by default half of what its disk has free.
    pub scratch_limit: Option<u64>,
}

/// A URL that may hold a password or a signature: `Debug` shows its scheme alone.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretUrl(String);

impl SecretUrl {
    /// The URL itself, as a client of the database or the store takes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for SecretUrl {
    fn from(url: String) -> Self {
        SecretUrl(url)
    }
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.0.split_once("://").map_or("", |(scheme, _)| scheme);
        write!(f, "{scheme}://…")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_of_a_url_is_shown() {
        for (url, shown) in [
            ("postgres://me:sec/r@et@host/epochd?password=secret", "postgres://…"),
            ("https://account.blob.core.windows.net/c?sig=secret", "https://…"),
            ("secret", "://…"),
        ] {
            let location = StateLocation {
                folder: PathBuf::from("data"),
                database_url: Some(SecretUrl::from(url.to_owned())),
                blob_url: None,
                scratch_limit: None,
            };
            let expected = format!(
                "StateLocation {{ folder: \"data\", database_url: Some({shown}), blob_url: None, scratch_limit: None }}"
            );
            assert_eq!(format!("{location:?}"), expected);
        }
    }
}
