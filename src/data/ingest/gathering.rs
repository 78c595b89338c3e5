//! What all pieces of a file show of its columns, together.

use std::collections::HashMap;

use crate::data::asked::AskedColumns;
use crate::data::error::DataError;
use crate::data::inference::{Evidence, Form, Kind};
use crate::data::limits::{MAX_NAMES_BYTES, is_sparse, long_names, too_many_columns};
use crate::data::missing_words::MissingWords;
use crate::data::pieces::{Columns, Survey};

/// The columns of some pieces.
#[derive(Default)]
pub(crate) struct Gathered {
    columns: HashMap<String, Seen>,
    names_bytes: usize,
    /// Cells that are there in the file.
    given: u64,
}

struct Seen {
    /// The piece that has the column first, and its position there.
    first: (usize, usize),
    evidence: Evidence,
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
                self.names_bytes += name.len();
                self.columns.insert(name, seen);
            }
        }
    }

    fn check(&self, most: usize) -> Result<(), DataError> {
        match self.columns.len() {
            columns if columns > most => Err(too_many_columns(columns, most)),
            _ if self.names_bytes > MAX_NAMES_BYTES => Err(long_names()),
            _ => Ok(()),
        }
    }

    /// Whether of `rows` rows so few cells are given that the table would be out of proportion to the file.
    pub fn is_sparse(&self, rows: u64) -> bool {
        is_sparse(rows.saturating_mul(self.columns.len() as u64), self.given)
    }

    /// Whether pieces must be looked at again, as numbers were read of which only the value is known, and others show that
    /// the way in which they are written matters.
    pub fn is_partial(&self) -> bool {
        let commas = self.has_decimal_commas();
        let mut evidence = self.columns.values().map(|seen| &seen.evidence);
        evidence.any(|evidence| evidence.numbers().unseen && (commas || evidence.numbers().example().is_some()))
    }

    /// Whether a column's numbers can be read with decimal commas alone.
    fn has_decimal_commas(&self) -> bool {
        let of_numbers = |seen: &Seen| seen.evidence.misfit(Kind::Number).is_none();
        self.columns.values().any(|seen| of_numbers(seen) && seen.evidence.numbers().has_decimal_commas())
    }

    /// The columns in the order of their first appearance, with what is asked of them.
    ///
    /// # Errors
    /// Something is asked for a column that does not exist, or none is left.
    pub fn into_columns(self, asked: &AskedColumns) -> Result<Columns, DataError> {
        if self.columns.is_empty() {
            return Err(DataError::malformed("there are no columns"));
        }
        if let Some(name) = asked.names().find(|name| !self.columns.contains_key(*name)) {
            return Err(DataError::unfit("something is asked for this column, which the data does not have").of(name));
        }
        let decimal_commas = self.has_decimal_commas();
        let mut sorted: Vec<_> = self.columns.into_iter().collect();
        sorted.sort_unstable_by_key(|(_, seen)| seen.first);
        let mut columns = Columns { decimal_commas, ..Columns::default() };
        for (name, seen) in sorted {
            let of_column = asked.column(&name).cloned();
            let skipped = asked.is_skipped(&name);
            let form = || seen.evidence.form(of_column.as_ref(), decimal_commas);
            columns.forms.push(if skipped { Form::Skipped } else { form() });
            columns.asked.push(of_column);
            columns.evidence.push(seen.evidence);
            columns.names.push(name);
        }
        columns.missing = MissingWords::of(&columns.names, asked)?;
        if columns.kept().is_empty() {
            return Err(DataError::unfit("all columns are skipped"));
        }
        Ok(columns)
    }
}
