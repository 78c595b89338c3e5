//! The dialect of a CSV file: its delimiter, declared by its first line or guessed from its header, and what ends its lines.

use std::ops::Range;

use memchr::{memchr, memchr_iter, memrchr};

use crate::data::values::parse_number;

/// What ends a line in nearly all files, perhaps behind a carriage return.
pub(crate) const LF: u8 = b'\n';
/// What ends a line in files of old Macs.
pub(crate) const CR: u8 = b'\r';

/// Stands for runs of blanks and tabs, which part fields and mean nothing at both ends of a line.
pub(crate) const BLANKS: u8 = b' ';
/// What else may stand between fields.
pub(crate) const DELIMITERS: [u8; 4] = *b",;\t|";
/// Lines of a file without a header that are looked at.
const SAMPLED: usize = 50;
/// So many bytes behind its first end of a line show whether a file knows another.
const LOOKED_THROUGH: usize = 64 << 10;

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Dialect {
    /// What ends a field within a line: one of `DELIMITERS`, or `BLANKS`.
    pub delimiter: u8,
    /// What ends a line: `LF` or `CR`.
    pub line_end: u8,
}

impl Dialect {
    /// Ends of lines among the bytes.
    pub fn lines_in(self, bytes: &[u8]) -> u64 {
        memchr_iter(self.line_end, bytes).count() as u64
    }

    /// Whether fields are parted by runs of blanks.
    #[inline]
    pub fn is_by_blanks(self) -> bool {
        self.delimiter == BLANKS
    }

    /// Whether a byte stands between fields.
    #[inline]
    pub fn parts(self, byte: u8) -> bool {
        byte == self.delimiter || self.is_by_blanks() && byte == b'\t'
    }

    /// Whether a line, without its end, has nothing in it.
    pub fn is_blank(self, line: &[u8]) -> bool {
        let is_nothing = |byte: &u8| self.line_end == LF && *byte == CR || self.is_by_blanks() && self.parts(*byte);
        line.iter().all(is_nothing)
    }

    /// The line that begins at a place, without what ends it, and where the next one begins.
    pub fn line_at(self, bytes: &[u8], start: usize) -> (Range<usize>, usize) {
        let length = memchr(self.line_end, &bytes[start..]);
        let end = length.map_or(bytes.len(), |length| start + length);
        let returns = bytes[start..end].iter().rev().take_while(|byte| **byte == CR).count();
        (start..end - returns, (end + 1).min(bytes.len()))
    }

    /// The length of the bytes without the blank lines at their end.
    pub fn without_blank_end(self, bytes: &[u8]) -> usize {
        let mut end = bytes.len();
        while end > 0 {
            let line = bytes[..end].strip_suffix(&[self.line_end]).unwrap_or(&bytes[..end]);
            let start = memrchr(self.line_end, line).map_or(0, |at| at + 1);
            if !self.is_blank(&line[start..]) {
                break;
            }
            end = start;
        }
        end
    }
}

/// What ends the lines of a file that begins with these bytes: what ends the first of them outside quotes, but a carriage
/// return only if no line feed ends one soon after. `None` where they are too few to say.
pub(crate) fn line_end_of(bytes: &[u8], is_whole: bool) -> Option<u8> {
    let mut quoted = false;
    let mut returned: Option<usize> = None;
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'"' if quoted => quoted = false,
            b'"' => quoted = opens_field(bytes, at),
            b'\n' if !quoted => return Some(LF),
            b'\r' if !quoted => returned = returned.or(Some(at)),
            _ => {}
        }
        if returned.is_some_and(|first| at - first >= LOOKED_THROUGH) {
            return Some(CR);
        }
    }
    match returned {
        Some(_) if bytes.trim_ascii_end().contains(&CR) => is_whole.then_some(CR),
        _ => is_whole.then_some(LF),
    }
}

/// Whether a quote stands where a field may begin: elsewhere it is a character like others, as in `5" screen`. The second of two
/// quotes within a field opens it again.
fn opens_field(bytes: &[u8], at: usize) -> bool {
    at.checked_sub(1).is_none_or(|before| DELIMITERS.contains(&bytes[before]) || b"\r\n\"".contains(&bytes[before]))
}

/// The delimiter that a first line such as `sep=;` declares, and the bytes of that line: Excel writes and reads it. With a blank
/// it declares runs of them.
pub(crate) fn declared(bytes: &[u8], line_end: u8) -> Option<(u8, usize)> {
    let end = memchr(line_end, &bytes[..bytes.len().min(16)])?;
    let line = bytes[..end].trim_ascii_start();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let line = line.strip_prefix(b"\"").and_then(|line| line.strip_suffix(b"\"")).unwrap_or(line);
    match line.split_at_checked(4)? {
        (word, [delimiter])
            if word.eq_ignore_ascii_case(b"sep=") && (*delimiter == BLANKS || DELIMITERS.contains(delimiter)) =>
        {
            Some((*delimiter, end + 1))
        }
        _ => None,
    }
}

