//! What all pieces of a file show of its columns, together.

use std::collections::{BTreeMap, HashMap};

use super::column::ColumnType;
use super::error::DataError;
use super::inference::{Evidence, Form, words_type};
use super::ingest::Survey;
use super::records::is_sparse;
use super::statistics::ColumnStatistics;

/// The columns of some pieces.
#[derive(Default)]
pub(crate) struct Gathered {
    columns: HashMap<String, Seen>,
    /// Cells that are there in the file.
    given: u64,
}

struct Seen {
    /// The piece that has the column first, and its position there.
    first: (usize, usize),
    evidence: Evidence,
}

/// What the columns are.
#[derive(Default)]
pub(crate) struct Columns {
    pub names: Vec<String>,
    pub evidence: Vec<Evidence>,
    /// The types that were asked for.
    pub asked: Vec<Option<ColumnType>>,
    pub forms: Vec<Form>,
}

impl Gathered {
    /// Adds what the piece of a number shows.
    ///
    /// # Errors
    /// There are more than `most` columns.
    pub fn add(&mut self, piece: usize, survey: Survey, most: usize) -> Result<(), DataError> {
        self.given += survey.given;
        let columns = survey.names.into_iter().zip(survey.evidence).enumerate();
        columns.for_each(|(at, (name, evidence))| self.add_column(name, Seen { first: (piece, at), evidence }));
        self.check(most)
    }

    /// Adds what other pieces show.
    ///
    /// # Errors
    /// There are more than `most` columns.
    pub fn merge(&mut self, other: Gathered, most: usize) -> Result<(), DataError> {
        self.given += other.given;
        other.columns.into_iter().for_each(|(name, seen)| self.add_column(name, seen));
        self.check(most)
    }

    fn add_column(&mut self, name: String, seen: Seen) {
        match self.columns.get_mut(&name) {
            Some(known) => {
                known.first = known.first.min(seen.first);
                known.evidence.merge(&seen.evidence);
            }
            None => {
                self.columns.insert(name, seen);
            }
        }
    }

    fn check(&self, most: usize) -> Result<(), DataError> {
        if self.columns.len() > most { Err(too_many_columns(self.columns.len(), most)) } else { Ok(()) }
    }

    /// Whether of `rows` rows so few cells are given that the table would be out of proportion to the file.
    pub fn is_sparse(&self, rows: u64) -> bool {
        is_sparse(rows.saturating_mul(self.columns.len() as u64), self.given)
    }

    /// The columns in the order of their first appearance, with the types that are asked for.
    ///
    /// # Errors
    /// A type is asked for a column that does not exist.
    pub fn into_columns(self, types: &BTreeMap<String, ColumnType>) -> Result<Columns, DataError> {
        if self.columns.is_empty() {
            return Err(DataError::malformed("there are no columns"));
        }
        if let Some(name) = types.keys().find(|name| !self.columns.contains_key(*name)) {
            return Err(DataError::unfit("a type is given for this column, which the data does not have").of(name));
        }
        let mut sorted: Vec<_> = self.columns.into_iter().collect();
        sorted.sort_unstable_by_key(|(_, seen)| seen.first);
        let mut columns = Columns::default();
        for (name, seen) in sorted {
            let asked = types.get(&name).copied();
            columns.forms.push(form(asked, &seen.evidence));
            columns.asked.push(asked);
            columns.evidence.push(seen.evidence);
            columns.names.push(name);
        }
        Ok(columns)
    }
}

fn form(asked: Option<ColumnType>, evidence: &Evidence) -> Form {
    asked.map_or_else(|| evidence.form(), |kind| evidence.form_as(kind))
}

impl Columns {
    /// Whether the columns keep their forms if further cells show this, column by column.
    pub fn fit(&self, further: &[Evidence]) -> bool {
        let columns = self.asked.iter().zip(&self.evidence).zip(further).zip(&self.forms);
        columns.into_iter().all(|(((asked, evidence), further), expected)| {
            let mut all = evidence.clone();
            all.merge(further);
            form(*asked, &all) == *expected
        })
    }

    /// Which columns are read as numbers.
    pub fn are_numbers(&self) -> Vec<bool> {
        self.forms.iter().map(|form| *form == Form::Number).collect()
    }

    /// The type of the column at an index, whose values have these statistics.
    pub fn kind(&self, at: usize, statistics: &ColumnStatistics) -> ColumnType {
        self.asked[at].unwrap_or_else(|| match self.forms[at] {
            Form::Number => ColumnType::Numeric,
            Form::Boolean => ColumnType::Boolean,
            Form::Datetime(_) => ColumnType::Datetime,
            Form::Words => words_type(statistics.values(), statistics.distinct(), statistics.word_bytes()),
        })
    }

    /// The error of a cell that is not of its column's form.
    pub fn misfit(&self, at: usize, got: &str) -> DataError {
        let expected = match self.forms[at] {
            Form::Number => "a number",
            Form::Boolean => "true or false",
            Form::Datetime(_) => "a date, or not one written like the others",
            Form::Words => "a text",
        };
        let got: String = got.chars().take(60).collect();
        let kind = self.asked[at].map_or("column", ColumnType::word);
        DataError::unfit(format!("{got:?} is not {expected}; the type {kind} does not fit")).of(&self.names[at])
    }
}

/// There are more columns than allowed.
pub(crate) fn too_many_columns(columns: usize, most: usize) -> DataError {
    DataError::too_large(format!("there are {columns} columns; at most {most} are allowed"))
}
