//! Records, fields and quotes, read and refused.

use super::super::dialect::BLANKS;
use super::super::ends::{RecordsEnd, records_end};
use super::*;

fn dialect(delimiter: u8) -> Dialect {
    Dialect { delimiter, line_end: LF }
}

fn read(text: &str, dialect: Dialect, blank_is_row: bool) -> Result<Vec<Vec<String>>, DataError> {
    let mut records = RecordReader::of_rows(text, dialect, 1, blank_is_row);
    let mut rows = Vec::new();
    loop {
        let mut row = Vec::new();
        let read = records.next(|_, _, field| {
            row.push(field.to_owned());
            Ok(())
        })?;
        if read.is_none() {
            return Ok(rows);
        }
        rows.push(row);
    }
}

fn all(text: &str, delimiter: u8) -> Vec<Vec<String>> {
    read(text, dialect(delimiter), false).unwrap()
}

#[test]
fn fields_in_and_out_of_quotes() {
    for (text, rows) in [
        ("a,b\n1,2\n", vec![vec!["a", "b"], vec!["1", "2"]]),
        ("a,b\r\n\r\n\n1,2", vec![vec!["a", "b"], vec!["1", "2"]]),
        ("\"a,\"\"b\"\"\nc\",d\n", vec![vec!["a,\"b\"\nc", "d"]]),
        (",\n,", vec![vec!["", ""], vec!["", ""]]),
        ("\"a\"", vec![vec!["a"]]),
        ("\"a\" \t,\"b\"  \r\n", vec![vec!["a", "b"]]),
        ("\"\"\n", vec![vec![""]]),
        ("a,\"b\\\",c\n", vec![vec!["a", "b\\", "c"]]),
        ("a,\"x\ry\"\r\r\n\r\r\nb,c\r", vec![vec!["a", "x\ry"], vec!["b", "c"]]),
    ] {
        assert_eq!(all(text, b','), rows, "{text:?}");
    }
    assert_eq!(all("ä;\"ö;\"\n", b';'), [["ä", "ö;"]]);
    assert_eq!(all("3\"\t\"b\"\n", b'\t'), [["3\"", "b"]]);
    let cr = Dialect { line_end: CR, ..dialect(b',') };
    assert_eq!(read("a,b\r\r\"x\ny\",2\r", cr, false).unwrap(), [["a", "b"], ["x\ny", "2"]]);
}

#[test]
fn runs_of_blanks_part_fields_and_mean_nothing_at_the_ends_of_lines() {
    for (text, rows) in [
        ("a b\n1  2\n", vec![vec!["a", "b"], vec!["1", "2"]]),
        ("  a \t b \r\n \t \r\n\n1\t\t2 \r\r\n   ", vec![vec!["a", "b"], vec!["1", "2"]]),
        (" \"a  \"\"b\"\"\n\"\t\"\"  c\n\"\" x", vec![vec!["a  \"b\"\n", "", "c"], vec!["", "x"]]),
    ] {
        assert_eq!(all(text, BLANKS), rows, "{text:?}");
    }
    let cr = Dialect { delimiter: BLANKS, line_end: CR };
    assert_eq!(read(" a b \r \r1\t2", cr, false).unwrap(), [["a", "b"], ["1", "2"]]);
    for (text, part) in [("a 5\"\n", "within the value"), ("\"a\"b c\n", "stands \"b\""), ("a \"b\n", "never closed")] {
        let error = read(text, dialect(BLANKS), false).unwrap_err();
        assert!(error.line == Some(1) && error.detail.contains(part), "{text:?}: {error}");
    }
}

