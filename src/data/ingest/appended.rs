//! A stored table with the rows of a file behind its own, read like one file.
//!
//! The table's columns keep their types, and each of them is in the file; those that only the file has are missing in the
//! table's rows.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, OnceLock, PoisonError};

use crate::data::asked::AskedColumns;
use crate::data::builder::Builder;
use crate::data::error::DataError;
use crate::data::pieces::{Columns, Converted, Pieces, Survey};
use crate::data::profile::{ColumnProfile, Finding};
use crate::wording::Shown;

/// See the module.
pub(super) struct Appended<T, F> {
    table: T,
    file: F,
    /// The table's columns.
    names: Vec<String>,
    /// Those of the file, as its pieces have shown them.
    shown: Mutex<Vec<String>>,
    /// Which columns each part has, once all have been shown.
    parts: OnceLock<[Part; 2]>,
}

/// The columns of one of both parts.
struct Part {
    columns: Columns,
    /// For each column of the whole its place among them, if it is there.
    places: Vec<Option<usize>>,
}

/// A piece of one of both.
pub(super) enum PieceOf<T, F> {
    Table(T),
    File(F),
}

/// Where the next piece begins: the table's come first.
pub(super) struct AppendedCursor<T, F> {
    table: Option<T>,
    file: F,
}

impl<T: Pieces, F: Pieces> Appended<T, F> {
    /// The rows of `file` behind those of `table`, which has columns of these names in this order.
    pub fn new(table: T, names: Vec<String>, file: F) -> Self {
        Appended { table, file, names, shown: Mutex::default(), parts: OnceLock::new() }
    }

    /// The parts of these columns.
    ///
    /// # Errors
    /// `Unfit`: the file lacks a column of the table.
    fn parts(&self, columns: &Columns) -> Result<&[Part; 2], DataError> {
        if let Some(parts) = self.parts.get() {
            return Ok(parts);
        }
        let shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let table = Part::of(columns, &self.names);
        let file = Part::of(columns, &shown);
        let lacking = self.names.iter().find(|name| !shown.contains(name));
        match lacking {
            Some(name) => {
                let detail = format!("the file has no column {}, which the data set has", Shown(name));
                Err(DataError::unfit(detail))
            }
            None => Ok(self.parts.get_or_init(|| [table, file])),
        }
    }
}

impl Part {
    /// The columns of these names, in this order.
    fn of(columns: &Columns, names: &[String]) -> Self {
        let of_whole: HashMap<&str, usize> =
            columns.names.iter().enumerate().map(|(at, name)| (name.as_str(), at)).collect();
        let chosen: Vec<usize> = names.iter().filter_map(|name| of_whole.get(name.as_str()).copied()).collect();
        let mut places = vec![None; columns.names.len()];
        chosen.iter().enumerate().for_each(|(place, at)| places[*at] = Some(place));
        Part { columns: columns.select(&chosen), places }
    }

    /// The arrays of a piece of this part with those of the columns that it does not have, which are missing in its rows.
    ///
    /// # Errors
    /// There is no memory for these.
    fn complete(&self, piece: Converted, whole: &Columns) -> Result<Converted, DataError> {
        let Converted { rows, columns, mut lease } = piece;
        let lacking = self.places.iter().filter(|place| place.is_none()).count();
        lease.cover(lease.bytes() + Columns::cell_bytes(rows, lacking))?;
        let missing = |at: usize| {
            let mut builder = Builder::with_word_bytes(&whole.forms[at], rows, 0);
            builder.pad(rows);
            builder.finish()
        };
        let array =
            |(at, place): (usize, &Option<usize>)| place.map_or_else(|| missing(at), |place| columns[place].clone());
        Converted::new(rows, self.places.iter().enumerate().map(array).collect(), lease)
    }
}

impl<T: Pieces, F: Pieces> Pieces for Appended<T, F> {
    type Cursor = AppendedCursor<T::Cursor, F::Cursor>;
    type Piece = PieceOf<T::Piece, F::Piece>;

    fn start(&self, columns: Option<&Columns>) -> Result<Self::Cursor, DataError> {
        let parts = columns.map(|columns| self.parts(columns)).transpose()?;
        let table = Some(self.table.start(parts.map(|[table, _]| &table.columns))?);
        Ok(AppendedCursor { table, file: self.file.start(parts.map(|[_, file]| &file.columns))? })
    }

    fn next(&self, cursor: &mut Self::Cursor) -> Result<Option<Self::Piece>, DataError> {
        if let Some(table) = &mut cursor.table {
            if let Some(piece) = self.table.next(table)? {
                return Ok(Some(PieceOf::Table(piece)));
            }
            cursor.table = None;
        }
        Ok(self.file.next(&mut cursor.file)?.map(PieceOf::File))
    }

    fn survey(&self, piece: Self::Piece, asked: &AskedColumns) -> Result<Survey, DataError> {
        let piece = match piece {
            PieceOf::Table(piece) => return self.table.survey(piece, asked),
            PieceOf::File(piece) => piece,
        };
        let survey = self.file.survey(piece, asked)?;
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        if *shown != survey.names {
            let known: HashSet<String> = shown.iter().cloned().collect();
            shown.extend(survey.names.iter().filter(|name| !known.contains(*name)).cloned());
        }
        Ok(survey)
    }

    fn convert(&self, piece: Self::Piece, columns: &Columns) -> Result<Converted, DataError> {
        let [table, file] = self.parts(columns)?;
        match piece {
            PieceOf::Table(piece) => table.complete(self.table.convert(piece, &table.columns)?, columns),
            PieceOf::File(piece) => file.complete(self.file.convert(piece, &file.columns)?, columns),
        }
    }

    fn findings(&self, columns: &[ColumnProfile]) -> Vec<Finding> {
        self.file.findings(columns)
    }

    fn place(&self) -> &'static str {
        self.file.place()
    }
}
