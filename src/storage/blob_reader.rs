//! Reads parts of a blob from threads that may block, and holds what it reads against the blob's checksums.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use tokio::runtime::Handle;

use super::{Blobs, Checksums, StorageError};

/// Reads parts of a blob, and blocks meanwhile: not for async threads.
#[derive(Clone)]
pub struct BlobReader {
    blobs: Blobs,
    key: String,
    size: u64,
    checksums: Option<Arc<Checksums>>,
    runtime: Handle,
}

impl Blobs {
    /// A reader of parts of the blob, for threads that may block. What it reads is held against `checksums`, if there are
    /// any.
    ///
    /// # Errors
    /// `Missing`, `Unavailable`; `Damaged` if its size is not that of the checksums.
    pub(super) async fn reader(&self, key: &str, checksums: Option<Checksums>) -> Result<BlobReader, StorageError> {
        let size = self.size(key).await?;
        checksums.as_ref().map_or(Ok(()), |checksums| checksums.check_size(key, size))?;
        let (blobs, checksums) = (self.clone(), checksums.map(Arc::new));
        Ok(BlobReader { blobs, key: key.to_owned(), size, checksums, runtime: Handle::current() })
    }
}

impl BlobReader {
    /// The blob's size.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The bytes of a part with those around it that have checksums together, and where they begin.
    ///
    /// # Errors
    /// `Missing`, `Unavailable`, also where the part reaches beyond the end; `Damaged` if it is not what was written.
    pub fn read_around(&self, part: Range<u64>) -> Result<(u64, Bytes), StorageError> {
        let around = self.checksums.as_ref().map_or(part.clone(), |checksums| checksums.blocks_around(part));
        let start = around.start;
        let parts = self.runtime.block_on(self.blobs.parts(&self.key, &[around]))?;
        let blocks = parts.into_iter().next().expect("as many parts as were asked for");
        self.checksums.as_ref().map_or(Ok(()), |checksums| checksums.check(&self.key, start, &blocks))?;
        Ok((start, blocks))
    }
}
