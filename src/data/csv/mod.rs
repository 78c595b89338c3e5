//! CSV: its grammar, its header, whole files in pieces, and bodies some rows at a time.

mod blanks;
mod cells;
mod dialect;
mod ends;
pub(super) mod guess;
mod head;
mod options;
pub(super) mod pieces;
mod rows;
mod scan;
mod title;

pub use options::{CsvOptions, Header};
pub use rows::{CsvRows, TextRows};
