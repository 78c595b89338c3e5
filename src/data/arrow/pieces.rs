//! Parquet files and Arrow streams in pieces of a batch's rows.
//!
//! Both are decoded by their crates. What a file claims of its sizes is checked first as far as it can be seen, and
//! what panics all the same is an error of the file.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{ArrowError, DataType, Field, Schema};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::file::metadata::ParquetMetaData;

use super::cells::{Cells, Wrong, is_supported};
use super::damage::{damaged, guard};
use super::pages::Demand;
use super::stream::{Reading, open_stream};
use super::{deltas, footer};
use crate::data::asked::AskedColumns;
use crate::data::error::DataError;
use crate::data::header::header_names;
use crate::data::inference::Evidence;
use crate::data::lease::Lease;
use crate::data::limits::{IngestLimits, MOST_RECORD_BYTES, oversized};
use crate::data::parallel::workers;
use crate::data::pieces::{CELLS_AT_ONCE, Columns, Converted, MissingWords, Pieces, Survey};
use crate::data::source::{Growing, SharedSource};
use crate::memory::Charge;

/// A piece has at most so many rows and cells.
const MOST_ROWS: usize = 4096;
const MOST_CELLS: usize = 1 << 20;
/// The words of all columns in the pieces that are worked on at the same time take about so many bytes, however few bytes
/// they are in the file: many rows may share one word.
const WORD_BYTES_AT_ONCE: usize = 16 << 20;
/// A column of a row group takes at most so many bytes before it is compressed.
const MOST_CHUNK_BYTES: i64 = 4 << 30;
/// So many cells are read of any Parquet file, and so many more for each of its bytes: runs of one value may stand for
/// billions of rows, which are work all the same.
const FREE_CELLS: u64 = 16 << 20;
const CELLS_PER_BYTE: u64 = 1024;

/// A file of Arrow batches.
pub(crate) struct ArrowPieces<S> {
    source: Arc<S>,
    /// Of a Parquet file.
    metadata: Option<ArrowReaderMetadata>,
    pub(super) names: Vec<String>,
    pub(super) piece_rows: usize,
    most_cell_bytes: usize,
    memory: Charge,
    /// What reading a Parquet file takes.
    demand: Demand,
    /// Of the metadata.
    _lease: Option<Lease>,
}

/// The batches that are left, and what is left of the last.
pub(crate) struct ArrowCursor {
    batches: Box<dyn Iterator<Item = Result<RecordBatch, ArrowError>> + Send>,
    /// Rows of a batch at most; those of a stream have as many as they have.
    batch_rows: usize,
    batch: Option<(RecordBatch, Arc<Lease>)>,
    /// The next row, counted from 1.
    row: u64,
    /// How far a stream was read.
    reading: Option<Arc<Reading>>,
    /// Of a Parquet file's pages and their readers, or of a stream's dictionaries.
    standing: Lease,
}

/// Some rows, the first of which has this number.
pub(crate) struct ArrowPiece {
    pub(super) batch: RecordBatch,
    pub(super) row: u64,
    /// Of the batch that they are of.
    _batch: Arc<Lease>,
}

