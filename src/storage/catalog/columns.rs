//! Values of a row as the catalog keeps them: identifiers and times as text, counts as signed numbers.

use std::str::FromStr;

use sqlx::Row;
use sqlx::any::AnyRow;
use uuid::Uuid;

use crate::storage::StorageError;

/// What a row holds under a name, as a value that is kept as text.
pub(super) fn parsed<T: FromStr<Err: std::fmt::Display>>(row: &AnyRow, column: &str) -> Result<T, StorageError> {
    let text: &str = row.try_get(column)?;
    text.parse().map_err(|error| StorageError::damaged(format!("{column} {text:?}"), error))
}

/// The same, where there may be none.
pub(super) fn parsed_or_null<T: FromStr<Err: std::fmt::Display>>(
    row: &AnyRow,
    column: &str,
) -> Result<Option<T>, StorageError> {
    let text: Option<String> = row.try_get(column)?;
    let parse = |text: String| text.parse().map_err(|error| StorageError::damaged(format!("{column} {text:?}"), error));
    text.map(parse).transpose()
}

/// A count or a number, which is never negative.
pub(super) fn counted(row: &AnyRow, column: &str) -> Result<u64, StorageError> {
    let number: i64 = row.try_get(column)?;
    u64::try_from(number).map_err(|error| StorageError::damaged(format!("{column} {number}"), error))
}

/// The text of an identifier, or one behind all of them.
pub(super) fn before(id: Option<Uuid>) -> String {
    id.map_or_else(|| "g".to_owned(), |id| id.to_string())
}
