//! CSV files in pieces of whole records.

use bytes::Bytes;
use memchr::memchr_iter;

use super::dialect::{Delimiter, declared};
use super::scan::{Field, Record, RecordReader, RecordsEnd, ragged, records_end, unclosed};
use crate::data::asked::AskedColumns;
use crate::data::builder::Builder;
use crate::data::error::DataError;
use crate::data::header::header_names;
use crate::data::inference::{Evidence, Form, Written};
use crate::data::lease::Lease;
use crate::data::limits::{IngestLimits, MOST_RECORD_BYTES, oversized};
use crate::data::parallel::workers;
use crate::data::pieces::{CELLS_AT_ONCE, Columns, Converted, MissingWords, Pieces, Survey, WIDE};
use crate::data::source::{Growing, PIECE_BYTES, bytes_at};
use crate::data::text::{lines_in, text_of, without_mark};
use crate::memory::Charge;

/// A piece of many columns is read in at most so many bytes: pieces of very few rows would be arrays of more bookkeeping than
/// content.
const WIDE_PIECE_BYTES: usize = 4 * PIECE_BYTES;
/// The bytes of such pieces that all threads work on at the same time.
const WIDE_BYTES_AT_ONCE: usize = 16 << 20;

/// A CSV file whose header was read.
pub(crate) struct CsvPieces<'a, S> {
    source: &'a S,
    delimiter: Delimiter,
    names: Vec<String>,
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
    bytes: Bytes,
    /// The line that they begin on.
    line: u64,
    lines: usize,
    /// Of the bytes.
    _lease: Lease,
}

impl<'a, S: Growing> CsvPieces<'a, S> {
    /// Reads the header.
    ///
    /// # Errors
    /// There is none, or it is not as it should be.
    pub fn new(source: &'a S, limits: &IngestLimits, memory: &Charge) -> Result<Self, DataError> {
        let head = bytes_at(source, 0, PIECE_BYTES)?;
        let content = without_mark(&head)?;
        let (delimiter, passed) = declared(content).unwrap_or_else(|| (Delimiter::of(content), 0));
        let start =
            CsvCursor { offset: (head.len() - content.len() + passed) as u64, line: 1 + lines_in(&content[..passed]) };
        let (names, memory) = (Vec::new(), memory.clone());
        let most_cell_bytes = limits.max_cell_bytes;
        let mut pieces = CsvPieces { source, delimiter, names, rows: start, most_cell_bytes, memory };
        let empty = || DataError::malformed("the file is empty: it needs a header and rows").at(start.line);
        let piece = pieces.next(&mut { start })?.ok_or_else(empty)?;
        // The rest of the piece may be broken; whoever reads the rows will say so.
        let text = match std::str::from_utf8(&piece.bytes) {
            Ok(text) => text,
            Err(error) => match text_of(&piece.bytes[..error.valid_up_to()], start.line) {
                Ok(text) if text.trim_start_matches(['\r', '\n']).contains('\n') => text,
                _ => return Err(text_of(&piece.bytes, start.line).err().unwrap_or_else(empty)),
            },
        };
        let mut records = RecordReader::new(text, delimiter);
        let mut fields = Vec::new();
        let read = records.next(|_, _, field| {
            fields.push(field.to_owned());
            Ok::<_, DataError>(())
        })?;
        let line = start.line + records.lines_before(read.ok_or_else(empty)?.start);
        pieces.names = header_names(fields, line, limits.max_columns)?;
        let end = records.position();
        pieces.rows = CsvCursor { offset: start.offset + end as u64, line: start.line + records.lines_before(end) };
        Ok(pieces)
    }

    /// Where a part of whole records ends that becomes no more cells than a piece may, if these become more: a cell takes a
    /// byte in the file, and eight in its array.
    fn shortened(&self, records: &[u8]) -> Option<usize> {
        let columns = self.names.len().max(1);
        let most_rows = (CELLS_AT_ONCE / workers() / columns).max(1);
        // A row has a byte for each of its cells at least: a delimiter or the end of the line.
        if records.len() / columns < most_rows {
            return None;
        }
        let end = memchr_iter(b'\n', records).nth(most_rows - 1)?;
        match records_end(&records[..=end], self.delimiter, false) {
            RecordsEnd::At(end) => Some(end),
            RecordsEnd::None | RecordsEnd::Open(_) => None,
        }
    }