impl<S: Growing + 'static> ArrowPieces<S> {
    /// Reads the metadata of a Parquet file.
    ///
    /// # Errors
    /// It is no such file, or has columns that cannot be read.
    pub fn parquet(source: S, limits: &IngestLimits, memory: &Charge) -> Result<Self, DataError> {
        let source = Arc::new(source);
        let lease = footer::check(source.as_ref(), limits, memory)?;
        let (metadata, demand) = guard("Parquet", || {
            let found = ArrowReaderMetadata::load(&SharedSource(Arc::clone(&source)), ArrowReaderOptions::new())
                .map_err(|error| damaged("Parquet", error))?;
            check_claims(found.metadata(), source.len(), limits)?;
            let views = ArrowReaderOptions::new().with_schema(Arc::new(with_views(found.schema())));
            let metadata = ArrowReaderMetadata::try_new(Arc::clone(found.metadata()), views).unwrap_or(found);
            let demand = Demand::of(source.as_ref(), metadata.metadata())?;
            Ok((metadata, demand))
        })?;
        let schema = Arc::clone(metadata.schema());
        let pieces = ArrowPieces {
            demand,
            _lease: Some(lease),
            ..ArrowPieces::new(source, Some(metadata), &schema, limits, memory)?
        };
        pieces.check_deltas()?;
        Ok(pieces)
    }

    /// Goes through the lists of lengths of words, where there are any.
    fn check_deltas(&self) -> Result<(), DataError> {
        let Some(metadata) = self.metadata.as_ref().filter(|_| !self.demand.deltas.is_empty()) else { return Ok(()) };
        let _pages = Lease::of(&self.memory, self.demand.pages)?;
        guard("Parquet", || {
            self.demand.deltas.iter().try_for_each(|(group, column)| {
                let group = metadata.metadata().row_group(*group);
                let source = Arc::new(SharedSource(Arc::clone(&self.source)));
                deltas::check(source, group.column(*column), group.num_rows() as usize)
            })
        })
    }

    /// Reads the schema of an Arrow stream.
    ///
    /// # Errors
    /// It is no such stream, or has columns that cannot be read.
    pub fn stream(source: S, limits: &IngestLimits, memory: &Charge) -> Result<Self, DataError> {
        let source = Arc::new(source);
        let schema = guard("Arrow", || Ok(open_stream(&source, memory)?.0.schema()))?;
        ArrowPieces::new(source, None, &schema, limits, memory)
    }

    fn new(
        source: Arc<S>,
        metadata: Option<ArrowReaderMetadata>,
        schema: &Schema,
        limits: &IngestLimits,
        memory: &Charge,
    ) -> Result<Self, DataError> {
        let fields = schema.fields().iter().map(|field| field.name().clone()).collect();
        let names = header_names(fields, 1, limits.max_columns).map_err(|error| DataError { line: None, ..error })?;
        let mut fields = names.iter().zip(schema.fields());
        if let Some((name, field)) = fields.find(|(_, field)| !is_supported(field.data_type())) {
            let detail = format!("columns of type {} cannot be read: give them a simpler type", field.data_type());
            return Err(DataError::unfit(detail).of(name));
        }
        let most_cells = MOST_CELLS.min(CELLS_AT_ONCE / workers());
        let piece_rows = (most_cells / names.len().max(1)).clamp(1, MOST_ROWS);
        let (demand, memory) = (Demand::default(), memory.clone());
        let most_cell_bytes = limits.max_cell_bytes;
        Ok(ArrowPieces { source, metadata, names, piece_rows, most_cell_bytes, memory, demand, _lease: None })
    }

    fn name_of_format(&self) -> &'static str {
        if self.metadata.is_some() { "Parquet" } else { "Arrow" }
    }

    /// The cells of a piece's columns, none of which has too long a word.
    pub(super) fn cells<'p>(&self, piece: &'p ArrowPiece) -> Result<Vec<Cells<'p>>, DataError> {
        let mut all = Vec::with_capacity(self.names.len());
        for (name, array) in self.names.iter().zip(piece.batch.columns()) {
            let cells = Cells::of(array).ok_or_else(|| DataError::unfit("this type cannot be read").of(name))?;
            let (longest, row) = cells.longest_word().unwrap_or_default();
            if longest > self.most_cell_bytes {
                return Err(in_row(oversized(longest, self.most_cell_bytes), piece.row + row as u64).of(name));
            }
            all.push(cells);
        }
        Ok(all)
    }

    /// The next batch, which has a row at least.
    fn next_batch(&self, cursor: &mut ArrowCursor) -> Result<Option<(RecordBatch, Arc<Lease>)>, DataError> {
        let format = self.name_of_format();
        loop {
            let mut lease = Lease::of(&self.memory, self.demand.row.saturating_mul(cursor.batch_rows as u64))?;
            let read = guard(format, || {
                let read = cursor.batches.next().transpose();
                read.map_err(|error| {
                    cursor.reading.as_ref().and_then(|r| r.refused()).unwrap_or(damaged(format, error))
                })
            })?;
            let Some(batch) = read else { return Ok(None) };
            if batch.num_columns() != self.names.len() {
                return Err(DataError::malformed("a batch has other columns than the schema"));
            }
            if let Some(reading) = &cursor.reading {
                lease = reading.lease_of_batch();
                cursor.standing.settle(dictionary_bytes(&batch))?;
            }
            if batch.num_rows() > 0 {
                return Ok(Some((batch, Arc::new(lease))));
            }
        }
    }

    /// How many of the first `rows` rows of a batch are a piece.
    fn rows_at_once(&self, batch: &RecordBatch, rows: usize, row: u64) -> Result<usize, DataError> {
        let most = WORD_BYTES_AT_ONCE / workers();
        let words = || batch.columns().iter().filter(|array| has_words(array.data_type()));
        if words().map(|array| word_bytes_at_most(array, rows)).fold(0, usize::saturating_add) <= most {
            return Ok(rows);
        }
        let mut lengths = vec![0; rows];
        for array in words() {
            let array = array.slice(0, rows);
            Cells::of(&array).iter().for_each(|cells| cells.add_word_lengths(&mut lengths));
        }
        if lengths[0] > MOST_RECORD_BYTES {
            let detail =
                format!("the words of a row take {} bytes; at most {MOST_RECORD_BYTES} are allowed", lengths[0]);
            return Err(in_row(DataError::too_large(detail), row));
        }
        let mut sum = 0;
        let within = lengths.iter().take_while(|length| {
            sum += **length;
            sum <= most
        });
        Ok(within.count().max(1))
    }
}

