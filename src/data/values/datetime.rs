//! Dates and times as people and programs write them, read in one order of day and month.
//!
//! What has a year of four digits in front, or the name of its month, is read as it stands. Where day and month are numbers,
//! a column's cells together decide which comes first ([`DateOrder`]); one cell alone cannot.

use serde::{Deserialize, Serialize};

use super::calendar::{DAY, days};
use super::clock::time_of_day;
use super::text_cursor::Cursor;

/// How the dates of a column are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DateOrder {
    /// The year first, as ISO 8601 has it: `2024-05-31`; or with the month's name.
    Iso,
    /// `31/05/2024`.
    DayFirst,
    /// `05/31/2024`.
    MonthFirst,
}

const MONTHS: [&[u8]; 12] = [
    b"january",
    b"february",
    b"march",
    b"april",
    b"may",
    b"june",
    b"july",
    b"august",
    b"september",
    b"october",
    b"november",
    b"december",
];
const WEEKDAYS: [&[u8]; 7] = [b"monday", b"tuesday", b"wednesday", b"thursday", b"friday", b"saturday", b"sunday"];

/// In a pattern: the first and the second number of a date whose order the column decides.
const FIRST: &str = "\u{1}";
const SECOND: &str = "\u{2}";

/// A date that was taken apart, with its time of day.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct WrittenDate {
    date: Parts,
    /// Microseconds since midnight UTC.
    time: i64,
    /// Whether its year has two digits.
    is_short: bool,
    /// Whether it begins with its year.
    is_year_first: bool,
}

/// From 1970 to 2000.
const DAYS_TO_2000: i64 = 10_957;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Parts {
    /// Days since 1970-01-01.
    Known(i64),
    /// Two numbers, of which one is the day and one the month, with what stands between them.
    Numbers { first: i64, second: i64, year: i64, separator: u8 },
    /// All of it is zero, as some databases write a date that is not there.
    Zero,
}

impl WrittenDate {
    /// Takes a text apart; nothing if it is no date in any order.
    pub fn of(text: &str) -> Option<Self> {
        scan(&mut Cursor::new(super::words::trim(text.as_bytes()), false))
    }

    /// Microseconds since 1970-01-01 UTC, if it is a date in this order; without an offset it is UTC.
    pub fn at(&self, order: DateOrder) -> Option<i64> {
        let days = match (self.date, order) {
            (Parts::Known(days), _) => days,
            (Parts::Numbers { first, second, year, .. }, DateOrder::DayFirst) => days(year, second, first)?,
            (Parts::Numbers { first, second, year, .. }, DateOrder::MonthFirst) => days(year, first, second)?,
            _ => return None,
        };
        Some(days * DAY + self.time)
    }

    /// What stands between day and month, where the column decides which is which.
    pub fn separator(&self) -> Option<u8> {
        if let Parts::Numbers { separator, .. } = self.date { Some(separator) } else { None }
    }

    /// Its first and its last number, where both and the one between them may be a year of two digits, a day and a month.
    pub fn ends_of_year_first(&self) -> Option<[u8; 2]> {
        let Parts::Numbers { first, second, year: last, .. } = self.date else { return None };
        let day = last % 100;
        days(full_year(first), second, day).filter(|_| self.is_short).map(|_| [first as u8, day as u8])
    }

    /// Whether its year has two digits.
    pub fn is_short(&self) -> bool {
        self.is_short
    }

    /// Whether it is before the year 2000 in every order that it can have.
    pub fn is_before_2000(&self) -> bool {
        match self.date {
            Parts::Known(days) => days < DAYS_TO_2000,
            Parts::Numbers { year, .. } => year < 2000,
            Parts::Zero => true,
        }
    }

    /// Whether it begins with its year.
    pub fn is_year_first(&self) -> bool {
        self.is_year_first
    }

    /// Whether all of it is zero.
    pub fn is_zero(&self) -> bool {
        self.date == Parts::Zero
    }
}

/// Microseconds since 1970-01-01 UTC of a date or date-time in this order, or one that no order can misread.
pub fn parse_datetime(text: &str, order: DateOrder) -> Option<i64> {
    WrittenDate::of(text)?.at(order)
}

