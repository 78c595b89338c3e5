//! Where the whole records of some bytes of a CSV file end.

use memchr::{memchr, memrchr};

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
    let opens = |at: usize| at == 0 || bytes[at - 1] == line_end || bytes[at - 1] == dialect.delimiter;
    let mut plain = 0;
    let mut whole = 0;
    while let Some(quote) = memchr(b'"', &bytes[plain..]).map(|at| plain + at) {
        if let Some(end) = memrchr(line_end, &bytes[plain..quote]) {
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
    match memrchr(line_end, &bytes[plain..]) {
        Some(end) => RecordsEnd::At(plain + end + 1),
        None if whole > 0 => RecordsEnd::At(whole),
        None => RecordsEnd::None,
    }
}

/// The quote that closes a field whose content begins at `at`.
pub(super) fn closing_quote(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let quote = at + memchr(b'"', bytes.get(at..)?)?;
        if bytes.get(quote + 1) != Some(&b'"') {
            return Some(quote);
        }
        at = quote + 2;
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
