//! Encodings of text: what a request or a file's first bytes say, and text made of bytes, some lines at a time.

use std::borrow::Cow;

use bytes::Bytes;
use encoding_rs::{Decoder, DecoderResult, Encoding, UTF_8, UTF_16BE, UTF_16LE};
use memchr::{memchr_iter, memrchr};

use super::error::{DataError, DataErrorKind};

/// Bytes of a file's beginning that are looked at for zeros, which text has in UTF-16 alone.
const LOOKED_THROUGH: usize = 512;

/// An encoding of text, one of the WHATWG's Encoding Standard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charset(&'static Encoding);

/// How the text of a file is encoded.
#[derive(Debug)]
pub(crate) struct Encoded {
    pub charset: Charset,
    /// Bytes of the byte order mark, which is no part of the text.
    pub mark: usize,
    /// Whether the request or the mark says so: then what is no such text is an error.
    pub is_said: bool,
    /// What was found without being said in the request.
    pub found: Option<String>,
}

impl Charset {
    /// What text is that says nothing.
    pub const UTF_8: Charset = Charset(UTF_8);
    /// What text from Windows is that is no Unicode, in Western Europe and America.
    pub(crate) const WINDOWS_1252: Charset = Charset(encoding_rs::WINDOWS_1252);

    /// The encoding that goes by this name, in any case: `utf-8`, `iso-8859-1`, `windows-1252`, `utf-16`, `shift_jis`, …
    pub fn named(name: &str) -> Option<Charset> {
        // The standard reads ASCII as Windows-1252, for old pages; what is ASCII is UTF-8 as well.
        let is_ascii = ["ascii", "us-ascii"].iter().any(|ascii| name.trim().eq_ignore_ascii_case(ascii));
        if is_ascii { Some(Charset::UTF_8) } else { Encoding::for_label_no_replacement(name.as_bytes()).map(Charset) }
    }

    /// Its name in the standard.
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// Reads bytes that come in portions.
    pub(crate) fn decoder(self) -> Decoder {
        self.0.new_decoder_without_bom_handling()
    }

    /// The text of bytes, which begin and end with whole characters; those of ASCII are not copied. The line that they begin
    /// on and the byte that ends lines are for the error.
    ///
    /// # Errors
    /// They are no text of this encoding.
    pub(crate) fn text_of(self, bytes: Bytes, line: u64, line_end: u8) -> Result<Bytes, DataError> {
        match self.0.decode_without_bom_handling_and_without_replacement(&bytes) {
            Some(Cow::Borrowed(_)) => Ok(bytes),
            Some(Cow::Owned(text)) => Ok(text.into()),
            None => {
                let mut text = Vec::new();
                let _ = add_text(&mut self.decoder(), &bytes, true, &mut text);
                Err(self.broken().at(line + memchr_iter(line_end, &text).count() as u64))
            }
        }
    }

    /// Bytes that are no text of this encoding.
    pub(crate) fn broken(self) -> DataError {
        DataError::malformed(format!("the bytes are no text in {}: name the encoding that the file has", self.name()))
    }

    /// Behind the last of the bytes that stands for this character of ASCII, one that ends lines: in no encoding is that byte
    /// a part of another character, but in UTF-16.
    pub(crate) fn after_last(self, bytes: &[u8], ascii: u8) -> Option<usize> {
        match self.pair(ascii) {
            None => memrchr(ascii, bytes).map(|at| at + 1),
            Some(pair) => bytes.as_chunks::<2>().0.iter().rposition(|found| *found == pair).map(|at| 2 * at + 2),
        }
    }

    /// Behind the one of them that has `count - 1` before it.
    pub(crate) fn after_nth(self, bytes: &[u8], ascii: u8, count: usize) -> Option<usize> {
        let Some(before) = count.checked_sub(1) else { return Some(0) };
        match self.pair(ascii) {
            None => memchr_iter(ascii, bytes).nth(before).map(|at| at + 1),
            Some(pair) => {
                let mut found = bytes.as_chunks::<2>().0.iter().enumerate().filter(|(_, found)| **found == pair);
                found.nth(before).map(|(at, _)| 2 * at + 2)
            }
        }
    }

    /// A character of ASCII in UTF-16.
    fn pair(self, ascii: u8) -> Option<[u8; 2]> {
        match self.0 {
            encoding if encoding == UTF_16LE => Some([ascii, 0]),
            encoding if encoding == UTF_16BE => Some([0, ascii]),
            _ => None,
        }
    }
}

impl Encoded {
    /// What the request has `said`, unless the first bytes of the file show something else beyond doubt.
    ///
    /// # Errors
    /// They are no text, or UTF-32.
    pub fn of(head: &[u8], said: Option<Charset>) -> Result<Self, DataError> {
        if head.starts_with(&[0xff, 0xfe, 0, 0]) || head.starts_with(&[0, 0, 0xfe, 0xff]) {
            return Err(DataError::malformed("the text is UTF-32; convert the file to UTF-8").at(1));
        }
        if let Some((encoding, mark)) = Encoding::for_bom(head) {
            let charset = Charset(encoding);
            let is_known = said.map_or(charset == Charset::UTF_8, |said| said == charset);
            let message = || {
                let name = charset.name();
                format!("The file begins with the byte order mark of {name} and was read as {name}.")
            };
            return Ok(Encoded { charset, mark, is_said: true, found: (!is_known).then(message) });
        }
        let is_open = said.is_none_or(|said| said.pair(0).is_some());
        if is_open && head[..head.len().min(LOOKED_THROUGH)].contains(&0) {
            let charset = utf_16(head).or(said).ok_or_else(|| {
                DataError::malformed("the file has bytes of zero and is no text: send another file, or say what it is")
                    .at(1)
            })?;
            let name = charset.name();
            let message = || {
                format!(
                    "Every other byte at the file's beginning is zero: it was read as {name}. Send it with `Content-Type: \
                     text/csv; charset={name}` to be sure."
                )
            };
            return Ok(Encoded { charset, mark: 0, is_said: true, found: (said != Some(charset)).then(message) });
        }
        Ok(Encoded { charset: said.unwrap_or(Charset::UTF_8), mark: 0, is_said: said.is_some(), found: None })
    }

