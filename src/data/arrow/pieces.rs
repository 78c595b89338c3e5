//! Parquet files, Arrow streams and Arrow files in pieces of a batch's rows.
//!
//! Both are decoded by their crates. What a file claims of its sizes is checked first as far as it can be seen, and
//! what panics all the same is an error of the file.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{ArrowError, DataType};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};

use super::cells::{Cells, Wrong};
use super::damage::{damaged, guard};
use super::messages::Messages;
use super::pages::Demand;
use super::schema::{Sorted, shaped, times_of_96_bits};
use super::stream::{Beginning, Reading, open_stream};
use super::{claims, content, footer};
use crate::data::asked::AskedColumns;
use crate::data::error::DataError;
use crate::data::inference::Evidence;
use crate::data::lease::Lease;
use crate::data::limits::{IngestLimits, MOST_RECORD_BYTES, oversized};
use crate::data::missing_words::MissingWords;
use crate::data::parallel::workers;
use crate::data::pieces::{CELLS_AT_ONCE, Columns, Converted, Pieces, Survey};
use crate::data::profile::{ColumnProfile, Finding};
use crate::data::proportion::{check_cells, check_words};
use crate::data::source::{Growing, SharedSource};
use crate::memory::Charge;

/// A piece has at most so many rows and cells.
const MOST_ROWS: usize = 4096;
const MOST_CELLS: usize = 1 << 20;
/// The words of all columns in the pieces that are worked on at the same time take about so many bytes, however few bytes
/// they are in the file: many rows may share one word.
const WORD_BYTES_AT_ONCE: usize = 16 << 20;
/// A file of Arrow batches.
pub(crate) struct ArrowPieces<S> {
    source: Arc<S>,
    layout: Layout,
    pub(super) columns: Sorted,
    /// Those of the columns that are read.
    names: Vec<String>,
    pub(super) piece_rows: usize,
    most_cell_bytes: usize,
    memory: Charge,
    /// What reading a Parquet file takes.
    demand: Demand,
    /// Of the metadata.
    _lease: Option<Lease>,
}

/// How the batches are written.
enum Layout {
    /// As a Parquet file, of which the columns of this mask are read.
    Parquet(Box<ArrowReaderMetadata>, ProjectionMask),
    /// One after another, from here on.
    Stream(Beginning),
}

