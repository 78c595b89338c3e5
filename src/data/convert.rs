//! A column read as one of another type, and values as text.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::data::column::{Column, ColumnType, Table, Values, Words};
use crate::data::encoder::{EncodeError, OnMisfit};
use crate::data::values::{CellFormat, DIGITS, DateFormat, DateOrder, Misfit, Reading, format_datetime, format_number};

impl Values {
    /// Whether a row has no value.
    pub fn is_missing(&self, row: usize) -> bool {
        match self {
            Values::Numeric(values) => values[row].is_nan(),
            Values::Boolean(values) => values[row].is_none(),
            Values::Datetime(values) => values[row].is_none(),
            Values::Words(words) => words.codes[row] == Words::MISSING,
        }
    }

    /// The value of a row as text, unless it is missing.
    pub fn text(&self, row: usize) -> Option<String> {
        match self {
            // + 0.0: zero has no sign in text.
            Values::Numeric(values) => {
                Some(values[row]).filter(|value| !value.is_nan()).map(|value| format_number(value + 0.0))
            }
            Values::Boolean(values) => values[row].map(|value| value.to_string()),
            Values::Datetime(values) => values[row].map(format_datetime),
            Values::Words(words) => words.of_row(row).map(str::to_owned),
        }
    }
}

impl Values {
    /// Those of some rows.
    pub fn select(&self, rows: &[usize]) -> Values {
        fn of<T: Copy>(values: &[T], rows: &[usize]) -> Vec<T> {
            rows.iter().map(|row| values[*row]).collect()
        }
        match self {
            Values::Numeric(values) => Values::Numeric(of(values, rows)),
            Values::Boolean(values) => Values::Boolean(of(values, rows)),
            Values::Datetime(values) => Values::Datetime(of(values, rows)),
            Values::Words(Words { codes, words }) => {
                Values::Words(Words { codes: of(codes, rows), words: words.clone() })
            }
        }
    }
}

impl Table {
    /// Some of its rows.
    pub fn select(&self, rows: &[usize]) -> Table {
        let of_rows = |column: &Column| Column {
            name: column.name.clone(),
            kind: column.kind,
            values: column.values.select(rows),
        };
        Table { columns: self.columns.iter().map(of_rows).collect(), rows: rows.len() }
    }

    /// Where the column of a name stands, looked for from `start` on: quick for those who ask in the table's order.
    pub fn position(&self, start: usize, name: &str) -> Option<usize> {
        let start = start.min(self.columns.len());
        (start..self.columns.len()).chain(0..start).find(|at| self.columns[*at].name == name)
    }
}

/// What a type's values are called in errors, with how the column's are written: whoever sends others learns there how the column
/// was read.
pub fn expected(kind: ColumnType, reading: Reading) -> Cow<'static, str> {
    match (kind, reading.format) {
        (ColumnType::Numeric, Some(CellFormat::Number(format))) => match format.described() {
            Some(written) => format!("a number written {written}").into(),
            None => "a number".into(),
        },
        (ColumnType::Datetime, Some(CellFormat::Date(DateFormat { format, .. }))) if format == DIGITS => {
            "a date written as digits, or such as 2024-05-01T10:20:30Z,".into()
        }
        (ColumnType::Datetime, Some(CellFormat::Date(DateFormat { format, .. }))) => {
            format!("a date written as {format}, or such as 2024-05-01T10:20:30Z,").into()
        }
        (ColumnType::Datetime, _) => match reading.order {
            Some(DateOrder::DayFirst) => {
                "a date with the day before the month, or such as 2024-05-01T10:20:30Z,".into()
            }
            Some(DateOrder::MonthFirst) => {
                "a date with the month before the day, or such as 2024-05-01T10:20:30Z,".into()
            }
            Some(DateOrder::Iso) | None => "a date or time such as 2024-05-01T10:20:30Z".into(),
        },
        (ColumnType::Numeric, _) => "a number".into(),
        (ColumnType::Boolean, _) => "true or false".into(),
        (ColumnType::Categorical | ColumnType::Text, _) => "text".into(),
    }
}

/// A text that is none of its column's type as an error shows it, with what may be wrong with it where that is known.
pub fn shown_text(column: &str, reading: Reading, text: &str) -> String {
    let hint = reading.numbers().map(|format| format.hint(column, text)).unwrap_or_default();
    format!("{:?}{hint}", text.chars().take(64).collect::<String>())
}

impl Column {
    /// A column without values.
    pub fn missing(name: &str, kind: ColumnType, rows: usize) -> Self {
        let values = match kind {
            ColumnType::Numeric => Values::Numeric(vec![f64::NAN; rows]),
            ColumnType::Boolean => Values::Boolean(vec![None; rows]),
            ColumnType::Datetime => Values::Datetime(vec![None; rows]),
            ColumnType::Categorical | ColumnType::Text => {
                Values::Words(Words { codes: vec![Words::MISSING; rows], words: Vec::new() })
            }
        };
        Column { name: name.to_owned(), kind, values }
    }

