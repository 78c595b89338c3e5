//! The registry: every model by UUID and by name, kept in the catalog, with what was used lately in memory.
//!
//! Readers leave with an `Arc`; what they hold stays whole while a training publishes a newer version. A change is on
//! the disk before its call returns. Nothing is read at start: a record comes from the catalog and a predictor from its
//! version's file when they are first used. What changes models stands in `creation`, `change` and `publication`.

use std::sync::Arc;

use bytes::Bytes;
use uuid::Uuid;

use super::alias::{Alias, VersionKey};
use super::artifact::{Artifact, decode};
use super::entries::{Changes, Entries};
use super::memory::{PredictorMemory, predictor_bytes};
use super::{Model, ModelError, Predictor, Version};
use crate::learning::network::Network;
use crate::learning::spec::ValidModelSpec;
use crate::memory::behalf::done_for_all;
use crate::memory::{Charge, Share};
use crate::name::is_name;
use crate::storage::catalog::{ModelRow, VersionRow, shown};
use crate::storage::{Storage, StorageError, exact};
use crate::telemetry::{CacheUse, ModelMeters};
use crate::workplaces::Occupancy;

/// Bytes of models or versions that are listed at once.
const MAX_LISTED_BYTES: u64 = 8 << 20;

/// What is damaged where reading a row fails beyond what it says.
const RECORD: &str = "the record of a model";

/// The part of the memory of models that counts of what they are asked may take: one in so many bytes.
const COUNTS_PART: u64 = 8;

/// All models of the service. Cheap to clone: a handle.
#[derive(Clone)]
pub struct ModelRegistry {
    inner: Arc<Inner>,
}

struct Inner {
    storage: Storage,
    entries: Entries,
    memory: PredictorMemory,
    meters: ModelMeters,
}

impl ModelRegistry {
    /// The models in `storage`; predictors are charged to `memory`, and what they answer is counted in `meters`.
    pub fn new(storage: Storage, memory: Share, meters: ModelMeters) -> Self {
        let inner = Inner { storage, entries: Entries::default(), memory: PredictorMemory::new(memory), meters };
        ModelRegistry { inner: Arc::new(inner) }
    }

    pub(super) fn storage(&self) -> &Storage {
        &self.inner.storage
    }

    pub(super) fn entries(&self) -> &Entries {
        &self.inner.entries
    }

    pub(super) fn memory(&self) -> &PredictorMemory {
        &self.inner.memory
    }

    pub(super) fn meters(&self) -> &ModelMeters {
        &self.inner.meters
    }

