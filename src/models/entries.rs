//! What is in memory of the models: one entry a model, with its record and the predictors of its versions.
//!
//! The catalog is the truth, entries are copies of what was used lately. A change is made in the catalog first and the
//! record then dropped here. Versions never change, so their predictors stay when the record goes.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use tokio::sync::OnceCell;
use uuid::Uuid;

use super::{Model, Predictor};

/// Memory for records.
const RECORD_BYTES: usize = 32 << 20;
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
    /// Time as uses are ordered by: advances with everything that is put in.
    clock: AtomicU64,
    record_bytes: usize,
}

#[derive(Default)]
struct Models {
    by_id: HashMap<Uuid, Entry>,
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

/// When something was last used. An atomic, so that readers note it under the read lock; written only if it changes, so
/// that cores which read the same entry do not take it from each other.
#[derive(Default)]
struct LastUse(AtomicU64);

impl LastUse {
    fn note(&self, now: u64) {
        if self.get() != now {
            self.0.store(now, Ordering::Relaxed);
        }
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How many changes there were when a record was not found: it is read from the catalog next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Changes(u64);

impl Default for Entries {
    fn default() -> Self {
        Entries::with_room_for(RECORD_BYTES)
    }
}

impl Entries {
    fn with_room_for(record_bytes: usize) -> Self {
        Entries { models: RwLock::default(), clock: AtomicU64::default(), record_bytes }
    }

    /// The record of the model with this identifier, or else of this name, if it is here.
    pub(super) fn record(&self, key: &str, id: Option<Uuid>) -> Result<Arc<Model>, Changes> {
        let models = self.read();
        let entry = id.or_else(|| models.by_name.get(key).copied()).and_then(|id| models.by_id.get(&id));
        match entry.and_then(|entry| Some((entry, entry.record.as_ref()?))) {
            None => Err(Changes(models.changes)),
            Some((entry, record)) => {
                entry.record_used.note(self.now());
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
        let now = self.advance();
        models.take_record(model.id);
        models.record_bytes += model.bytes();
        if let Some(name) = &model.name {
            models.by_name.insert(name.clone(), model.id);
        }
        let entry = models.by_id.entry(model.id).or_default();
        entry.record = Some(model.clone());
        entry.record_used.note(now);
        let over = models.record_bytes.saturating_sub(self.record_bytes);
        let gone = if over > 0 { models.drop_records(over, self.record_bytes / SPARE_PART) } else { Vec::new() };
        drop(models);
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
        let loaded = models.by_id.get(&id)?.version(version)?;
        loaded.used.note(self.now());
        loaded.slot.get().cloned()
    }

    /// The place of a version's predictor, which takes `bytes`: the one that is here, else a new one.
    pub(super) fn slot(&self, id: Uuid, version: u64, bytes: usize) -> Slot {
        let mut models = self.write();
        let entry = models.by_id.entry(id).or_default();
        match entry.version(version) {
            Some(loaded) => loaded.slot.clone(),
            None => {
                let slot = Slot::default();
                entry.versions.push(Loaded::new(version, slot.clone(), bytes, self.advance()));
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
        entry.versions.push(Loaded::new(version, slot, bytes, self.advance()));
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
        !gone.is_empty()
    }

    /// The time of a use: later than all that was put in before.
    fn now(&self) -> u64 {
        self.clock.load(Ordering::Relaxed)
    }

    /// The time of something that is put in: later than all uses before, earlier than all afterwards.
    fn advance(&self) -> u64 {
        self.clock.fetch_add(2, Ordering::Relaxed) + 1
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

impl Loaded {
    fn new(number: u64, slot: Slot, bytes: usize, now: u64) -> Self {
        Loaded { number, slot, bytes, used: LastUse(now.into()) }
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
        let used = |(id, entry): (&Uuid, &Entry)| {
            let key = |loaded: &Loaded| (*id, loaded.number);
            let versions = entry.versions.iter();
            versions.map(move |loaded| Candidate { used: loaded.used.get(), bytes: loaded.bytes, key: key(loaded) })
        };
        let chosen = least_recent(self.by_id.iter().flat_map(used).collect(), bytes, spare);
        chosen.into_iter().filter_map(|(id, number)| self.take_version(id, number)).collect()
    }
}

/// Something that may leave memory.
struct Candidate {
    used: u64,
    bytes: usize,
    /// The model, and the version if it is one.
    key: (Uuid, u64),
}

/// Those used least recently that have `bytes` together, and of the next those that fit in `spare`.
fn least_recent(mut candidates: Vec<Candidate>, bytes: usize, spare: usize) -> Vec<(Uuid, u64)> {
    candidates.sort_unstable_by_key(|candidate| (candidate.used, candidate.key));
    let mut sum: usize = 0;
    let wanted = candidates.iter().take_while(|candidate| {
        let enough = sum >= bytes && sum.saturating_add(candidate.bytes) > bytes.saturating_add(spare);
        sum = sum.saturating_add(candidate.bytes);
        !enough
    });
    wanted.map(|candidate| candidate.key).collect()
}
