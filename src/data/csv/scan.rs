//! The grammar of CSV files: records, fields, quotes.

use memchr::{memchr, memchr2, memchr2_iter, memchr3};

use super::dialect::{CR, Dialect, LF};
use super::ends::closing_quote;
use crate::data::error::DataError;
use crate::data::pieces::Numbers;
use crate::data::values::{LOOKED_AT, ShortFormat, ShortWritten, short_number};
use crate::wording::Shown;

/// Reads whole records one by one.
pub(crate) struct RecordReader<'a> {
    text: &'a str,
    at: usize,
    /// The line that the text begins on.
    line: u64,
    dialect: Dialect,
    /// Whether a blank line is a record of one empty field.
    blank_is_row: bool,
    /// Whether fields without quotes have to be looked through for what must not stand in them.
    wary: bool,
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

/// Takes the fields of records, each with its index and where it begins.
pub(crate) trait Fields {
    /// A number as a program writes it, in a column where such are looked for.
    fn number(&mut self, column: usize, start: usize, value: f64);

    /// A number in the format of its column. Says whether it was taken; it is given as a text if not.
    fn written(&mut self, column: usize, start: usize, number: &ShortWritten, format: &ShortFormat) -> bool;

    /// Anything, and numbers that are long or written in an unusual way.
    ///
    /// # Errors
    /// It is not as it should be.
    fn text(&mut self, column: usize, start: usize, text: &str) -> Result<(), DataError>;
}

/// Takes texts alone.
struct Texts<F>(F);

impl<F: FnMut(usize, usize, &str) -> Result<(), DataError>> Fields for Texts<F> {
    fn number(&mut self, _: usize, _: usize, _: f64) {
        unreachable!("no column is looked through for numbers");
    }

    fn written(&mut self, _: usize, _: usize, _: &ShortWritten, _: &ShortFormat) -> bool {
        false
    }

    fn text(&mut self, column: usize, start: usize, text: &str) -> Result<(), DataError> {
        (self.0)(column, start, text)
    }
}

impl<'a> RecordReader<'a> {
    /// Over a text that begins with a record, on this line, and ends after one.
    pub fn new(text: &'a str, dialect: Dialect, line: u64) -> Self {
        let wary = has_quotes_or_stray_ends(text.as_bytes(), dialect);
        RecordReader { text, at: 0, line, dialect, blank_is_row: false, wary, unquoted: String::new() }
    }

    /// The same; `blank_is_row` says whether a blank line is a record of one empty field.
    pub fn of_rows(text: &'a str, dialect: Dialect, line: u64, blank_is_row: bool) -> Self {
        RecordReader { blank_is_row, ..RecordReader::new(text, dialect, line) }
    }

    /// The line of a place in the text.
    pub fn line_of(&self, at: usize) -> u64 {
        self.line + self.dialect.lines_in(&self.text.as_bytes()[..at])
    }

    /// Where the next record begins.
    pub fn position(&self) -> usize {
        self.at
    }

    /// Gives each field of the next record, with its index and where it begins, to `field`.
    ///
    /// # Errors
    /// Those of `field`; the record is not as it should be.
    pub fn next(
        &mut self,
        field: impl FnMut(usize, usize, &str) -> Result<(), DataError>,
    ) -> Result<Option<Record>, DataError> {
        self.next_of(&[], &mut Texts(field))
    }

    /// As [`RecordReader::next`]; in columns of which `numbers` knows how, numbers are read on the way, without a search for the
    /// field's end.
    ///
    /// # Errors
    /// Those of `into`; the record is not as it should be.
    #[inline]
    pub fn next_of(&mut self, numbers: &[Numbers], into: &mut impl Fields) -> Result<Option<Record>, DataError> {
        let record = self.at;
        if self.pass_blank_lines() {
            into.text(0, record, "")?;
            return Ok(Some(Record { start: record, fields: 1 }));
        }
        if self.at >= self.text.len() {
            return Ok(None);
        }
        if self.dialect.is_by_blanks() {
            self.at = self.behind_blanks(self.at).0;
        }
        let record = self.at;
        let mut fields = 0;
        loop {
            let start = self.at;
            let number = match numbers.get(fields) {
                Some(Numbers::Plain) => self.number().map(|(value, ends_line)| {
                    into.number(fields, start, value);
                    ends_line
                }),
                Some(Numbers::Written(format)) => {
                    self.written(format, |number| into.written(fields, start, number, format))
                }
                _ => None,
            };
            let ends_line = if let Some(ends_line) = number {
                ends_line
            } else if self.text.as_bytes().get(start) == Some(&b'"') {
                let (end, copied) = self.quoted()?;
                let content = if copied { self.unquoted.as_str() } else { &self.text[start + 1..end] };
                into.text(fields, start, content)?;
                self.pass_end()
            } else {
                let (content, ends_line) = self.plain(start)?;
                into.text(fields, start, content)?;
                ends_line
            };
            fields += 1;
            if ends_line {
                return Ok(Some(Record { start: record, fields }));
            }
        }
    }

