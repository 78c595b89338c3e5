//! Where state is kept.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

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
    /// Deadline of a call on the database or the store; one that moves much has more time.
    pub timeout: Duration,
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

/// A text without what a URL in it may hold that is secret: what stands before the host, and what follows the path.
///
/// ```
/// use epochd::storage::location::without_secrets;
///
/// let text = "no such host: postgres://me:p@ss@db/epochd?password=x, try again";
/// assert_eq!(without_secrets(text), "no such host: postgres://…@db/epochd?… try again");
/// ```
pub fn without_secrets(text: &str) -> String {
    let (mut shown, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(start) = rest.find("://").map(|at| at + 3) {
        let url = &rest[start..];
        let url = &url[..url.find(|c: char| c.is_whitespace() || "'\"`<>".contains(c)).unwrap_or(url.len())];
        shown.push_str(&rest[..start]);
        rest = &rest[start + url.len()..];
        let (before, path) = url.rsplit_once('@').map_or(("", url), |(_, path)| ("…@", path));
        let (path, query) = path.split_once('?').map_or((path, ""), |(path, _)| (path, "?…"));
        shown.extend([before, path, query]);
    }
    shown + rest
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
                timeout: Duration::from_secs(1),
            };
            let expected = format!("StateLocation {{ folder: \"data\", database_url: Some({shown}), blob_url: None,");
            assert!(format!("{location:?}").starts_with(&expected));
        }
    }
}
