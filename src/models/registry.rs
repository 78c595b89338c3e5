//! The registry: every model by UUID and by name, kept in the catalog, with what was used lately in memory.
//!
//! Readers leave with an `Arc`; what they hold stays whole while a training publishes a newer version. A change is on
//! the disk before its call returns. Nothing is read at start: a record comes from the catalog and a network from its
//! file when they are first used.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use bytesize::ByteSize;
use jiff::Timestamp;
use uuid::Uuid;

use super::artifact::{Artifact, decode, encode};
use super::model::{VersionFacts, check_metadata, check_name};
use super::networks::{LoadedNetwork, Networks};
use super::records::Records;
use super::stored::{kind_to_json, spec_to_json};
use super::table::TableParts;
use super::{Model, ModelError, ModelKind, NewModel, Version};
use crate::learning::network::Network;
use crate::learning::spec::ValidModelSpec;
use crate::storage::catalog::{ModelRow, ReceiptRow, VersionRow};
use crate::storage::{RECEIPT_AGE, Storage, StorageError, Write, exact};

/// All models of the service. Cheap to clone: a handle.
#[derive(Clone)]
pub struct ModelRegistry {
    inner: Arc<Inner>,
}

struct Inner {
    storage: Storage,
    records: Records,
    networks: Networks,
}

/// Changes to a model's record; `None` leaves things as they are.
#[derive(Clone, Debug, Default)]
pub struct ModelChanges {
    /// A new name, or none at all.
    pub name: Option<Option<String>>,
    /// New notes, in place of all old ones.
    pub metadata: Option<BTreeMap<String, String>>,
}

/// A version whose file is written and that no row refers to yet.
#[derive(Clone, Debug)]
pub struct Draft {
    blob: String,
    bytes: u64,
    /// Of a model by data set: the specification of its network.
    network: Option<String>,
    facts: VersionFacts,
}

/// Files by the names of their blobs.
type Files = Vec<(String, Bytes)>;

/// A trained network, with what it has beside it if it is of a model by data set.
#[derive(Clone, Debug)]
pub struct Trained {
    /// The network.
    pub network: Network,
    /// From columns to its input, and what else goes with it.
    pub table: Option<TableParts>,
}

impl Trained {
    /// The specification of the network, where it is not the model's.
    fn own_network(&self) -> Option<String> {
        self.table.as_ref().map(|_| spec_to_json(self.network.spec()).to_string())
    }
}

impl ModelRegistry {
    /// The models in `storage`; networks in memory may take `limit`.
    pub fn new(storage: Storage, limit: ByteSize) -> Self {
        let inner = Inner { storage, records: Records::default(), networks: Networks::new(limit) };
        ModelRegistry { inner: Arc::new(inner) }
    }

    /// Adds a model; `receipt` makes of it what is kept for the repetition of the request, if it can be repeated.
    ///
    /// # Errors
    /// `Invalid` name or metadata, `NameTaken`, `TooLarge`, `Storage`, with `Conflict` if there is a receipt already.
    pub async fn create(
        &self,
        new: NewModel,
        receipt: impl FnOnce(&Model) -> Option<ReceiptRow>,
    ) -> Result<Arc<Model>, ModelError> {
        let (row, model, files) = self.prepare(new)?;
        self.write_down(&row, receipt(&model), files, None).await?;
        Ok(Arc::new(model))
    }

    /// Whether a network of this specification may ever be loaded.
    ///
    /// # Errors
    /// `TooLarge`.
    pub fn check_size(&self, network: &ValidModelSpec) -> Result<(), ModelError> {
        self.inner.networks.check_size(network)
    }

    /// A checked new model: its row, its record, and the files that are to be written before the row.
    ///
    /// # Errors
    /// `Invalid` name or metadata, `TooLarge`.
    fn prepare(&self, new: NewModel) -> Result<(ModelRow, Model, Files), ModelError> {
        new.check()?;
        let (mut row, mut model) = record(new.name, new.kind, new.metadata)?;
        let mut files = Vec::new();
        if let ModelKind::Layers(spec) = &model.kind {
            self.inner.networks.check_size(spec)?;
            if let Some(initial) = new.initial {
                let file = encode(&Network::with_parameters(spec.clone(), initial), None, None);
                row.initial_blob = Some(initial_blob(row.id));
                files.push((initial_blob(row.id), file.into()));
            }
        }
        model.initial_blob = row.initial_blob.clone();
        Ok((row, model, files))
    }

    /// Adds, as a part of `write`, a model by data set.
    ///
    /// # Errors
    /// `Invalid` name or metadata, `NameTaken`, `Storage`.
    pub async fn create_within(&self, write: &mut Write, new: NewModel) -> Result<Model, ModelError> {
        let (row, model, files) = self.prepare(new)?;
        debug_assert!(files.is_empty(), "a model by data set has no files before its first version");
        self.add(write, &row).await?;
        Ok(model)
    }

