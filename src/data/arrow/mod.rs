//! Arrow: batches of typed arrays, from an Arrow stream or file or a Parquet file.

mod cells;
mod claims;
mod compact;
mod content;
mod damage;
mod encodings;
mod footer;
mod int96;
mod messages;
mod pages;
pub(super) mod pieces;
mod rows;
mod schema;
mod stream;

pub(super) use cells::Cells;
pub use cells::cells_of;
pub use damage::is_guarded;
pub use rows::{ArrowBatch, ArrowColumns, ArrowRows};
pub use schema::UNUSABLE_COLUMN;
