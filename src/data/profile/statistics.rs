//! Statistics of a column, gathered array by array.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef};

use super::codes::Codes;
use super::distinct::{Distinct, fold, hash_bits, hash_word};
use super::moments::Moments;
use super::table::{Bound, ColumnProfile, WordBytes};
use super::top::{shorten, top_booleans, top_numbers, top_words};
use crate::data::column::ColumnType;
use crate::data::inference::{Form, words_type};
use crate::data::values::format_datetime;

/// A word of the last row that is longer is not kept.
const LAST_BYTES: usize = 32;
const MISSING_HASH: u64 = 0x6a09_e667_f3bc_c908;

/// What is known of a column's values so far.
pub(crate) struct ColumnStatistics {
    pub rows: u64,
    pub missing: u64,
    /// A hash of all values and their order: columns that are equal row by row have the same.
    pub sequence: u64,
    /// Whether the last row has no value.
    is_last_missing: bool,
    /// The sum of the values' hashes, whatever their order.
    sum_of_hashes: u64,
    /// Mixed into the rows' hashes, so that a value counts differently in each column.
    seed: u64,
    /// Of the table.
    columns: usize,
    of_kind: OfKind,
}

enum OfKind {
    Number {
        moments: Moments,
        integers: bool,
        codes: Codes,
        /// The last value, if each so far is larger than the one before and none is missing.
        ascending: Option<f64>,
        distinct: Distinct<u64>,
    },
    Boolean {
        trues: u64,
    },
    Datetime {
        range: Option<(i64, i64)>,
        codes: Codes,
        distinct: Distinct<u64>,
    },
    Words {
        bytes: WordBytes,
        /// That of the last row, if it is short.
        last: Option<Box<str>>,
        distinct: Distinct<Box<str>>,
    },
}

impl ColumnStatistics {
    /// Of the column at `index` among `columns`.
    pub fn new(form: &Form, index: usize, columns: usize) -> Self {
        let of_kind = match form {
            Form::Number | Form::Written(_) => {
                let (moments, ascending) = (Moments::NONE, Some(f64::NEG_INFINITY));
                let (codes, distinct) = (Codes::of_numbers(), Distinct::new(columns));
                OfKind::Number { moments, integers: true, codes, ascending, distinct }
            }
            Form::Boolean => OfKind::Boolean { trues: 0 },
            Form::Datetime(..) => {
                OfKind::Datetime { range: None, codes: Codes::of_dates(), distinct: Distinct::new(columns) }
            }
            Form::Words | Form::Skipped => {
                OfKind::Words { bytes: WordBytes::default(), last: None, distinct: Distinct::new(columns) }
            }
        };
        let seed = hash_bits(index as u64 + 1);
        ColumnStatistics {
            rows: 0,
            missing: 0,
            sequence: 0,
            is_last_missing: false,
            sum_of_hashes: 0,
            seed,
            columns,
            of_kind,
        }
    }

