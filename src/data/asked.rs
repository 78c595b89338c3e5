//! What is asked of a data file and its columns, in place of what is found.

use std::collections::BTreeMap;

use serde::de::{Error, IntoDeserializer};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::column::ColumnType;
use super::values::{CellFormat, DateFormat, DateOrder, NumberFormat, Writing, is_among};

/// A word for missing values, what stands before or behind numbers and a pattern of dates have at most so many characters: they
/// stand in profiles and versions, and are looked for in every cell.
const MOST_CHARACTERS: usize = 100;
/// The words for missing values that are named for all columns, or for one, have at most so many bytes together.
const MOST_WORDS_BYTES: usize = 1000;

/// What is asked of one column.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AskedColumn {
    /// What its values are.
    pub kind: Option<ColumnType>,
    /// How they are written.
    pub format: Option<CellFormat>,
    /// In which order dates have day and month, whatever the cells show.
    pub order: Option<DateOrder>,
    /// Whether it is as it was before: then no format is found where none is named.
    pub is_known: bool,
    /// Words that mean that there is no value.
    pub missing: Vec<String>,
}

/// What is asked of a column in full: its type alone may also be given as a text.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InFull {
    #[serde(rename = "type")]
    kind: Option<ColumnType>,
    decimal: Option<char>,
    thousands: Option<char>,
    prefix: Option<String>,
    suffix: Option<String>,
    scale: Option<f64>,
    format: Option<String>,
    #[serde(default)]
    missing: Vec<String>,
}

impl<'de> Deserialize<'de> for AskedColumn {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(word) => {
                let kind = ColumnType::deserialize(word.into_deserializer())?;
                Ok(AskedColumn { kind: Some(kind), ..AskedColumn::default() })
            }
            value => InFull::deserialize(value).map_err(D::Error::custom)?.checked().map_err(D::Error::custom),
        }
    }
}

impl AskedColumn {
    /// A column of this type whose cells were written so. Where no date has needed an order of day and month yet, none is guessed now.
    pub fn as_before(kind: ColumnType, Writing { date_order, format, missing_words }: Writing) -> Self {
        let order = Some(date_order.unwrap_or(DateOrder::Iso));
        AskedColumn { kind: Some(kind), format, order, is_known: true, missing: missing_words }
    }
}

/// Checks the words for missing values that are named together.
///
/// # Errors
/// What is wrong with them.
pub fn check_missing(words: &[String]) -> Result<(), String> {
    words.iter().try_for_each(|word| check_length("a word for missing values", word))?;
    match words.iter().map(String::len).sum::<usize>() {
        0..=MOST_WORDS_BYTES => Ok(()),
        bytes => {
            Err(format!("the words for missing values have {bytes} bytes together; {MOST_WORDS_BYTES} is the most"))
        }
    }
}

/// Checks how a column is written that comes from a file: that nothing of it is longer than may be asked for.
///
/// # Errors
/// What is too long.
pub fn check_writing(writing: &Writing) -> Result<(), String> {
    /// Those for all columns and those for one, and as many more as there may be words of one byte.
    const MOST: usize = 4 * MOST_WORDS_BYTES;
    writing.missing_words.iter().try_for_each(|word| check_length("a word for missing values", word))?;
    let bytes: usize = writing.missing_words.iter().map(|word| word.len() + 1).sum();
    if bytes > MOST {
        return Err(format!(
            "the words for missing values of a column have {bytes} bytes together; {MOST} is the most"
        ));
    }
    let (before, behind, pattern) = match &writing.format {
        Some(CellFormat::Number(NumberFormat { prefix, suffix, .. })) => (prefix.as_deref(), suffix.as_deref(), None),
        Some(CellFormat::Date(DateFormat { format, .. })) => (None, None, Some(format.as_str())),
        None => (None, None, None),
    };
    let parts = [("a prefix", before), ("a suffix", behind), ("a format", pattern)];
    parts.into_iter().try_for_each(|(what, text)| text.map_or(Ok(()), |text| check_length(what, text)))
}

fn check_length(what: &str, text: &str) -> Result<(), String> {
    match text.chars().count() {
        0..=MOST_CHARACTERS => Ok(()),
        count => Err(format!("{what} has {count} characters; {MOST_CHARACTERS} is the most")),
    }
}

