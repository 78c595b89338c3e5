//! The rows that a probe looks at: stretches of neighbours, or whole groups.

use std::collections::{BTreeMap, HashSet};

use super::forest::FOLDS;
use super::rows::Rows;
use crate::data::column::{Column, ColumnType, Values};
use crate::data::encoder::{MAX_CLASSES, Task};
use crate::data::profile::{ColumnProfile, TableProfile};
use crate::data::split::content::mix;

/// Fewer rows than this tell nothing for sure.
pub(super) const LEAST_ROWS: usize = 100;
/// Rows of a sample, at most.
const MOST_ROWS: usize = 1500;
/// Stretches of neighbours: each of so many rows about, within bounds of their number.
const STRETCH_ROWS: usize = 50;
const STRETCHES: (usize, usize) = (10, 20);
/// A column of keys has so many different ones at least, and of each so many rows on average. One whose name says that it is a
/// key may have fewer, with more rows: others may be quantities or kinds.
const LEAST_KEYS: u64 = 20;
const KEY_ROWS: (u64, u64) = (2, 100);
const LEAST_NAMED_KEYS: u64 = 10;
/// Rows of a group that are taken, about.
const GROUP_ROWS: u64 = 50;
/// Columns of each kind that are looked at.
const MOST_COLUMNS: usize = 3;

/// The columns of times, of which some are looked at.
pub fn time_columns(profile: &TableProfile) -> Vec<String> {
    let times = profile.columns.iter().filter(|column| column.kind == ColumnType::Datetime && column.distinct > 1);
    times.map(|column| column.name.clone()).take(MOST_COLUMNS).collect()
}

/// A column whose values may name what several rows are of: a customer, a patient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The column.
    pub name: String,
    /// Different values.
    pub distinct: u64,
    /// Whether its name says so.
    pub is_named: bool,
}

/// The columns of keys: many different values, each in a few rows. Some of them are looked at.
pub fn key_columns(profile: &TableProfile, target: &str) -> Vec<Key> {
    let key = |column: &ColumnProfile| {
        let (distinct, name) = (column.distinct, column.name.to_ascii_lowercase());
        let is_named = name == "id" || name.ends_with("_id");
        let each = profile.rows.saturating_sub(column.missing) / distinct.max(1);
        let is_key = match is_named {
            true => distinct >= LEAST_NAMED_KEYS && each >= KEY_ROWS.0,
            false => distinct >= LEAST_KEYS && (KEY_ROWS.0..=KEY_ROWS.1).contains(&each),
        };
        let of_kind = !matches!(column.kind, ColumnType::Datetime | ColumnType::Boolean);
        let key = Key { name: column.name.clone(), distinct, is_named };
        (is_key && of_kind && column.name != target).then_some((column.kind == ColumnType::Numeric, key))
    };
    let mut keys: Vec<(bool, Key)> = profile.columns.iter().filter_map(key).collect();
    // Words first: numbers are more often quantities.
    keys.sort_by_key(|(is_number, key)| (!key.is_named, *is_number));
    keys.into_iter().map(|(_, key)| key).take(MOST_COLUMNS).collect()
}

/// Some rows, and what each is left out with.
pub(super) struct Sample {
    /// Places in [`Rows::rows`].
    pub(super) places: Vec<usize>,
    /// The stretch or group of each.
    parts: Vec<u64>,
}

impl Sample {
    /// Stretches of rows as they stand. `None` where they stand in the order of the target, which brings like rows together
    /// that have nothing else in common.
    pub(super) fn of_order(rows: &Rows) -> Option<Self> {
        if in_order_of_target(rows) {
            return None;
        }
        Some(Sample::of_stretches(rows.rows.len(), |place| place))
    }

    /// Stretches of rows in the order of their times.
    pub(super) fn of_times(rows: &Rows, column: &Column) -> Option<Self> {
        let Values::Datetime(times) = &column.values else { return None };
        let time = |place: &u32| times[rows.rows[*place as usize]];
        let mut order: Vec<u32> = (0..rows.rows.len() as u32).filter(|place| time(place).is_some()).collect();
        order.sort_unstable_by_key(|place| (time(place), *place));
        if order.len() < rows.rows.len() / 2 || time(&order[0]) == time(&order[order.len() - 1]) {
            return None;
        }
        Some(Sample::of_stretches(order.len(), |place| order[place] as usize))
    }

    fn of_stretches(rows: usize, place: impl Fn(usize) -> usize) -> Self {
        let taken = rows.min(MOST_ROWS);
        let stretches = (taken / STRETCH_ROWS).clamp(STRETCHES.0, STRETCHES.1);
        let (mut places, mut parts) = (Vec::with_capacity(taken), Vec::with_capacity(taken));
        for stretch in 0..stretches {
            let length = (stretch + 1) * taken / stretches - stretch * taken / stretches;
            let start = stretch * rows / stretches;
            places.extend((start..start + length).map(&place));
            parts.extend(std::iter::repeat_n(stretch as u64, length));
        }
        Sample { places, parts }
    }

