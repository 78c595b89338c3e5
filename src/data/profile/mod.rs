//! What is known of a table: types, statistics and findings.

pub(super) mod distinct;
pub(super) mod duplicates;
pub mod findings;
pub(super) mod header;
mod moments;
pub(super) mod statistics;
mod table;
mod written_numbers;

pub use distinct::EXACT_DISTINCT;
pub use table::{Bound, ColumnProfile, Finding, Frequent, IDENTIFIER_COLUMN, TableProfile, WordBytes};