    /// How records of models and predictors of versions are found in memory.
    pub fn caches(&self) -> [(&'static str, CacheUse); 2] {
        self.entries().caches()
    }

    /// How many files of versions are read, and how many wait.
    pub fn readers(&self) -> Occupancy {
        self.memory().readers()
    }

    /// Memory for counts of what a model is asked. Predictors that were used least recently make room for them.
    ///
    /// # Errors
    /// `MemoryFull`.
    pub fn reserve_counts(&self, bytes: usize) -> Result<Charge, ModelError> {
        self.memory().reserve(bytes, self.entries())
    }

    /// The most bytes that counts of all models may take: a small part of what predictors have.
    pub fn counts_limit(&self) -> u64 {
        self.memory().limit() / COUNTS_PART
    }

    /// Drops what is in memory of a model's record; the next who asks reads it again.
    pub fn forget_record(&self, id: Uuid) {
        self.entries().changed(id);
    }

    /// Whether a network of this specification may ever be loaded.
    ///
    /// # Errors
    /// `TooLarge`.
    pub fn check_size(&self, network: &ValidModelSpec) -> Result<(), ModelError> {
        self.memory().check(predictor_bytes(network, 0))
    }

    /// The model that `key` names: a UUID or a name.
    ///
    /// # Errors
    /// `NotFound`, `Storage`.
    pub async fn get(&self, key: &str) -> Result<Arc<Model>, ModelError> {
        let id = Uuid::try_parse(key).ok();
        match self.entries().record(key, id) {
            Ok(model) => Ok(model),
            // In a box: requests hold this future, and hardly any needs the catalog.
            Err(changes) => Box::pin(self.look_up(key, id, changes)).await,
        }
    }

    async fn look_up(&self, key: &str, id: Option<Uuid>, changes: Changes) -> Result<Arc<Model>, ModelError> {
        let catalog = &self.storage().catalog;
        let row = match id {
            Some(id) => catalog.model(id).await?,
            None if is_name(key) => catalog.model_named(key).await?,
            None => None,
        };
        let row = row.ok_or_else(|| ModelError::NotFound(key.to_owned()))?;
        let (active, aliases) = (self.active_row(&row).await?, catalog.aliases(row.id).await?);
        let versions = active.iter().chain(aliases.iter().filter_map(|alias| alias.version.as_ref()));
        let bytes = row.told_bytes() as usize + versions.map(VersionRow::told_bytes).sum::<usize>();
        let read = move || {
            let model = Model::from_row(row, active)?;
            let aliases = Alias::of_rows(model.active.as_ref(), aliases)?;
            Ok::<_, ModelError>(Arc::new(Model { aliases, ..model }))
        };
        let model = exact::read_apart(RECORD, bytes, read).await?;
        self.entries().put_record(&model, changes);
        Ok(model)
    }

    /// The model with this identifier as the catalog has it at this moment.
    ///
    /// # Errors
    /// `Storage`.
    pub async fn stored(&self, id: Uuid) -> Result<Option<Model>, ModelError> {
        match self.storage().catalog.model(id).await? {
            Some(row) => {
                let active = self.active_row(&row).await?;
                let bytes = row.told_bytes() as usize + active.as_ref().map_or(0, VersionRow::told_bytes);
                exact::read_apart(RECORD, bytes, move || Model::from_row(row, active).map(Some)).await
            }
            None => Ok(None),
        }
    }

    /// At most `limit` models older than `before`, newest first.
    ///
    /// # Errors
    /// `Storage`.
    pub async fn list(&self, before: Option<Uuid>, limit: usize) -> Result<(Vec<Model>, bool), ModelError> {
        let catalog = &self.storage().catalog;
        let lengths = catalog.model_lengths(before, limit + 1).await?;
        let count = shown(lengths.iter().copied(), limit, MAX_LISTED_BYTES);
        let mut rows = Vec::new();
        for row in catalog.models(before, count).await? {
            let active = self.active_row(&row).await?;
            rows.push((row, active));
        }
        let read = move || rows.into_iter().map(|(row, active)| Model::from_row(row, active)).collect();
        let models = exact::read_apart(RECORD, lengths.iter().take(count).sum::<u64>() as usize, read).await?;
        Ok((models, lengths.len() > count))
    }

    /// Number of models.
    ///
    /// # Errors
    /// `Storage`.
    pub async fn count(&self) -> Result<u64, ModelError> {
        Ok(self.storage().catalog.count_models().await?)
    }

    async fn active_row(&self, row: &ModelRow) -> Result<Option<VersionRow>, ModelError> {
        match row.active_version {
            Some(number) => Ok(self.storage().catalog.version(row.id, number).await?),
            None => Ok(None),
        }
    }

    /// Version `number` of a model.
    ///
    /// # Errors
    /// `VersionNotFound`, `Storage`.
    pub async fn version(&self, model: &Model, number: u64) -> Result<Arc<Version>, ModelError> {
        let mut known = model.active.iter().chain(model.aliases.iter().map(|alias| &alias.version));
        if let Some(known) = known.find(|known| known.number == number) {
            return Ok(known.clone());
        }
        // In a box: requests hold this future, and few need the catalog.
        Box::pin(self.stored_version(model, number)).await
    }

    async fn stored_version(&self, model: &Model, number: u64) -> Result<Arc<Version>, ModelError> {
        let row = self.storage().catalog.version(model.id, number).await?;
        let row = row.ok_or_else(|| ModelError::VersionNotFound { model: model.title(), version: number })?;
        exact::read_apart(RECORD, row.told_bytes(), move || Version::from_row(row).map(Arc::new)).await
    }

    /// The version that `key` names. One by an alias is in memory with its model's record.
    ///
    /// # Errors
    /// `VersionNotFound`, `AliasNotFound`, `NotTrained` where there is no active version; `Storage`.
    pub async fn version_called(&self, model: &Model, key: &VersionKey) -> Result<Arc<Version>, ModelError> {
        match key {
            VersionKey::Alias(alias) => model.aliased(alias).cloned(),
            VersionKey::Number(number) => self.version(model, *number).await,
        }
    }

    /// At most `limit` versions of a model with numbers below `below`, newest first, and whether there are more. Fewer
    /// where they say much: the measures of many classes take megabytes.
    ///
    /// # Errors
    /// `Storage`.
    pub async fn versions(
        &self,
        id: Uuid,
        below: Option<u64>,
        limit: usize,
    ) -> Result<(Vec<Version>, bool), ModelError> {
        let catalog = &self.storage().catalog;
        let lengths = catalog.version_lengths(id, below, limit + 1).await?;
        let count = shown(lengths.iter().copied(), limit, MAX_LISTED_BYTES);
        let rows = catalog.versions(id, below, count).await?;
        let read = move || rows.into_iter().map(Version::from_row).collect();
        let versions = exact::read_apart(RECORD, lengths.iter().take(count).sum::<u64>() as usize, read).await?;
        Ok((versions, lengths.len() > count))
    }

    /// What answers for a version: from memory, else from its file. Those who ask at the same time wait for one reading.
    ///
    /// # Errors
    /// `VersionDamaged`, `TooLarge`, `MemoryFull`, `Storage`.
    pub async fn predictor(&self, model: &Model, version: &Version) -> Result<Arc<Predictor>, ModelError> {
        if let Some(predictor) = self.entries().predictor(model.id, version.number) {
            return Ok(predictor);
        }
        Box::pin(self.load(model, version)).await
    }

    async fn load(&self, model: &Model, version: &Version) -> Result<Arc<Predictor>, ModelError> {
        let spec = model.network_of(version).ok_or(ModelError::VersionDamaged { version: version.number })?;
        let bytes = predictor_bytes(spec, version.file_bytes);
        self.memory().check(bytes)?;
        let slot = self.entries().slot(model.id, version.number, bytes);
        let read = slot.get_or_try_init(|| done_for_all(self.read(model, version, spec, bytes))).await;
        if read.is_err() {
            self.entries().drop_slot(model.id, version.number, &slot);
        }
        read.cloned()
    }

    async fn read(
        &self,
        model: &Model,
        version: &Version,
        spec: &ValidModelSpec,
        bytes: usize,
    ) -> Result<Arc<Predictor>, ModelError> {
        let _reader = self.memory().reader().await;
        let memory = self.memory().reserve(bytes, self.entries())?;
        let damaged = |reason: String| {
            let (model, number) = (version.model_id, version.number);
            tracing::error!(model_id = %model, version = number, blob = version.blob, reason, "version is damaged");
            ModelError::VersionDamaged { version: number }
        };
        let bytes = match self.storage().blobs.get(&version.blob).await {
            Err(StorageError::Missing(_)) => return Err(damaged("its file is missing".into())),
            found => found?,
        };
        let decoded = tokio::task::spawn_blocking(move || decode(&bytes)).await;
        let Artifact { predictor, .. } = match decoded {
            Ok(Ok(artifact)) => artifact,
            Ok(Err(error)) => return Err(damaged(error.to_string())),
            Err(panic) => return Err(damaged(panic.to_string())),
        };
        if predictor.spec() != spec || predictor.table().is_ok() != version.network.is_some() {
            return Err(damaged("its file belongs to another model".into()));
        }
        let meter = self.meters().of(model.id, || model.title());
        Ok(Arc::new(predictor.in_service(memory, meter)))
    }

    /// The network that the trainings of a model by layer sizes start from.
    ///
    /// # Errors
    /// `WrongKind`, `File` if the given initial parameters cannot be read, `Storage`.
    pub async fn start(&self, model: &Model) -> Result<Network, ModelError> {
        match &model.initial_blob {
            None => Ok(Network::new(model.layers()?.clone())),
            Some(blob) => Ok(decode(&self.storage().blobs.get(blob).await?)?.predictor.into_network()),
        }
    }

    /// The size and the bytes of a version's file, as they come.
    ///
    /// # Errors
    /// `VersionDamaged` if it is missing, `Storage`.
    pub async fn file(
        &self,
        version: &Version,
    ) -> Result<(u64, impl futures_util::Stream<Item = Result<Bytes, StorageError>> + Send + use<>), ModelError> {
        self.storage().stream(&version.blob).await.map_err(|error| match error {
            StorageError::Missing(_) => ModelError::VersionDamaged { version: version.number },
            error => error.into(),
        })
    }
}
