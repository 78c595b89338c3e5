//! Numbers that are written so that they are read as words: with a decimal comma, a currency, a unit.

use std::collections::HashMap;

use crate::data::values::{is_missing_word, parse_number};

/// From this share of a column's values on they are taken for numbers.
const MOST: f64 = 0.8;
/// A unit is one on so many different numbers at least: `2D` and `3D` are names.
const UNIT_WORDS: usize = 5;
/// A unit has at most so many letters.
const UNIT_LETTERS: usize = 5;
const CURRENCIES: [&str; 20] = [
    "$", "€", "£", "¥", "₹", "₩", "₽", "₺", "₪", "R$", "US$", "USD", "EUR", "GBP", "CHF", "JPY", "CNY", "INR", "CAD",
    "AUD",
];
const BLANKS: [char; 3] = [' ', '\u{a0}', '\u{202f}'];

/// How a number is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Writing<'a> {
    Plain,
    DecimalComma,
    Grouped,
    Currency,
    Percent,
    Unit(&'a str),
}

impl Writing<'_> {
    /// What is said of numbers in this writing.
    pub fn clause(self) -> &'static str {
        match self {
            Writing::Plain => "",
            Writing::DecimalComma => "with a decimal comma",
            Writing::Grouped => "with separators between thousands",
            Writing::Currency => "with a currency",
            Writing::Percent => "with a percent sign",
            Writing::Unit(_) => "with a unit",
        }
    }
}

/// What a column's words show that are mostly numbers.
#[derive(Debug, PartialEq)]
pub(crate) struct MostlyNumbers<'a> {
    /// Share of the values that are numbers.
    pub share: f64,
    /// The most frequent writing that is not read as a number, and the most frequent word in it.
    pub written: Option<(Writing<'a>, &'a str)>,
}

/// Looks for numbers among words and how often each occurs; none if they are few, or codes such as `00501`.
pub(crate) fn mostly_numbers<'a>(words: impl Iterator<Item = (&'a str, u64)>) -> Option<MostlyNumbers<'a>> {
    let mut total = 0;
    // Of each writing: values, different words, the most frequent word with its count.
    let mut seen: HashMap<Writing, (u64, usize, (u64, &str))> = HashMap::new();
    for (word, count) in words.filter(|(word, _)| !is_missing_word(word)) {
        if is_code(word) {
            return None;
        }
        total += count;
        if let Some(writing) = writing(word) {
            let (values, different, example) = seen.entry(writing).or_insert((0, 0, (0, word)));
            (*values, *different) = (*values + count, *different + 1);
            if (count, example.1) > (example.0, word) {
                *example = (count, word);
            }
        }
    }
    let plain = seen.remove(&Writing::Plain).map_or(0, |(values, ..)| values);
    let is_unit = |writing: &Writing| matches!(writing, Writing::Unit(_));
    seen.retain(|writing, (_, different, _)| !is_unit(writing) || *different >= UNIT_WORDS);
    // Numbers of one column have one unit; several are parts of names.
    let unit = seen.iter().filter(|(writing, _)| is_unit(writing)).map(|(_, (values, ..))| *values).max().unwrap_or(0);
    let others: u64 = seen.iter().filter(|(writing, _)| !is_unit(writing)).map(|(_, (values, ..))| *values).sum();
    let share = (plain + unit + others) as f64 / total as f64;
    let written = seen.iter().max_by_key(|(writing, (values, ..))| (*values, std::cmp::Reverse(**writing)));
    let written = written.map(|(writing, (_, _, (_, example)))| (*writing, *example));
    (share >= MOST).then_some(MostlyNumbers { share, written })
}

/// Whether it is digits that stand for no number: a leading zero says so.
pub(crate) fn is_code(word: &str) -> bool {
    let word = word.trim();
    word.len() > 1 && word.starts_with('0') && word.bytes().all(|byte| byte.is_ascii_digit())
}

fn writing(word: &str) -> Option<Writing<'_>> {
    let word = unsigned(word);
    let currency = CURRENCIES.iter().filter_map(|currency| word.strip_prefix(currency)).min_by_key(|rest| rest.len());
    let start = unsigned(currency.unwrap_or(word));
    let end = start.rfind(|c: char| c.is_ascii_digit())? + 1;
    let (core, suffix) = (&start[..end], start[end..].trim());
    let shape = shape(core)?;
    match suffix {
        "" if currency.is_some() => Some(Writing::Currency),
        "" => Some(shape),
        "." | "," => None,
        suffix if CURRENCIES.contains(&suffix) => Some(Writing::Currency),
        "%" | "‰" => Some(Writing::Percent),
        suffix if suffix.chars().count() <= UNIT_LETTERS && suffix.chars().all(is_of_unit) => {
            Some(Writing::Unit(suffix)).filter(|_| currency.is_none())
        }
        _ => None,
    }
}