    /// Takes the values of the stored form of a column into account, and adds their hashes to those of their rows; `hashes` is
    /// room to work in, which all columns share: kept by each of thousands it was more than all else that is known of them.
    pub fn add(&mut self, array: &ArrayRef, rows: &mut [u64], hashes: &mut Vec<u64>) {
        hashes.clear();
        self.rows += array.len() as u64;
        self.missing += array.null_count() as u64;
        let last = array.len().checked_sub(1);
        self.is_last_missing = last.map_or(self.is_last_missing, |last| array.is_null(last));
        match &mut self.of_kind {
            OfKind::Number { moments, integers, codes, ascending, distinct } => {
                let array = array.as_primitive::<Float64Type>();
                // Adding 0 makes one of the two zeros.
                let bits = |value: f64| (value + 0.0).to_bits();
                let is_integer = |value: f64| value == (value as i64) as f64;
                let ascends = |last: &f64| {
                    let values = array.values();
                    let first = values.first().copied().unwrap_or(f64::INFINITY);
                    array.null_count() == 0 && *last < first && values.windows(2).all(|pair| pair[0] < pair[1])
                };
                *ascending = ascending.filter(ascends).map(|last| array.values().last().copied().unwrap_or(last));
                if array.null_count() == 0 {
                    let values = array.values();
                    let of_piece = Moments::of(values);
                    codes.add((of_piece.min, of_piece.max), values.iter().copied());
                    moments.merge(of_piece);
                    *integers &= values.iter().all(|value| is_integer(*value));
                    hashes.extend(values.iter().map(|value| hash_bits(bits(*value))));
                    distinct.add_bits(hashes, |row| Some(bits(values[row])));
                } else {
                    let given: Vec<f64> = array.iter().flatten().collect();
                    let of_piece = Moments::of(&given);
                    codes.add((of_piece.min, of_piece.max), given.iter().copied());
                    moments.merge(of_piece);
                    *integers &= given.iter().all(|value| is_integer(*value));
                    let bits = |row: usize| array.is_valid(row).then(|| bits(array.value(row)));
                    hashes.extend((0..array.len()).map(|row| bits(row).map_or(MISSING_HASH, hash_bits)));
                    distinct.add_bits(hashes, bits);
                }
            }
            OfKind::Boolean { trues } => {
                let array = array.as_boolean();
                *trues += array.true_count() as u64;
                hashes.extend(array.iter().map(|value| value.map_or(MISSING_HASH, |value| hash_bits(value.into()))));
            }
            OfKind::Datetime { range, codes, distinct } => {
                let array = array.as_primitive::<TimestampMicrosecondType>();
                let wider = |range: Option<(i64, i64)>, value: i64| {
                    Some(range.map_or((value, value), |(min, max)| (min.min(value), max.max(value))))
                };
                if let Some((min, max)) = array.iter().flatten().fold(None, wider) {
                    codes.add_times((min, max), array.iter().flatten());
                    *range = wider(wider(*range, min), max);
                }
                let bits = |row: usize| array.is_valid(row).then(|| array.value(row) as u64);
                hashes.extend((0..array.len()).map(|row| bits(row).map_or(MISSING_HASH, hash_bits)));
                distinct.add_bits(hashes, bits);
            }
            OfKind::Words { bytes, last: last_word, distinct } => {
                let words = array.as_string::<i32>();
                if let Some(last) = last {
                    let word = words.is_valid(last).then(|| words.value(last));
                    *last_word = word.filter(|word| word.len() <= LAST_BYTES).map(Into::into);
                }
                for length in words.iter().flatten().map(|word| word.len() as u64) {
                    bytes.total += length;
                    bytes.longest = bytes.longest.max(length);
                }
                add_words(hashes, distinct, words.iter());
            }
        }
        self.mix(hashes, rows);
    }

    /// Adds the hashes of the last rows' cells to those of the rows and of the column.
    fn mix(&mut self, hashes: &[u64], rows: &mut [u64]) {
        let before = self.rows - hashes.len() as u64;
        for ((hash, row), at) in hashes.iter().zip(rows).zip(before..) {
            *row = row.wrapping_add(fold(hash ^ self.seed, 0xbb67_ae85_84ca_a73b));
            let place = at.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            self.sequence = self.sequence.wrapping_add(fold(hash ^ place, 0x3c6e_f372_fe94_f82b));
            self.sum_of_hashes = self.sum_of_hashes.wrapping_add(*hash);
        }
    }

    /// Brings what was counted into order, once all values are there.
    pub fn settle(&mut self) {
        match &mut self.of_kind {
            OfKind::Number { distinct, .. } | OfKind::Datetime { distinct, .. } => distinct.settle(),
            OfKind::Words { distinct, .. } => distinct.settle(),
            OfKind::Boolean { .. } => {}
        }
    }

    /// Rows that have a value.
    pub fn values(&self) -> u64 {
        self.rows - self.missing
    }

