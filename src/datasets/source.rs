//! A stored data set as the readers of `data` take it: parts of a blob, read when they are asked for.

use std::io::{self, BufReader, Read};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{ChunkReader, Length};

use crate::data::ingest::Growing;
use crate::storage::{BlobReader, StorageError};

/// How much is fetched at once at least: a page with its header. Columns of a wide table lie close together, and a store
/// across the network takes its time for each request.
const READ_AHEAD: u64 = (1 << 20) + (1 << 16);
/// What a reader of headers takes at a time.
const HEADER: usize = 512;

/// A blob to read columns from. Blocks: not for async threads.
#[derive(Clone)]
pub struct BlobSource {
    blob: BlobReader,
    /// What was fetched last, and where it begins.
    window: Arc<Mutex<(u64, Bytes)>>,
    /// The first error of storage. Parquet's readers wrap it into errors that look like those of a damaged file, so it is
    /// kept here, where the caller finds it.
    trouble: Arc<Mutex<Option<StorageError>>>,
}

impl BlobSource {
    /// Reads from `blob`.
    pub fn new(blob: BlobReader) -> Self {
        BlobSource { blob, window: Arc::default(), trouble: Arc::default() }
    }

    /// The first error of storage, if there was any.
    pub fn trouble(&self) -> Option<StorageError> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A part of the blob, out of what was fetched last if it is there.
    fn read(&self, part: Range<u64>) -> std::result::Result<Bytes, StorageError> {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        let (start, fetched) = &*window;
        if part.start < *start || part.end > start + fetched.len() as u64 {
            let end = part.end.max((part.start + READ_AHEAD).min(self.blob.size()));
            *window = self.blob.read_around(part.start..end).inspect_err(|error| {
                let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
                trouble.get_or_insert_with(|| error.clone());
            })?;
        }
        let (start, fetched) = &*window;
        let within = |at: u64| ((at - start) as usize).min(fetched.len());
        let part = fetched.slice(within(part.start)..within(part.end));
        // A reader keeps a page of each column open: each as a slice would keep all that was fetched with it, a gigabyte for a
        // thousand columns.
        Ok(if part.len() * 2 < fetched.len() { Bytes::copy_from_slice(&part) } else { part })
    }
}

impl Length for BlobSource {
    fn len(&self) -> u64 {
        self.blob.size()
    }
}

/// It is whole.
impl Growing for BlobSource {}

impl ChunkReader for BlobSource {
    type T = BufReader<BlobStream>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        Ok(BufReader::with_capacity(HEADER, BlobStream { source: self.clone(), position: start }))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        self.read(start..start + length as u64).map_err(|error| ParquetError::External(Box::new(error)))
    }
}

/// Reads a blob from a position on.
pub struct BlobStream {
    source: BlobSource,
    position: u64,
}

impl Read for BlobStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = (self.source.blob.size().saturating_sub(self.position)).min(buffer.len() as u64);
        if length == 0 {
            return Ok(0);
        }
        let bytes = self.source.read(self.position..self.position + length).map_err(io::Error::other)?;
        buffer[..bytes.len()].copy_from_slice(&bytes);
        self.position += bytes.len() as u64;
        Ok(bytes.len())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::storage::{StateLocation, Storage};

    #[tokio::test]
    async fn a_short_part_keeps_nothing_that_was_fetched_around_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let (folder, timeout) = (folder.path().to_owned(), Duration::from_secs(10));
        let location = StateLocation { folder, database_url: None, blob_url: None, scratch_limit: None, timeout };
        let storage = Storage::open(&location, Arc::new(|_| Ok(()))).await.expect("a state");
        let bytes: Vec<u8> = (0..3 << 20).map(|at: u32| (at % 251) as u8).collect();
        storage.blobs.put("datasets/some", bytes.clone().into()).await.expect("written");
        let source = BlobSource::new(storage.reader("datasets/some").await.expect("a blob"));
        let read = tokio::task::spawn_blocking(move || {
            [(5, 1000), (2 << 20, 1 << 20)]
                .map(|(start, length)| source.get_bytes(start as u64, length).expect("a part"))
        });
        let [short, long] = read.await.expect("no panic");
        assert!(short.is_unique(), "the window is kept with it");
        assert!(short == bytes[5..1005] && long == bytes[2 << 20..], "other bytes");
    }
}
