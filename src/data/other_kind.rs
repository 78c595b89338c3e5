//! Files of another kind than their content type says, told by what they begin with.

use super::error::DataError;

/// What a file begins with, what it is then, and what to do with it.
const KINDS: [(&[u8], &str, &str); 15] = [
    (b"PAR1", "a Parquet file", "send it as application/vnd.apache.parquet"),
    (b"ARROW1", "an Arrow file", "send it as application/vnd.apache.arrow.file"),
    (b"\xff\xff\xff\xff", "an Arrow stream", "send it as application/vnd.apache.arrow.stream"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Excel workbook of before 2007 (.xls)", "save it as .xlsx or as CSV"),
    (b"\x1f\x8b", "packed with gzip once more than the request says", "pack it once"),
    (b"\x28\xb5\x2f\xfd", "packed with zstd", "send it unpacked, or packed with gzip"),
    (b"BZh", "packed with bzip2", "send it unpacked, or packed with gzip"),
    (b"\xfd7zXZ\0", "packed with xz", "send it unpacked, or packed with gzip"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "send the file in it"),
    (b"%PDF-", "a PDF document", "send the table as CSV"),
    (b"SQLite format 3\0", "an SQLite database", "send a table of it as CSV"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file", "send a table of it as CSV or Parquet"),
    (b"Obj\x01", "an Avro file", "send it as CSV or Parquet"),
    (b"ORC", "an ORC file", "send it as CSV or Parquet"),
    (b"\x80\x04\x95", "a Python pickle", "send it as CSV or Parquet"),
];
/// Bytes of a file's beginning by which archives and text are told.
const LOOKED_THROUGH: usize = 64 << 10;

/// Checks that a file which is sent as text begins as text does.
///
/// # Errors
/// It is of another kind, which is named.
pub(crate) fn check_kind(head: &[u8], sent_as: &str) -> Result<(), DataError> {
    let head = &head[..head.len().min(LOOKED_THROUGH)];
    let known = KINDS.iter().find(|(magic, ..)| head.starts_with(magic)).map(|(_, name, advice)| (*name, *advice));
    match known.filter(|_| !is_line(head)).or_else(|| archive(head)).or_else(|| other_text(head, sent_as)) {
        None => Ok(()),
        Some((name, advice)) => {
            Err(DataError::malformed(format!("the file is {name}, sent as {sent_as}: {advice}")).at(1))
        }
    }
}

/// Whether bytes that begin like another kind are a line of ASCII nevertheless: `ORC,score` is a header.
fn is_line(head: &[u8]) -> bool {
    let line = head.split(|byte| *byte == b'\n').next().unwrap_or(head);
    line.iter().all(|byte| matches!(byte, b'\t' | b'\r' | b' '..=b'~')) && !line.starts_with(b"%PDF-")
}

/// What a zip archive is, by the names of the files in it.
fn archive(head: &[u8]) -> Option<(&'static str, &'static str)> {
    if !head.starts_with(b"PK\x03\x04") {
        return None;
    }
    let has = |name: &[u8]| memchr::memmem::find(head, name).is_some();
    Some(if has(b"application/vnd.oasis.opendocument") {
        ("an OpenDocument file", "save it as .xlsx or as CSV")
    } else if has(b"xl/") {
        (
            "an Excel workbook (.xlsx)",
            "send it as application/vnd.openxmlformats-officedocument.spreadsheetml.sheet, or save it as CSV",
        )
    } else if has(b"[Content_Types].xml") {
        (
            "an Office document",
            "send an Excel workbook as application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        )
    } else {
        ("a zip archive", "send the file in it, or pack it with gzip")
    })
}

/// Text of another kind.
fn other_text(head: &[u8], sent_as: &str) -> Option<(&'static str, &'static str)> {
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    let begins = |with: &str| text.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with.as_bytes()));
    if ["<!doctype html", "<html"].iter().any(|tag| begins(tag)) {
        return Some(("an HTML page", "send the table itself, as CSV"));
    }
    if begins("<?xml") {
        return Some(("an XML document", "send the table as CSV"));
    }
    let (first, second) = (text.first()?, text[1..].trim_ascii_start().first());
    match (sent_as, first, second) {
        ("text/csv", b'{', Some(b'"')) => Some(("JSON", "send it as application/x-ndjson, an object on each line")),
        ("text/csv" | "application/x-ndjson", b'[', Some(b'{')) => {
            Some(("a JSON array", "send it as application/json"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_another_kind_is_called_what_it_is() {
        for (head, part) in [
            (&b"PAR1\x15\0"[..], "Parquet"),
            (b"ARROW1\0\0", "Arrow file"),
            (b"PK\x03\x04\x14\0.......xl/workbook.xml", "Excel workbook (.xlsx), sent as text/csv"),
            (b"PK\x03\x04\x14\0mimetypeapplication/vnd.oasis.opendocument.spreadsheet", "OpenDocument"),
            (b"PK\x03\x04\x14\0data.csv", "zip archive"),
            (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0", ".xls"),
            (b"\x1f\x8b\x08\0", "gzip"),
            (b"%PDF-1.7\n%", "PDF"),
            (b"SQLite format 3\0", "SQLite"),
            (b"\xef\xbb\xbf\n<!DOCTYPE html>\n<html>", "HTML"),
            (b"{ \"a\": 1}\n", "application/x-ndjson"),
            (b" [\n {\"a\": 1}]\n", "application/json"),
        ] {
            let error = check_kind(head, "text/csv").unwrap_err();
            assert!(error.line == Some(1) && error.detail.contains(part), "{error}");
        }
        for head in [&b""[..], b"a,b\n", b"ORC,score\n", b"BZh,x\n\0", b"[a],{b}\n", b"{id},x\n", b"P", b"\xff\xfea\0"]
        {
            assert_eq!(check_kind(head, "text/csv"), Ok(()), "{head:?}");
        }
        assert!(check_kind(b"[{\"a\":1}]", "application/x-ndjson").is_err());
        assert_eq!(check_kind(b"[{\"a\":1}]", "application/json"), Ok(()));
    }
}
