//! Records and CSV rows read as an encoder's columns, with each wrong value's place.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use super::encode::Encoder;
use super::error::{EncodeError, OnMisfit};
use crate::data::column::{Column, ColumnType, Table, Values};
use crate::data::convert::{expected, shown_text, words_of};
use crate::data::json::{Cell, Records};
use crate::data::values::{Misfit, Reading, is_missing_word};
use crate::wording::{ALIKE, Shown, nearest};

/// Unknown columns that a message names.
const MOST_UNKNOWN: usize = 5;
/// Features that a message names.
const MOST_NAMED: usize = 20;

/// What a text may be in a file that has numbers and booleans of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Texts {
    /// A number only where the column's numbers are written as texts, as in JSON.
    Strict,
    /// Whatever it says: people write into the cells of a sheet.
    Lenient,
}

/// Names that an encoder does not know.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the model has no column{} {}{further}{hint}", if names.len() > 1 { "s" } else { "" }, names.join(", "))]
pub struct UnknownColumns {
    /// The first one.
    pub first: String,
    /// The first ones, in quotes.
    names: Vec<String>,
    /// How many more there are.
    further: String,
    /// What may have been meant by those that are named.
    hint: String,
}

impl Encoder {
    /// Where in `names` each feature stands, if it does. Others may be there that `allowed` allows.
    ///
    /// # Errors
    /// Those of the others that are no column of the model: none left out, not the target or the weights.
    pub fn places_in(
        &self,
        names: &[String],
        allowed: impl Fn(&str) -> bool,
    ) -> Result<Vec<Option<usize>>, UnknownColumns> {
        let mut unclaimed: HashMap<&str, usize> =
            names.iter().enumerate().map(|(index, name)| (name.as_str(), index)).collect();
        let places = self.features.iter().map(|feature| unclaimed.remove(feature.name.as_str())).collect();
        for left in &self.left_out {
            unclaimed.remove(left.name.as_str());
        }
        unclaimed.remove(self.target.name());
        if let Some(weights) = &self.weights {
            unclaimed.remove(weights.as_str());
        }
        unclaimed.retain(|name, _| !allowed(name));
        let mut unknown: Vec<(usize, &str)> = unclaimed.into_iter().map(|(name, index)| (index, name)).collect();
        unknown.sort_unstable();
        match unknown.first() {
            None => Ok(places),
            Some((_, first)) => Err(self.unknown(first, &unknown)),
        }
    }

    fn unknown(&self, first: &str, all: &[(usize, &str)]) -> UnknownColumns {
        let names: Vec<String> = all.iter().take(MOST_UNKNOWN).map(|(_, name)| Shown(name).to_string()).collect();
        let more = all.len() - names.len();
        let further = if more > 0 { format!(" and {more} more") } else { String::new() };
        let near = |(_, name): &(usize, &str)| {
            let near = Shown(nearest(name, self.known(), ALIKE)?).to_string();
            Some(if all.len() > 1 { format!("{near} by {}", Shown(name)) } else { near })
        };
        let near: Vec<String> = all.iter().take(MOST_UNKNOWN).filter_map(near).collect();
        let hint = if near.is_empty() { String::new() } else { format!("; did you mean {}?", near.join(", ")) };
        UnknownColumns { first: first.to_owned(), names, further, hint }
    }

    /// The names of the features, as far as a message has room for them.
    pub fn feature_names(&self) -> String {
        let names = self.features.iter().take(MOST_NAMED).map(|feature| Shown(&feature.name).to_string());
        let more = if self.features.len() > MOST_NAMED { ", …" } else { "" };
        format!("{}{more}", names.collect::<Vec<_>>().join(", "))
    }

    /// Tells `on_misfit` each of these rows of `records` that has none of the features, which stand at `places`: not even null.
    ///
    /// # Errors
    /// What `on_misfit` makes of a `Nothing`.
    pub fn find_nothing(
        &self,
        records: &Records,
        places: &[Option<usize>],
        rows: Range<usize>,
        on_misfit: OnMisfit,
    ) -> Result<(), EncodeError> {
        for row in rows.clone() {
            let is_there = |place: &usize| records.columns[*place][row] != Cell::Absent;
            if !places.iter().flatten().any(is_there) {
                on_misfit(EncodeError::Nothing { row: row - rows.start, columns: self.feature_names() })?;
            }
        }
        Ok(())
    }

