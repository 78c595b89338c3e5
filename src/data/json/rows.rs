//! Rows of numbers as they stand in JSON, read straight into one flat buffer.

use std::fmt;

use ndarray::Array2;
use serde::de::{DeserializeSeed, Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::records::MAX_COLUMNS;
use crate::data::limits::{MAX_NAME_CHARACTERS, check_column_name};
use crate::memory::made;
use crate::strict::Name;

/// Room is made for so many values at first.
const LEAST_VALUES: usize = 64;

/// `[[1,2],[3,4]]` or one row `[1,2]`. Every value is a finite f32.
#[derive(Clone, Debug, PartialEq)]
pub enum Rows {
    /// A list of numbers: one row, or a column, as the reader of it decides.
    Flat(Vec<f32>),
    /// A list of rows.
    List(RowList),
}

impl Default for Rows {
    fn default() -> Self {
        Rows::Flat(Vec::new())
    }
}

/// Rows of equal width, or the news that they are not.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RowList {
    values: Vec<f32>,
    rows: usize,
    width: usize,
    /// The first row that is not as wide as row 0, with its width.
    ragged: Option<(usize, usize)>,
}

/// Rows that do not have the width they should have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RowsError {
    /// There are none.
    #[error("there are no rows: send at least one")]
    Empty,
    /// A row is too narrow or too wide.
    #[error("row {} has {got} values; {expected} are expected", row + 1)]
    Width {
        /// Counted from 0.
        row: usize,
        /// Its values.
        got: usize,
        /// What would be right.
        expected: usize,
    },
}

impl Rows {
    /// Rows of `width` values each, one after the other.
    ///
    /// # Panics
    /// If `values` are no whole number of rows.
    pub fn of_flat(values: Vec<f32>, width: usize) -> Self {
        assert_eq!(values.len() % width, 0, "a whole number of rows");
        Rows::List(RowList { rows: values.len() / width, width, values, ragged: None })
    }

    /// The rows as a matrix of `width` columns; a flat list is one row.
    ///
    /// # Errors
    /// The first row of another width, or that there are none.
    pub fn into_matrix(self, width: usize) -> Result<Array2<f32>, RowsError> {
        match self {
            Rows::Flat(values) if values.is_empty() => Err(RowsError::Empty),
            Rows::Flat(values) => RowList { rows: 1, width: values.len(), values, ragged: None }.into_matrix(width),
            Rows::List(table) => table.into_matrix(width),
        }
    }
}

impl RowList {
    /// Appends a value; room for it is charged where it has to be made.
    #[inline]
    fn push<E: Error>(&mut self, value: f32) -> Result<(), E> {
        if self.values.len() == self.values.capacity() {
            let more = self.values.capacity().max(LEAST_VALUES);
            made((more * size_of::<f32>()) as u64).map_err(|_| E::custom("there is no memory for so many numbers"))?;
            self.values.reserve_exact(more);
        }
        self.values.push(value);
        Ok(())
    }

    fn into_matrix(self, width: usize) -> Result<Array2<f32>, RowsError> {
        if self.rows == 0 {
            return Err(RowsError::Empty);
        }
        let wrong = if self.width != width { Some((0, self.width)) } else { self.ragged };
        if let Some((row, got)) = wrong {
            return Err(RowsError::Width { row, got, expected: width });
        }
        Ok(Array2::from_shape_vec((self.rows, width), self.values).expect("rows of equal width"))
    }
}

impl<'de> Deserialize<'de> for Rows {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(RowsVisitor)
    }
}

/// Rows of numbers, or a list of names.
#[derive(Clone, Debug, PartialEq)]
pub enum RowsOrNames {
    /// `[[1,2],[3,4]]` or `[1,2]`
    Rows(Rows),
    /// `["a","b"]`
    Names(Vec<String>),
}

impl<'de> Deserialize<'de> for RowsOrNames {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct RowsOrNamesVisitor;
        impl<'de> Visitor<'de> for RowsOrNamesVisitor {
            type Value = RowsOrNames;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a list of rows, or of names of columns")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<RowsOrNames, A::Error> {
                let mut table = RowList::default();
                let first = list.next_element_seed(EntryOrName(&mut table))?;
                let Some(First::Name(name)) = first else {
                    let row = matches!(first, Some(First::Row));
                    return rest(list, table, first.map(|_| row)).map(RowsOrNames::Rows);
                };
                check_column_name(&name).map_err(A::Error::custom)?;
                let mut names = vec![name];
                while let Some(Name::<MAX_NAME_CHARACTERS>(name)) = list.next_element()? {
                    if names.len() == MAX_COLUMNS {
                        return Err(A::Error::custom(format!("more than {MAX_COLUMNS} names of columns")));
                    }
                    names.push(name);
                }
                Ok(RowsOrNames::Names(names))
            }
        }
        deserializer.deserialize_seq(RowsOrNamesVisitor)
    }
}

/// What the first entry of a list was.
enum First {
    Row,
    Number,
    Name(String),
}

/// The first entry of a list of rows or names.
struct EntryOrName<'a>(&'a mut RowList);

impl EntryOrName<'_> {
    fn entry(&mut self) -> Entry<'_> {
        Entry { table: self.0, expects: Expects::Either }
    }
}

