//! The end of a Parquet file, where it says what is in it: looked at before it is read, as a few bytes of it stand for a
//! structure of hundreds.

use std::sync::Arc;

use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::file::metadata::ParquetMetaDataReader;
use parquet::file::reader::ChunkReader;

use super::compact::{Compact, LIST, STRUCT};
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
/// What is made of a byte of metadata, about: a chunk of a column takes some 30 bytes and becomes a structure of 600.
const BYTES_PER_BYTE: u64 = 20;
/// Entries of the schema for each column at most: a list is three.
const ENTRIES_PER_COLUMN: u64 = 4;
/// Groups of the schema lie this deep in each other at most: the Parquet crate reads each within the one around it.
const MOST_DEPTH: usize = 64;
/// The schema is the second field of the metadata, behind the form's number.
const SCHEMA: i16 = 2;
/// How many entries of the schema are within one: the fifth of its fields.
const CHILDREN: i16 = 5;

/// Checks the metadata and the schema in it; takes the memory that reading it needs.
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
    let lease = Lease::of(memory, length * BYTES_PER_BYTE)?;
    let metadata = source.get_bytes(end - length, length as usize).map_err(unreadable)?;
    match check_schema(&metadata, limits.max_columns as u64) {
        Some(Schema::Fits) => Ok(lease),
        Some(Schema::Columns(columns)) => Err(too_many_columns(columns as usize, limits.max_columns)),
        None => Err(damaged("Parquet", "its metadata is none, or has groups in groups without end")),
    }
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

/// What the schema is found to be.
#[derive(Debug, PartialEq, Eq)]
enum Schema {
    Fits,
    /// It has more columns than a table may have: so many at least.
    Columns(u64),
}

/// Goes over the metadata without making anything of it. `None`: it is not written as metadata is, or its schema is none: a group
/// has more entries than follow, or too many groups lie in each other.
fn check_schema(metadata: &[u8], max_columns: u64) -> Option<Schema> {
    let mut metadata = Compact::new(metadata);
    let (mut last, mut is_there) = (0, false);
    loop {
        match metadata.field(last)? {
            (_, 0) => return is_there.then_some(Schema::Fits),
            (SCHEMA, LIST) => {
                let (entries, kind) = metadata.list()?;
                let columns = entries / ENTRIES_PER_COLUMN;
                if columns > max_columns {
                    return Some(Schema::Columns(columns));
                }
                if kind != STRUCT {
                    return None;
                }
                check_entries(&mut metadata, entries)?;
                (is_there, last) = (true, SCHEMA);
            }
            (field, kind) => {
                metadata.skip(kind)?;
                last = field;
            }
        }
    }
}

/// Goes over the entries of the schema, each group before what is in it.
fn check_entries(metadata: &mut Compact, entries: u64) -> Option<()> {
    // Of the groups around an entry, from the outermost on, how many entries are still to come.
    let mut around: Vec<u64> = Vec::new();
    for before in 0..entries {
        let children = children(metadata)?;
        if let Some(left) = around.last_mut() {
            *left -= 1;
        }
        around.push(children);
        if children >= entries - before || around.len() > MOST_DEPTH {
            return None;
        }
        while around.last() == Some(&0) {
            around.pop();
        }
    }
    Some(())
}

/// Goes over an entry of the schema; says how many are within it.
fn children(metadata: &mut Compact) -> Option<u64> {
    let (mut last, mut children) = (0, 0);
    loop {
        match metadata.field(last)? {
            (_, 0) => return Some(children),
            (CHILDREN, _) => {
                children = u64::try_from(metadata.short_integer()?).ok()?;
                last = CHILDREN;
            }
            (field, kind) => {
                metadata.skip(kind)?;
                last = field;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Metadata with a schema of entries that have so many within them each.
    fn metadata(children: &[u32]) -> Vec<u8> {
        // The form's number, then a list of structures with a name and a number each.
        let mut bytes = vec![0x15, 0x02, 0x19, 0xfc];
        let varint = |mut number: u64, bytes: &mut Vec<u8>| {
            while number >= 0x80 {
                bytes.push(number as u8 | 0x80);
                number >>= 7;
            }
            bytes.push(number as u8);
        };
        varint(children.len() as u64, &mut bytes);
        for count in children {
            bytes.extend([0x48, 0x01, b'a', 0x15]);
            varint(2 * u64::from(*count), &mut bytes);
            bytes.push(0);
        }
        bytes.push(0);
        bytes
    }

    #[test]
    fn a_schema_is_gone_over_before_it_is_read() {
        let checked = |children: &[u32]| check_schema(&metadata(children), 100);
        assert_eq!(checked(&[3, 0, 2, 0, 0, 0]), Some(Schema::Fits));
        assert_eq!(checked(&[0]), Some(Schema::Fits));
        // A group in a group in a group ...
        assert_eq!(checked(&[vec![1; 63], vec![0]].concat()), Some(Schema::Fits));
        assert_eq!(checked(&[vec![1; 64], vec![0]].concat()), None);
        // A table of 17 GB, if room was made for all that are announced.
        assert_eq!(checked(&[i32::MAX as u32]), None);
        assert_eq!(checked(&[2, 0]), None);
        assert_eq!(checked(&[500; 500]), Some(Schema::Columns(125)));
        let mut none = metadata(&[1, 0]);
        none.pop();
        assert_eq!(check_schema(&none, 100), None);
        // A second schema behind the first.
        let mut twice = metadata(&[0]);
        twice.pop();
        twice.extend([0x09, 0x04, 0x0c, 0x00]);
        assert_eq!(check_schema(&twice, 100), None);
    }
}
