//! The formats of data files, and the entry that reads each of them.

use std::sync::atomic::AtomicU64;

use super::output::Output;
use super::run::Run;
use crate::data::arrow::pieces::ArrowPieces;
use crate::data::asked::AskedColumns;
use crate::data::csv::pieces::CsvPieces;
use crate::data::error::DataError;
use crate::data::excel::pieces::ExcelPieces;
use crate::data::json::pieces::JsonPieces;
use crate::data::limits::IngestLimits;
use crate::data::parallel::workers;
use crate::data::profile::TableProfile;
use crate::data::source::Growing;
use crate::memory::Charge;

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
    /// A stream or a file of Apache Arrow.
    Arrow,
    /// An Excel workbook.
    Excel,
}

impl Format {
    /// Whether a file is read from its start to its end.
    pub fn is_read_in_order(self) -> bool {
        !matches!(self, Format::Parquet | Format::Excel)
    }
}

/// Reads `source`, finds the type of every column over all rows unless something is `asked` of it, writes the stored form to `out`
/// and returns the profile.
///
/// `source` is not compressed, may still grow, and can be read again from its start; `out` is empty. `progress` is told
/// now and then how many rows are done (of fewer again if the source has to be read once more), and may answer false
/// to stop. `memory` is charged with what the reading makes, before it is made: what no file of few columns and short
/// words takes is some tens of megabytes.
///
/// # Errors
/// The data cannot be parsed or used, or exceeds `limits`; `source` cannot be read or `out` not be written; `progress`
/// said to stop.
pub fn ingest<S: Growing + 'static>(
    source: S,
    format: Format,
    asked: &AskedColumns,
    limits: &IngestLimits,
    memory: &Charge,
    out: &mut dyn Output,
    progress: &mut dyn FnMut(u64) -> bool,
) -> Result<TableProfile, DataError> {
    let workers = workers();
    let mut run = Run { asked, limits, memory, workers, progress, readings: 1, before: 0, rows: AtomicU64::new(0) };
    match format {
        Format::Csv => run.ingest(&CsvPieces::new(&source, limits, memory)?, out),
        Format::Ndjson => run.ingest(&JsonPieces::lines(&source, limits, memory)?, out),
        Format::Json => run.ingest(&JsonPieces::array(&source, limits, memory)?, out),
        Format::Parquet => run.ingest(&ArrowPieces::parquet(source, limits, memory)?, out),
        Format::Arrow => run.ingest(&ArrowPieces::stream(source, limits, memory)?, out),
        Format::Excel => run.ingest(&ExcelPieces::open(source, None, limits, memory)?, out),
    }
}

/// As [`ingest`] of an Excel workbook, of its sheet of a name.
///
/// # Errors
/// As those of [`ingest`]; the workbook has no such sheet.
pub fn ingest_sheet<S: Growing + 'static>(
    source: S,
    sheet: &str,
    asked: &AskedColumns,
    limits: &IngestLimits,
    memory: &Charge,
    out: &mut dyn Output,
    progress: &mut dyn FnMut(u64) -> bool,
) -> Result<TableProfile, DataError> {
    let workers = workers();
    let mut run = Run { asked, limits, memory, workers, progress, readings: 1, before: 0, rows: AtomicU64::new(0) };
    run.ingest(&ExcelPieces::open(source, Some(sheet), limits, memory)?, out)
}
