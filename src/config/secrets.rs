//! Settings that may hold secrets: checked here rather than by clap, which repeats a wrong value with the password in it.

use crate::storage::SecretUrl;
use crate::storage::location::without_secrets;

pub(super) fn check_database_url(url: &SecretUrl) -> Result<(), String> {
    let known = ["postgres://", "postgresql://"];
    let fits = known.iter().any(|scheme| url.as_str().starts_with(scheme));
    fits.then_some(()).ok_or_else(|| "--database-url: a URL such as postgres://user@host/database is expected".into())
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
    eprint!("{}", without_secrets(&error.render().to_string()));
    std::process::exit(error.exit_code());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_urls_are_refused_and_not_repeated() {
        let wrong = |scheme: &str| SecretUrl::from(format!("{scheme}://me:secret@host/x"));
        for message in [check_database_url(&wrong("mysql")), check_blob_url(&wrong("ftp"))] {
            assert!(!message.expect_err("no such scheme").contains("secret"));
        }
        assert_eq!((check_database_url(&wrong("postgres")), check_blob_url(&wrong("s3"))), (Ok(()), Ok(())));
    }
}
