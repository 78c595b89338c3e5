//! A column with all that is known of it, before anything is said about it.

use super::statistics::ColumnStatistics;
use super::table::{ColumnProfile, Finding};
use crate::data::inference::Evidence;

/// A column with all that is known of it.
pub(crate) struct Studied<'a> {
    pub profile: &'a ColumnProfile,
    pub statistics: &'a ColumnStatistics,
    pub evidence: &'a Evidence,
    /// Whether its type was not asked for, but found.
    pub inferred: bool,
    /// Whether somebody has said how its cells are written.
    pub has_asked_format: bool,
    /// What `Evidence` calls a place.
    pub place: &'static str,
}

impl Studied<'_> {
    /// A finding about the column.
    pub fn finding(&self, code: &str, message: String) -> Finding {
        Finding { code: code.to_owned(), message, column: Some(self.profile.name.clone()) }
    }
}
