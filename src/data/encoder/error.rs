//! Why columns cannot be encoded.

use std::borrow::Cow;
use std::fmt;

use crate::wording::Shown;

/// Why an encoder cannot be fitted, or a table not be encoded.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum EncodeError {
    /// The table lacks a column.
    #[error("the data has no column {}, which the model needs", Shown(.0))]
    NoColumn(String),
    /// No column is left to learn from.
    #[error("no column is left to learn from: {0}")]
    NoFeatures(String),
    /// The target cannot be learned.
    #[error("the target {} {reason}", Shown(name))]
    Target {
        /// The column.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// What is to be kept of its columns is too long for a version's file.
    #[error(
        "the names and words of its columns take {bytes} bytes in a version's file, which has room for {most}: leave columns with \
         many long words out (`features`), or shorten their words"
    )]
    TooManyWords {
        /// So many, as the file has them.
        bytes: u64,
        /// As many as fit.
        most: u64,
    },
    /// Rows cannot be held out as asked.
    #[error("rows cannot be held out by {by}: {reason}")]
    Split {
        /// By what: `column "x"`, say.
        by: String,
        /// Why not, and what to do.
        reason: String,
    },
    /// A row has a class that the model does not have.
    #[error("the target {} has the class {} in row {}, which the model does not have", Shown(name), Shown(class), row + 1)]
    Class {
        /// Counted from 0; the message counts from 1, as all messages do.
        row: usize,
        /// The column.
        name: String,
        /// The class.
        class: String,
    },
    /// A row has no value that the model looks at, not even an empty one.
    #[error("row {} {}", row + 1, from_nothing(columns))]
    Nothing {
        /// Counted from 0; the message counts from 1, as all messages do.
        row: usize,
        /// What it could have.
        columns: String,
    },
    /// A value is not of the column's type.
    #[error("row {} of column {}: {expected} is expected, got {got}", row + 1, Shown(column))]
    Value {
        /// Counted from 0; the message counts from 1, as all messages do.
        row: usize,
        /// The column.
        column: String,
        /// What would be right.
        expected: Cow<'static, str>,
        /// What there is.
        got: String,
    },
}

/// What becomes of a cell that is none of its column: an error ends the reading; else the cell is read as missing, and the
/// reading goes on.
pub type OnMisfit<'a> = &'a mut dyn FnMut(EncodeError) -> Result<(), EncodeError>;

/// What is wrong with data that have none of the columns of which `columns` names some, as a clause: "the data …".
pub fn from_nothing(columns: &str) -> String {
    format!(
        "has none of the columns that the model predicts from, and a prediction from nothing is none: send some of {columns}"
    )
}

impl EncodeError {
    /// What is wrong with a row that stands at `place`, such as `line 3`; nothing if the error is not of a row.
    pub fn of_row(&self, place: impl fmt::Display) -> Option<String> {
        match self {
            EncodeError::Value { column, expected, got, .. } => {
                Some(format!("{place}, column {}: {expected} is expected, got {got}", Shown(column)))
            }
            EncodeError::Nothing { columns, .. } => Some(format!("{place} {}", from_nothing(columns))),
            _ => None,
        }
    }

    /// For [`OnMisfit`]: the reading ends at the first cell that is none of its column.
    ///
    /// # Errors
    /// The same.
    pub fn refuse(self) -> Result<(), EncodeError> {
        Err(self)
    }

    /// The same where `rows` rows stand before the table.
    pub fn after(mut self, rows: usize) -> Self {
        match &mut self {
            EncodeError::Class { row, .. } | EncodeError::Value { row, .. } | EncodeError::Nothing { row, .. } => {
                *row += rows;
            }
            _ => {}
        }
        self
    }
}
