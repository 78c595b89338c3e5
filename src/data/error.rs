//! What can be wrong with data.

use std::fmt;

use bytesize::ByteSize;

use crate::memory::Refused;
use crate::wording::Shown;

/// How data is wrong, which decides whose fault it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataErrorKind {
    /// It cannot be parsed.
    Malformed,
    /// It cannot be parsed as UTF-8, and nothing says that it is: it may be text of another encoding.
    NotUtf8,
    /// It can be parsed and cannot be used as asked.
    Unfit,
    /// It is more than the limits allow.
    TooLarge,
    /// It would take memory that others hold at the moment.
    Overloaded,
    /// The caller asked to stop.
    Stopped,
    /// It could not be read, or the result not be written.
    Io,
}

/// Why data was refused, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct DataError {
    /// How it is wrong.
    pub kind: DataErrorKind,
    /// The line of the file, counted from 1.
    pub line: Option<u64>,
    /// The column's name.
    pub column: Option<String>,
    /// What is wrong, and what would be right.
    pub detail: String,
}

impl DataError {
    fn new(kind: DataErrorKind, detail: impl Into<String>) -> Self {
        DataError { kind, line: None, column: None, detail: detail.into() }
    }

    /// Data that cannot be parsed.
    pub fn malformed(detail: impl Into<String>) -> Self {
        DataError::new(DataErrorKind::Malformed, detail)
    }

    /// Data that cannot be used as asked.
    pub fn unfit(detail: impl Into<String>) -> Self {
        DataError::new(DataErrorKind::Unfit, detail)
    }

    /// Data beyond a limit.
    pub fn too_large(detail: impl Into<String>) -> Self {
        DataError::new(DataErrorKind::TooLarge, detail)
    }

    /// Data that there is no memory for at the moment.
    pub fn overloaded() -> Self {
        DataError::new(DataErrorKind::Overloaded, "other requests hold the memory that this one needs: try again later")
    }

    /// What is stored of a data set cannot be held: at the moment, or never by a service with so little memory.
    pub fn no_room(refused: Refused) -> Self {
        match refused {
            Refused::Now => DataError::overloaded(),
            Refused::Never { limit } => {
                let limit = ByteSize::b(limit);
                let detail =
                    format!("what is known of its columns takes more than the {limit} of memory that requests have");
                DataError::new(DataErrorKind::Overloaded, detail + ": start the service with more --request-memory")
            }
        }
    }

    /// A reading that the caller stopped.
    pub fn stopped() -> Self {
        DataError::new(DataErrorKind::Stopped, "the reading was stopped")
    }

    /// A source that cannot be read, or a sink that cannot be written.
    pub fn io(error: impl fmt::Display) -> Self {
        DataError::new(DataErrorKind::Io, error.to_string())
    }

    /// The same at a line.
    pub fn at(mut self, line: u64) -> Self {
        self.line = Some(line);
        self
    }

    /// The same in a row, counted from 1, which the message begins with.
    pub fn in_row(self, row: u64) -> Self {
        DataError { detail: format!("row {row}: {}", self.detail), ..self }
    }

    /// The same in a column.
    pub fn of(mut self, column: &str) -> Self {
        self.column = Some(column.to_owned());
        self
    }
}

impl fmt::Display for DataError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match (self.line, &self.column) {
            (Some(line), Some(column)) => write!(f, "line {line}, column {}: {}", Shown(column), self.detail),
            (Some(line), None) => write!(f, "line {line}: {}", self.detail),
            (None, Some(column)) => write!(f, "column {}: {}", Shown(column), self.detail),
            (None, None) => f.write_str(&self.detail),
        }
    }
}
