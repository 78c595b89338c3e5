//! The cells of a sheet, in their order.

use std::ops::Range;

use quick_xml::events::BytesStart;

use super::damage::damaged;
use super::formats::{Formats, Shows};
use super::xml::{Node, Xml, attribute};
use crate::data::error::DataError;
use crate::data::values::{DateOrder, LARGEST_EXACT_INTEGER, parse_datetime};
use crate::wording::Shown;

/// What a sheet of Excel holds.
const MOST_ROWS: u32 = 1 << 20;
const MOST_COLUMNS: u32 = 1 << 14;
/// Days of Excel from 1900 on at 1970-01-01; those from 1904 on begin so many days later.
const EPOCH: f64 = 25_569.0;
const DAYS_TO_1904: f64 = 1462.0;
/// The first day of the year 10000.
const DAYS_END: f64 = 2_958_466.0;
/// Before this day, 1900-03-01, days count one more: Excel has a 29th of February 1900, which there was not.
const LEAP_DAY: f64 = 60.0;
const DAY_MILLISECONDS: f64 = 86_400_000.0;

/// A cell that is there.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Cell {
    /// Counted from 1, as they are shown.
    pub row: u32,
    /// Counted from 0.
    pub column: u32,
    pub value: Value,
}

/// What is in a cell.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// A formula whose result the file does not have.
    Unknown,
    Number(f64),
    /// An integer that a number cannot hold, by its digits.
    Digits(Range<usize>),
    Boolean(bool),
    /// In microseconds.
    Time(i64),
    /// A text of the workbook's.
    Shared(usize),
    /// A text that stands in the cell.
    Own(Range<usize>),
    /// `#N/A` and the like.
    Error(Range<usize>),
}

/// What says how the number of a cell is meant.
pub(super) struct Meaning<'a> {
    pub formats: &'a Formats,
    pub since_1904: bool,
}

/// A sheet that is read from its first cell on.
pub(super) struct SheetReader {
    xml: Xml,
    row: u32,
    column: u32,
    /// Whether a row has begun and not ended.
    is_in_row: bool,
    /// Where the last cell stands.
    last: Option<(u32, u32)>,
    /// Whether the last cell was read.
    has_ended: bool,
    /// The last rows of regions whose cells are merged: they stand behind the cells.
    pub merged: Vec<u32>,
}

/// A cell's element: its place, style and type.
struct Head {
    row: u32,
    column: u32,
    style: usize,
    kind: Kind,
}

/// What the value of a cell is written as.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Number,
    Shared,
    Boolean,
    Error,
    Text,
    Date,
}

impl SheetReader {
    pub fn new(xml: Xml) -> Self {
        SheetReader { xml, row: 1, column: 0, is_in_row: false, last: None, has_ended: false, merged: Vec::new() }
    }

    /// The next cell that has something in it; what it refers to by a range was added to `text`.
    ///
    /// # Errors
    /// `Malformed`: the sheet cannot be read.
    pub fn next(&mut self, meaning: &Meaning, text: &mut String) -> Result<Option<Cell>, DataError> {
        while !self.has_ended {
            self.xml.anew();
            let head = match self.xml.next()? {
                None => return Err(damaged("a sheet has no rows")),
                Some(Node::Begin(element)) => match element.local_name().as_ref() {
                    b"row" => {
                        let row = number_of(&element, "r")?.unwrap_or(self.row);
                        if self.is_in_row || row < self.row || row > MOST_ROWS {
                            return Err(damaged(format!("row {row} is not where it belongs")));
                        }
                        (self.row, self.column, self.is_in_row) = (row, 0, true);
                        continue;
                    }
                    b"c" => Head::of(&element, self.row, self.column)?,
                    _ => continue,
                },
                Some(Node::End(element)) => match element.local_name().as_ref() {
                    b"row" => {
                        (self.row, self.is_in_row) = (self.row + 1, false);
                        continue;
                    }
                    b"sheetData" => {
                        self.has_ended = true;
                        continue;
                    }
                    _ => continue,
                },
                Some(_) => continue,
            };
            let place = Some((head.row, head.column));
            if place <= self.last {
                return Err(damaged(format!("a cell of row {} is not where it belongs", head.row)));
            }
            (self.column, self.last) = (head.column + 1, place);
            if let Some(value) = self.value(&head, meaning, text)? {
                return Ok(Some(Cell { row: head.row, column: head.column, value }));
            }
        }
        Ok(None)
    }

