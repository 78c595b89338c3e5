//! From typed columns to the numbers that a network takes, and from classes and values to its targets.
//!
//! An encoder is fitted on training rows alone and stored inside its version: clients never scale anything. What it does
//! follows Holzmüller et al. 2024 ("Better by default"): numbers are scaled robustly and clipped smoothly, words become
//! one column each, or where they are many, codes of learned vectors; what is missing is a value of its own.

mod check;
pub mod feature;
mod numbers;
pub mod reading;
pub mod scale;
pub mod target;

use std::collections::{BTreeMap, HashSet};

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use super::column::{Column, ColumnType, Table};
use super::datetime::DateOrder;
use super::profile::{ColumnProfile, TableProfile};
use feature::{Feature, Place, Sighting};
pub use target::{MAX_CLASSES, Target, Task, classes};

/// The encoding of a table's columns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Encoder {
    /// The columns that are learned from, in the order of the network's input.
    pub features: Vec<Feature>,
    /// Columns that say nothing that can be learned.
    pub left_out: Vec<LeftOut>,
    /// What is predicted.
    pub target: Target,
}

/// What is known of columns before their values are looked at.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Columns that are left out whatever their values: they need not be in the table.
    pub left_out: Vec<LeftOut>,
    /// How dates that are no ISO 8601 are written, by column.
    pub date_orders: BTreeMap<String, DateOrder>,
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
        let orders = columns().filter_map(|column| Some((column.name.clone(), column.date_order?)));
        Known { left_out: left_out.collect(), date_orders: orders.collect() }
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

/// Why an encoder cannot be fitted, or a table not be encoded.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum EncodeError {
    /// The table lacks a column.
    #[error("the data has no column {0:?}, which the model needs")]
    NoColumn(String),
    /// No column is left to learn from.
    #[error("no column is left to learn from: {0}")]
    NoFeatures(String),
    /// The target cannot be learned.
    #[error("the target {name:?} {reason}")]
    Target {
        /// The column.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A row has a class that the model does not have.
    #[error("the target {name:?} has the class {class:?} in row {row}, which the model does not have")]
    Class {
        /// Counted from 0.
        row: usize,
        /// The column.
        name: String,
        /// The class.
        class: String,
    },
    /// A value is not of the column's type.
    #[error("row {row} of column {column:?}: {expected} is expected, got {got}")]
    Value {
        /// Counted from 0.
        row: usize,
        /// The column.
        column: String,
        /// What would be right.
        expected: &'static str,
        /// What there is.
        got: String,
    },
}

impl EncodeError {
    /// The same where `rows` rows stand before the table.
    pub fn after(mut self, rows: usize) -> Self {
        if let EncodeError::Class { row, .. } | EncodeError::Value { row, .. } = &mut self {
            *row += rows;
        }
        self
    }
}

/// An encoded table.
#[derive(Clone, Debug, PartialEq)]
pub struct Encoded {
    /// rows × [`Encoder::width`]
    pub inputs: Array2<f32>,
    /// The values that lie outside what training saw: row, feature and how; in no particular order.
    pub sightings: Vec<(usize, usize, Sighting)>,
}

impl Encoder {
    /// Fits an encoder on the training rows `rows` of `table`: its columns but for `target` are features.
    ///
    /// # Errors
    /// `NoColumn`, `NoFeatures`, `Target`.
    pub fn fit(table: &Table, target: &str, task: Task, rows: &[usize], known: &Known) -> Result<Self, EncodeError> {
        let answer = table.column(target).ok_or_else(|| EncodeError::NoColumn(target.to_owned()))?;
        let (mut features, mut left_out) = (Vec::new(), known.left_out.clone());
        let hopeless: HashSet<&str> = known.left_out.iter().map(|left| left.name.as_str()).collect();
        let looked_at = |column: &&Column| column.name != target && !hopeless.contains(column.name.as_str());
        for column in table.columns.iter().filter(looked_at) {
            match Feature::fit(column, rows) {
                Ok(feature) => {
                    let date_order = known.date_orders.get(&column.name).copied();
                    features.push(Feature { date_order, ..feature });
                }
                Err(reason) => left_out.push(LeftOut { name: column.name.clone(), kind: column.kind, reason }),
            }
        }
        if features.is_empty() {
            let reasons: Vec<_> =
                left_out.iter().take(5).map(|left| format!("{:?} {}", left.name, left.reason.clause())).collect();
            let none = "the data has no other column than the target".to_owned();
            return Err(EncodeError::NoFeatures(if reasons.is_empty() { none } else { reasons.join("; ") }));
        }
        Ok(Encoder { features, left_out, target: Target::fit(answer, task, rows)? })
    }

    /// Width of an encoded row: plain values first, then a code for each embedded column.
    pub fn width(&self) -> usize {
        self.plain_width() + self.embedded().count()
    }

    fn plain_width(&self) -> usize {
        self.features.iter().map(Feature::plain_width).sum()
    }

    /// The number of codes of each embedded column, in the order of the row's last columns.
    pub fn embedded(&self) -> impl Iterator<Item = usize> + '_ {
        self.features.iter().filter_map(Feature::codes)
    }

    /// The columns of an encoded row that each feature has.
    pub fn groups(&self) -> Vec<Vec<usize>> {
        self.places().zip(&self.features).map(|(place, feature)| place.columns(feature)).collect()
    }

    fn places(&self) -> impl Iterator<Item = Place> + '_ {
        let (mut plain, mut code) = (0, self.plain_width());
        self.features.iter().map(move |feature| {
            let place = Place { plain, code };
            plain += feature.plain_width();
            code += usize::from(feature.codes().is_some());
            place
        })
    }

    /// Encodes a table that has a column of the right type for each feature.
    ///
    /// # Errors
    /// `NoColumn`; `Value` where a column of another type cannot be read as what it should be.
    pub fn transform(&self, table: &Table) -> Result<Encoded, EncodeError> {
        let width = self.width();
        let mut inputs = vec![0.0; table.rows * width];
        let (mut sightings, mut next) = (Vec::new(), 0);
        for (index, (feature, place)) in self.features.iter().zip(self.places()).enumerate() {
            let at = table.position(next, &feature.name);
            let at = at.ok_or_else(|| EncodeError::NoColumn(feature.name.clone()))?;
            next = at + 1;
            let column = table.columns[at].of_kind(feature.kind)?;
            feature.write(&column.values, place, width, &mut inputs, |row, seen| sightings.push((row, index, seen)));
        }
        let inputs = Array2::from_shape_vec((table.rows, width), inputs).expect("width values in each row");
        Ok(Encoded { inputs, sightings })
    }

    /// The feature of a name.
    pub fn feature(&self, name: &str) -> Option<&Feature> {
        self.features.iter().find(|feature| feature.name == name)
    }

    /// Every column that a row may have: features, those left out, the target.
    pub fn known(&self) -> impl Iterator<Item = &str> {
        let features = self.features.iter().map(|feature| feature.name.as_str());
        let left_out = self.left_out.iter().map(|left| left.name.as_str());
        features.chain(left_out).chain([self.target.name()])
    }
}

/// The rows in which `column` has a value.
pub fn rows_with(column: &Column) -> Vec<usize> {
    (0..column.values.len()).filter(|row| !column.values.is_missing(*row)).collect()
}

#[cfg(test)]
mod tests;
