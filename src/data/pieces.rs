//! What every reader of files hands over: pieces of whole rows, what they show, and their cells as arrays.

use arrow_array::ArrayRef;

use super::asked::{AskedColumn, AskedColumns};
use super::column::ColumnType;
use super::error::DataError;
use super::inference::{Evidence, Form};
use super::lease::Lease;
use super::missing_words::MissingWords;
use super::profile::{ColumnProfile, Finding};
use super::values::{DateOrder, ShortFormat};

/// From so many columns on a table is wide.
pub(crate) const WIDE: usize = 1000;
/// The pieces that all threads work on at the same time become about so many cells.
pub(crate) const CELLS_AT_ONCE: usize = 4 << 20;
/// A cell of an array takes at most so many bytes beside those of its word.
const CELL_BYTES: u64 = 12;

/// A file in pieces of whole rows.
pub(crate) trait Pieces: Sync {
    /// Where the next piece begins.
    type Cursor: Send;
    /// Rows, not parsed yet.
    type Piece: Send;
    /// Whether `try_convert` spares the second reading.
    const IN_ONE_READING: bool = false;

    /// Begins anew; `columns` is how many there are, if that is known.
    fn start(&self, columns: Option<&Columns>) -> Result<Self::Cursor, DataError>;
    /// The next piece, if there is one.
    fn next(&self, cursor: &mut Self::Cursor) -> Result<Option<Self::Piece>, DataError>;
    /// What the cells of a piece show.
    fn survey(&self, piece: Self::Piece, asked: &AskedColumns) -> Result<Survey, DataError>;
    /// The cells of a piece as arrays of these columns.
    fn convert(&self, piece: Self::Piece, columns: &Columns) -> Result<Converted, DataError>;
    /// What the cells of a piece show, and the arrays of these columns unless a cell does not fit them.
    fn try_convert(
        &self,
        piece: Self::Piece,
        _: &Columns,
        asked: &AskedColumns,
    ) -> Result<(Survey, Option<Converted>), DataError> {
        Ok((self.survey(piece, asked)?, None))
    }
    /// What is to be said of the file itself, once its columns are known.
    fn findings(&self, _: &[ColumnProfile]) -> Vec<Finding> {
        Vec::new()
    }
    /// What a line or row is called in messages.
    fn place(&self) -> &'static str {
        "line"
    }
}

/// What a piece shows: its columns in order of appearance.
#[derive(Default)]
pub(crate) struct Survey {
    pub rows: u64,
    /// Cells that are there in the file, if only to say that a value is missing.
    pub given: u64,
    pub names: Vec<String>,
    pub evidence: Vec<Evidence>,
}

impl Survey {
    /// Of rows that have a cell for each column.
    pub fn full(rows: usize, names: Vec<String>, evidence: Vec<Evidence>) -> Self {
        Survey { rows: rows as u64, given: rows as u64 * names.len() as u64, names, evidence }
    }
}

/// The rows of a piece.
pub(crate) struct Converted {
    pub rows: usize,
    /// One array for each column.
    pub columns: Vec<ArrayRef>,
    /// Of the arrays.
    pub lease: Lease,
}

impl Converted {
    /// Arrays of so many rows, whose memory `lease` was estimated for.
    ///
    /// # Errors
    /// `TooLarge`, `Overloaded`: the estimate was too low, and there is no more.
    pub fn new(rows: usize, columns: Vec<ArrayRef>, mut lease: Lease) -> Result<Self, DataError> {
        lease.settle(columns.iter().map(|array| array.get_buffer_memory_size() as u64).sum())?;
        Ok(Converted { rows, columns, lease })
    }
}

/// What the columns are.
#[derive(Default)]
pub(crate) struct Columns {
    pub names: Vec<String>,
    pub evidence: Vec<Evidence>,
    /// What was asked of each.
    pub asked: Vec<Option<AskedColumn>>,
    pub forms: Vec<Form>,
    /// Words that were named for missing values.
    pub missing: MissingWords,
    /// Whether the numbers of a column show that the file has decimal commas.
    pub decimal_commas: bool,
}

/// How the numbers of a column are read on the way through a text, where they can be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Numbers<'a> {
    /// A cell is a text first.
    Unknown,
    /// As programs write them.
    Plain,
    /// In a format.
    Written(ShortFormat<'a>),
}

impl Columns {
    /// Memory of `rows` cells of each of `columns` columns, but for their words.
    pub fn cell_bytes(rows: usize, columns: usize) -> u64 {
        CELL_BYTES * (rows as u64).saturating_mul(columns as u64)
    }

    /// Those at these places, in this order.
    pub fn select(&self, places: &[usize]) -> Columns {
        Columns {
            names: places.iter().map(|at| self.names[*at].clone()).collect(),
            evidence: places.iter().map(|at| self.evidence[*at].clone()).collect(),
            asked: places.iter().map(|at| self.asked[*at].clone()).collect(),
            forms: places.iter().map(|at| self.forms[*at].clone()).collect(),
            missing: self.missing.select(places),
            decimal_commas: self.decimal_commas,
        }
    }

    /// Whether the columns keep their forms if further cells show this, column by column.
    pub fn fit(&self, further: &[Evidence]) -> bool {
        let columns = self.asked.iter().zip(&self.evidence).zip(further).zip(&self.forms);
        columns.into_iter().all(|(((asked, evidence), further), expected)| {
            let mut all = evidence.clone();
            all.merge(further);
            *expected == Form::Skipped || all.form(asked.as_ref(), self.decimal_commas) == *expected
        })
    }

    /// How numbers are read where they are looked for before anything else: not where one may be a word for a missing value.
    /// Where there are decimal commas, plain numbers show by their text whether they have them too.
    pub fn numbers(&self) -> Vec<Numbers<'_>> {
        let numbers = |at: usize| match &self.forms[at] {
            _ if !self.missing.of_column(at).is_empty() => Numbers::Unknown,
            Form::Number if !self.decimal_commas => Numbers::Plain,
            form => form.numbers().and_then(ShortFormat::of).map_or(Numbers::Unknown, Numbers::Written),
        };
        (0..self.forms.len()).map(numbers).collect()
    }

    /// The columns that are kept.
    pub fn kept(&self) -> Vec<usize> {
        (0..self.forms.len()).filter(|at| self.forms[*at] != Form::Skipped).collect()
    }

    /// The error of a cell that is not of its column's form.
    pub fn misfit(&self, at: usize, got: &str) -> DataError {
        let expected = match self.forms[at] {
            Form::Number => "a number",
            Form::Written(_) => "a number, or not one written like the others",
            Form::Boolean => "true or false",
            Form::Datetime(DateOrder::DayFirst, _) => {
                "a date, or not one with the day before the month like the others"
            }
            Form::Datetime(DateOrder::MonthFirst, _) => {
                "a date, or not one with the month before the day like the others"
            }
            Form::Datetime(DateOrder::Iso, _) => "a date, or not one written like the others",
            Form::Words | Form::Skipped => "a text",
        };
        let got: String = got.chars().take(60).collect();
        let kind = self.asked[at].as_ref().and_then(|asked| asked.kind).map_or("column", ColumnType::word);
        let hint = self.forms[at].numbers().map(|format| format.hint(&self.names[at], &got)).unwrap_or_default();
        DataError::unfit(format!("{got:?} is not {expected}; the type {kind} does not fit{hint}")).of(&self.names[at])
    }
}
