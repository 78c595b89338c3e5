//! CSV read from a stream, some rows at a time, as text.

use std::io::Read;

use super::dialect::{Delimiter, declared};
use super::scan::{RecordReader, RecordsEnd, ragged, records_end, unclosed};
use crate::data::error::DataError;
use crate::data::header::header_names;
use crate::data::limits::{IngestLimits, MOST_RECORD_BYTES, oversized};
use crate::data::text::{lines_in, text_of, without_mark};

/// Bytes that are read at once.
const READ_BYTES: usize = 256 << 10;
/// Rows of so many bytes are given at once, however many are asked for.
const MOST_BYTES: usize = 4 << 20;

/// A CSV stream whose header was read.
pub struct CsvRows<R> {
    reader: R,
    delimiter: Delimiter,
    headers: Vec<String>,
    /// What was read and not given yet; it begins with a record.
    buffer: Vec<u8>,
    /// The line that the buffer begins on.
    line: u64,
    /// Whole records at the start of the buffer end here.
    whole: usize,
    ended: bool,
    limits: IngestLimits,
}

/// Some rows as text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TextRows {
    /// The cells of each column; an empty field is missing.
    pub columns: Vec<Vec<Option<Box<str>>>>,
    /// The line that each row begins on.
    pub lines: Vec<u64>,
}

impl TextRows {
    /// Number of rows.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }
}

impl<R: Read> CsvRows<R> {
    /// Reads the header.
    ///
    /// # Errors
    /// There is none, or it is not as it should be, or the stream cannot be read.
    pub fn new(reader: R) -> Result<Self, DataError> {
        let limits = IngestLimits::default();
        let (buffer, headers) = (Vec::new(), Vec::new());
        let mut rows =
            CsvRows { reader, delimiter: Delimiter(b','), headers, buffer, line: 1, whole: 0, ended: false, limits };
        rows.fill()?;
        let mark = rows.buffer.len() - without_mark(&rows.buffer)?.len();
        rows.buffer.drain(..mark);
        let (delimiter, passed) = declared(&rows.buffer).unwrap_or_else(|| (Delimiter::of(&rows.buffer), 0));
        rows.delimiter = delimiter;
        rows.line += lines_in(&rows.buffer[..passed]);
        rows.buffer.drain(..passed);
        let mut headers = Vec::new();
        let mut line = 1;
        let read = rows.read(1, |at, field, on| {
            debug_assert_eq!(at, headers.len());
            headers.push(field.to_owned());
            line = on;
            Ok(())
        })?;
        if read.is_empty() {
            return Err(DataError::malformed("the data is empty: it needs a header and rows").at(1));
        }
        rows.headers = header_names(headers, line, rows.limits.max_columns)?;
        Ok(rows)
    }

    /// The columns' names.
    pub fn headers(&self) -> &[String] {
        &self.headers
    }

    /// The next rows, at most so many, and fewer where they are long; nothing at the end.
    ///
    /// # Errors
    /// The data is not as it should be, or cannot be read.
    pub fn next_rows(&mut self, most: usize) -> Result<Option<TextRows>, DataError> {
        let headers = std::mem::take(&mut self.headers);
        let mut columns = vec![Vec::new(); headers.len()];
        let most_bytes = self.limits.max_cell_bytes;
        let read = self.read(most.max(1), |column, field, line| {
            if field.len() > most_bytes {
                let error = oversized(field.len(), most_bytes).at(line);
                return Err(headers.get(column).map_or(error.clone(), |name| error.of(name)));
            }
            if let Some(cells) = columns.get_mut(column) {
                cells.push((!field.is_empty()).then(|| field.into()));
            }
            Ok(())
        });
        self.headers = headers;
        let records = read?;
        if let Some((line, fields)) = records.iter().find(|(_, fields)| *fields != self.headers.len()) {
            return Err(ragged(*line, *fields, self.headers.len()));
        }
        let lines: Vec<u64> = records.into_iter().map(|(line, _)| line).collect();
        Ok((!lines.is_empty()).then_some(TextRows { columns, lines }))
    }

    /// Gives the fields of the next records, at most so many, to `field`: column, text and line. Says on which line each
    /// record begins and how many fields it has.
    fn read(
        &mut self,
        most: usize,
        mut field: impl FnMut(usize, &str, u64) -> Result<(), DataError>,
    ) -> Result<Vec<(u64, usize)>, DataError> {
        let (mut read, mut most) = (Vec::new(), most);
        let mut bytes = 0;
        while read.len() < most && self.find_whole()? {
            let text = text_of(&self.buffer[..self.whole], self.line)?;
            let mut records = RecordReader::new(text, self.delimiter);
            let (mut at, mut line) = (0, self.line);
            while read.len() < most {
                let mut begins = None;
                let record = records.next(|column, start, text_of_field| {
                    let line = *begins.get_or_insert_with(|| line + lines_in(&self.buffer[at..start]));
                    field(column, text_of_field, line)
                })?;
                let Some(record) = record else { break };
                read.push((line + lines_in(&self.buffer[at..record.start]), record.fields));
                bytes += records.position() - at;
                if bytes >= MOST_BYTES {
                    most = read.len();
                }
                line += lines_in(&self.buffer[at..records.position()]);
                at = records.position();
            }
            if read.len() < most {
                line += lines_in(&self.buffer[at..records.position()]);
                at = records.position();
            }
            self.line = line;
            self.whole -= at;
            self.buffer.drain(..at);
        }
        Ok(read)
    }