impl<S: Growing + 'static> Pieces for ArrowPieces<S> {
    type Cursor = ArrowCursor;
    type Piece = ArrowPiece;

    fn start(&self, _: Option<&Columns>) -> Result<ArrowCursor, DataError> {
        let standing = Lease::of(&self.memory, self.demand.pages.saturating_add(self.demand.readers))?;
        let rows_of_words = WORD_BYTES_AT_ONCE as u64 / self.demand.row.max(1);
        let batch_rows = self.piece_rows.min(rows_of_words.max(1) as usize);
        guard(self.name_of_format(), || {
            let (batches, reading): (Box<dyn Iterator<Item = _> + Send>, _) = match &self.metadata {
                Some(metadata) => {
                    let source = SharedSource(Arc::clone(&self.source));
                    let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(source, metadata.clone());
                    let reader = builder.with_batch_size(batch_rows).build();
                    (Box::new(reader.map_err(|error| damaged("Parquet", error))?), None)
                }
                None => {
                    let (reader, reading) = open_stream(&self.source, &self.memory)?;
                    (Box::new(reader), Some(reading))
                }
            };
            Ok(ArrowCursor { batches, batch_rows, batch: None, row: 1, reading, standing })
        })
    }

    fn next(&self, cursor: &mut ArrowCursor) -> Result<Option<ArrowPiece>, DataError> {
        let left = match cursor.batch.take() {
            None => self.next_batch(cursor)?,
            left => left,
        };
        let Some((batch, lease)) = left else { return Ok(None) };
        let rows = self.rows_at_once(&batch, self.piece_rows.min(batch.num_rows()), cursor.row)?;
        let piece = ArrowPiece { batch: batch.slice(0, rows), row: cursor.row, _batch: Arc::clone(&lease) };
        if rows < batch.num_rows() {
            cursor.batch = Some((batch.slice(rows, batch.num_rows() - rows), lease));
        }
        cursor.row += rows as u64;
        Ok(Some(piece))
    }

    fn survey(&self, piece: ArrowPiece, asked: &AskedColumns) -> Result<Survey, DataError> {
        guard(self.name_of_format(), || {
            let mut evidence = vec![Evidence::default(); self.names.len()];
            let mut cells = self.cells(&piece)?;
            let missing = MissingWords::of(&self.names, asked);
            cells.iter_mut().enumerate().for_each(|(at, cells)| cells.blank(missing.of_column(at)));
            cells.iter().zip(&mut evidence).for_each(|(cells, evidence)| cells.observe(evidence, piece.row));
            Ok(Survey::full(piece.batch.num_rows(), self.names.clone(), evidence))
        })
    }

    fn convert(&self, piece: ArrowPiece, columns: &Columns) -> Result<Converted, DataError> {
        guard(self.name_of_format(), || {
            let (rows, mut arrays) = (piece.batch.num_rows(), Vec::with_capacity(self.names.len()));
            let mut all = self.cells(&piece)?;
            all.iter_mut().enumerate().for_each(|(at, cells)| cells.blank(columns.missing.of_column(at)));
            let words = all.iter().map(Cells::word_bytes).sum::<usize>();
            let lease = Lease::of(&self.memory, Columns::cell_bytes(rows, all.len()) + words as u64)?;
            for (at, cells) in all.iter().enumerate() {
                let array = cells.convert(&columns.forms[at]).map_err(|wrong| match wrong {
                    Wrong::Misfit(row, text) => in_row(columns.misfit(at, &text), piece.row + row as u64),
                    Wrong::Time(row) => {
                        let error = DataError::unfit("the time is outside the years 0 to 9999").of(&columns.names[at]);
                        in_row(error, piece.row + row as u64)
                    }
                });
                arrays.push(array?);
            }
            Converted::new(rows, arrays, lease)
        })
    }

    fn place(&self) -> &'static str {
        "row"
    }
}

