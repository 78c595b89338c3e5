//! Why columns cannot be encoded.

/// Why an encoder cannot be fitted, or a table not be encoded.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum EncodeError {
    /// The table lacks a column.
    #[error("the data has no column {0:?}, which the model needs")]
    NoColumn(String),
    /// No column is left to learn from.
    #[error("no column is left to learn from: {0}")]
    NoFeatures(String),
    /// The target cannot be learned.
    #[error("the target {name:?} {reason}")]
    Target {
        /// The column.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A row has a class that the model does not have.
    #[error("the target {name:?} has the class {class:?} in row {row}, which the model does not have")]
    Class {
        /// Counted from 0.
        row: usize,
        /// The column.
        name: String,
        /// The class.
        class: String,
    },
    /// A value is not of the column's type.
    #[error("row {row} of column {column:?}: {expected} is expected, got {got}")]
    Value {
        /// Counted from 0.
        row: usize,
        /// The column.
        column: String,
        /// What would be right.
        expected: &'static str,
        /// What there is.
        got: String,
    },
}

impl EncodeError {
    /// The same where `rows` rows stand before the table.
    pub fn after(mut self, rows: usize) -> Self {
        if let EncodeError::Class { row, .. } | EncodeError::Value { row, .. } = &mut self {
            *row += rows;
        }
        self
    }
}
