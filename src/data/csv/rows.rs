//! CSV read from a stream, some rows at a time, as text.

use std::io::Read;
use std::mem;

use encoding_rs::Decoder;
use memchr::memchr_iter;

use super::dialect::LF;
use super::ends::{RecordsEnd, rows_end};
use super::head::Head;
use super::options::{CsvOptions, Header};
use super::scan::{RecordReader, ragged, unclosed};
use crate::data::charset::{Charset, Encoded, add_text};
use crate::data::error::DataError;
use crate::data::limits::{IngestLimits, MOST_RECORD_BYTES, oversized};
use crate::data::other_kind::check_kind;

/// Bytes that are read at once.
const READ_BYTES: usize = 256 << 10;
/// Rows of so many bytes are given at once, however many are asked for.
const MOST_BYTES: usize = 4 << 20;

/// A CSV stream whose header was read.
pub struct CsvRows<R> {
    incoming: Incoming<R>,
    encoded: Encoded,
    head: Head,
    has_header: bool,
    /// What was read and not given yet; it begins with a record.
    buffer: Vec<u8>,
    /// The line that the buffer begins on.
    line: u64,
    /// Whole records at the start of the buffer end here.
    whole: usize,
    limits: IngestLimits,
}

/// The bytes of a stream as UTF-8.
struct Incoming<R> {
    reader: R,
    /// Reads an encoding that is not UTF-8.
    decoder: Option<Decoder>,
    ended: bool,
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

/// Where some text begins, for errors in it.
#[derive(Clone, Copy)]
struct Place {
    line: u64,
    line_end: u8,
}

/// The beginning of a file, of which is not known yet what ends its lines.
const START: Place = Place { line: 1, line_end: LF };

impl Place {
    /// An error behind the text that begins here.
    fn error(self, error: DataError, text: &[u8]) -> DataError {
        error.at(self.line + memchr_iter(self.line_end, text).count() as u64)
    }
}

impl<R: Read> Incoming<R> {
    /// The stream, its encoding, and the text that it begins with, without its byte order mark.
    ///
    /// # Errors
    /// It cannot be read; it is no text, or none of the encoding that it says.
    fn open(reader: R, said: Option<Charset>) -> Result<(Self, Encoded, Vec<u8>), DataError> {
        let mut incoming = Incoming { reader, decoder: None, ended: false };
        let mut bytes = Vec::new();
        incoming.fill(&mut bytes, START)?;
        check_kind(&bytes, "text/csv")?;
        let encoded = Encoded::of(&bytes, said)?;
        bytes.drain(..encoded.mark);
        if encoded.charset == Charset::UTF_8 {
            return Ok((incoming, encoded, bytes));
        }
        let (mut decoder, mut text) = (encoded.charset.decoder(), Vec::new());
        let added = add_text(&mut decoder, &bytes, incoming.ended, &mut text);
        added.map_err(|error| START.error(error, &text))?;
        incoming.decoder = Some(decoder);
        Ok((incoming, encoded, text))
    }

    /// Reads about as much again as is there; `text` begins at `place`.
    fn fill(&mut self, text: &mut Vec<u8>, place: Place) -> Result<(), DataError> {
        let wanted = READ_BYTES.max(text.len());
        let mut part = (&mut self.reader).take(wanted as u64);
        let Some(decoder) = &mut self.decoder else {
            let read = part.read_to_end(text).map_err(DataError::io)?;
            self.ended = read < wanted;
            return Ok(());
        };
        let mut bytes = Vec::new();
        let read = part.read_to_end(&mut bytes).map_err(DataError::io)?;
        self.ended = read < wanted;
        add_text(decoder, &bytes, self.ended, text).map_err(|error| place.error(error, text))
    }
}

impl<R: Read> CsvRows<R> {
    /// Reads the header.
    ///
    /// # Errors
    /// There is none, or it is not as it should be, or the stream cannot be read.
    pub fn new(reader: R, options: &CsvOptions) -> Result<Self, DataError> {
        let limits = IngestLimits::default();
        let (mut incoming, encoded, mut buffer) = Incoming::open(reader, options.charset)?;
        let head = loop {
            match Head::read(&buffer, incoming.ended, &encoded, options, &limits)? {
                Some(head) => break head,
                None if buffer.len() > MOST_RECORD_BYTES => return Err(long_record(1)),
                None => incoming.fill(&mut buffer, START)?,
            }
        };
        buffer.drain(..head.bytes);
        let (line, has_header) = (head.line, options.header == Header::Present);
        Ok(CsvRows { incoming, encoded, head, has_header, buffer, line, whole: 0, limits })
    }

    /// The columns' names.
    pub fn headers(&self) -> &[String] {
        &self.head.names
    }

    /// The line that they stand on; nothing if they are made up, since there is no header.
    pub fn header_line(&self) -> Option<u64> {
        self.has_header.then_some(self.head.header_line)
    }

