//! What stands before each call on storage, so that tests can let one fail.

use std::sync::Arc;

use super::StorageError;

/// Asked before each call on the catalog or the blobs, with the call's kind; what it answers with an error fails. Asked once more
/// after a commit, as "catalog committed": that one has been made, although it seems to have failed.
pub type Gate = Arc<dyn Fn(&'static str) -> Result<(), StorageError> + Send + Sync>;
