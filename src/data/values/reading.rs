//! How the text of a column's cells is read: the one way from a cell to a value, for files and requests alike.

use serde::{Deserialize, Serialize};

use super::date_format::DateFormat;
use super::datetime::{DateOrder, WrittenDate};
use super::missing::is_missing_word;
use super::number::{canonical_number, parse_number};
use super::number_format::NumberFormat;
use super::words::{parse_boolean, trim};

/// How the cells of a column are written, where it is not as a program writes them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum CellFormat {
    /// Of dates.
    Date(DateFormat),
    /// Of numbers.
    Number(NumberFormat),
}

/// How a column's cells are written, as it is stored: the default is how a program writes them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Writing {
    /// The order of day and month.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date_order: Option<DateOrder>,
    /// The format of numbers or dates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<CellFormat>,
    /// Words that mean that there is no value, beside those that always do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing_words: Vec<String>,
}

impl Writing {
    /// What reads cells that are written so.
    pub fn reading(&self) -> Reading<'_> {
        Reading { order: self.date_order, format: self.format.as_ref(), missing_words: &self.missing_words }
    }

    /// Whether it is how a program writes.
    pub fn is_plain(&self) -> bool {
        *self == Writing::default()
    }
}

/// What is known of how a column's cells are written. The default knows plain numbers, and dates that no order can misread.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reading<'a> {
    /// The order of day and month.
    pub order: Option<DateOrder>,
    /// The format of numbers or dates.
    pub format: Option<&'a CellFormat>,
    /// Words that mean that there is no value, beside those that always do.
    pub missing_words: &'a [String],
}

/// The text of a cell is not of the column's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Misfit;

impl Reading<'_> {
    /// The finite number that a text is; none where it says that there is no value.
    ///
    /// # Errors
    /// It is no number.
    pub fn number(&self, text: &str) -> Result<Option<f64>, Misfit> {
        self.known(text, |text| match self.numbers() {
            Some(format) => format.read_any(text),
            None => parse_number(text),
        })
    }

    /// True or false; none where the text says that there is no value.
    ///
    /// # Errors
    /// It is neither.
    pub fn boolean(&self, text: &str) -> Result<Option<bool>, Misfit> {
        self.known(text, parse_boolean)
    }

    /// Microseconds since 1970-01-01 UTC; none where the text says that there is no value.
    ///
    /// # Errors
    /// It is no date that the column can have.
    pub fn datetime(&self, text: &str) -> Result<Option<i64>, Misfit> {
        let order = self.order.unwrap_or(DateOrder::Iso);
        if let Some(CellFormat::Date(format)) = self.format.filter(|_| self.has_asked_dates()) {
            return self.known(text, |text| format.read(text, order));
        }
        match WrittenDate::of(text) {
            Some(date) if date.is_zero() => Ok(None),
            date => self.known(text, |_| date?.at(order)),
        }
    }

    /// A word; none where the text is empty or one of the words that were named for it.
    pub fn word<'t>(&self, text: &'t str) -> Option<&'t str> {
        (!text.is_empty() && !is_among(text, self.missing_words)).then_some(text)
    }

    /// The format of numbers, if they have one.
    pub fn numbers(&self) -> Option<&NumberFormat> {
        match self.format {
            Some(CellFormat::Number(format)) => Some(format),
            _ => None,
        }
    }

    /// Whether texts may be numbers in this column although the file says that they are texts.
    pub fn has_written_numbers(&self) -> bool {
        self.numbers().is_some()
    }

    /// Whether dates are written as somebody asked for: then numbers may be dates.
    pub fn has_asked_dates(&self) -> bool {
        matches!(self.format, Some(CellFormat::Date(format)) if format.asked)
    }

    fn known<T>(&self, text: &str, parse: impl FnOnce(&str) -> Option<T>) -> Result<Option<T>, Misfit> {
        if !self.missing_words.is_empty() && is_among(text, self.missing_words) {
            return Ok(None);
        }
        match parse(text) {
            None if is_missing_word(text) => Ok(None),
            None => Err(Misfit),
            value => Ok(value),
        }
    }
}

/// Whether a text is one of these words, blanks around it left out, or the number that one of them is: `-999.0` is `-999`, as files
/// that have numbers, and no texts, cannot tell them apart.
pub(crate) fn is_among(text: &str, words: &[String]) -> bool {
    let text = trim(text.as_bytes());
    words.iter().any(|word| {
        let word = trim(word.as_bytes());
        word == text || may_be_equal(word, text) && are_equal(word, text)
    })
}

/// Whether two texts may be one number, at a glance: they have the same sign and the same first digit that is not zero.
fn may_be_equal(one: &[u8], other: &[u8]) -> bool {
    let glance = |text: &[u8]| {
        let is_known = text.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'-' | b'+' | b'e' | b'E'));
        let digit = text.iter().copied().find(|byte| matches!(byte, b'1'..=b'9' | b'e' | b'E'));
        let digit = digit.filter(u8::is_ascii_digit);
        // Zero has no sign.
        (is_known && !text.is_empty()).then(|| (text[0] == b'-' && digit.is_some(), digit))
    };
    glance(one).is_some_and(|one| glance(other) == Some(one))
}

fn are_equal(one: &[u8], other: &[u8]) -> bool {
    let number = |text| canonical_number(std::str::from_utf8(text).ok()?);
    number(one).is_some_and(|one| number(other) == Some(one))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_found_in_every_writing_of_its_number() {
        let words = ["-999", " unknown ", "0", "99.5", "9007199254740993", "007"].map(str::to_owned);
        for text in ["-999", "-999.0", " -999.00", "-9.99e2", "unknown", "0.0", "0e5", "-0", "99.50", "995e-1", "007"] {
            assert!(is_among(text, &words), "{text}");
        }
        for text in
            ["999", "-99.9", "-999.01", "Unknown", "1", "99.49", "9007199254740992", "7", "07", "", "-", "e9", "."]
        {
            assert!(!is_among(text, &words), "{text}");
        }
    }
}
