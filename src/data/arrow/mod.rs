//! Arrow: batches of typed arrays, from an Arrow stream or a Parquet file.

mod cells;
pub(super) mod pieces;
mod rows;

pub use rows::{ArrowBatch, ArrowColumns, ArrowRows};
