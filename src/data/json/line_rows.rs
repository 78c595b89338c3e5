//! JSON objects on lines, some of them at a time.

use super::cell::Cell;
use super::objects::{Objects, RawCell};
use super::pieces::{JsonCursor, JsonPieces};
use super::records::Records;
use crate::data::cell_rows::CellRows;
use crate::data::error::DataError;
use crate::data::inference::Written;
use crate::data::lease::Lease;
use crate::data::limits::IngestLimits;
use crate::data::pieces::Pieces;
use crate::data::source::Growing;
use crate::data::text::text_of;
use crate::memory::Charge;

/// Cells that a column has room for at first.
const FIRST_ROOM: usize = 64;

/// A file with an object on each line.
pub struct LineRows<S> {
    source: S,
    limits: IngestLimits,
    memory: Charge,
    cursor: JsonCursor,
    names: Vec<String>,
    /// The line on which each name stands first.
    lines: Vec<u64>,
}

impl<S: Growing> LineRows<S> {
    /// Looks at how the file begins; `memory` is charged with what is read.
    ///
    /// # Errors
    /// It is of another kind, or cannot be read.
    pub fn new(source: S, memory: &Charge) -> Result<Self, DataError> {
        let limits = IngestLimits::default();
        let cursor = JsonPieces::lines(&source, &limits, memory)?.start(None)?;
        Ok(LineRows { source, limits, memory: memory.clone(), cursor, names: Vec::new(), lines: Vec::new() })
    }

    /// The keys of all objects so far, in the order of their first appearance.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The line on which one of them stands first.
    pub fn line_of(&self, name: &str) -> Option<u64> {
        self.names.iter().position(|known| known == name).map(|at| self.lines[at])
    }

    /// The next rows, at most so many; nothing at the end.
    ///
    /// # Errors
    /// A line is no object of cells, or cannot be read; there is no memory for the rows.
    pub fn next_rows(&mut self, most: usize) -> Result<Option<CellRows>, DataError> {
        self.cursor.most_rows = most.max(1);
        loop {
            let pieces = JsonPieces::of_lines(&self.source, &self.limits, &self.memory);
            let Some(piece) = pieces.next(&mut self.cursor)? else { return Ok(None) };
            let mut objects = Objects::new(std::mem::take(&mut self.names), &self.limits, true);
            let (lines, mut places) = (&mut self.lines, Vec::new());
            let mut rows = Gathering {
                columns: vec![Vec::new(); lines.len()],
                lease: Lease::of(&self.memory, 2 * piece.bytes.len() as u64)?,
            };
            let text = text_of(&piece.bytes, piece.place.line)?;
            let of_lines = (piece.place.line..).zip(text.split('\n'));
            for (line, text) in of_lines.filter(|(_, text)| !text.trim_ascii().is_empty()) {
                objects.read_object(text, line, &mut |row, column, cell, line| {
                    if column >= lines.len() {
                        lines.push(line());
                        rows.columns.push(Vec::new());
                    }
                    rows.add(row, column, cell_of(&cell))
                })?;
                places.push(line);
            }
            self.names = objects.into_names();
            if !places.is_empty() {
                return rows.whole(places).map(Some);
            }
        }
    }
}

/// Rows that are being read.
struct Gathering {
    columns: Vec<Vec<Cell>>,
    lease: Lease,
}

impl Gathering {
    fn add(&mut self, row: usize, column: usize, cell: Cell) -> Result<(), DataError> {
        self.pad(column, row, 2 * row)?;
        self.columns[column].push(cell);
        Ok(())
    }

    /// Brings a column to `rows` cells, and makes room for one more, or for `wanted` where it has to be made.
    fn pad(&mut self, column: usize, rows: usize, wanted: usize) -> Result<(), DataError> {
        let cells = &mut self.columns[column];
        if cells.capacity() <= rows {
            let room = (rows + 1).max(wanted).max(FIRST_ROOM);
            let more = (room - cells.capacity()) * size_of::<Cell>();
            self.lease.cover(self.lease.bytes() + more as u64)?;
            cells.reserve_exact(room - cells.len());
        }
        cells.resize(rows, Cell::Absent);
        Ok(())
    }

    fn whole(mut self, places: Vec<u64>) -> Result<CellRows, DataError> {
        for column in 0..self.columns.len() {
            self.pad(column, places.len(), 0)?;
        }
        let records = Records { names: Vec::new(), columns: self.columns, rows: places.len() };
        Ok(CellRows { records, places, _lease: self.lease })
    }
}

fn cell_of(cell: &RawCell) -> Cell {
    match cell.written {
        Written::Number => Cell::of_digits(cell.text),
        Written::Boolean => Cell::Boolean(cell.text == "true"),
        Written::Quoted | Written::Field => Cell::of_text(cell.text),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::memory::Share;

    fn rows_of(text: &str) -> LineRows<Bytes> {
        let memory = Share::new("requests", bytesize::ByteSize::mib(64)).charge(None);
        LineRows::new(Bytes::copy_from_slice(text.as_bytes()), &memory).expect("it is read")
    }

    #[test]
    fn objects_come_with_their_lines_and_keys_in_any_portions() {
        let text = "\u{feff}{\"a\":1}\n\n{\"b\":\"x\\n\",\"a\":null}\r\n{}\n{\"a\":true,\"c\":\"\"}";
        for most in 1..6 {
            let (mut rows, mut cells, mut lines) = (rows_of(text), Vec::new(), Vec::new());
            while let Some(read) = rows.next_rows(most).expect("rows") {
                assert!(read.records.rows == read.places.len() && read.places.len() <= most);
                let row = |row: usize| {
                    let mut cells: Vec<Cell> = read.records.columns.iter().map(|column| column[row].clone()).collect();
                    cells.resize(3, Cell::Absent);
                    cells
                };
                cells.extend((0..read.records.rows).map(row));
                lines.extend(read.places);
            }
            let (absent, missing) = (Cell::Absent, Cell::Missing);
            let expected = [
                [Cell::Number(1.0), absent.clone(), absent.clone()],
                [missing.clone(), Cell::of_text("x\n"), absent.clone()],
                [absent.clone(), absent.clone(), absent.clone()],
                [Cell::Boolean(true), absent, missing],
            ];
            assert_eq!((cells, lines), (expected.map(Vec::from).to_vec(), vec![1, 3, 4, 5]), "{most}");
            assert_eq!((rows.names().join(""), rows.line_of("c")), ("abc".to_owned(), Some(5)));
        }
    }

    #[test]
    fn what_rows_become_is_charged() {
        let memory = Share::new("requests", bytesize::ByteSize::mib(1)).charge(None);
        let lines: String = (0..4000).map(|row| format!("{{\"{row}\":0}}\n")).collect();
        let mut rows = LineRows::new(Bytes::from(lines), &memory).expect("it is read");
        let refused = rows.next_rows(4096).map(|_| ()).expect_err("sixteen million cells of four thousand");
        assert_eq!(refused.kind, crate::data::error::DataErrorKind::TooLarge);
        assert_eq!(memory.held(), 0);
    }
}
