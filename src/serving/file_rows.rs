//! Files of rows to predict for, of every format: some rows after others as the columns that a model takes.

use std::io;

use super::error::{ServingError, Wrong};
use super::extras::{Extras, IGNORABLE};
use crate::data::arrow::{ArrowBatch, ArrowRows};
use crate::data::cell_rows::CellRows;
use crate::data::column::{Column, Table};
use crate::data::csv::{CsvOptions, CsvRows, TextRows};
use crate::data::encoder::reading::Texts;
use crate::data::encoder::{EncodeError, Encoder, Feature, OnMisfit};
use crate::data::excel::ExcelRows;
use crate::data::json::{Cell, LineRows};
use crate::data::passed::{Holds, Passed, PassedCells};
use crate::datasets::Arriving;
use crate::datasets::arriving::Onward;
use crate::memory::Charge;
use crate::wording::Shown;

/// The forms of files that rows to predict for come in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowFormat {
    /// A header and a line for each row, or what is said of it instead.
    Csv(CsvOptions),
    /// Batches of typed columns, as a stream or a file.
    Arrow,
    /// A Parquet file.
    Parquet,
    /// A JSON object on each line.
    Lines,
    /// A sheet of a workbook, by its name or the first that has cells.
    Excel(Option<String>),
}

/// A file of rows.
pub(super) enum FileRows {
    Csv(CsvRows<io::BufReader<Onward>>),
    /// And Parquet.
    Arrow(ArrowRows<Arriving>),
    Lines(LineRows<Arriving>),
    Excel(Box<ExcelRows<Arriving>>),
}

/// Some rows of it.
pub(super) enum Batch {
    Csv(TextRows),
    Arrow(ArrowBatch),
    /// Of objects on lines, or of a sheet.
    Cells(CellRows),
}

impl Batch {
    /// How many.
    pub fn rows(&self) -> usize {
        match self {
            Batch::Csv(text) => text.len(),
            Batch::Arrow(batch) => batch.rows(),
            Batch::Cells(cells) => cells.places.len(),
        }
    }
}

impl FileRows {
    /// Opens a file; `memory` is charged with what is read of it, but for CSV.
    ///
    /// # Errors
    /// `Data`: it is no file of this format, or there is no memory for it.
    pub fn open(file: Arriving, format: RowFormat, memory: &Charge) -> Result<Self, ServingError> {
        Ok(match format {
            RowFormat::Arrow => FileRows::Arrow(ArrowRows::new(file, memory)?),
            RowFormat::Parquet => FileRows::Arrow(ArrowRows::parquet(file, memory)?),
            RowFormat::Lines => FileRows::Lines(LineRows::new(file, memory)?),
            RowFormat::Excel(sheet) => FileRows::Excel(Box::new(ExcelRows::new(file, sheet.as_deref(), memory)?)),
            RowFormat::Csv(options) => {
                FileRows::Csv(CsvRows::new(io::BufReader::with_capacity(1 << 18, file.reader()), &options)?)
            }
        })
    }

    /// The names of its columns: of objects those of the rows so far.
    pub fn headers(&self) -> &[String] {
        match self {
            FileRows::Csv(rows) => rows.headers(),
            FileRows::Arrow(rows) => rows.headers(),
            FileRows::Lines(rows) => rows.names(),
            FileRows::Excel(rows) => rows.headers(),
        }
    }

    /// Where each feature stands, if it does.
    ///
    /// # Errors
    /// `Field`: there is a column that the model does not know, or without a header too few or too many.
    pub fn places(&self, encoder: &Encoder, extras: &Extras) -> Result<Vec<Option<usize>>, ServingError> {
        if let FileRows::Csv(rows) = self
            && rows.header_line().is_none()
        {
            return in_order(encoder, rows.headers().len());
        }
        let place = |name: &str| match self {
            FileRows::Arrow(_) => None,
            FileRows::Csv(rows) => rows.header_line().map(|line| format!("line {line}: ")),
            FileRows::Lines(rows) => rows.line_of(name).map(|line| format!("line {line}: ")),
            FileRows::Excel(rows) => Some(format!("row {}: ", rows.header_row())),
        };
        encoder.places_in(self.headers(), |name| extras.allows(name)).map_err(|unknown| {
            let detail = format!("{}{unknown}{IGNORABLE}", place(&unknown.first).unwrap_or_default());
            ServingError::whole(Wrong::Unknown, detail)
        })
    }

    /// Whether further columns may come with further rows.
    pub fn may_grow(&self) -> bool {
        matches!(self, FileRows::Lines(_))
    }

    /// Where the columns stand that the reply repeats; nowhere where one may still come.
    ///
    /// # Errors
    /// `Parameter`: one is not there, or cannot be repeated.
    pub fn passed(&self, extras: &Extras) -> Result<Vec<Option<usize>>, ServingError> {
        if self.may_grow() {
            let place = |name: &String| self.headers().iter().position(|known| known == name);
            return Ok(extras.passthrough.iter().map(place).collect());
        }
        Ok(self.passed_of_header(extras)?.into_iter().map(Some).collect())
    }

    fn passed_of_header(&self, extras: &Extras) -> Result<Vec<usize>, ServingError> {
        let refused = |detail: String| Err(ServingError::Parameter { name: "passthrough", detail });
        let passed = extras.passed_in(self.headers())?;
        match self {
            FileRows::Csv(rows) if rows.header_line().is_none() && !passed.is_empty() => {
                refused("passthrough names columns, and the file has no header to name any".into())
            }
            FileRows::Arrow(rows) => match passed.iter().find_map(|at| Some((at, rows.unusable(*at)?))) {
                None => Ok(passed),
                Some((at, kind)) => refused(format!(
                    "the column {} has the type {kind}, which no reply repeats",
                    Shown(&rows.headers()[*at])
                )),
            },
            _ => Ok(passed),
        }
    }