    /// The features of these rows of `records`, which stand at `places`, as a table; what a record lacks is missing.
    /// `on_misfit` is told each value that is not of its column's type, with its row among these.
    ///
    /// # Errors
    /// What `on_misfit` makes of a `Value`.
    pub fn table_of_records(
        &self,
        records: &Records,
        places: &[Option<usize>],
        rows: Range<usize>,
        texts: Texts,
        on_misfit: OnMisfit,
    ) -> Result<Table, EncodeError> {
        let mut columns = Vec::with_capacity(self.features.len());
        for (feature, place) in self.features.iter().zip(places) {
            columns.push(match place {
                None => Column::missing(&feature.name, feature.kind, rows.len()),
                Some(place) => {
                    let cells = &records.columns[*place][rows.clone()];
                    column_of_cells(&feature.name, feature.kind, feature.writing.reading(), cells, texts, on_misfit)?
                }
            });
        }
        Ok(Table { columns, rows: rows.len() })
    }
}

impl Records {
    /// The cells of a name.
    pub fn cells(&self, name: &str) -> Option<&[Cell]> {
        let place = self.names.iter().position(|known| known == name)?;
        Some(&self.columns[place])
    }

    /// The first row that has a value of this name; 0 if none has.
    pub fn first_row_with(&self, name: &str) -> usize {
        let cells = self.cells(name).unwrap_or_default();
        cells.iter().position(|cell| !cell.is_missing()).unwrap_or(0)
    }
}

/// Cells read as a column of `kind`.
///
/// Words for missing values are missing. `on_misfit` is told each cell that is none of `kind`.
///
/// # Errors
/// What `on_misfit` makes of a `Value`.
pub fn column_of_cells(
    name: &str,
    kind: ColumnType,
    reading: Reading,
    cells: &[Cell],
    texts: Texts,
    on_misfit: OnMisfit,
) -> Result<Column, EncodeError> {
    let mut unfit = |row: usize| {
        on_misfit(EncodeError::Value {
            row,
            column: name.to_owned(),
            expected: expected(kind, reading),
            got: match &cells[row] {
                Cell::Text(text) => shown_text(name, reading, text),
                cell => cell.text().map_or_else(|| "null".into(), Cow::into_owned),
            },
        })
    };
    let is_missing = |cell: &Cell| {
        cell.is_missing()
            || !reading.missing_words.is_empty() && cell.text().is_none_or(|text| reading.word(&text).is_none())
    };
    let values = match kind {
        ColumnType::Numeric => Values::Numeric(read(cells, is_missing, &mut unfit, f64::NAN, |cell| match cell {
            Cell::Text(text) if texts == Texts::Lenient || reading.has_written_numbers() || is_missing_word(text) => {
                reading.number(text).map(|x| x.unwrap_or(f64::NAN))
            }
            cell => cell.number().ok_or(Misfit),
        })?),
        ColumnType::Boolean => Values::Boolean(read(cells, is_missing, &mut unfit, None, |cell| match cell {
            Cell::Boolean(value) => Ok(Some(*value)),
            Cell::Text(text) if texts == Texts::Lenient || is_missing_word(text) => reading.boolean(text),
            _ => Err(Misfit),
        })?),
        ColumnType::Datetime => Values::Datetime(read(cells, is_missing, &mut unfit, None, |cell| match cell {
            Cell::Text(text) => reading.datetime(text),
            cell if reading.has_asked_dates() => reading.datetime(&cell.text().unwrap_or_default()),
            _ => Err(Misfit),
        })?),
        ColumnType::Categorical | ColumnType::Text => {
            let texts = cells.iter().map(|cell| if is_missing(cell) { None } else { cell.text() });
            Values::Words(words_of(texts))
        }
    };
    Ok(Column { name: name.to_owned(), kind, values })
}

fn read<T: Clone>(
    cells: &[Cell],
    is_missing: impl Fn(&Cell) -> bool,
    unfit: &mut dyn FnMut(usize) -> Result<(), EncodeError>,
    missing: T,
    value: impl Fn(&Cell) -> Result<T, Misfit>,
) -> Result<Vec<T>, EncodeError> {
    let of_cell = |(row, cell): (usize, &Cell)| match cell {
        cell if is_missing(cell) => Ok(missing.clone()),
        cell => value(cell).or_else(|Misfit| unfit(row).map(|()| missing.clone())),
    };
    cells.iter().enumerate().map(of_cell).collect()
}
