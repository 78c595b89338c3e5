//! Settings that may hold secrets: checked here rather than by clap, which repeats a wrong value with the password in it.

use std::fmt;

use crate::storage::SecretUrl;
use crate::storage::location::without_secrets;
use crate::wording::Shown;

/// A setting that is secret as a whole: `Debug` shows nothing of it.
#[derive(Clone)]
pub struct SecretText(String);

impl SecretText {
    /// The text.
    pub fn into_inner(self) -> String {
        self.0
    }
}

impl From<String> for SecretText {
    fn from(text: String) -> Self {
        SecretText(text)
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// The parameters of a PostgreSQL URL that the driver knows; of another one it logs the value, which may be a password.
const DATABASE_PARAMETERS: [&str; 18] = [
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "statement-cache-capacity",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
];

pub(super) fn check_database_url(url: &SecretUrl) -> Result<(), String> {
    let known = ["postgres://", "postgresql://"];
    if !known.iter().any(|scheme| url.as_str().starts_with(scheme)) {
        return Err("--database-url: a URL such as postgres://user@host/database is expected".into());
    }
    let (_, query) = url.as_str().split_once('?').unwrap_or_default();
    let is_known = |name: &str| DATABASE_PARAMETERS.contains(&name) || name.starts_with("options[");
    match form_urlencoded::parse(query.as_bytes()).find(|(name, _)| !is_known(name)) {
        None => Ok(()),
        Some((name, _)) => Err(format!("--database-url: {} is no parameter of PostgreSQL's URLs", Shown(&name))),
    }
}

pub(super) fn check_blob_url(url: &SecretUrl) -> Result<(), String> {
    let known = ["s3://", "s3a://", "gs://", "az://", "abfs://", "abfss://", "https://"];
    let fits = known.iter().any(|scheme| url.as_str().starts_with(scheme));
    fits.then_some(()).ok_or_else(|| "--blob-url: a URL such as s3://bucket/folder is expected".into())
}

/// Prints help or an error and exits, as clap would; a URL that stands at a wrong place is not repeated with its password.
pub(super) fn exit_with(error: &clap::Error) -> ! {
    if !error.use_stderr() {
        error.exit();
    }
    eprint!("{}", without_keys(&without_secrets(&error.render().to_string())));
    std::process::exit(error.exit_code());
}

/// What stands before a secret: a role before a key of the settings, and what keys and secrets that are made begin with.
const BEFORE_SECRETS: [&str; 5] = ["admin:", "train:", "predict:", "epk_", "whsec_"];

/// A text without the secrets of keys and webhooks: of a word such as admin:SECRET the role stays.
fn without_keys(text: &str) -> String {
    let mut shown = text.to_owned();
    for before in BEFORE_SECRETS {
        let mut from = 0;
        while let Some(at) = shown[from..].find(before).map(|at| from + at + before.len()) {
            let secret =
                shown[at..].find(|c: char| c.is_whitespace() || "'\"".contains(c)).map_or(shown.len(), |end| at + end);
            shown.replace_range(at..secret, "…");
            from = at;
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_at_a_wrong_place_are_not_repeated() {
        let error = "unexpected argument 'predict:hush,admin:hush' found: admin:hush";
        assert_eq!(without_keys(error), "unexpected argument 'predict:…' found: admin:…");
        assert_eq!(without_keys("'whsec_hush' epk_hush"), "'whsec_…' epk_…");
    }

    #[test]
    fn wrong_urls_are_refused_and_not_repeated() {
        let wrong = |scheme: &str| SecretUrl::from(format!("{scheme}://me:secret@host/x"));
        for message in [check_database_url(&wrong("mysql")), check_blob_url(&wrong("ftp"))] {
            assert!(!message.expect_err("no such scheme").contains("secret"));
        }
        let misspelt = SecretUrl::from("postgres://me@host/x?sslmode=require&pasword=secret".to_owned());
        let error = check_database_url(&misspelt).expect_err("no such parameter");
        assert!(error.contains("pasword") && !error.contains("secret"), "{error}");
        assert_eq!((check_database_url(&wrong("postgres")), check_blob_url(&wrong("s3"))), (Ok(()), Ok(())));
    }
}
