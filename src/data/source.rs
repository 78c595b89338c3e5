//! Where the bytes of a data file come from: read at any offset, perhaps while they still arrive.

use std::fmt;
use std::fs::File;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use parquet::errors::Result as ParquetResult;
use parquet::file::reader::{ChunkReader, Length};

use crate::data::error::DataError;

/// Bytes of a piece that is parsed at once.
pub(crate) const PIECE_BYTES: usize = 2 << 20;

/// A source of bytes that may still grow while it is read.
pub trait Growing: ChunkReader {
    /// Waits until so many bytes are there, or all there will be; says how many of them are.
    ///
    /// # Errors
    /// The rest will never come.
    fn wait_for(&self, bytes: u64) -> io::Result<u64> {
        Ok(self.len().min(bytes))
    }

    /// Whether somebody still waits for what is read of it: asked where few bytes unpack to very many.
    fn is_wanted(&self) -> bool {
        true
    }
}

impl Growing for File {}
impl Growing for Bytes {}

/// `length` bytes of `source` from `start` on; fewer at the end alone.
///
/// # Errors
/// It cannot be read.
pub(crate) fn bytes_at(source: &impl Growing, start: u64, length: usize) -> Result<Bytes, DataError> {
    let unreadable = |error: &dyn fmt::Display| DataError::io(format!("the data cannot be read: {error}"));
    let end = source.wait_for(start + length as u64).map_err(|error| unreadable(&error))?;
    match end.saturating_sub(start) {
        0 => Ok(Bytes::new()),
        length => source.get_bytes(start, length as usize).map_err(|error| unreadable(&error)),
    }
}

/// A source that several readers can share.
pub(crate) struct SharedSource<S>(pub Arc<S>);

impl<S: ChunkReader> Length for SharedSource<S> {
    fn len(&self) -> u64 {
        self.0.len()
    }
}

impl<S: ChunkReader> ChunkReader for SharedSource<S> {
    type T = S::T;

    fn get_read(&self, start: u64) -> ParquetResult<S::T> {
        self.0.get_read(start)
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        self.0.get_bytes(start, length)
    }
}
