//! What a file says of its sizes, held against its length and the limits before it is believed.

use parquet::file::metadata::ParquetMetaData;

use super::damage::damaged;
use crate::data::error::DataError;
use crate::data::limits::IngestLimits;
use crate::data::proportion::check_cells;

/// A column of a row group takes at most so many bytes before it is compressed.
const MOST_CHUNK_BYTES: i64 = 4 << 30;

/// Checks what a Parquet file says of its sizes against its length and the limits.
///
/// # Errors
/// `Malformed`: they cannot be; `TooLarge`.
pub(super) fn check(metadata: &ParquetMetaData, length: u64, limits: &IngestLimits) -> Result<(), DataError> {
    let mut rows = 0_u64;
    for group in metadata.row_groups() {
        let count =
            u64::try_from(group.num_rows()).map_err(|_| damaged("Parquet", "a row group has fewer than no rows"))?;
        rows = rows.saturating_add(count);
        if rows > limits.max_rows {
            return Err(DataError::too_large(format!("there are more than {} rows", limits.max_rows)));
        }
        check_cells(rows, group.num_columns(), length)?;
        for column in group.columns() {
            let start = column.dictionary_page_offset().unwrap_or(column.data_page_offset());
            let end = start.checked_add(column.compressed_size());
            let fits = start >= 0 && column.compressed_size() >= 0 && end.is_some_and(|end| end as u64 <= length);
            if !fits || column.uncompressed_size() < 0 || column.num_values() < 0 {
                return Err(damaged("Parquet", "a column lies outside of the file"));
            }
            if column.uncompressed_size() > MOST_CHUNK_BYTES {
                let detail = format!("a row group takes more than {MOST_CHUNK_BYTES} bytes: write smaller ones");
                return Err(DataError::too_large(detail).of(&column.column_path().string()));
            }
        }
    }
    Ok(())
}
