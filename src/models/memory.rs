//! Memory for predictors, bounded by `--model-memory`: each holds its share for as long as anyone uses it, so that the bound
//! holds even while one that was dropped still answers a request.

use std::sync::Arc;

use bytesize::ByteSize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

use super::ModelError;
use super::entries::Entries;
use crate::learning::spec::ValidModelSpec;

/// What a predictor takes beside its parameters, about.
const OVERHEAD: usize = 2048;
/// Files that are read at once: each is in memory twice while it is.
const READERS: usize = 4;
/// Memory is shared out in KiB: a semaphore counts no further than 2⁶¹.
const KIB: usize = 1024;

/// The memory of all predictors together.
#[derive(Debug)]
pub(super) struct PredictorMemory {
    limit: ByteSize,
    free_kib: Arc<Semaphore>,
    readers: Semaphore,
}

impl PredictorMemory {
    /// Memory of `limit`, all of it free.
    pub(super) fn new(limit: ByteSize) -> Self {
        let kib = bytes_of(limit) / KIB;
        let free_kib = Arc::new(Semaphore::new(kib.min(Semaphore::MAX_PERMITS)));
        PredictorMemory { limit, free_kib, readers: Semaphore::new(READERS) }
    }

    /// Whether a predictor of so many bytes may ever be in memory.
    ///
    /// # Errors
    /// `TooLarge`.
    pub(super) fn check(&self, bytes: usize) -> Result<(), ModelError> {
        let (needed, limit) = (ByteSize::b(bytes as u64), self.limit);
        let error = || ModelError::TooLarge { needed: needed.to_string(), limit: limit.to_string() };
        if needed <= limit { Ok(()) } else { Err(error()) }
    }

    /// Waits until a file may be read.
    pub(super) async fn reader(&self) -> SemaphorePermit<'_> {
        self.readers.acquire().await.expect("the semaphore is never closed")
    }

    /// Takes memory for a predictor, and drops others of `entries` for it, those used least recently first.
    ///
    /// # Errors
    /// `MemoryFull`: predictors that are in use leave too little.
    pub(super) fn reserve(&self, bytes: usize, entries: &Entries) -> Result<OwnedSemaphorePermit, ModelError> {
        let kib = u32::try_from(bytes.div_ceil(KIB)).unwrap_or(u32::MAX);
        loop {
            if let Ok(permit) = self.free_kib.clone().try_acquire_many_owned(kib) {
                return Ok(permit);
            }
            let lacking = (kib as usize).saturating_sub(self.free_kib.available_permits());
            if !entries.drop_predictors(lacking.max(1) * KIB, bytes_of(self.limit)) {
                return Err(ModelError::MemoryFull { limit: self.limit.to_string() });
            }
        }
    }
}

fn bytes_of(limit: ByteSize) -> usize {
    usize::try_from(limit.as_u64()).unwrap_or(usize::MAX)
}

/// Memory of a predictor from a file of `file_bytes`, 0 if that is not known. The file may hold more than the parameters of
/// a network of `spec`: words of an encoder, further networks.
pub(super) fn predictor_bytes(spec: &ValidModelSpec, file_bytes: u64) -> usize {
    let parameters = spec.parameter_count() * size_of::<f32>();
    parameters.max(usize::try_from(file_bytes).unwrap_or(usize::MAX)).saturating_add(OVERHEAD)
}