/// The batches that are left, and what is left of the last.
pub(crate) struct ArrowCursor {
    batches: Box<dyn Iterator<Item = Result<RecordBatch, ArrowError>> + Send>,
    /// Rows of a batch at most; those of a stream have as many as they have.
    batch_rows: usize,
    batch: Option<(RecordBatch, Arc<Lease>)>,
    /// The next row, counted from 1.
    row: u64,
    /// Bytes of the words of the rows before.
    words: u64,
    /// How far a stream was read, and the messages behind that.
    stream: Option<(Arc<Reading>, Messages)>,
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
        let (metadata, columns, demand) = guard("Parquet", || {
            let found = footer::read(&source)?;
            claims::check(found.metadata(), source.len(), limits)?;
            let columns = Sorted::of(found.schema(), limits)?;
            let options = ArrowReaderOptions::new().with_schema(Arc::new(shaped(&found)));
            let metadata = match ArrowReaderMetadata::try_new(Arc::clone(found.metadata()), options) {
                Ok(metadata) => metadata,
                // As nanoseconds, the year 9999 would be another.
                Err(error) if times_of_96_bits(&found).next().is_some() => return Err(damaged("Parquet", error)),
                Err(_) => found,
            };
            let demand = Demand::of(source.as_ref(), metadata.metadata(), &columns.mask(&metadata), memory)?;
            Ok((metadata, columns, demand))
        })?;
        let layout = Layout::Parquet(Box::new(metadata.clone()), columns.mask(&metadata));
        let pieces =
            ArrowPieces { demand, _lease: Some(lease), ..ArrowPieces::new(source, layout, columns, limits, memory) };
        pieces.check_content(&metadata)?;
        Ok(pieces)
    }

    /// Goes through the content of columns whose decoder does not look, where there are any.
    fn check_content(&self, metadata: &ArrowReaderMetadata) -> Result<(), DataError> {
        if self.demand.unsure.is_empty() {
            return Ok(());
        }
        let _pages = Lease::of(&self.memory, self.demand.pages.saturating_add(self.demand.readers))?;
        guard("Parquet", || {
            self.demand.unsure.iter().try_for_each(|(group, column)| {
                let group = metadata.metadata().row_group(*group);
                let source = Arc::new(SharedSource(Arc::clone(&self.source)));
                content::check(source, group.column(*column), group.num_rows() as usize)
            })
        })
    }

    /// Reads the schema of an Arrow stream, or of an Arrow file.
    ///
    /// # Errors
    /// It is none of them, or has no columns that can be used.
    pub fn stream(source: S, limits: &IngestLimits, memory: &Charge) -> Result<Self, DataError> {
        let source = Arc::new(source);
        let beginning = Beginning::of(source.as_ref())?;
        let schema = guard("Arrow", || Ok(open_stream(&source, beginning, memory)?.0.schema()))?;
        let columns = Sorted::of(&schema, limits)?;
        Ok(ArrowPieces::new(source, Layout::Stream(beginning), columns, limits, memory))
    }

    fn new(source: Arc<S>, layout: Layout, columns: Sorted, limits: &IngestLimits, memory: &Charge) -> Self {
        let names = columns.names_read();
        let most_cells = MOST_CELLS.min(CELLS_AT_ONCE / workers());
        let piece_rows = (most_cells / names.len().max(1)).clamp(1, MOST_ROWS);
        let (demand, memory) = (Demand::default(), memory.clone());
        let most_cell_bytes = limits.max_cell_bytes;
        ArrowPieces { source, layout, columns, names, piece_rows, most_cell_bytes, memory, demand, _lease: None }
    }

    pub(super) fn name_of_format(&self) -> &'static str {
        match self.layout {
            Layout::Parquet(..) => "Parquet",
            Layout::Stream(_) => "Arrow",
        }
    }

    /// The cells of a piece's columns, none of which has too long a word.
    pub(super) fn cells<'p>(&self, piece: &'p ArrowPiece) -> Result<Vec<Cells<'p>>, DataError> {
        let mut all = Vec::with_capacity(self.names.len());
        for (name, array) in self.names.iter().zip(piece.batch.columns()) {
            let cells = Cells::of(array).ok_or_else(|| DataError::unfit("this type cannot be read").of(name))?;
            let (longest, row) = cells.longest_word().unwrap_or_default();
            if longest > self.most_cell_bytes {
                return Err(oversized(longest, self.most_cell_bytes).in_row(piece.row + row as u64).of(name));
            }
            all.push(cells);
        }
        Ok(all)
    }

    /// The next batch, which has a row at least, of the columns that are read.
    fn next_batch(&self, cursor: &mut ArrowCursor) -> Result<Option<(RecordBatch, Arc<Lease>)>, DataError> {
        let format = self.name_of_format();
        loop {
            let unpacked = match &mut cursor.stream {
                Some((_, messages)) => messages.unpacked_by_next_batch(self.source.as_ref(), &self.memory)?,
                None => self.demand.row.saturating_mul(cursor.batch_rows as u64),
            };
            let mut lease = Lease::of(&self.memory, unpacked)?;
            let read = guard(format, || {
                let read = cursor.batches.next().transpose();
                read.map_err(|error| {
                    cursor.stream.as_ref().and_then(|(reading, _)| reading.refused()).unwrap_or(damaged(format, error))
                })
            })?;
            let Some(mut batch) = read else {
                if let Layout::Stream(beginning) = self.layout {
                    beginning.check_end(self.source.as_ref())?;
                }
                return Ok(None);
            };
            if let Some((reading, messages)) = &cursor.stream {
                lease.join(reading.lease_of_batch());
                cursor.standing.settle(dictionary_bytes(&batch))?;
                batch = self.of_stream(batch)?;
                check_cells(cursor.row - 1 + batch.num_rows() as u64, self.names.len(), messages.position())?;
            }
            if batch.num_rows() > 0 {
                return Ok(Some((batch, Arc::new(lease))));
            }
        }
    }

    /// The columns of a stream's batch that are read.
    fn of_stream(&self, batch: RecordBatch) -> Result<RecordBatch, DataError> {
        if batch.num_columns() != self.columns.names.len() {
            return Err(DataError::malformed("a batch has other columns than the schema"));
        }
        if self.columns.left_out.is_empty() {
            return Ok(batch);
        }
        batch.project(&self.columns.read).map_err(|error| damaged("Arrow", error))
    }

    /// How many of the first `rows` rows of a batch are a piece, and the bytes of their words.
    fn rows_at_once(&self, batch: &RecordBatch, rows: usize, row: u64) -> Result<(usize, usize), DataError> {
        let most = WORD_BYTES_AT_ONCE / workers();
        let words = || batch.columns().iter().filter(|array| has_words(array.data_type()));
        let all = words().map(|array| word_bytes_at_most(array, rows)).fold(0, usize::saturating_add);
        if all <= most {
            return Ok((rows, all));
        }
        let mut lengths = vec![0; rows];
        for array in words() {
            let array = array.slice(0, rows);
            Cells::of(&array).iter().for_each(|cells| cells.add_word_lengths(&mut lengths));
        }
        if lengths[0] > MOST_RECORD_BYTES {
            let detail =
                format!("the words of a row take {} bytes; at most {MOST_RECORD_BYTES} are allowed", lengths[0]);
            return Err(DataError::too_large(detail).in_row(row));
        }
        let (mut count, mut sum) = (1, lengths[0]);
        while let Some(length) = lengths.get(count).filter(|length| sum + **length <= most) {
            (count, sum) = (count + 1, sum + length);
        }
        Ok((count, sum))
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
            let (batches, stream): (Box<dyn Iterator<Item = _> + Send>, _) = match &self.layout {
                Layout::Parquet(metadata, mask) => {
                    let source = SharedSource(Arc::clone(&self.source));
                    let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(source, (**metadata).clone());
                    let reader = builder.with_projection(mask.clone()).with_batch_size(batch_rows).build();
                    (Box::new(reader.map_err(|error| damaged("Parquet", error))?), None)
                }
                Layout::Stream(beginning) => {
                    let (reader, reading) = open_stream(&self.source, *beginning, &self.memory)?;
                    (Box::new(reader), Some((reading, Messages::from(beginning.at))))
                }
            };
            Ok(ArrowCursor { batches, batch_rows, batch: None, row: 1, words: 0, stream, standing })
        })
    }

    fn next(&self, cursor: &mut ArrowCursor) -> Result<Option<ArrowPiece>, DataError> {
        let left = match cursor.batch.take() {
            None => self.next_batch(cursor)?,
            left => left,
        };
        let Some((batch, lease)) = left else { return Ok(None) };
        let (rows, words) = self.rows_at_once(&batch, self.piece_rows.min(batch.num_rows()), cursor.row)?;
        cursor.words += words as u64;
        check_words(cursor.words, cursor.stream.as_ref().map_or(self.source.len(), |(_, read)| read.position()))?;
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
            let missing = MissingWords::of(&self.names, asked)?;
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
                    Wrong::Misfit(row, text) => columns.misfit(at, &text).in_row(piece.row + row as u64),
                    Wrong::Time(row) => {
                        let error = DataError::unfit("the time is outside the years 0 to 9999").of(&columns.names[at]);
                        error.in_row(piece.row + row as u64)
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

    fn findings(&self, _: &[ColumnProfile]) -> Vec<Finding> {
        self.columns.findings()
    }
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
    let kept = |array: &ArrayRef| match array.as_any_dictionary_opt() {
        Some(dictionary) => dictionary.values().get_buffer_memory_size() as u64,
        // There may be some in it.
        None if array.data_type().is_nested() => array.get_buffer_memory_size() as u64,
        None => 0,
    };
    batch.columns().iter().map(kept).sum()
}
