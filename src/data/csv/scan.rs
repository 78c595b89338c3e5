//! The grammar of CSV files: records, fields, quotes.

use memchr::{memchr, memchr_iter, memchr2, memrchr};

use super::dialect::Delimiter;
use crate::data::error::DataError;
use crate::data::values::{LOOKED_AT, short_number};

/// Where the whole records of a piece end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum RecordsEnd {
    /// After this many bytes.
    At(usize),
    /// Within the piece none ends, and no quote is open.
    None,
    /// None ends before the quote that is opened at this byte.
    Open(usize),
}

/// Finds the end of the last whole record of `bytes`, which begin with a record.
///
/// At the end of the input what has no line break is a record, too.
pub(crate) fn records_end(bytes: &[u8], delimiter: Delimiter, is_last: bool) -> RecordsEnd {
    let opens = |at: usize| at == 0 || bytes[at - 1] == b'\n' || bytes[at - 1] == delimiter.0;
    let mut plain = 0;
    let mut whole = 0;
    while let Some(quote) = memchr(b'"', &bytes[plain..]).map(|at| plain + at) {
        if let Some(end) = memrchr(b'\n', &bytes[plain..quote]) {
            whole = plain + end + 1;
        }
        if !opens(quote) {
            plain = quote + 1;
            continue;
        }
        match closing_quote(bytes, quote + 1) {
            Some(close) => plain = close + 1,
            None if whole > 0 => return RecordsEnd::At(whole),
            None => return RecordsEnd::Open(quote),
        }
    }
    if is_last {
        return RecordsEnd::At(bytes.len());
    }
    match memrchr(b'\n', &bytes[plain..]) {
        Some(end) => RecordsEnd::At(plain + end + 1),
        None if whole > 0 => RecordsEnd::At(whole),
        None => RecordsEnd::None,
    }
}

/// The quote that closes a field whose content begins at `at`.
fn closing_quote(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let quote = at + memchr(b'"', bytes.get(at..)?)?;
        if bytes.get(quote + 1) != Some(&b'"') {
            return Some(quote);
        }
        at = quote + 2;
    }
}

/// Reads whole records one by one.
pub(crate) struct RecordReader<'a> {
    text: &'a str,
    at: usize,
    delimiter: Delimiter,
    /// The content of a field whose quotes had to be taken out.
    unquoted: String,
}

/// A record that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    /// Where in the text it begins.
    pub start: usize,
    /// How many fields it has.
    pub fields: usize,
}

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Field<'a> {
    /// A number in a column where numbers are looked for.
    Number(f64),
    /// Anything, and numbers that are long or written in an unusual way.
    Text(&'a str),
}

impl<'a> RecordReader<'a> {
    /// Over a text that begins with a record and ends after one.
    pub fn new(text: &'a str, delimiter: Delimiter) -> Self {
        RecordReader { text, at: 0, delimiter, unquoted: String::new() }
    }

    /// The lines before a place in the text.
    pub fn lines_before(&self, at: usize) -> u64 {
        memchr_iter(b'\n', &self.text.as_bytes()[..at]).count() as u64
    }

    /// Where the next record begins.
    pub fn position(&self) -> usize {
        self.at
    }

    /// Gives each field of the next record, with its index and where it begins, to `field`.
    ///
    /// # Errors
    /// Those of `field`.
    pub fn next<E>(&mut self, mut field: impl FnMut(usize, usize, &str) -> Result<(), E>) -> Result<Option<Record>, E> {
        self.next_of(&[], |at, start, content| match content {
            Field::Text(text) => field(at, start, text),
            Field::Number(_) => unreachable!("no column is looked through for numbers"),
        })
    }

    /// As [`RecordReader::next`]; in the columns that `numbers` says so of, numbers are read on the way, without a search for
    /// the field's end.
    ///
    /// # Errors
    /// Those of `field`.
    #[inline]
    pub fn next_of<E>(
        &mut self,
        numbers: &[bool],
        mut field: impl FnMut(usize, usize, Field) -> Result<(), E>,
    ) -> Result<Option<Record>, E> {
        self.skip_blank_lines();
        if self.at >= self.text.len() {
            return Ok(None);
        }
        let record = self.at;
        let mut fields = 0;
        loop {
            let start = self.at;
            let number = if numbers.get(fields) == Some(&true) { self.number() } else { None };
            let ends_line = if let Some((value, ends_line)) = number {
                field(fields, start, Field::Number(value))?;
                ends_line
            } else if self.text.as_bytes().get(start) == Some(&b'"') {
                let (end, copied) = self.quoted();
                let content = if copied { self.unquoted.as_str() } else { &self.text[start + 1..end] };
                field(fields, start, Field::Text(content))?;
                self.pass_end()
            } else {
                let bytes = &self.text.as_bytes()[start..];
                let length = memchr2(self.delimiter.0, b'\n', bytes).unwrap_or(bytes.len());
                self.at = start + length;
                let ends_line = self.pass_end();
                let trimmed = length - usize::from(ends_line && length > 0 && bytes[length - 1] == b'\r');
                field(fields, start, Field::Text(&self.text[start..start + trimmed]))?;
                ends_line
            };
            fields += 1;
            if ends_line {
                return Ok(Some(Record { start: record, fields }));
            }
        }
    }

