//! Object stores by URL: S3, GCS and Azure, with credentials and endpoint from the environment.

use std::time::Duration;

use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::path::Path as Key;
use object_store::{BackoffConfig, ObjectStore, ObjectStoreScheme, RetryConfig};

use super::StorageError;
use super::location::without_secrets;

/// How often a request that failed is sent again, about a second in all: who asks tries again by himself.
const RETRIES: usize = 3;

/// The store at `url`, the folder in it, and its kind.
///
/// # Errors
/// The URL names no kind of store that is known, or its settings do not fit.
pub(super) fn open(url: &str, patience: Duration) -> Result<(Box<dyn ObjectStore>, Key, &'static str), StorageError> {
    // Another library of the process may have chosen a provider before: then that one serves.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let parsed = reqwest::Url::parse(url).map_err(unfit)?;
    let (scheme, path) = ObjectStoreScheme::parse(&parsed).map_err(unfit)?;
    let backoff = BackoffConfig { init_backoff: Duration::from_millis(100), ..BackoffConfig::default() };
    let retry = RetryConfig { backoff, max_retries: RETRIES, retry_timeout: patience };
    // A setting of the environment, by the names that the stores' own tools know, if the builder has it too.
    macro_rules! built {
        ($builder:ty) => {{
            let builder = <$builder>::new().with_url(url).with_retry(retry);
            let builder = settings(patience).fold(builder, |builder, (name, value)| match name.parse() {
                Ok(key) => builder.with_config(key, value),
                Err(_) => builder,
            });
            Box::new(builder.build().map_err(unfit)?) as Box<dyn ObjectStore>
        }};
    }
    let (store, kind) = match scheme {
        ObjectStoreScheme::AmazonS3 => (built!(AmazonS3Builder), "s3"),
        ObjectStoreScheme::GoogleCloudStorage => (built!(GoogleCloudStorageBuilder), "gcs"),
        ObjectStoreScheme::MicrosoftAzure => (built!(MicrosoftAzureBuilder), "azure"),
        _ => return Err(unfit("it is none of S3, GCS and Azure")),
    };
    Ok((store, path, kind))
}

/// The environment's settings, and how long the client waits: for a connection, and for the next bytes of a reply. How
/// long a call may take in all depends on its size, which the caller knows.
fn settings(patience: Duration) -> impl Iterator<Item = (String, String)> {
    let wait = format!("{} ms", patience.as_millis().max(1));
    let waits = [("connect_timeout", wait.clone()), ("read_timeout", wait), ("timeout", "30 days".to_owned())];
    let variables = std::env::vars().filter(|(name, _)| is_store_setting(name));
    let waits = waits.into_iter().map(|(name, value)| (name.to_owned(), value));
    waits.chain(variables.map(|(name, value)| (name.to_ascii_lowercase(), value)))
}

fn unfit(error: impl std::fmt::Display) -> StorageError {
    let reason = without_secrets(&error.to_string());
    StorageError::Unavailable(format!("the blob URL cannot be used: {reason}"))
}

/// Whether a variable of the environment configures a store: those that the stores' own tools know.
fn is_store_setting(name: &str) -> bool {
    ["AWS_", "GOOGLE_", "AZURE_"].iter().any(|prefix| name.starts_with(prefix))
}
