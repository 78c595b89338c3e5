//! The stored form of a table: a Parquet file with one column for each of the table.
//!
//! Numbers are DOUBLE, dates are timestamps in microseconds UTC, words are strings; missing values are null. The
//! file's metadata has `epochd`: `{"format":1}`.

mod blocks;
mod preview;
mod read;
mod write;

pub(super) use blocks::{METADATA_BYTES, StoredBlocks};
pub use preview::{preview, preview_bytes};
pub use read::{PAGE_ROWS, batch_rows, distinct_bytes, distinct_values, for_each_batch};
pub use read::{read_columns, read_columns_unless};
pub(super) use write::{Columnar, StoredWriter, packs};
pub use write::{METADATA, METADATA_KEY};
