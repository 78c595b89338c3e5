//! What can go wrong with models.

use crate::learning::error::SpecError;
use crate::storage::StorageError;
use crate::wording::Shown;

/// A call on models that cannot be answered.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ModelError {
    /// No model has this identifier or name.
    #[error("there is no model {}", Shown(.0))]
    NotFound(String),
    /// The model has no such version.
    #[error("model {} has no version {version}", Shown(model))]
    VersionNotFound {
        /// As the client called it.
        model: String,
        /// The number asked for.
        version: u64,
    },
    /// The model has no such alias.
    #[error("model {} has no version or alias {}", Shown(model), Shown(alias))]
    AliasNotFound {
        /// As the client called it.
        model: String,
        /// The alias asked for.
        alias: String,
    },
    /// The word can be no alias, or it would be one too many.
    #[error("{0}")]
    Alias(String),
    /// The version predicts for its model, so it cannot be deleted.
    #[error("version {0} is the active one: activate another first, or delete the model")]
    VersionActive(u64),
    /// The version has an alias, so it cannot be deleted.
    #[error("version {version} has the alias {alias:?}: move that to another version or delete it first")]
    VersionAliased {
        /// Which version.
        version: u64,
        /// One of its aliases.
        alias: String,
    },
    /// A training goes on from the version, so it cannot be deleted.
    #[error("version {0} is what a training that is queued or running goes on from: wait for it or cancel it first")]
    VersionNeeded(u64),
    /// The file of a version is missing or damaged.
    #[error(
        "the file of version {version} is missing or damaged, as the log says in full: activate another version, train \
         again, or restore a backup"
    )]
    VersionDamaged {
        /// Which version.
        version: u64,
    },
    /// The model has no version to predict with.
    #[error("model {} is not trained yet: {}", Shown(model), why.as_deref().unwrap_or("POST to its /train first"))]
    NotTrained {
        /// As the client may call it.
        model: String,
        /// What became of its last training, where that is known.
        why: Option<String>,
    },
    /// The version has no interval of this level.
    #[error("{0}")]
    NoInterval(String),
    /// The version has no rows of its training to explain its answers by.
    #[error("the version is older than explanations: train the model again")]
    NoExplanation,
    /// The version has no histograms of the rows that it was trained on.
    #[error(
        "drift is measured against the training rows of the active version, and version {version} has no histograms of \
         them: those of models by data set have, if this release or a later one trained them"
    )]
    DriftUnavailable {
        /// The active one.
        version: u64,
    },
    /// The call is for models of the other kind.
    #[error("model {} is one by {is}: this is for models by {not}", Shown(model))]
    WrongKind {
        /// As the client called it.
        model: String,
        /// What it is.
        is: &'static str,
        /// What it is not.
        not: &'static str,
    },
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
    /// The file is no version of a model.
    #[error("the file cannot be used: {0}")]
    File(String),
    /// The model is larger than the memory of all models.
    #[error("the model needs about {needed} of memory; {limit} is the most (--model-memory)")]
    TooLarge {
        /// Readable estimate.
        needed: String,
        /// Readable bound.
        limit: String,
    },
    /// Models that are in use fill the memory.
    #[error("models in use fill the {limit} of --model-memory: try again, or start with more")]
    MemoryFull {
        /// Readable bound.
        limit: String,
    },
    /// The model's specification, or examples for it, do not fit.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// Stored state cannot be read or written.
    #[error(transparent)]
    Storage(#[from] StorageError),
}
