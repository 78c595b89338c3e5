//! Names of columns, as settings list them.

use serde::{Deserialize, Deserializer};

use super::records::MAX_COLUMNS;
use crate::data::limits::MAX_NAME_CHARACTERS;
use crate::strict::names_of_at_most;

/// Reads a setting that may be left out: names of columns, not more than a table may have, and none longer than a
/// column's may be.
///
/// # Errors
/// It is none, more names, or a longer one.
pub fn column_names<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<String>>, D::Error> {
    names_of_at_most::<_, MAX_COLUMNS, MAX_NAME_CHARACTERS>(deserializer).map(Some)
}

/// Such a list where it is not left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnNames(pub Vec<String>);

impl<'de> Deserialize<'de> for ColumnNames {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        names_of_at_most::<_, MAX_COLUMNS, MAX_NAME_CHARACTERS>(deserializer).map(ColumnNames)
    }
}
