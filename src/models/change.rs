//! Changes to models and versions that are there: names and notes, the active version, deletion.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use super::model::{check_metadata, check_name};
use super::{Model, ModelError, ModelRegistry};
use crate::storage::catalog::ModelRow;
use crate::storage::{StorageError, Write, exact};

/// Changes to a model's record; `None` leaves things as they are.
#[derive(Clone, Debug, Default)]
pub struct ModelChanges {
    /// A new name, or none at all.
    pub name: Option<Option<String>>,
    /// New notes, in place of all old ones.
    pub metadata: Option<BTreeMap<String, String>>,
}

impl ModelRegistry {
    /// Changes name or metadata.
    ///
    /// # Errors
    /// `NotFound`, `Invalid`, `NameTaken`, `Storage`.
    pub async fn change(&self, id: Uuid, changes: ModelChanges) -> Result<Arc<Model>, ModelError> {
        changes.metadata.as_ref().map_or(Ok(()), check_metadata)?;
        let mut write = self.storage().catalog.write().await?;
        let row = locked(&mut write, id).await?;
        let name = changes.name.unwrap_or_else(|| row.name.clone());
        if let Some(new) = name.as_deref().filter(|name| Some(*name) != row.name.as_deref()) {
            check_name(new)?;
        }
        let metadata = changes.metadata.map_or(row.metadata, |metadata| exact::to_text(&metadata));
        let changed = write.change_model(id, name.clone(), metadata, Timestamp::now()).await;
        changed.map_err(|error| match (error, name) {
            (StorageError::Conflict, Some(name)) => ModelError::NameTaken(name),
            (error, _) => error.into(),
        })?;
        let changed = self.commit(write, id).await?;
        self.meters().rename(id, changed.title());
        Ok(changed)
    }

    /// Makes version `number` the one that predicts.
    ///
    /// # Errors
    /// `NotFound`, `VersionNotFound`, `Storage`.
    pub async fn activate(&self, model: &Model, number: u64) -> Result<Arc<Model>, ModelError> {
        let mut write = self.storage().catalog.write().await?;
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
        let mut write = self.storage().catalog.write().await?;
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
        self.entries().drop_predictor(model.id, number);
        self.storage().discard(&[version.blob]).await;
        Ok(())
    }

    /// Removes a model with all its versions, as the last part of `write`, and commits it.
    ///
    /// # Errors
    /// `Storage`.
    pub async fn remove(&self, mut write: Write, id: Uuid) -> Result<(), ModelError> {
        let blobs = write.remove_model(id).await?;
        let committed = write.commit().await;
        self.entries().changed(id);
        committed?;
        self.entries().removed(id);
        self.meters().remove(id);
        self.storage().discard(&blobs).await;
        Ok(())
    }

    async fn commit(&self, write: Write, id: Uuid) -> Result<Arc<Model>, ModelError> {
        let committed = write.commit().await;
        // Even a failed commit may have been made: what is known is forgotten either way.
        self.entries().changed(id);
        committed?;
        self.get(&id.to_string()).await
    }
}

/// The model's row, which nobody else changes until `write` is over.
async fn locked(write: &mut Write, id: Uuid) -> Result<ModelRow, ModelError> {
    let gone = || ModelError::NotFound(id.to_string());
    if !write.lock_model(id).await? {
        return Err(gone());
    }
    write.model(id).await?.ok_or_else(gone)
}
