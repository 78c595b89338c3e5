//! The encoding of a file that is no UTF-8 and does not say what it is.

use super::dialect::{LF, line_end_of};
use super::pieces::ENCODING_GUESSED;
use crate::data::charset::Charset;
use crate::data::error::DataError;
use crate::data::profile::Finding;
use crate::data::source::{Growing, PIECE_BYTES, bytes_at};
use crate::wording::Shown;

/// Bytes that Windows-1252 has no character for.
const NOT_WINDOWS_1252: [u8; 5] = [0x81, 0x8d, 0x8f, 0x90, 0x9d];
/// Bytes of a line that are shown around one that is no UTF-8.
const SHOWN_AROUND: usize = 20;

/// The finding that a file is read as Windows-1252, which is what text from Europe and America is that is no UTF-8. All of
/// the file is looked through.
///
/// # Errors
/// It cannot be: some of it is UTF-8 that is not ASCII, or it has bytes that Windows-1252 has not.
pub(crate) fn windows_1252(source: &impl Growing) -> Result<Finding, DataError> {
    let (mut offset, mut line, mut line_end) = (0, 1, None);
    let (mut first, mut utf_8) = (None, None);
    loop {
        let bytes = bytes_at(source, offset, PIECE_BYTES)?;
        if bytes.is_empty() {
            break;
        }
        let line_end = *line_end.get_or_insert_with(|| line_end_of(&bytes, true).unwrap_or(LF));
        // Characters are whole where lines are.
        let whole = memchr::memrchr(line_end, &bytes).map_or(bytes.len(), |at| at + 1);
        let mut at = 0;
        for chunk in bytes[..whole].utf8_chunks() {
            let broken = at + chunk.valid().len();
            let line_of = |place: usize| line + memchr::memchr_iter(line_end, &bytes[..place]).count() as u64;
            if let Some(place) = chunk.valid().find(|letter: char| !letter.is_ascii()) {
                utf_8.get_or_insert_with(|| line_of(at + place));
            }
            if let Some(byte) = chunk.invalid().iter().find(|byte| NOT_WINDOWS_1252.contains(byte)) {
                return Err(unknown(*byte).at(line_of(broken)));
            }
            if !chunk.invalid().is_empty() && first.is_none() {
                first = Some((line_of(broken), around(&bytes, broken), bytes[broken]));
            }
            if let (Some((broken, ..)), Some(utf_8)) = (&first, utf_8) {
                return Err(mixed(utf_8).at(*broken));
            }
            at = broken + chunk.invalid().len();
        }
        line += memchr::memchr_iter(line_end, &bytes[..whole]).count() as u64;
        offset += whole as u64;
    }
    let (line, example, byte) = first.ok_or_else(|| DataError::io("the source has changed while it was read"))?;
    let message = format!(
        "The file is no UTF-8: it was read as Windows-1252, so that byte {byte:#04x} on line {line} became part of {}. If that is \
         right, send such files, and rows to predict for, with `Content-Type: text/csv; charset=windows-1252`; if not, with the \
         charset that they have.",
        Shown(&example)
    );
    Ok(Finding::of_file(ENCODING_GUESSED, message))
}

/// The word that a byte stands in, as Windows-1252.
fn around(bytes: &[u8], at: usize) -> String {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || !byte.is_ascii();
    let before = bytes[..at].iter().rev().take(SHOWN_AROUND).take_while(|byte| is_word(byte)).count();
    let after = bytes[at..].iter().take(SHOWN_AROUND).take_while(|byte| is_word(byte)).count();
    let word = bytes::Bytes::copy_from_slice(&bytes[at - before..at + after]);
    let text = Charset::WINDOWS_1252.text_of(word, 1, LF);
    text.map(|text| String::from_utf8_lossy(&text).into_owned()).unwrap_or_default()
}

fn mixed(utf_8: u64) -> DataError {
    DataError::malformed(format!(
        "the text is not UTF-8 on this line, and is on line {utf_8}: convert all of the file to one encoding, or name the one that \
         it has as in `Content-Type: text/csv; charset=windows-1252`"
    ))
}

fn unknown(byte: u8) -> DataError {
    DataError::malformed(format!(
        "byte {byte:#04x} is neither UTF-8 nor Windows-1252: name the encoding of the file as in `Content-Type: text/csv; \
         charset=shift_jis`"
    ))
}
