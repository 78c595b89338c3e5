//! A sheet of a workbook, some rows at a time.

use super::pieces::{ExcelCursor, ExcelPiece, ExcelPieces};
use super::sheet::Value;
use crate::data::cell_rows::CellRows;
use crate::data::error::DataError;
use crate::data::json::{Cell, Records};
use crate::data::lease::Lease;
use crate::data::limits::IngestLimits;
use crate::data::pieces::Pieces;
use crate::data::source::Growing;
use crate::memory::Charge;

/// A sheet whose table was found.
pub struct ExcelRows<S> {
    pieces: ExcelPieces<S>,
    cursor: ExcelCursor,
}

impl<S: Growing + 'static> ExcelRows<S> {
    /// Finds the table of the sheet that is named, or of the first that has cells; `memory` is charged with what is read.
    ///
    /// # Errors
    /// It is no workbook, has no such sheet, or the sheet has no table.
    pub fn new(file: S, sheet: Option<&str>, memory: &Charge) -> Result<Self, DataError> {
        let pieces = ExcelPieces::open(file, sheet, &IngestLimits::default(), memory)?;
        let cursor = pieces.start(None)?;
        Ok(ExcelRows { pieces, cursor })
    }

    /// The names of the columns.
    pub fn headers(&self) -> &[String] {
        &self.pieces.names
    }

    /// The row of the sheet that they stand in.
    pub fn header_row(&self) -> u32 {
        self.pieces.layout.header
    }

    /// The next rows, at most so many; nothing at the end.
    ///
    /// # Errors
    /// The sheet is damaged, or a text of it too long.
    pub fn next_rows(&mut self, most: usize) -> Result<Option<CellRows>, DataError> {
        self.pieces.most_rows = most.max(1);
        let Some(piece) = self.pieces.next(&mut self.cursor)? else { return Ok(None) };
        let (rows, count) = (piece.rows.len(), self.pieces.names.len());
        let cells = (rows * count * size_of::<Cell>() + 2 * piece.words) as u64;
        let lease = Lease::of(&self.pieces.memory, cells)?;
        let mut columns = vec![vec![Cell::Missing; rows]; count];
        for (row, column, value) in &piece.cells {
            columns[*column][*row] = self.cell(&piece, value)?;
        }
        let records = Records { names: Vec::new(), columns, rows };
        let places = piece.rows.iter().map(|row| u64::from(*row)).collect();
        Ok(Some(CellRows { records, places, _lease: lease }))
    }

    /// A cell as one of records: a time is a text.
    fn cell(&self, piece: &ExcelPiece, value: &Value) -> Result<Cell, DataError> {
        Ok(match value {
            Value::Number(number) => Cell::Number(*number),
            Value::Boolean(value) => Cell::Boolean(*value),
            Value::Digits(range) => Cell::of_digits(&piece.text[range.clone()]),
            value => Cell::of_text(&self.pieces.workbook.shown(&piece.text, value)?),
        })
    }
}
