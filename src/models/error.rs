//! What can go wrong with models.

use crate::learning::error::SpecError;

/// A call on models that cannot be answered.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ModelError {
    /// No model has this identifier or name.
    #[error("there is no model {0:?}")]
    NotFound(String),
    /// The model has no such version.
    #[error("model {model:?} has no version {version}")]
    VersionNotFound {
        /// As the client called it.
        model: String,
        /// The number asked for.
        version: u64,
    },
    /// The model has no version to predict with.
    #[error("model {0:?} is not trained yet: POST to its /train first")]
    NotTrained(String),
    /// Another model has this name.
    #[error("there is already a model named {0:?}")]
    NameTaken(String),
    /// The name or the metadata cannot be used.
    #[error("{detail}")]
    Invalid {
        /// JSON pointer of the setting.
        pointer: String,
        /// What would be right.
        detail: String,
    },
    /// The parameters of all versions fill the memory they may take.
    #[error("the models fill the {limit} they may take: delete some, or start with a larger --model-memory")]
    Full {
        /// The bound, readable.
        limit: String,
    },
    /// The model's specification, or examples for it, do not fit.
    #[error(transparent)]
    Spec(#[from] SpecError),
}
