//! Files of text: their encoding and their lines.

use memchr::memchr_iter;

use super::error::DataError;

/// The bytes without the byte order mark of UTF-8 at their start.
///
/// # Errors
/// The mark is that of UTF-16.
pub(crate) fn without_mark(bytes: &[u8]) -> Result<&[u8], DataError> {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(DataError::malformed("the text is UTF-16; convert the file to UTF-8").at(1));
    }
    Ok(bytes.strip_prefix(&[0xef, 0xbb, 0xbf]).unwrap_or(bytes))
}

/// The text of bytes that begin on a line.
///
/// # Errors
/// They are not UTF-8; the line is named.
pub(crate) fn text_of(bytes: &[u8], line: u64) -> Result<&str, DataError> {
    std::str::from_utf8(bytes).map_err(|error| {
        let lines = lines_in(&bytes[..error.valid_up_to()]);
        DataError::malformed("the text is not UTF-8; convert the file to UTF-8").at(line + lines)
    })
}

/// Line breaks among the bytes.
pub(crate) fn lines_in(bytes: &[u8]) -> u64 {
    memchr_iter(b'\n', bytes).count() as u64
}
