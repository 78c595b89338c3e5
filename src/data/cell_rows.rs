//! Rows of a file whose cells say what they are: numbers, booleans, texts.

use super::json::records::Records;
use super::lease::Lease;

/// Some rows of such a file.
pub struct CellRows {
    /// Their cells, by the columns that the file has had so far.
    pub records: Records,
    /// The line, or row, of the file that each begins on.
    pub places: Vec<u64>,
    pub(super) _lease: Lease,
}