impl InFull {
    fn checked(self) -> Result<AskedColumn, String> {
        check_missing(&self.missing)?;
        for (what, text) in [("a prefix", &self.prefix), ("a suffix", &self.suffix), ("a format", &self.format)] {
            text.as_deref().map_or(Ok(()), |text| check_length(what, text))?;
        }
        let of_numbers = self.decimal.is_some()
            || self.thousands.is_some()
            || self.prefix.is_some()
            || self.suffix.is_some()
            || self.scale.is_some();
        let implied = match (of_numbers, &self.format) {
            (true, Some(_)) => {
                return Err("a format of dates does not go with decimal, thousands, prefix, suffix or scale".into());
            }
            (true, None) => Some(ColumnType::Numeric),
            (false, Some(_)) => Some(ColumnType::Datetime),
            (false, None) => None,
        };
        if implied.is_some() && self.kind.is_some() && self.kind != implied {
            return Err("decimal, thousands, prefix, suffix and scale are of numbers, a format is of dates".into());
        }
        let format = match (implied, self.format) {
            (Some(ColumnType::Numeric), _) => {
                // The other sign than the one that separates thousands.
                let decimal = self.decimal.unwrap_or(if self.thousands == Some('.') { ',' } else { '.' });
                let (thousands, prefix, suffix) = (self.thousands, self.prefix, self.suffix);
                let format = NumberFormat { decimal, thousands, prefix, suffix, scale: self.scale.unwrap_or(1.0) };
                format.fault().map_or(Ok(Some(CellFormat::Number(format))), |fault| Err(fault.to_owned()))?
            }
            (_, Some(pattern)) => {
                let format = DateFormat { format: pattern, asked: true };
                format.fault().map_or(Ok(Some(CellFormat::Date(format))), Err)?
            }
            _ => None,
        };
        Ok(AskedColumn { kind: self.kind.or(implied), format, missing: self.missing, ..AskedColumn::default() })
    }
}

/// What is asked of a file's columns.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AskedColumns {
    /// By name.
    pub columns: BTreeMap<String, AskedColumn>,
    /// Of others by name, where the data has them: how they were read before.
    pub before: BTreeMap<String, AskedColumn>,
    /// Words that mean in every column that there is no value.
    pub missing: Vec<String>,
    /// Columns that are not stored.
    pub skipped: Vec<String>,
    /// The sheet that is read, of a workbook; else the first.
    pub sheet: Option<String>,
}

impl AskedColumns {
    /// What is asked of a column.
    pub fn column(&self, name: &str) -> Option<&AskedColumn> {
        self.columns.get(name).or_else(|| self.before.get(name))
    }

    /// Whether a column is not stored.
    pub fn is_skipped(&self, name: &str) -> bool {
        self.skipped.iter().any(|skipped| skipped == name)
    }

    /// Whether words are named for missing values anywhere.
    pub fn has_missing_words(&self) -> bool {
        !self.missing.is_empty()
            || self.columns.values().chain(self.before.values()).any(|column| !column.missing.is_empty())
    }

    /// Whether a text means in a column that there is no value.
    pub fn is_missing(&self, name: &str, text: &str) -> bool {
        is_among(text, &self.missing) || self.column(name).is_some_and(|column| is_among(text, &column.missing))
    }

    /// The names for which something is asked.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.keys().chain(&self.skipped).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_for_columns_is_short() {
        let words = |count: usize, length: usize| vec!["é".repeat(length); count];
        assert_eq!((check_missing(&words(4, 100)), check_missing(&words(500, 1))), (Ok(()), Ok(())));
        for (refused, says) in [(words(1, 101), "101 characters"), (words(501, 1), "1002 bytes")] {
            assert!(check_missing(&refused).is_err_and(|fault| fault.contains(says)), "{says}");
        }
        let long = "y".repeat(101);
        for given in [
            format!(r#"{{"missing":["{long}"]}}"#),
            format!(r#"{{"prefix":"{long}"}}"#),
            format!(r#"{{"suffix":"{long}"}}"#),
            format!(r#"{{"format":"%{long}"}}"#),
        ] {
            let refused = serde_json::from_str::<AskedColumn>(&given).map_err(|error| error.to_string());
            assert!(refused.is_err_and(|fault| fault.contains("100 is the most")), "{given}");
        }
    }
}
