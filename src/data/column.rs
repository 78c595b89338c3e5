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

    /// Gives those of the rows `later` whose word none of the rows `earlier` has a word in common that no row had: what they are to
    /// somebody who knows the earlier ones alone.
    pub fn hide_new(&mut self, earlier: &[usize], later: &[usize]) {
        let mut is_known = vec![false; self.words.len()];
        for row in earlier {
            if let Some(known) = is_known.get_mut(self.codes[*row] as usize) {
                *known = true;
            }
        }
        let mut hidden = None;
        for row in later {
            let code = &mut self.codes[*row];
            if is_known.get(*code as usize) == Some(&false) {
                let words = &mut self.words;
                *code = *hidden.get_or_insert_with(|| {
                    // Longer than any of them.
                    words.push("?".repeat(1 + words.iter().map(String::len).max().unwrap_or(0)));
                    words.len() as u32 - 1
                });
            }
        }
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_came_up_later_are_hidden() {
        let words = ["a", "b", "longest"].map(str::to_owned).to_vec();
        let mut column = Words { codes: vec![0, 1, Words::MISSING, 1, 2, 2, Words::MISSING, 0], words };
        column.hide_new(&[0, 1, 2], &[3, 4, 5, 6, 7]);
        let of_rows: Vec<Option<&str>> = (0..8).map(|row| column.of_row(row)).collect();
        let hidden = Some("????????");
        assert_eq!(of_rows, [Some("a"), Some("b"), None, Some("b"), hidden, hidden, None, Some("a")]);
    }
}
