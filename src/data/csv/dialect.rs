//! The dialect of a CSV file, which is its delimiter: declared by its first line, or guessed from its header.

use memchr::memchr;

/// What ends a field within a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Delimiter(pub u8);

const CANDIDATES: [u8; 4] = *b",;\t|";

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
