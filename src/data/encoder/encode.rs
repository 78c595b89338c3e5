//! An encoder: the encodings of a table's columns, fitted together, and applied to tables of the same columns.

use std::collections::{BTreeMap, HashSet};

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use super::encoding::Encoding;
use super::error::EncodeError;
use super::feature::{Codes, Feature, Offsets, Sighting};
use super::left_out::{Known, LeftOut};
use super::slot::Slot;
use super::target::{Target, Task};
use crate::data::asked::AskedColumn;
use crate::data::column::{Column, Table, Values};
use crate::data::values::Writing;
use crate::wording::Shown;

/// The encoding of a table's columns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Encoder {
    /// The columns that are learned from, in the order of the network's input.
    pub features: Vec<Feature>,
    /// Columns that say nothing that can be learned.
    pub left_out: Vec<LeftOut>,
    /// What is predicted.
    pub target: Target,
    /// How the target's cells are written.
    #[serde(default, skip_serializing_if = "Writing::is_plain")]
    pub target_writing: Writing,
    /// The column that said how much each training row counts: rows may have it, and it is not looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<String>,
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
        Ok(Encoder::fit_unless(table, target, task, rows, known, &|| true)?.expect("nobody stops it"))
    }

    /// The same; `None` once `go_on`, which is asked before each column, says no.
    ///
    /// # Errors
    /// As [`Encoder::fit`].
    pub fn fit_unless(
        table: &Table,
        target: &str,
        task: Task,
        rows: &[usize],
        known: &Known,
        go_on: &dyn Fn() -> bool,
    ) -> Result<Option<Self>, EncodeError> {
        let answer = table.column(target).ok_or_else(|| EncodeError::NoColumn(target.to_owned()))?;
        let (mut features, mut left_out) = (Vec::new(), known.left_out.clone());
        let hopeless: HashSet<&str> = known.left_out.iter().map(|left| left.name.as_str()).collect();
        let looked_at = |column: &&Column| column.name != target && !hopeless.contains(column.name.as_str());
        for column in table.columns.iter().filter(looked_at) {
            if !go_on() {
                return Ok(None);
            }
            match Feature::fit(column, rows) {
                Ok(feature) => {
                    let writing = known.writings.get(&column.name).cloned().unwrap_or_default();
                    features.push(Feature { writing, ..feature });
                }
                Err(reason) => left_out.push(LeftOut { name: column.name.clone(), kind: column.kind, reason }),
            }
        }
        if features.is_empty() {
            let reasons: Vec<_> =
                left_out.iter().take(5).map(|left| format!("{} {}", Shown(&left.name), left.reason.clause())).collect();
            let none = "the data has no other column than the target".to_owned();
            return Err(EncodeError::NoFeatures(if reasons.is_empty() { none } else { reasons.join("; ") }));
        }
        let target_writing = known.writings.get(target).cloned().unwrap_or_default();
        let target = Target::fit(answer, task, rows)?;
        Ok(Some(Encoder { features, left_out, target, target_writing, weights: None }))
    }

    /// How the cells of its columns are written, the target's last.
    pub fn writings(&self) -> impl Iterator<Item = (&str, &Writing)> {
        let features = self.features.iter().map(|feature| (feature.name.as_str(), &feature.writing));
        features.chain([(self.target.name(), &self.target_writing)])
    }

    /// What would be asked of its columns for a file to be read as its rows were.
    pub fn asked(&self) -> BTreeMap<String, AskedColumn> {
        let features = self.features.iter().map(|feature| feature.kind);
        let kinds = features.chain([self.target.kind()]);
        let asked = self.writings().zip(kinds);
        asked.map(|((name, writing), kind)| (name.to_owned(), AskedColumn::as_before(kind, writing.clone()))).collect()
    }

    /// The same of rows that may have a column of weights.
    pub fn with_weights(self, name: Option<&str>) -> Self {
        match name.filter(|name| self.known().all(|known| known != *name)) {
            None => self,
            Some(name) => Encoder { weights: Some(name.to_owned()), ..self },
        }
    }

    /// Width of an encoded row: plain values first, then the codes of each embedded column.
    pub fn width(&self) -> usize {
        self.plain_width() + self.embedded().map(Codes::columns).sum::<usize>()
    }

    /// Columns of an encoded row that are no codes.
    pub fn plain_width(&self) -> usize {
        self.features.iter().map(Feature::plain_width).sum()
    }

    /// The codes of each embedded column, in the order of the row's last columns.
    pub fn embedded(&self) -> impl Iterator<Item = Codes> + '_ {
        self.features.iter().filter_map(Feature::codes)
    }

    /// The columns of an encoded row that each feature has.
    pub fn groups(&self) -> Vec<Vec<usize>> {
        self.offsets().zip(&self.features).map(|(offsets, feature)| offsets.columns(feature)).collect()
    }

    /// The columns of an encoded row that are scaled numbers or times, ascending.
    pub fn numbers(&self) -> Vec<usize> {
        let is_number =
            |feature: &Feature| matches!(feature.encoding, Encoding::Numeric { .. } | Encoding::Datetime { .. });
        let offsets = self.offsets().zip(&self.features).filter(|(_, feature)| is_number(feature));
        offsets.map(|(offsets, _)| offsets.plain).collect()
    }

    fn offsets(&self) -> impl Iterator<Item = Offsets> + '_ {
        let (mut plain, mut code) = (0, self.plain_width());
        self.features.iter().map(move |feature| {
            let offsets = Offsets { plain, code };
            plain += feature.plain_width();
            code += feature.codes().map_or(0, Codes::columns);
            offsets
        })
    }

    /// Encodes a table that has a column of the right type for each feature.
    ///
    /// # Errors
    /// `NoColumn`; `Value` where a column of another type cannot be read as what it should be.
    pub fn transform(&self, table: &Table) -> Result<Encoded, EncodeError> {
        self.transform_telling(table, |_, _, _| ())
    }

    /// The same; tells `of_column` of each feature by its place: the values of its column, and where each of their words
    /// belongs.
    ///
    /// # Errors
    /// As [`Encoder::transform`].
    pub fn transform_telling(
        &self,
        table: &Table,
        of_column: impl FnMut(usize, &Values, &[Slot]),
    ) -> Result<Encoded, EncodeError> {
        let mut sightings = Vec::new();
        let see = |row, index, seen| sightings.push((row, index, seen));
        let inputs = self.encode(table, 0..table.rows, see, of_column, &|| true)?.expect("nobody stops it");
        Ok(Encoded { inputs, sightings })
    }

    /// Encodes some rows of such a table; `None` once `go_on`, which is asked before each column, says no.
    ///
    /// # Errors
    /// As [`Encoder::transform`].
    pub fn inputs_of(
        &self,
        table: &Table,
        rows: &[usize],
        go_on: &dyn Fn() -> bool,
    ) -> Result<Option<Array2<f32>>, EncodeError> {
        self.encode(table, rows.iter().copied(), |_, _, _| (), |_, _, _| (), go_on)
    }

    fn encode(
        &self,
        table: &Table,
        rows: impl ExactSizeIterator<Item = usize> + Clone,
        mut see: impl FnMut(usize, usize, Sighting),
        mut of_column: impl FnMut(usize, &Values, &[Slot]),
        go_on: &dyn Fn() -> bool,
    ) -> Result<Option<Array2<f32>>, EncodeError> {
        let (width, count) = (self.width(), rows.len());
        let (mut inputs, mut next) = (vec![0.0; count * width], 0);
        for (index, (feature, offsets)) in self.features.iter().zip(self.offsets()).enumerate() {
            if !go_on() {
                return Ok(None);
            }
            let at = table.position(next, &feature.name);
            let at = at.ok_or_else(|| EncodeError::NoColumn(feature.name.clone()))?;
            next = at + 1;
            let column = table.columns[at].of_kind(feature.kind, feature.writing.reading())?;
            let see = |row, seen| see(row, index, seen);
            let slots = feature.write(&column.values, rows.clone(), offsets, width, &mut inputs, see);
            of_column(index, &column.values, &slots);
        }
        Ok(Some(Array2::from_shape_vec((count, width), inputs).expect("width values in each row")))
    }

    /// The feature of a name.
    pub fn feature(&self, name: &str) -> Option<&Feature> {
        self.features.iter().find(|feature| feature.name == name)
    }

    /// Every column that a row may have: features, those left out, the target, the weights.
    pub fn known(&self) -> impl Iterator<Item = &str> {
        let features = self.features.iter().map(|feature| feature.name.as_str());
        let left_out = self.left_out.iter().map(|left| left.name.as_str());
        features.chain(left_out).chain([self.target.name()]).chain(self.weights.as_deref())
    }
}

/// The rows in which `column` has a value.
pub fn rows_with(column: &Column) -> Vec<usize> {
    (0..column.values.len()).filter(|row| !column.values.is_missing(*row)).collect()
}
