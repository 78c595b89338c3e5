//! What is known of columns before an encoder is fitted, and why columns are left out of it.

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};

use crate::data::column::ColumnType;
use crate::data::profile::{ColumnProfile, TableProfile};
use crate::data::values::Writing;

/// Columns of text that are learned from, at most.
pub const MAX_TEXTS: usize = 16;
/// Memory that all columns of text may take when they are read, in bytes: about 100 MB of text.
const MAX_TEXT_BYTES: u64 = 256 << 20;

/// What is known of columns before their values are looked at.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Columns that are left out whatever their values: they need not be in the table.
    pub left_out: Vec<LeftOut>,
    /// How the cells of columns are written, where it is not as a program writes them.
    pub writings: BTreeMap<String, Writing>,
}

impl Known {
    /// What the profile of a data set tells of the columns named. Those that number the rows are left out unless they were
    /// `chosen`, or nothing else would be left: they may be a time or a place.
    pub fn of(profile: &TableProfile, features: &[String], chosen: bool) -> Self {
        let features: HashSet<&str> = features.iter().map(String::as_str).collect();
        let identifiers = profile.identifiers();
        let columns = || profile.columns.iter().filter(|column| features.contains(column.name.as_str()));
        let long = long_texts(columns());
        let hopeless = |column: &&ColumnProfile| long.contains(column.name.as_str()) || column.missing == profile.rows;
        let numbers = |column: &&ColumnProfile| identifiers.contains(column.name.as_str());
        let spared = chosen || columns().all(|column| hopeless(&column) || numbers(&column));
        let left_out = columns().filter_map(|column| {
            let reason = match () {
                () if long.contains(column.name.as_str()) => Reason::LongText,
                () if !spared && numbers(&column) => Reason::Identifier,
                () => return None,
            };
            Some(LeftOut { name: column.name.clone(), kind: column.kind, reason })
        });
        let writings = profile.columns.iter().map(|column| (column.name.clone(), column.writing()));
        let writings = writings.filter(|(_, writing)| !writing.is_plain());
        Known { left_out: left_out.collect(), writings: writings.collect() }
    }
}

/// The columns of text that are not read, so that what a training takes of them is bounded: the first are, as many of them as take
/// no more than [`MAX_TEXT_BYTES`] in memory together.
fn long_texts<'a>(columns: impl Iterator<Item = &'a ColumnProfile>) -> HashSet<&'a str> {
    let (mut count, mut bytes) = (0, 0_u64);
    let is_long = |column: &&ColumnProfile| {
        let all = bytes.saturating_add(column.dictionary_bytes());
        let is_long = count == MAX_TEXTS || all > MAX_TEXT_BYTES;
        if !is_long {
            (count, bytes) = (count + 1, all);
        }
        is_long
    };
    let texts = columns.filter(|column| column.kind == ColumnType::Text);
    texts.filter(is_long).map(|column| column.name.as_str()).collect()
}

/// A column that is not learned from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// As the data names it.
    pub name: String,
    /// What its values are.
    #[serde(rename = "type")]
    pub kind: ColumnType,
    /// Why it is left out.
    pub reason: Reason,
}

/// Why a column is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// It has one value in all training rows.
    Constant,
    /// It has none.
    Missing,
    /// It holds text: of versions of releases that did not learn from text.
    Text,
    /// It holds more text than is learned from.
    LongText,
    /// It holds text, and hardly a row has a word that others have too.
    Unshared,
    /// It has another value in almost every row.
    Identifier,
    /// Each of its words is too rare to learn from.
    Rare,
}

impl Reason {
    /// The code of the finding that tells of it.
    pub fn code(self) -> &'static str {
        match self {
            Reason::Constant => "constant_column",
            Reason::Missing => "mostly_missing",
            Reason::Text => "text_column",
            Reason::LongText => "long_text",
            Reason::Unshared => "unshared_words",
            Reason::Identifier => "identifier_column",
            Reason::Rare => "rare_words",
        }
    }

    /// What to do about it.
    pub fn advice(self) -> &'static str {
        match self {
            Reason::Constant => "Nothing is lost by that.",
            Reason::Missing => "Fill it where it matters.",
            Reason::Text => "Train the model again, and words are learned from.",
            Reason::LongText => "Shorten it, or leave out columns of text that stand before it.",
            Reason::Unshared => "What matters in it can be given as columns of numbers or of a few words.",
            Reason::Identifier => "If it says something about new rows, name it in `features`.",
            Reason::Rare => "Put its words into groups, if that has a meaning.",
        }
    }

    /// The reason as a clause: "column x …".
    pub fn clause(self) -> &'static str {
        match self {
            Reason::Constant => "has the same value in every training row",
            Reason::Missing => "has no value in any training row",
            Reason::Text => "holds text, from which the release that trained this version did not learn",
            Reason::LongText => "holds more text than is learned from",
            Reason::Unshared => "holds identifiers, or text whose words few rows share",
            Reason::Identifier => "has another value in almost every row",
            Reason::Rare => "has only words that occur once or twice",
        }
    }
}