    /// How many different values there are.
    pub fn distinct(&self) -> u64 {
        let values = self.values();
        match &self.of_kind {
            OfKind::Number { distinct, .. } | OfKind::Datetime { distinct, .. } => distinct.count(values),
            OfKind::Boolean { trues } => u64::from(*trues > 0) + u64::from(*trues < values),
            OfKind::Words { distinct, .. } => distinct.count(values),
        }
    }

    /// Bytes of all words together.
    pub fn word_bytes(&self) -> u64 {
        if let OfKind::Words { bytes, .. } = self.of_kind { bytes.total } else { 0 }
    }

    /// The words that are counted, each with its count: all of them, or the first of very many.
    pub fn words(&self) -> impl Iterator<Item = (&str, u64)> {
        let distinct = if let OfKind::Words { distinct, .. } = &self.of_kind { Some(distinct) } else { None };
        distinct.into_iter().flat_map(Distinct::counts).map(|(word, count)| (&**word, count))
    }

    /// Whether the last row has no value.
    pub fn is_last_missing(&self) -> bool {
        self.is_last_missing
    }

    /// The word of the last row, if it has one that is short.
    pub fn last_word(&self) -> Option<&str> {
        if let OfKind::Words { last, .. } = &self.of_kind { last.as_deref() } else { None }
    }

    /// Numbers or dates that may stand for missing values, as they are written, each with its count.
    pub fn missing_codes(&self) -> Vec<(&'static str, u64)> {
        match &self.of_kind {
            OfKind::Number { codes, .. } | OfKind::Datetime { codes, .. } => codes.found(),
            OfKind::Boolean { .. } | OfKind::Words { .. } => Vec::new(),
        }
    }

    /// Whether all values are integers.
    pub fn is_integers(&self) -> bool {
        matches!(self.of_kind, OfKind::Number { integers: true, .. }) && self.values() > 0
    }

    /// Whether each value is larger than the one before, and none is missing.
    pub fn is_ascending(&self) -> bool {
        matches!(self.of_kind, OfKind::Number { ascending: Some(_), .. }) && self.rows > 0
    }

    /// Whether the values are consecutive integers, each once, in any order.
    ///
    /// The sum of their hashes is compared with that of the run.
    pub fn is_dense_run(&self) -> bool {
        let OfKind::Number { moments, integers: true, .. } = &self.of_kind else { return false };
        let (min, max) = (moments.min, moments.max);
        if self.values() == 0
            || self.missing > 0
            || max - min + 1.0 != self.rows as f64
            || min.abs().max(max.abs()) > 9e15
        {
            return false;
        }
        let run = (min as i64..=max as i64).map(|value| hash_bits((value as f64).to_bits()));
        run.fold(0_u64, u64::wrapping_add) == self.sum_of_hashes
    }

    /// Whether no value occurs twice: surely up to the exact count of values, beyond it very nearly.
    pub fn is_all_distinct(&self) -> bool {
        let distinct = self.distinct();
        let exact = match &self.of_kind {
            OfKind::Number { distinct, .. } | OfKind::Datetime { distinct, .. } => distinct.is_exact(),
            OfKind::Words { distinct, .. } => distinct.is_exact(),
            OfKind::Boolean { .. } => true,
        };
        if exact { distinct == self.values() } else { distinct as f64 >= 0.95 * self.values() as f64 }
    }

    /// The type of the column, if none was asked for.
    pub fn kind(&self, form: &Form) -> ColumnType {
        form.kind().unwrap_or_else(|| words_type(self.values(), self.distinct(), self.word_bytes()))
    }

