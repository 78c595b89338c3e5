//! Parquet files and Arrow streams in pieces of a batch's rows.
//!
//! Both are decoded by their crates. What a file claims of its sizes is checked first as far as it can be seen, and
//! what panics all the same is an error of the file.

use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_ipc::reader::StreamReader;
use arrow_schema::{ArrowError, DataType, Field, Schema};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::file::metadata::ParquetMetaData;

use super::cells::{Cells, Wrong, is_supported};
use crate::data::error::DataError;
use crate::data::header::header_names;
use crate::data::inference::Evidence;
use crate::data::limits::{IngestLimits, oversized};
use crate::data::pieces::{Columns, Converted, Pieces, Survey};
use crate::data::source::{Growing, PIECE_BYTES, SharedSource, bytes_at};

/// A piece has at most so many rows and cells.
const MOST_ROWS: usize = 4096;
const MOST_CELLS: usize = 1 << 20;
/// The words of a column in a piece take at most so many bytes.
const MOST_WORD_BYTES: usize = 128 << 20;
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
}

/// The batches that are left, and what is left of the last.
pub(crate) struct ArrowCursor {
    batches: Box<dyn Iterator<Item = Result<RecordBatch, ArrowError>> + Send>,
    batch: Option<RecordBatch>,
    /// The next row, counted from 1.
    row: u64,
}

/// Some rows, the first of which has this number.
pub(crate) struct ArrowPiece {
    pub(super) batch: RecordBatch,
    pub(super) row: u64,
}

impl<S: Growing + 'static> ArrowPieces<S> {
    /// Reads the metadata of a Parquet file.
    ///
    /// # Errors
    /// It is no such file, or has columns that cannot be read.
    pub fn parquet(source: S, limits: &IngestLimits) -> Result<Self, DataError> {
        let source = Arc::new(source);
        let metadata = guard("Parquet", || {
            let found = ArrowReaderMetadata::load(&SharedSource(Arc::clone(&source)), ArrowReaderOptions::new())
                .map_err(|error| damaged("Parquet", error))?;
            check_claims(found.metadata(), source.len(), limits)?;
            let views = ArrowReaderOptions::new().with_schema(Arc::new(with_views(found.schema())));
            Ok(ArrowReaderMetadata::try_new(Arc::clone(found.metadata()), views).unwrap_or(found))
        })?;
        let schema = Arc::clone(metadata.schema());
        ArrowPieces::new(source, Some(metadata), &schema, limits)
    }

    /// Reads the schema of an Arrow stream.
    ///
    /// # Errors
    /// It is no such stream, or has columns that cannot be read.
    pub fn stream(source: S, limits: &IngestLimits) -> Result<Self, DataError> {
        let source = Arc::new(source);
        let schema = guard("Arrow", || Ok(open_stream(&source)?.schema()))?;
        ArrowPieces::new(source, None, &schema, limits)
    }

    fn new(
        source: Arc<S>,
        metadata: Option<ArrowReaderMetadata>,
        schema: &Schema,
        limits: &IngestLimits,
    ) -> Result<Self, DataError> {
        let fields = schema.fields().iter().map(|field| field.name().clone()).collect();
        let names = header_names(fields, 1, limits.max_columns).map_err(|error| DataError { line: None, ..error })?;
        let mut fields = names.iter().zip(schema.fields());
        if let Some((name, field)) = fields.find(|(_, field)| !is_supported(field.data_type())) {
            let detail = format!("columns of type {} cannot be read: give them a simpler type", field.data_type());
            return Err(DataError::unfit(detail).of(name));
        }
        let piece_rows = (MOST_CELLS / names.len().max(1)).clamp(1, MOST_ROWS);
        Ok(ArrowPieces { source, metadata, names, piece_rows, most_cell_bytes: limits.max_cell_bytes })
    }

    fn name_of_format(&self) -> &'static str {
        if self.metadata.is_some() { "Parquet" } else { "Arrow" }
    }

    /// The cells of a piece's columns, none of which has too long a word.
    pub(super) fn cells<'p>(&self, piece: &'p ArrowPiece) -> Result<Vec<Cells<'p>>, DataError> {
        let mut all = Vec::with_capacity(self.names.len());
        for (name, array) in self.names.iter().zip(piece.batch.columns()) {
            let cells = Cells::of(array).ok_or_else(|| DataError::unfit("this type cannot be read").of(name))?;
            let (longest, row, total) = cells.word_bytes().unwrap_or_default();
            if longest > self.most_cell_bytes {
                return Err(in_row(oversized(longest, self.most_cell_bytes), piece.row + row as u64).of(name));
            }
            if total > MOST_WORD_BYTES {
                let detail = format!("the words of {} rows take {total} bytes", piece.batch.num_rows());
                return Err(in_row(DataError::too_large(detail), piece.row).of(name));
            }
            all.push(cells);
        }
        Ok(all)
    }
}

