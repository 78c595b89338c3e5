//! What is in memory of the models: one entry a model, with its record and the predictors of its versions.
//!
//! The catalog is the truth, entries are copies of what was used lately. A change is made in the catalog first and the
//! record then dropped here. Versions never change, so their predictors stay when the record goes.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use tokio::sync::OnceCell;
use uuid::Uuid;

use super::id_map::IdMap;
use super::lookups::Lookups;
use super::recency::{Candidate, Clock, LastUse, least_recent};
use super::{Model, Predictor};
use crate::telemetry::CacheUse;

/// Memory for records.
const RECORD_BYTES: usize = 16 << 20;
/// Whoever has to make room searches all entries for those used least recently. So that many share one search, up to
/// this part of the memory is freed beyond what is needed, where that costs no large entry.
const SPARE_PART: usize = 16;

/// A predictor that is in memory, or that somebody is reading from its file: whoever else needs it waits for that.
pub(super) type Slot = Arc<OnceCell<Arc<Predictor>>>;

/// The entries.
///
/// A `RwLock` because nearly every call is a lookup: lookups do not wait for each other, on however many cores. Only a
/// call that found nothing, and so went to the catalog or to a file before, takes the lock for writing. It is the standard
/// library's because it is held for the few lines of a method here, never across an `.await` and never while something is
/// read or dropped; waiting writers go before new readers, so that none starves.
pub(super) struct Entries {
    models: RwLock<Models>,
    clock: Clock,
    record_bytes: usize,
    /// How look-ups of records and of predictors ended.
    records: Lookups,
    predictors: Lookups,
}

#[derive(Default)]
struct Models {
    by_id: IdMap<Entry>,
    /// The names of those whose record is here.
    by_name: HashMap<String, Uuid>,
    /// Memory of all records.
    record_bytes: usize,
    /// Records that have changed in the catalog so far.
    changes: u64,
}

/// What is in memory of one model.
#[derive(Default)]
struct Entry {
    record: Option<Arc<Model>>,
    record_used: LastUse,
    versions: Vec<Loaded>,
}

struct Loaded {
    number: u64,
    slot: Slot,
    /// Memory of the predictor.
    bytes: usize,
    used: LastUse,
}

/// How many changes there were when a record was not found: it is read from the catalog next.
#[derive(Debug)]
pub(super) struct Changes(u64);

impl Default for Entries {
    fn default() -> Self {
        Entries::with_room_for(RECORD_BYTES)
    }
}

impl Entries {
    fn with_room_for(record_bytes: usize) -> Self {
        let (records, predictors) = (Lookups::default(), Lookups::default());
        Entries { models: RwLock::default(), clock: Clock::default(), record_bytes, records, predictors }
    }

