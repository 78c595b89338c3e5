//! The networks in memory: read from their files on first use, dropped when others need the room.
//!
//! `--model-memory` bounds them. Each network holds its share of that memory for as long as anyone uses it, so that
//! the bound holds even while dropped ones still answer a request.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytesize::ByteSize;
use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore};

use super::artifact::{Artifact, decode};
use super::table::TableParts;
use super::weighted::WeightedLru;
use super::{ModelError, Version};
use crate::learning::network::Network;
use crate::learning::spec::ValidModelSpec;
use crate::storage::{Blobs, StorageError};

/// What a network takes beside its parameters, about.
const OVERHEAD: usize = 2048;
/// Files that are read at once: each is in memory twice while it is.
const READERS: usize = 4;

/// A network in memory.
#[derive(Debug)]
pub struct LoadedNetwork {
    network: Network,
    table: Option<TableParts>,
    _memory: OwnedSemaphorePermit,
}

impl LoadedNetwork {
    /// What it has beside the network, if it is of a model by data set.
    pub fn table(&self) -> Option<&TableParts> {
        self.table.as_ref()
    }
}

impl std::ops::Deref for LoadedNetwork {
    type Target = Network;

    fn deref(&self) -> &Network {
        &self.network
    }
}

type Slot = Arc<OnceCell<Arc<LoadedNetwork>>>;

/// Networks by the blob of their file.
#[derive(Debug)]
pub struct Networks {
    /// Held for a lookup at a time, never while a file is read.
    slots: Mutex<WeightedLru<String, Slot>>,
    /// In KiB.
    memory: Arc<Semaphore>,
    limit: ByteSize,
    readers: Semaphore,
}

impl Networks {
    /// No networks yet, of up to `limit` together.
    pub fn new(limit: ByteSize) -> Self {
        let bytes = usize::try_from(limit.as_u64()).unwrap_or(usize::MAX);
        Networks {
            slots: Mutex::new(WeightedLru::new(bytes)),
            memory: Arc::new(Semaphore::new((bytes / 1024).min(Semaphore::MAX_PERMITS))),
            limit,
            readers: Semaphore::new(READERS),
        }
    }

    /// Whether a network of this specification may ever be loaded.
    ///
    /// # Errors
    /// `TooLarge`.
    pub fn check_size(&self, spec: &ValidModelSpec) -> Result<(), ModelError> {
        self.check_bytes(bytes(spec, 0))
    }

    /// The same of one with a file of this size.
    ///
    /// # Errors
    /// `TooLarge`.
    pub fn check_file(&self, spec: &ValidModelSpec, file_bytes: u64) -> Result<(), ModelError> {
        self.check_bytes(bytes(spec, file_bytes))
    }

    fn check_bytes(&self, bytes: usize) -> Result<(), ModelError> {
        let needed = ByteSize::b(bytes as u64);
        let limit = self.limit;
        let error = || ModelError::TooLarge { needed: needed.to_string(), limit: limit.to_string() };
        if needed <= limit { Ok(()) } else { Err(error()) }
    }

    /// The network of a version, if it is in memory.
    pub fn present(&self, blob: &str) -> Option<Arc<LoadedNetwork>> {
        self.lock().get(blob).and_then(|slot| slot.get().cloned())
    }

    /// The network of `version` of a model of `spec`; read from its file unless it is in memory. Those who ask at the
    /// same time wait for one reading.
    ///
    /// # Errors
    /// `VersionDamaged`, `MemoryFull`, `Storage`.
    pub async fn load(
        &self,
        version: &Version,
        spec: &ValidModelSpec,
        blobs: &Blobs,
    ) -> Result<Arc<LoadedNetwork>, ModelError> {
        let bytes = bytes(spec, version.file_bytes);
        self.check_bytes(bytes)?;
        let slot = self.slot(&version.blob, bytes);
        let loaded = slot.get_or_try_init(|| self.read(version, spec, blobs)).await;
        if loaded.is_err() {
            self.lock().remove(version.blob.as_str());
        }
        loaded.cloned()
    }

    /// Keeps a network that has just been made, if there is room.
    pub fn keep(&self, blob: &str, network: Network, table: Option<TableParts>, file_bytes: u64) {
        let bytes = bytes(network.spec(), file_bytes);
        if let Ok(memory) = self.reserve(bytes) {
            let slot = Arc::new(OnceCell::new_with(Some(Arc::new(LoadedNetwork { network, table, _memory: memory }))));
            let gone = self.lock().put(blob.to_owned(), slot, bytes);
            drop(gone);
        }
    }

    /// Drops the network of a version that is deleted.
    pub fn forget(&self, blob: &str) {
        let gone = self.lock().remove(blob);
        drop(gone);
    }

    fn slot(&self, blob: &str, bytes: usize) -> Slot {
        let mut slots = self.lock();
        if let Some(slot) = slots.get(blob) {
            return slot.clone();
        }
        let slot = Slot::default();
        let gone = slots.put(blob.to_owned(), slot.clone(), bytes);
        drop(slots);
        drop(gone);
        slot
    }

    async fn read(
        &self,
        version: &Version,
        spec: &ValidModelSpec,
        blobs: &Blobs,
    ) -> Result<Arc<LoadedNetwork>, ModelError> {
        let _reader = self.readers.acquire().await.expect("the semaphore is never closed");
        let memory = self.reserve(bytes(spec, version.file_bytes))?;
        let damaged = |reason: String| {
            let (model, number) = (version.model_id, version.number);
            tracing::error!(model_id = %model, version = number, blob = version.blob, reason, "version is damaged");
            ModelError::VersionDamaged { version: number }
        };
        let bytes = match blobs.get(&version.blob).await {
            Err(StorageError::Missing(_)) => return Err(damaged("its file is missing".into())),
            found => found?,
        };
        let decoded = tokio::task::spawn_blocking(move || decode(&bytes)).await;
        let Artifact { network, table, .. } = match decoded {
            Ok(Ok(artifact)) => artifact,
            Ok(Err(error)) => return Err(damaged(error.to_string())),
            Err(panic) => return Err(damaged(panic.to_string())),
        };
        if network.spec() != spec || table.is_some() != version.network.is_some() {
            return Err(damaged("its file belongs to another model".into()));
        }
        Ok(Arc::new(LoadedNetwork { network, table, _memory: memory }))
    }

    /// Takes memory for a network, and drops others for it, those used least recently first.
    fn reserve(&self, bytes: usize) -> Result<OwnedSemaphorePermit, ModelError> {
        let kib = u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX);
        loop {
            if let Ok(permit) = self.memory.clone().try_acquire_many_owned(kib) {
                return Ok(permit);
            }
            let oldest = self.lock().pop_oldest();
            if oldest.is_none() {
                return Err(ModelError::MemoryFull { limit: self.limit.to_string() });
            }
        }
    }

    // A panic while the lock was held leaves the map whole: each change is one call.
    fn lock(&self) -> MutexGuard<'_, WeightedLru<String, Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Memory of a network from a file of `file_bytes`, which may hold more than parameters: words of an encoder.
fn bytes(spec: &ValidModelSpec, file_bytes: u64) -> usize {
    let parameters = spec.parameter_count() * size_of::<f32>();
    parameters.max(usize::try_from(file_bytes).unwrap_or(usize::MAX)).saturating_add(OVERHEAD)
}
