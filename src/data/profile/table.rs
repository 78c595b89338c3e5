//! What is known of a table as a whole: its columns with their statistics, and what is worth knowing before training.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use crate::data::column::ColumnType;
use crate::data::values::{CellFormat, DateOrder, Writing};
use crate::findings::Told;

/// The code of the finding that a column names rows and says nothing about them.
pub const IDENTIFIER_COLUMN: &str = "identifier_column";

/// A table's columns and findings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TableProfile {
    /// Number of rows.
    pub rows: u64,
    /// The columns, in the order of the data.
    pub columns: Vec<ColumnProfile>,
    /// What the table's owner should know.
    pub findings: Vec<Finding>,
}

/// A column's type and statistics.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ColumnProfile {
    /// As the data names it.
    pub name: String,
    /// What its values are.
    #[serde(rename = "type")]
    pub kind: ColumnType,
    /// Rows without a value.
    pub missing: u64,
    /// Different values: exact up to [`EXACT_DISTINCT`](super::EXACT_DISTINCT), an estimate beyond.
    pub distinct: u64,
    /// Smallest value of numbers and dates.
    pub min: Option<Bound>,
    /// Largest value of numbers and dates.
    pub max: Option<Bound>,
    /// Mean of numbers; share of true among booleans.
    pub mean: Option<f64>,
    /// Standard deviation of numbers over the rows that have one (n in the denominator).
    pub std: Option<f64>,
    /// Bytes of all words together, and of the longest one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub word_bytes: Option<WordBytes>,
    /// The most frequent values, most frequent first.
    pub top: Vec<Frequent>,
    /// How dates are written in the data, unless it is ISO 8601.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date_order: Option<DateOrder>,
    /// How the cells are written, if not as a program writes them.
    #[serde(default)]
    pub format: Option<CellFormat>,
    /// Words that mean that there is no value, beside those that always do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing_words: Vec<String>,
}

/// How long the words of a column are, in UTF-8.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WordBytes {
    /// Bytes of the words of all rows.
    pub total: u64,
    /// Bytes of the longest one.
    pub longest: u64,
}

/// An end of a column's range.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Bound {
    /// Of numbers.
    Number(f64),
    /// Of dates: RFC 3339.
    Time(String),
}

/// A value and how often it occurs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Frequent {
    /// As text.
    pub value: String,
    /// Rows that have it.
    pub count: u64,
}

/// Something about a table that its owner should know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// A stable word.
    pub code: String,
    /// What was found, and what to do about it.
    pub message: String,
    /// The column it is about, if it is about one.
    pub column: Option<String>,
}

impl Told for Finding {
    fn code(&self) -> &str {
        &self.code
    }

    fn message(&self) -> &str {
        &self.message
    }

    fn column(&self) -> Option<&str> {
        self.column.as_deref()
    }
}

impl Finding {
    /// About the file, not about one of its columns.
    pub fn of_file(code: &str, message: String) -> Self {
        Finding { code: code.to_owned(), message, column: None }
    }
}

impl ColumnProfile {
    /// How the column's cells are written.
    pub fn writing(&self) -> Writing {
        let (format, missing_words) = (self.format.clone(), self.missing_words.clone());
        Writing { date_order: self.date_order, format, missing_words }
    }

    /// Memory of the words of so many rows as the file has them and as they are handed on, in bytes, where their lengths are known.
    pub fn batch_word_bytes(&self, rows: usize) -> u64 {
        let of_rows = |words: WordBytes| words.total.min(words.longest.saturating_mul(rows as u64));
        self.word_bytes.map_or(0, of_rows).saturating_mul(2)
    }

    /// Memory of the column's different words at most, about: each is held once in the table and once to be found by.
    pub fn dictionary_bytes(&self) -> u64 {
        /// Of a word whose length is not known, and of what a word takes beside its bytes.
        const USUAL_BYTES: u64 = 32;
        let bytes = self.word_bytes.map_or(self.distinct.saturating_mul(USUAL_BYTES), |words| {
            words.total.min(self.distinct.saturating_mul(words.longest))
        });
        bytes.saturating_add(self.distinct.saturating_mul(USUAL_BYTES)).saturating_mul(2)
    }
}

impl TableProfile {
    /// The names of the columns, for those who look for many.
    pub fn names(&self) -> HashSet<&str> {
        self.columns.iter().map(|column| column.name.as_str()).collect()
    }

    /// The profiles by the names of their columns, for those who look for many.
    pub fn by_name(&self) -> HashMap<&str, &ColumnProfile> {
        self.columns.iter().map(|column| (column.name.as_str(), column)).collect()
    }

    /// The columns that number or name the rows.
    pub fn identifiers(&self) -> HashSet<&str> {
        let found = self.findings.iter().filter(|finding| finding.code == IDENTIFIER_COLUMN);
        found.filter_map(|finding| finding.column.as_deref()).collect()
    }

    /// The profile of a column; for those who look for one.
    pub fn column(&self, name: &str) -> Option<&ColumnProfile> {
        self.columns.iter().find(|column| column.name == name)
    }
}
