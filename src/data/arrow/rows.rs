//! An Arrow stream, some rows at a time, as columns of the kinds that are asked for.

use super::cells::Cells;
use super::damage::guard;
use super::pieces::{ArrowCursor, ArrowPiece, ArrowPieces};
use crate::data::column::{Column, ColumnType};
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
    /// It is no Arrow stream, or has columns that cannot be read.
    pub fn new(file: S, memory: &Charge) -> Result<Self, DataError> {
        let pieces = ArrowPieces::stream(file, &IngestLimits::default(), memory)?;
        let cursor = pieces.start(None)?;
        Ok(ArrowRows { pieces, cursor })
    }

    /// The columns' names.
    pub fn headers(&self) -> &[String] {
        &self.pieces.names
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
        guard("Arrow", || Ok(read(&ArrowColumns(self.pieces.cells(&batch.0)?))))
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
pub struct ArrowColumns<'a>(Vec<Cells<'a>>);

impl ArrowColumns<'_> {
    /// The column at a position, read as `kind`.
    ///
    /// # Errors
    /// `Value`: the first row whose cell is none of the kind.
    pub fn column(&self, at: usize, name: &str, kind: ColumnType, reading: Reading) -> Result<Column, EncodeError> {
        self.0[at].column(name, kind, reading)
    }
}
