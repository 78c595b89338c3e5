//! Predictions of a model by data set for a file of rows, CSV or an Arrow stream: some rows after others, so that a million
//! need no more memory than a thousand.

use std::io;

use super::error::{ServingError, Wrong};
use super::memory::RequestMemory;
use super::table_version::TableVersion;
use crate::app::App;
use crate::data::arrow::{ArrowBatch, ArrowRows};
use crate::data::column::{Column, Table};
use crate::data::csv::{CsvOptions, CsvRows, TextRows};
use crate::data::encoder::Feature;
use crate::data::encoder::{EncodeError, Encoder};
use crate::data::error::DataError;
use crate::datasets::Arriving;
use crate::datasets::arriving::Onward;
use crate::memory::Charge;
use crate::models::prediction::Predictions;
use crate::waiting::WaitedFor;
use crate::wording::Shown;

/// Rows that are worked off at once, and cells and encoded values of these rows.
const ROWS: usize = 4096;
const VALUES: usize = 1 << 20;
/// Memory of a cell or value of them: a cell as text, typed, encoded, and flagged if it lies outside what training saw.
const VALUE_BYTES: usize = 64;

/// Features that a message names.
const MOST_NAMED: usize = 20;

/// The forms of files that rows to predict for come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowFormat {
    /// A header and a line for each row, or what is said of it instead.
    Csv(CsvOptions),
    /// Batches of typed columns, as a stream.
    Arrow,
}

/// The predictions for the rows of a file. Reads and computes: not for async threads.
pub struct FilePredictions<'a> {
    app: &'a App,
    version: &'a TableVersion,
    rows: FileRows,
    /// Where each feature stands.
    places: Vec<Option<usize>>,
    waited_for: WaitedFor,
    /// Held for the rows that are worked off, and for what was read of a stream.
    memory: RequestMemory,
    /// What is held for the rows, in bytes.
    working: u64,
    /// Rows that are answered.
    before: usize,
}

impl<'a> FilePredictions<'a> {
    /// Opens a file, whose rows are worked off within `memory`. It is given up when `waited_for` no longer holds: a packed
    /// (compressed) one may have very many rows.
    ///
    /// # Errors
    /// `Data`: it is no file of this format, or there is no memory for it; `Field`: it has a column that the model does not
    /// know.
    pub fn open(
        app: &'a App,
        version: &'a TableVersion,
        file: Arriving,
        format: RowFormat,
        waited_for: WaitedFor,
        mut memory: RequestMemory,
    ) -> Result<Self, ServingError> {
        let rows = FileRows::open(file, format, memory.charge(app))?;
        let places = rows.places(version.encoder())?;
        Ok(FilePredictions { app, version, rows, places, waited_for, memory, working: 0, before: 0 })
    }

    /// Cells, encoded values and answers of a row.
    pub fn width(&self) -> usize {
        let encoder = self.version.encoder();
        self.rows.headers().len() + encoder.width() + encoder.target.classes().len()
    }

    /// The predictions for the next rows; `None` at the end.
    ///
    /// # Errors
    /// `Data`: a row cannot be read; `Field`: a value is none of its column.
    pub fn next_rows(&mut self) -> Result<Option<Predictions>, ServingError> {
        if !self.waited_for.holds() {
            return Err(DataError::stopped().into());
        }
        let most = ROWS.min(VALUES / self.width()).max(16);
        let Some(batch) = self.rows.next(most)? else { return Ok(None) };
        let working = batch.rows().saturating_mul(self.width() * VALUE_BYTES) as u64;
        if working > self.working {
            self.memory.charge(self.app).grow(working - self.working)?;
            self.working = working;
        }
        let table = self.rows.table(&batch, self.version.encoder(), &self.places)?;
        self.app.meters.predictions.inc_by(table.rows as u64);
        let predictions = self.version.predict(&table, self.before)?;
        self.version.predictor.count(predictions.rows, predictions.sightings.len());
        self.before += table.rows;
        Ok(Some(predictions))
    }
}

/// A file of rows.
enum FileRows {
    Csv(CsvRows<io::BufReader<Onward>>),
    Arrow(ArrowRows<Arriving>),
}

/// Some rows of it.
enum Batch {
    Csv(TextRows),
    Arrow(ArrowBatch),
}

