//! Cells of one column on their way into an Arrow array.

use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_array::builder::{ArrayBuilder, BooleanBuilder, Float64Builder, StringBuilder, TimestampMicrosecondBuilder};

use crate::data::inference::{Evidence, Form, Written};
use crate::data::values::{DateOrder, Decimal, is_missing_word, is_not_finite, parse_boolean, parse_datetime_as, trim};

/// Appends cells of a known form.
pub(crate) enum Builder {
    Number(Float64Builder),
    Boolean(BooleanBuilder),
    Datetime(DateOrder, TimestampMicrosecondBuilder),
    Words(StringBuilder),
}

/// The cell is not of the column's form.
#[derive(Debug)]
pub(crate) struct Misfit;

impl Builder {
    /// An empty one with room for `rows` cells.
    pub fn with_capacity(form: Form, rows: usize) -> Self {
        Builder::with_word_bytes(form, rows, 8 * rows)
    }

    /// The same with room for words of so many bytes together.
    pub fn with_word_bytes(form: Form, rows: usize, bytes: usize) -> Self {
        match form {
            Form::Number => Builder::Number(Float64Builder::with_capacity(rows)),
            Form::Boolean => Builder::Boolean(BooleanBuilder::with_capacity(rows)),
            Form::Datetime(order) => {
                Builder::Datetime(order, TimestampMicrosecondBuilder::with_capacity(rows).with_timezone("UTC"))
            }
            Form::Words => Builder::Words(StringBuilder::with_capacity(rows, bytes)),
        }
    }

    /// Appends what a text says.
    ///
    /// # Errors
    /// It is not of the column's form.
    #[inline]
    pub fn push(&mut self, text: &str) -> Result<(), Misfit> {
        match self {
            Builder::Number(builder) => builder.append_option(number(text)?),
            Builder::Boolean(builder) => builder.append_option(known(text, parse_boolean)?),
            Builder::Datetime(order, builder) => {
                builder.append_option(known(text, |text| parse_datetime_as(text, *order))?);
            }
            Builder::Words(builder) if text.is_empty() => builder.append_null(),
            Builder::Words(builder) => builder.append_value(text),
        }
        Ok(())
    }

    /// Appends a finite number to a column of numbers.
    #[inline]
    pub fn push_number(&mut self, value: f64) {
        match self {
            Builder::Number(builder) => builder.append_value(value),
            _ => unreachable!("the column holds numbers"),
        }
    }

    /// Appends what a field of a CSV file says, and takes it into account; a number is scanned once for both.
    ///
    /// # Errors
    /// It is not of the column's form; what `evidence` says then is not to be used.
    #[inline]
    pub fn push_observed(
        &mut self,
        text: &str,
        evidence: &mut Evidence,
        place: impl Fn() -> u64,
    ) -> Result<(), Misfit> {
        if let Builder::Number(builder) = self {
            let trimmed = trim(text.as_bytes());
            if let Some(number) = Decimal::of(trimmed) {
                evidence.observe_number(trimmed, &number, place);
                builder.append_option(number.value(trimmed).filter(|value| value.is_finite()));
                return Ok(());
            }
        }
        evidence.observe(text, Written::Field, place);
        self.push(text)
    }

    /// Appends as many missing values as bring it to `rows`.
    pub fn pad(&mut self, rows: usize) {
        let count = rows.saturating_sub(self.len());
        match self {
            Builder::Number(builder) => builder.append_nulls(count),
            Builder::Boolean(builder) => builder.append_nulls(count),
            Builder::Datetime(_, builder) => builder.append_nulls(count),
            Builder::Words(builder) => builder.append_nulls(count),
        }
    }

    /// Cells so far.
    pub fn len(&self) -> usize {
        match self {
            Builder::Number(builder) => builder.len(),
            Builder::Boolean(builder) => builder.len(),
            Builder::Datetime(_, builder) => builder.len(),
            Builder::Words(builder) => builder.len(),
        }
    }

    /// The cells as an array.
    pub fn finish(mut self) -> ArrayRef {
        match &mut self {
            Builder::Number(builder) => Arc::new(builder.finish()),
            Builder::Boolean(builder) => Arc::new(builder.finish()),
            Builder::Datetime(_, builder) => Arc::new(builder.finish()),
            Builder::Words(builder) => Arc::new(builder.finish()),
        }
    }
}

#[inline]
fn number(text: &str) -> Result<Option<f64>, Misfit> {
    let trimmed = trim(text.as_bytes());
    match Decimal::of(trimmed).and_then(|number| number.value(trimmed)) {
        Some(value) => Ok(Some(value).filter(|value| value.is_finite())),
        None if is_missing_word(text) || is_not_finite(text) => Ok(None),
        None => Err(Misfit),
    }
}

#[inline]
fn known<T>(text: &str, parse: impl Fn(&str) -> Option<T>) -> Result<Option<T>, Misfit> {
    match parse(text) {
        None if is_missing_word(text) => Ok(None),
        None => Err(Misfit),
        value => Ok(value),
    }
}
