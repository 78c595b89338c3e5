//! Lines above the header: titles, and comments that begin with `#`.

use super::blanks::parted;
use super::dialect::{BLANKS, DELIMITERS, Dialect, delimiter_of};
use super::options::Header;
use super::scan::RecordReader;
use crate::data::error::DataError;
use crate::data::values::parse_number;
use crate::wording::Shown;

/// Records of a file's beginning that are looked at, and bytes of it.
const SAMPLED: usize = 50;
const SAMPLED_BYTES: usize = 64 << 10;
/// Rows of a table that lines above them must stand above to be skipped: fewer may be like each other by chance.
const LIKE_ROWS: usize = 3;

/// Lines that stand above a table.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Above {
    /// Bytes up to the table's header, and lines.
    pub bytes: usize,
    pub lines: u64,
    /// What stands between the fields of the table.
    pub delimiter: u8,
    /// The first of them.
    pub example: String,
}

/// A record of a file's beginning.
struct Sample {
    start: usize,
    fields: Vec<String>,
}

impl Sample {
    fn has_number(&self) -> bool {
        self.fields.iter().any(|field| parse_number(field).is_some())
    }

    fn is_full(&self) -> bool {
        self.fields.iter().all(|field| !field.trim().is_empty())
    }

    /// Whether its first field is all that it has, as spreadsheets write a title.
    fn is_title(&self) -> bool {
        self.fields.iter().skip(1).all(|field| field.trim().is_empty())
    }
}

/// Titles above a table at the beginning of `text`, whose first record begins on `line`. They are told by what comes after
/// them: records of several fields, one as wide as the other, of which the first is names.
///
/// # Errors
/// They may be titles, or the header of one column whose values look like several.
pub(crate) fn titles(text: &str, dialect: Dialect, line: u64) -> Result<Option<Above>, DataError> {
    let first = samples(text, dialect, line, 2);
    let [one, two] = &first[..] else { return Ok(None) };
    if !one.is_title() {
        return Ok(if one.fields.len() == two.fields.len() { None } else { narrow_titles(text, dialect, line)? });
    }
    if one.fields.len() > 1 { Ok(padded_titles(text, dialect, line)) } else { narrow_titles(text, dialect, line) }
}

/// Lines of one field above records of more.
fn narrow_titles(text: &str, dialect: Dialect, line: u64) -> Result<Option<Above>, DataError> {
    for delimiter in DELIMITERS {
        let dialect = Dialect { delimiter, ..dialect };
        let records = samples(text, dialect, line, SAMPLED);
        let (titles, table) = records.split_at(records.iter().take_while(|record| record.fields.len() == 1).count());
        let Some(header) = table.first().filter(|header| !titles.is_empty() && !header.has_number()) else { continue };
        let width = header.fields.len();
        // A broken row, which is refused later, does not make it another file.
        let alike = table.iter().filter(|record| record.fields.len() == width).count();
        if table.len() < 2 || 5 * alike < 4 * table.len() {
            continue;
        }
        let found = Above::of(text, dialect, titles, header);
        // Words of a sentence have a blank behind a comma, and no numbers among them.
        let is_prose = table.iter().all(|record| record.fields.iter().skip(1).all(|field| field.starts_with(' ')));
        if table.len() < LIKE_ROWS || is_prose || !table.iter().any(Sample::has_number) {
            return Err(doubtful(&found, width, line));
        }
        return Ok(Some(found));
    }
    Ok(None)
}

/// Lines that have their first field alone, in as many as the table has.
fn padded_titles(text: &str, dialect: Dialect, line: u64) -> Option<Above> {
    let records = samples(text, dialect, line, SAMPLED);
    let (titles, table) = records.split_at(records.iter().take_while(|record| record.is_title()).count());
    let [header, rows @ ..] = table else { return None };
    let is_header = header.is_full() && !header.has_number() && rows.iter().any(Sample::has_number);
    is_header.then(|| Above::of(text, dialect, titles, header))
}

/// The first records, as far as they can be read.
fn samples(text: &str, dialect: Dialect, line: u64, most: usize) -> Vec<Sample> {
    let cut = memchr::memrchr(dialect.line_end, &text.as_bytes()[..text.len().min(SAMPLED_BYTES)]);
    let text = if text.len() <= SAMPLED_BYTES { text } else { &text[..cut.map_or(0, |at| at + 1)] };
    let mut records = RecordReader::new(text, dialect, line);
    let mut samples = Vec::new();
    while samples.len() < most {
        let mut fields = Vec::new();
        let read = records.next(|_, _, field| {
            fields.push(field.to_owned());
            Ok(())
        });
        match read {
            Ok(Some(record)) => samples.push(Sample { start: record.start, fields }),
            Ok(None) | Err(_) => break,
        }
    }
    samples
}

impl Above {
    fn of(text: &str, dialect: Dialect, titles: &[Sample], header: &Sample) -> Self {
        let (bytes, example) = (header.start, titles[0].fields[0].clone());
        Above { bytes, lines: dialect.lines_in(&text.as_bytes()[..bytes]), delimiter: dialect.delimiter, example }
    }
}

fn doubtful(found: &Above, width: usize, line: u64) -> DataError {
    let delimiter = char::from(found.delimiter);
    let detail = format!(
        "{} has one field, and what follows has {width}, each before a {delimiter:?}: remove the lines above the header, or put \
         the values in quotes if they are one column",
        Shown(&found.example)
    );
    DataError::malformed(detail).at(line)
}