    /// Rows of some groups: all of them, or where they are large, some. `None` if they are no keys: numbers that are not whole,
    /// most rows in a few groups, hardly any that repeat.
    pub(super) fn of_groups(rows: &Rows, column: &Column, key: &Key) -> Option<Self> {
        let code = |row: usize| match &column.values {
            Values::Words(words) => words.of_row(row).map(|_| u64::from(words.codes[row])),
            Values::Numeric(values) => Some(values[row]).filter(|value| !value.is_nan()).map(f64::to_bits),
            Values::Boolean(_) | Values::Datetime(_) => None,
        };
        let is_whole = |row: usize| match &column.values {
            Values::Numeric(values) => values[row].is_nan() || values[row].fract() == 0.0,
            _ => true,
        };
        // Groups by the hash of their code, rows of large ones by that of their place.
        let each = (rows.rows.len() as u64 / key.distinct.max(1)).max(1);
        let one_in = each.div_ceil(GROUP_ROWS);
        let wanted = MOST_ROWS as f64 / (key.distinct as f64 * (each / one_in).max(1) as f64);
        let below = wanted.min(1.0) * u64::MAX as f64;
        let mut groups: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
        let mut taken = 0;
        for (place, row) in rows.rows.iter().enumerate() {
            let Some(hash) = code(*row).map(mix).filter(|hash| (*hash as f64) <= below) else { continue };
            if !is_whole(*row) || taken == 4 * MOST_ROWS {
                return None;
            }
            if one_in == 1 || mix(place as u64).is_multiple_of(one_in) {
                groups.entry(hash).or_default().push(place);
                taken += 1;
            }
        }
        let most = MOST_ROWS / FOLDS / 2;
        let of_large: usize = groups.values().map(Vec::len).filter(|size| *size > most).sum();
        if !key.is_named && of_large * 5 > taken {
            return None;
        }
        groups.values_mut().for_each(|of_group| of_group.truncate(most));
        let (mut places, mut parts) = (Vec::new(), Vec::new());
        for (hash, of_group) in &groups {
            if places.len() + of_group.len() <= MOST_ROWS {
                places.extend(of_group);
                parts.extend(std::iter::repeat_n(*hash, of_group.len()));
            }
        }
        let count = parts.chunk_by(|a, b| a == b).count();
        let repeats = places.len() >= LEAST_ROWS && count * 3 / 2 <= places.len();
        (count >= LEAST_NAMED_KEYS as usize && repeats).then_some(Sample { places, parts })
    }

    /// The fold of each row: whole parts, in an order that has nothing to do with where they stand, each to the fold with the
    /// fewest rows.
    pub(super) fn folds(&self) -> Vec<u8> {
        let mut sizes: BTreeMap<u64, usize> = BTreeMap::new();
        self.parts.iter().for_each(|part| *sizes.entry(*part).or_default() += 1);
        let mut order: Vec<(u64, usize)> = sizes.into_iter().collect();
        order.sort_by_key(|(part, _)| mix(*part));
        let mut filled = [0usize; FOLDS];
        let mut fold_of: BTreeMap<u64, u8> = BTreeMap::new();
        for (part, size) in order {
            let fold = (0..FOLDS).min_by_key(|fold| filled[*fold]).expect("some folds");
            filled[fold] += size;
            fold_of.insert(part, fold as u8);
        }
        self.parts.iter().map(|part| fold_of[part]).collect()
    }
}

/// Whether rows stand in the order of the target: hardly a number is out of order, each class in one piece.
fn in_order_of_target(rows: &Rows) -> bool {
    let (mut rising, mut falling, mut changes) = (0usize, 0usize, 0usize);
    match (&rows.answer.values, rows.task) {
        (Values::Numeric(values), Task::Regression) => {
            for pair in rows.rows.windows(2) {
                rising += usize::from(values[pair[0]] < values[pair[1]]);
                falling += usize::from(values[pair[0]] > values[pair[1]]);
            }
            rising.min(falling) * 50 <= rising.max(falling)
        }
        (values, _) => {
            let mut classes = HashSet::new();
            let mut last = None;
            for row in rows.rows {
                let class = values.text(*row);
                if last.as_ref() != Some(&class) {
                    changes += 1;
                    classes.insert(class.clone());
                    last = Some(class);
                }
                if changes > 4 * MAX_CLASSES {
                    return false;
                }
            }
            changes < 2 * classes.len()
        }
    }
}
