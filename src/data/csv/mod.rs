//! CSV: its grammar, its header, whole files in pieces, and bodies some rows at a time.

mod dialect;
pub(super) mod pieces;
mod rows;
mod scan;

pub use rows::{CsvRows, TextRows};
