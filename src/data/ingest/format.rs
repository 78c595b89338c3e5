//! The formats of data files, and the entry that reads each of them.

use std::sync::atomic::AtomicU64;

use super::appended::Appended;
use super::earlier::Earlier;
use super::output::Output;
use super::run::Run;
use crate::data::arrow::pieces::ArrowPieces;
use crate::data::asked::{AskedColumn, AskedColumns};
use crate::data::charset::Charset;
use crate::data::csv::CsvOptions;
use crate::data::csv::guess::windows_1252;
use crate::data::csv::pieces::CsvPieces;
use crate::data::error::{DataError, DataErrorKind};
use crate::data::excel::pieces::ExcelPieces;
use crate::data::json::pieces::JsonPieces;
use crate::data::limits::IngestLimits;
use crate::data::parallel::workers;
use crate::data::profile::{ColumnProfile, TableProfile};
use crate::data::source::Growing;
use crate::data::stored::StoredBlocks;
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

/// What a request says of a file: its format, and what belongs to that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Declared {
    /// How data is written in it.
    pub format: Format,
    /// More about it if it is CSV.
    pub csv: CsvOptions,
}

impl From<Format> for Declared {
    fn from(format: Format) -> Self {
        Declared { format, csv: CsvOptions::default() }
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
    declared: impl Into<Declared>,
    asked: &AskedColumns,
    limits: &IngestLimits,
    memory: &Charge,
    out: &mut dyn Output,
    progress: &mut dyn FnMut(u64) -> bool,
) -> Result<TableProfile, DataError> {
    let Declared { format, csv } = declared.into();
    let sheet = asked.sheet.as_deref();
    check_sheet(format, sheet)?;
    let mut run = run(asked, limits, memory, progress);
    match format {
        Format::Csv => ingest_csv(&source, &csv, run, out),
        Format::Ndjson => run.ingest(&JsonPieces::lines(&source, limits, memory)?, out),
        Format::Json => run.ingest(&JsonPieces::array(&source, limits, memory)?, out),
        Format::Parquet => run.ingest(&ArrowPieces::parquet(source, limits, memory)?, out),
        Format::Arrow => run.ingest(&ArrowPieces::stream(source, limits, memory)?, out),
        Format::Excel => run.ingest(&ExcelPieces::open(source, sheet, limits, memory)?, out),
    }
}

/// The same of a file whose rows come behind those of `table`, a stored form with this profile, whose columns keep their types
/// and the order of day and month, decimal signs and units that their cells are read by.
///
/// # Errors
/// As [`ingest`]; the file lacks a column of the table, or has a cell in it that is none of its type.
pub fn ingest_appended<T: Growing + 'static, S: Growing + 'static>(
    (table, profile): (T, &TableProfile),
    source: S,
    (Declared { format, csv }, sheet): (Declared, Option<&str>),
    limits: &IngestLimits,
    memory: &Charge,
    out: &mut dyn Output,
    progress: &mut dyn FnMut(u64) -> bool,
) -> Result<TableProfile, DataError> {
    check_sheet(format, sheet)?;
    // How numbers are written is not known of a column that had none.
    let as_before = |column: &ColumnProfile| AskedColumn {
        is_known: column.distinct > 0,
        ..AskedColumn::as_before(column.kind, column.writing())
    };
    let asked = AskedColumns {
        columns: profile.columns.iter().map(|column| (column.name.clone(), as_before(column))).collect(),
        ..AskedColumns::default()
    };
    let names = profile.columns.iter().map(|column| column.name.clone()).collect();
    let table = Earlier::new(StoredBlocks::open(table, profile, memory)?, profile);
    let mut run = Run { earlier: Some(&table), ..run(&asked, limits, memory, progress) };
    match format {
        Format::Csv => run.ingest(&Appended::new(names, CsvPieces::new(&source, &csv, limits, memory)?), out),
        Format::Ndjson => run.ingest(&Appended::new(names, JsonPieces::lines(&source, limits, memory)?), out),
        Format::Json => run.ingest(&Appended::new(names, JsonPieces::array(&source, limits, memory)?), out),
        Format::Parquet => run.ingest(&Appended::new(names, ArrowPieces::parquet(source, limits, memory)?), out),
        Format::Arrow => run.ingest(&Appended::new(names, ArrowPieces::stream(source, limits, memory)?), out),
        Format::Excel => run.ingest(&Appended::new(names, ExcelPieces::open(source, sheet, limits, memory)?), out),
    }
}

/// Whether a sheet may be named.
///
/// # Errors
/// `Unfit`: the file is no workbook.
pub fn check_sheet(format: Format, sheet: Option<&str>) -> Result<(), DataError> {
    match sheet {
        Some(_) if format != Format::Excel => {
            Err(DataError::unfit("sheet names one of an Excel workbook, which the data file is not"))
        }
        _ => Ok(()),
    }
}

fn run<'a>(
    asked: &'a AskedColumns,
    limits: &'a IngestLimits,
    memory: &'a Charge,
    progress: &'a mut dyn FnMut(u64) -> bool,
) -> Run<'a> {
    let (workers, rows) = (workers(), AtomicU64::new(0));
    Run { asked, limits, memory, workers, progress, earlier: None, readings: 1, before: 0, rows }
}

/// Reads a CSV file; one that proves to be no UTF-8, and does not say what it is, from its start as what it can be.
fn ingest_csv<S: Growing>(
    source: &S,
    options: &CsvOptions,
    mut run: Run,
    out: &mut dyn Output,
) -> Result<TableProfile, DataError> {
    let (limits, memory) = (run.limits, run.memory);
    let read = CsvPieces::new(source, options, limits, memory).and_then(|pieces| run.ingest(&pieces, &mut *out));
    if !matches!(&read, Err(error) if error.kind == DataErrorKind::NotUtf8) {
        return read;
    }
    let guessed = windows_1252(source)?;
    out.restart().map_err(DataError::io)?;
    let options = CsvOptions { charset: Some(Charset::WINDOWS_1252), ..*options };
    let mut pieces = CsvPieces::new(source, &options, limits, memory)?;
    pieces.tell(guessed);
    (run.readings, run.before, run.rows) = (1, 0, AtomicU64::new(0));
    run.ingest(&pieces, out)
}
