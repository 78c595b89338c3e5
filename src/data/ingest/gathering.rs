//! What all pieces of a file show of its columns, together.

use std::collections::{BTreeMap, HashMap};

use crate::data::column::ColumnType;
use crate::data::error::DataError;
use crate::data::inference::Evidence;
use crate::data::limits::{MAX_NAMES_BYTES, is_sparse, long_names, too_many_columns};
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
            columns.forms.push(seen.evidence.form_of(asked));
            columns.asked.push(asked);
            columns.evidence.push(seen.evidence);
            columns.names.push(name);
        }
        Ok(columns)
    }
}