    /// Adds a model whose first version is the file `bytes`.
    ///
    /// # Errors
    /// `File`: it is no version's file; else as [`ModelRegistry::create`].
    pub async fn import(&self, name: Option<String>, bytes: Bytes) -> Result<Arc<Model>, ModelError> {
        name.as_deref().map_or(Ok(()), check_name)?;
        let file = bytes.clone();
        let decoded = tokio::task::spawn_blocking(move || decode(&file)).await;
        let Artifact { network, table, facts } =
            decoded.map_err(|_| ModelError::File("it cannot be read".into()))??;
        let Some(facts) = facts else {
            return Err(ModelError::File("it has no `training`: it is not the file of a version".into()));
        };
        let spec = network.spec();
        self.inner.networks.check_size(spec)?;
        let kind = match &table {
            None => ModelKind::Layers(Arc::new(spec.clone())),
            Some(table) => ModelKind::Table(Arc::new(table.spec.clone())),
        };
        let (mut row, _) = record(name, kind, BTreeMap::new())?;
        let blob = version_blob(Uuid::now_v7());
        let bytes_of_file = bytes.len() as u64;
        let mut files = vec![(blob.clone(), bytes)];
        // The start that the client gave elsewhere did not come along: trainings start from what did.
        if table.is_none() && spec.initializer.is_none() {
            row.initial_blob = Some(initial_blob(row.id));
            files.push((initial_blob(row.id), encode(&network, None, None).into()));
        }
        let facts = VersionFacts { job_id: None, created_at: Timestamp::now(), ..facts };
        let network = Trained { network, table }.own_network();
        let first = Draft { blob, bytes: bytes_of_file, network, facts };
        self.write_down(&row, None, files, Some(first)).await?;
        self.get(&row.id.to_string()).await
    }

    /// Writes a new model down: its files, then its row, its first version if it has one, and the receipt.
    async fn write_down(
        &self,
        row: &ModelRow,
        receipt: Option<ReceiptRow>,
        files: Files,
        first: Option<Draft>,
    ) -> Result<(), ModelError> {
        let storage = &self.inner.storage;
        let blobs: Vec<String> = files.iter().map(|(blob, _)| blob.clone()).collect();
        let written = async {
            for (blob, file) in files {
                storage.put_noted(&blob, file).await?;
            }
            let mut write = storage.catalog.write().await?;
            if let Some(receipt) = receipt {
                write.add_receipt(&receipt, RECEIPT_AGE).await?;
            }
            self.add(&mut write, row).await?;
            if let Some(first) = first {
                self.publish(&mut write, row.id, &first).await?;
            }
            Ok(write.commit().await?)
        }
        .await;
        self.inner.records.changed(row.id);
        if written.is_err() {
            storage.discard(&blobs).await;
        }
        written
    }

    async fn add(&self, write: &mut Write, row: &ModelRow) -> Result<(), ModelError> {
        write.add_model(row).await.map_err(|error| match (error, &row.name) {
            (StorageError::Conflict, Some(name)) => ModelError::NameTaken(name.clone()),
            (error, _) => error.into(),
        })?;
        if let Some(blob) = &row.initial_blob {
            write.strike_litter(blob).await?;
        }
        Ok(())
    }

    /// The model that `key` names: a UUID or a name.
    ///
    /// # Errors
    /// `NotFound`, `Storage`.
    pub async fn get(&self, key: &str) -> Result<Arc<Model>, ModelError> {
        let id = Uuid::try_parse(key).ok();
        let changes = match self.inner.records.get(key, id) {
            Ok(model) => return Ok(model),
            Err(changes) => changes,
        };
        let catalog = &self.inner.storage.catalog;
        let row = match id {
            Some(id) => catalog.model(id).await?,
            None => catalog.model_named(key).await?,
        };
        let model = Arc::new(self.complete(row.ok_or_else(|| ModelError::NotFound(key.to_owned()))?).await?);
        self.inner.records.put(&model, changes);
        Ok(model)
    }

    /// At most `limit` models older than `before`, newest first.
    ///
    /// # Errors
    /// `Storage`.
    pub async fn list(&self, before: Option<Uuid>, limit: usize) -> Result<Vec<Model>, ModelError> {
        let mut models = Vec::new();
        for row in self.inner.storage.catalog.models(before, limit).await? {
            models.push(self.complete(row).await?);
        }
        Ok(models)
    }

    /// Number of models.
    ///
    /// # Errors
    /// `Storage`.
    pub async fn count(&self) -> Result<u64, ModelError> {
        Ok(self.inner.storage.catalog.count_models().await?)
    }