    /// Goes over a short number, in quotes or not, and what ends its field; says what it is, and whether the record ends there.
    #[inline(always)]
    fn number(&mut self) -> Option<(f64, bool)> {
        let field = &self.text.as_bytes()[self.at..];
        let quote = usize::from(field.first() == Some(&b'"'));
        let rest = &field[quote..];
        let bytes = match rest.first_chunk::<LOOKED_AT>() {
            Some(bytes) => bytes,
            None => &padded_end(rest),
        };
        let (value, length) = short_number(bytes)?;
        let (end, ends_line) = self.number_end(quote, length)?;
        self.at = end;
        Some((value, ends_line))
    }

    /// The same of a number in the format of its column, if `take` takes it.
    #[inline]
    fn written(&mut self, format: &ShortFormat, take: impl FnOnce(&ShortWritten) -> bool) -> Option<bool> {
        let field = &self.text.as_bytes()[self.at..];
        let quote = usize::from(field.first() == Some(&b'"'));
        let fence = if quote == 1 { b'"' } else { self.dialect.delimiter };
        let (number, length) = format.read(&field[quote..], fence)?;
        let (end, ends_line) = self.number_end(quote, length)?;
        take(&number).then(|| self.at = end).map(|()| ends_line)
    }

    /// Where the next field begins behind a number of this length, in quotes or not, and whether that is another record's;
    /// nothing if the field does not end there.
    #[inline(always)]
    fn number_end(&self, quote: usize, length: usize) -> Option<(usize, bool)> {
        let bytes = self.text.as_bytes();
        let mut end = self.at + quote + length;
        // In quotes that are closed where it ends: two quotes are one, which is no number.
        if quote == 1 {
            if bytes.get(end) != Some(&b'"') {
                return None;
            }
            end += 1;
        }
        match bytes.get(end) {
            Some(byte) if *byte == self.dialect.delimiter && !self.dialect.is_by_blanks() => Some((end + 1, false)),
            Some(byte) if *byte == self.dialect.line_end => Some((end + 1, true)),
            Some(&CR) if bytes.get(end + 1) == Some(&LF) => Some((end + 2, true)),
            Some(byte) if self.dialect.parts(*byte) => Some(self.behind_blanks(end)),
            None => Some((end, true)),
            Some(_) => None,
        }
    }

    /// Goes over blank lines; where they are rows over one of them, and says whether there was one.
    #[inline]
    fn pass_blank_lines(&mut self) -> bool {
        while let Some(after) = self.after_blank_line() {
            self.at = after;
            if self.blank_is_row {
                return true;
            }
        }
        false
    }

    #[inline]
    fn after_blank_line(&self) -> Option<usize> {
        let mut at = self.at;
        loop {
            match self.text.as_bytes().get(at) {
                Some(byte) if *byte == self.dialect.line_end => return Some(at + 1),
                Some(&CR) => at += 1,
                Some(b' ' | b'\t') if self.dialect.is_by_blanks() => at += 1,
                None if at > self.at => return Some(at),
                _ => return None,
            }
        }
    }

    /// Goes over the delimiter or line break after a field; says whether the record ends there.
    #[inline]
    fn pass_end(&mut self) -> bool {
        if self.dialect.is_by_blanks() {
            let (next, ends_line) = self.behind_blanks(self.at);
            self.at = next;
            return ends_line;
        }
        let delimited = self.text.as_bytes().get(self.at) == Some(&self.dialect.delimiter);
        self.at = (self.at + 1).min(self.text.len());
        !delimited
    }

    /// Where the next field begins at or behind blanks, and whether that is another record's.
    fn behind_blanks(&self, at: usize) -> (usize, bool) {
        let rest = &self.text.as_bytes()[at..];
        let blanks = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        let is_return = |byte: &&u8| self.dialect.line_end == LF && **byte == CR;
        let end = blanks + rest[blanks..].iter().take_while(is_return).count();
        match rest.get(end) {
            Some(byte) if *byte == self.dialect.line_end => (at + end + 1, true),
            Some(_) => (at + blanks, false),
            None => (at + end, true),
        }
    }

    /// The bytes before what ends a field without quotes, or stands behind the closing quote of one with them.
    #[inline]
    fn length_of(&self, bytes: &[u8]) -> usize {
        let Dialect { delimiter, line_end } = self.dialect;
        let end = match self.dialect.is_by_blanks() {
            true => memchr3(b' ', b'\t', line_end, bytes),
            false => memchr2(delimiter, line_end, bytes),
        };
        end.unwrap_or(bytes.len())
    }

    /// Goes over a field without quotes; says what it holds and whether the record ends there. Carriage returns before the
    /// line's end are no part of it.
    #[inline]
    fn plain(&mut self, start: usize) -> Result<(&'a str, bool), DataError> {
        let bytes = &self.text.as_bytes()[start..];
        let mut length = self.length_of(bytes);
        self.at = start + length;
        let ends_line = self.pass_end();
        while ends_line && length > 0 && bytes[length - 1] == CR {
            length -= 1;
        }
        let content = &self.text[start..start + length];
        if self.wary {
            self.check_plain(start, content)?;
        }
        Ok((content, ends_line))
    }

