//! The ways to encode one column, each with what it was fitted to.

use serde::{Deserialize, Serialize};

use super::calendar::DatePart;
use super::scale::Scale;

/// How a column is encoded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "form", rename_all = "snake_case")]
pub enum Encoding {
    /// One scaled value; a missing one is the median.
    Numeric {
        /// Robust scale.
        scale: Scale,
        /// Smallest value of the training rows.
        min: f64,
        /// Largest value of the training rows.
        max: f64,
        /// Where bins end and the next begin, ascending: the number's bin is a code for a learned vector beside it. Empty where it
        /// has none.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        edges: Vec<f64>,
    },
    /// −1 for false, 1 for true, 0 for missing; then scaled.
    Boolean {
        /// Robust scale of −1 and 1.
        scale: Scale,
    },
    /// −1 for the first word, 1 for the second, 0 for any other; then scaled.
    Pair {
        /// The two words in order.
        values: [String; 2],
        /// Robust scale of −1 and 1.
        scale: Scale,
    },
    /// A column per word, then one for rare words if there are any; each 0 or 1, then scaled.
    OneHot {
        /// The words in order.
        values: Vec<String>,
        /// Words that share the last column.
        rare: Vec<String>,
        /// Robust scale of each column.
        scales: Vec<Scale>,
    },
    /// A code for a learned vector: 0 missing, 1 rare or never seen, then the words in order.
    Embedding {
        /// The words in order.
        values: Vec<String>,
        /// Words that share code 1.
        rare: Vec<String>,
    },
    /// Codes of a bag: of each word and pair of neighbouring words of a text that enough training rows have; 0 where a row has
    /// fewer.
    Text {
        /// Buckets of their hashes, ascending; the code of each is its place, counted from 1.
        buckets: Vec<u32>,
        /// Training rows that have each of them.
        counts: Vec<u32>,
        /// Codes of a row.
        width: usize,
    },
    /// Time since 1970 as a scaled number, then sine and cosine of the parts of the date that vary.
    Datetime {
        /// Robust scale of microseconds since 1970.
        scale: Scale,
        /// Smallest value of the training rows, in microseconds since 1970.
        min: i64,
        /// Largest value of the training rows.
        max: i64,
        /// Parts that vary among the training rows.
        parts: Vec<DatePart>,
    },
}