    async fn complete(&self, row: ModelRow) -> Result<Model, ModelError> {
        let active = match row.active_version {
            Some(number) => self.inner.storage.catalog.version(row.id, number).await?,
            None => None,
        };
        Model::from_row(row, active)
    }

    /// Changes name or metadata.
    ///
    /// # Errors
    /// `NotFound`, `Invalid`, `NameTaken`, `Storage`.
    pub async fn change(&self, id: Uuid, changes: ModelChanges) -> Result<Arc<Model>, ModelError> {
        if let Some(Some(name)) = &changes.name {
            check_name(name)?;
        }
        changes.metadata.as_ref().map_or(Ok(()), check_metadata)?;
        let mut write = self.inner.storage.catalog.write().await?;
        let row = locked(&mut write, id).await?;
        let name = changes.name.unwrap_or(row.name);
        let metadata = changes.metadata.map_or(row.metadata, |metadata| exact::to_text(&metadata));
        let changed = write.change_model(id, name.clone(), metadata, Timestamp::now()).await;
        changed.map_err(|error| match (error, name) {
            (StorageError::Conflict, Some(name)) => ModelError::NameTaken(name),
            (error, _) => error.into(),
        })?;
        self.commit(write, id).await
    }

    /// Version `number` of a model.
    ///
    /// # Errors
    /// `VersionNotFound`, `Storage`.
    pub async fn version(&self, model: &Model, number: u64) -> Result<Arc<Version>, ModelError> {
        if let Some(active) = model.active.as_ref().filter(|active| active.number == number) {
            return Ok(active.clone());
        }
        let row = self.inner.storage.catalog.version(model.id, number).await?;
        let row = row.ok_or_else(|| ModelError::VersionNotFound { model: model.title(), version: number })?;
        Version::from_row(row).map(Arc::new)
    }

    /// At most `limit` versions of a model with numbers below `below`, newest first.
    ///
    /// # Errors
    /// `Storage`.
    pub async fn versions(&self, id: Uuid, below: Option<u64>, limit: usize) -> Result<Vec<Version>, ModelError> {
        let rows = self.inner.storage.catalog.versions(id, below, limit).await?;
        rows.into_iter().map(Version::from_row).collect()
    }

    /// The network of a version.
    ///
    /// # Errors
    /// `VersionDamaged`, `MemoryFull`, `Storage`.
    pub async fn network(&self, model: &Model, version: &Version) -> Result<Arc<LoadedNetwork>, ModelError> {
        match self.inner.networks.present(&version.blob) {
            Some(network) => Ok(network),
            None => {
                let damaged = ModelError::VersionDamaged { version: version.number };
                let spec = model.network_of(version).ok_or(damaged)?;
                self.inner.networks.load(version, spec, &self.inner.storage.blobs).await
            }
        }
    }

    /// The network that the trainings of a model by layer sizes start from.
    ///
    /// # Errors
    /// `WrongKind`, `File` if the given initial parameters cannot be read, `Storage`.
    pub async fn start(&self, model: &Model) -> Result<Network, ModelError> {
        match &model.initial_blob {
            None => Ok(Network::new(model.layers()?.clone())),
            Some(blob) => Ok(decode(&self.inner.storage.blobs.get(blob).await?)?.network),
        }
    }

    /// Makes version `number` the one that predicts.
    ///
    /// # Errors
    /// `NotFound`, `VersionNotFound`, `Storage`.
    pub async fn activate(&self, model: &Model, number: u64) -> Result<Arc<Model>, ModelError> {
        let mut write = self.inner.storage.catalog.write().await?;
        locked(&mut write, model.id).await?;
        if write.version(model.id, number).await?.is_none() {
            return Err(ModelError::VersionNotFound { model: model.title(), version: number });
        }
        write.activate(model.id, number, Timestamp::now()).await?;
        self.commit(write, model.id).await
    }

    /// Deletes a version that is not the active one.
    ///
    /// # Errors
    /// `NotFound`, `VersionNotFound`, `VersionActive`, `VersionNeeded`, `Storage`.
    pub async fn remove_version(&self, model: &Model, number: u64) -> Result<(), ModelError> {
        let mut write = self.inner.storage.catalog.write().await?;
        let row = locked(&mut write, model.id).await?;
        let missing = || ModelError::VersionNotFound { model: model.title(), version: number };
        let version = write.version(model.id, number).await?.ok_or_else(missing)?;
        if row.active_version == Some(number) {
            return Err(ModelError::VersionActive(number));
        }
        // Its encoder is read again when such a job goes on after a restart.
        if version.network.is_some() && write.is_base_of_open_job(model.id, number).await? {
            return Err(ModelError::VersionNeeded(number));
        }
        write.remove_version(model.id, number).await?;
        write.note_litter(&version.blob).await?;
        write.commit().await?;
        self.inner.networks.forget(&version.blob);
        self.inner.storage.discard(&[version.blob]).await;
        Ok(())
    }

