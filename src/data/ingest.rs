//! A data file becomes a table: types from all rows, the stored form, the profile.
//!
//! The source is read twice: once to see what each column is, once to write it. A CSV file is written in its first reading
//! as its first piece suggests and read again only if a later cell says otherwise. In each reading several
//! threads take pieces of the source in turn, so that memory holds a few pieces and one row group, however large the source
//! is.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Seek, Write};
use std::sync::atomic::AtomicU64;

use arrow_array::ArrayRef;

use super::arrow_pieces::ArrowPieces;
use super::column::ColumnType;
use super::csv_pieces::CsvPieces;
use super::error::DataError;
use super::gathering::Columns;
use super::inference::Evidence;
use super::json_pieces::JsonPieces;
use super::parallel::workers;
use super::profile::TableProfile;

pub use super::source::Growing;

mod run;

use run::Run;

/// From so many columns on a table is wide.
pub(crate) const WIDE: usize = 1000;

/// How data is written in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated values, or separated by another character, with a header.
    Csv,
    /// A JSON object on each line.
    Ndjson,
    /// One JSON array of objects.
    Json,
    /// Apache Parquet.
    Parquet,
    /// The streaming format of Apache Arrow.
    ArrowStream,
}

/// What a file may not exceed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IngestLimits {
    /// Columns.
    pub max_columns: usize,
    /// Rows.
    pub max_rows: u64,
    /// Bytes of a cell.
    pub max_cell_bytes: usize,
}

impl Format {
    /// Whether a file is read from its start to its end.
    pub fn is_read_in_order(self) -> bool {
        self != Format::Parquet
    }
}

impl Default for IngestLimits {
    fn default() -> Self {
        IngestLimits { max_columns: 16_384, max_rows: u64::from(u32::MAX) - 1, max_cell_bytes: 1 << 20 }
    }
}

/// A file in pieces of whole rows.
pub(crate) trait Pieces: Sync {
    /// Where the next piece begins.
    type Cursor: Send;
    /// Rows, not parsed yet.
    type Piece: Send;
    /// Whether `try_convert` spares the second reading.
    const IN_ONE_READING: bool = false;

    /// Begins anew; `columns` is how many there are, if that is known.
    fn start(&self, columns: Option<&Columns>) -> Result<Self::Cursor, DataError>;
    /// The next piece, if there is one.
    fn next(&self, cursor: &mut Self::Cursor) -> Result<Option<Self::Piece>, DataError>;
    /// What the cells of a piece show.
    fn survey(&self, piece: Self::Piece) -> Result<Survey, DataError>;
    /// The cells of a piece as arrays of these columns.
    fn convert(&self, piece: Self::Piece, columns: &Columns) -> Result<Converted, DataError>;
    /// What the cells of a piece show, and the arrays of these columns unless a cell does not fit them.
    fn try_convert(&self, piece: Self::Piece, _: &Columns) -> Result<(Survey, Option<Converted>), DataError> {
        Ok((self.survey(piece)?, None))
    }
    /// What a line or row is called in messages.
    fn place(&self) -> &'static str {
        "line"
    }
}

/// What a piece shows: its columns in order of appearance.
#[derive(Default)]
pub(crate) struct Survey {
    pub rows: u64,
    /// Cells that are there in the file, if only to say that a value is missing.
    pub given: u64,
    pub names: Vec<String>,
    pub evidence: Vec<Evidence>,
}

impl Survey {
    /// Of rows that have a cell for each column.
    pub fn full(rows: usize, names: Vec<String>, evidence: Vec<Evidence>) -> Self {
        Survey { rows: rows as u64, given: rows as u64 * names.len() as u64, names, evidence }
    }
}

/// The rows of a piece.
pub(crate) struct Converted {
    pub rows: usize,
    /// One array for each column.
    pub columns: Vec<ArrayRef>,
}

/// Where the stored form goes.
pub trait Output: Write + Send {
    /// Forgets what was written.
    ///
    /// # Errors
    /// It cannot.
    fn restart(&mut self) -> io::Result<()>;
}

impl Output for Vec<u8> {
    fn restart(&mut self) -> io::Result<()> {
        self.clear();
        Ok(())
    }
}

impl Output for File {
    fn restart(&mut self) -> io::Result<()> {
        self.rewind()?;
        self.set_len(0)
    }
}

/// Reads `source`, finds the type of every column over all rows unless `types` has it, writes the stored form to `out`
/// and returns the profile.
///
/// `source` is not compressed, may still grow, and can be read again from its start; `out` is empty. `progress` is told now and then how
/// many rows are done (of fewer again if the source has to be read once more), and may answer false to stop.
///
/// # Errors
/// The data cannot be parsed or used, or exceeds `limits`; `source` cannot be read or `out` not be written; `progress`
/// said to stop.
pub fn ingest<S: Growing + 'static>(
    source: S,
    format: Format,
    types: &BTreeMap<String, ColumnType>,
    limits: &IngestLimits,
    out: &mut dyn Output,
    progress: &mut dyn FnMut(u64) -> bool,
) -> Result<TableProfile, DataError> {
    let workers = workers();
    let mut run = Run { types, limits, workers, progress, readings: 1, before: 0, rows: AtomicU64::new(0) };
    match format {
        Format::Csv => run.ingest(&CsvPieces::new(&source, limits)?, out),
        Format::Ndjson => run.ingest(&JsonPieces::lines(&source, limits)?, out),
        Format::Json => run.ingest(&JsonPieces::array(&source, limits)?, out),
        Format::Parquet => run.ingest(&ArrowPieces::parquet(source, limits)?, out),
        Format::ArrowStream => run.ingest(&ArrowPieces::stream(source, limits)?, out),
    }
}

#[cfg(test)]
mod binary_tests;
#[cfg(test)]
mod contradiction_tests;
#[cfg(test)]
mod messy_tests;
#[cfg(test)]
mod tests;
