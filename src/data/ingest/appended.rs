//! A file whose rows come behind those of a stored table.
//!
//! The table's columns keep their types, and each of them is in the file; those that only the file has come behind them.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, OnceLock, PoisonError};

use crate::data::asked::AskedColumns;
use crate::data::error::DataError;
use crate::data::pieces::{Columns, Converted, Pieces, Survey};
use crate::data::profile::{ColumnProfile, Finding};
use crate::wording::Shown;

/// See the module.
pub(super) struct Appended<F> {
    file: F,
    /// The table's columns.
    names: Vec<String>,
    /// Those of the file, as its pieces have shown them.
    shown: Mutex<Vec<String>>,
    /// The file's columns among those of the whole, once all have been shown.
    part: OnceLock<Part>,
}

/// The columns of the file.
struct Part {
    columns: Columns,
    /// For each column of the whole its place among them.
    places: Vec<usize>,
}

impl<F: Pieces> Appended<F> {
    /// The rows of `file` behind those of a table that has columns of these names in this order.
    pub fn new(names: Vec<String>, file: F) -> Self {
        Appended { file, names, shown: Mutex::default(), part: OnceLock::new() }
    }

    /// The file's part of these columns.
    ///
    /// # Errors
    /// `Unfit`: the file lacks a column of the table.
    fn part(&self, columns: &Columns) -> Result<&Part, DataError> {
        if let Some(part) = self.part.get() {
            return Ok(part);
        }
        let shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match self.names.iter().find(|name| !shown.contains(name)) {
            Some(_) if shown.is_empty() => Err(DataError::malformed("there are no rows")),
            Some(name) => {
                let detail = format!("the file has no column {}, which the data set has", Shown(name));
                Err(DataError::unfit(detail))
            }
            None => Ok(self.part.get_or_init(|| Part::of(columns, &shown))),
        }
    }
}

impl Part {
    /// The columns of these names, in this order: all of the whole.
    fn of(columns: &Columns, names: &[String]) -> Self {
        let of_whole: HashMap<&str, usize> =
            columns.names.iter().enumerate().map(|(at, name)| (name.as_str(), at)).collect();
        let chosen: Vec<usize> = names.iter().filter_map(|name| of_whole.get(name.as_str()).copied()).collect();
        let mut places = vec![0; columns.names.len()];
        chosen.iter().enumerate().for_each(|(place, at)| places[*at] = place);
        Part { columns: columns.select(&chosen), places }
    }
}

impl<F: Pieces> Pieces for Appended<F> {
    type Cursor = F::Cursor;
    type Piece = F::Piece;

    fn start(&self, columns: Option<&Columns>) -> Result<Self::Cursor, DataError> {
        let part = columns.map(|columns| self.part(columns)).transpose()?;
        self.file.start(part.map(|part| &part.columns))
    }

    fn next(&self, cursor: &mut Self::Cursor) -> Result<Option<Self::Piece>, DataError> {
        self.file.next(cursor)
    }

    fn survey(&self, piece: Self::Piece, asked: &AskedColumns) -> Result<Survey, DataError> {
        let survey = self.file.survey(piece, asked)?;
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        if *shown != survey.names {
            let known: HashSet<String> = shown.iter().cloned().collect();
            shown.extend(survey.names.iter().filter(|name| !known.contains(*name)).cloned());
        }
        Ok(survey)
    }

    fn convert(&self, piece: Self::Piece, columns: &Columns) -> Result<Converted, DataError> {
        let part = self.part(columns)?;
        let Converted { rows, columns, lease } = self.file.convert(piece, &part.columns)?;
        Converted::new(rows, part.places.iter().map(|place| columns[*place].clone()).collect(), lease)
    }

    fn findings(&self, columns: &[ColumnProfile]) -> Vec<Finding> {
        self.file.findings(columns)
    }

    fn place(&self) -> &'static str {
        self.file.place()
    }
}