#[test]
fn numbers_are_read_on_the_way_in_quotes_or_not() {
    /// Tells numbers from texts.
    struct Seen(Vec<String>);

    impl Fields for Seen {
        fn number(&mut self, _: usize, _: usize, value: f64) {
            self.0.push(value.to_string());
        }

        fn written(&mut self, _: usize, _: usize, number: &ShortWritten, _: &ShortFormat) -> bool {
            self.0.push(format!("${}", number.value));
            number.value != 13.0
        }

        fn text(&mut self, _: usize, _: usize, text: &str) -> Result<(), DataError> {
            self.0.push(format!("'{text}'"));
            Ok(())
        }
    }

    let text = "1.5,\"-2\",\"3\"\r\n\"4\"\"\",\" 5\",\"6\" \n\"7,5\",8x,\"\"\n1,2,3\n";
    // The text ends before, within and behind what is looked at, and with a number or nothing.
    for (end, last) in [("4,5,6.25", "4 5 6.25"), ("4,5,\"6\"", "4 5 6"), ("4,5,", "4 5 ''"), ("4,5,-", "4 5 '-'")] {
        let text = [text, end].concat();
        let mut records = RecordReader::new(&text, dialect(b','), 1);
        let mut read = Seen(Vec::new());
        for _ in 0..5 {
            let record = records.next_of(&[Numbers::Plain; 3], &mut read).unwrap();
            assert_eq!(record.map(|record| record.fields), Some(3), "{end}");
        }
        assert_eq!(records.next_of(&[Numbers::Plain; 3], &mut read).unwrap(), None, "{end}");
        assert_eq!(read.0.join(" "), format!("1.5 -2 3 '4\"' ' 5' '6' '7,5' '8x' '' 1 2 3 {last}"));
    }
    let mut records = RecordReader::new("  1.5   -2\t\"3\" \r\n4 5\t x \n\"6\"  7 8\t", dialect(BLANKS), 1);
    let mut read = Seen(Vec::new());
    for _ in 0..3 {
        let record = records.next_of(&[Numbers::Plain; 3], &mut read).unwrap();
        assert_eq!(record.map(|record| record.fields), Some(3));
    }
    assert_eq!(records.next_of(&[Numbers::Plain; 3], &mut read).unwrap(), None);
    assert_eq!(read.0.join(" "), "1.5 -2 3 4 5 'x' 6 7 8");
    let format = serde_json::from_str(r#"{"thousands":",","prefix":"$"}"#).unwrap();
    let dollars = Numbers::Written(ShortFormat::of(&format).unwrap());
    let text = "\"$1,234.5\",$2,\" $3 \"\r\n$4,567,5\n$8x,\"$9\"\"\",$13\n";
    let mut records = RecordReader::new(text, dialect(b','), 1);
    let mut read = Seen(Vec::new());
    while records.next_of(&[dollars; 3], &mut read).unwrap().is_some() {}
    assert_eq!(read.0.join(" "), "$1234.5 $2 $3 $4 '567' '5' '$8x' '$9\"' $13 '$13'");
}

#[test]
fn what_may_mean_something_else_is_refused_with_its_line() {
    for (text, line, part) in [
        ("a,b\n\"c\"d,1\n", 2, "stands \"d\""),
        ("a,b\n\"nut,2\n\"screw,3\n", 2, "on line 3 stands \"screw\""),
        ("a,b\n1,\"5\\\" pipe\"\n", 2, "backslash"),
        ("a,b\n1,\"say \\\",\\\" x\"\n", 2, "within the value"),
        ("a,b\n\n5\" pipe,1\n", 3, "within the value \"5\\\" pipe\""),
        ("a, \"b,c\"\n", 1, "a blank stands before"),
        ("a,b\n1\r2,3\n", 2, "carriage return"),
        ("a,b\n1,x\r,3\n", 2, "carriage return"),
        ("\"a\nb\",c\n\"\"\"x,2\n", 3, "never closed"),
    ] {
        let error = read(text, dialect(b','), false).unwrap_err();
        assert_eq!(error.line, Some(line), "{text:?}: {error}");
        assert!(error.detail.contains(part), "{text:?}: {error}");
    }
    let cr = Dialect { line_end: CR, ..dialect(b',') };
    let error = read("a,b\r1,2\n3,4\r", cr, false).unwrap_err();
    assert!(error.line == Some(2) && error.detail.contains("line feed"), "{error}");
}

#[test]
fn a_blank_line_is_a_row_where_it_can_be_one() {
    for (text, rows) in [("\na\n\r\n\nb\n", vec!["", "a", "", "", "b"]), ("\"\"\n\na", vec!["", "", "a"]), ("", vec![])]
    {
        assert_eq!(read(text, dialect(b','), true).unwrap().concat(), rows, "{text:?}");
    }
}

#[test]
fn every_cut_of_a_text_gives_the_same_records() {
    let commas = "x,\"y\"\"\nz\"\r\n1,2'3\n\n\"\",\"\n\"\n";
    let blanks = " x \t\"y\"\"\n z\" \r\n1  2'3\n \n\"\"\t\"\n \"\n";
    for (text, delimiter) in [(commas, b','), (blanks, BLANKS)] {
        let whole = all(text, delimiter);
        assert_eq!(whole.len(), 3);
        for cut in 1..text.len() {
            let RecordsEnd::At(end) = records_end(&text.as_bytes()[..cut], dialect(delimiter), false) else { continue };
            assert_eq!([all(&text[..end], delimiter), all(&text[end..], delimiter)].concat(), whole, "cut at {cut}");
        }
    }
}
