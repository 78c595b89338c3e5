//! A data file becomes a table: types from all rows, the stored form, the profile.
//!
//! The source is read twice: once to see what each column is, once to write it. A CSV file is written in its first reading
//! as its first piece suggests and read again only if a later cell says otherwise. In each reading several
//! threads take pieces of the source in turn, so that memory holds a few pieces and one row group, however large the source
//! is.

mod appended;
mod earlier;
mod format;
mod gathering;
mod output;
mod row_group;
mod run;
mod standing;

pub use super::limits::IngestLimits;
pub use super::source::Growing;
pub use format::{Declared, Format, check_sheet, ingest, ingest_appended};
pub use output::Output;

#[cfg(test)]
mod appended_tests;
#[cfg(test)]
mod binary_tests;
#[cfg(test)]
mod bounds_tests;
#[cfg(test)]
mod contradiction_tests;
#[cfg(test)]
mod excel_tests;
#[cfg(test)]
mod foreign_tests;
#[cfg(test)]
mod foreign_text_tests;
#[cfg(test)]
mod messy_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod told_tests;
#[cfg(test)]
mod written_tests;
