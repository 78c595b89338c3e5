//! JSON files in pieces of whole objects: one on each line, or all in an array.

use bytes::Bytes;
use memchr::{memchr_iter, memchr2, memchr3, memrchr};

use super::objects::{Objects, Place, RawCell};
use crate::data::asked::AskedColumns;
use crate::data::builder::Builder;
use crate::data::error::DataError;
use crate::data::inference::{Evidence, Form, Written};
use crate::data::lease::Lease;
use crate::data::limits::{IngestLimits, MOST_RECORD_BYTES};
use crate::data::other_kind::check_kind;
use crate::data::parallel::workers;
use crate::data::pieces::{CELLS_AT_ONCE, Columns, Converted, Pieces, Survey};
use crate::data::source::{Growing, PIECE_BYTES, bytes_at};
use crate::data::text::{lines_in, text_of, without_mark};
use crate::data::values::canonical_number;
use crate::memory::Charge;

/// A piece becomes at most about so many cells: an object may name few of many columns.
const MOST_CELLS: usize = 2 << 20;
/// What a key takes while its piece is surveyed, beside its bytes, which are held three times: its evidence, and places in
/// tables.
const KEY_BYTES: u64 = 512;

/// Bytes by which a file of another kind is told.
const BEGINNING: usize = 4 << 10;

/// A file of JSON objects.
pub(crate) struct JsonPieces<'a, S> {
    source: &'a S,
    shape: Shape,
    limits: &'a IngestLimits,
    memory: &'a Charge,
}

#[derive(Clone, Copy, PartialEq)]
enum Shape {
    Lines,
    Array,
}

/// Where the next object begins.
pub(crate) struct JsonCursor {
    offset: u64,
    place: Place,
    pub(super) most_rows: usize,
    /// Whether the array's bracket lies behind.
    begun: bool,
}

/// Whole objects.
pub(crate) struct JsonPiece {
    pub(super) bytes: Bytes,
    pub(super) place: Place,
    /// Of the bytes, and of the copy with brackets that is made of those of an array.
    _lease: Lease,
}

/// What a look at some bytes has found.
enum Found {
    /// Objects, from one byte to another.
    Objects(usize, usize),
    /// The end of the file.
    End,
    /// Too little to say.
    More,
}

impl<'a, S: Growing> JsonPieces<'a, S> {
    /// An object on each line.
    ///
    /// # Errors
    /// The file cannot be read, or is of another kind.
    pub fn lines(source: &'a S, limits: &'a IngestLimits, memory: &'a Charge) -> Result<Self, DataError> {
        check_kind(&bytes_at(source, 0, BEGINNING)?, "application/x-ndjson")?;
        Ok(JsonPieces::of_lines(source, limits, memory))
    }

    /// The same of a file whose kind was looked at.
    pub(super) fn of_lines(source: &'a S, limits: &'a IngestLimits, memory: &'a Charge) -> Self {
        JsonPieces { source, shape: Shape::Lines, limits, memory }
    }

    /// One array.
    ///
    /// # Errors
    /// The file cannot be read, or is of another kind.
    pub fn array(source: &'a S, limits: &'a IngestLimits, memory: &'a Charge) -> Result<Self, DataError> {
        check_kind(&bytes_at(source, 0, BEGINNING)?, "application/json")?;
        Ok(JsonPieces { source, shape: Shape::Array, limits, memory })
    }

    /// Gives every cell of a piece, with its row, column and line, to `cell`; says how many rows there are.
    fn each_cell(
        &self,
        piece: &JsonPiece,
        objects: &mut Objects,
        mut cell: impl FnMut(usize, usize, RawCell, &dyn Fn() -> u64) -> Result<(), DataError>,
    ) -> Result<usize, DataError> {
        let text = text_of(&piece.bytes, piece.place.line)?;
        if self.shape == Shape::Array {
            return objects.read_array(text, piece.place, &mut cell);
        }
        for (line, text) in (piece.place.line..).zip(text.split('\n')).filter(|(_, text)| !text.trim_ascii().is_empty())
        {
            objects.read_object(text, line, &mut cell)?;
        }
        Ok(objects.rows())
    }
}

