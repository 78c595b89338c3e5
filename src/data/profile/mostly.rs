//! Columns of words most of which are something else: numbers, dates, or true and false.

use std::collections::HashMap;

use crate::data::values::{WrittenDate, WrittenNumber, is_missing_word, is_unit, parse_boolean, parse_number};

/// From this share of a column's values on they are taken for what most of them are.
const MOST: f64 = 0.8;
/// A unit is one on so many different numbers at least: `2D` and `3D` are names.
const UNIT_WORDS: usize = 5;

/// The share of words that are numbers, each with how often it occurs; none if they are few, or codes such as `00501`.
pub(crate) fn mostly_numbers<'a>(words: impl Iterator<Item = (&'a str, u64)>) -> Option<f64> {
    let (mut total, mut numbers) = (0, 0);
    // Of each unit: values and different words.
    let mut units: HashMap<&str, (u64, usize)> = HashMap::new();
    for (word, count) in words.filter(|(word, _)| !is_missing_word(word)) {
        if is_code(word) {
            return None;
        }
        total += count;
        match WrittenNumber::of(word) {
            _ if parse_number(word).is_some() => numbers += count,
            None => {}
            Some(number) if is_unit(number.suffix) => {
                let (values, different) = units.entry(number.suffix).or_default();
                (*values, *different) = (*values + count, *different + 1);
            }
            Some(_) => numbers += count,
        }
    }
    // Numbers of one column have one unit; several are parts of names.
    let of_unit = units.values().filter(|(_, different)| *different >= UNIT_WORDS).map(|(values, _)| *values).max();
    share(numbers + of_unit.unwrap_or(0), total)
}

/// The share of words that are dates in any order; none if they are few.
pub(crate) fn mostly_dates<'a>(words: impl Iterator<Item = (&'a str, u64)>) -> Option<f64> {
    mostly(words, |word| WrittenDate::of(word).is_some())
}

/// The share of words that are true or false; none if they are few.
pub(crate) fn mostly_booleans<'a>(words: impl Iterator<Item = (&'a str, u64)>) -> Option<f64> {
    mostly(words, |word| parse_boolean(word).is_some())
}

fn mostly<'a>(words: impl Iterator<Item = (&'a str, u64)>, is_one: impl Fn(&str) -> bool) -> Option<f64> {
    let (mut total, mut found) = (0, 0);
    for (word, count) in words.filter(|(word, _)| !is_missing_word(word)) {
        (total, found) = (total + count, found + if is_one(word) { count } else { 0 });
    }
    share(found, total)
}

fn share(found: u64, total: u64) -> Option<f64> {
    let share = found as f64 / total as f64;
    (share >= MOST).then_some(share)
}

/// Whether it is digits that stand for no number: a leading zero says so.
pub(crate) fn is_code(word: &str) -> bool {
    let word = word.trim();
    word.len() > 1 && word.starts_with('0') && word.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_numbers_are_told_from_codes_and_names() {
        let found = |words: &[(&str, u64)]| mostly_numbers(words.iter().copied()).map(|share| (100.0 * share).round());
        assert_eq!(found(&[("1", 5), ("2.5", 3), ("unknown", 2), ("NA", 90)]), Some(80.0));
        assert_eq!(found(&[("1", 7), ("unknown", 2)]), None);
        assert_eq!(found(&[("10001", 90), ("00501", 1)]), None, "codes");
        assert_eq!(found(&[("900", 5), ("1,200", 2), ("1,100", 2), ("1 300", 1)]), Some(100.0));
        assert_eq!(found(&[("1 kg", 1), ("2 kg", 1), ("3 kg", 1), ("4 kg", 1), ("5 kg", 2)]), Some(100.0));
        assert_eq!(found(&[("2D", 9), ("3D", 9)]), None, "names");
        assert_eq!(found(&[("12A", 1), ("12B", 1), ("13C", 1)]), None, "several units");
        assert_eq!(found(&[("NA", 3)]), None);
    }

    #[test]
    fn columns_of_dates_and_of_booleans_are_told() {
        let dates = [("2024-05-01", 8), ("2024-05-02 23:59:60", 1)];
        assert!(mostly_dates(dates.into_iter()).is_some_and(|share| share > 0.88));
        assert_eq!(mostly_dates([("May", 9), ("2024-05-01", 1)].into_iter()), None);
        assert!(mostly_booleans([("true", 8), ("FALSE", 1), ("maybe", 1)].into_iter()).is_some());
    }
}