    /// What is in the cell that has just begun.
    fn value(&mut self, head: &Head, meaning: &Meaning, text: &mut String) -> Result<Option<Value>, DataError> {
        let start = text.len();
        let (mut is_formula, mut has_value) = (false, false);
        loop {
            match self.xml.next()? {
                Some(Node::Begin(element)) => match element.local_name().as_ref() {
                    b"v" => {
                        has_value = true;
                        self.xml.text(text)?;
                    }
                    b"is" => {
                        has_value = true;
                        self.xml.rich_text(text)?;
                    }
                    b"c" | b"row" => return Err(damaged(format!("a cell of row {} has others in it", head.row))),
                    name => {
                        is_formula |= name == b"f";
                        self.xml.skip()?;
                    }
                },
                Some(Node::End(_)) | None => break,
                Some(_) => {}
            }
        }
        let found = start..text.len();
        if found.is_empty() {
            // The result of a formula may be an empty text.
            let is_known = has_value && head.kind == Kind::Text;
            return Ok((is_formula && !is_known).then_some(Value::Unknown));
        }
        let value = match head.kind {
            Kind::Text => return Ok(Some(Value::Own(found))),
            Kind::Error => return Ok(Some(Value::Error(found))),
            Kind::Shared => text[found].trim().parse().ok().map(Value::Shared),
            Kind::Boolean => match text[found].trim() {
                "1" | "true" => Some(Value::Boolean(true)),
                "0" | "false" => Some(Value::Boolean(false)),
                other => {
                    return Err(damaged(format!(
                        "a cell of row {} is neither true nor false: {}",
                        head.row,
                        Shown(other)
                    )));
                }
            },
            Kind::Date => match parse_datetime(text[found.clone()].trim(), DateOrder::Iso) {
                Some(time) => Some(Value::Time(time)),
                None => return Ok(Some(Value::Own(found))),
            },
            Kind::Number => {
                match number(text[found.clone()].trim(), meaning.formats.of(head.style), meaning.since_1904) {
                    Some(Numeric::Number(number)) => Some(Value::Number(number)),
                    Some(Numeric::Time(time)) => Some(Value::Time(time)),
                    Some(Numeric::Integer) => return Ok(Some(Value::Digits(found))),
                    Some(Numeric::Clock(clock)) => {
                        text.truncate(start);
                        text.push_str(&clock);
                        return Ok(Some(Value::Own(start..text.len())));
                    }
                    None => return Ok(Some(Value::Own(found))),
                }
            }
        };
        text.truncate(start);
        value.map(Some).ok_or_else(|| damaged("a cell names a text that is not there"))
    }

    /// Reads on behind the cells: the last rows of regions whose cells are merged, at most `most` of them.
    ///
    /// # Errors
    /// `Malformed`: the sheet cannot be read.
    pub fn read_merged(&mut self, most: usize) -> Result<(), DataError> {
        while self.merged.len() < most {
            self.xml.anew();
            match self.xml.next()? {
                None => return Ok(()),
                Some(Node::Begin(element)) if element.local_name().as_ref() == b"mergeCell" => {
                    let region = attribute(&element, "ref")?.unwrap_or_default();
                    let end = region.rsplit(':').next().and_then(place);
                    self.merged.extend(end.map(|(row, _)| row));
                }
                Some(_) => {}
            }
        }
        Ok(())
    }
}

impl Head {
    /// Of the element of a cell of the row `row`, which is in `column` if it does not say so.
    fn of(element: &BytesStart, row: u32, column: u32) -> Result<Self, DataError> {
        let misplaced = |at: &str| damaged(format!("the cell {at} is not where it belongs"));
        let found = match attribute(element, "r")? {
            Some(at) => place(&at).filter(|found| found.0 == row && found.1 >= column).ok_or_else(|| misplaced(&at))?,
            None if column < MOST_COLUMNS => (row, column),
            None => return Err(misplaced("beyond the last column")),
        };
        let kind = match attribute(element, "t")?.as_deref() {
            None | Some("n") => Kind::Number,
            Some("s") => Kind::Shared,
            Some("b") => Kind::Boolean,
            Some("e") => Kind::Error,
            Some("d") => Kind::Date,
            Some(_) => Kind::Text,
        };
        let style = number_of(element, "s")?.unwrap_or(0) as usize;
        Ok(Head { row: found.0, column: found.1, style, kind })
    }
}