impl JsonCursor {
    fn find(&self, shape: Shape, bytes: &[u8], is_last: bool) -> Result<Found, DataError> {
        if shape == Shape::Array {
            return self.find_in_array(bytes, is_last);
        }
        let end = memchr_iter(b'\n', bytes).nth(self.most_rows - 1).or_else(|| memrchr(b'\n', bytes));
        Ok(match end {
            _ if bytes.is_empty() => Found::End,
            Some(end) => Found::Objects(0, end + 1),
            None if is_last => Found::Objects(0, bytes.len()),
            None => Found::More,
        })
    }

    /// Checks what stands between objects, the array's brackets among it.
    fn find_in_array(&self, bytes: &[u8], is_last: bool) -> Result<Found, DataError> {
        let fail =
            |at: usize, detail: &str| Err(DataError::malformed(detail).at(self.place.line + lines_in(&bytes[..at])));
        let mut at = after_blanks(bytes, 0);
        match (self.begun, bytes.get(at)) {
            (false, Some(b'[')) => at = after_blanks(bytes, at + 1),
            (false, None) if !is_last => return Ok(Found::More),
            (false, _) => {
                return fail(at, "the file is not an array of objects; objects on lines are application/x-ndjson");
            }
            (true, Some(b',')) => at = after_blanks(bytes, at + 1),
            (true, Some(b']') | None) => {}
            (true, Some(_)) => return fail(at, "a comma or the array's end is missing after an object"),
        }
        let after_comma = self.begun && bytes[..at].contains(&b',');
        match bytes.get(at) {
            Some(b'{') => match objects_end(bytes, at, self.most_rows) {
                Some(end) => Ok(Found::Objects(at, end)),
                None if is_last => fail(at, "the object that begins here is not closed"),
                None => Ok(Found::More),
            },
            Some(b']') if !after_comma => match after_blanks(bytes, at + 1) {
                rest if rest < bytes.len() => fail(rest, "there is something after the array's end"),
                _ if is_last => Ok(Found::End),
                _ => Ok(Found::More),
            },
            Some(_) => fail(at, "the array has an entry that is not an object"),
            None if is_last => fail(at, "the array is not closed"),
            None => Ok(Found::More),
        }
    }
}

