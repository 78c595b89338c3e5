//! What the start of a CSV file says: its encoding, its delimiter, its columns.

use std::collections::HashSet;

use memchr::memchr;

use super::csv_scan::Delimiter;
use super::error::DataError;

const CANDIDATES: [u8; 4] = *b",;\t|";

/// The bytes without a mark of UTF-8 at their start.
///
/// # Errors
/// The mark is that of UTF-16.
pub(crate) fn without_mark(bytes: &[u8]) -> Result<&[u8], DataError> {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(DataError::malformed("the text is UTF-16; convert the file to UTF-8").at(1));
    }
    Ok(bytes.strip_prefix(&[0xef, 0xbb, 0xbf]).unwrap_or(bytes))
}

/// The delimiter that a first line such as `sep=;` declares, and the bytes of that line: Excel writes and reads it.
pub(crate) fn declared(bytes: &[u8]) -> Option<(Delimiter, usize)> {
    let end = memchr(b'\n', &bytes[..bytes.len().min(16)])?;
    let line = bytes[..end].trim_ascii_start();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let line = line.strip_prefix(b"\"").and_then(|line| line.strip_suffix(b"\"")).unwrap_or(line);
    match line.split_at_checked(4)? {
        (word, [delimiter]) if word.eq_ignore_ascii_case(b"sep=") && CANDIDATES.contains(delimiter) => {
            Some((Delimiter(*delimiter), end + 1))
        }
        _ => None,
    }
}

impl Delimiter {
    /// The most frequent of `,` `;` tab and `|` outside quotes on the first line that is not blank.
    pub fn of(bytes: &[u8]) -> Self {
        let mut counts = [0_usize; 4];
        let (mut quoted, mut blank) = (false, true);
        for byte in bytes {
            match byte {
                b'"' => quoted = !quoted,
                b'\n' if !quoted && !blank => break,
                b'\n' | b'\r' => continue,
                _ if quoted => {}
                byte => {
                    let candidate = CANDIDATES.iter().position(|candidate| candidate == byte);
                    candidate.into_iter().for_each(|at| counts[at] += 1);
                }
            }
            blank = false;
        }
        let mut best = 0;
        (1..4).for_each(|at| best = if counts[at] > counts[best] { at } else { best });
        Delimiter(CANDIDATES[best])
    }
}

/// The names of a header's fields: trimmed, and made up where one is empty.
///
/// # Errors
/// A name stands there twice, or there are too many.
pub(crate) fn header_names(fields: Vec<String>, line: u64, most: usize) -> Result<Vec<String>, DataError> {
    if fields.len() > most {
        let detail = format!("the header has {} columns; at most {most} are allowed", fields.len());
        return Err(DataError::too_large(detail).at(line));
    }
    let mut names: Vec<String> = fields.iter().map(|field| field.trim().to_owned()).collect();
    let mut taken = HashSet::new();
    for name in names.iter().filter(|name| !name.is_empty()) {
        if !taken.insert(name.clone()) {
            return Err(DataError::malformed("two columns have this name; rename one of them").at(line).of(name));
        }
    }
    for (at, name) in names.iter_mut().enumerate().filter(|(_, name)| name.is_empty()) {
        *name = format!("column_{}", at + 1);
        while !taken.insert(name.clone()) {
            name.push('_');
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delimiter_is_the_most_frequent_of_the_header() {
        let of = |text: &str| Delimiter::of(text.as_bytes()).0;
        let declared = |text: &str| declared(text.as_bytes()).map(|(delimiter, bytes)| (delimiter.0, bytes));
        assert_eq!(declared("sep=;\r\na,b"), Some((b';', 7)));
        assert_eq!(declared("\"SEP=\t\"\n"), Some((b'\t', 8)));
        assert_eq!(["sep=;", "sep=\n", "sep=;;\n", "sep=a\n", "sep;x\n", "x\n", ""].map(declared), [None; 7]);
        assert_eq!([of("a;b,c;d\n,,,,"), of("a\tb"), of("a|b"), of("a"), of("\n\"a;;\",b")], *b";\t|,,");
    }
}
