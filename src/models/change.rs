//! Changes to models and versions that are there: names and notes, the active version, aliases, deletion.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use super::alias::{MAX_ALIASES, check_alias};
use super::model::{check_metadata, check_name};
use super::{Model, ModelError, ModelRegistry};
use crate::storage::catalog::ModelRow;
use crate::storage::{StorageError, Stored, Write, exact};

/// Changes to a model's record; `None` leaves things as they are.
#[derive(Clone, Debug, Default)]
pub struct ModelChanges {
    /// A new name, or none at all.
    pub name: Option<Option<String>>,
    /// New notes, in place of all old ones.
    pub metadata: Option<BTreeMap<String, String>>,
}

impl ModelRegistry {
    /// Changes name or metadata, with the key `by`: whose model it is has to have room for the notes, and who writes them as well.
    ///
    /// # Errors
    /// `NotFound`, `Invalid`, `NameTaken`, `Storage`.
    pub async fn change(&self, id: Uuid, changes: ModelChanges, by: Option<Uuid>) -> Result<Arc<Model>, ModelError> {
        changes.metadata.as_ref().map_or(Ok(()), check_metadata)?;
        let (mut write, row) = self.locked(id).await?;
        let name = changes.name.unwrap_or_else(|| row.name.clone());
        if let Some(new) = name.as_deref().filter(|name| Some(*name) != row.name.as_deref()) {
            check_name(new)?;
        }
        let metadata = changes.metadata.map_or_else(|| row.metadata.clone(), |metadata| exact::to_text(&metadata));
        let bytes = metadata.len().saturating_sub(row.metadata.len()) as u64;
        if bytes > 0 {
            if by != row.owner {
                write.take_allowance(by, bytes).await?;
            }
            self.storage().quota.take(&mut write, row.owner, Stored { objects: 0, bytes }).await?;
        }
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
        let (mut write, _) = self.locked(model.id).await?;
        if write.version(model.id, number).await?.is_none() {
            return Err(ModelError::VersionNotFound { model: model.title(), version: number });
        }
        write.activate(model.id, number, Timestamp::now()).await?;
        self.commit(write, model.id).await
    }

    /// Deletes a version that is not the active one and has no alias.
    ///
    /// # Errors
    /// `NotFound`, `VersionNotFound`, `VersionActive`, `VersionAliased`, `VersionNeeded`, `Storage`.
    pub async fn remove_version(&self, model: &Model, number: u64) -> Result<(), ModelError> {
        let (mut write, row) = self.locked(model.id).await?;
        let missing = || ModelError::VersionNotFound { model: model.title(), version: number };
        let version = write.version(model.id, number).await?.ok_or_else(missing)?;
        if row.active_version == Some(number) {
            return Err(ModelError::VersionActive(number));
        }
        if let Some(alias) = write.alias_of(model.id, number).await? {
            return Err(ModelError::VersionAliased { version: number, alias });
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

    /// Lets `alias` name version `number`, whatever it named before.
    ///
    /// # Errors
    /// `Alias`: it is none, or one too many; `NotFound`, `VersionNotFound`, `Storage`.
    pub async fn set_alias(&self, model: &Model, alias: &str, number: u64) -> Result<Timestamp, ModelError> {
        check_alias(alias)?;
        let (mut write, _) = self.locked(model.id).await?;
        if write.version(model.id, number).await?.is_none() {
            return Err(ModelError::VersionNotFound { model: model.title(), version: number });
        }
        if write.other_aliases(model.id, alias).await? >= MAX_ALIASES {
            let detail = format!("a model has at most {MAX_ALIASES} aliases: delete one, or move one to this version");
            return Err(ModelError::Alias(detail));
        }
        let at = Timestamp::now();
        write.set_alias(model.id, alias, number, at).await?;
        self.commit(write, model.id).await?;
        Ok(at)
    }

    /// Removes an alias; its version stays.
    ///
    /// # Errors
    /// `Alias`: it can be none; `NotFound`, `AliasNotFound`, `Storage`.
    pub async fn remove_alias(&self, model: &Model, alias: &str) -> Result<(), ModelError> {
        check_alias(alias)?;
        let (mut write, _) = self.locked(model.id).await?;
        if !write.remove_alias(model.id, alias).await? {
            return Err(ModelError::AliasNotFound { model: model.title(), alias: alias.to_owned() });
        }
        self.commit(write, model.id).await.map(drop)
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

    pub(super) async fn commit(&self, write: Write, id: Uuid) -> Result<Arc<Model>, ModelError> {
        let committed = write.commit().await;
        // Even a failed commit may have been made: what is known is forgotten either way.
        self.entries().changed(id);
        committed?;
        self.get(&id.to_string()).await
    }

    /// A change, and the row of the model that nobody else changes until it is over.
    pub(super) async fn locked(&self, id: Uuid) -> Result<(Write, ModelRow), ModelError> {
        let gone = || ModelError::NotFound(id.to_string());
        let mut write = self.storage().catalog.write().await?;
        if !write.lock_model(id).await? {
            return Err(gone());
        }
        let row = write.model(id).await?.ok_or_else(gone)?;
        Ok((write, row))
    }
}
