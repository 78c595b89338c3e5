//! Typed columns in memory.

use serde::{Deserialize, Serialize};

/// What the values of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnType {
    /// Numbers.
    Numeric,
    /// Words of which each stands for a group of rows.
    Categorical,
    /// True or false.
    Boolean,
    /// Dates, with a time of day or without.
    Datetime,
    /// Words that say something of their own in most rows: names, identifiers, sentences.
    Text,
}

impl ColumnType {
    /// The type's word, as on the wire.
    pub fn word(self) -> &'static str {
        match self {
            ColumnType::Numeric => "numeric",
            ColumnType::Categorical => "categorical",
            ColumnType::Boolean => "boolean",
            ColumnType::Datetime => "datetime",
            ColumnType::Text => "text",
        }
    }
}

/// The values of a column, one per row.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Finite numbers; NaN where one is missing.
    Numeric(Vec<f64>),
    /// True, false, or missing.
    Boolean(Vec<Option<bool>>),
    /// Microseconds since 1970-01-01 UTC, or missing.
    Datetime(Vec<Option<i64>>),
    /// Words, of a categorical or a text column.
    Words(Words),
}

impl Values {
    /// Number of rows.
    pub fn len(&self) -> usize {
        match self {
            Values::Numeric(values) => values.len(),
            Values::Boolean(values) => values.len(),
            Values::Datetime(values) => values.len(),
            Values::Words(words) => words.codes.len(),
        }
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Words by code.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Words {
    /// For each row the index of its word, or [`Words::MISSING`].
    pub codes: Vec<u32>,
    /// Each word once, in the order of first appearance.
    pub words: Vec<String>,
}

impl Words {
    /// The code of a value that is missing.
    pub const MISSING: u32 = u32::MAX;

    /// The word of a row, unless it is missing.
    pub fn of_row(&self, row: usize) -> Option<&str> {
        self.words.get(self.codes[row] as usize).map(String::as_str)
    }
}

/// A named column.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// As the data names it.
    pub name: String,
    /// What its values are.
    pub kind: ColumnType,
    /// Its values.
    pub values: Values,
}

/// Columns of equal length.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// The columns, in the order of the data.
    pub columns: Vec<Column>,
    /// Number of rows.
    pub rows: usize,
}

impl Table {
    /// Memory that the values take, in bytes.
    pub fn bytes(&self) -> usize {
        let of_column = |column: &Column| match &column.values {
            Values::Numeric(values) => size_of_val(values.as_slice()),
            Values::Boolean(values) => size_of_val(values.as_slice()),
            Values::Datetime(values) => size_of_val(values.as_slice()),
            Values::Words(Words { codes, words }) => {
                let bytes = words.iter().map(|word| word.capacity() + size_of::<String>()).sum::<usize>();
                size_of_val(codes.as_slice()) + bytes
            }
        };
        self.columns.iter().map(of_column).sum()
    }

    /// The column of a name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}
