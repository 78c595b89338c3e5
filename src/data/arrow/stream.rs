//! An Arrow stream read from its start to its end, whose bytes are charged while they come in: a batch is whole in memory,
//! and may be as large as its file.
//!
//! An Arrow file (Feather, version 2) holds such a stream, behind a mark; what stands behind the stream, where its batches
//! begin, is of no use to who reads them all.

use std::io::{self, Read};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arrow_ipc::reader::StreamReader;
use bytes::Bytes;

use super::damage::damaged;
use crate::data::error::DataError;
use crate::data::lease::Lease;
use crate::data::source::{Growing, PIECE_BYTES, bytes_at};
use crate::memory::Charge;

/// A batch is gathered in a buffer that doubles: at its end it may take so many bytes for each that it has.
const BYTES_PER_BYTE: u64 = 2;

/// How a file begins and ends. The stream in it begins at a multiple of eight bytes, or of as many as its writer aligns to.
const FILE_MARK: &[u8; 6] = b"ARROW1";
const MOST_ALIGNMENT: usize = 64;
/// How files of Feather's first version begin, which have nothing in common with the second.
const FEATHER_1: &[u8; 4] = b"FEA1";

/// Where the stream begins in a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Beginning {
    pub at: u64,
}

impl Beginning {
    /// By the first bytes of `source`.
    ///
    /// # Errors
    /// `Unfit`: it is an older format; the source cannot be read.
    pub fn of(source: &impl Growing) -> Result<Self, DataError> {
        let head = bytes_at(source, 0, MOST_ALIGNMENT)?;
        if head.starts_with(FEATHER_1) {
            let detail = "the file is of Feather's version 1, which is no Arrow file: write it as version 2";
            return Err(DataError::unfit(detail));
        }
        if !head.starts_with(FILE_MARK) {
            return Ok(Beginning { at: 0 });
        }
        // No message begins with zeros.
        let (words, _) = head.as_chunks::<8>();
        let filled = words.iter().skip(1).take_while(|word| **word == [0; 8]).count();
        Ok(Beginning { at: 8 * (1 + filled) as u64 })
    }

    /// Checks that a file ends as files do: one that breaks off between two batches would be taken for a shorter one.
    ///
    /// # Errors
    /// `Malformed`: it does not; the source cannot be read.
    pub fn check_end(self, source: &impl Growing) -> Result<(), DataError> {
        if self.at == 0 {
            return Ok(());
        }
        let length = source.wait_for(u64::MAX).map_err(DataError::io)?;
        let mark = bytes_at(source, length.saturating_sub(FILE_MARK.len() as u64), FILE_MARK.len())?;
        if mark[..] == *FILE_MARK { Ok(()) } else { Err(damaged("Arrow", "it breaks off before its end")) }
    }
}

/// What was read of a stream and is not handed on yet.
pub(super) struct Reading {
    memory: Charge,
    bytes: AtomicU64,
    refused: Mutex<Option<DataError>>,
}

impl Reading {
    /// Charges bytes that come in.
    fn take(&self, bytes: u64) -> io::Result<()> {
        if let Err(refused) = self.memory.grow(bytes * BYTES_PER_BYTE) {
            *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = Some(refused.into());
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        Ok(())
    }

    /// Why no more may be read, where memory is the reason.
    pub fn refused(&self) -> Option<DataError> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The memory of the batch that was read last.
    pub fn lease_of_batch(&self) -> Lease {
        let bytes = self.bytes.swap(0, Ordering::Relaxed);
        self.memory.shrink(bytes * (BYTES_PER_BYTE - 1));
        Lease::of_held(&self.memory, bytes)
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.memory.shrink(*self.bytes.get_mut() * BYTES_PER_BYTE);
    }
}

/// Reads a stream's schema; `memory` is charged with what is read.
pub(super) fn open_stream<S: Growing + 'static>(
    source: &Arc<S>,
    beginning: Beginning,
    memory: &Charge,
) -> Result<(StreamReader<Stream<S>>, Arc<Reading>), DataError> {
    let reading = Reading { memory: memory.clone(), bytes: AtomicU64::new(0), refused: Mutex::default() };
    let reading = Arc::new(reading);
    let stream =
        Stream { source: Arc::clone(source), at: beginning.at, piece: Bytes::new(), reading: Arc::clone(&reading) };
    let reader = StreamReader::try_new(stream, None);
    let reader = reader.map_err(|error| reading.refused().unwrap_or(damaged("Arrow", error)))?;
    Ok((reader, reading))
}

/// A source read from its start to its end.
pub(super) struct Stream<S> {
    source: Arc<S>,
    at: u64,
    piece: Bytes,
    reading: Arc<Reading>,
}

impl<S: Growing> Read for Stream<S> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.piece.is_empty() {
            self.piece = bytes_at(self.source.as_ref(), self.at, PIECE_BYTES).map_err(io::Error::other)?;
            self.at += self.piece.len() as u64;
        }
        let count = into.len().min(self.piece.len());
        self.reading.take(count as u64)?;
        into[..count].copy_from_slice(&self.piece.split_to(count));
        Ok(count)
    }
}