fn is_of_unit(c: char) -> bool {
    c.is_alphabetic() || matches!(c, '°' | '/' | '²' | '³' | '"' | '\'')
}

fn unsigned(word: &str) -> &str {
    let word = word.trim();
    word.strip_prefix(['-', '+', '−']).unwrap_or(word).trim_start()
}

/// How digits are written that begin and end with one.
fn shape(core: &str) -> Option<Writing<'static>> {
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = core.split_once('.').unwrap_or((core, "0"));
    let is_grouped = |text: &str, separator: char| {
        let mut groups = text.split(separator);
        let first = groups.next().is_some_and(|group| is_digits(group) && group.len() <= 3);
        let rest: Vec<&str> = groups.collect();
        first && !rest.is_empty() && rest.iter().all(|group| is_digits(group) && group.len() == 3)
    };
    let by_any = |text: &str, separators: &[char]| separators.iter().any(|separator| is_grouped(text, *separator));
    let (comma, blanks) = ([',', '\'', BLANKS[0], BLANKS[1], BLANKS[2]], ['.', '\'', BLANKS[0], BLANKS[1], BLANKS[2]]);
    match core.split_once(',') {
        _ if parse_number(core).is_some() => Some(Writing::Plain),
        _ if is_digits(fraction) && by_any(whole, &comma) || is_grouped(core, '.') => Some(Writing::Grouped),
        Some((whole, fraction)) if is_digits(fraction) && (is_digits(whole) || by_any(whole, &blanks)) => {
            Some(Writing::DecimalComma)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_writing_is_known() {
        for (word, expected) in [
            ("3.5", Some(Writing::Plain)),
            ("3,14", Some(Writing::DecimalComma)),
            ("-1.234,56", Some(Writing::DecimalComma)),
            ("1 234,5", Some(Writing::DecimalComma)),
            ("1,200", Some(Writing::Grouped)),
            ("1,200.50", Some(Writing::Grouped)),
            ("1.200.000", Some(Writing::Grouped)),
            ("12 000", Some(Writing::Grouped)),
            ("$1,200.00", Some(Writing::Currency)),
            ("-$5", Some(Writing::Currency)),
            ("US$ 5", Some(Writing::Currency)),
            ("12,50 €", Some(Writing::Currency)),
            ("45 %", Some(Writing::Percent)),
            ("12 kg", Some(Writing::Unit("kg"))),
            ("unknown", None),
            ("12:30", None),
            ("2024-05-01", None),
            ("1,2,3", None),
            ("A12", None),
            ("12-B4", None),
            ("-", None),
            ("$", None),
        ] {
            assert_eq!(writing(word), expected, "{word}");
        }
    }

    fn found<'a>(words: &[(&'a str, u64)]) -> Option<(u64, Option<(Writing<'a>, &'a str)>)> {
        let found = mostly_numbers(words.iter().copied());
        found.map(|found| ((100.0 * found.share).round() as u64, found.written))
    }

    #[test]
    fn columns_of_numbers_are_told_from_codes_and_names() {
        assert_eq!(found(&[("1", 5), ("2.5", 3), ("unknown", 2), ("NA", 90)]), Some((80, None)));
        assert_eq!(found(&[("1", 7), ("unknown", 2)]), None);
        assert_eq!(found(&[("10001", 90), ("00501", 1)]), None, "codes");
        let prices = [("900", 5), ("1,200", 2), ("1,100", 2), ("1 300", 1)];
        assert_eq!(found(&prices), Some((100, Some((Writing::Grouped, "1,100")))));
        let weights = [("1 kg", 1), ("2 kg", 1), ("3 kg", 1), ("4 kg", 1), ("5 kg", 2)];
        assert_eq!(found(&weights), Some((100, Some((Writing::Unit("kg"), "5 kg")))));
        assert_eq!(found(&[("2D", 9), ("3D", 9)]), None, "names");
        assert_eq!(found(&[("12A", 1), ("12B", 1), ("13C", 1)]), None, "several units");
        assert_eq!(found(&[("NA", 3)]), None);
    }
}