    /// The next rows, at most so many, and fewer where they are long; nothing at the end.
    ///
    /// # Errors
    /// The data is not as it should be, or cannot be read.
    pub fn next_rows(&mut self, most: usize) -> Result<Option<TextRows>, DataError> {
        let headers = mem::take(&mut self.head.names);
        let mut columns = vec![Vec::new(); headers.len()];
        let most_bytes = self.limits.max_cell_bytes;
        let blank_is_row = headers.len() == 1;
        let read = self.read(most.max(1), blank_is_row, |column, field, line| {
            if field.len() > most_bytes {
                let error = oversized(field.len(), most_bytes).at(line);
                return Err(headers.get(column).map_or(error.clone(), |name| error.of(name)));
            }
            if let Some(cells) = columns.get_mut(column) {
                cells.push((!field.is_empty()).then(|| field.into()));
            }
            Ok(())
        });
        self.head.names = headers;
        let records = read?;
        if let Some((line, fields)) = records.iter().find(|(_, fields)| *fields != self.head.names.len()) {
            return Err(ragged(self.head.dialect, *line, *fields, self.head.names.len()));
        }
        let lines: Vec<u64> = records.into_iter().map(|(line, _)| line).collect();
        Ok((!lines.is_empty()).then_some(TextRows { columns, lines }))
    }

    /// Gives the fields of the next records, at most so many, to `field`: column, text and line. Says on which line each
    /// record begins and how many fields it has.
    fn read(
        &mut self,
        most: usize,
        blank_is_row: bool,
        mut field: impl FnMut(usize, &str, u64) -> Result<(), DataError>,
    ) -> Result<Vec<(u64, usize)>, DataError> {
        let (mut read, mut most) = (Vec::new(), most);
        let (mut bytes, dialect) = (0, self.head.dialect);
        while read.len() < most && self.find_whole(blank_is_row)? {
            let text = self.text()?;
            let mut records = RecordReader::of_rows(text, dialect, self.line, blank_is_row);
            let (mut at, mut line) = (0, self.line);
            while read.len() < most {
                let mut begins = None;
                let record = records.next(|column, start, text_of_field| {
                    let line = *begins.get_or_insert_with(|| line + dialect.lines_in(&self.buffer[at..start]));
                    field(column, text_of_field, line)
                })?;
                let Some(record) = record else { break };
                read.push((line + dialect.lines_in(&self.buffer[at..record.start]), record.fields));
                bytes += records.position() - at;
                if bytes >= MOST_BYTES {
                    most = read.len();
                }
                line += dialect.lines_in(&self.buffer[at..records.position()]);
                at = records.position();
            }
            if read.len() < most {
                line += dialect.lines_in(&self.buffer[at..records.position()]);
                at = records.position();
            }
            self.line = line;
            self.whole -= at;
            self.buffer.drain(..at);
        }
        Ok(read)
    }

    /// The whole records of the buffer.
    fn text(&self) -> Result<&str, DataError> {
        let bytes = &self.buffer[..self.whole];
        std::str::from_utf8(bytes).map_err(|error| {
            self.encoded.not_text(self.line + self.head.dialect.lines_in(&bytes[..error.valid_up_to()]))
        })
    }

    /// Reads until the buffer has a whole record; says whether it has one.
    fn find_whole(&mut self, blank_is_row: bool) -> Result<bool, DataError> {
        let (most, dialect) = (self.limits.max_cell_bytes, self.head.dialect);
        while self.whole == 0 && !(self.incoming.ended && self.buffer.is_empty()) {
            match rows_end(&self.buffer, dialect, self.incoming.ended, blank_is_row) {
                RecordsEnd::At(0) => self.buffer.clear(),
                RecordsEnd::At(end) => self.whole = end,
                RecordsEnd::Open(quote) if self.incoming.ended => {
                    return Err(unclosed(self.line + dialect.lines_in(&self.buffer[..quote])));
                }
                RecordsEnd::Open(quote) if self.buffer.len() - quote > 2 * most => {
                    let detail = format!("the quote that is opened here is not closed within {most} bytes");
                    return Err(DataError::too_large(detail).at(self.line + dialect.lines_in(&self.buffer[..quote])));
                }
                _ if self.buffer.len() > MOST_RECORD_BYTES => return Err(long_record(self.line)),
                _ => self.incoming.fill(&mut self.buffer, Place { line: self.line, line_end: dialect.line_end })?,
            }
        }
        Ok(self.whole > 0)
    }
}

fn long_record(line: u64) -> DataError {
    DataError::too_large(format!("a record is longer than {MOST_RECORD_BYTES} bytes")).at(line)
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
        let mut rows = CsvRows::new(Slow(text), &CsvOptions::default())?;
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
            (b"", 1, "empty"),
            (b"a,a\n1,2\n", 1, "two columns"),
        ] {
            let error = all(text, 3).unwrap_err();
            let is_broken = matches!(error.kind, DataErrorKind::Malformed | DataErrorKind::NotUtf8);
            assert!(is_broken && error.line == Some(line), "{error}");
            assert!(error.to_string().contains(part), "{error}");
        }
    }
}
