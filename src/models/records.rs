//! The records of models that were used lately, so that a prediction does not ask the catalog.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

use super::Model;
use super::weighted::WeightedLru;

/// Memory for records.
const LIMIT: usize = 32 << 20;

/// Records by identifier and by name.
///
/// The catalog is the truth. A change is made there first and then dropped here; whoever reads the catalog meanwhile
/// may put in what it read only if no change was dropped since it began to read.
#[derive(Debug)]
pub struct Records {
    /// Held for a lookup at a time.
    known: Mutex<Known>,
}

#[derive(Debug)]
struct Known {
    by_id: WeightedLru<Uuid, Arc<Model>>,
    by_name: HashMap<String, Uuid>,
    /// Changes so far.
    changes: u64,
}

impl Default for Records {
    fn default() -> Self {
        let known = Known { by_id: WeightedLru::new(LIMIT), by_name: HashMap::new(), changes: 0 };
        Records { known: Mutex::new(known) }
    }
}

impl Records {
    /// The record of an identifier or a name, if it is here; else how many changes there were, for [`Records::put`].
    pub fn get(&self, key: &str, id: Option<Uuid>) -> Result<Arc<Model>, u64> {
        let mut known = self.lock();
        let id = id.or_else(|| known.by_name.get(key).copied());
        let found = id.and_then(|id| known.by_id.get(&id).cloned());
        found.ok_or(known.changes)
    }

    /// Keeps a record that was read when there had been so many changes.
    pub fn put(&self, model: &Arc<Model>, changes: u64) {
        let mut known = self.lock();
        if known.changes != changes {
            return;
        }
        if let Some(name) = &model.name {
            known.by_name.insert(name.clone(), model.id);
        }
        for gone in known.by_id.put(model.id, model.clone(), model.bytes()) {
            known.forget_name(&gone, model);
        }
    }

    /// Drops a record that has changed in the catalog.
    pub fn changed(&self, id: Uuid) {
        let mut known = self.lock();
        known.changes += 1;
        if let Some(model) = known.by_id.remove(&id)
            && let Some(name) = &model.name
        {
            known.by_name.remove(name);
        }
    }

    // A panic while the lock was held leaves the maps usable: a name without its record is looked up in the catalog.
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// Forgets the name of a record that went, unless the record that came has it.
    fn forget_name(&mut self, gone: &Model, came: &Model) {
        if let Some(name) = gone.name.as_ref().filter(|name| Some(*name) != came.name.as_ref()) {
            self.by_name.remove(name);
        }
    }
}
