//! A sheet of a workbook in pieces of its rows.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

use super::damage::damaged;
use super::layout::Layout;
use super::sheet::{Cell, Meaning, SheetReader, Value};
use super::workbook::Workbook;
use super::xml::READER_BYTES;
use crate::data::asked::AskedColumns;
use crate::data::builder::Builder;
use crate::data::error::DataError;
use crate::data::header::header_names;
use crate::data::inference::{Evidence, Native, Written};
use crate::data::lease::Lease;
use crate::data::limits::{IngestLimits, MAX_NAME_CHARACTERS, MOST_RECORD_BYTES, oversized};
use crate::data::missing_words::MissingWords;
use crate::data::parallel::workers;
use crate::data::pieces::{CELLS_AT_ONCE, Columns, Converted, Pieces, Survey};
use crate::data::profile::{ColumnProfile, Finding};
use crate::data::proportion::check_words;
use crate::data::source::Growing;
use crate::data::values::{format_datetime, format_number};
use crate::memory::Charge;
use crate::wording::beginning;

/// The workbook has sheets that are not read.
pub const OTHER_SHEETS: &str = "other_sheets";

/// A piece has at most so many rows and cells.
const MOST_ROWS: usize = 4096;
const MOST_CELLS: usize = 1 << 20;
/// The texts of the pieces that are worked on at the same time take about so many bytes: many cells may share one.
const TEXT_BYTES_AT_ONCE: usize = 16 << 20;

/// A sheet whose table was found.
pub(crate) struct ExcelPieces<S> {
    pub(super) workbook: Workbook<S>,
    sheet: usize,
    pub(super) layout: Layout,
    pub(super) names: Vec<String>,
    pub(super) most_rows: usize,
    /// Bytes of the texts of a piece, before those of its last row.
    most_text: usize,
    most_cell_bytes: usize,
    pub(super) memory: Charge,
    findings: Vec<Finding>,
}

/// Where the next cell is.
pub(crate) struct ExcelCursor {
    cells: SheetReader,
    /// The first cell of the next row, with its text, if it was read already.
    ahead: Option<(Cell, String)>,
    /// Bytes of the texts of the pieces before.
    words: u64,
    _lease: Lease,
}

/// Some rows.
pub(crate) struct ExcelPiece {
    /// By row and column of the piece, in this order.
    pub(super) cells: Vec<(usize, usize, Value)>,
    /// The number of each row in the sheet.
    pub(super) rows: Vec<u32>,
    /// Texts of cells that are not shared.
    pub(super) text: String,
    /// Bytes of all texts.
    pub(super) words: usize,
    lease: Lease,
}

impl<S: Growing + 'static> ExcelPieces<S> {
    /// Finds the table of the sheet that is named, or of the first one that has cells and is not hidden.
    ///
    /// # Errors
    /// It is no workbook, has no such sheet, or the sheet has no table.
    pub fn open(source: S, sheet: Option<&str>, limits: &IngestLimits, memory: &Charge) -> Result<Self, DataError> {
        // One part after another is read.
        let _reader = Lease::of(memory, READER_BYTES)?;
        let workbook = Workbook::open(source, memory)?;
        let (sheet, layout) = match sheet {
            Some(name) => {
                let sheet = workbook.sheet(name)?;
                (sheet, workbook.layout(sheet)?.ok_or_else(|| DataError::malformed("the sheet has no cells"))?)
            }
            None => workbook.first_table()?,
        };
        let names = workbook.header(sheet, &layout, limits)?;
        let mut findings = layout.findings();
        let is_other = |at: usize| at != sheet && !workbook.sheets[at].is_hidden;
        if (0..workbook.sheets.len()).any(is_other) {
            let message = format!(
                "The sheet that is read is {:?}. There are others, {}: `sheet` (--sheet of the commands) names the one to \
                 read.",
                beginning(&workbook.sheets[sheet].name),
                workbook.names(is_other)
            );
            findings.push(Finding { code: OTHER_SHEETS.to_owned(), message, column: None });
        }
        // Asked once: the answer is read from files of the system.
        let threads = workers();
        let most_rows = (MOST_CELLS.min(CELLS_AT_ONCE / threads) / names.len().max(1)).clamp(1, MOST_ROWS);
        let most_text = TEXT_BYTES_AT_ONCE / threads;
        let (most_cell_bytes, memory) = (limits.max_cell_bytes, memory.clone());
        Ok(ExcelPieces { workbook, sheet, layout, names, most_rows, most_text, most_cell_bytes, memory, findings })
    }

    /// Takes a cell into a piece; gives it back if its row is that of the next one.
    fn take(&self, piece: &mut ExcelPiece, cell: Cell) -> Result<Option<Cell>, DataError> {
        let Ok(column) = self.layout.columns.binary_search(&cell.column) else { return Ok(None) };
        if piece.rows.last() != Some(&cell.row) {
            if piece.rows.len() >= self.most_rows || piece.words >= self.most_text {
                return Ok(Some(cell));
            }
            piece.rows.push(cell.row);
        }
        let length = self.workbook.text(piece, &cell.value)?.map_or(0, str::len);
        let wrong = |error: DataError| error.in_row(u64::from(cell.row)).of(&self.names[column]);
        if length > self.most_cell_bytes {
            return Err(wrong(oversized(length, self.most_cell_bytes)));
        }
        piece.words += length;
        if piece.words > MOST_RECORD_BYTES + self.most_text {
            return Err(wrong(DataError::too_large("the texts of the row are too long together")));
        }
        piece.cells.push((piece.rows.len() - 1, column, cell.value));
        let held = 2 * (piece.cells.len() * size_of::<(usize, usize, Value)>() + piece.text.len()) as u64;
        if held > piece.lease.bytes() {
            piece.lease.cover(2 * held)?;
        }
        Ok(None)
    }

    /// Whether the text of a cell is one of the words that were named for missing values.
    fn is_missing(
        &self,
        piece: &ExcelPiece,
        column: usize,
        value: &Value,
        words: &MissingWords,
    ) -> Result<bool, DataError> {
        Ok(!words.of_column(column).is_empty() && words.is_missing(column, &self.workbook.shown(&piece.text, value)?))
    }
}

