//! New models: made from a specification, or from the file of a version.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use uuid::Uuid;

use super::artifact::{Artifact, decode, encode};
use super::memory::predictor_bytes;
use super::model::check_name;
use super::publication::{Serving, VersionDraft, version_blob};
use super::version::VersionFacts;
use super::{Model, ModelError, ModelKind, ModelRegistry, NewModel, Predictor};
use crate::identifier::new_id;
use crate::learning::network::Network;
use crate::storage::catalog::{ModelRow, ReceiptRow};
use crate::storage::{Checksums, RECEIPT_AGE, StorageError, Stored, Write, exact};

/// The measures of an imported version have at most so many bytes: those of a hundred classes are a third of it.
const MAX_METRICS_BYTES: usize = 256 << 10;

/// Files by the names of their blobs.
type Files = Vec<(String, Bytes)>;

impl ModelRegistry {
    /// Whether a model of this name may be made with the key `owner`, and a version with it: asked before its file comes,
    /// which making it does not save from asking again.
    ///
    /// # Errors
    /// `Invalid` name, `NameTaken`, `Storage`.
    pub async fn check_new(&self, name: Option<&str>, owner: Option<Uuid>) -> Result<(), ModelError> {
        name.map_or(Ok(()), check_name)?;
        let storage = self.storage();
        if let Some(name) = name
            && storage.catalog.model_named(name).await?.is_some()
        {
            return Err(ModelError::NameTaken(name.to_owned()));
        }
        Ok(storage.quota.check(&storage.catalog, owner, Stored { objects: 2, bytes: 0 }).await?)
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

    /// A checked new model: its row, its record, and the files that are to be written before the row.
    ///
    /// # Errors
    /// `Invalid` name or metadata, `TooLarge`.
    fn prepare(&self, new: NewModel) -> Result<(ModelRow, Model, Files), ModelError> {
        new.check()?;
        let (mut row, mut model) = record(new.name, new.kind, new.metadata, new.owner)?;
        let mut files = Vec::new();
        if let ModelKind::Layers(spec) = &model.kind {
            self.check_size(spec)?;
            if let Some(initial) = new.initial {
                let file = encode(&Network::with_parameters(spec.clone(), initial).into(), None);
                row.initial_blob = Some(initial_blob(row.id));
                row.initial_bytes = Some(file.len() as u64);
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

    /// Adds a model of the key `owner` whose first version is the file `bytes`; `receipt` is as that of [`ModelRegistry::create`].
    ///
    /// # Errors
    /// `File`: it is no version's file; else as [`ModelRegistry::create`].
    pub async fn import(
        &self,
        name: Option<String>,
        bytes: Bytes,
        owner: Option<Uuid>,
        receipt: impl FnOnce(&Model) -> Option<ReceiptRow>,
    ) -> Result<Arc<Model>, ModelError> {
        name.as_deref().map_or(Ok(()), check_name)?;
        let file = bytes.clone();
        let decoded = tokio::task::spawn_blocking(move || decode(&file)).await;
        let Artifact { predictor, facts } = decoded.map_err(|_| ModelError::File("it cannot be read".into()))??;
        let Some(facts) = facts else {
            return Err(ModelError::File("it has no `training`: it is not the file of a version".into()));
        };
        if facts.metrics.get().len() > MAX_METRICS_BYTES {
            return Err(ModelError::File(format!("its metrics take more than {MAX_METRICS_BYTES} bytes")));
        }
        predictor.table().map_or(Ok(()), |table| table.parts.check_lengths())?;
        let spec = predictor.spec();
        self.memory().check(predictor_bytes(spec, bytes.len() as u64))?;
        let (kind, is_table) = match predictor.table() {
            Err(_) => (ModelKind::Layers(Arc::new(spec.clone())), false),
            Ok(table) => (ModelKind::Table(Arc::new(table.parts.spec.clone())), true),
        };
        let (mut row, model) = record(name, kind, BTreeMap::new(), owner)?;
        let blob = version_blob(new_id());
        let checksums = Checksums::of(&bytes);
        let mut files = vec![(blob.clone(), bytes)];
        // The start that the client gave elsewhere did not come along: trainings start from what did.
        if !is_table && spec.initializer.is_none() {
            row.initial_blob = Some(initial_blob(row.id));
            let start = Predictor::from(predictor.network().clone());
            let file = encode(&start, None);
            row.initial_bytes = Some(file.len() as u64);
            files.push((initial_blob(row.id), file.into()));
        }
        let facts = VersionFacts { job_id: None, created_at: Timestamp::now(), ..facts };
        let first = VersionDraft::new(blob, checksums, &predictor, facts);
        self.write_down(&row, receipt(&model), files, Some(first)).await?;
        self.get(&row.id.to_string()).await
    }

    /// Writes a new model down: its files, then its row, its first version if it has one, and the receipt.
    async fn write_down(
        &self,
        row: &ModelRow,
        receipt: Option<ReceiptRow>,
        files: Files,
        first: Option<VersionDraft>,
    ) -> Result<(), ModelError> {
        let storage = self.storage();
        let blobs: Vec<String> = files.iter().map(|(blob, _)| blob.clone()).collect();
        let bytes = row.told_bytes() + files.iter().map(|(_, file)| file.len() as u64).sum::<u64>();
        let more = Stored { objects: 1 + u64::from(first.is_some()), bytes };
        let written = async {
            storage.quota.check(&storage.catalog, row.owner, more).await?;
            for (blob, file) in files {
                storage.put_noted(&blob, file).await?;
            }
            let mut write = storage.catalog.write().await?;
            storage.quota.take(&mut write, row.owner, more).await?;
            if let Some(receipt) = receipt {
                write.add_receipt(&receipt, RECEIPT_AGE).await?;
            }
            self.add(&mut write, row).await?;
            if let Some(first) = first {
                self.publish(&mut write, row.id, &first, Serving::Always).await?;
            }
            Ok(write.commit().await?)
        }
        .await;
        self.entries().changed(row.id);
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
}

/// A row of a model that is created now, and the model.
fn record(
    name: Option<String>,
    kind: ModelKind,
    metadata: BTreeMap<String, String>,
    owner: Option<Uuid>,
) -> Result<(ModelRow, Model), ModelError> {
    let now = Timestamp::now();
    let row = ModelRow {
        id: new_id(),
        name,
        dataset_id: kind.dataset(),
        spec: kind.to_json(),
        initial_blob: None,
        initial_bytes: None,
        metadata: exact::to_text(&metadata),
        created_at: now,
        updated_at: now,
        active_version: None,
        activated_at: None,
        owner,
    };
    let model = Model::from_row(row.clone(), None)?;
    Ok((row, model))
}

fn initial_blob(id: Uuid) -> String {
    format!("initial/{id}.safetensors")
}