impl<S: Growing + 'static> Pieces for ArrowPieces<S> {
    type Cursor = ArrowCursor;
    type Piece = ArrowPiece;

    fn start(&self, _: Option<&Columns>) -> Result<ArrowCursor, DataError> {
        guard(self.name_of_format(), || {
            let batches: Box<dyn Iterator<Item = _> + Send> = match &self.metadata {
                Some(metadata) => {
                    let source = SharedSource(Arc::clone(&self.source));
                    let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(source, metadata.clone());
                    let reader = builder.with_batch_size(self.piece_rows).build();
                    Box::new(reader.map_err(|error| damaged("Parquet", error))?)
                }
                None => Box::new(open_stream(&self.source)?),
            };
            Ok(ArrowCursor { batches, batch: None, row: 1 })
        })
    }

    fn next(&self, cursor: &mut ArrowCursor) -> Result<Option<ArrowPiece>, DataError> {
        let format = self.name_of_format();
        while cursor.batch.as_ref().is_none_or(|batch| batch.num_rows() == 0) {
            let read = guard(format, || cursor.batches.next().transpose().map_err(|error| damaged(format, error)))?;
            let Some(batch) = read else { return Ok(None) };
            if batch.num_columns() != self.names.len() {
                return Err(DataError::malformed("a batch has other columns than the schema"));
            }
            cursor.batch = Some(batch);
        }
        let Some(batch) = cursor.batch.take() else { return Ok(None) };
        let rows = self.piece_rows.min(batch.num_rows());
        cursor.batch = Some(batch.slice(rows, batch.num_rows() - rows));
        let piece = ArrowPiece { batch: batch.slice(0, rows), row: cursor.row };
        cursor.row += rows as u64;
        Ok(Some(piece))
    }

    fn survey(&self, piece: ArrowPiece) -> Result<Survey, DataError> {
        guard(self.name_of_format(), || {
            let mut evidence = vec![Evidence::default(); self.names.len()];
            let cells = self.cells(&piece)?;
            cells.iter().zip(&mut evidence).for_each(|(cells, evidence)| cells.observe(evidence, piece.row));
            Ok(Survey::full(piece.batch.num_rows(), self.names.clone(), evidence))
        })
    }

    fn convert(&self, piece: ArrowPiece, columns: &Columns) -> Result<Converted, DataError> {
        guard(self.name_of_format(), || {
            let mut arrays = Vec::with_capacity(self.names.len());
            for (at, cells) in self.cells(&piece)?.iter().enumerate() {
                let array = cells.convert(columns.forms[at]).map_err(|wrong| match wrong {
                    Wrong::Misfit(row, text) => in_row(columns.misfit(at, &text), piece.row + row as u64),
                    Wrong::Time(row) => {
                        let error = DataError::unfit("the time is outside the years 0 to 9999").of(&columns.names[at]);
                        in_row(error, piece.row + row as u64)
                    }
                });
                arrays.push(array?);
            }
            Ok(Converted { rows: piece.batch.num_rows(), columns: arrays })
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

fn damaged(format: &str, error: impl std::fmt::Display) -> DataError {
    DataError::malformed(format!("the file cannot be read as {format}: {error}"))
}

/// Decoders are not to take the process down, whatever they are fed.
pub(super) fn guard<T>(format: &str, work: impl FnOnce() -> Result<T, DataError>) -> Result<T, DataError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(damaged(format, "it is damaged")))
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

fn open_stream<S: Growing + 'static>(source: &Arc<S>) -> Result<StreamReader<Stream<S>>, DataError> {
    let stream = Stream { source: Arc::clone(source), at: 0, piece: bytes::Bytes::new() };
    StreamReader::try_new(stream, None).map_err(|error| damaged("Arrow", error))
}

/// A source read from its start to its end.
struct Stream<S> {
    source: Arc<S>,
    at: u64,
    piece: bytes::Bytes,
}

impl<S: Growing> Read for Stream<S> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        if self.piece.is_empty() {
            self.piece = bytes_at(self.source.as_ref(), self.at, PIECE_BYTES).map_err(std::io::Error::other)?;
            self.at += self.piece.len() as u64;
        }
        let count = into.len().min(self.piece.len());
        into[..count].copy_from_slice(&self.piece.split_to(count));
        Ok(count)
    }
}
