//! Cells of one column on their way into an Arrow array.

use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_array::builder::{
    ArrayBuilder, BooleanBuilder, Float64Builder, NullBuilder, StringBuilder, TimestampMicrosecondBuilder,
};

use crate::data::inference::{Evidence, Form, Written};
use crate::data::values::{Decimal, Misfit, Reading, WrittenNumber, is_missing_word, is_not_finite, trim};

/// Appends cells of a known form.
pub(crate) enum Builder {
    Number(Float64Builder),
    /// Of a form of its own.
    Written(Form, Float64Builder),
    Boolean(BooleanBuilder),
    /// Of a form with an order.
    Datetime(Form, TimestampMicrosecondBuilder),
    Words(StringBuilder),
    /// Cells that are not kept.
    Skipped(NullBuilder),
}

impl Builder {
    /// An empty one with room for `rows` cells.
    pub fn with_capacity(form: &Form, rows: usize) -> Self {
        Builder::with_word_bytes(form, rows, 8 * rows)
    }

    /// The same with room for words of so many bytes together.
    pub fn with_word_bytes(form: &Form, rows: usize, bytes: usize) -> Self {
        match form {
            Form::Number => Builder::Number(Float64Builder::with_capacity(rows)),
            Form::Written(_) => Builder::Written(form.clone(), Float64Builder::with_capacity(rows)),
            Form::Boolean => Builder::Boolean(BooleanBuilder::with_capacity(rows)),
            Form::Datetime(..) => {
                let times = TimestampMicrosecondBuilder::with_capacity(rows).with_timezone("UTC");
                Builder::Datetime(form.clone(), times)
            }
            Form::Words => Builder::Words(StringBuilder::with_capacity(rows, bytes)),
            Form::Skipped => Builder::Skipped(NullBuilder::new()),
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
            Builder::Written(form, builder) => match form.reading().number(text) {
                Err(_) if is_not_finite(text) => builder.append_null(),
                value => builder.append_option(value?),
            },
            Builder::Boolean(builder) => builder.append_option(Reading::default().boolean(text)?),
            Builder::Datetime(form, builder) => builder.append_option(form.reading().datetime(text)?),
            Builder::Skipped(builder) => builder.append_null(),
            Builder::Words(builder) if text.is_empty() => builder.append_null(),
            Builder::Words(builder) => builder.append_value(text),
        }
        Ok(())
    }

    /// The same of a number that is no text in its file: it is what it is, however the column's texts are written.
    ///
    /// # Errors
    /// It is not of the column's form.
    pub fn push_bare(&mut self, text: &str) -> Result<(), Misfit> {
        match self {
            Builder::Written(_, builder) => builder.append_option(number(text)?),
            other => other.push(text)?,
        }
        Ok(())
    }

    /// Appends a finite number to a column of numbers.
    #[inline]
    pub fn push_number(&mut self, value: f64) {
        match self {
            Builder::Number(builder) | Builder::Written(_, builder) => builder.append_value(value),
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
                evidence.observe_number(trimmed, &number, Written::Field, place);
                builder.append_option(number.value(trimmed).filter(|value| value.is_finite()));
                return Ok(());
            }
        }
        if let Builder::Written(form, builder) = self
            && let Some(format) = form.numbers()
            && let Some(number) = WrittenNumber::of(text).filter(WrittenNumber::is_unusual)
        {
            evidence.observe_written(text, &number, place);
            builder.append_value(format.read_written(&number).ok_or(Misfit)?);
            return Ok(());
        }
        evidence.observe(text, Written::Field, place);
        self.push(text)
    }

    /// Appends as many missing values as bring it to `rows`.
    pub fn pad(&mut self, rows: usize) {
        let count = rows.saturating_sub(self.len());
        match self {
            Builder::Number(builder) | Builder::Written(_, builder) => builder.append_nulls(count),
            Builder::Boolean(builder) => builder.append_nulls(count),
            Builder::Datetime(_, builder) => builder.append_nulls(count),
            Builder::Skipped(builder) => builder.append_nulls(count),
            Builder::Words(builder) => builder.append_nulls(count),
        }
    }

    /// Cells so far.
    pub fn len(&self) -> usize {
        match self {
            Builder::Number(builder) | Builder::Written(_, builder) => builder.len(),
            Builder::Boolean(builder) => builder.len(),
            Builder::Skipped(builder) => builder.len(),
            Builder::Datetime(_, builder) => builder.len(),
            Builder::Words(builder) => builder.len(),
        }
    }

    /// The cells as an array.
    pub fn finish(mut self) -> ArrayRef {
        match &mut self {
            Builder::Number(builder) | Builder::Written(_, builder) => Arc::new(builder.finish()),
            Builder::Skipped(builder) => Arc::new(builder.finish()),
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