    /// Checks that a field without quotes has nothing in it by which the file means something else than is read.
    fn check_plain(&self, start: usize, content: &str) -> Result<(), DataError> {
        let (end, name, other) =
            if self.dialect.line_end == LF { (CR, "carriage return (CR)", "LF") } else { (LF, "line feed (LF)", "CR") };
        if memchr(end, content.as_bytes()).is_some() {
            let detail = format!(
                "a {name} stands within a value, where lines end with {other}: end all lines in one way, and put a value that \
                 has a line break in quotes"
            );
            return Err(DataError::malformed(detail).at(self.line_of(start)));
        }
        // Values between tabs may have quotes in them: they are written without any of their own.
        if self.dialect.delimiter == b'\t' || memchr(b'"', content.as_bytes()).is_none() {
            return Ok(());
        }
        let detail = if content.trim_start().starts_with('"') {
            format!("a blank stands before the quote that opens {}: take it out", Shown(content.trim_start()))
        } else {
            format!(
                "a quote stands within the value {}: put the value in quotes and double those in it",
                Shown(content)
            )
        };
        Err(DataError::malformed(detail).at(self.line_of(start)))
    }

    /// Goes to the end of a field in quotes; says where its content ends, and whether it had to be copied. Blanks may stand
    /// behind the closing quote.
    fn quoted(&mut self) -> Result<(usize, bool), DataError> {
        let bytes = self.text.as_bytes();
        let start = self.at + 1;
        let (close, doubled) = closing_quote(bytes, start).ok_or_else(|| unclosed(self.line_of(self.at)))?;
        let after = close + 1;
        let is_end = |byte: &u8| self.dialect.parts(*byte) || *byte == self.dialect.line_end;
        self.at = if bytes.get(after).is_some_and(is_end) { after } else { self.end_behind(start, close)? };
        if doubled {
            self.unquoted = self.text[start..close].replace("\"\"", "\"");
        }
        Ok((close, doubled))
    }

    /// Where a field ends behind whose closing quote something stands.
    fn end_behind(&self, start: usize, close: usize) -> Result<usize, DataError> {
        let (bytes, after) = (self.text.as_bytes(), close + 1);
        let end = after + self.length_of(&bytes[after..]);
        let rest = &self.text[after..end];
        if rest.trim_ascii().is_empty() { Ok(end) } else { Err(self.text_behind(start, close, rest)) }
    }

    /// A field in quotes that goes on behind its closing quote.
    #[cold]
    fn text_behind(&self, start: usize, close: usize, rest: &str) -> DataError {
        let (opened, closed) = (self.line_of(start), self.line_of(close));
        let place = if opened == closed { String::new() } else { format!(" on line {closed}") };
        let detail = if self.text[start..close].ends_with('\\') {
            format!("a quote is escaped by a backslash{place}: write it twice instead (\"\")")
        } else {
            format!(
                "behind the quote that closes a value{place} stands {}: close each value with one quote, and write a quote in \
                 it twice (\"\")",
                Shown(rest.trim_ascii())
            )
        };
        DataError::malformed(detail).at(opened)
    }
}

/// Whether there is a quote, or an end of a line of another kind than the file's that stands alone.
fn has_quotes_or_stray_ends(bytes: &[u8], dialect: Dialect) -> bool {
    let other = if dialect.line_end == LF { CR } else { LF };
    let is_part_of_end = |at: usize| other == CR && matches!(bytes.get(at + 1), None | Some(&(CR | LF)));
    memchr2_iter(b'"', other, bytes).any(|at| bytes[at] == b'"' || !is_part_of_end(at))
}

/// The last bytes of a text, as many as are looked at: no number goes on in those that are added.
#[cold]
fn padded_end(rest: &[u8]) -> [u8; LOOKED_AT] {
    let mut bytes = [0; LOOKED_AT];
    bytes[..rest.len()].copy_from_slice(rest);
    bytes
}

/// A quote that is never closed.
pub(crate) fn unclosed(line: u64) -> DataError {
    let detail =
        "the quote that is opened here is never closed: close it, or write it twice (\"\") in a value in quotes";
    DataError::malformed(detail).at(line)
}

/// A record of another width than the header.
pub(crate) fn ragged(dialect: Dialect, line: u64, fields: usize, columns: usize) -> DataError {
    let s = |count: usize| if count == 1 { "" } else { "s" };
    let mut detail = format!("the row has {fields} field{}; the header has {columns}", s(fields));
    if dialect.is_by_blanks() {
        detail.push_str(". The file is read as parted by blanks: put values that have blanks in them in quotes");
    } else if fields > columns && columns == 1 {
        detail.push_str(". Remove lines above the header; put values that have a delimiter in them in quotes");
    }
    DataError::malformed(detail).at(line)
}

#[cfg(test)]
mod tests;
