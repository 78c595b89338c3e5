//! JSON: files of objects in pieces, bodies of records, and rows of plain numbers.

pub mod cell;
mod cells;
mod line_rows;
mod names;
mod objects;
pub(super) mod pieces;
pub mod records;
pub mod rows;
mod weights;

pub use cell::Cell;
pub use cells::Cells;
pub use line_rows::LineRows;
pub use names::{ColumnNames, column_names};
pub use records::Records;
pub use rows::{Rows, RowsError, RowsOrNames};
pub use weights::GivenWeights;
