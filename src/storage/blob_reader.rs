//! Reads parts of a blob from threads that may block, and holds what it reads against the blob's checksums.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use tokio::runtime::Handle;

use super::checksums::{BLOCK_BYTES, Checksums};
use super::{Blobs, StorageError};

/// Reads parts of a blob, and blocks meanwhile: not for async threads.
#[derive(Clone)]
pub struct BlobReader {
    blobs: Blobs,
    key: String,
    size: u64,
    checksums: Option<Arc<Checksums>>,
    runtime: Handle,
}

impl BlobReader {
    pub(super) fn new(blobs: Blobs, key: String, size: u64, checksums: Option<Checksums>) -> Self {
        BlobReader { blobs, key, size, checksums: checksums.map(Arc::new), runtime: Handle::current() }
    }

    /// The blob's size.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The bytes of a part with those around it that have checksums together, and where they begin.
    ///
    /// # Errors
    /// `Missing`, `Unavailable`, also where the part reaches beyond the end; `Damaged` if it is not what was written.
    pub fn read_around(&self, part: Range<u64>) -> Result<(u64, Bytes), StorageError> {
        let start = part.start / BLOCK_BYTES * BLOCK_BYTES;
        // A part that reaches beyond the end is left so, for the store to refuse.
        let end = part.end.next_multiple_of(BLOCK_BYTES).min(self.size).max(part.end);
        let parts = self.runtime.block_on(self.blobs.parts(&self.key, &[start..end]))?;
        let blocks = parts.into_iter().next().expect("as many parts as were asked for");
        self.checksums.as_ref().map_or(Ok(()), |checksums| checksums.check(&self.key, start, &blocks))?;
        Ok((start, blocks))
    }
}
