//! A model's record: what it is, without parameters.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use jiff::Timestamp;
use uuid::Uuid;

use super::alias::{ACTIVE, Alias};
use super::drift::DriftCounts;
use super::stored::{spec_from_json, spec_to_json};
use super::table::TableSpec;
use super::{ModelError, Version};
use crate::learning::spec::ValidModelSpec;
use crate::name;
use crate::storage::catalog::{ModelRow, VersionRow};
use crate::storage::{StorageError, exact};

/// Most entries of `metadata`.
pub const MAX_METADATA: usize = 64;
/// Most characters of a key and of a value of `metadata`.
const METADATA_LENGTHS: (usize, usize) = (64, 1024);

/// What a model is.
#[derive(Clone, Debug, PartialEq)]
pub enum ModelKind {
    /// By layer sizes: arrays in, arrays out.
    Layers(Arc<ValidModelSpec>),
    /// By data set: named columns in, classes or values out.
    Table(Arc<TableSpec>),
}

/// A model's record; never changes: a changed model has a new one.
#[derive(Clone, Debug)]
pub struct Model {
    /// UUIDv7: ordered by time of creation.
    pub id: Uuid,
    /// Unique among models.
    pub name: Option<String>,
    /// What the model is.
    pub kind: ModelKind,
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
    /// When that became the active one.
    pub activated_at: Option<Timestamp>,
    /// Names of versions; none in a list of models, which does not look them up.
    pub aliases: Vec<Alias>,
    /// What that was asked since, once somebody has looked it up.
    pub drift: OnceLock<Arc<DriftCounts>>,
}

/// A model to be created.
#[derive(Clone, Debug)]
pub struct NewModel {
    /// Unique among models, if given.
    pub name: Option<String>,
    /// What the model is.
    pub kind: ModelKind,
    /// The parameters it starts from, if the client gave them.
    pub initial: Option<Vec<f32>>,
    /// The client's own notes.
    pub metadata: BTreeMap<String, String>,
    /// The key that makes it, if it is one that the service made.
    pub owner: Option<Uuid>,
}

impl ModelKind {
    /// The specification as the catalog keeps it.
    pub fn to_json(&self) -> String {
        match self {
            ModelKind::Layers(spec) => spec_to_json(spec).to_string(),
            ModelKind::Table(table) => exact::to_text(&**table),
        }
    }

    /// The data set that it was made by.
    pub fn dataset(&self) -> Option<Uuid> {
        match self {
            ModelKind::Layers(_) => None,
            ModelKind::Table(table) => table.dataset,
        }
    }

    /// The specification that [`ModelKind::to_json`] made `text` of.
    ///
    /// # Errors
    /// `File`, `Spec`, `Invalid`: the text is not that of a specification, or of one that may be.
    pub fn from_json(text: &str) -> Result<Self, ModelError> {
        let unreadable = |error| ModelError::File(format!("its model specification cannot be read: {error}"));
        let value: serde_json::Value = serde_json::from_str(text).map_err(unreadable)?;
        if value.get("target").is_none() {
            return spec_from_json(text).map(|spec| ModelKind::Layers(Arc::new(spec)));
        }
        let table: TableSpec = exact::from_text(text).map_err(unreadable)?;
        table.check()?;
        Ok(ModelKind::Table(Arc::new(table)))
    }
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
            kind: ModelKind::from_json(&row.spec).map_err(|error| damaged(error.to_string()))?,
            metadata: exact::from_text(&row.metadata).map_err(|error| damaged(error.to_string()))?,
            active: active.map(Version::from_row).transpose()?.map(Arc::new),
            name: row.name,
            initial_blob: row.initial_blob,
            created_at: row.created_at,
            updated_at: row.updated_at,
            activated_at: row.activated_at,
            aliases: Vec::new(),
            drift: OnceLock::new(),
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
        self.active.as_ref().ok_or_else(|| ModelError::NotTrained { model: self.title(), why: None })
    }

    /// The version that an alias names.
    ///
    /// # Errors
    /// `AliasNotFound`; `NotTrained` where there is no active version.
    pub fn aliased(&self, alias: &str) -> Result<&Arc<Version>, ModelError> {
        if alias == ACTIVE {
            return self.active();
        }
        let found = self.aliases.iter().find(|known| known.name == alias).map(|known| &known.version);
        found.ok_or_else(|| ModelError::AliasNotFound { model: self.title(), alias: alias.to_owned() })
    }

    /// The network of a model by layer sizes.
    ///
    /// # Errors
    /// `WrongKind` for a model by data set.
    pub fn layers(&self) -> Result<&Arc<ValidModelSpec>, ModelError> {
        match &self.kind {
            ModelKind::Layers(spec) => Ok(spec),
            ModelKind::Table(_) => {
                Err(ModelError::WrongKind { model: self.title(), is: "data set", not: "layer sizes" })
            }
        }
    }

    /// The table of a model by data set.
    ///
    /// # Errors
    /// `WrongKind` for a model by layer sizes.
    pub fn table(&self) -> Result<&Arc<TableSpec>, ModelError> {
        match &self.kind {
            ModelKind::Table(table) => Ok(table),
            ModelKind::Layers(_) => {
                Err(ModelError::WrongKind { model: self.title(), is: "layer sizes", not: "data set" })
            }
        }
    }

    /// The seed of trainings that name none.
    pub fn seed(&self) -> u64 {
        match &self.kind {
            ModelKind::Layers(spec) => spec.seed,
            ModelKind::Table(table) => table.seed,
        }
    }

    /// The network of a version of the model, if both fit together.
    pub fn network_of<'a>(&'a self, version: &'a Version) -> Option<&'a Arc<ValidModelSpec>> {
        match (&self.kind, &version.network) {
            (ModelKind::Layers(spec), None) => Some(spec),
            (ModelKind::Table(_), Some(spec)) => Some(spec),
            _ => None,
        }
    }

    /// Whether version `number` is the one that predicts.
    pub fn is_active(&self, number: u64) -> bool {
        self.active.as_ref().is_some_and(|active| active.number == number)
    }

    /// Memory that the record takes, about.
    pub fn bytes(&self) -> usize {
        let notes: usize = self.metadata.iter().map(|(key, value)| key.len() + value.len() + 48).sum();
        let aliased = self.aliases.iter().map(|alias| &alias.version);
        let versions: usize = self.active.iter().chain(aliased).map(|version| version.bytes()).sum();
        let kind = match &self.kind {
            ModelKind::Layers(spec) => spec.layers.len() * 48,
            ModelKind::Table(table) => {
                table
                    .features
                    .iter()
                    .chain(&table.classes)
                    .chain(&table.weights)
                    .map(|name| name.len() + 24)
                    .sum::<usize>()
                    + 256
            }
        };
        512 + notes + versions + kind
    }
}

/// Checks a name.
pub(super) fn check_name(name: &str) -> Result<(), ModelError> {
    name::check_name(name).map_err(|detail| ModelError::Invalid { pointer: "/name".into(), detail })
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