/// The `strptime` pattern of a date in an order.
pub(crate) fn pattern_of(text: &str, order: DateOrder) -> Option<String> {
    let mut cursor = Cursor::new(super::words::trim(text.as_bytes()), true);
    scan(&mut cursor)?;
    let (first, second) = if order == DateOrder::MonthFirst { ("%m", "%d") } else { ("%d", "%m") };
    Some(cursor.into_pattern()?.replace(FIRST, first).replace(SECOND, second))
}

/// What is taken where both orders fit: the month first between slashes, and the day otherwise.
pub(crate) fn usual_order(separator: u8) -> DateOrder {
    if separator == b'/' { DateOrder::MonthFirst } else { DateOrder::DayFirst }
}

/// Digits alone as a date: `YYYYMMDD`, or seconds, milliseconds, microseconds or nanoseconds since 1970, by how many there are.
pub(crate) fn digits_as_date(text: &str) -> Option<i64> {
    let text = super::words::trim(text.as_bytes());
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let (number, count) = Cursor::new(digits, false).number(8, 19)?;
    if count != digits.len() {
        return None;
    }
    let time = match count {
        8 if digits.len() == text.len() => {
            return days(number / 10_000, number / 100 % 100, number % 100).map(|days| days * DAY);
        }
        9..=11 => number * 1_000_000,
        12..=14 => number * 1000,
        15..=17 => number,
        18 | 19 => number / 1000,
        _ => return None,
    };
    Some(if digits.len() == text.len() { time } else { -time })
}

fn scan(text: &mut Cursor) -> Option<WrittenDate> {
    if text.rest.len() > 64 || !text.rest.iter().any(u8::is_ascii_digit) {
        return None;
    }
    let begin = text.rest;
    let first = text.letters();
    if !first.is_empty() && is_name(first, &WEEKDAYS).is_some() {
        text.note(if first.len() == 3 { "%a" } else { "%A" });
        text.one_of(b".");
        text.one_of(b",");
        text.blanks();
    } else {
        text.rest = begin;
    }
    let is_year_first = text.digits() >= 4;
    let (date, is_short, basic) = match text.digits() {
        0 => month_named(text)?,
        4 => year_first(text)?,
        8 => basic_date(text)?,
        1 | 2 => day_or_month_first(text)?,
        _ => return None,
    };
    if text.rest.is_empty() {
        return (!basic).then_some(WrittenDate { date, time: 0, is_short, is_year_first });
    }
    let comma = text.one_of(b",").is_some();
    if !(text.blanks() || !comma && text.one_of(b"Tt").is_some()) {
        return None;
    }
    let time = time_of_day(text, basic && text.digits() >= 4)?;
    Some(WrittenDate { date, time, is_short, is_year_first })
}

/// Its place among names, given whole or by its first three letters; `Sept` as well.
fn is_name(word: &[u8], names: &[&[u8]]) -> Option<usize> {
    let is = |name: &[u8]| {
        let known = word.len() == 3 || word.len() == name.len() || word.eq_ignore_ascii_case(b"sept");
        known && name.len() >= word.len() && name[..word.len()].eq_ignore_ascii_case(word)
    };
    names.iter().position(|name| is(name))
}

/// The month that is named at the start.
fn month(text: &mut Cursor) -> Option<i64> {
    let word = text.letters();
    let month = is_name(word, &MONTHS)?;
    text.note(if word.len() == 3 { "%b" } else { "%B" });
    text.one_of(b".");
    Some(month as i64 + 1)
}

/// A date, whether its year is short, and whether it is written without separators.
type Dated = Option<(Parts, bool, bool)>;

fn known(year: i64, month: i64, day: i64, is_short: bool) -> Dated {
    Some((Parts::Known(days(year, month, day)?), is_short, false))
}

/// `2024-05-31`, `2024/5/31`, `2024.05.31`, `2024-May-31`, `2024-05`.
fn year_first(text: &mut Cursor) -> Dated {
    let (year, _) = text.number(4, 4)?;
    text.note("%Y");
    let separator = text.one_of(b"-/. ")?;
    let month = if text.digits() > 0 {
        text.note("%m");
        text.number(1, 2)?.0
    } else {
        month(text)?
    };
    let has_day = text.rest.first() == Some(&separator) && text.rest.get(1).is_some_and(u8::is_ascii_digit);
    if !has_day || separator == b' ' && text.rest.get(1..).is_some_and(|rest| rest.contains(&b':')) {
        return if matches!(separator, b'-' | b'/') && text.rest.is_empty() {
            known(year, month, 1, false)
        } else {
            None
        };
    }
    text.one_of(&[separator]);
    let (day, _) = text.number(1, 2)?;
    text.note("%d");
    if year == 0 && month == 0 && day == 0 {
        return Some((Parts::Zero, false, false));
    }
    known(year, month, day, false)
}

