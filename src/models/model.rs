//! A model and its versions.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use super::ModelError;
use crate::learning::metrics::Metrics;
use crate::learning::network::Network;
use crate::learning::spec::{Start, ValidModelSpec};

/// Most entries of `metadata`.
pub const MAX_METADATA: usize = 64;
/// Most characters of a key and of a value of `metadata`.
const METADATA_LENGTHS: (usize, usize) = (64, 1024);
/// Longest name.
const MAX_NAME: usize = 63;
/// What a model record takes beside its parameters, roughly.
const RECORD_BYTES: usize = 4096;

/// A model as the registry holds it: an immutable record behind an `Arc`, replaced as a whole when it changes.
#[derive(Clone, Debug)]
pub struct Model {
    /// UUIDv7: ordered by time of creation.
    pub id: Uuid,
    /// Unique among models.
    pub name: Option<String>,
    /// What the model is.
    pub spec: Arc<ValidModelSpec>,
    /// The client's own notes.
    pub metadata: BTreeMap<String, String>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When its name, metadata or active version last changed.
    pub updated_at: Timestamp,
    /// Its versions by number, from 1.
    pub versions: BTreeMap<u64, Arc<Version>>,
    /// The version that predicts.
    pub active: Option<Arc<Version>>,
}

/// A model to be created.
#[derive(Clone, Debug)]
pub struct NewModel {
    /// Unique among models, if given.
    pub name: Option<String>,
    /// What the model is.
    pub spec: ValidModelSpec,
    /// The client's own notes.
    pub metadata: BTreeMap<String, String>,
}

/// A trained state of a model; never changes.
#[derive(Debug)]
pub struct Version {
    /// Counted from 1 within the model.
    pub number: u64,
    /// The training that made it.
    pub job_id: Uuid,
    /// When it was published.
    pub created_at: Timestamp,
    /// The network with its parameters.
    pub network: Network,
    /// Training epochs in the parameters.
    pub epochs: u64,
    /// Training loss of the last of these epochs.
    pub loss: f64,
    /// Validation loss after the last of these epochs.
    pub validation_loss: Option<f64>,
    /// How good it is.
    pub metrics: MeasuredOn,
}

/// Metrics, and the rows they were measured on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MeasuredOn {
    /// Validation rows where there were any, else the training rows.
    pub rows_used: RowsUsed,
    /// The measures.
    #[serde(flatten)]
    pub metrics: Metrics,
}

/// Which rows were measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RowsUsed {
    /// Rows that training did not see.
    Validation,
    /// The rows trained on.
    Training,
}

impl NewModel {
    /// Checks name and metadata.
    ///
    /// # Errors
    /// [`ModelError::Invalid`] with the pointer of what cannot be used.
    pub fn check(&self) -> Result<(), ModelError> {
        self.name.as_deref().map_or(Ok(()), check_name)?;
        check_metadata(&self.metadata)
    }
}

impl Model {
    /// A model without versions.
    pub fn new(new: NewModel) -> Self {
        let now = Timestamp::now();
        Model {
            id: Uuid::now_v7(),
            name: new.name,
            spec: Arc::new(new.spec),
            metadata: new.metadata,
            created_at: now,
            updated_at: now,
            versions: BTreeMap::new(),
            active: None,
        }
    }

    /// What the client may call it.
    pub fn title(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.id.to_string())
    }

    /// The version that predicts.
    ///
    /// # Errors
    /// [`ModelError::NotTrained`] before the first training.
    pub fn active(&self) -> Result<&Arc<Version>, ModelError> {
        self.active.as_ref().ok_or_else(|| ModelError::NotTrained(self.title()))
    }

    /// Version `number`.
    ///
    /// # Errors
    /// [`ModelError::VersionNotFound`].
    pub fn version(&self, number: u64) -> Result<&Arc<Version>, ModelError> {
        let missing = || ModelError::VersionNotFound { model: self.title(), version: number };
        self.versions.get(&number).ok_or_else(missing)
    }

    /// The number of the next version.
    pub fn next_version(&self) -> u64 {
        self.versions.last_key_value().map_or(1, |(last, _)| last + 1)
    }

    /// Memory that the record and its versions take.
    pub fn bytes(&self) -> usize {
        let parameters = self.spec.parameter_count() * size_of::<f32>();
        let given = if matches!(self.spec.start, Start::Given(_)) { 1 } else { 0 };
        RECORD_BYTES + (self.versions.len() + given) * parameters
    }
}

/// Checks a name: `[a-z0-9][a-z0-9_-]{0,62}` and not like a UUID.
pub(super) fn check_name(name: &str) -> Result<(), ModelError> {
    let invalid = |detail: String| Err(ModelError::Invalid { pointer: "/name".into(), detail });
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
    let fits = (1..=MAX_NAME).contains(&name.len()) && name.chars().all(inner) && !name.starts_with(['_', '-']);
    if !fits {
        let rule = "1 to 63 of a-z, 0-9, _ and -, starting with a letter or digit";
        let shown: String = name.chars().take(MAX_NAME + 1).collect();
        return invalid(format!("{shown:?} is no name: a name has {rule}"));
    }
    if Uuid::try_parse(name).is_ok() {
        return invalid(format!("{name:?} looks like a UUID, which a name may not"));
    }
    Ok(())
}

/// Checks the client's notes.
pub(super) fn check_metadata(metadata: &BTreeMap<String, String>) -> Result<(), ModelError> {
    let (key_length, value_length) = METADATA_LENGTHS;
    let invalid = |pointer: String, detail: String| Err(ModelError::Invalid { pointer, detail });
    if metadata.len() > MAX_METADATA {
        return invalid(
            "/metadata".into(),
            format!("metadata has {} entries; the most is {MAX_METADATA}", metadata.len()),
        );
    }
    for (key, value) in metadata {
        if key.is_empty() || key.chars().count() > key_length {
            return invalid("/metadata".into(), format!("a key of metadata has 1 to {key_length} characters"));
        }
        if value.chars().count() > value_length {
            let pointer = format!("/metadata/{}", key.replace('~', "~0").replace('/', "~1"));
            return invalid(pointer, format!("a value of metadata has at most {value_length} characters"));
        }
    }
    Ok(())
}