fn number_of(element: &BytesStart, name: &str) -> Result<Option<u32>, DataError> {
    Ok(attribute(element, name)?.and_then(|number| number.parse().ok()))
}

/// The row, counted from 1, and the column, counted from 0, of a place such as `AB12`.
fn place(name: &str) -> Option<(u32, u32)> {
    let digits = name.find(|character: char| character.is_ascii_digit())?;
    let letters = name[..digits].bytes().try_fold(0_u32, |column, letter| {
        let letter = letter.is_ascii_alphabetic().then(|| letter.to_ascii_uppercase() - b'A')?;
        Some(column * 26 + u32::from(letter) + 1).filter(|column| *column <= MOST_COLUMNS)
    });
    let row = name[digits..].parse().ok().filter(|row| (1..=MOST_ROWS).contains(row))?;
    Some((row, letters?.checked_sub(1)?))
}

/// What the number of a cell is.
#[derive(Debug, PartialEq)]
enum Numeric {
    Number(f64),
    /// One that a number cannot hold.
    Integer,
    Time(i64),
    /// A time of the day, as a text.
    Clock(String),
}

fn number(text: &str, shows: Shows, since_1904: bool) -> Option<Numeric> {
    let value: f64 = text.parse().ok().filter(|value: &f64| value.is_finite())?;
    let is_integer = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    if is_integer && value.abs() >= LARGEST_EXACT_INTEGER as f64 {
        let is_exact = text.parse::<i64>().is_ok_and(|exact| exact.unsigned_abs() <= LARGEST_EXACT_INTEGER);
        return Some(if is_exact { Numeric::Number(value) } else { Numeric::Integer });
    }
    let days = if since_1904 { value + DAYS_TO_1904 } else { value };
    Some(match shows {
        Shows::Time if (0.0..1.0).contains(&value) => {
            let seconds = (value * DAY_MILLISECONDS / 1000.0).round() as u32 % 86_400;
            Numeric::Clock(format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60))
        }
        Shows::Time if (0.0..DAYS_END).contains(&days) => {
            let days = days + if days < LEAP_DAY { 1.0 } else { 0.0 } - EPOCH;
            Numeric::Time((days * DAY_MILLISECONDS).round() as i64 * 1000)
        }
        _ => Numeric::Number(value),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_rows_and_columns() {
        assert_eq!(
            ["A1", "Z9", "AA10", "XFD1048576"].map(place),
            [Some((1, 0)), Some((9, 25)), Some((10, 26)), Some((1_048_576, 16_383))]
        );
        assert_eq!(["XFE1", "A0", "A1048577", "1", "A", "", "ÄA1", "A1B"].map(place), [None; 8]);
    }

    #[test]
    fn days_are_dates_as_excel_shows_them() {
        let day = |value: &str, since_1904| match number(value, Shows::Time, since_1904) {
            Some(Numeric::Time(time)) => crate::data::values::format_datetime(time),
            other => format!("{other:?}"),
        };
        assert_eq!(day("45943.541", false), "2025-10-13T12:59:02.400Z");
        assert_eq!([day("1", false), day("61", false)], ["1900-01-01T00:00:00Z", "1900-03-01T00:00:00Z"]);
        assert_eq!(day("44196", true), "2025-01-01T00:00:00Z");
        assert_eq!(day("2958465", false), "9999-12-31T00:00:00Z");
        assert_eq!(day("2958466", false), "Some(Number(2958466.0))");
        assert_eq!(number("0.354166666666667", Shows::Time, false), Some(Numeric::Clock("08:30:00".into())));
        assert_eq!(number("9007199254740993", Shows::Number, false), Some(Numeric::Integer));
        assert_eq!(number("x", Shows::Number, false), None);
    }
}