impl<S: Growing> Pieces for JsonPieces<'_, S> {
    type Cursor = JsonCursor;
    type Piece = JsonPiece;

    fn start(&self, columns: Option<&Columns>) -> Result<JsonCursor, DataError> {
        let head = bytes_at(self.source, 0, 3)?;
        let mark = head.len() - without_mark(&head)?.len();
        let most_cells = MOST_CELLS.min(CELLS_AT_ONCE / workers());
        let most_rows = columns.map_or(usize::MAX, |columns| (most_cells / columns.names.len().max(1)).max(1));
        Ok(JsonCursor { offset: mark as u64, place: Place { line: 1, before: 0 }, most_rows, begun: false })
    }

    fn next(&self, cursor: &mut JsonCursor) -> Result<Option<JsonPiece>, DataError> {
        let mut wanted = PIECE_BYTES;
        let mut lease = Lease::of(self.memory, 0)?;
        loop {
            if wanted > PIECE_BYTES {
                lease.cover(2 * wanted as u64)?;
            }
            let bytes = bytes_at(self.source, cursor.offset, wanted)?;
            lease.cover(2 * bytes.len() as u64)?;
            let is_last = bytes.len() < wanted;
            match cursor.find(self.shape, &bytes, is_last)? {
                Found::Objects(start, end) => {
                    let place = cursor.place.behind(&bytes[..start]);
                    let bytes = bytes.slice(start..end);
                    cursor.begun = true;
                    cursor.offset += end as u64;
                    cursor.place = place.behind(&bytes);
                    return Ok(Some(JsonPiece { bytes, place, _lease: lease }));
                }
                Found::End => return Ok(None),
                Found::More if wanted >= MOST_RECORD_BYTES => {
                    let detail = format!("an object is longer than {MOST_RECORD_BYTES} bytes");
                    return Err(DataError::too_large(detail).at(cursor.place.line));
                }
                Found::More => wanted *= 2,
            }
        }
    }

    fn survey(&self, piece: JsonPiece, asked: &AskedColumns) -> Result<Survey, DataError> {
        let mut objects = Objects::new(Vec::new(), self.limits, true);
        let mut evidence: Vec<Evidence> = Vec::new();
        let has_words = asked.has_missing_words();
        let rows = self.each_cell(&piece, &mut objects, |_, column, cell, line| {
            if column >= evidence.len() {
                evidence.resize(column + 1, Evidence::default());
            }
            if !(has_words && asked.is_missing(cell.key, cell.text)) {
                evidence[column].observe(cell.text, cell.written, line);
            }
            Ok(())
        })?;
        let (given, names) = (objects.given(), objects.into_names());
        let keys = names.iter().map(|name| KEY_BYTES + 3 * name.len() as u64).sum::<u64>();
        let _keys = Lease::of(self.memory, keys)?;
        evidence.resize(names.len(), Evidence::default());
        Ok(Survey { rows: rows as u64, given, names, evidence })
    }

    fn convert(&self, piece: JsonPiece, columns: &Columns) -> Result<Converted, DataError> {
        let mut objects = Objects::new(columns.names.clone(), self.limits, false);
        let mut builders: Vec<Builder> = columns.forms.iter().map(|form| Builder::with_capacity(form, 0)).collect();
        let mut lease = Lease::of(self.memory, 2 * piece.bytes.len() as u64)?;
        let (count, mut covered) = (columns.names.len(), 0);
        let rows = self.each_cell(&piece, &mut objects, |row, column, cell, line| {
            if row >= covered {
                // Arrays grow by doubling.
                covered = 2 * row.max(32);
                lease.cover(2 * piece.bytes.len() as u64 + Columns::cell_bytes(covered, count))?;
            }
            builders[column].pad(row);
            // A number has no writing of its own in JSON: 1.0 and 1 are one word.
            let is_word = cell.written == Written::Number && columns.forms[column] == Form::Words;
            let canonical = is_word.then(|| canonical_number(cell.text)).flatten();
            let text = canonical.as_deref().unwrap_or(cell.text);
            let builder = &mut builders[column];
            let pushed = match cell.written {
                _ if columns.missing.is_missing(column, cell.text) => builder.push(""),
                Written::Number => builder.push_bare(text),
                _ => builder.push(text),
            };
            pushed.map_err(|_| columns.misfit(column, cell.text).at(line()))
        })?;
        lease.cover(2 * piece.bytes.len() as u64 + Columns::cell_bytes(rows, count))?;
        builders.iter_mut().for_each(|builder| builder.pad(rows));
        Converted::new(rows, builders.into_iter().map(Builder::finish).collect(), lease)
    }
}

fn after_blanks(bytes: &[u8], at: usize) -> usize {
    let blanks = bytes[at..].iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n')).count();
    at + blanks
}

/// The end of the last whole object of a list that begins at `at`; at most `most` of them.
fn objects_end(bytes: &[u8], at: usize, most: usize) -> Option<usize> {
    let mut end = object_end(bytes, at)?;
    for _ in 1..most {
        let comma = after_blanks(bytes, end);
        if bytes.get(comma) != Some(&b',') {
            break;
        }
        let next = after_blanks(bytes, comma + 1);
        match bytes.get(next) {
            Some(b'{') => match object_end(bytes, next) {
                Some(next) => end = next,
                None => break,
            },
            _ => break,
        }
    }
    Some(end)
}

/// Behind the bracket that closes the object at `at`.
fn object_end(bytes: &[u8], mut at: usize) -> Option<usize> {
    let mut depth = 0_usize;
    loop {
        at += memchr3(b'"', b'{', b'}', &bytes[at..])? + 1;
        match bytes[at - 1] {
            b'{' => depth += 1,
            b'}' if depth <= 1 => return Some(at),
            b'}' => depth -= 1,
            _ => at = string_end(bytes, at)?,
        }
    }
}

/// Behind the quote that closes the string whose content begins at `at`.
fn string_end(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at += memchr2(b'"', b'\\', bytes.get(at..)?)? + 1;
        if bytes[at - 1] == b'"' {
            return Some(at);
        }
        at += 1;
    }
}
