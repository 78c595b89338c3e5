//! A stored data set as the readers of `data` take it: parts of a blob, read when they are asked for.

use std::io::{self, BufReader, Read};

use bytes::Bytes;
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{ChunkReader, Length};

use crate::storage::BlobReader;

/// How much a sequential reader fetches at once.
const READ_AHEAD: usize = 1 << 20;

/// A blob to read columns from. Blocks: not for async threads.
#[derive(Clone)]
pub struct Source(pub BlobReader);

impl Length for Source {
    fn len(&self) -> u64 {
        self.0.size()
    }
}

impl ChunkReader for Source {
    type T = BufReader<From>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        Ok(BufReader::with_capacity(READ_AHEAD, From { blob: self.0.clone(), position: start }))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        self.0.read(start..start + length as u64).map_err(|error| ParquetError::External(Box::new(error)))
    }
}

/// Reads a blob from a position on.
pub struct From {
    blob: BlobReader,
    position: u64,
}

impl Read for From {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = (self.blob.size().saturating_sub(self.position)).min(buffer.len() as u64);
        if length == 0 {
            return Ok(0);
        }
        let bytes = self.blob.read(self.position..self.position + length).map_err(io::Error::other)?;
        buffer[..bytes.len()].copy_from_slice(&bytes);
        self.position += bytes.len() as u64;
        Ok(bytes.len())
    }
}
