//! Rows of a file whose cells say what they are: numbers, booleans, texts.

use super::json::Cell;
use super::lease::Lease;

/// Some rows of such a file.
pub struct CellRows {
    /// The cells of each column that the file has had so far; none of a column that none of these rows has.
    pub columns: Vec<Vec<Cell>>,
    /// The line, or row, of the file that each row begins on.
    pub places: Vec<u64>,
    pub(super) _lease: Lease,
}

impl CellRows {
    /// The cells of a column in all of the rows.
    pub fn column(&self, at: usize) -> Option<&[Cell]> {
        self.columns.get(at).map(Vec::as_slice).filter(|cells| !cells.is_empty())
    }
}
