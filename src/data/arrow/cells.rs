//! Cells of Arrow arrays of any type that a table can have.

use std::borrow::Cow;

use arrow_array::cast::AsArray;
use arrow_array::types::*;
use arrow_array::{Array, ArrayRef, PrimitiveArray};
use arrow_buffer::NullBuffer;
use arrow_schema::{DataType, TimeUnit};

use crate::data::builder::Builder;
use crate::data::column::{Column, ColumnType, Values};
use crate::data::convert::expected;
use crate::data::encoder::{EncodeError, OnMisfit};
use crate::data::inference::{Evidence, Form, Native, Written};
use crate::data::json::Cell;
use crate::data::values::{LARGEST_EXACT_INTEGER, Misfit, Reading, format_datetime, format_number, is_among};

/// The first and last microsecond of the years 0 to 9999.
const TIMES: std::ops::RangeInclusive<i64> = -62_167_219_200_000_000..=253_402_300_799_999_999;

/// How the value of a row is read.
enum CellReader<'a> {
    Integer(Box<dyn Fn(usize) -> i128 + 'a>),
    /// Integers that may have more digits than the others, as their text.
    Digits(Box<dyn Fn(usize) -> String + 'a>),
    Float(Box<dyn Fn(usize) -> f64 + 'a>),
    Boolean(Box<dyn Fn(usize) -> bool + 'a>),
    /// In microseconds; nothing if that is too many.
    Time(Box<dyn Fn(usize) -> Option<i64> + 'a>),
    Word(Box<dyn Fn(usize) -> &'a str + 'a>),
}

/// An array of a column.
pub(crate) struct Cells<'a> {
    rows: usize,
    missing: Option<NullBuffer>,
    values: CellReader<'a>,
    /// Whether floats are of 32 bits: then 0.1 is their text for what is 0.10000000149011612 of 64.
    is_single: bool,
}

/// What is wrong with the cell of a row.
pub(crate) enum Wrong {
    /// It is not of the column's form; this is its text.
    Misfit(usize, String),
    /// It is a time outside the years 0 to 9999.
    Time(usize),
}

/// The cells of an array as those of records; all are missing if its type cannot be used.
pub fn cells_of(array: &ArrayRef) -> Vec<Cell> {
    Cells::of(array).map_or_else(|| vec![Cell::Missing; array.len()], |cells| cells.cells())
}

/// Whether a column of this type can be read.
pub(crate) fn is_supported(kind: &DataType) -> bool {
    match kind {
        DataType::Dictionary(_, kind) => !matches!(**kind, DataType::Dictionary(..)) && is_supported(kind),
        DataType::Null | DataType::Boolean | DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
        DataType::Date32 | DataType::Date64 | DataType::Timestamp(..) => true,
        kind => kind.is_numeric(),
    }
}

impl<'a> Cells<'a> {
    /// Of an array of a supported type.
    pub fn of(array: &'a ArrayRef) -> Option<Self> {
        let (missing, values) = (array.logical_nulls(), values(array.as_ref())?);
        let is_single = match array.data_type() {
            DataType::Dictionary(_, of_entries) => **of_entries == DataType::Float32,
            of_array => *of_array == DataType::Float32,
        };
        Some(Cells { rows: array.len(), missing, values, is_single })
    }

    fn present(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.rows).filter(|row| self.missing.as_ref().is_none_or(|missing| missing.is_valid(*row)))
    }

    /// Leaves out the values whose text is one of `words`.
    pub fn blank(&mut self, words: &[String]) {
        if words.is_empty() {
            return;
        }
        let is_one = |row: usize| self.text(row).is_ok_and(|text| is_among(&text, words));
        let mut valid = vec![false; self.rows];
        self.present().filter(|row| !is_one(*row)).for_each(|row| valid[row] = true);
        self.missing = Some(NullBuffer::from(valid));
    }

    /// The longest word in bytes, with its row.
    pub fn longest_word(&self) -> Option<(usize, usize)> {
        let CellReader::Word(word) = &self.values else { return None };
        self.present().map(|row| (word(row).len(), row)).max()
    }

    /// Bytes of all words together.
    pub fn word_bytes(&self) -> usize {
        let CellReader::Word(word) = &self.values else { return 0 };
        self.present().map(|row| word(row).len()).sum()
    }

    /// Adds the length of each row's word to `lengths`.
    pub fn add_word_lengths(&self, lengths: &mut [usize]) {
        let CellReader::Word(word) = &self.values else { return };
        self.present().for_each(|row| lengths[row] += word(row).len());
    }

    /// Takes the cells into account, the first of which is that of row `first`.
    pub fn observe(&self, evidence: &mut Evidence, first: u64) {
        let integer = |value: Option<i128>| match value.map(i128::unsigned_abs) {
            Some(value) if value <= u128::from(LARGEST_EXACT_INTEGER) => Native::Number,
            _ => Native::LargeInteger,
        };
        for row in self.present() {
            let place = || first + row as u64;
            match &self.values {
                CellReader::Integer(value) => evidence.observe_native(integer(Some(value(row))), place),
                CellReader::Digits(value) => evidence.observe_native(integer(value(row).parse().ok()), place),
                CellReader::Float(value) => match value(row) {
                    value if value.is_nan() => {}
                    value if value.is_infinite() => evidence.observe_native(Native::NotFinite, place),
                    _ => evidence.observe_native(Native::Number, place),
                },
                CellReader::Boolean(_) => evidence.observe_native(Native::Boolean, place),
                CellReader::Time(_) => evidence.observe_native(Native::Time, place),
                CellReader::Word(word) => evidence.observe(word(row), Written::Quoted, place),
            }
        }
    }

    /// The cells as an array of a form.
    pub fn convert(&self, form: &Form) -> Result<ArrayRef, Wrong> {
        let mut builder = Builder::with_word_bytes(form, self.rows, self.word_bytes());
        for row in self.present() {
            builder.pad(row);
            self.push(row, &mut builder)?;
        }
        builder.pad(self.rows);
        Ok(builder.finish())
    }

    /// The cells as a column of a kind; numbers that are not finite are missing, as in stored data. `on_misfit` is told each
    /// row whose cell is none of the kind.
    ///
    /// # Errors
    /// What `on_misfit` makes of a `Value`.
    pub fn column(
        &self,
        name: &str,
        kind: ColumnType,
        reading: Reading,
        on_misfit: OnMisfit,
    ) -> Result<Column, EncodeError> {
        let numbers: Option<Box<dyn Fn(usize) -> f64 + '_>> = match &self.values {
            CellReader::Integer(value) => Some(Box::new(|row| value(row) as f64)),
            CellReader::Digits(value) => Some(Box::new(|row| number_of(&value(row)))),
            CellReader::Float(value) => {
                Some(Box::new(|row| Some(value(row)).filter(|x| x.is_finite()).unwrap_or(f64::NAN)))
            }
            _ => None,
        };
        if let (ColumnType::Numeric, Some(number)) = (kind, numbers) {
            let mut column = vec![f64::NAN; self.rows];
            let words = reading.missing_words;
            let is_missing =
                |row: &usize| !words.is_empty() && self.text(*row).is_ok_and(|text| is_among(&text, words));
            self.present().filter(|row| !is_missing(row)).for_each(|row| column[row] = number(row));
            return Ok(Column { name: name.to_owned(), kind, values: Values::Numeric(column) });
        }
        let mut texts = vec![None; self.rows];
        for row in self.present() {
            match self.text(row) {
                Ok(text) => texts[row] = Some(text).filter(|text| !text.is_empty()),
                Err(_) => on_misfit(EncodeError::Value {
                    row,
                    column: name.to_owned(),
                    expected: expected(kind, reading),
                    got: "a time outside the years 0 to 9999".to_owned(),
                })?,
            }
        }
        Column::from_texts(name, kind, reading, texts.iter().map(Option::as_deref), on_misfit)
    }

    /// The cells as those of records, to be told again: a time is a text, and one outside the years 0 to 9999 is missing.
    fn cells(&self) -> Vec<Cell> {
        let mut cells = vec![Cell::Missing; self.rows];
        for row in self.present() {
            cells[row] = match (&self.values, self.text(row)) {
                (_, Err(_)) => Cell::Missing,
                (CellReader::Boolean(value), _) => Cell::Boolean(value(row)),
                (CellReader::Integer(_) | CellReader::Digits(_) | CellReader::Float(_), Ok(text)) => {
                    Cell::of_digits(&text)
                }
                (_, Ok(text)) => Cell::of_text(text.as_ref()),
            };
        }
        cells
    }

    /// The text of a cell that is there; empty if it is no number.
    fn text(&self, row: usize) -> Result<Cow<'a, str>, Wrong> {
        Ok(match &self.values {
            CellReader::Word(word) => Cow::Borrowed(word(row)),
            CellReader::Integer(value) => value(row).to_string().into(),
            CellReader::Digits(value) => value(row).into(),
            CellReader::Float(value) if value(row).is_nan() => "".into(),
            CellReader::Float(value) if self.is_single => format_number(value(row) as f32).into(),
            CellReader::Float(value) => format_number(value(row)).into(),
            CellReader::Boolean(value) => value(row).to_string().into(),
            CellReader::Time(value) => format_datetime(value(row).ok_or(Wrong::Time(row))?).into(),
        })
    }

    fn push(&self, row: usize, builder: &mut Builder) -> Result<(), Wrong> {
        match (&self.values, &mut *builder) {
            (CellReader::Integer(value), Builder::Number(builder) | Builder::Written(_, builder)) => {
                builder.append_value(value(row) as f64);
                return Ok(());
            }
            (CellReader::Digits(value), Builder::Number(builder) | Builder::Written(_, builder)) => {
                builder.append_value(number_of(&value(row)));
                return Ok(());
            }
            (CellReader::Float(value), Builder::Number(builder) | Builder::Written(_, builder)) => {
                builder.append_option(Some(value(row)).filter(|value| value.is_finite()));
                return Ok(());
            }
            (CellReader::Boolean(value), Builder::Boolean(builder)) => {
                builder.append_value(value(row));
                return Ok(());
            }
            (CellReader::Time(value), Builder::Datetime(_, builder)) => {
                builder.append_value(value(row).ok_or(Wrong::Time(row))?);
                return Ok(());
            }
            _ => {}
        }
        let text = self.text(row)?;
        builder.push(&text).map_err(|Misfit| Wrong::Misfit(row, text.into_owned()))
    }
}