impl Batch {
    fn rows(&self) -> usize {
        match self {
            Batch::Csv(text) => text.len(),
            Batch::Arrow(batch) => batch.rows(),
        }
    }
}

impl FileRows {
    fn open(file: Arriving, format: RowFormat, memory: &Charge) -> Result<Self, ServingError> {
        Ok(match format {
            RowFormat::Arrow => FileRows::Arrow(ArrowRows::new(file, memory)?),
            RowFormat::Csv(options) => {
                FileRows::Csv(CsvRows::new(io::BufReader::with_capacity(1 << 18, file.reader()), &options)?)
            }
        })
    }

    fn headers(&self) -> &[String] {
        match self {
            FileRows::Csv(rows) => rows.headers(),
            FileRows::Arrow(rows) => rows.headers(),
        }
    }

    fn places(&self, encoder: &Encoder) -> Result<Vec<Option<usize>>, ServingError> {
        let place = match self {
            FileRows::Arrow(_) => String::new(),
            FileRows::Csv(rows) => match rows.header_line() {
                Some(line) => format!("line {line}: "),
                None => return in_order(encoder, rows.headers().len()),
            },
        };
        let places = encoder.places_in(self.headers());
        places.map_err(|unknown| ServingError::whole(Wrong::Unknown, format!("{place}{unknown}")))
    }

    fn next(&mut self, most: usize) -> Result<Option<Batch>, ServingError> {
        Ok(match self {
            FileRows::Csv(rows) => rows.next_rows(most)?.map(Batch::Csv),
            FileRows::Arrow(rows) => rows.next_rows(most)?.map(Batch::Arrow),
        })
    }

    /// The features' columns of some rows.
    fn table(&self, batch: &Batch, encoder: &Encoder, places: &[Option<usize>]) -> Result<Table, ServingError> {
        match (self, batch) {
            (FileRows::Arrow(rows), Batch::Arrow(batch)) => {
                let read = rows.columns(batch, |columns| {
                    table(encoder, places, batch.rows(), |at, feature| {
                        columns.column(at, &feature.name, feature.kind, feature.writing.reading())
                    })
                });
                read?.map_err(|error| of_row(error, "row", |row| batch.first() + row as u64))
            }
            (_, Batch::Csv(text)) => table(encoder, places, text.len(), |at, feature| {
                let texts = text.columns[at].iter().map(Option::as_deref);
                Column::from_texts(&feature.name, feature.kind, feature.writing.reading(), texts)
            })
            .map_err(|error| of_row(error, "line", |row| text.lines[row])),
            (FileRows::Csv(_), Batch::Arrow(_)) => unreachable!("a batch is of its file"),
        }
    }
}

/// Where the features stand in a file without a header: it has them all, in the model's order, and nothing else, as no name
/// says what else a column could be.
fn in_order(encoder: &Encoder, columns: usize) -> Result<Vec<Option<usize>>, ServingError> {
    let features = encoder.features.len();
    if columns == features {
        return Ok((0..columns).map(Some).collect());
    }
    let names = encoder.features.iter().take(MOST_NAMED).map(|feature| Shown(&feature.name).to_string());
    let detail = format!(
        "the file has {columns} columns and no header; without one it has the model's {features} features, in this order: {}{}. \
         Send these, or a header",
        names.collect::<Vec<_>>().join(", "),
        if features > MOST_NAMED { ", …" } else { "" }
    );
    Err(ServingError::whole(Wrong::Shape, detail))
}

fn table(
    encoder: &Encoder,
    places: &[Option<usize>],
    rows: usize,
    read: impl Fn(usize, &Feature) -> Result<Column, EncodeError>,
) -> Result<Table, EncodeError> {
    let column = |(feature, place): (&Feature, &Option<usize>)| match *place {
        None => Ok(Column::missing(&feature.name, feature.kind, rows)),
        Some(at) => read(at, feature),
    };
    let columns = encoder.features.iter().zip(places).map(column).collect::<Result<_, _>>()?;
    Ok(Table { columns, rows })
}

/// The error of a value, with its line or row.
fn of_row(error: EncodeError, what: &str, number: impl Fn(usize) -> u64) -> ServingError {
    match &error {
        EncodeError::Value { row, column, expected, got } => {
            let detail = format!("{what} {}, column {column:?}: {expected} is expected, got {got}", number(*row));
            ServingError::whole(Wrong::Value, detail)
        }
        _ => error.into(),
    }
}
