//! What is known of columns before an encoder is fitted, and why columns are left out of it.

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};

use crate::data::column::ColumnType;
use crate::data::profile::{ColumnProfile, TableProfile};
use crate::data::values::Writing;

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
        let hopeless = |column: &&ColumnProfile| column.kind == ColumnType::Text || column.missing == profile.rows;
        let numbers = |column: &&ColumnProfile| identifiers.contains(column.name.as_str());
        let spared = chosen || columns().all(|column| hopeless(&column) || numbers(&column));
        let left_out = columns().filter_map(|column| {
            let reason = match column.kind {
                ColumnType::Text => Reason::Text,
                _ if !spared && numbers(&column) => Reason::Identifier,
                _ => return None,
            };
            Some(LeftOut { name: column.name.clone(), kind: column.kind, reason })
        });
        let writings = profile.columns.iter().map(|column| (column.name.clone(), column.writing()));
        let writings = writings.filter(|(_, writing)| !writing.is_plain());
        Known { left_out: left_out.collect(), writings: writings.collect() }
    }
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
    /// Its words are names, identifiers or sentences.
    Text,
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
            Reason::Identifier => "identifier_column",
            Reason::Rare => "rare_words",
        }
    }

    /// What to do about it.
    pub fn advice(self) -> &'static str {
        match self {
            Reason::Constant => "Nothing is lost by that.",
            Reason::Missing => "Fill it where it matters.",
            Reason::Text => "What matters in it can be given as columns of numbers or of a few words.",
            Reason::Identifier => "If it says something about new rows, name it in `features`.",
            Reason::Rare => "Put its words into groups, if that has a meaning.",
        }
    }

    /// The reason as a clause: "column x …".
    pub fn clause(self) -> &'static str {
        match self {
            Reason::Constant => "has the same value in every training row",
            Reason::Missing => "has no value in any training row",
            Reason::Text => "holds text or identifiers, from which this release does not learn",
            Reason::Identifier => "has another value in almost every row",
            Reason::Rare => "has only words that occur once or twice",
        }
    }
}
