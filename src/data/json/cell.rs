//! A value of a record, before it is known what its column is.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Error, Visitor};
use serde::{Deserializer, Serialize, Serializer};

use crate::data::values::{LARGEST_EXACT_INTEGER, format_number};
use crate::wording::Shown;

/// A value whose column is not known yet.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// There is no such key.
    Absent,
    /// Null, or an empty text.
    Missing,
    /// A number.
    Number(f64),
    /// An integer that floats do not tell from its neighbours: its sign and its size.
    LargeInteger {
        /// Whether it is below 0.
        negative: bool,
        /// Without its sign.
        size: u64,
    },
    /// True or false.
    Boolean(bool),
    /// A text.
    Text(Box<str>),
}

impl Cell {
    /// An integer.
    fn integer(negative: bool, size: u64) -> Self {
        match size {
            0..=LARGEST_EXACT_INTEGER if negative => Cell::Number(-(size as f64)),
            0..=LARGEST_EXACT_INTEGER => Cell::Number(size as f64),
            _ => Cell::LargeInteger { negative, size },
        }
    }

    /// A text; one that is empty is missing.
    pub fn of_text(text: &str) -> Self {
        if text.is_empty() { Cell::Missing } else { Cell::Text(text.into()) }
    }

    /// The number that some digits are: an integer in full where it has up to 64 bits.
    pub fn of_digits(digits: &str) -> Self {
        let size = digits.trim_start_matches('-').parse();
        match (size, digits.parse::<f64>()) {
            (Ok(size), _) => Cell::integer(digits.starts_with('-'), size),
            (_, Ok(number)) if number.is_finite() => Cell::Number(number),
            _ => Cell::of_text(digits),
        }
    }

    /// Whether it has no value.
    pub fn is_missing(&self) -> bool {
        matches!(self, Cell::Absent | Cell::Missing)
    }

    /// The number, if it is one, as the float next to it.
    pub fn number(&self) -> Option<f64> {
        match *self {
            Cell::Number(number) => Some(number),
            Cell::LargeInteger { negative: true, size } => Some(-(size as f64)),
            Cell::LargeInteger { negative: false, size } => Some(size as f64),
            _ => None,
        }
    }

    /// The integer, if it is one of 64 bits.
    pub fn integer_value(&self) -> Option<i64> {
        match *self {
            Cell::Number(number) if number.fract() == 0.0 && number.abs() <= LARGEST_EXACT_INTEGER as f64 => {
                Some(number as i64)
            }
            Cell::LargeInteger { negative: false, size } => i64::try_from(size).ok(),
            Cell::LargeInteger { negative: true, size } => 0i64.checked_sub_unsigned(size),
            _ => None,
        }
    }

    /// True or false, if it is one of them.
    pub fn boolean(&self) -> Option<bool> {
        if let Cell::Boolean(value) = self { Some(*value) } else { None }
    }

    /// The text of the value, the one of a data file that has it; nothing if it is missing.
    pub fn text(&self) -> Option<Cow<'_, str>> {
        Some(match self {
            Cell::Absent | Cell::Missing => return None,
            // + 0.0: zero has no sign in text.
            Cell::Number(number) => Cow::Owned(format_number(*number + 0.0)),
            Cell::LargeInteger { negative, size } => Cow::Owned(format!("{}{size}", if *negative { "-" } else { "" })),
            Cell::Boolean(value) => Cow::Borrowed(if *value { "true" } else { "false" }),
            Cell::Text(text) => Cow::Borrowed(text),
        })
    }
}

/// As the value that it was read from; a whole number has no point.
impl Serialize for Cell {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Cell::Absent | Cell::Missing => serializer.serialize_none(),
            Cell::Boolean(value) => serializer.serialize_bool(*value),
            Cell::Text(text) => serializer.serialize_str(text),
            Cell::LargeInteger { negative: false, size } => serializer.serialize_u64(*size),
            cell => match (cell.integer_value(), cell.number()) {
                (Some(integer), _) => serializer.serialize_i64(integer),
                (None, number) => number.serialize(serializer),
            },
        }
    }
}

/// The value of a key.
pub(super) struct CellSeed<'k> {
    pub(super) row: usize,
    pub(super) key: &'k str,
}

impl<'de> DeserializeSeed<'de> for CellSeed<'_> {
    type Value = Cell;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Cell, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for CellSeed<'_> {
    type Value = Cell;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "a number, a text, true, false or null in row {} at {}", self.row + 1, Shown(self.key))
    }

    fn visit_unit<E: Error>(self) -> Result<Cell, E> {
        Ok(Cell::Missing)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Cell, E> {
        Ok(Cell::Boolean(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Cell, E> {
        Ok(Cell::Number(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Cell, E> {
        Ok(Cell::integer(false, value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Cell, E> {
        Ok(Cell::integer(value < 0, value.unsigned_abs()))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Cell, E> {
        Ok(Cell::of_text(value))
    }
}