    /// The next rows, at most so many; `None` at the end.
    ///
    /// # Errors
    /// `Data`: a row cannot be read.
    pub fn next(&mut self, most: usize) -> Result<Option<Batch>, ServingError> {
        Ok(match self {
            FileRows::Csv(rows) => rows.next_rows(most)?.map(Batch::Csv),
            FileRows::Arrow(rows) => rows.next_rows(most)?.map(Batch::Arrow),
            FileRows::Lines(rows) => rows.next_rows(most)?.map(Batch::Cells),
            FileRows::Excel(rows) => rows.next_rows(most)?.map(Batch::Cells),
        })
    }

    /// The cells of some rows that the reply repeats; those of an Arrow file keep their type if the reply is `typed`.
    ///
    /// # Errors
    /// `Data`: they cannot be read.
    pub fn cells_of(
        &self,
        batch: &Batch,
        names: &[String],
        passed: &[Option<usize>],
        typed: bool,
    ) -> Result<Vec<Passed>, ServingError> {
        let cells = |at: usize| -> Result<PassedCells, ServingError> {
            let cells = match (self, batch) {
                (FileRows::Arrow(rows), Batch::Arrow(batch)) if typed => {
                    return Ok(PassedCells::Array(rows.array(batch, at)));
                }
                (FileRows::Arrow(rows), Batch::Arrow(batch)) => rows.cells(batch, at)?,
                (_, Batch::Csv(text)) => {
                    text.columns[at].iter().map(|text| text.clone().map_or(Cell::Missing, Cell::Text)).collect()
                }
                (_, Batch::Cells(cells)) => cells.records.columns[at].clone(),
                (_, Batch::Arrow(_)) => unreachable!("a batch is of its file"),
            };
            Ok(PassedCells::Cells(cells, Holds::Texts))
        };
        let column = |(name, at): (&String, &Option<usize>)| {
            let absent = || PassedCells::Cells(vec![Cell::Absent; batch.rows()], Holds::Texts);
            Ok(Passed { name: name.clone(), cells: at.map_or_else(|| Ok(absent()), cells)? })
        };
        names.iter().zip(passed).map(column).collect()
    }

    /// The features' columns of some rows; `on_misfit` is told each value that is none of its column.
    ///
    /// # Errors
    /// What `on_misfit` makes of a value, with its line or row.
    pub fn table(
        &self,
        batch: &Batch,
        encoder: &Encoder,
        places: &[Option<usize>],
        on_misfit: OnMisfit,
    ) -> Result<Table, ServingError> {
        match (self, batch) {
            (FileRows::Arrow(rows), Batch::Arrow(batch)) => {
                let read = rows.columns(batch, |columns| {
                    table(encoder, places, batch.rows(), |at, feature| {
                        columns.column(at, &feature.name, feature.kind, feature.writing.reading(), &mut *on_misfit)
                    })
                });
                read?.map_err(|error| of_row(error, "row", |row| batch.first() + row as u64))
            }
            (_, Batch::Csv(text)) => table(encoder, places, text.len(), |at, feature| {
                let texts = text.columns[at].iter().map(Option::as_deref);
                Column::from_texts(&feature.name, feature.kind, feature.writing.reading(), texts, &mut *on_misfit)
            })
            .map_err(|error| of_row(error, "line", |row| text.lines[row])),
            (FileRows::Excel(_), Batch::Cells(CellRows { records, places: of_rows, .. })) => encoder
                .table_of_records(records, places, 0..records.rows, Texts::Lenient, on_misfit)
                .map_err(|error| of_row(error, "row", |row| of_rows[row])),
            (_, Batch::Cells(CellRows { records, places: of_rows, .. })) => encoder
                .find_nothing(records, places, 0..records.rows, &mut *on_misfit)
                .and_then(|()| encoder.table_of_records(records, places, 0..records.rows, Texts::Strict, on_misfit))
                .map_err(|error| of_row(error, "line", |row| of_rows[row])),
            (_, Batch::Arrow(_)) => unreachable!("a batch is of its file"),
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
    let detail = format!(
        "the file has {columns} columns and no header; without one it has the model's {features} features, in this order: {}. \
         Send these, or a header",
        encoder.feature_names()
    );
    Err(ServingError::whole(Wrong::Shape, detail))
}

fn table(
    encoder: &Encoder,
    places: &[Option<usize>],
    rows: usize,
    mut read: impl FnMut(usize, &Feature) -> Result<Column, EncodeError>,
) -> Result<Table, EncodeError> {
    let mut column = |(feature, place): (&Feature, &Option<usize>)| match *place {
        None => Ok(Column::missing(&feature.name, feature.kind, rows)),
        Some(at) => read(at, feature),
    };
    let columns = encoder.features.iter().zip(places).map(&mut column).collect::<Result<_, _>>()?;
    Ok(Table { columns, rows })
}

/// The error of a value, with its line or row.
fn of_row(error: EncodeError, what: &str, number: impl Fn(usize) -> u64) -> ServingError {
    let (wrong, row) = match &error {
        EncodeError::Value { row, .. } => (Wrong::Value, *row),
        EncodeError::Nothing { row, .. } => (Wrong::Missing, *row),
        _ => return error.into(),
    };
    let detail = error.of_row(format_args!("{what} {}", number(row))).unwrap_or_else(|| error.to_string());
    ServingError::whole(wrong, detail)
}
