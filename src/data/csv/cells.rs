//! What becomes of the cells of a piece: they are surveyed, put into arrays, or both at once.

use super::scan::Fields;
use crate::data::builder::Builder;
use crate::data::error::DataError;
use crate::data::inference::{Evidence, Written};
use crate::data::missing_words::MissingWords;
use crate::data::pieces::Columns;
use crate::data::values::{ShortFormat, ShortWritten};

/// Cells that show what their columns are. `line_of` says on which line a place in the piece is; so below.
pub(super) struct Surveyed<'a, L> {
    pub evidence: Vec<Evidence>,
    pub missing: &'a MissingWords,
    pub line_of: L,
}

/// Cells of columns whose forms are known.
pub(super) struct Put<'a, L> {
    pub builders: Vec<Builder>,
    pub columns: &'a Columns,
    pub line_of: L,
}

/// Cells of columns whose forms are expected: they are put into arrays, and show whether the forms are those.
pub(super) struct Tried<'a, L> {
    pub evidence: Vec<Evidence>,
    pub builders: Vec<Builder>,
    pub columns: &'a Columns,
    /// Whether the last cell was not of its column's form.
    pub misfits: bool,
    pub line_of: L,
}

impl<L: Fn(usize) -> u64> Fields for Surveyed<'_, L> {
    fn number(&mut self, column: usize, start: usize, _: f64) {
        self.evidence[column].observe_short_number(|| (self.line_of)(start));
    }

    fn written(&mut self, column: usize, start: usize, number: &ShortWritten, format: &ShortFormat) -> bool {
        self.evidence[column].observe_short_written(number, format, || (self.line_of)(start))
    }

    fn text(&mut self, column: usize, start: usize, text: &str) -> Result<(), DataError> {
        let text = self.missing.blanked(column, text);
        self.evidence[column].observe(text, Written::Field, || (self.line_of)(start));
        Ok(())
    }
}

impl<L: Fn(usize) -> u64> Fields for Put<'_, L> {
    #[inline]
    fn number(&mut self, column: usize, _: usize, value: f64) {
        self.builders[column].push_number(value);
    }

    #[inline]
    fn written(&mut self, column: usize, _: usize, number: &ShortWritten, _: &ShortFormat) -> bool {
        self.builders[column].push_number(number.value);
        true
    }

    fn text(&mut self, column: usize, start: usize, text: &str) -> Result<(), DataError> {
        let pushed = self.builders[column].push(self.columns.missing.blanked(column, text));
        pushed.map_err(|_| self.columns.misfit(column, text).at((self.line_of)(start)))
    }
}

impl<L: Fn(usize) -> u64> Fields for Tried<'_, L> {
    #[inline]
    fn number(&mut self, column: usize, start: usize, value: f64) {
        self.evidence[column].observe_short_number(|| (self.line_of)(start));
        self.builders[column].push_number(value);
    }

    #[inline]
    fn written(&mut self, column: usize, start: usize, number: &ShortWritten, format: &ShortFormat) -> bool {
        let taken = self.evidence[column].observe_short_written(number, format, || (self.line_of)(start));
        if taken {
            self.builders[column].push_number(number.value);
        }
        taken
    }

    fn text(&mut self, column: usize, start: usize, text: &str) -> Result<(), DataError> {
        let text = self.columns.missing.blanked(column, text);
        let pushed = self.builders[column].push_observed(text, &mut self.evidence[column], || (self.line_of)(start));
        pushed.map_err(|_| {
            self.misfits = true;
            self.columns.misfit(column, text)
        })
    }
}
