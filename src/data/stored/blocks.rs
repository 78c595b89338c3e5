//! The stored form in blocks: what a row group has of some columns that stand beside each other. To read its rows, all columns
//! of a wide table are open at the same time; a block takes its own memory alone.

use std::ops::Range;

use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ParquetRecordBatchReaderBuilder};
use parquet::basic::Compression;
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::reader::{ChunkReader, Length};

use super::read::{load, unreadable};
use crate::data::error::DataError;
use crate::data::lease::Lease;
use crate::data::pieces::Columns;
use crate::data::profile::TableProfile;
use crate::memory::Charge;

/// A block's arrays take about so many bytes.
const BLOCK_BYTES: u64 = 1 << 20;
/// What a column of a row group takes in the metadata, as it is read and while it is written.
pub(crate) const METADATA_BYTES: u64 = 600;

/// A stored table that is read block by block.
pub(crate) struct StoredBlocks {
    fetch: Box<dyn Fn(u64, usize) -> ParquetResult<Bytes> + Send + Sync>,
    metadata: ArrowReaderMetadata,
    /// Bytes of a word of each column, on average.
    word_bytes: Vec<u64>,
    memory: Charge,
    /// Of the metadata.
    _lease: Lease,
}

/// A part of a file, which begins at an offset.
struct Fetched(u64, Bytes);

impl StoredBlocks {
    /// The table of this profile; what is read of it is charged to `memory`.
    ///
    /// # Errors
    /// The file cannot be read or is not of this profile; `TooLarge`, `Overloaded`.
    pub fn open<S: ChunkReader + 'static>(
        source: S,
        profile: &TableProfile,
        memory: &Charge,
    ) -> Result<Self, DataError> {
        let metadata = load(&source, profile, DataType::Utf8)?;
        let chunks = metadata.metadata().num_row_groups() * profile.columns.len();
        let lease = Lease::of(memory, METADATA_BYTES * chunks as u64)?;
        let words = profile.columns.iter().map(|column| column.word_bytes.map_or(0, |words| words.total));
        let word_bytes = words.map(|total| total.div_ceil(profile.rows.max(1))).collect();
        let fetch = Box::new(move |start, length| source.get_bytes(start, length));
        Ok(StoredBlocks { fetch, metadata, word_bytes, memory: memory.clone(), _lease: lease })
    }

    /// How many row groups there are.
    pub fn groups(&self) -> usize {
        self.metadata.metadata().num_row_groups()
    }

    /// How many columns there are.
    pub fn columns(&self) -> usize {
        self.word_bytes.len()
    }

    /// The rows of a row group.
    pub fn rows(&self, group: usize) -> usize {
        self.group(group).num_rows() as usize
    }

    /// Whether a column's values are compressed.
    pub fn is_packed(&self, column: usize) -> bool {
        self.groups() == 0 || self.group(0).column(column).compression() != Compression::UNCOMPRESSED
    }

    /// What the arrays of some columns take for so many rows, about.
    pub fn bytes(&self, rows: usize, columns: Range<usize>) -> u64 {
        let words: u64 = self.word_bytes[columns.clone()].iter().sum();
        Columns::cell_bytes(rows, columns.len()).saturating_add(words.saturating_mul(rows as u64))
    }

    /// How many columns of so many rows make a block, so that each of `workers` has some of them.
    pub fn columns_at_once(&self, rows: usize, workers: usize) -> usize {
        let column = self.bytes(rows, 0..self.columns()) / self.columns().max(1) as u64;
        let fair = self.columns().div_ceil(workers * 4).max(1);
        ((BLOCK_BYTES / column.max(1)) as usize).clamp(1, fair)
    }

    /// The arrays of a row group's columns.
    ///
    /// # Errors
    /// The file cannot be read; `TooLarge`, `Overloaded`.
    pub fn read(&self, group: usize, columns: Range<usize>) -> Result<(Vec<ArrayRef>, Lease), DataError> {
        let of_group = self.group(group);
        let parts = || columns.clone().map(|column| of_group.column(column).byte_range());
        let start = parts().map(|(start, _)| start).min().unwrap_or(0);
        let end = parts().map(|(start, length)| start.saturating_add(length)).max().unwrap_or(0);
        let rows = self.rows(group);
        let mut lease = Lease::of(&self.memory, (end - start).saturating_add(self.bytes(rows, columns.clone())))?;
        let fetched = Fetched(start, (self.fetch)(start, (end - start) as usize).map_err(unreadable)?);
        let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(fetched, self.metadata.clone())
            .with_projection(ProjectionMask::leaves(self.metadata.parquet_schema(), columns))
            .with_row_groups(vec![group])
            .with_batch_size(rows);
        let mut batches = reader.build().map_err(unreadable)?;
        let arrays = match batches.next() {
            Some(batch) => batch.map_err(unreadable)?.columns().to_vec(),
            None => Vec::new(),
        };
        drop(batches);
        if arrays.first().is_none_or(|array| array.len() != rows) {
            return Err(unreadable("a row group has fewer rows than it says"));
        }
        lease.settle(arrays.iter().map(|array| array.get_buffer_memory_size() as u64).sum())?;
        Ok((arrays, lease))
    }

    fn group(&self, group: usize) -> &RowGroupMetaData {
        self.metadata.metadata().row_group(group)
    }
}

impl Length for Fetched {
    fn len(&self) -> u64 {
        self.0 + self.1.len() as u64
    }
}

impl ChunkReader for Fetched {
    type T = <Bytes as ChunkReader>::T;

    fn get_read(&self, start: u64) -> ParquetResult<Self::T> {
        self.1.get_read(self.within(start)?)
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        self.1.get_bytes(self.within(start)?, length)
    }
}

impl Fetched {
    fn within(&self, at: u64) -> ParquetResult<u64> {
        at.checked_sub(self.0).ok_or_else(|| ParquetError::EOF("a page lies outside its column".to_owned()))
    }
}
