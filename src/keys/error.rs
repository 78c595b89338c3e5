//! What can go wrong with keys.

use crate::storage::StorageError;
use crate::wording::Shown;

/// A call on keys that cannot be answered.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum KeyError {
    /// No stored key has this identifier or name.
    #[error("there is no key {}", Shown(.0))]
    NotFound(String),
    /// Another key has this name.
    #[error("there is already a key named {0:?}")]
    NameTaken(String),
    /// A field cannot be used.
    #[error("{detail}")]
    Invalid {
        /// Where it stands.
        pointer: String,
        /// What is wrong with it.
        detail: String,
    },
    /// `--api-keys` or the file of `--api-keys-file` cannot be used. It says nothing of what stands there.
    #[error("{0}")]
    Given(String),
    /// The system gives no random bits.
    #[error("the system gives no random bits")]
    NoRandomness,
    /// Stored state cannot be read or written.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl KeyError {
    /// A field at `pointer` that cannot be used.
    pub(super) fn invalid(pointer: &str, detail: impl Into<String>) -> Self {
        KeyError::Invalid { pointer: pointer.into(), detail: detail.into() }
    }
}
