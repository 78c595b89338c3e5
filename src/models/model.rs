//! A model and its versions: the records, not the parameters.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::ModelError;
use super::stored::spec_from_json;
use crate::learning::metrics::Metrics;
use crate::learning::spec::ValidModelSpec;
use crate::storage::catalog::{ModelRow, VersionRow};
use crate::storage::{StorageError, exact};

/// Most entries of `metadata`.
pub const MAX_METADATA: usize = 64;
/// Most characters of a key and of a value of `metadata`.
const METADATA_LENGTHS: (usize, usize) = (64, 1024);
/// Longest name.
const MAX_NAME: usize = 63;

/// A model's record; never changes: a changed model has a new one.
#[derive(Clone, Debug)]
pub struct Model {
    /// UUIDv7: ordered by time of creation.
    pub id: Uuid,
    /// Unique among models.
    pub name: Option<String>,
    /// What the model is.
    pub spec: Arc<ValidModelSpec>,
    /// Where the initial parameters are, if the client gave them.
    pub initial_blob: Option<String>,
    /// The client's own notes.
    pub metadata: BTreeMap<String, String>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When its name, metadata or active version last changed.
    pub updated_at: Timestamp,
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
    /// The parameters it starts from, if the client gave them.
    pub initial: Option<Vec<f32>>,
    /// The client's own notes.
    pub metadata: BTreeMap<String, String>,
}

/// A trained state of a model; never changes.
#[derive(Clone, Debug)]
pub struct Version {
    /// The model it belongs to.
    pub model_id: Uuid,
    /// Counted from 1 within the model.
    pub number: u64,
    /// Where its file is.
    pub blob: String,
    /// What its training reached.
    pub facts: VersionFacts,
}

/// What the training of a version reached.
#[derive(Clone, Debug)]
pub struct VersionFacts {
    /// The training that made it; `None` if it was imported.
    pub job_id: Option<Uuid>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Training epochs in the parameters.
    pub epochs: u64,
    /// Training loss of the last of these epochs.
    pub loss: f64,
    /// Validation loss after the last of these epochs.
    pub validation_loss: Option<f64>,
    /// How good it is: a [`MeasuredOn`] as JSON.
    pub metrics: Arc<RawValue>,
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
    /// A model of this record, with its active version's.
    ///
    /// # Errors
    /// `Storage` with `Damaged`: the row does not say what a row says.
    pub fn from_row(row: ModelRow, active: Option<VersionRow>) -> Result<Self, ModelError> {
        let damaged = |reason: String| StorageError::damaged(format!("the record of model {}", row.id), reason);
        Ok(Model {
            id: row.id,
            spec: Arc::new(spec_from_json(&row.spec).map_err(|error| damaged(error.to_string()))?),
            metadata: exact::from_text(&row.metadata).map_err(|error| damaged(error.to_string()))?,
            active: active.map(Version::from_row).transpose()?.map(Arc::new),
            name: row.name,
            initial_blob: row.initial_blob,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
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

    /// Whether version `number` is the one that predicts.
    pub fn is_active(&self, number: u64) -> bool {
        self.active.as_ref().is_some_and(|active| active.number == number)
    }

    /// Memory that the record takes, about.
    pub(super) fn bytes(&self) -> usize {
        let notes: usize = self.metadata.iter().map(|(key, value)| key.len() + value.len() + 48).sum();
        let measures = self.active.as_ref().map_or(0, |active| active.facts.metrics.get().len() + 256);
        512 + notes + measures + self.spec.layers.len() * 48
    }
}

impl Version {
    /// The version of a row.
    ///
    /// # Errors
    /// `Storage` with `Damaged`: the row does not say what a row says.
    pub fn from_row(row: VersionRow) -> Result<Self, ModelError> {
        let damaged = |error| StorageError::damaged(format!("version {} of model {}", row.number, row.model_id), error);
        let metrics: Box<RawValue> = RawValue::from_string(row.metrics).map_err(damaged)?;
        let facts = VersionFacts {
            job_id: row.job_id,
            created_at: row.created_at,
            epochs: row.epochs,
            loss: row.loss,
            validation_loss: row.validation_loss,
            metrics: metrics.into(),
        };
        Ok(Version { model_id: row.model_id, number: row.number, blob: row.blob, facts })
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
