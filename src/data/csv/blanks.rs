//! Whether a file's fields are parted by runs of blanks, as scientific tables and those of R are: its first lines show it.

use memchr::{memchr_iter, memrchr};

use super::ends::closing_quote;
use super::options::Header;
use crate::data::profile::Finding;
use crate::data::values::{is_missing_word, parse_number};

/// Fields are parted by blanks though nothing says so.
pub(crate) const PARTED_BY_BLANKS: &str = "parted_by_blanks";
/// Lines of a file's beginning that are looked at, and bytes of it.
const SAMPLED: usize = 50;
const SAMPLED_BYTES: usize = 64 << 10;
/// Lines, the header among them, that are alike by chance in no text.
const LEAST_LINES: usize = 6;
/// Numbers beside each other that are no value of a column between tabs.
const LEAST_NUMBERS: usize = 3;

/// A file whose lines fall into fields at runs of blanks.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Parted {
    /// Fields of each row.
    pub fields: usize,
    /// Lines that were looked at.
    pub lines: usize,
    /// Whether the header has one name fewer than rows have fields: these begin with the names of the rows, as R writes them.
    pub has_row_names: bool,
}

/// A field of a line.
struct Field<'a> {
    text: &'a str,
    is_quoted: bool,
}

impl Field<'_> {
    /// Whether it has another delimiter in it; within a number a comma may stand for the point.
    fn has_delimiter(&self, is_value: bool) -> bool {
        let has = |delimiters: &[char]| !self.is_quoted && self.text.contains(delimiters);
        has(&[';', '|']) || has(&[',']) && !(is_value && self.is_number())
    }

    fn is_number(&self) -> bool {
        let has_comma_within = self.text.trim_matches(',').len() == self.text.len();
        has_comma_within && parse_number(&self.text.replacen(',', ".", 1)).is_some()
    }

    /// Whether it has this many digits and nothing else, but for what may follow a decimal point.
    fn is_of_digits(&self, counts: std::ops::RangeInclusive<usize>) -> bool {
        let whole = self.text.split(['.', ',']).next().unwrap_or_default();
        counts.contains(&whole.len()) && whole.bytes().all(|byte| byte.is_ascii_digit())
    }
}

/// What the first lines of a text show that begins with the header or the first row, if its fields are parted by blanks: each line
/// falls into as many fields, no other delimiter stands in them, and numbers stand in a column behind the first. `is_whole`
/// says whether the text is all of the file.
pub(crate) fn parted(text: &str, line_end: u8, header: Header, is_whole: bool) -> Option<Parted> {
    let most = text.len().min(SAMPLED_BYTES);
    let end = if is_whole && most == text.len() { most } else { memrchr(line_end, &text.as_bytes()[..most])? };
    let lines = text[..end].split(char::from(line_end)).map(|line| line.trim_end_matches('\r'));
    let lines: Vec<&str> = lines.filter(|line| !line.trim_ascii().is_empty()).take(SAMPLED).collect();
    let (names, rows) = match header {
        Header::Present => lines.split_at_checked(1)?,
        Header::Absent => (&[][..], &lines[..]),
    };
    if lines.len() < LEAST_LINES || is_by_tabs(&lines, rows) {
        return None;
    }
    let fields = fields_of(rows[0])?.len();
    let names = names.first().map(|line| fields_of(line)).map_or(Some(None), |names| names.map(Some))?;
    let has_row_names = names.as_ref().is_some_and(|names| names.len() + 1 == fields);
    let is_odd = |names: &Vec<Field>| names.iter().any(|name| name.has_delimiter(false));
    if fields < 2
        || names.as_ref().is_some_and(|names| is_odd(names) || names.len() + usize::from(has_row_names) != fields)
    {
        return None;
    }
    let (mut numbers, mut grouped, mut numbered, mut named) = (vec![true; fields], true, true, true);
    for (at, row) in rows.iter().enumerate() {
        let row =
            fields_of(row).filter(|row| row.len() == fields && !row.iter().any(|field| field.has_delimiter(true)))?;
        numbers.iter_mut().zip(&row).for_each(|(numbers, field)| *numbers &= field.is_number());
        grouped &= row[0].is_of_digits(1..=3) && row[1..].iter().all(|field| field.is_of_digits(3..=3));
        numbered &= row[0].text.parse() == Ok(at + 1);
        named &= row[0].is_quoted;
    }
    let is_table = numbers[1..].contains(&true) && !grouped && (!has_row_names || named || numbered && fields > 2);
    is_table.then_some(Parted { fields, lines: lines.len(), has_row_names })
}

impl Parted {
    /// That the file was read so.
    pub fn finding(&self) -> Finding {
        let Parted { fields, lines, has_row_names } = self;
        let unnamed = match has_row_names {
            true => " The header has one name fewer: the first column has the names of the rows.",
            false => "",
        };
        let message = format!(
            "The file was read as {fields} columns parted by blanks: each of its first {lines} lines has as many values so, and \
             none has another delimiter.{unnamed} If each line is one value, put the values in quotes, or write `sep=,` above \
             the header."
        );
        Finding::of_file(PARTED_BY_BLANKS, message)
    }
}