impl<'de> DeserializeSeed<'de> for EntryOrName<'_> {
    type Value = First;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<First, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for EntryOrName<'_> {
    type Value = First;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a row (a list of numbers), a number or a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<First, E> {
        Ok(First::Name(name.to_owned()))
    }

    fn visit_f64<E: Error>(mut self, value: f64) -> Result<First, E> {
        self.entry().visit_f64(value).map(|_| First::Number)
    }

    fn visit_u64<E: Error>(mut self, value: u64) -> Result<First, E> {
        self.entry().visit_u64(value).map(|_| First::Number)
    }

    fn visit_i64<E: Error>(mut self, value: i64) -> Result<First, E> {
        self.entry().visit_i64(value).map(|_| First::Number)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, row: A) -> Result<First, A::Error> {
        self.entry().visit_seq(row).map(|_| First::Row)
    }
}

struct RowsVisitor;

impl<'de> Visitor<'de> for RowsVisitor {
    type Value = Rows;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a list of rows, each a list of numbers")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Rows, A::Error> {
        let mut table = RowList::default();
        let first = list.next_element_seed(Entry { table: &mut table, expects: Expects::Either })?;
        rest(list, table, first)
    }
}

/// What follows the first entry of a list: entries like it. `row` says whether it was a row, if there is one.
fn rest<'de, A: SeqAccess<'de>>(mut list: A, mut table: RowList, row: Option<bool>) -> Result<Rows, A::Error> {
    let expects = match row {
        None => return Ok(Rows::List(table)),
        Some(true) => Expects::Row,
        Some(false) => Expects::Number,
    };
    while list.next_element_seed(Entry { table: &mut table, expects })?.is_some() {}
    Ok(if expects == Expects::Row { Rows::List(table) } else { Rows::Flat(table.values) })
}

#[derive(Clone, Copy, PartialEq)]
enum Expects {
    Either,
    Row,
    Number,
}

/// One entry of the outer list, appended to `table`; says whether it was a row.
struct Entry<'a> {
    table: &'a mut RowList,
    expects: Expects,
}

impl<'de> DeserializeSeed<'de> for Entry<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Entry<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self.expects {
            Expects::Either => "a row (a list of numbers) or a number",
            Expects::Row => "a row: a list of numbers",
            Expects::Number => "a number",
        })
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<bool, E> {
        if self.expects == Expects::Row {
            return Err(E::invalid_type(serde::de::Unexpected::Float(value), &self));
        }
        self.table.push(finite(value)?)?;
        Ok(false)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<bool, E> {
        self.visit_f64(value as f64)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<bool, E> {
        self.visit_f64(value as f64)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut row: A) -> Result<bool, A::Error> {
        if self.expects == Expects::Number {
            return Err(A::Error::invalid_type(serde::de::Unexpected::Seq, &self));
        }
        let table = self.table;
        let start = table.values.len();
        while let Some(Number(value)) = row.next_element()? {
            table.push(value)?;
        }
        let width = table.values.len() - start;
        if table.rows == 0 {
            table.width = width;
        } else if width != table.width && table.ragged.is_none() {
            table.ragged = Some((table.rows, width));
        }
        table.rows += 1;
        Ok(true)
    }
}

/// A finite f32.
struct Number(f32);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        f64::deserialize(deserializer).and_then(finite).map(Number)
    }
}

fn finite<E: Error>(value: f64) -> Result<f32, E> {
    let narrow = value as f32;
    if narrow.is_finite() { Ok(narrow) } else { Err(E::custom(format!("{value:e} is too large for a 32-bit float"))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix(json: &str, width: usize) -> Result<Array2<f32>, RowsError> {
        serde_json::from_str::<Rows>(json).expect("rows").into_matrix(width)
    }

    #[test]
    fn a_table_and_a_single_row_are_both_read() {
        assert_eq!(matrix("[[1,2.5],[-3,4e2]]", 2).unwrap(), ndarray::arr2(&[[1.0, 2.5], [-3.0, 400.0]]));
        assert_eq!(matrix("[1,2]", 2).unwrap(), ndarray::arr2(&[[1.0, 2.0]]));
    }

    #[test]
    fn the_first_row_of_another_width_is_named() {
        let wrong = |json| matrix(json, 2).unwrap_err();
        assert_eq!(wrong("[[1,2],[1,2,3],[1]]"), RowsError::Width { row: 1, got: 3, expected: 2 });
        assert_eq!(wrong("[[1,2,3],[1,2,3]]"), RowsError::Width { row: 0, got: 3, expected: 2 });
        assert_eq!(wrong("[1,2,3]"), RowsError::Width { row: 0, got: 3, expected: 2 });
        assert_eq!(wrong("[]"), RowsError::Empty);
    }

    #[test]
    fn what_is_not_a_finite_number_is_refused() {
        for json in ["[[1,\"2\"]]", "[[true]]", "[[null]]", "[[1e39]]", "[1,[2]]", "[[1],2]", "{}", "3", "[[[1]]]"] {
            assert!(serde_json::from_str::<Rows>(json).is_err(), "{json}");
        }
    }
}
