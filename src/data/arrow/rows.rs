//! An Arrow stream or file, or a Parquet file, some rows at a time, as columns of the kinds that are asked for.

use std::sync::Arc;

use arrow_array::{ArrayRef, NullArray};

use super::cells::{Cells, cells_of};
use super::damage::guard;
use super::pieces::{ArrowCursor, ArrowPiece, ArrowPieces};
use super::schema::Sorted;
use crate::data::column::{Column, ColumnType};
use crate::data::convert::expected;
use crate::data::encoder::{EncodeError, OnMisfit};
use crate::data::error::DataError;
use crate::data::json::Cell;
use crate::data::limits::IngestLimits;
use crate::data::pieces::Pieces;
use crate::data::source::Growing;
use crate::data::values::Reading;
use crate::memory::Charge;

/// Such a file, whose schema was read.
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
        ArrowRows::of(ArrowPieces::stream(file, &IngestLimits::default(), memory)?)
    }

    /// The same of a Parquet file.
    ///
    /// # Errors
    /// It is none, or has no columns that can be used.
    pub fn parquet(file: S, memory: &Charge) -> Result<Self, DataError> {
        ArrowRows::of(ArrowPieces::parquet(file, &IngestLimits::default(), memory)?)
    }

    fn of(pieces: ArrowPieces<S>) -> Result<Self, DataError> {
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

    /// The array of the column at a position, as it is; nulls if its type cannot be used.
    pub fn array(&self, batch: &ArrowBatch, at: usize) -> ArrayRef {
        match self.pieces.columns.read.binary_search(&at) {
            Ok(place) => batch.0.batch.column(place).clone(),
            Err(_) => Arc::new(NullArray::new(batch.rows())),
        }
    }

    /// The cells of the column at a position, as those of records.
    ///
    /// # Errors
    /// The stream is damaged.
    pub fn cells(&self, batch: &ArrowBatch, at: usize) -> Result<Vec<Cell>, DataError> {
        guard(self.pieces.name_of_format(), || Ok(cells_of(&self.array(batch, at))))
    }

    /// The type of a column that cannot be used.
    pub fn unusable(&self, at: usize) -> Option<&str> {
        let left_out = self.pieces.columns.left_out.iter().find(|(left_out, _)| *left_out == at);
        left_out.map(|(_, kind)| kind.as_str())
    }

    /// What `read` makes of the columns of some rows.
    ///
    /// # Errors
    /// A cell is too large, or the stream is damaged.
    pub fn columns<T>(&self, batch: &ArrowBatch, read: impl FnOnce(&ArrowColumns) -> T) -> Result<T, DataError> {
        guard(self.pieces.name_of_format(), || {
            let (cells, columns) = (self.pieces.cells(&batch.0)?, &self.pieces.columns);
            Ok(read(&ArrowColumns { cells, columns, rows: batch.rows() }))
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
    rows: usize,
}

impl ArrowColumns<'_> {
    /// The column at a position, read as `kind`; `on_misfit` is told each row whose cell is none of the kind, and every row if
    /// the column's type cannot be used.
    ///
    /// # Errors
    /// What `on_misfit` makes of a `Value`.
    pub fn column(
        &self,
        at: usize,
        name: &str,
        kind: ColumnType,
        reading: Reading,
        on_misfit: OnMisfit,
    ) -> Result<Column, EncodeError> {
        // Columns in their order: where one that is read stands among them.
        if let Ok(place) = self.columns.read.binary_search(&at) {
            return self.cells[place].column(name, kind, reading, on_misfit);
        }
        let (_, got) = self.columns.left_out.iter().find(|(left_out, _)| *left_out == at).expect("read or left out");
        for row in 0..self.rows {
            let got = format!("a column of the type {got}");
            on_misfit(EncodeError::Value { row, column: name.to_owned(), expected: expected(kind, reading), got })?;
        }
        Ok(Column::missing(name, kind, self.rows))
    }
}
