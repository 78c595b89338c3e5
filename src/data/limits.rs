//! What a data file or a body may not exceed, and the errors of what does.

use super::error::DataError;
use crate::wording::Shown;

/// What a file may not exceed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IngestLimits {
    /// Columns.
    pub max_columns: usize,
    /// Rows.
    pub max_rows: u64,
    /// Bytes of a cell.
    pub max_cell_bytes: usize,
}

impl Default for IngestLimits {
    fn default() -> Self {
        IngestLimits { max_columns: 16_384, max_rows: u64::from(u32::MAX) - 1, max_cell_bytes: 1 << 20 }
    }
}

/// A row may not have more bytes than this, so that a reader that looks for its end stops, and few rows are little memory.
pub(crate) const MOST_RECORD_BYTES: usize = 16 << 20;

/// A column's name has at most so many characters: names stand in profiles, messages and replies, many times.
pub const MAX_NAME_CHARACTERS: usize = 1000;
/// The names of a table's columns have at most so many bytes together.
pub const MAX_NAMES_BYTES: usize = 2 << 20;
/// A class has at most so many characters: it stands in the reply of each row.
pub const MAX_CLASS_CHARACTERS: usize = 256;

/// So many cells are read however many of them are missing.
const FREE_CELLS: u64 = 1 << 20;
/// Beyond them at least one cell of so many must be given.
const SPARSEST: u64 = 16;
/// What is wrong with rows of which too few cells are given.
pub(crate) const SPARSE: &str = "the rows have too few of their keys in common: send rows of one kind together";

/// Whether of `cells` so few are given that rows would take memory out of proportion to what was sent.
pub(crate) fn is_sparse(cells: u64, given: u64) -> bool {
    cells > FREE_CELLS.max(given.saturating_mul(SPARSEST))
}

/// A cell beyond the limit.
pub(crate) fn oversized(bytes: usize, most: usize) -> DataError {
    DataError::too_large(format!("the cell has {bytes} bytes; at most {most} are allowed"))
}

/// Checks a column's name.
///
/// # Errors
/// What is wrong with it.
pub fn check_column_name(name: &str) -> Result<(), String> {
    // Few names are so long that their characters have to be counted.
    if name.len() <= MAX_NAME_CHARACTERS || name.chars().count() <= MAX_NAME_CHARACTERS {
        return Ok(());
    }
    Err(format!("a column's name has at most {MAX_NAME_CHARACTERS} characters; one begins with {}", Shown(name)))
}

/// The names of the columns are longer than allowed, together.
pub(crate) fn long_names() -> DataError {
    DataError::too_large(format!(
        "the names of the columns have more than {MAX_NAMES_BYTES} bytes together: shorten them"
    ))
}

/// There are more columns than allowed.
pub(crate) fn too_many_columns(columns: usize, most: usize) -> DataError {
    DataError::too_large(format!("there are {columns} columns; at most {most} are allowed"))
}
