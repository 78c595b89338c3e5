//! The end of a Parquet file, where it says what is in it: looked at before it is read, as a few bytes of it stand for a
//! structure of hundreds.

use std::sync::Arc;

use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::file::metadata::ParquetMetaDataReader;
use parquet::file::reader::ChunkReader;

use super::compact::Compact;
use super::damage::damaged;
use super::encodings;
use crate::data::error::DataError;
use crate::data::lease::Lease;
use crate::data::limits::{IngestLimits, too_many_columns};
use crate::data::source::SharedSource;
use crate::memory::Charge;

/// The length of the metadata in four bytes, and `PAR1`.
const TAIL_BYTES: u64 = 8;
/// What stands in the place of `PAR1` where the metadata is encrypted.
const ENCRYPTED: &[u8; 4] = b"PARE";
/// Metadata of more bytes is not read.
const MOST_BYTES: u64 = 12 << 20;
/// Metadata of fewer bytes needs no look at it.
const SHORT_BYTES: u64 = 64 << 10;
/// What is made of a byte of metadata, about: a chunk of a column takes some 30 bytes and becomes a structure of 600.
const BYTES_PER_BYTE: u64 = 20;
/// Entries of the schema for each column at most: a list is three.
const ENTRIES_PER_COLUMN: u64 = 4;
/// The schema is the second field of the metadata, behind the form's number.
const SCHEMA: i64 = 2;

/// Checks the length of the metadata and of the schema in it; takes the memory that reading it needs.
///
/// # Errors
/// `Malformed`: it is no Parquet file; `TooLarge`, `Overloaded`.
pub(super) fn check<S: ChunkReader>(source: &S, limits: &IngestLimits, memory: &Charge) -> Result<Lease, DataError> {
    let unreadable = |error| damaged("Parquet", error);
    let end = source.len().checked_sub(TAIL_BYTES).ok_or_else(|| damaged("Parquet", "it is too short"))?;
    let tail = source.get_bytes(end, TAIL_BYTES as usize).map_err(unreadable)?;
    if tail[4..] == *ENCRYPTED {
        return Err(DataError::unfit("the Parquet file is encrypted: send it decrypted"));
    }
    let length = length_in(&tail);
    if length > end {
        return Err(damaged("Parquet", "its metadata is longer than the file"));
    }
    if length > MOST_BYTES {
        return Err(DataError::too_large(format!(
            "the metadata of the file takes {length} bytes; at most {MOST_BYTES} are read: write it with larger row groups \
             or fewer columns"
        )));
    }
    let head = end.checked_sub(length).and_then(|start| source.get_bytes(start, length.min(64) as usize).ok());
    match head.and_then(|head| schema_entries(&head)).map(|entries| entries / ENTRIES_PER_COLUMN) {
        Some(columns) if columns > limits.max_columns as u64 => {
            return Err(too_many_columns(columns as usize, limits.max_columns));
        }
        None if length > SHORT_BYTES => return Err(damaged("Parquet", "its metadata does not begin with the schema")),
        // What else is wrong with it, its reader says.
        _ => {}
    }
    Lease::of(memory, length * BYTES_PER_BYTE)
}

/// Reads the metadata, which was checked, as the specification has it, and else as some writers have it.
///
/// # Errors
/// `Malformed`: it is neither.
pub(super) fn read<S: ChunkReader + 'static>(source: &Arc<S>) -> Result<ArrowReaderMetadata, DataError> {
    let found = ArrowReaderMetadata::load(&SharedSource(Arc::clone(source)), ArrowReaderOptions::new());
    let read = found.or_else(|error| {
        let end = source.len() - TAIL_BYTES;
        let length = length_in(&source.get_bytes(end, TAIL_BYTES as usize)?);
        let metadata = source.get_bytes(end.saturating_sub(length), length as usize)?;
        let mended = encodings::mended(&metadata).ok_or(error)?;
        let metadata = ParquetMetaDataReader::decode_metadata(&mended)?;
        ArrowReaderMetadata::try_new(Arc::new(metadata), ArrowReaderOptions::new())
    });
    read.map_err(|error| damaged("Parquet", error))
}

/// The length of the metadata.
fn length_in(tail: &[u8]) -> u64 {
    tail.first_chunk().map_or(0, |length| u64::from(u32::from_le_bytes(*length)))
}

/// How many entries the schema has.
fn schema_entries(metadata: &[u8]) -> Option<u64> {
    let mut metadata = Compact::new(metadata);
    let mut last = 0;
    loop {
        match metadata.field(last)? {
            (_, 0) => return None,
            (SCHEMA, _) => return metadata.list().map(|(entries, _)| entries),
            (field, kind) => {
                metadata.skip(kind)?;
                last = field;
            }
        }
    }
}