/// Whether tabs alone part fields, and blanks stand within them: each line has as many tabs, and not at its ends alone. But where
/// each row has several numbers between two tabs, with runs of blanks among them, these are no value: some files have a tab
/// before their last column alone.
fn is_by_tabs(lines: &[&str], rows: &[&str]) -> bool {
    let tabs = |line: &str| memchr_iter(b'\t', line.as_bytes()).count();
    let count = tabs(lines[0]);
    let has_none_within = lines.iter().all(|line| tabs(line.trim_ascii()) == 0);
    if has_none_within || lines.iter().any(|line| tabs(line) != count) {
        return false;
    }
    let is_row_of_numbers = |part: &str| {
        let part = part.trim_ascii();
        let is_value = |word: &str| is_missing_word(word) || parse_number(word).is_some();
        part.contains("  ")
            && part.split_ascii_whitespace().count() >= LEAST_NUMBERS
            && part.split_ascii_whitespace().all(is_value)
    };
    !(0..=count).any(|at| rows.iter().all(|row| row.split('\t').nth(at).is_some_and(is_row_of_numbers)))
}

/// The fields of a line, those in quotes as a whole; `None` if a quote is not closed, or something stands behind it.
fn fields_of(line: &str) -> Option<Vec<Field<'_>>> {
    let (mut fields, mut rest) = (Vec::new(), line.trim_ascii());
    while !rest.is_empty() {
        let is_quoted = rest.starts_with('"');
        let (text, behind) = if is_quoted {
            let (close, _) = closing_quote(rest.as_bytes(), 1)?;
            (&rest[1..close], &rest[close + 1..])
        } else {
            rest.split_at(rest.find([' ', '\t']).unwrap_or(rest.len()))
        };
        if !is_quoted && text.contains('"') || !(behind.is_empty() || behind.starts_with([' ', '\t'])) {
            return None;
        }
        fields.push(Field { text, is_quoted });
        rest = behind.trim_ascii_start();
    }
    Some(fields)
}

#[cfg(test)]
mod tests {
    use super::super::dialect::{CR, LF};
    use super::*;

    /// Fields of the rows under a header, and whether the rows have names.
    fn found(text: &str) -> Option<(usize, bool)> {
        parted(text, LF, Header::Present, true).map(|parted| (parted.fields, parted.has_row_names))
    }

    /// A header, and this row for each of some numbers in place of `#`.
    fn table(header: &str, row: &str) -> String {
        (1..=6).fold(format!("{header}\n"), |text, number| text + &row.replace('#', &number.to_string()) + "\n")
    }

    #[test]
    fn tables_parted_by_blanks_are_told_by_their_first_lines() {
        for (header, row, expected) in [
            ("a b c", "# 2 3", (3, false)),
            ("  a    b   c  ", " x   #.5   NA \r", (3, false)),
            ("\ta b \t", "\tx # \t", (2, false)),
            ("a \"b c\" d", "x \"y, \"\"z\" #", (3, false)),
            ("x y", "1,5 #,25", (2, false)),
            ("a\tb c", "x #\t\t2", (3, false)),
            ("\"x\" \"y\"", "\"#\" 1.5 \"u\"", (3, true)),
            ("\"x\"", "\"row #\" 1.5", (2, true)),
            ("x y", "# 1.5 u", (3, true)),
        ] {
            assert_eq!(found(&table(header, row)), Some(expected), "{header}: {row}");
        }
        // A tab before the last column, as in `auto-mpg.data`, and as many tabs as it takes to align.
        let cars =
            "18.0   8   307.0   ?   3504.   1#.0   70  1\t\"chevrolet chevelle malibu\"\n".repeat(6).replace('#', "2");
        let absent = |text: &str| parted(text, LF, Header::Absent, true).map(|parted| parted.fields);
        assert_eq!(absent(&cars), Some(9));
        assert_eq!(absent(&"1.5\t2\t\t3\n1.5\t2\t3\n".repeat(3)), Some(3));
        assert_eq!(absent(&"1,5 2,25\n".repeat(6)), Some(2));
        assert_eq!(parted(&"1 2.5\r".repeat(7), CR, Header::Absent, false).map(|parted| parted.lines), Some(7));
    }

    #[test]
    fn texts_and_tables_of_other_delimiters_are_not() {
        for (header, row) in [
            ("review", "It took me # days"),
            ("product review", "Good value"),
            ("a b,c", "1 2,#"),
            ("a b;c", "1 2;#"),
            ("a b", "x;y #"),
            ("a b", "#, 2"),
            ("total price", "# 250"),
            ("total price", "12 #50.25"),
            ("full name\tage", "Jo Doe\t#0"),
            ("price all\tname all", "1 234 567\tx #"),
            ("lat lon\tname", "52.1 13.#\tBerlin"),
            ("\tb c", "#\t2 3"),
            ("amount", "USD #"),
            ("amount", "# 234"),
            ("timestamp", "2024-01-0# 12:00:00"),
            ("order date", "2024-01-0# 12:00"),
            ("a b", "\"x #"),
            ("a b", "\"x\"y #"),
            ("a b", "5\" #"),
            ("a b c", "1 #"),
            ("a", "#"),
        ] {
            assert_eq!(found(&table(header, row)), None, "{header}: {row}");
        }
        let few = "a b\n1 2\n3 4\n5 6\n7 8\n";
        assert_eq!([found(few), found(&format!("{few}1 2 3\n")), found("")], [None; 3]);
        assert!(found(&format!("{few}9 8\n")).is_some());
        assert_eq!(parted(&format!("{few}9 8"), LF, Header::Present, false), None, "the last line may go on");
        assert_eq!(parted(&"1, 2, 3\n".repeat(9), LF, Header::Absent, true), None);
        assert_eq!(parted(&"1 234,5\n".repeat(9), LF, Header::Absent, true), None, "one number with its groups");
    }
}