fn values(array: &dyn Array) -> Option<CellReader<'_>> {
    Some(match array.data_type() {
        DataType::Int8 => integers(array.as_primitive::<Int8Type>()),
        DataType::Int16 => integers(array.as_primitive::<Int16Type>()),
        DataType::Int32 => integers(array.as_primitive::<Int32Type>()),
        DataType::Int64 => integers(array.as_primitive::<Int64Type>()),
        DataType::UInt8 => integers(array.as_primitive::<UInt8Type>()),
        DataType::UInt16 => integers(array.as_primitive::<UInt16Type>()),
        DataType::UInt32 => integers(array.as_primitive::<UInt32Type>()),
        DataType::UInt64 => integers(array.as_primitive::<UInt64Type>()),
        DataType::Float16 => {
            let array = array.as_primitive::<Float16Type>();
            CellReader::Float(Box::new(|row| array.value(row).to_f64()))
        }
        DataType::Float32 => {
            let array = array.as_primitive::<Float32Type>();
            CellReader::Float(Box::new(|row| f64::from(array.value(row))))
        }
        DataType::Float64 => {
            let array = array.as_primitive::<Float64Type>();
            CellReader::Float(Box::new(|row| array.value(row)))
        }
        DataType::Decimal32(_, 0) => integers(array.as_primitive::<Decimal32Type>()),
        DataType::Decimal64(_, 0) => integers(array.as_primitive::<Decimal64Type>()),
        DataType::Decimal128(_, 0) => integers(array.as_primitive::<Decimal128Type>()),
        DataType::Decimal32(..) => decimals(array.as_primitive::<Decimal32Type>()),
        DataType::Decimal64(..) => decimals(array.as_primitive::<Decimal64Type>()),
        DataType::Decimal128(..) => decimals(array.as_primitive::<Decimal128Type>()),
        DataType::Decimal256(..) => decimals(array.as_primitive::<Decimal256Type>()),
        // Without a value in any row.
        DataType::Null => CellReader::Word(Box::new(|_| "")),
        DataType::Boolean => {
            let array = array.as_boolean();
            CellReader::Boolean(Box::new(|row| array.value(row)))
        }
        DataType::Utf8 => {
            let array = array.as_string::<i32>();
            CellReader::Word(Box::new(|row| array.value(row)))
        }
        DataType::LargeUtf8 => {
            let array = array.as_string::<i64>();
            CellReader::Word(Box::new(|row| array.value(row)))
        }
        DataType::Utf8View => {
            let array = array.as_string_view();
            CellReader::Word(Box::new(|row| array.value(row)))
        }
        DataType::Dictionary(..) => return dictionary(array),
        _ => return times(array),
    })
}

