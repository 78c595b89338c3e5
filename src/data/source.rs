//! Sources of bytes that can be read from anywhere.

use std::sync::Arc;

use bytes::Bytes;
use parquet::errors::Result as ParquetResult;
use parquet::file::reader::{ChunkReader, Length};

use super::error::DataError;

/// Bytes of a piece that is parsed at once.
pub(crate) const PIECE_BYTES: usize = 2 << 20;

/// At most `length` bytes of `source` from `start` on.
///
/// # Errors
/// It cannot be read.
pub(crate) fn bytes_at(source: &impl ChunkReader, start: u64, length: usize) -> Result<Bytes, DataError> {
    let length = source.len().saturating_sub(start).min(length as u64);
    if length == 0 {
        return Ok(Bytes::new());
    }
    source.get_bytes(start, length as usize).map_err(|error| DataError::io(format!("the data cannot be read: {error}")))
}

/// A source that several readers can share.
pub(crate) struct Shared<S>(pub Arc<S>);

impl<S: ChunkReader> Length for Shared<S> {
    fn len(&self) -> u64 {
        self.0.len()
    }
}

impl<S: ChunkReader> ChunkReader for Shared<S> {
    type T = S::T;

    fn get_read(&self, start: u64) -> ParquetResult<S::T> {
        self.0.get_read(start)
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        self.0.get_bytes(start, length)
    }
}