    /// Writes the file of a version that `job_id` made of `trained`.
    ///
    /// # Errors
    /// `TooLarge`: it could never be loaded; `Storage`: a later try may succeed.
    pub async fn draft(
        &self,
        job_id: Uuid,
        trained: &Trained,
        file: Bytes,
        facts: VersionFacts,
    ) -> Result<Draft, ModelError> {
        let (blob, bytes) = (version_blob(job_id), file.len() as u64);
        self.inner.networks.check_file(trained.network.spec(), bytes)?;
        self.inner.storage.put_noted(&blob, file).await?;
        Ok(Draft { blob, bytes, network: trained.own_network(), facts })
    }

    /// Makes a draft, as a part of `write`, the next version of the model and the one that predicts.
    ///
    /// # Errors
    /// `NotFound` if the model is gone, `Storage`.
    pub async fn publish(&self, write: &mut Write, id: Uuid, draft: &Draft) -> Result<u64, ModelError> {
        let number = write.next_version(id).await?.ok_or_else(|| ModelError::NotFound(id.to_string()))?;
        let row = VersionRow {
            model_id: id,
            number,
            blob: draft.blob.clone(),
            job_id: draft.facts.job_id,
            created_at: draft.facts.created_at,
            epochs: draft.facts.epochs,
            loss: draft.facts.loss,
            validation_loss: draft.facts.validation_loss,
            metrics: draft.facts.metrics.get().to_owned(),
            network: draft.network.clone(),
            file_bytes: Some(draft.bytes),
        };
        write.add_version(&row).await?;
        write.activate(id, number, draft.facts.created_at).await?;
        write.strike_litter(&draft.blob).await?;
        Ok(number)
    }

    /// Lets everyone see what [`ModelRegistry::publish`] did, once its change is committed.
    pub fn published(&self, id: Uuid, draft: &Draft, trained: Trained) {
        self.inner.networks.keep(&draft.blob, trained.network, trained.table, draft.bytes);
        self.inner.records.changed(id);
    }

    /// Removes a model with all its versions, as the last part of `write`, and commits it.
    ///
    /// # Errors
    /// `Storage`.
    pub async fn remove(&self, mut write: Write, id: Uuid) -> Result<(), ModelError> {
        let blobs = write.remove_model(id).await?;
        let committed = write.commit().await;
        self.inner.records.changed(id);
        committed?;
        blobs.iter().for_each(|blob| self.inner.networks.forget(blob));
        self.inner.storage.discard(&blobs).await;
        Ok(())
    }

    /// The size and the bytes of a version's file, as they come.
    ///
    /// # Errors
    /// `VersionDamaged` if it is missing, `Storage`.
    pub async fn file(
        &self,
        version: &Version,
    ) -> Result<(u64, impl futures_util::Stream<Item = Result<Bytes, StorageError>> + Send + use<>), ModelError> {
        self.inner.storage.blobs.stream(&version.blob).await.map_err(|error| match error {
            StorageError::Missing(_) => ModelError::VersionDamaged { version: version.number },
            error => error.into(),
        })
    }

    async fn commit(&self, write: Write, id: Uuid) -> Result<Arc<Model>, ModelError> {
        let committed = write.commit().await;
        // Even a failed commit may have been made: what is known is forgotten either way.
        self.inner.records.changed(id);
        committed?;
        self.get(&id.to_string()).await
    }
}

/// A row of a model that is created now, and the model.
fn record(
    name: Option<String>,
    kind: ModelKind,
    metadata: BTreeMap<String, String>,
) -> Result<(ModelRow, Model), ModelError> {
    let now = Timestamp::now();
    let row = ModelRow {
        id: Uuid::now_v7(),
        name,
        spec: kind_to_json(&kind),
        initial_blob: None,
        metadata: exact::to_text(&metadata),
        created_at: now,
        updated_at: now,
        active_version: None,
    };
    let model = Model::from_row(row.clone(), None)?;
    Ok((row, model))
}

/// The model's row, which nobody else changes until `write` is over.
async fn locked(write: &mut Write, id: Uuid) -> Result<ModelRow, ModelError> {
    let gone = || ModelError::NotFound(id.to_string());
    if !write.lock_model(id).await? {
        return Err(gone());
    }
    write.model(id).await?.ok_or_else(gone)
}

fn version_blob(id: Uuid) -> String {
    format!("versions/{id}.safetensors")
}

fn initial_blob(id: Uuid) -> String {
    format!("initial/{id}.safetensors")
}
