//! What is answered to some rows of a request: predictions, and errors in place of those that have none.

use std::collections::BTreeMap;
use std::fmt;

use crate::data::column::Table;
use crate::data::encoder::{EncodeError, from_nothing};
use crate::data::json::Cell;
use crate::data::passed::Passed;
use crate::models::prediction::Predictions;
use crate::wording::Shown;

/// What is answered to some rows.
#[derive(Clone, Debug)]
pub struct AnsweredRows {
    /// Of the rows that could be read.
    pub predictions: Predictions,
    /// The others.
    pub failures: Failures,
    /// Columns that the reply repeats, of all rows.
    pub passed: Vec<Passed>,
    /// Of each prediction that is explained what was sent in the columns of its explanation.
    pub explained: Vec<Vec<Cell>>,
}

/// Rows that could not be read, each with the first reason, counted from 0.
#[derive(Clone, Debug, Default)]
pub struct Failures(BTreeMap<usize, Failure>);

/// Why a row could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The column of the cell; none if the row has no cell that the model looks at.
    pub column: Option<String>,
    /// What was expected, and what there is.
    pub detail: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match &self.column {
            Some(column) => write!(f, "column {}: {}", Shown(column), self.detail),
            None => f.write_str(&self.detail),
        }
    }
}

impl AnsweredRows {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.predictions.rows + self.failures.0.len()
    }

    /// For each row which of the predictions is its own, or why it has none.
    pub fn each(&self) -> impl Iterator<Item = Result<usize, &Failure>> + Clone {
        let mut next = 0;
        (0..self.rows()).map(move |row| match self.failures.0.get(&row) {
            Some(failure) => Err(failure),
            None => {
                next += 1;
                Ok(next - 1)
            }
        })
    }

    /// Memory that they take, about.
    pub fn bytes(&self) -> usize {
        let passed = self.passed.iter().map(Passed::bytes).sum::<usize>();
        let explained = self.explained.iter().map(|cells| size_of_val(cells.as_slice())).sum::<usize>();
        self.predictions.bytes() + self.failures.bytes() + passed + explained
    }
}

impl Failures {
    /// Notes why a row cannot be read.
    ///
    /// # Errors
    /// An error that is not of a row.
    pub fn note(&mut self, error: EncodeError) -> Result<(), EncodeError> {
        let (row, failure) = match error {
            EncodeError::Value { row, column, expected, got } => {
                (row, Failure { column: Some(column), detail: format!("{expected} is expected, got {got}") })
            }
            EncodeError::Nothing { row, columns } => {
                (row, Failure { column: None, detail: format!("the row {}", from_nothing(&columns)) })
            }
            error => return Err(error),
        };
        self.0.entry(row).or_insert(failure);
        Ok(())
    }

    /// How many.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The rows of `table` that could be read.
    pub fn others(&self, table: Table) -> Table {
        if self.0.is_empty() {
            return table;
        }
        let others: Vec<usize> = (0..table.rows).filter(|row| !self.0.contains_key(row)).collect();
        table.select(&others)
    }

    fn bytes(&self) -> usize {
        let of_row = |failure: &Failure| {
            size_of::<(usize, Failure)>() + failure.detail.len() + failure.column.as_ref().map_or(0, String::len)
        };
        self.0.values().map(of_row).sum()
    }
}