    /// How it was used so far.
    pub(super) fn caches(&self) -> [(&'static str, CacheUse); 2] {
        [("models", self.records.so_far()), ("versions", self.predictors.so_far())]
    }

    /// The record of the model with this identifier, or else of this name, if it is here.
    pub(super) fn record(&self, key: &str, id: Option<Uuid>) -> Result<Arc<Model>, Changes> {
        let models = self.read();
        let entry = id.or_else(|| models.by_name.get(key).copied()).and_then(|id| models.by_id.get(&id));
        match self.records.note(entry.and_then(|entry| Some((entry, entry.record.as_ref()?)))) {
            None => Err(Changes(models.changes)),
            Some((entry, record)) => {
                entry.record_used.note(self.clock.now());
                Ok(record.clone())
            }
        }
    }

    /// Keeps a record that was read from the catalog when there had been so many changes; not if there was another since,
    /// which may have been of this very record.
    pub(super) fn put_record(&self, model: &Arc<Model>, since: Changes) {
        let mut models = self.write();
        if models.changes != since.0 {
            return;
        }
        models.take_record(model.id);
        models.record_bytes += model.bytes();
        if let Some(name) = &model.name {
            models.by_name.insert(name.clone(), model.id);
        }
        let entry = models.by_id.entry(model.id).or_default();
        entry.record = Some(model.clone());
        entry.record_used = self.clock.put_in();
        let over = models.record_bytes.saturating_sub(self.record_bytes);
        let gone = if over > 0 { models.drop_records(over, self.record_bytes / SPARE_PART) } else { Vec::new() };
        drop(models);
        self.records.evicted(gone.len());
        drop(gone);
    }

    /// Drops a record that has changed in the catalog, or may have.
    pub(super) fn changed(&self, id: Uuid) {
        let mut models = self.write();
        models.changes += 1;
        let gone = models.take_record(id);
        models.tidy(id);
        drop(models);
        drop(gone);
    }

    /// Drops all that is here of a model that was deleted.
    pub(super) fn removed(&self, id: Uuid) {
        self.changed(id);
        let gone = self.write().by_id.remove(&id);
        drop(gone);
    }

    /// The predictor of a version, if it is here.
    pub(super) fn predictor(&self, id: Uuid, version: u64) -> Option<Arc<Predictor>> {
        let models = self.read();
        let found = models.by_id.get(&id).and_then(|entry| {
            let loaded = entry.version(version)?;
            loaded.used.note(self.clock.now());
            loaded.slot.get().cloned()
        });
        self.predictors.note(found)
    }

    /// The place of a version's predictor, which takes `bytes`: the one that is here, else a new one.
    pub(super) fn slot(&self, id: Uuid, version: u64, bytes: usize) -> Slot {
        let mut models = self.write();
        let entry = models.by_id.entry(id).or_default();
        match entry.version(version) {
            Some(loaded) => loaded.slot.clone(),
            None => {
                let slot = Slot::default();
                entry.versions.push(Loaded { number: version, slot: slot.clone(), bytes, used: self.clock.put_in() });
                slot
            }
        }
    }

    /// Keeps a predictor of a version that was just made.
    pub(super) fn put_predictor(&self, id: Uuid, version: u64, predictor: Arc<Predictor>, bytes: usize) {
        let slot = Arc::new(OnceCell::new_with(Some(predictor)));
        let mut models = self.write();
        let gone = models.take_version(id, version);
        let entry = models.by_id.entry(id).or_default();
        entry.versions.push(Loaded { number: version, slot, bytes, used: self.clock.put_in() });
        drop(models);
        drop(gone);
    }

    /// Drops the predictor of a version that was deleted.
    pub(super) fn drop_predictor(&self, id: Uuid, version: u64) {
        let gone = self.write().take_version(id, version);
        drop(gone);
    }

    /// Drops a place in which nothing could be read; not another that has taken its place since.
    pub(super) fn drop_slot(&self, id: Uuid, version: u64, slot: &Slot) {
        let mut models = self.write();
        let is_it = |loaded: &Loaded| Arc::ptr_eq(&loaded.slot, slot);
        if models.by_id.get(&id).and_then(|entry| entry.version(version)).is_some_and(is_it) {
            let gone = models.take_version(id, version);
            drop(models);
            drop(gone);
        }
    }

    /// Drops predictors of `bytes` together, those used least recently first, of those that `limit` bounds. False if there
    /// is none.
    pub(super) fn drop_predictors(&self, bytes: usize, limit: usize) -> bool {
        let gone = self.write().drop_predictors(bytes, limit / SPARE_PART);
        self.predictors.evicted(gone.len());
        !gone.is_empty()
    }

    // A panic while the lock is held leaves the maps usable: what they lack is read again.
    fn read(&self) -> RwLockReadGuard<'_, Models> {
        self.models.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Models> {
        self.models.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn version(&self, number: u64) -> Option<&Loaded> {
        self.versions.iter().find(|loaded| loaded.number == number)
    }
}

/// What is taken out is returned, to be dropped when the lock is free again: freeing a large network takes its time.
impl Models {
    fn take_record(&mut self, id: Uuid) -> Option<Arc<Model>> {
        let record = self.by_id.get_mut(&id)?.record.take()?;
        self.record_bytes -= record.bytes();
        if let Some(name) = record.name.as_ref().filter(|name| self.by_name.get(*name) == Some(&id)) {
            self.by_name.remove(name);
        }
        Some(record)
    }

    fn take_version(&mut self, id: Uuid, number: u64) -> Option<Slot> {
        let entry = self.by_id.get_mut(&id)?;
        let at = entry.versions.iter().position(|loaded| loaded.number == number)?;
        let loaded = entry.versions.swap_remove(at);
        self.tidy(id);
        Some(loaded.slot)
    }

    /// Removes the entry of a model if there is nothing in it.
    fn tidy(&mut self, id: Uuid) {
        if self.by_id.get(&id).is_some_and(|entry| entry.record.is_none() && entry.versions.is_empty()) {
            self.by_id.remove(&id);
        }
    }

    fn drop_records(&mut self, bytes: usize, spare: usize) -> Vec<Arc<Model>> {
        let used = |(id, entry): (&Uuid, &Entry)| {
            Some(Candidate { used: entry.record_used.get(), bytes: entry.record.as_ref()?.bytes(), key: (*id, 0) })
        };
        let chosen = least_recent(self.by_id.iter().filter_map(used).collect(), bytes, spare);
        let mut gone = Vec::new();
        for (id, _) in chosen {
            gone.extend(self.take_record(id));
            self.tidy(id);
        }
        gone
    }

    fn drop_predictors(&mut self, bytes: usize, spare: usize) -> Vec<Slot> {
        let versions = self.by_id.iter().flat_map(|(id, entry)| entry.versions.iter().map(|loaded| (*id, loaded)));
        let used = |(id, loaded): (Uuid, &Loaded)| Candidate {
            used: loaded.used.get(),
            bytes: loaded.bytes,
            key: (id, loaded.number),
        };
        let chosen = least_recent(versions.map(used).collect(), bytes, spare);
        chosen.into_iter().filter_map(|(id, number)| self.take_version(id, number)).collect()
    }
}

#[cfg(test)]
mod tests;