    /// Goes over a short number and what ends its field; says what it is, and whether the record ends there.
    #[inline(always)]
    fn number(&mut self) -> Option<(f64, bool)> {
        let bytes = self.text.as_bytes()[self.at..].first_chunk::<LOOKED_AT>()?;
        let (value, length) = short_number(bytes)?;
        let (passed, ends_line) = match bytes[length] {
            byte if byte == self.delimiter.0 => (length + 1, false),
            b'\n' => (length + 1, true),
            b'\r' if self.text.as_bytes().get(self.at + length + 1) == Some(&b'\n') => (length + 2, true),
            _ => return None,
        };
        self.at += passed;
        Some((value, ends_line))
    }

    fn skip_blank_lines(&mut self) {
        let bytes = self.text.as_bytes();
        loop {
            match (bytes.get(self.at), bytes.get(self.at + 1)) {
                (Some(b'\n'), _) => self.at += 1,
                (Some(b'\r'), Some(b'\n')) => self.at += 2,
                (Some(b'\r'), None) => self.at += 1,
                _ => return,
            }
        }
    }

    /// Goes over the delimiter or line break after a field; says whether the record ends there.
    #[inline]
    fn pass_end(&mut self) -> bool {
        let delimited = self.text.as_bytes().get(self.at) == Some(&self.delimiter.0);
        self.at = (self.at + 1).min(self.text.len());
        !delimited
    }

    /// Goes to the end of a field in quotes; says where its content ends, and whether it had to be copied.
    ///
    /// What follows the closing quote up to the field's end belongs to it.
    fn quoted(&mut self) -> (usize, bool) {
        let bytes = self.text.as_bytes();
        let start = self.at + 1;
        let close = closing_quote(bytes, start).unwrap_or(bytes.len());
        let content = &self.text[start.min(close)..close];
        let after = (close + 1).min(bytes.len());
        let length = memchr2(self.delimiter.0, b'\n', &bytes[after..]).unwrap_or(bytes.len() - after);
        self.at = after + length;
        let rest = &self.text[after..self.at];
        let rest =
            if bytes.get(self.at) == Some(&self.delimiter.0) { rest } else { rest.strip_suffix('\r').unwrap_or(rest) };
        let copied = !rest.is_empty() || memchr(b'"', content.as_bytes()).is_some();
        if copied {
            self.unquoted = content.replace("\"\"", "\"");
            self.unquoted.push_str(rest);
        }
        (close, copied)
    }
}

/// A quote that is never closed.
pub(crate) fn unclosed(line: u64) -> DataError {
    DataError::malformed("the quote that is opened here is never closed").at(line)
}

/// A record of another width than the header.
pub(crate) fn ragged(line: u64, fields: usize, columns: usize) -> DataError {
    let s = |count: usize| if count == 1 { "" } else { "s" };
    let detail = format!("the row has {fields} field{}; the header has {columns}", s(fields));
    DataError::malformed(detail).at(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str, delimiter: u8) -> Vec<Vec<String>> {
        let mut records = RecordReader::new(text, Delimiter(delimiter));
        let mut rows = Vec::new();
        loop {
            let mut row = Vec::new();
            let read = records.next(|_, _, field| {
                row.push(field.to_owned());
                Ok::<_, ()>(())
            });
            if read == Ok(None) {
                return rows;
            }
            rows.push(row);
        }
    }

    #[test]
    fn fields_in_and_out_of_quotes() {
        for (text, rows) in [
            ("a,b\n1,2\n", vec![vec!["a", "b"], vec!["1", "2"]]),
            ("a,b\r\n\r\n\n1,2", vec![vec!["a", "b"], vec!["1", "2"]]),
            ("\"a,\"\"b\"\"\nc\",d\n", vec![vec!["a,\"b\"\nc", "d"]]),
            ("a\"b,\"c\"d,\"\"\r\n", vec![vec!["a\"b", "cd", ""]]),
            (",\n,", vec![vec!["", ""], vec!["", ""]]),
            ("\"a\"", vec![vec!["a"]]),
            ("\"a\" \r\n", vec![vec!["a "]]),
            ("\"\"\n", vec![vec![""]]),
        ] {
            assert_eq!(all(text, b','), rows, "{text:?}");
        }
        assert_eq!(all("ä;\"ö;\"\n", b';'), [["ä", "ö;"]]);
    }

    #[test]
    fn pieces_end_where_records_end() {
        let end = |text: &str| records_end(text.as_bytes(), Delimiter(b','), false);
        assert_eq!(end("a,b\nc,d\ne"), RecordsEnd::At(8));
        assert_eq!(end("a,\"b\nc"), RecordsEnd::Open(2));
        assert_eq!(end("a\n\"b\nc"), RecordsEnd::At(2));
        assert_eq!(end("a\n\"b\nc\"\nd"), RecordsEnd::At(8));
        assert_eq!(end("a\"\nb"), RecordsEnd::At(3));
        assert_eq!(end("a,b"), RecordsEnd::None);
        assert_eq!(end("a\n\"b\"\"\nc\"\"\"\n\"x"), RecordsEnd::At(12));
        assert_eq!(records_end(b"a,b", Delimiter(b','), true), RecordsEnd::At(3));
    }

    #[test]
    fn every_cut_of_a_text_gives_the_same_records() {
        let text = "x,\"y\"\"\nz\"\r\n1,2\"3\n\n\"\",\"\n\"\n";
        let whole = all(text, b',');
        for cut in 1..text.len() {
            let RecordsEnd::At(end) = records_end(&text.as_bytes()[..cut], Delimiter(b','), false) else { continue };
            assert_eq!([all(&text[..end], b','), all(&text[end..], b',')].concat(), whole, "cut at {cut}");
        }
    }
}
