//! What a file may stand for in proportion to its bytes: the same few may be repeated without end, which is work all the same.

use super::error::DataError;

/// So many cells are read of any file, and so many more for each of its bytes: runs of one value, or columns without any,
/// may stand for billions of rows.
const FREE_CELLS: u64 = 16 << 20;
const CELLS_PER_BYTE: u64 = 1024;
/// The words of the cells of any file may come to so many bytes, and to so many more for each of its bytes: a long one that is
/// in the file once may be that of every row.
const FREE_WORD_BYTES: u64 = 16 << 30;
const WORD_BYTES_PER_BYTE: u64 = 256;

/// Checks that `rows` rows of `columns` columns are not out of proportion to the `length` bytes that they come from.
///
/// # Errors
/// `TooLarge`: they are.
pub(crate) fn check_cells(rows: u64, columns: usize, length: u64) -> Result<(), DataError> {
    if rows.saturating_mul(columns as u64) <= FREE_CELLS.saturating_add(length.saturating_mul(CELLS_PER_BYTE)) {
        return Ok(());
    }
    let detail = format!("{rows} rows in a file of {length} bytes repeat the same few values: send fewer rows");
    Err(DataError::too_large(detail))
}

/// Checks that words that come to `bytes` bytes, each counted as often as it is that of a cell, are not out of proportion to the
/// `length` bytes that they come from. Asked while cells are read, piece by piece.
///
/// # Errors
/// `TooLarge`: they are.
pub(crate) fn check_words(bytes: u64, length: u64) -> Result<(), DataError> {
    if bytes <= FREE_WORD_BYTES.saturating_add(length.saturating_mul(WORD_BYTES_PER_BYTE)) {
        return Ok(());
    }
    let detail = format!(
        "a file of {length} bytes repeats the same few words, which come to more than {} GiB: send fewer rows, or shorter words",
        bytes >> 30
    );
    Err(DataError::too_large(detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_repeats_is_held_against_the_bytes_of_the_file() {
        assert!(check_words(20_000_000 * 100, 1000).is_ok(), "a category of honest length in many rows");
        assert!(check_words(200 << 30, 1 << 30).is_ok() && check_words(17 << 30, 7302).is_err());
        assert!(check_cells(300_000_000, 1, 1 << 20).is_ok() && check_cells(300_000_000, 1, 1 << 10).is_err());
        assert!(check_cells(u64::MAX, 2, u64::MAX).is_ok(), "sums do not wrap");
    }
}
