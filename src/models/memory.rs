//! Memory for predictors, bounded by `--model-memory`: each holds its share for as long as anyone uses it, so that the bound
//! holds even while one that was dropped still answers a request.

use super::ModelError;
use super::entries::Entries;
use crate::learning::spec::ValidModelSpec;
use crate::memory::{Charge, Share};
use crate::workplaces::{Occupancy, Workplace, Workplaces};
use bytesize::ByteSize;

/// What a predictor takes beside its parameters, about.
const OVERHEAD: usize = 2048;
/// Files that are read at once: each is in memory twice while it is.
const READERS: usize = 4;

/// The memory of all predictors together.
#[derive(Debug)]
pub(super) struct PredictorMemory {
    share: Share,
    readers: Workplaces,
}

impl PredictorMemory {
    /// All of `share`.
    pub(super) fn new(share: Share) -> Self {
        PredictorMemory { share, readers: Workplaces::new(READERS) }
    }

    /// Whether a predictor of so many bytes may ever be in memory.
    ///
    /// # Errors
    /// `TooLarge`.
    pub(super) fn check(&self, bytes: usize) -> Result<(), ModelError> {
        let (needed, limit) = (ByteSize::b(bytes as u64), ByteSize::b(self.share.limit()));
        let error = || ModelError::TooLarge { needed: needed.to_string(), limit: limit.to_string() };
        if needed <= limit { Ok(()) } else { Err(error()) }
    }

    /// All of it, in bytes.
    pub(super) fn limit(&self) -> u64 {
        self.share.limit()
    }

    /// Waits until a file may be read.
    pub(super) async fn reader(&self) -> Workplace {
        self.readers.take(None).await
    }

    /// How many files are read, and how many wait.
    pub(super) fn readers(&self) -> Occupancy {
        self.readers.occupancy()
    }

    /// Takes memory for a predictor, and drops others of `entries` for it, those used least recently first.
    ///
    /// # Errors
    /// `MemoryFull`: predictors that are in use leave too little.
    pub(super) fn reserve(&self, bytes: usize, entries: &Entries) -> Result<Charge, ModelError> {
        let (charge, limit) = (self.share.charge(None), self.share.limit());
        while charge.grow(bytes as u64).is_err() {
            let lacking = (bytes as u64).saturating_sub(limit.saturating_sub(self.share.used()));
            let [lacking, limit] = [lacking, limit].map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
            if !entries.drop_predictors(lacking.max(1), limit) {
                return Err(ModelError::MemoryFull { limit: ByteSize::b(self.share.limit()).to_string() });
            }
        }
        Ok(charge)
    }
}

/// Memory of a predictor from a file of `file_bytes`, 0 if that is not known. The file may hold more than the parameters of
/// a network of `spec`: words of an encoder, further networks.
pub(super) fn predictor_bytes(spec: &ValidModelSpec, file_bytes: u64) -> usize {
    let parameters = spec.parameter_count() * size_of::<f32>();
    parameters.max(usize::try_from(file_bytes).unwrap_or(usize::MAX)).saturating_add(OVERHEAD)
}
