//! An Arrow stream or file, some rows at a time, as columns of the kinds that are asked for.

use super::cells::Cells;
use super::damage::guard;
use super::pieces::{ArrowCursor, ArrowPiece, ArrowPieces};
use super::schema::Sorted;
use crate::data::column::{Column, ColumnType};
use crate::data::convert::expected;
use crate::data::encoder::EncodeError;
use crate::data::error::DataError;
use crate::data::limits::IngestLimits;
use crate::data::pieces::Pieces;
use crate::data::source::Growing;
use crate::data::values::Reading;
use crate::memory::Charge;

/// An Arrow stream whose schema was read.
pub struct ArrowRows<S> {
    pieces: ArrowPieces<S>,
    cursor: ArrowCursor,
}

/// Some rows.
pub struct ArrowBatch(ArrowPiece);

impl<S: Growing + 'static> ArrowRows<S> {
    /// Reads the schema; `memory` is charged with what is read.
    ///
    /// # Errors
    /// It is no Arrow stream or file, or has no columns that can be used.
    pub fn new(file: S, memory: &Charge) -> Result<Self, DataError> {
        let pieces = ArrowPieces::stream(file, &IngestLimits::default(), memory)?;
        let cursor = pieces.start(None)?;
        Ok(ArrowRows { pieces, cursor })
    }

    /// The names of all columns, of those of types that cannot be used, too: a model that knows one would otherwise be
    /// asked without it.
    pub fn headers(&self) -> &[String] {
        &self.pieces.columns.names
    }

    /// The next rows, at most so many, and fewer where a batch ends; nothing at the end.
    ///
    /// # Errors
    /// The stream is damaged, or cannot be read.
    pub fn next_rows(&mut self, most: usize) -> Result<Option<ArrowBatch>, DataError> {
        self.pieces.piece_rows = most.max(1);
        Ok(self.pieces.next(&mut self.cursor)?.map(ArrowBatch))
    }

    /// What `read` makes of the columns of some rows.
    ///
    /// # Errors
    /// A cell is too large, or the stream is damaged.
    pub fn columns<T>(&self, batch: &ArrowBatch, read: impl FnOnce(&ArrowColumns) -> T) -> Result<T, DataError> {
        guard("Arrow", || {
            Ok(read(&ArrowColumns { cells: self.pieces.cells(&batch.0)?, columns: &self.pieces.columns }))
        })
    }
}

impl ArrowBatch {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.0.batch.num_rows()
    }

    /// The number of its first row in the stream, counted from 1.
    pub fn first(&self) -> u64 {
        self.0.row
    }
}

/// The columns of some rows.
pub struct ArrowColumns<'a> {
    /// Of the columns that can be used.
    cells: Vec<Cells<'a>>,
    columns: &'a Sorted,
}

impl ArrowColumns<'_> {
    /// The column at a position, read as `kind`.
    ///
    /// # Errors
    /// `Value`: the first row whose cell is none of the kind; if the column's type cannot be used, the first row.
    pub fn column(&self, at: usize, name: &str, kind: ColumnType, reading: Reading) -> Result<Column, EncodeError> {
        // Columns in their order: where one that is read stands among them.
        if let Ok(place) = self.columns.read.binary_search(&at) {
            return self.cells[place].column(name, kind, reading);
        }
        let (_, got) = self.columns.left_out.iter().find(|(left_out, _)| *left_out == at).expect("read or left out");
        let got = format!("a column of the type {got}");
        Err(EncodeError::Value { row: 0, column: name.to_owned(), expected: expected(kind), got })
    }
}
