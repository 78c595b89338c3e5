//! What is known of a table: types, statistics and findings.

mod codes;
pub(super) mod distinct;
pub(super) mod duplicates;
pub mod findings;
pub(super) mod header;
mod moments;
mod mostly;
mod reading;
pub(super) mod statistics;
pub(super) mod studied;
mod table;
mod top;
mod total_row;

pub use distinct::EXACT_DISTINCT;
pub use reading::READ_AS_WORDS;
pub use table::{Bound, ColumnProfile, Finding, Frequent, IDENTIFIER_COLUMN, TableProfile, WordBytes};
