//! CSV files in pieces of whole records.

use bytes::Bytes;
use memchr::memchr_iter;

use super::cells::{Put, Surveyed, Tried};
use super::dialect::{CR, LF};
use super::ends::{RecordsEnd, rows_end};
use super::head::Head;
use super::options::{CsvOptions, Header};
use super::scan::{Fields, Record, RecordReader, ragged, unclosed};
use crate::data::asked::AskedColumns;
use crate::data::builder::Builder;
use crate::data::charset::{Charset, Encoded};
use crate::data::error::DataError;
use crate::data::inference::{Evidence, Form};
use crate::data::lease::Lease;
use crate::data::limits::{IngestLimits, MOST_RECORD_BYTES, oversized};
use crate::data::missing_words::MissingWords;
use crate::data::other_kind::check_kind;
use crate::data::parallel::workers;
use crate::data::pieces::{CELLS_AT_ONCE, Columns, Converted, Numbers, Pieces, Survey, WIDE};
use crate::data::profile::header::looks_like_data;
use crate::data::profile::{ColumnProfile, Finding};
use crate::data::source::{Growing, PIECE_BYTES, bytes_at};
use crate::data::values::{ShortFormat, ShortWritten};
use crate::memory::Charge;

/// A file's text is in an encoding that was found, not said.
pub(crate) const ENCODING_GUESSED: &str = "encoding_guessed";
/// A piece of many columns is read in at most so many bytes: pieces of very few rows would be arrays of more bookkeeping than
/// content.
const WIDE_PIECE_BYTES: usize = 4 * PIECE_BYTES;
/// The bytes of such pieces that all threads work on at the same time.
const WIDE_BYTES_AT_ONCE: usize = 16 << 20;
/// A byte of another encoding is at most so many of UTF-8.
const UTF_8_BYTES: u64 = 3;

/// A CSV file whose header was read.
pub(crate) struct CsvPieces<'a, S> {
    source: &'a S,
    encoded: Encoded,
    has_header: bool,
    head: Head,
    /// Where the rows begin.
    rows: CsvCursor,
    most_cell_bytes: usize,
    memory: Charge,
}

/// Where the next record begins.
#[derive(Clone, Copy)]
pub(crate) struct CsvCursor {
    offset: u64,
    line: u64,
}

/// Whole records.
pub(crate) struct CsvPiece {
    /// In UTF-8, as far as they are text.
    bytes: Bytes,
    /// The line that they begin on.
    line: u64,
    lines: usize,
    /// Of the bytes.
    _lease: Lease,
}

/// Hands on the cells of columns that the header has, while they are not too long.
struct Within<'a, S, C> {
    pieces: &'a CsvPieces<'a, S>,
    piece: &'a CsvPiece,
    cells: &'a mut C,
}

impl<'a, S: Growing> CsvPieces<'a, S> {
    /// Reads the header.
    ///
    /// # Errors
    /// There is none, or it is not as it should be; the file is no CSV.
    pub fn new(source: &'a S, options: &CsvOptions, limits: &IngestLimits, memory: &Charge) -> Result<Self, DataError> {
        let (mut lease, mut wanted) = (Lease::of(memory, 0)?, PIECE_BYTES);
        loop {
            let bytes = bytes_at(source, 0, wanted)?;
            lease.cover(bytes.len() as u64)?;
            let is_whole = bytes.len() < wanted;
            check_kind(&bytes, "text/csv")?;
            let encoded = Encoded::of(&bytes, options.charset)?;
            let (charset, content) = (encoded.charset, bytes.slice(encoded.mark..));
            let text = text_in(charset, &content, is_whole, (1, LF), &mut lease)?;
            if let Some(mut head) = Head::read(&text, is_whole, &encoded, options, limits)? {
                let found = encoded.found.clone();
                head.findings.extend(found.map(|message| Finding::of_file(ENCODING_GUESSED, message)));
                let passed = raw_length(charset, &content, &text, head.bytes, head.dialect.line_end);
                return Ok(CsvPieces {
                    source,
                    has_header: options.header == Header::Present,
                    rows: CsvCursor { offset: (encoded.mark + passed) as u64, line: head.line },
                    encoded,
                    head,
                    most_cell_bytes: limits.max_cell_bytes,
                    memory: memory.clone(),
                });
            }
            if wanted >= MOST_RECORD_BYTES {
                return Err(long_record(1));
            }
            wanted *= 2;
        }
    }

    /// Adds a finding about the file.
    pub fn tell(&mut self, finding: Finding) {
        self.head.findings.push(finding);
    }