    /// Gives each cell of a piece, with its column and where it begins, to `cell`: numbers as such if they are short and
    /// their column is one of `numbers`. Says how many rows there are.
    fn each_cell(
        &self,
        text: &str,
        line: u64,
        numbers: &[bool],
        mut cell: impl FnMut(usize, usize, Field) -> Result<(), DataError>,
    ) -> Result<usize, DataError> {
        let (columns, most) = (self.names.len(), self.most_cell_bytes);
        let mut within = |column: usize, start: usize, field: Field| match field {
            _ if column >= columns => Ok(()),
            Field::Text(content) if content.len() > most => {
                let line = line + lines_before(text, start);
                Err(oversized(content.len(), most).at(line).of(&self.names[column]))
            }
            field => cell(column, start, field),
        };
        let mut records = RecordReader::new(text, self.delimiter);
        let mut rows = 0;
        loop {
            let record = records.next_of(numbers, &mut within)?;
            match record {
                None => return Ok(rows),
                Some(Record { fields, start }) if fields != columns => {
                    return Err(ragged(line + lines_before(text, start), fields, columns));
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

    fn start(&self, _: Option<&Columns>) -> Result<CsvCursor, DataError> {
        Ok(self.rows)
    }

    fn next(&self, cursor: &mut CsvCursor) -> Result<Option<CsvPiece>, DataError> {
        let mut wanted = match self.names.len() {
            0..WIDE => PIECE_BYTES,
            _ => (WIDE_BYTES_AT_ONCE / workers()).clamp(PIECE_BYTES, WIDE_PIECE_BYTES),
        };
        let mut lease = Lease::of(&self.memory, 0)?;
        loop {
            if wanted > PIECE_BYTES {
                lease.cover(wanted as u64)?;
            }
            let bytes = bytes_at(self.source, cursor.offset, wanted)?;
            lease.cover(bytes.len() as u64)?;
            if bytes.is_empty() {
                return Ok(None);
            }
            let is_last = bytes.len() < wanted;
            match records_end(&bytes, self.delimiter, is_last) {
                RecordsEnd::At(end) => {
                    let end = self.shortened(&bytes[..end]).unwrap_or(end);
                    let bytes = bytes.slice(..end);
                    let lines = memchr_iter(b'\n', &bytes).count();
                    let piece = CsvPiece { bytes, line: cursor.line, lines, _lease: lease };
                    *cursor = CsvCursor { offset: cursor.offset + end as u64, line: cursor.line + lines as u64 };
                    return Ok(Some(piece));
                }
                RecordsEnd::Open(quote) if is_last => return Err(unclosed(cursor.line + lines_in(&bytes[..quote]))),
                RecordsEnd::Open(quote) if bytes.len() - quote > self.most_cell_bytes => {
                    let detail =
                        format!("the quote that is opened here is not closed within {} bytes", self.most_cell_bytes);
                    return Err(DataError::too_large(detail).at(cursor.line + lines_in(&bytes[..quote])));
                }
                _ if wanted >= MOST_RECORD_BYTES => {
                    let detail = format!("a record is longer than {MOST_RECORD_BYTES} bytes");
                    return Err(DataError::too_large(detail).at(cursor.line));
                }
                _ => wanted *= 2,
            }
        }
    }

    fn survey(&self, piece: CsvPiece, asked: &AskedColumns) -> Result<Survey, DataError> {
        let missing = MissingWords::of(&self.names, asked);
        let text = text_of(&piece.bytes, piece.line)?;
        let mut evidence = vec![Evidence::default(); self.names.len()];
        let rows = self.each_cell(text, piece.line, &[], |column, start, field| {
            let place = || piece.line + lines_before(text, start);
            match field {
                Field::Number(value) => evidence[column].observe_short_number(value, place),
                Field::Text(text) => evidence[column].observe(missing.blanked(column, text), Written::Field, place),
            }
            Ok(())
        })?;
        Ok(Survey::full(rows, self.names.clone(), evidence))
    }

    /// A cell that does not fit ends the conversion, and the piece is surveyed from its start.
    fn try_convert(
        &self,
        piece: CsvPiece,
        columns: &Columns,
        asked: &AskedColumns,
    ) -> Result<(Survey, Option<Converted>), DataError> {
        let text = text_of(&piece.bytes, piece.line)?;
        let lease = piece.lease(columns, &self.memory)?;
        let mut builders = piece.builders(columns);
        let mut evidence = vec![Evidence::default(); self.names.len()];
        let mut misfits = false;
        let read = self.each_cell(text, piece.line, &columns.are_numbers(), |column, start, field| {
            let place = || piece.line + lines_before(text, start);
            let (builder, evidence) = (&mut builders[column], &mut evidence[column]);
            match field {
                Field::Number(value) => {
                    evidence.observe_short_number(value, place);
                    builder.push_number(value);
                }
                Field::Text(text) => {
                    let text = columns.missing.blanked(column, text);
                    builder.push_observed(text, evidence, place).map_err(|_| {
                        misfits = true;
                        columns.misfit(column, text)
                    })?;
                }
            }
            Ok(())
        });
        if misfits {
            drop((builders, lease));
            return Ok((self.survey(piece, asked)?, None));
        }
        let rows = read?;
        let survey = Survey::full(rows, self.names.clone(), evidence);
        let arrays = builders.into_iter().map(Builder::finish).collect();
        Ok((survey, Some(Converted::new(rows, arrays, lease)?)))
    }

    fn convert(&self, piece: CsvPiece, columns: &Columns) -> Result<Converted, DataError> {
        let text = text_of(&piece.bytes, piece.line)?;
        let lease = piece.lease(columns, &self.memory)?;
        let mut builders = piece.builders(columns);
        let rows = self.each_cell(text, piece.line, &columns.are_numbers(), |column, start, field| {
            match field {
                Field::Number(value) => builders[column].push_number(value),
                Field::Text(cell) => builders[column]
                    .push(columns.missing.blanked(column, cell))
                    .map_err(|_| columns.misfit(column, cell).at(piece.line + lines_before(text, start)))?,
            }
            Ok(())
        })?;
        Converted::new(rows, builders.into_iter().map(Builder::finish).collect(), lease)
    }
}

fn lines_before(text: &str, at: usize) -> u64 {
    lines_in(&text.as_bytes()[..at])
}
