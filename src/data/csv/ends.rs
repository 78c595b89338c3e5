//! Where the whole records of some bytes of a CSV file end.

use memchr::{memchr, memchr_iter, memrchr};

use super::dialect::Dialect;

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

/// As [`records_end`]; where `blank_is_row`, as in a file of one column, blank lines at the end of the bytes are left for
/// later: only those that something follows are rows.
pub(crate) fn rows_end(bytes: &[u8], dialect: Dialect, is_last: bool, blank_is_row: bool) -> RecordsEnd {
    match records_end(bytes, dialect, is_last) {
        RecordsEnd::At(end) if blank_is_row => match dialect.without_blank_end(&bytes[..end]) {
            0 if !is_last => RecordsEnd::None,
            end => RecordsEnd::At(end),
        },
        found => found,
    }
}

/// Finds the end of the last whole record of `bytes`, which begin with a record.
///
/// At the end of the input what has no line break is a record, too.
pub(crate) fn records_end(bytes: &[u8], dialect: Dialect, is_last: bool) -> RecordsEnd {
    let line_end = dialect.line_end;
    let opens = |at: usize| at == 0 || bytes[at - 1] == line_end || dialect.parts(bytes[at - 1]);
    // Behind the last quote outside of values, and behind the last record before it.
    let (mut plain, mut whole, mut open) = (0, 0, None);
    let mut quotes = memchr_iter(b'"', bytes);
    while let Some(quote) = quotes.next() {
        match open {
            None => {
                if let Some(end) = last_of(line_end, &bytes[plain..quote]) {
                    whole = plain + end + 1;
                }
                (open, plain) = (opens(quote).then_some(quote), quote + 1);
            }
            // Two of them are one in the value.
            Some(_) if bytes.get(quote + 1) == Some(&b'"') => _ = quotes.next(),
            Some(_) => (open, plain) = (None, quote + 1),
        }
    }
    if let Some(quote) = open {
        return if whole > 0 { RecordsEnd::At(whole) } else { RecordsEnd::Open(quote) };
    }
    if is_last {
        return RecordsEnd::At(bytes.len());
    }
    match memrchr(line_end, &bytes[plain..]) {
        Some(end) => RecordsEnd::At(plain + end + 1),
        None if whole > 0 => RecordsEnd::At(whole),
        None => RecordsEnd::None,
    }
}

/// The last place of a byte. Between two values in quotes there is hardly more than a delimiter.
#[inline]
fn last_of(byte: u8, bytes: &[u8]) -> Option<usize> {
    if bytes.len() > 8 { memrchr(byte, bytes) } else { bytes.iter().rposition(|other| *other == byte) }
}

/// The quote that closes a field whose content begins at `at`, and whether there are quotes in the content.
pub(super) fn closing_quote(bytes: &[u8], mut at: usize) -> Option<(usize, bool)> {
    let mut doubled = false;
    loop {
        let quote = at + memchr(b'"', bytes.get(at..)?)?;
        if bytes.get(quote + 1) != Some(&b'"') {
            return Some((quote, doubled));
        }
        (at, doubled) = (quote + 2, true);
    }
}

#[cfg(test)]
mod tests {
    use super::super::dialect::{CR, LF};
    use super::*;

    fn dialect(delimiter: u8) -> Dialect {
        Dialect { delimiter, line_end: LF }
    }

    #[test]
    fn blank_lines_at_the_end_are_left_for_later() {
        let end = |text: &str, is_last| rows_end(text.as_bytes(), dialect(b','), is_last, true);
        assert_eq!([end("a\n\n\n", false), end("a\n\n\n", true)], [RecordsEnd::At(2), RecordsEnd::At(2)]);
        assert_eq!([end("\n\n", false), end("\n\n", true)], [RecordsEnd::None, RecordsEnd::At(0)]);
        assert_eq!(end("\na\n\n\"x", false), RecordsEnd::At(3));
    }

    #[test]
    fn pieces_end_where_records_end() {
        let end = |text: &str| records_end(text.as_bytes(), dialect(b','), false);
        assert_eq!(end("a,b\nc,d\ne"), RecordsEnd::At(8));
        assert_eq!(end("a,\"b\nc"), RecordsEnd::Open(2));
        assert_eq!(end("a\n\"b\nc"), RecordsEnd::At(2));
        assert_eq!(end("a\n\"b\nc\"\nd"), RecordsEnd::At(8));
        assert_eq!(end("a\"\nb"), RecordsEnd::At(3));
        assert_eq!(end("a,b"), RecordsEnd::None);
        assert_eq!(end("a\n\"b\"\"\nc\"\"\"\n\"x"), RecordsEnd::At(12));
        assert_eq!(records_end(b"a,b", dialect(b','), true), RecordsEnd::At(3));
        assert_eq!(records_end(b"a\rb\r", Dialect { line_end: CR, ..dialect(b',') }, false), RecordsEnd::At(4));
    }
}