/// Lines at the beginning of `text` that begin with `#`, with blank ones among them: comments, but the last of them if it is
/// the header. That is where no blank follows the `#` and the next line has as many fields; or if nothing follows. `None` if
/// more of the file is needed to know; `declared` is the delimiter if the file says which it is.
pub(crate) fn comments(text: &str, line_end: u8, declared: Option<u8>, is_whole: bool) -> Option<Option<Above>> {
    let bytes = text.as_bytes();
    let blind = Dialect { delimiter: b',', line_end };
    let (mut at, mut last, mut example) = (0, None, None);
    while at < bytes.len() {
        let (content, next) = blind.line_at(bytes, at);
        if bytes[content.clone()].first() == Some(&b'#') {
            example = example.or_else(|| Some(text[content].to_owned()));
            last = Some(at);
        } else if !blind.is_blank(&bytes[content]) {
            break;
        }
        at = next;
    }
    let Some(last) = last else { return Some(None) };
    if !is_whole && blind.lines_in(&bytes[at..]) == 0 {
        return None;
    }
    let is_by_blanks = |at: usize| parted(&text[at..], line_end, Header::Present, is_whole).is_some();
    let guessed = || if is_by_blanks(at) { BLANKS } else { delimiter_of(&bytes[at..], line_end) };
    let delimiter = declared.unwrap_or_else(guessed);
    let dialect = Dialect { delimiter, line_end };
    let width = |at: usize| samples(&text[at..], dialect, 1, 1).first().map(|record| record.fields.len());
    // As many words are soon in a comment: where fields are parted by blanks, no names may follow it.
    let is_name = bytes.get(last + 1).is_some_and(|byte| !byte.is_ascii_whitespace())
        && (declared.is_some() || !dialect.is_by_blanks() || is_by_blanks(last));
    let end = if at >= bytes.len() || (is_name && width(last) == width(at)) { last } else { at };
    let lines = dialect.lines_in(&bytes[..end]);
    Some((lines > 0).then(|| Above { bytes: end, lines, delimiter, example: example.unwrap_or_default() }))
}

#[cfg(test)]
mod tests {
    use super::super::dialect::LF;
    use super::*;

    const COMMAS: Dialect = Dialect { delimiter: b',', line_end: LF };

    #[test]
    fn titles_are_told_by_the_table_below_them() {
        let found = |text: &str| {
            let dialect = Dialect { delimiter: delimiter_of(text.as_bytes(), LF), ..COMMAS };
            titles(text, dialect, 1).map(|found| found.map(|above| (above.lines, above.delimiter)))
        };
        for (text, lines, delimiter) in [
            ("Sales of 2024\nregion;units;price\nN;0;0.5\nS;1;1.5\n", 1, b';'),
            ("Sales, 2024\nregion;units;price\nN;0;0.5\nS;1;1.5\n", 1, b';'),
            ("Sales\nall regions\n\n,a,b\n0,1,2\n1,1,2\n", 3, b','),
            ("Sales;;\nregion;units;price\nN;0;0.5\n", 1, b';'),
            ("Sales,,\n,,\nregion,units,price\nN,0,0.5\n", 2, b','),
        ] {
            assert_eq!(found(text), Ok(Some((lines, delimiter))), "{text:?}");
        }
        for text in [
            "a,b\n1,2\n3,4\n",
            "x\n1\n2\n",
            "x\n1;2\n3;4\n5;6\n",
            "genres\nAction|Comedy\nDrama\nCrime|Drama|War\n",
            "name,\nalice,bob\ncarol,dave\n",
            ",a\nx,y\n",
            "a,b\n1,2,3\n",
            "x\n",
            "",
        ] {
            assert_eq!(found(text), Ok(None), "{text:?}");
        }
        for text in
            ["review\nGood; but slow\nBad; and late\nSo; so\n", "Sales\na;b\nc;d\n", "name\nDoe;Jo\nRoe;Al\nPoe;Ed\n"]
        {
            let error = found(text).unwrap_err();
            assert!(error.line == Some(1) && error.detail.contains("';'"), "{error}");
        }
    }

    #[test]
    fn comments_end_where_the_header_begins() {
        let found = |text: &str| {
            let found = comments(text, LF, None, true).expect("it is whole");
            found.map(|above| (above.bytes, above.lines))
        };
        assert_eq!(found("# one\n\n#two, three\na,b,c\n"), Some((19, 3)));
        assert_eq!(found("##one\n#id,b\n1,2\n"), Some((6, 1)));
        let rows = "1  2.5\n".repeat(6);
        assert_eq!(found(&format!("##one\n#id  b\n{rows}")), Some((6, 1)));
        assert_eq!(found(&format!("#by me\na b\n{rows}")), Some((7, 1)));
        assert_eq!(found("# id,b\n1,2\n"), Some((7, 1)));
        assert_eq!(["#id,b\n1,2\n", "#,b\n1,2\n", "#a\n", "a\n#b\n", ""].map(found), [None; 5]);
        assert_eq!(
            ["# one\n", "# one\na,b"].map(|text| comments(text, LF, None, false)),
            [None, None],
            "more may come"
        );
    }
}