impl<S: Growing + 'static> Workbook<S> {
    fn meaning(&self) -> Meaning<'_> {
        Meaning { formats: &self.formats, since_1904: self.since_1904 }
    }

    fn layout(&self, sheet: usize) -> Result<Option<Layout>, DataError> {
        Layout::of(self.cells(sheet)?, &self.meaning())
    }

    /// The first sheet that has cells: one that is hidden, if all are. A part is looked through once, however many sheets it is
    /// said to be.
    fn first_table(&self) -> Result<(usize, Layout), DataError> {
        let mut seen = HashSet::new();
        let hidden = |is_hidden| (0..self.sheets.len()).filter(move |at| self.sheets[*at].is_hidden == is_hidden);
        for sheet in hidden(false).chain(hidden(true)) {
            if !seen.insert(&self.sheets[sheet].part) {
                continue;
            }
            if let Some(layout) = self.layout(sheet)? {
                return Ok((sheet, layout));
            }
        }
        Err(DataError::malformed("the workbook has no sheet with cells"))
    }

    /// The names of the columns.
    fn header(&self, sheet: usize, layout: &Layout, limits: &IngestLimits) -> Result<Vec<String>, DataError> {
        let (mut cells, mut text) = (self.cells(sheet)?, String::new());
        let mut names = vec![String::new(); layout.columns.len()];
        while let Some(cell) = cells.next(&self.meaning(), &mut text)?.filter(|cell| cell.row <= layout.header) {
            let column = layout.columns.binary_search(&cell.column);
            if let (Ok(column), true) = (column, cell.row == layout.header) {
                let name = self.shown(&text, &cell.value)?;
                names[column] = name.chars().take(MAX_NAME_CHARACTERS + 1).collect();
            }
            text.clear();
        }
        let wrong = |error: DataError| DataError { line: None, ..error }.in_row(u64::from(layout.header));
        header_names(names, u64::from(layout.header), limits.max_columns).map_err(wrong)
    }

    /// The text of a value that is one.
    fn text<'a>(&'a self, piece: &'a ExcelPiece, value: &Value) -> Result<Option<&'a str>, DataError> {
        self.text_in(&piece.text, value)
    }

    fn text_in<'a>(&'a self, own: &'a str, value: &Value) -> Result<Option<&'a str>, DataError> {
        Ok(match value {
            Value::Shared(at) => {
                Some(self.strings.get(*at).ok_or_else(|| damaged("a cell names a text that is not there"))?)
            }
            Value::Own(range) | Value::Error(range) | Value::Digits(range) => Some(&own[range.clone()]),
            _ => None,
        })
    }

    /// A value as text.
    pub(super) fn shown<'a>(&'a self, own: &'a str, value: &Value) -> Result<Cow<'a, str>, DataError> {
        Ok(match value {
            Value::Number(number) => format_number(*number).into(),
            Value::Boolean(value) => value.to_string().into(),
            Value::Time(time) => format_datetime(*time).into(),
            Value::Unknown => "".into(),
            value => self.text_in(own, value)?.unwrap_or_default().into(),
        })
    }
}