/// `20240531`, before a time.
fn basic_date(text: &mut Cursor) -> Dated {
    let (number, _) = text.number(8, 8)?;
    text.note("%Y%m%d");
    Some((Parts::Known(days(number / 10_000, number / 100 % 100, number % 100)?), false, true))
}

/// `May 31, 2024`, `May-31-24`, `May 2024`.
fn month_named(text: &mut Cursor) -> Dated {
    let month = month(text)?;
    text.blanks();
    text.one_of(b"-/,");
    text.blanks();
    if text.digits() == 4 {
        let (year, _) = text.number(4, 4)?;
        text.note("%Y");
        return if text.rest.is_empty() { known(year, month, 1, false) } else { None };
    }
    let (day, _) = text.number(1, 2)?;
    text.note("%d");
    ordinal(text);
    let comma = text.one_of(b"-/,").is_some();
    if !text.blanks() && !comma {
        return None;
    }
    let (year, is_short) = year(text)?;
    known(year, month, day, is_short)
}

/// `31/05/2024`, `31.5.24`, `31-May-2024`, `31 May 2024`, `31May2024`, `05/2024`.
fn day_or_month_first(text: &mut Cursor) -> Dated {
    let (first, _) = text.number(1, 2)?;
    if matches!(text.rest, [b'/' | b'.' | b'-', b'0'..=b'9', ..]) {
        return numbers(text, first);
    }
    text.note("%d");
    ordinal(text);
    text.one_of(b"-/.");
    text.blanks();
    let month = month(text)?;
    let separated = text.one_of(b"-/,").is_some() | text.blanks();
    if !separated && text.digits() == 0 {
        return None;
    }
    let (year, is_short) = year(text)?;
    known(year, month, first, is_short)
}

/// Two numbers and a year, or a month and a year.
fn numbers(text: &mut Cursor, first: i64) -> Dated {
    let separator = text.rest[0];
    text.rest = &text.rest[1..];
    if text.digits() == 4 && separator != b'.' {
        let (year, _) = text.number(4, 4)?;
        text.note("%m");
        text.note_text(&[separator]);
        text.note("%Y");
        return if text.rest.is_empty() { known(year, first, 1, false) } else { None };
    }
    text.note(FIRST);
    text.note_text(&[separator]);
    let (second, _) = text.number(1, 2)?;
    text.note(SECOND);
    text.one_of(&[separator])?;
    let (year, is_short) = year(text)?;
    if first == 0 && second == 0 {
        return Some((Parts::Zero, is_short, false));
    }
    let is_date = days(year, first, second).or(days(year, second, first)).is_some();
    is_date.then_some((Parts::Numbers { first, second, year, separator }, is_short, false))
}

/// A year of four digits, or of two: 1969 to 2068, as POSIX has it.
fn year(text: &mut Cursor) -> Option<(i64, bool)> {
    let (year, digits) = text.number(2, 4)?;
    text.note(if digits == 4 { "%Y" } else { "%y" });
    match digits {
        4 => Some((year, false)),
        2 => Some((full_year(year), true)),
        _ => None,
    }
}

/// The year that two digits stand for.
fn full_year(digits: i64) -> i64 {
    if digits < 69 { 2000 + digits } else { 1900 + digits }
}

/// Takes `st`, `nd`, `rd` or `th` from the start.
fn ordinal(text: &mut Cursor) {
    let word = text.rest.get(..2).unwrap_or_default();
    let ends = !text.rest.get(2).is_some_and(u8::is_ascii_alphabetic);
    if ends && [&b"st"[..], b"nd", b"rd", b"th"].iter().any(|ending| word.eq_ignore_ascii_case(ending)) {
        text.note_text(word);
        text.rest = &text.rest[2..];
    }
}

#[cfg(test)]
mod tests;