/// The most frequent of `,` `;` tab and `|` outside quotes on the first line that is not blank.
pub(crate) fn delimiter_of(bytes: &[u8], line_end: u8) -> u8 {
    let mut counts = [0_usize; 4];
    let (mut quoted, mut blank) = (false, true);
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'"' if quoted => quoted = false,
            b'"' => quoted = opens_field(bytes, at),
            byte if *byte == line_end && !quoted && !blank => break,
            b'\n' | b'\r' => continue,
            _ if quoted => {}
            byte => {
                let candidate = DELIMITERS.iter().position(|candidate| candidate == byte);
                candidate.into_iter().for_each(|at| counts[at] += 1);
            }
        }
        blank = false;
    }
    let mut best = 0;
    (1..4).for_each(|at| best = if counts[at] > counts[best] { at } else { best });
    DELIMITERS[best]
}

/// The same of a file without a header, where numbers with decimal commas have more commas than what stands between them: they
/// have it if each of the first lines falls into as many fields, and a comma stands nowhere but in numbers.
pub(crate) fn delimiter_of_rows(bytes: &[u8], line_end: u8) -> u8 {
    let found = delimiter_of(bytes, line_end);
    let whole = memrchr(line_end, bytes).map_or(bytes, |end| &bytes[..end]);
    let lines = whole.split(|byte| *byte == line_end).map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    let lines: Vec<&[u8]> = lines.take(SAMPLED).collect();
    let fits = |delimiter: &u8| {
        let fields = |line: &&[u8]| line.split(|byte| byte == delimiter).count();
        let is_number = |field: &[u8]| {
            let text = std::str::from_utf8(field).unwrap_or_default();
            !field.contains(&b',') || parse_number(&text.replacen(',', ".", 1)).is_some()
        };
        let alike = lines.first().map(fields).filter(|count| *count > 1);
        alike.is_some_and(|count| lines.iter().all(|line| fields(line) == count))
            && lines.iter().all(|line| line.split(|byte| byte == delimiter).all(is_number))
    };
    if found == b',' { *DELIMITERS[1..].iter().find(|delimiter| fits(delimiter)).unwrap_or(&found) } else { found }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delimiter_is_the_most_frequent_of_the_header() {
        let of = |text: &str| delimiter_of(text.as_bytes(), LF);
        let declared = |text: &str| declared(text.as_bytes(), LF);
        assert_eq!(declared("sep=;\r\na,b"), Some((b';', 7)));
        assert_eq!(declared("\"SEP=\t\"\n"), Some((b'\t', 8)));
        assert_eq!(declared("sep= \r\na b"), Some((BLANKS, 7)));
        assert_eq!(["sep=;", "sep=\n", "sep=;;\n", "sep=a\n", "sep;x\n", "x\n", ""].map(declared), [None; 7]);
        assert_eq!([of("a;b,c;d\n,,,,"), of("a\tb"), of("a|b"), of("a"), of("\n\"a;;\",b")], *b";\t|,,");
        assert_eq!(delimiter_of(b"\ra;b\r,,,\r", CR), b';');
        // A quote within a field is none.
        assert_eq!([of("size 5\"\tprice\n3\t4\n"), of("\"a;\"\";\",b\n")], *b"\t,");
    }

    #[test]
    fn numbers_with_decimal_commas_are_parted_by_something_else() {
        let of = |text: &str| delimiter_of_rows(text.as_bytes(), LF);
        assert_eq!([of("1,5;2,25\n3,5;4,75\n"), of("1,5\t2\n7\t2,25\n"), of("1,5|x\n")], *b";\t|");
        assert_eq!([of("a;b,1\nc;d,2\n"), of("1,5;2\n3,5\n"), of("1,2\n3,4\n"), of("1,5;2,5,3\n"), of("")], [b','; 5]);
        assert_eq!(of("1;2\n"), b';');
    }

    #[test]
    fn lines_end_as_the_first_does() {
        let whole = |text: &str| line_end_of(text.as_bytes(), true).expect("it is whole");
        for text in ["a\nb\r", "a\r\nb", "a\r\r\nb", "\"a\rb\"\nc", "a", "", "a\r", "a\rb\nc\n", "a\r\r"] {
            assert_eq!(whole(text), LF, "{text:?}");
        }
        for text in ["a\rb", "a\r\rb\r", "\"a\nb\"\rc\r", "\ra\rb"] {
            assert_eq!(whole(text), CR, "{text:?}");
        }
        assert_eq!(line_end_of(b"a,b\r1", false), None, "a line feed may come");
        let long = format!("a\r{}\n", "1\r".repeat(LOOKED_THROUGH));
        assert_eq!(line_end_of(long.as_bytes(), false), Some(CR));
    }

    #[test]
    fn blank_lines_at_the_end_are_none() {
        let lf = Dialect { delimiter: b',', line_end: LF };
        for (text, length) in [("a\n\n\r\n\r\r\n\r", 2), ("a", 1), ("\n\n", 0), ("\n a\n", 4), ("a\r\n", 3), ("", 0)] {
            assert_eq!(lf.without_blank_end(text.as_bytes()), length, "{text:?}");
        }
        assert_eq!(Dialect { line_end: CR, ..lf }.without_blank_end(b"a\r\r\r"), 2);
        assert_eq!(Dialect { delimiter: BLANKS, ..lf }.without_blank_end(b" a\n\t \r\n "), 3);
        assert_eq!(lf.line_at(b"a\nbc\r\r\nd", 2), (2..4, 7));
        assert_eq!(lf.line_at(b"a\nbc", 2), (2..4, 4));
    }
}