impl<S: Growing + 'static> Pieces for ExcelPieces<S> {
    type Cursor = ExcelCursor;
    type Piece = ExcelPiece;

    fn start(&self, _: Option<&Columns>) -> Result<ExcelCursor, DataError> {
        let lease = Lease::of(&self.memory, READER_BYTES)?;
        Ok(ExcelCursor { cells: self.workbook.cells(self.sheet)?, ahead: None, words: 0, _lease: lease })
    }

    fn next(&self, cursor: &mut ExcelCursor) -> Result<Option<ExcelPiece>, DataError> {
        let (ahead, lease) = (cursor.ahead.take(), Lease::of(&self.memory, 0)?);
        let mut piece = ExcelPiece { cells: Vec::new(), rows: Vec::new(), text: String::new(), words: 0, lease };
        if let Some((cell, own)) = ahead {
            piece.text = own;
            self.take(&mut piece, cell)?;
        }
        loop {
            let start = piece.text.len();
            let Some(cell) = cursor.cells.next(&self.workbook.meaning(), &mut piece.text)? else { break };
            if cell.row <= self.layout.header {
                piece.text.clear();
                continue;
            }
            if let Some(cell) = self.take(&mut piece, cell)? {
                let own = piece.text.split_off(start);
                cursor.ahead = Some((moved(cell, start), own));
                break;
            }
        }
        cursor.words += piece.words as u64;
        check_words(cursor.words, self.workbook.archive.length)?;
        Ok(Some(piece).filter(|piece| !piece.rows.is_empty()))
    }

    fn survey(&self, piece: ExcelPiece, asked: &AskedColumns) -> Result<Survey, DataError> {
        let missing = MissingWords::of(&self.names, asked)?;
        let mut evidence = vec![Evidence::default(); self.names.len()];
        for (row, column, value) in &piece.cells {
            let (evidence, place) = (&mut evidence[*column], || u64::from(piece.rows[*row]));
            if self.is_missing(&piece, *column, value, &missing)? {
                continue;
            }
            match value {
                Value::Unknown => {}
                Value::Number(_) => evidence.observe_native(Native::Number, place),
                Value::Digits(_) => evidence.observe_native(Native::LargeInteger, place),
                Value::Boolean(_) => evidence.observe_native(Native::Boolean, place),
                Value::Time(_) => evidence.observe_native(Native::Time, place),
                // Stands among numbers, as in a text file.
                Value::Error(range) => evidence.observe(&piece.text[range.clone()], Written::Field, place),
                value => {
                    let text = self.workbook.text(&piece, value)?.unwrap_or_default();
                    evidence.observe(text, Written::Quoted, place);
                }
            }
        }
        let (rows, given) = (piece.rows.len() as u64, piece.cells.len() as u64);
        Ok(Survey { rows, given, names: self.names.clone(), evidence })
    }

    fn convert(&self, piece: ExcelPiece, columns: &Columns) -> Result<Converted, DataError> {
        let rows = piece.rows.len();
        let mut words = vec![0; self.names.len()];
        for (_, column, value) in &piece.cells {
            words[*column] += self.workbook.text(&piece, value)?.map_or(0, str::len);
        }
        let bytes = Columns::cell_bytes(rows, words.len()) + words.iter().sum::<usize>() as u64;
        let lease = Lease::of(&self.memory, bytes)?;
        let mut builders: Vec<Builder> = columns
            .forms
            .iter()
            .zip(&words)
            .map(|(form, words)| Builder::with_word_bytes(form, rows, *words))
            .collect();
        for (row, column, value) in &piece.cells {
            let builder = &mut builders[*column];
            builder.pad(*row);
            if self.is_missing(&piece, *column, value, &columns.missing)? {
                continue;
            }
            match (value, &mut *builder) {
                (Value::Unknown, _) => {}
                (Value::Number(value), Builder::Number(builder) | Builder::Written(_, builder)) => {
                    builder.append_value(*value);
                }
                (Value::Boolean(value), Builder::Boolean(builder)) => builder.append_value(*value),
                (Value::Time(value), Builder::Datetime(_, builder)) => builder.append_value(*value),
                (value, builder) => {
                    let text = self.workbook.shown(&piece.text, value)?;
                    let misfit = |_| columns.misfit(*column, &text).in_row(u64::from(piece.rows[*row]));
                    builder.push(&text).map_err(misfit)?;
                }
            }
        }
        builders.iter_mut().for_each(|builder| builder.pad(rows));
        Converted::new(rows, builders.into_iter().map(Builder::finish).collect(), lease)
    }

    fn place(&self) -> &'static str {
        "row"
    }

    fn findings(&self, _: &[ColumnProfile]) -> Vec<Finding> {
        self.findings.clone()
    }
}

/// A cell whose text begins `by` bytes earlier.
fn moved(cell: Cell, by: usize) -> Cell {
    let earlier = |range: Range<usize>| range.start - by..range.end - by;
    let value = match cell.value {
        Value::Own(range) => Value::Own(earlier(range)),
        Value::Error(range) => Value::Error(earlier(range)),
        Value::Digits(range) => Value::Digits(earlier(range)),
        value => value,
    };
    Cell { value, ..cell }
}
