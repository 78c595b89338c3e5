//! Columns of words most of which are something else: numbers, dates, or true and false.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use crate::data::values::{
    WrittenDate, WrittenNumber, foreign_zone, is_missing_word, is_time_of_day, is_unit, parse_boolean, parse_number,
};

/// From this share of a column's values on they are taken for what most of them are.
const MOST: f64 = 0.8;
/// A unit is one on so many different numbers at least: `2D` and `3D` are names.
const UNIT_WORDS: usize = 5;
/// Units and currencies that columns have side by side.
const UNITS: [&str; 80] = [
    "kg", "g", "mg", "µg", "ug", "mcg", "t", "lb", "lbs", "oz", "st", "km", "m", "cm", "mm", "µm", "nm", "mi", "mile",
    "miles", "yd", "ft", "in", "inch", "l", "ml", "cl", "dl", "gal", "pt", "h", "hr", "hrs", "hours", "min", "mins",
    "minutes", "s", "sec", "ms", "d", "days", "weeks", "months", "years", "k", "M", "bn", "°C", "°F", "C", "F", "K",
    "Pa", "kPa", "bar", "psi", "mmHg", "W", "kW", "kWh", "cal", "kcal", "kJ", "mph", "km/h", "EUR", "USD", "GBP",
    "CHF", "€", "$", "mg/dL", "g/dL", "ng/mL", "mmol/L", "µmol/L", "mEq/L", "IU/L", "U/L",
];
/// Texts of fewer different numbers with a fraction are names, such as those of releases.
const QUANTITIES: usize = 10;

/// What is known of the numbers of one unit.
#[derive(Default)]
struct OfUnit {
    values: u64,
    different: usize,
    /// Whether one of them has a point or a comma.
    pointed: bool,
}

/// The share of words that are numbers, each with how often it occurs; none if they are few, or codes such as `00501`.
pub(crate) fn mostly_numbers<'a>(words: impl Iterator<Item = (&'a str, u64)>) -> Option<f64> {
    let (mut total, mut numbers, mut all) = (0, 0, true);
    let mut units: HashMap<&str, OfUnit> = HashMap::new();
    for (word, count) in words.filter(|(word, _)| !is_missing_word(word)) {
        if is_code(word) {
            return None;
        }
        total += count;
        match WrittenNumber::of(word) {
            _ if parse_number(word).is_some() => numbers += count,
            None => all = false,
            Some(number) if is_unit(number.suffix) => {
                let unit = units.entry(number.suffix).or_default();
                (unit.values, unit.different) = (unit.values + count, unit.different + 1);
                unit.pointed |= number.pointed;
            }
            Some(_) => numbers += count,
        }
    }
    units.retain(|_, unit| unit.different >= UNIT_WORDS);
    let of_one = units.values().map(|unit| unit.values).max().unwrap_or(0);
    // Several units are parts of names, unless every cell is a number with one of a few.
    let of_several = if all { of_several_units(&units) } else { 0 };
    share(numbers + of_one.max(of_several), total)
}

/// How many values have one of the units of a column that has several, all of which are known: other words behind numbers are parts of
/// names, such as the street behind a house's number.
fn of_several_units(units: &HashMap<&str, OfUnit>) -> u64 {
    // Letters are units where they stand behind fractions, or beside longer units: g beside kg.
    let are_letters_units = units.iter().any(|(unit, of)| of.pointed || unit.len() > 1);
    let is_one = |unit: &str| {
        UNITS.iter().any(|known| known.eq_ignore_ascii_case(unit)) && (are_letters_units || unit.len() > 1)
    };
    units.iter().filter(|(unit, _)| is_one(unit)).map(|(_, of)| of.values).sum()
}

/// Whether words that are numbers are rather quantities than codes: most have a fraction, and no two of them are the same number,
/// as 3.1 and 3.10 are among releases.
pub(crate) fn are_quantities<'a>(words: impl Iterator<Item = (&'a str, u64)>) -> bool {
    let (mut total, mut fractions, mut numbers) = (0, 0, HashSet::new());
    for (word, count) in words.filter(|(word, _)| !is_missing_word(word)) {
        (total, fractions) = (total + count, fractions + if word.contains('.') { count } else { 0 });
        if !parse_number(word).is_some_and(|number| numbers.insert(number.to_bits())) {
            return false;
        }
    }
    let any_fraction = numbers.iter().any(|bits| f64::from_bits(*bits).fract() != 0.0);
    any_fraction && numbers.len() >= QUANTITIES && 2 * fractions >= total
}

/// The share of words that are dates in any order; none if they are few.
pub(crate) fn mostly_dates<'a>(words: impl Iterator<Item = (&'a str, u64)>) -> Option<f64> {
    mostly(words, |word| WrittenDate::of(word).is_some())
}