/// The error with its row, counted from 1, in its message.
fn in_row(error: DataError, row: u64) -> DataError {
    DataError { detail: format!("row {row}: {}", error.detail), ..error }
}

/// Checks what the file says of its sizes against its length and the limits.
fn check_claims(metadata: &ParquetMetaData, length: u64, limits: &IngestLimits) -> Result<(), DataError> {
    let mut rows = 0_u64;
    for group in metadata.row_groups() {
        let count =
            u64::try_from(group.num_rows()).map_err(|_| damaged("Parquet", "a row group has fewer than no rows"))?;
        rows = rows.saturating_add(count);
        if rows > limits.max_rows {
            return Err(DataError::too_large(format!("there are more than {} rows", limits.max_rows)));
        }
        let cells = rows.saturating_mul(group.num_columns() as u64);
        if cells > FREE_CELLS.saturating_add(length.saturating_mul(CELLS_PER_BYTE)) {
            let detail = format!("{rows} rows in a file of {length} bytes repeat the same few values: send fewer rows");
            return Err(DataError::too_large(detail));
        }
        for column in group.columns() {
            let start = column.dictionary_page_offset().unwrap_or(column.data_page_offset());
            let end = start.checked_add(column.compressed_size());
            let fits = start >= 0 && column.compressed_size() >= 0 && end.is_some_and(|end| end as u64 <= length);
            if !fits || column.uncompressed_size() < 0 || column.num_values() < 0 {
                return Err(damaged("Parquet", "a column lies outside of the file"));
            }
            if column.uncompressed_size() > MOST_CHUNK_BYTES {
                let detail = format!("a row group takes more than {MOST_CHUNK_BYTES} bytes: write smaller ones");
                return Err(DataError::too_large(detail).of(&column.column_path().string()));
            }
        }
    }
    Ok(())
}

/// The schema with words as views: many rows can share one word.
fn with_views(schema: &Schema) -> Schema {
    let viewed = |field: &Field| match field.data_type() {
        DataType::Utf8 | DataType::LargeUtf8 => field.clone().with_data_type(DataType::Utf8View),
        DataType::Dictionary(_, kind) if matches!(**kind, DataType::Utf8 | DataType::LargeUtf8) => {
            Field::new(field.name(), DataType::Utf8View, field.is_nullable())
        }
        _ => field.clone(),
    };
    Schema::new(schema.fields().iter().map(|field| viewed(field)).collect::<Vec<_>>())
}

fn has_words(kind: &DataType) -> bool {
    match kind {
        DataType::Dictionary(_, kind) => has_words(kind),
        kind => matches!(kind, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View),
    }
}

/// Bytes of the words of the first `rows` rows, or more.
fn word_bytes_at_most(array: &ArrayRef, rows: usize) -> usize {
    match array.data_type() {
        DataType::Utf8 => {
            let offsets = array.as_string::<i32>().value_offsets();
            (offsets[rows] - offsets[0]) as usize
        }
        DataType::LargeUtf8 => {
            let offsets = array.as_string::<i64>().value_offsets();
            (offsets[rows] - offsets[0]) as usize
        }
        // The length of a word is the lower half of the lower half of its view.
        DataType::Utf8View => array.as_string_view().views()[..rows].iter().map(|view| *view as u32 as usize).sum(),
        _ => usize::MAX,
    }
}

/// Bytes of the dictionaries of a batch of a stream, which its reader keeps.
fn dictionary_bytes(batch: &RecordBatch) -> u64 {
    let dictionaries = batch.columns().iter().filter_map(|array| array.as_any_dictionary_opt());
    dictionaries.map(|array| array.values().get_buffer_memory_size() as u64).sum()
}