    /// Where a part of whole records ends that becomes no more cells than a piece may, if these become more: a cell takes a
    /// byte in the file, and eight in its array.
    fn shortened(&self, records: &[u8]) -> Option<usize> {
        let columns = self.head.names.len().max(1);
        let most_rows = (CELLS_AT_ONCE / workers() / columns).max(1);
        // A row has a byte for each of its cells at least: a delimiter or the end of the line.
        if records.len() / columns < most_rows {
            return None;
        }
        let end = memchr_iter(self.head.dialect.line_end, records).nth(most_rows - 1)?;
        match rows_end(&records[..=end], self.head.dialect, false, self.head.blank_is_row()) {
            RecordsEnd::At(end) => Some(end),
            RecordsEnd::None | RecordsEnd::Open(_) => None,
        }
    }

    /// The text of a piece.
    fn text<'p>(&self, piece: &'p CsvPiece) -> Result<&'p str, DataError> {
        std::str::from_utf8(&piece.bytes).map_err(|error| {
            let lines = self.head.dialect.lines_in(&piece.bytes[..error.valid_up_to()]);
            self.encoded.not_text(piece.line + lines)
        })
    }

    /// The line of a place in the text of a piece.
    fn line_of(&self, piece: &CsvPiece, at: usize) -> u64 {
        piece.line + self.head.dialect.lines_in(&piece.bytes[..at])
    }

    /// Of columns of which no cell was seen.
    fn no_evidence(&self) -> Vec<Evidence> {
        vec![Evidence::default(); self.head.names.len()]
    }

    /// Gives each cell of a piece to `cells`: numbers as such if they are short and it is known how their column's are read.
    /// Says how many rows there are.
    fn each_cell(&self, piece: &CsvPiece, numbers: &[Numbers], cells: &mut impl Fields) -> Result<usize, DataError> {
        let (text, head) = (self.text(piece)?, &self.head);
        let (columns, mut within) = (head.names.len(), Within { pieces: self, piece, cells });
        let mut records = RecordReader::of_rows(text, head.dialect, piece.line, head.blank_is_row());
        let mut rows = 0;
        loop {
            let record = records.next_of(numbers, &mut within)?;
            match record {
                None => return Ok(rows),
                Some(Record { fields, start }) if fields != columns => {
                    return Err(ragged(head.dialect, records.line_of(start), fields, columns));
                }
                Some(_) => rows += 1,
            }
        }
    }
}

impl CsvPiece {
    fn builders(&self, columns: &Columns) -> Vec<Builder> {
        columns.forms.iter().map(|form| Builder::with_capacity(form, self.lines + 1)).collect()
    }

    /// The memory of its cells as arrays: words grow by doubling.
    fn lease(&self, columns: &Columns, memory: &Charge) -> Result<Lease, DataError> {
        let words = if columns.forms.contains(&Form::Words) { 2 * self.bytes.len() as u64 } else { 0 };
        Lease::of(memory, Columns::cell_bytes(self.lines + 1, columns.forms.len()) + words)
    }
}