    /// The profile of the column.
    pub fn profile(&self, name: &str, kind: ColumnType) -> ColumnProfile {
        let mut profile = ColumnProfile {
            name: name.to_owned(),
            kind,
            missing: self.missing,
            distinct: self.distinct(),
            min: None,
            max: None,
            mean: None,
            std: None,
            word_bytes: None,
            top: Vec::new(),
            date_order: None,
            format: None,
            missing_words: Vec::new(),
        };
        let values = self.values();
        match &self.of_kind {
            OfKind::Number { moments, distinct, .. } if values > 0 => {
                profile.min = Some(Bound::Number(moments.min + 0.0));
                profile.max = Some(Bound::Number(moments.max + 0.0));
                profile.mean = Some(moments.mean).filter(|mean| mean.is_finite());
                profile.std = Some((moments.squares / moments.count).sqrt()).filter(|std| std.is_finite());
                profile.top = top_numbers(distinct);
            }
            OfKind::Boolean { trues } if values > 0 => {
                profile.mean = Some(*trues as f64 / values as f64);
                profile.top = top_booleans(*trues, values - trues);
            }
            OfKind::Datetime { range: Some((min, max)), .. } => {
                profile.min = Some(Bound::Time(format_datetime(*min)));
                profile.max = Some(Bound::Time(format_datetime(*max)));
            }
            OfKind::Words { bytes, distinct, .. } => {
                profile.word_bytes = Some(*bytes);
                profile.top = top_words(distinct);
            }
            _ => {}
        }
        shorten(&mut profile.top, self.columns);
        profile
    }
}

fn add_words<'a>(
    hashes: &mut Vec<u64>,
    distinct: &mut Distinct<Box<str>>,
    words: impl Iterator<Item = Option<&'a str>>,
) {
    for word in words {
        let hash = word.map_or(MISSING_HASH, hash_word);
        if let Some(word) = word {
            distinct.add(word, hash, word.len(), |word| hash_word(word));
        }
        hashes.push(hash);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::Float64Array;

    use super::*;

    fn numbers(pieces: &[&[Option<f64>]]) -> ColumnStatistics {
        let mut statistics = ColumnStatistics::new(&Form::Number, 0, 1);
        for piece in pieces {
            let array: ArrayRef = Arc::new(Float64Array::from(piece.to_vec()));
            statistics.add(&array, &mut vec![0; piece.len()], &mut Vec::new());
        }
        statistics
    }

    /// 2, 4, 4, 4, 5, 5, 7, 9: the mean is 40/8 = 5, the squared deviations 9+1+1+1+0+0+4+16 = 32, so the standard
    /// deviation is sqrt(32/8) = 2.
    #[test]
    fn moments_of_a_worked_example() {
        let some = |values: &[f64]| values.iter().copied().map(Some).collect::<Vec<_>>();
        let (left, right) = (some(&[2.0, 4.0, 4.0]), some(&[4.0, 5.0, 5.0, 7.0, 9.0]));
        let statistics = numbers(&[&left, &[None, None], &[], &right]);
        let profile = statistics.profile("a", ColumnType::Numeric);
        assert_eq!((profile.mean, profile.std, profile.missing, profile.distinct), (Some(5.0), Some(2.0), 2, 5));
        assert_eq!((profile.min, profile.max), (Some(Bound::Number(2.0)), Some(Bound::Number(9.0))));
        let top: Vec<_> = profile.top.iter().map(|entry| (entry.value.as_str(), entry.count)).collect();
        assert_eq!(top, [("4", 3), ("5", 2), ("2", 1), ("7", 1), ("9", 1)]);
    }

    #[test]
    fn what_ascends_does_so_over_all_pieces() {
        let ascends = |pieces: &[&[Option<f64>]]| numbers(pieces).is_ascending();
        assert!(ascends(&[&[Some(1.0), Some(2.0)], &[], &[Some(5.0)]]));
        assert!(!ascends(&[&[Some(1.0), Some(2.0)], &[Some(2.0)]]));
        assert!(!ascends(&[&[Some(1.0), None], &[Some(5.0)]]) && !ascends(&[&[Some(2.0), Some(1.0)]]));
    }

    #[test]
    fn a_run_is_told_from_what_only_spans_as_much() {
        let run = |values: &[f64]| numbers(&[&values.iter().copied().map(Some).collect::<Vec<_>>()]).is_dense_run();
        assert!(run(&[3.0, 1.0, 2.0]));
        assert!(!run(&[3.0, 1.0, 1.0]));
        assert!(!run(&[1.0, 2.0, 4.0]));
        assert!(!run(&[1.0, 1.5, 3.0]));
    }
}