    /// Reads until the buffer has a whole record; says whether it has one.
    fn find_whole(&mut self) -> Result<bool, DataError> {
        while self.whole == 0 && !(self.ended && self.buffer.is_empty()) {
            match records_end(&self.buffer, self.delimiter, self.ended) {
                RecordsEnd::At(end) => self.whole = end,
                RecordsEnd::Open(quote) if self.ended => {
                    return Err(unclosed(self.line + lines_in(&self.buffer[..quote])));
                }
                RecordsEnd::Open(quote) if self.buffer.len() - quote > 2 * self.limits.max_cell_bytes => {
                    let most = self.limits.max_cell_bytes;
                    let detail = format!("the quote that is opened here is not closed within {most} bytes");
                    return Err(DataError::too_large(detail).at(self.line + lines_in(&self.buffer[..quote])));
                }
                _ if self.buffer.len() > MOST_RECORD_BYTES => {
                    let detail = format!("a record is longer than {MOST_RECORD_BYTES} bytes");
                    return Err(DataError::too_large(detail).at(self.line));
                }
                _ => self.fill()?,
            }
        }
        Ok(self.whole > 0)
    }

    /// Reads about as much again as is there.
    fn fill(&mut self) -> Result<(), DataError> {
        let wanted = READ_BYTES.max(self.buffer.len());
        let mut part = (&mut self.reader).take(wanted as u64);
        let read = part.read_to_end(&mut self.buffer).map_err(DataError::io)?;
        self.ended = read < wanted;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::error::DataErrorKind;

    /// Gives one byte at a time.
    struct Slow<'a>(&'a [u8]);

    impl Read for Slow<'_> {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            let count = self.0.len().min(into.len()).min(1);
            into[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    /// Headers, rows and their lines.
    type All = (Vec<String>, Vec<String>, Vec<u64>);

    fn all(text: &[u8], most: usize) -> Result<All, DataError> {
        let mut rows = CsvRows::new(Slow(text))?;
        let (headers, mut cells, mut lines) = (rows.headers().to_vec(), Vec::new(), Vec::new());
        while let Some(read) = rows.next_rows(most)? {
            assert!(read.len() <= most && !read.is_empty());
            for row in 0..read.len() {
                let row: Vec<_> = read.columns.iter().map(|column| column[row].as_deref().unwrap_or("-")).collect();
                cells.push(row.join("|"));
            }
            lines.extend(read.lines);
        }
        Ok((headers, cells, lines))
    }

    #[test]
    fn rows_come_with_their_lines_in_any_portions() {
        let text = b"\xef\xbb\xbf\n a ;\"b\"\r\n\r\n1;\"x\ny\"\n\n;2\n3;4";
        for most in 1..5 {
            let (headers, cells, lines) = all(text, most).unwrap();
            assert_eq!((headers.join(","), cells.join(",")), ("a,b".to_owned(), "1|x\ny,-|2,3|4".to_owned()));
            assert_eq!(lines, [4, 7, 8]);
        }
        let declared = all(b"\xef\xbb\xbfsep=;\r\na,b,c;d\r\n1;2\r\n", 9).unwrap();
        assert_eq!(declared, (vec!["a,b,c".into(), "d".into()], vec!["1|2".into()], vec![3]));
        assert_eq!(all(b"a,b\n", 9).unwrap().1, Vec::<String>::new());
    }

    #[test]
    fn broken_data_is_refused_with_its_line() {
        for (text, line, part) in [
            (&b"a,b\n1,2\n\n3\n"[..], 4, "line 4: the row has 1 field; the header has 2"),
            (b"a\n\"x", 2, "never closed"),
            (b"a\nx\n\xff\n", 3, "UTF-8"),
            (b"\xff\xfea\0", 1, "UTF-16"),
            (b"", 1, "empty"),
            (b"a,a\n1,2\n", 1, "two columns"),
        ] {
            let error = all(text, 3).unwrap_err();
            assert_eq!((error.kind, error.line), (DataErrorKind::Malformed, Some(line)), "{error}");
            assert!(error.to_string().contains(part), "{error}");
        }
    }
}