    /// Bytes that are no such text, on a line: `NotUtf8` if the file may be of another encoding.
    pub fn not_text(&self, line: u64) -> DataError {
        let detail = "the text is not UTF-8: convert the file, or name its encoding as in `Content-Type: text/csv; \
                      charset=windows-1252`";
        let error = if self.is_said { self.charset.broken() } else { DataError::malformed(detail) };
        let kind = if self.is_said { error.kind } else { DataErrorKind::NotUtf8 };
        DataError { kind, ..error }.at(line)
    }
}

/// Which form of UTF-16 has zeros where these bytes have some; text is mostly ASCII in its first line.
fn utf_16(head: &[u8]) -> Option<Charset> {
    let pairs = head[..head.len().min(LOOKED_THROUGH)].as_chunks::<2>().0;
    let zeros = |at: usize| pairs.iter().filter(|pair| pair[at] == 0).count();
    match (zeros(0), zeros(1)) {
        (0, second) if 2 * second > pairs.len() => Some(Charset(UTF_16LE)),
        (first, 0) if 2 * first > pairs.len() => Some(Charset(UTF_16BE)),
        _ => None,
    }
}

/// Adds the text of further bytes to `text`.
///
/// # Errors
/// They are no text of the decoder's encoding; what comes before that is added.
pub(crate) fn add_text(
    decoder: &mut Decoder,
    bytes: &[u8],
    is_last: bool,
    text: &mut Vec<u8>,
) -> Result<(), DataError> {
    let start = text.len();
    let most = decoder.max_utf8_buffer_length_without_replacement(bytes.len()).expect("bytes in memory are few");
    text.resize(start + most, 0);
    let (result, _, written) = decoder.decode_to_utf8_without_replacement(bytes, &mut text[start..], is_last);
    text.truncate(start + written);
    match result {
        DecoderResult::InputEmpty => Ok(()),
        DecoderResult::Malformed(..) | DecoderResult::OutputFull => Err(Charset(decoder.encoding()).broken()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(head: &[u8], said: Option<&str>) -> (String, usize, bool) {
        let said = said.map(|name| Charset::named(name).expect("a name"));
        let encoded = Encoded::of(head, said).expect("text");
        (encoded.charset.name().to_ascii_lowercase(), encoded.mark, encoded.found.is_some())
    }

    #[test]
    fn marks_and_zeros_win_over_what_is_said() {
        for (head, said, name, mark, told) in [
            (&b"a,b"[..], None, "utf-8", 0, false),
            (b"\xef\xbb\xbfa", None, "utf-8", 3, false),
            (b"\xef\xbb\xbfa", Some("latin1"), "utf-8", 3, true),
            (b"a\xe9", Some("ISO-8859-1"), "windows-1252", 0, false),
            (b"a", Some("us-ascii"), "utf-8", 0, false),
            (b"\xff\xfea\0", None, "utf-16le", 2, true),
            (b"\xff\xfea\0", Some("utf-16"), "utf-16le", 2, false),
            (b"\xfe\xff\0a", Some("utf-16"), "utf-16be", 2, true),
            (b"a\0,\0b\0", None, "utf-16le", 0, true),
            (b"\0a\0,\0b", Some("utf-16"), "utf-16be", 0, true),
            (b"a\0,\0b\0", Some("utf-16le"), "utf-16le", 0, false),
        ] {
            assert_eq!(found(head, said), (name.to_owned(), mark, told), "{head:?} {said:?}");
        }
        assert!(Encoded::of(b"\xff\xfe\0\0a\0\0\0", None).unwrap_err().detail.contains("UTF-32"));
        assert!(Encoded::of(b"ab\0cdefgh", None).unwrap_err().detail.contains("no text"));
        assert_eq!(["utf-7", "", "replacement", "hz-gb-2312"].map(Charset::named), [None; 4]);
    }

    #[test]
    fn lines_are_found_in_bytes_of_any_encoding() {
        for (name, bytes) in
            [("shift_jis", &b"\x83\x5c\n\x83\n"[..3]), ("utf-16le", b"a\0\n\0"), ("utf-16be", b"\x0a\x0a\0\n")]
        {
            let charset = Charset::named(name).expect("a name");
            let twice = [bytes, bytes].concat();
            assert_eq!(charset.after_last(&twice, b'\n'), Some(twice.len()), "{name}");
            assert_eq!(charset.after_nth(&twice, b'\n', 1), Some(bytes.len()), "{name}");
            assert_eq!((charset.after_nth(&twice, b'\n', 0), charset.after_nth(&twice, b'\n', 3)), (Some(0), None));
        }
        let broken = Charset::named("euc-kr").expect("a name").text_of(Bytes::from_static(b"a\nb\xff"), 7, b'\n');
        assert_eq!(broken.unwrap_err().line, Some(8));
    }
}
