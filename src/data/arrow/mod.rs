//! Arrow: batches of typed arrays, from an Arrow stream or a Parquet file.

mod cells;
mod compact;
mod damage;
mod deltas;
mod footer;
mod pages;
pub(super) mod pieces;
mod rows;
mod stream;

pub use rows::{ArrowBatch, ArrowColumns, ArrowRows};