impl<S: Growing> Pieces for CsvPieces<'_, S> {
    type Cursor = CsvCursor;
    type Piece = CsvPiece;
    const IN_ONE_READING: bool = true;

    fn findings(&self, columns: &[ColumnProfile]) -> Vec<Finding> {
        let unnamed = self.has_header.then(|| looks_like_data(columns, self.head.header_line)).flatten();
        self.head.findings.iter().cloned().chain(unnamed).collect()
    }

    fn start(&self, _: Option<&Columns>) -> Result<CsvCursor, DataError> {
        Ok(self.rows)
    }

    fn next(&self, cursor: &mut CsvCursor) -> Result<Option<CsvPiece>, DataError> {
        let mut wanted = match self.head.names.len() {
            0..WIDE => PIECE_BYTES,
            _ => (WIDE_BYTES_AT_ONCE / workers()).clamp(PIECE_BYTES, WIDE_PIECE_BYTES),
        };
        let mut lease = Lease::of(&self.memory, 0)?;
        loop {
            if wanted > PIECE_BYTES {
                lease.cover(wanted as u64)?;
            }
            let raw = bytes_at(self.source, cursor.offset, wanted)?;
            lease.cover(raw.len() as u64)?;
            if raw.is_empty() {
                return Ok(None);
            }
            let (is_last, dialect) = (raw.len() < wanted, self.head.dialect);
            let bytes = text_in(self.encoded.charset, &raw, is_last, (cursor.line, dialect.line_end), &mut lease)?;
            match rows_end(&bytes, dialect, is_last, self.head.blank_is_row()) {
                RecordsEnd::At(0) => return Ok(None),
                RecordsEnd::At(end) => {
                    let end = self.shortened(&bytes[..end]).unwrap_or(end);
                    let passed = raw_length(self.encoded.charset, &raw, &bytes, end, dialect.line_end);
                    let bytes = bytes.slice(..end);
                    let lines = dialect.lines_in(&bytes);
                    let piece = CsvPiece { bytes, line: cursor.line, lines: lines as usize, _lease: lease };
                    *cursor = CsvCursor { offset: cursor.offset + passed as u64, line: cursor.line + lines };
                    return Ok(Some(piece));
                }
                RecordsEnd::Open(quote) if is_last => {
                    return Err(unclosed(cursor.line + dialect.lines_in(&bytes[..quote])));
                }
                RecordsEnd::Open(quote) if bytes.len() - quote > self.most_cell_bytes => {
                    let detail =
                        format!("the quote that is opened here is not closed within {} bytes", self.most_cell_bytes);
                    return Err(DataError::too_large(detail).at(cursor.line + dialect.lines_in(&bytes[..quote])));
                }
                _ if wanted >= MOST_RECORD_BYTES => return Err(long_record(cursor.line)),
                _ => wanted *= 2,
            }
        }
    }

    fn survey(&self, piece: CsvPiece, asked: &AskedColumns) -> Result<Survey, DataError> {
        let missing = &MissingWords::of(&self.head.names, asked)?;
        let line_of = |at| self.line_of(&piece, at);
        let mut cells = Surveyed { evidence: self.no_evidence(), missing, line_of };
        let rows = self.each_cell(&piece, &[], &mut cells)?;
        Ok(Survey::full(rows, self.head.names.clone(), cells.evidence))
    }

    /// A cell that does not fit ends the conversion, and the piece is surveyed from its start.
    fn try_convert(
        &self,
        piece: CsvPiece,
        columns: &Columns,
        asked: &AskedColumns,
    ) -> Result<(Survey, Option<Converted>), DataError> {
        let lease = piece.lease(columns, &self.memory)?;
        let (evidence, builders) = (self.no_evidence(), piece.builders(columns));
        let line_of = |at| self.line_of(&piece, at);
        let mut cells = Tried { evidence, builders, columns, misfits: false, line_of };
        let read = self.each_cell(&piece, &columns.numbers(), &mut cells);
        let Tried { evidence, builders, misfits, .. } = cells;
        if misfits {
            drop((builders, lease));
            return Ok((self.survey(piece, asked)?, None));
        }
        let rows = read?;
        let survey = Survey::full(rows, self.head.names.clone(), evidence);
        let arrays = builders.into_iter().map(Builder::finish).collect();
        Ok((survey, Some(Converted::new(rows, arrays, lease)?)))
    }

    fn convert(&self, piece: CsvPiece, columns: &Columns) -> Result<Converted, DataError> {
        let lease = piece.lease(columns, &self.memory)?;
        let line_of = |at| self.line_of(&piece, at);
        let mut cells = Put { builders: piece.builders(columns), columns, line_of };
        let rows = self.each_cell(&piece, &columns.numbers(), &mut cells)?;
        Converted::new(rows, cells.builders.into_iter().map(Builder::finish).collect(), lease)
    }
}

impl<S: Growing, C: Fields> Fields for Within<'_, S, C> {
    #[inline]
    fn number(&mut self, column: usize, start: usize, value: f64) {
        self.cells.number(column, start, value);
    }

    #[inline]
    fn written(&mut self, column: usize, start: usize, number: &ShortWritten, format: &ShortFormat) -> bool {
        self.cells.written(column, start, number, format)
    }

    #[inline]
    fn text(&mut self, column: usize, start: usize, text: &str) -> Result<(), DataError> {
        let (pieces, most) = (self.pieces, self.pieces.most_cell_bytes);
        let Some(name) = pieces.head.names.get(column) else { return Ok(()) };
        if text.len() > most {
            return Err(oversized(text.len(), most).at(pieces.line_of(self.piece, start)).of(name));
        }
        self.cells.text(column, start, text)
    }
}

/// The text of the whole lines among some bytes, of all of them if they are the last. The line that they begin on and the byte
/// that ends lines are for errors; `lease` is made to cover text that is not the bytes themselves.
fn text_in(
    charset: Charset,
    bytes: &Bytes,
    is_last: bool,
    (line, line_end): (u64, u8),
    lease: &mut Lease,
) -> Result<Bytes, DataError> {
    if charset == Charset::UTF_8 {
        return Ok(bytes.clone());
    }
    // What ends lines is not known yet when the header is read.
    let after_last = charset.after_last(bytes, line_end).or_else(|| charset.after_last(bytes, CR));
    let end = if is_last { bytes.len() } else { after_last.unwrap_or(0) };
    lease.cover((1 + UTF_8_BYTES) * bytes.len() as u64)?;
    charset.text_of(bytes.slice(..end), line, line_end)
}

/// How many bytes of a file the first `length` bytes of the text made of them are: all, or some lines.
fn raw_length(charset: Charset, bytes: &[u8], text: &[u8], length: usize, line_end: u8) -> usize {
    if charset == Charset::UTF_8 {
        return length;
    }
    let lines = memchr_iter(line_end, &text[..length]).count();
    match charset.after_nth(bytes, line_end, lines) {
        Some(end) if length < text.len() || text.ends_with(&[line_end]) => end,
        _ => bytes.len(),
    }
}

fn long_record(line: u64) -> DataError {
    DataError::too_large(format!("a record is longer than {MOST_RECORD_BYTES} bytes")).at(line)
}