    /// The column of texts, each `None` where a value is missing, read as `kind`; `on_misfit` is told each row whose text is
    /// none of it.
    ///
    /// # Errors
    /// What `on_misfit` makes of a `Value`.
    pub fn from_texts<'a>(
        name: &str,
        kind: ColumnType,
        reading: Reading,
        texts: impl Iterator<Item = Option<&'a str>>,
        on_misfit: OnMisfit,
    ) -> Result<Self, EncodeError> {
        let mut unfit = |row: usize, text: &str| {
            on_misfit(EncodeError::Value {
                row,
                column: name.to_owned(),
                expected: expected(kind, reading),
                got: shown_text(name, reading, text),
            })
        };
        let values = match kind {
            ColumnType::Numeric => {
                Values::Numeric(parsed(texts, |text| reading.number(text), &mut unfit, |x| x.unwrap_or(f64::NAN))?)
            }
            ColumnType::Boolean => Values::Boolean(parsed(texts, |text| reading.boolean(text), &mut unfit, |x| x)?),
            ColumnType::Datetime => Values::Datetime(parsed(texts, |text| reading.datetime(text), &mut unfit, |x| x)?),
            ColumnType::Categorical | ColumnType::Text => {
                Values::Words(words_of(texts.map(|text| text.and_then(|text| reading.word(text)).map(Cow::Borrowed))))
            }
        };
        Ok(Column { name: name.to_owned(), kind, values })
    }

    /// The column read as `kind`: words as numbers, numbers as words and so on.
    ///
    /// # Errors
    /// `Value`: the first row whose value is none of `kind`.
    pub fn of_kind(&self, kind: ColumnType, reading: Reading) -> Result<Cow<'_, Column>, EncodeError> {
        let words = |kind| matches!(kind, ColumnType::Categorical | ColumnType::Text);
        if kind == self.kind || words(kind) && words(self.kind) {
            return Ok(Cow::Borrowed(self));
        }
        let texts: Vec<Option<String>> = (0..self.values.len()).map(|row| self.values.text(row)).collect();
        let texts = texts.iter().map(Option::as_deref);
        Column::from_texts(&self.name, kind, reading, texts, &mut EncodeError::refuse).map(Cow::Owned)
    }
}

/// Words by code, each once.
pub fn words_of<'a>(texts: impl Iterator<Item = Option<Cow<'a, str>>>) -> Words {
    let mut known: HashMap<Cow<'a, str>, u32> = HashMap::new();
    let mut words = Words::default();
    for text in texts {
        let code = match text {
            None => Words::MISSING,
            Some(text) => *known.entry(text).or_insert_with_key(|text| {
                words.words.push(text.to_string());
                words.words.len() as u32 - 1
            }),
        };
        words.codes.push(code);
    }
    words
}

fn parsed<'a, T, V>(
    texts: impl Iterator<Item = Option<&'a str>>,
    parse: impl Fn(&str) -> Result<Option<T>, Misfit>,
    unfit: &mut dyn FnMut(usize, &str) -> Result<(), EncodeError>,
    value: impl Fn(Option<T>) -> V,
) -> Result<Vec<V>, EncodeError> {
    let mut cell = |(row, text): (usize, Option<&str>)| match text.map(|text| (text, parse(text))) {
        None => Ok(value(None)),
        Some((_, Ok(read))) => Ok(value(read)),
        Some((text, Err(Misfit))) => unfit(row, text).map(|()| value(None)),
    };
    texts.enumerate().map(&mut cell).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_expected_says_how_the_column_is_written() {
        let of = |kind, format: &str| {
            let format: CellFormat = serde_json::from_str(format).expect("a format");
            expected(kind, Reading { format: Some(&format), ..Reading::default() }).into_owned()
        };
        assert_eq!(of(ColumnType::Numeric, r#"{"decimal":","}"#), "a number written with a decimal comma");
        assert_eq!(of(ColumnType::Numeric, r#"{"suffix":"€"}"#), "a number written before \"€\"");
        let american = "a date written as %m/%d/%Y, or such as 2024-05-01T10:20:30Z,";
        assert_eq!(of(ColumnType::Datetime, r#"{"format":"%m/%d/%Y"}"#), american);
        let plain = |kind| expected(kind, Reading::default()).into_owned();
        assert_eq!(plain(ColumnType::Numeric), "a number");
        assert_eq!(plain(ColumnType::Datetime), "a date or time such as 2024-05-01T10:20:30Z");
    }
}
