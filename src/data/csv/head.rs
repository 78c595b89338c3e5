//! What stands at the beginning of a CSV file: its dialect, lines above the header, the columns' names.

use super::blanks::parted;
use super::dialect::{BLANKS, Dialect, declared, delimiter_of, delimiter_of_rows, line_end_of};
use super::ends::{RecordsEnd, records_end};
use super::options::{CsvOptions, Header};
use super::scan::{RecordReader, unclosed};
use super::title::{Above, comments, titles};
use crate::data::charset::Encoded;
use crate::data::error::DataError;
use crate::data::header::header_names;
use crate::data::limits::{IngestLimits, MAX_NAMES_BYTES, check_column_name, long_names, too_many_columns};
use crate::data::profile::Finding;
use crate::wording::Shown;

/// Lines above the header were skipped.
pub(crate) const LINES_SKIPPED: &str = "lines_skipped";
/// A header longer than this has ends of lines, or is none.
const LONGEST_LINE: usize = 2 << 20;

/// The beginning of a file.
#[derive(Debug)]
pub(crate) struct Head {
    pub dialect: Dialect,
    pub names: Vec<String>,
    /// Bytes of text before the first row.
    pub bytes: usize,
    /// The line that the header stands on, or the first row where there is no header.
    pub header_line: u64,
    /// The line of the first row, or of blank lines before it.
    pub line: u64,
    pub findings: Vec<Finding>,
}

impl Head {
    /// Whether a blank line is a row whose value is missing: a row of one column may look like that.
    pub fn blank_is_row(&self) -> bool {
        self.names.len() == 1
    }

    /// Reads the beginning of a file, without its byte order mark; `None` if more of it is needed. What is broken behind the
    /// header is for whoever reads the rows.
    ///
    /// # Errors
    /// There is no header, or it is not as it should be.
    pub fn read(
        bytes: &[u8],
        is_whole: bool,
        encoded: &Encoded,
        options: &CsvOptions,
        limits: &IngestLimits,
    ) -> Result<Option<Self>, DataError> {
        let Some(line_end) = line_end_of(bytes, is_whole || bytes.len() >= LONGEST_LINE) else { return Ok(None) };
        let (text, is_broken) = beginning(bytes);
        // A header that is not there yet: its text is broken, or there is more to come.
        let missing = || {
            let lines = memchr::memchr_iter(line_end, text.as_bytes()).count() as u64;
            if is_broken { Err(encoded.not_text(1 + lines)) } else { Ok(None) }
        };
        let is_whole = is_whole && !is_broken;
        let (declared, passed) = declared(bytes, line_end).unzip();
        let passed = passed.unwrap_or(0);
        let mut head = Head {
            dialect: Dialect { delimiter: b',', line_end },
            names: Vec::new(),
            bytes: passed,
            header_line: 1 + u64::from(passed > 0),
            line: 0,
            findings: Vec::new(),
        };
        if options.header == Header::Present {
            let Some(found) = comments(&text[passed..], line_end, declared, is_whole) else { return missing() };
            if let Some(above) = found {
                head.skip(&above, "comments, as # begins them");
            }
        }
        let guessed = match options.header {
            Header::Present => delimiter_of,
            Header::Absent => delimiter_of_rows,
        };
        let may_be_blanks = declared.is_none_or(|delimiter| delimiter == BLANKS);
        let blanks = may_be_blanks.then(|| parted(&text[head.bytes..], line_end, options.header, is_whole)).flatten();
        head.dialect.delimiter = match declared {
            Some(delimiter) => delimiter,
            None if blanks.is_some() => BLANKS,
            None => guessed(&bytes[head.bytes..], line_end),
        };
        let rest = &text[head.bytes..];
        let end = match records_end(rest.as_bytes(), head.dialect, is_whole) {
            RecordsEnd::At(end) => end,
            RecordsEnd::Open(quote) if is_whole => {
                return Err(unclosed(head.header_line + head.dialect.lines_in(&rest.as_bytes()[..quote])));
            }
            _ => return missing(),
        };
        let mut rest = &rest[..end];
        if options.header == Header::Present
            && !head.dialect.is_by_blanks()
            && let Some(above) = titles(rest, head.dialect, head.header_line)?
        {
            head.skip(&above, "titles, as the table below has more fields");
            (head.dialect.delimiter, rest) = (above.delimiter, &rest[above.bytes..]);
        }
        let has_row_names = blanks.as_ref().is_some_and(|blanks| blanks.has_row_names);
        head.findings.extend(blanks.filter(|_| declared.is_none()).map(|blanks| blanks.finding()));
        match head.read_names(rest, options, has_row_names, limits)? {
            true => Ok(Some(head)),
            false if is_whole => Err(empty(head.header_line)),
            false => missing(),
        }
    }

    /// Goes over lines above the header, and says so in a finding.
    fn skip(&mut self, above: &Above, what: &str) {
        let (first, last) = (self.header_line, self.header_line + above.lines - 1);
        let lines = if first == last { format!("Line {first}") } else { format!("Lines {first} to {last}") };
        let message = format!(
            "{lines} above the header: taken for {what}, and skipped. The first is {}. Send the file without such lines to be sure.",
            Shown(&above.example)
        );
        self.findings.push(Finding::of_file(LINES_SKIPPED, message));
        (self.bytes, self.header_line) = (self.bytes + above.bytes, last + 1);
    }

    /// Reads the names from text that begins with the header or the first row; false if there is none. Where rows have names
    /// of their own, the header has none for these.
    fn read_names(
        &mut self,
        text: &str,
        options: &CsvOptions,
        has_row_names: bool,
        limits: &IngestLimits,
    ) -> Result<bool, DataError> {
        let mut records = RecordReader::new(text, self.dialect, self.header_line);
        let mut fields = if has_row_names { vec![String::new()] } else { Vec::new() };
        let (is_header, mut bytes, mut long) = (options.header == Header::Present, 0, None);
        let read = records.next(|_, _, field| {
            let name = if is_header { field.trim() } else { "" };
            bytes += name.len();
            long = long.take().or_else(|| check_column_name(name).err());
            // Of too many, or of too long ones, nothing is kept but their number.
            if fields.len() <= limits.max_columns && bytes <= MAX_NAMES_BYTES && long.is_none() {
                fields.push(name.to_owned());
            }
            Ok(())
        })?;
        let Some(record) = read else { return Ok(false) };
        let line = records.line_of(record.start);
        if record.fields > limits.max_columns {
            return Err(too_many_columns(record.fields, limits.max_columns).at(line));
        }
        if let Some(long) = long {
            return Err(DataError::too_large(long).at(line));
        }
        if bytes > MAX_NAMES_BYTES {
            return Err(long_names().at(line));
        }
        self.line = self.header_line;
        if is_header {
            self.bytes += records.position();
            self.line = records.line_of(records.position());
        }
        self.header_line = line;
        self.names = header_names(fields, line, limits.max_columns)?;
        Ok(true)
    }
}

/// The text that the bytes begin with, and whether something follows that is none.
fn beginning(bytes: &[u8]) -> (&str, bool) {
    match std::str::from_utf8(bytes) {
        Ok(text) => (text, false),
        Err(error) => {
            let text = std::str::from_utf8(&bytes[..error.valid_up_to()]).expect("it is valid up to there");
            (text, error.error_len().is_some())
        }
    }
}

/// A file without anything in it.
fn empty(line: u64) -> DataError {
    DataError::malformed("the file is empty: it needs a header and rows").at(line)
}