/// What stands behind most dates that are not read, most often, where it and dates are most of the words.
pub(crate) fn foreign_zone_of<'a>(words: impl Iterator<Item = (&'a str, u64)>) -> Option<&'a str> {
    let (mut total, mut dates, mut behind) = (0, 0, 0);
    let mut zones: HashMap<&str, u64> = HashMap::new();
    for (word, count) in words.filter(|(word, _)| !is_missing_word(word)) {
        total += count;
        if let Some(zone) = foreign_zone(word) {
            behind += count;
            *zones.entry(zone).or_default() += count;
        } else if WrittenDate::of(word).is_some() {
            dates += count;
        }
    }
    share(dates + behind, total).filter(|_| 2 * behind > total - dates)?;
    zones.into_iter().max_by_key(|(zone, count)| (*count, Reverse(*zone))).map(|(zone, _)| zone)
}

/// The share of words that are times of day; none if they are few.
pub(crate) fn mostly_times<'a>(words: impl Iterator<Item = (&'a str, u64)>) -> Option<f64> {
    mostly(words, is_time_of_day)
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
    fn numbers_in_several_units_are_told_from_names() {
        let found = |units: &[&str], numbers: &[&str]| {
            let words: Vec<String> =
                units.iter().flat_map(|unit| numbers.iter().map(move |number| format!("{number}{unit}"))).collect();
            mostly_numbers(words.iter().map(|word| (word.as_str(), 7))).is_some()
        };
        let (whole, fractions) = (["12", "15", "31", "42", "57", "60"], ["1.2", "3", "4.5", "7.1", "8", "9.9"]);
        for units in [&[" lb", " kg"][..], &["cm", "in"], &[" mg/dL", " mmol/L"], &[" EUR", " USD"], &["g", "kg", ""]] {
            assert!(found(units, &whole), "{units:?}");
        }
        assert!(found(&["k", "M"], &fractions));
        for names in [
            &["A", "B", "C", "D", "E", "F"][..],
            &["d", "i"],
            &["st", "nd", "rd", "th"],
            &[" Jan", " Feb", " March"],
            &[" Main Street", " Station Road"],
            &[" Elm", " Oak", " Main"],
            &["DE", "FR", "US"],
            &[" AB", " CD", " EF", " GH", " KL", " MN", " PR", " ST", " XY"],
        ] {
            assert!(!found(names, &whole), "{names:?}");
        }
        assert!(!found(&[" room", " rooms"], &["1", "2", "3", "4"]), "few different numbers");
        assert!(!found(&[" lb", " kg", " or so"], &whole), "not each a number with a unit");
    }

    #[test]
    fn texts_that_are_quantities_are_told_from_codes() {
        let are = |words: &[String]| are_quantities(words.iter().map(|word| (word.as_str(), 1)));
        let prices = |count: usize| (0..count).map(|at| format!("{}.50", 3 + at)).collect::<Vec<_>>();
        assert!(are(&prices(10)) && !are(&prices(9)));
        assert!(are(&[prices(20), vec!["NA".into(), "7".into()]].concat()));
        assert!(!are(&(0..20).map(|at| format!("{}", 10_000 + at)).collect::<Vec<_>>()), "codes");
        assert!(!are(&(0..20).map(|at| format!("{at}.0")).collect::<Vec<_>>()), "whole numbers");
        assert!(!are(&(0..20).map(|at| format!("3.{at}")).collect::<Vec<_>>()), "releases: 3.1 and 3.10");
    }

    #[test]
    fn columns_of_times_and_of_dates_in_zones_are_told() {
        assert_eq!(mostly_times([("08:37", 8), ("closed", 2)].into_iter()), Some(0.8));
        assert_eq!(mostly_times([("1:0", 5), ("75:20", 5), ("08:00-10:00", 9)].into_iter()), None);
        let zone = |words: &[(&'static str, u64)]| foreign_zone_of(words.iter().copied());
        assert_eq!(zone(&[("2024-05-31 10:20 BST", 2), ("2024-05-31 10:20 IST", 3), ("soon", 1)]), Some("IST"));
        assert_eq!(zone(&[("2024-05-31 10:20 CET", 8), ("2024-05-31 10:20 BST", 1)]), Some("BST"));
        assert_eq!(zone(&[("2024-05-31 10:20 CET", 17), ("2024-05-31 10:20 BST", 1), ("soon", 2)]), None);
        assert_eq!(zone(&[("2024-05-31 10:20", 9)]), None);
        assert_eq!(zone(&[("Room 12", 3), ("2024-05-31 10:20 BST", 1)]), None);
    }

    #[test]
    fn columns_of_dates_and_of_booleans_are_told() {
        let dates = [("2024-05-01", 8), ("2024-05-02 23:59:60", 1)];
        assert!(mostly_dates(dates.into_iter()).is_some_and(|share| share > 0.88));
        assert_eq!(mostly_dates([("May", 9), ("2024-05-01", 1)].into_iter()), None);
        assert!(mostly_booleans([("true", 8), ("FALSE", 1), ("maybe", 1)].into_iter()).is_some());
    }
}
