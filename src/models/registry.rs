//! The registry: every model by UUID and by name.
//!
//! Readers take the lock for one lookup and leave with an `Arc`; what they hold stays whole while a training swaps the
//! pointer to a newer record. Nothing slow happens under the lock.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use bytesize::ByteSize;
use jiff::Timestamp;
use uuid::Uuid;

use super::model::{check_metadata, check_name};
use super::{Model, ModelError, NewModel, Version};

/// All models of the service. Cheap to clone: a handle.
#[derive(Clone, Debug)]
pub struct ModelRegistry {
    models: Arc<RwLock<Models>>,
    limit: usize,
}

#[derive(Debug, Default)]
struct Models {
    by_id: BTreeMap<Uuid, Arc<Model>>,
    by_name: HashMap<String, Uuid>,
    bytes: usize,
}

/// Changes to a model's record; `None` leaves things as they are.
#[derive(Clone, Debug, Default)]
pub struct ModelChanges {
    /// A new name, or none at all.
    pub name: Option<Option<String>>,
    /// New notes, in place of all old ones.
    pub metadata: Option<BTreeMap<String, String>>,
}

impl ModelRegistry {
    /// An empty registry whose models may take `limit` of memory.
    pub fn new(limit: ByteSize) -> Self {
        ModelRegistry { models: Arc::default(), limit: usize::try_from(limit.as_u64()).unwrap_or(usize::MAX) }
    }

    /// Adds a model.
    ///
    /// # Errors
    /// `Invalid` name or metadata, `NameTaken`, `Full`.
    pub fn create(&self, new: NewModel) -> Result<Arc<Model>, ModelError> {
        new.check()?;
        let model = Arc::new(Model::new(new));
        let mut models = self.write();
        self.check_room(models.bytes + model.bytes())?;
        if let Some(name) = &model.name {
            if models.by_name.contains_key(name) {
                return Err(ModelError::NameTaken(name.clone()));
            }
            models.by_name.insert(name.clone(), model.id);
        }
        models.bytes += model.bytes();
        models.by_id.insert(model.id, model.clone());
        Ok(model)
    }

    /// The model that `key` names: a UUID or a name.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn get(&self, key: &str) -> Result<Arc<Model>, ModelError> {
        let models = self.read();
        let id = models.by_name.get(key).copied().or_else(|| Uuid::try_parse(key).ok());
        let model = id.and_then(|id| models.by_id.get(&id));
        model.cloned().ok_or_else(|| ModelError::NotFound(key.to_owned()))
    }

    /// At most `limit` models older than `before`, newest first.
    pub fn list(&self, before: Option<Uuid>, limit: usize) -> Vec<Arc<Model>> {
        let models = self.read();
        let older = models.by_id.range(..before.unwrap_or(Uuid::max()));
        older.rev().take(limit).map(|(_, model)| model.clone()).collect()
    }

    /// Number of models.
    pub fn len(&self) -> usize {
        self.read().by_id.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Changes name or metadata.
    ///
    /// # Errors
    /// `NotFound`, `Invalid`, `NameTaken`.
    pub fn change(&self, id: Uuid, changes: ModelChanges) -> Result<Arc<Model>, ModelError> {
        if let Some(Some(name)) = &changes.name {
            check_name(name)?;
        }
        changes.metadata.as_ref().map_or(Ok(()), check_metadata)?;
        let mut models = self.write();
        if let Some(name) = changes.name {
            models.rename(id, name)?;
        }
        models.update(id, |model| {
            if let Some(metadata) = changes.metadata {
                model.metadata = metadata;
            }
            model.updated_at = Timestamp::now();
        })
    }

    /// Makes version `number` the one that predicts.
    ///
    /// # Errors
    /// `NotFound`, `VersionNotFound`.
    pub fn activate(&self, id: Uuid, number: u64) -> Result<Arc<Model>, ModelError> {
        let mut models = self.write();
        let version = models.model(id)?.version(number)?.clone();
        models.update(id, |model| {
            model.active = Some(version);
            model.updated_at = Timestamp::now();
        })
    }

    /// Adds the version that `make` makes of its number, and makes it the one that predicts.
    ///
    /// # Errors
    /// `NotFound` if the model is gone, `Full`.
    pub fn publish(&self, id: Uuid, make: impl FnOnce(u64) -> Version) -> Result<Arc<Version>, ModelError> {
        let mut models = self.write();
        let model = models.model(id)?;
        let parameters = model.spec.parameter_count() * size_of::<f32>();
        self.check_room(models.bytes + parameters)?;
        let version = Arc::new(make(model.next_version()));
        models.update(id, |model| {
            model.versions.insert(version.number, version.clone());
            model.active = Some(version.clone());
            model.updated_at = version.created_at;
        })?;
        models.bytes += parameters;
        Ok(version)
    }

    /// Whether a version of `id` would still find room.
    ///
    /// # Errors
    /// `NotFound`, `Full`.
    pub fn room_for_version(&self, id: Uuid) -> Result<(), ModelError> {
        let models = self.read();
        let parameters = models.model(id)?.spec.parameter_count() * size_of::<f32>();
        self.check_room(models.bytes + parameters)
    }

    /// Removes a model with all its versions.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn remove(&self, id: Uuid) -> Result<(), ModelError> {
        let mut models = self.write();
        let model = models.by_id.remove(&id).ok_or_else(|| ModelError::NotFound(id.to_string()))?;
        if let Some(name) = &model.name {
            models.by_name.remove(name);
        }
        models.bytes -= model.bytes();
        Ok(())
    }

    fn check_room(&self, bytes: usize) -> Result<(), ModelError> {
        let full = ModelError::Full { limit: ByteSize::b(self.limit as u64).to_string() };
        if bytes <= self.limit { Ok(()) } else { Err(full) }
    }

    // A panic while the lock was held leaves the maps whole: every change below is a few infallible lines.
    fn read(&self) -> RwLockReadGuard<'_, Models> {
        self.models.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Models> {
        self.models.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Models {
    fn model(&self, id: Uuid) -> Result<&Arc<Model>, ModelError> {
        self.by_id.get(&id).ok_or_else(|| ModelError::NotFound(id.to_string()))
    }

    /// Replaces the record by a changed one; those who hold the old one keep it.
    fn update(&mut self, id: Uuid, change: impl FnOnce(&mut Model)) -> Result<Arc<Model>, ModelError> {
        let model = self.by_id.get_mut(&id).ok_or_else(|| ModelError::NotFound(id.to_string()))?;
        change(Arc::make_mut(model));
        Ok(model.clone())
    }

    fn rename(&mut self, id: Uuid, name: Option<String>) -> Result<(), ModelError> {
        let old = self.model(id)?.name.clone();
        if let Some(name) = &name {
            match self.by_name.get(name) {
                Some(other) if *other != id => return Err(ModelError::NameTaken(name.clone())),
                _ => self.by_name.insert(name.clone(), id),
            };
        }
        if let Some(old) = old.filter(|old| Some(old) != name.as_ref()) {
            self.by_name.remove(&old);
        }
        self.update(id, |model| model.name = name).map(drop)
    }
}