fn integers<T: ArrowPrimitiveType<Native: Into<i128>>>(array: &PrimitiveArray<T>) -> CellReader<'_> {
    CellReader::Integer(Box::new(|row| array.value(row).into()))
}

/// Decimals, by way of their text, which knows their scale; without digits behind the point they are integers.
fn decimals<T: DecimalType>(array: &PrimitiveArray<T>) -> CellReader<'_> {
    if array.scale() <= 0 {
        return CellReader::Digits(Box::new(|row| array.value_as_string(row)));
    }
    CellReader::Float(Box::new(|row| number_of(&array.value_as_string(row))))
}

fn number_of(digits: &str) -> f64 {
    digits.parse().unwrap_or(f64::NAN)
}

fn times(array: &dyn Array) -> Option<CellReader<'_>> {
    fn scaled<T: ArrowPrimitiveType<Native: Into<i64>>>(array: &PrimitiveArray<T>, factor: i64) -> CellReader<'_> {
        let known = move |time: i64| time.checked_mul(factor).filter(|time| TIMES.contains(time));
        CellReader::Time(Box::new(move |row| known(array.value(row).into())))
    }
    Some(match array.data_type() {
        DataType::Date32 => scaled(array.as_primitive::<Date32Type>(), 86_400_000_000),
        DataType::Date64 => scaled(array.as_primitive::<Date64Type>(), 1000),
        DataType::Timestamp(TimeUnit::Second, _) => scaled(array.as_primitive::<TimestampSecondType>(), 1_000_000),
        DataType::Timestamp(TimeUnit::Millisecond, _) => scaled(array.as_primitive::<TimestampMillisecondType>(), 1000),
        DataType::Timestamp(TimeUnit::Microsecond, _) => scaled(array.as_primitive::<TimestampMicrosecondType>(), 1),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            let array = array.as_primitive::<TimestampNanosecondType>();
            CellReader::Time(Box::new(|row| Some(array.value(row).div_euclid(1000))))
        }
        _ => return None,
    })
}

/// Entries of a dictionary, by each row's key.
fn dictionary(array: &dyn Array) -> Option<CellReader<'_>> {
    let array = array.as_any_dictionary_opt()?;
    let keys = if array.values().is_empty() { vec![0; array.len()] } else { array.normalized_keys() };
    Some(match values(array.values().as_ref())? {
        CellReader::Integer(value) => CellReader::Integer(Box::new(move |row| value(keys[row]))),
        CellReader::Digits(value) => CellReader::Digits(Box::new(move |row| value(keys[row]))),
        CellReader::Float(value) => CellReader::Float(Box::new(move |row| value(keys[row]))),
        CellReader::Boolean(value) => CellReader::Boolean(Box::new(move |row| value(keys[row]))),
        CellReader::Time(value) => CellReader::Time(Box::new(move |row| value(keys[row]))),
        CellReader::Word(value) => CellReader::Word(Box::new(move |row| value(keys[row]))),
    })
}
