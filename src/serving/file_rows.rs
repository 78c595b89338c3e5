//! Files of rows to predict for, CSV or an Arrow stream: some rows after others as the columns that a model takes.

use std::io;

use super::error::{ServingError, Wrong};
use super::extras::Extras;
use crate::data::arrow::{ArrowBatch, ArrowRows};
use crate::data::column::{Column, Table};
use crate::data::csv::{CsvOptions, CsvRows, TextRows};
use crate::data::encoder::{EncodeError, Encoder, Feature, OnMisfit};
use crate::data::json::Cell;
use crate::data::passed::{Holds, Passed, PassedCells};
use crate::datasets::Arriving;
use crate::datasets::arriving::Onward;
use crate::memory::Charge;
use crate::wording::Shown;

/// The forms of files that rows to predict for come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowFormat {
    /// A header and a line for each row, or what is said of it instead.
    Csv(CsvOptions),
    /// Batches of typed columns, as a stream.
    Arrow,
}

/// A file of rows.
pub(super) enum FileRows {
    Csv(CsvRows<io::BufReader<Onward>>),
    Arrow(ArrowRows<Arriving>),
}

/// Some rows of it.
pub(super) enum Batch {
    Csv(TextRows),
    Arrow(ArrowBatch),
}

impl Batch {
    /// How many.
    pub fn rows(&self) -> usize {
        match self {
            Batch::Csv(text) => text.len(),
            Batch::Arrow(batch) => batch.rows(),
        }
    }
}

impl FileRows {
    /// Opens a file; `memory` is charged with what is read of an Arrow stream.
    ///
    /// # Errors
    /// `Data`: it is no file of this format, or there is no memory for it.
    pub fn open(file: Arriving, format: RowFormat, memory: &Charge) -> Result<Self, ServingError> {
        Ok(match format {
            RowFormat::Arrow => FileRows::Arrow(ArrowRows::new(file, memory)?),
            RowFormat::Csv(options) => {
                FileRows::Csv(CsvRows::new(io::BufReader::with_capacity(1 << 18, file.reader()), &options)?)
            }
        })
    }

    /// The names of its columns.
    pub fn headers(&self) -> &[String] {
        match self {
            FileRows::Csv(rows) => rows.headers(),
            FileRows::Arrow(rows) => rows.headers(),
        }
    }

    /// Where each feature stands, if it does.
    ///
    /// # Errors
    /// `Field`: there is a column that the model does not know, or without a header too few or too many.
    pub fn places(&self, encoder: &Encoder, extras: &Extras) -> Result<Vec<Option<usize>>, ServingError> {
        let place = match self {
            FileRows::Arrow(_) => String::new(),
            FileRows::Csv(rows) => match rows.header_line() {
                Some(line) => format!("line {line}: "),
                None => return in_order(encoder, rows.headers().len()),
            },
        };
        let places = encoder.places_in(self.headers(), |name| extras.allows(name));
        places.map_err(|unknown| ServingError::whole(Wrong::Unknown, format!("{place}{unknown}")))
    }

    /// Where the columns stand that the reply repeats.
    ///
    /// # Errors
    /// `Parameter`: one is not there, or cannot be repeated.
    pub fn passed(&self, extras: &Extras) -> Result<Vec<usize>, ServingError> {
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
            FileRows::Csv(_) => Ok(passed),
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
        })
    }

    /// The cells of some rows that the reply repeats; those of an Arrow file keep their type if the reply is `typed`.
    ///
    /// # Errors
    /// `Data`: they cannot be read.
    pub fn cells_of(&self, batch: &Batch, passed: &[usize], typed: bool) -> Result<Vec<Passed>, ServingError> {
        let cells = |at: &usize| -> Result<PassedCells, ServingError> {
            Ok(match (self, batch) {
                (FileRows::Arrow(rows), Batch::Arrow(batch)) if typed => PassedCells::Array(rows.array(batch, *at)),
                (FileRows::Arrow(rows), Batch::Arrow(batch)) => {
                    PassedCells::Cells(rows.cells(batch, *at)?, Holds::Texts)
                }
                (_, Batch::Csv(text)) => {
                    let cells = text.columns[*at].iter().map(|text| text.clone().map_or(Cell::Missing, Cell::Text));
                    PassedCells::Cells(cells.collect(), Holds::Texts)
                }
                (FileRows::Csv(_), Batch::Arrow(_)) => unreachable!("a batch is of its file"),
            })
        };
        let column = |at: &usize| Ok(Passed { name: self.headers()[*at].clone(), cells: cells(at)? });
        passed.iter().map(column).collect()
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
    match &error {
        EncodeError::Value { row, column, expected, got } => {
            let detail = format!("{what} {}, column {column:?}: {expected} is expected, got {got}", number(*row));
            ServingError::whole(Wrong::Value, detail)
        }
        _ => error.into(),
    }
}
