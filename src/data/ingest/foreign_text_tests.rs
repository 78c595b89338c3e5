//! Files of text that are not plain CSV in UTF-8: other encodings, ends of lines and kinds, no header, lines above it.

use std::fmt::Write;

use bytes::Bytes;
use serde_json::json;

use super::tests::{codes, csv, kinds, memory, read, refused, rows};
use super::*;
use crate::data::charset::Charset;
use crate::data::csv::{CsvOptions, CsvRows, Header};
use crate::data::error::{DataError, DataErrorKind};
use crate::data::profile::TableProfile;

fn declared(header: Header, charset: Option<&str>) -> Declared {
    let charset = charset.map(|name| Charset::named(name).expect("a name of the standard"));
    Declared { format: Format::Csv, csv: CsvOptions { header, charset } }
}

fn in_charset(name: &str) -> Declared {
    declared(Header::Present, Some(name))
}

/// The headers and the rows that the reader of rows to predict for sees.
fn streamed(bytes: &[u8], options: &CsvOptions) -> Result<(Vec<String>, usize), DataError> {
    let mut stream = CsvRows::new(bytes, options)?;
    let (headers, mut count) = (stream.headers().to_vec(), 0);
    while let Some(some) = stream.next_rows(1000)? {
        count += some.len();
    }
    Ok((headers, count))
}

fn names(profile: &TableProfile) -> Vec<&str> {
    profile.columns.iter().map(|column| column.name.as_str()).collect()
}

fn message(profile: &TableProfile, code: &str) -> String {
    let found = profile.findings.iter().find(|finding| finding.code == code);
    found.unwrap_or_else(|| panic!("{code}: {:?}", profile.findings)).message.clone()
}

/// More than a piece, with quoted ends of lines and characters of two and three bytes in UTF-8.
fn long_text(line_end: &str) -> String {
    let mut text = format!("näme,größe{line_end}");
    for row in 0..120_000 {
        write!(text, "\"Zoë {}{line_end}€\",{row}.25{line_end}", row % 7).expect("memory");
    }
    text
}

fn utf_16(text: &str, order: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(order).collect()
}

#[test]
fn text_of_any_encoding_is_the_table_that_it_is_in_utf_8() {
    for line_end in ["\n", "\r\n", "\r"] {
        let text = long_text(line_end);
        let (expected, _) = csv(&text);
        assert_eq!((expected.rows, expected.columns[0].distinct), (120_000, 7));
        let windows = encoding_rs::WINDOWS_1252.encode(&text).0.into_owned();
        let gb = encoding_rs::GB18030.encode(&text).0.into_owned();
        for (name, bytes) in [
            ("windows-1252", windows),
            ("gb18030", gb),
            ("utf-16le", utf_16(&text, u16::to_le_bytes)),
            ("utf-16be", utf_16(&text, u16::to_be_bytes)),
            ("utf-16", utf_16(&format!("\u{feff}{text}"), u16::to_le_bytes)),
        ] {
            let (profile, _) = read(&bytes, in_charset(name), &[]).unwrap();
            assert_eq!(profile, expected, "{name} {line_end:?}");
            let seen = streamed(&bytes, &in_charset(name).csv).unwrap();
            assert_eq!(seen, (vec!["näme".to_owned(), "größe".to_owned()], 120_000), "{name} {line_end:?}");
        }
    }
}

#[test]
fn what_the_bytes_show_is_told() {
    let text = "a,b\né,1\nü,2\n";
    for bytes in [utf_16(&format!("\u{feff}{text}"), u16::to_be_bytes), utf_16(text, u16::to_le_bytes)] {
        let table = read(&bytes, Format::Csv, &[]).unwrap();
        assert_eq!(rows(&table), json!([{"a": "é", "b": 1}, {"a": "ü", "b": 2}]));
        assert!(message(&table.0, "encoding_guessed").contains("UTF-16"));
        assert_eq!(streamed(&bytes, &CsvOptions::default()).unwrap().1, 2);
    }
    let windows = b"a,b\nx,1\n\"caf\xe9 \x80\",2\n";
    let table = read(windows, Format::Csv, &[]).unwrap();
    assert_eq!(rows(&table)[1], json!({"a": "café €", "b": 2}));
    let told = message(&table.0, "encoding_guessed");
    assert!(told.contains("Windows-1252") && told.contains("0xe9 on line 3") && told.contains("\"café\""), "{told}");
    let error = streamed(windows, &CsvOptions::default()).unwrap_err();
    assert!(error.line == Some(3) && error.detail.contains("charset=windows-1252"), "{error}");
    assert_eq!(read(b"caf\xe9\n1\n", Format::Csv, &[]).unwrap().0.columns[0].name, "café");
}

#[test]
fn a_byte_far_behind_decides_for_the_whole_file() {
    let mut text: Vec<u8> = "a,b\n".bytes().collect();
    (0..400_000).for_each(|row| text.extend_from_slice(format!("w{},{row}\n", row % 5).as_bytes()));
    text.extend_from_slice(b"caf\xe9,1\n");
    let (profile, _) = read(&text, Format::Csv, &[]).unwrap();
    assert_eq!((profile.rows, profile.columns[0].distinct), (400_001, 6));
    assert!(message(&profile, "encoding_guessed").contains("on line 400002"));
    text.extend_from_slice("später,2\n".as_bytes());
    let error = refused(&text, Format::Csv, &[]);
    assert!(error.line == Some(400_002) && error.detail.contains("is on line 400003"), "{error}");
}

#[test]
fn what_is_no_text_of_its_encoding_is_refused_with_its_line() {
    for (bytes, said, line, part) in [
        (&b"a\n1\n\x81\n"[..], None, 3, "0x81"),
        (b"a\n1\n\xe9\n", Some("utf-8"), 3, "no text in UTF-8"),
        (b"\xef\xbb\xbfa\n1\n\xe9\n", None, 3, "no text in UTF-8"),
        (b"a\nb\n\x80\n", Some("shift_jis"), 3, ""),
        (b"a\0\n\0\x31\0\n\0\0\xd8\n\0", Some("utf-16le"), 3, "UTF-16LE"),
        (b"\xff\xfe\0\0a\0\0\0", None, 1, "UTF-32"),
        (b"a\0b,c\n1,2\n", None, 1, "no text"),
    ] {
        if part.is_empty() {
            assert_eq!(
                read(bytes, in_charset("shift_jis"), &[]).unwrap().0.rows,
                2,
                "0x80 is a control character there"
            );
            continue;
        }
        let error = refused(bytes, declared(Header::Present, said), &[]);
        assert!(error.kind == DataErrorKind::Malformed && error.line == Some(line), "{error}");
        assert!(error.detail.contains(part), "{error}");
    }
}

#[test]
fn reading_another_encoding_gives_back_what_it_takes() {
    let (charge, text) = (memory(), long_text("\n"));
    let source = Bytes::from(utf_16(&text, u16::to_le_bytes));
    let (types, limits) = (Default::default(), IngestLimits::default());
    ingest(source, in_charset("utf-16"), &types, &limits, &charge, &mut Vec::new(), &mut |_| {
        assert!(charge.held() > 0);
        true
    })
    .unwrap();
    assert_eq!(charge.held(), 0);
}

/// What both readers say of a file: names and rows, or the error.
fn both(text: &str, declared: Declared) -> Result<(Vec<String>, u64), DataError> {
    let stored = read(text.as_bytes(), declared, &[]);
    let seen = streamed(text.as_bytes(), &declared.csv);
    match (stored, seen) {
        (Ok((profile, _)), Ok((headers, count))) => {
            assert_eq!((names(&profile).concat(), profile.rows), (headers.concat(), count as u64), "{text:?}");
            Ok((headers, profile.rows))
        }
        (Err(error), Err(seen)) => {
            assert_eq!((error.line, &error.detail), (seen.line, &seen.detail), "{text:?}");
            Err(error)
        }
        (stored, seen) => panic!("{text:?}: {stored:?} and {seen:?}"),
    }
}

#[test]
fn lines_may_end_in_three_ways_and_values_have_none_of_it() {
    for text in ["size,colour\r1,red\r2,blue\r3,red", "size,colour\r\r\n1,red\r\r\n2,blue\r\r\n3,red"] {
        assert_eq!(both(text, Format::Csv.into()).unwrap().1, 3);
        let table = csv(text);
        assert_eq!(rows(&table)[2], json!({"size": 3, "colour": "red"}));
        assert_eq!((kinds(&table.0)[0], table.0.columns[1].distinct), ("numeric", 2));
    }
    for (text, line, part) in [
        ("a,b\n1,x\ry\n2,z\n", 2, "carriage return (CR)"),
        ("a,b\r1,x\r2,y\n3,z\n4,z\r5,u\r", 0, ""),
        ("a,b\r1,2\r3\r", 3, "the row has 1 field"),
    ] {
        let read = both(text, Format::Csv.into());
        match part {
            "" => assert!(read.is_err(), "{read:?}"),
            part => {
                let error = read.unwrap_err();
                assert!(error.line == Some(line) && error.detail.contains(part), "{error}");
            }
        }
    }
}

#[test]
fn a_quote_that_does_not_close_its_field_is_refused_with_its_line() {
    for (text, line, part) in [
        ("item,price\n\"bolt\",1\n\"nut,2\n\"screw,3\n\"nail\",4\n", 3, "\"screw"),
        ("item,price\n\"bolt\"s,1\n", 2, "stands \"s\""),
        ("item,price\n\"5\\\" pipe\",1\n", 2, "backslash"),
        ("item,price\nbolt,1\n5\" pipe,1\n", 3, "double those in it"),
        ("item,price\nbolt, \"1\"\n", 2, "a blank stands before"),
        ("item,price\nbolt,1\n\"nut,2\nscrew,3\n", 3, "never closed"),
        ("it\"em,price\nbolt,1\n", 1, "within the value"),
    ] {
        let error = both(text, Format::Csv.into()).unwrap_err();
        assert_eq!((error.kind, error.line), (DataErrorKind::Malformed, Some(line)), "{text:?}: {error}");
        assert!(error.detail.contains(part), "{text:?}: {error}");
    }
    let tabs = csv("item\tprice\n5\" pipe\t1\n\"a\tb\"\t2\n");
    assert_eq!(rows(&tabs)[0], json!({"item": "5\" pipe", "price": 1}));
    assert_eq!(rows(&tabs)[1], json!({"item": "a\tb", "price": 2}));
}

#[test]
fn a_blank_line_among_those_of_one_column_is_a_missing_value() {
    for (text, count, missing) in [
        ("country\nDE\n\nFR\n", 3, 1),
        ("country\n\nDE\r\n\r\n\r\nFR\n\n\n", 5, 3),
        ("\n\ncountry\nDE\n\"\"\n", 2, 1),
        ("country,n\nDE,1\n\nFR,2\n", 2, 0),
    ] {
        assert_eq!(both(text, Format::Csv.into()).unwrap().1, count, "{text:?}");
        assert_eq!(csv(text).0.columns[0].missing, missing, "{text:?}");
    }
    let lines: String =
        (0..600_000).map(|row| if row % 3 == 0 { format!("{row}\n") } else { "\n".to_owned() }).collect();
    let (profile, _) = csv(&format!("n\n{lines}1\n"));
    assert_eq!((profile.rows, profile.columns[0].missing), (600_001, 400_000));
}

#[test]
fn a_file_without_a_header_has_names_made_up() {
    let text = "5.1,3.5,red\n4.9,3.0,blue\n6.2,3.1,red\n";
    let absent = declared(Header::Absent, None);
    let (headers, count) = both(text, absent).unwrap();
    assert_eq!((headers.join(" "), count), ("column_1 column_2 column_3".to_owned(), 3));
    let table = read(text.as_bytes(), absent, &[]).unwrap();
    assert_eq!(rows(&table)[0], json!({"column_1": 5.1, "column_2": 3.5, "column_3": "red"}));
    assert_eq!(codes(&table.0), []);
    assert_eq!(both("sep=;\n1;2\n", absent).unwrap().1, 1);
    assert_eq!(both("#1\n\n#2\n", absent).unwrap().1, 3, "of one column, and nothing in it is a comment");
    assert_eq!(both("1,2\n3\n", absent).unwrap_err().line, Some(2));
    let table = csv(text);
    let told = message(&table.0, "header_looks_like_data");
    assert!(told.contains("header=absent") && told.contains("line 1") && told.contains("\"5.1\""), "{told}");
    for named in
        ["country,1990,1991\nDE,1,2\n", "0,1,2\n5.1,3.5,4\n", "id,5.1\n1,2\n", "a,b\n1,2\n", "5.1,x\nred,blue\n"]
    {
        assert!(!codes(&csv(named).0).iter().any(|(code, _)| *code == "header_looks_like_data"), "{named}");
    }
    let twice = refused(b"0,0,1\n1,2,3\n", Format::Csv, &[]);
    assert!(twice.detail.contains("header=absent"), "{twice}");
}

#[test]
fn lines_above_the_header_are_skipped_and_named() {
    let table = "region;units;price\nN;0;0.0\nS;1;1.5\nN;2;3.0\n";
    for (above, lines, example) in [
        ("Sales of 2024\n", "Line 1 ", "\"Sales of 2024\""),
        ("Sales, 2024\n\nall regions\n", "Lines 1 to 3 ", "\"Sales, 2024\""),
        ("Sales of 2024;;\n", "Line 1 ", "\"Sales of 2024\""),
        ("# made by hand\n#\n", "Lines 1 to 2 ", "\"# made by hand\""),
    ] {
        let text = format!("{above}{table}");
        let (headers, count) = both(&text, Format::Csv.into()).unwrap();
        assert_eq!((headers.join(" "), count), ("region units price".to_owned(), 3), "{text}");
        let (profile, _) = csv(&text);
        let told = message(&profile, "lines_skipped");
        assert!(told.starts_with(lines) && told.contains(example), "{told}");
        let broken = both(&format!("{text}N\n"), Format::Csv.into()).unwrap_err();
        assert_eq!(broken.line, Some(above.lines().count() as u64 + 5), "{broken}");
    }
    let doubtful = both("review\nGood; but slow\nBad; and late\n", Format::Csv.into()).unwrap_err();
    assert!(doubtful.line == Some(1) && doubtful.detail.contains("put the values in quotes"), "{doubtful}");
    assert_eq!(both("#id,b\n1,2\n", Format::Csv.into()).unwrap().0, ["#id", "b"]);
}

/// A table of 130,000 rows, of more than a piece, with fields before, between and behind these.
fn parted(before: &str, between: &str, behind: &str) -> String {
    let line = |fields: [&str; 3]| format!("{before}{}{behind}\n", fields.join(between));
    (0..130_000).fold(line(["rate", "town", "n"]), |text, row| {
        let town = ["\"New York\"", "Bonn", "\"a \"\"b\"\"\nc\""][if row < 100 { row % 2 } else { row % 3 }];
        text + &line([&format!("{}.25", row % 90), town, &row.to_string()])
    })
}

#[test]
fn a_table_parted_by_blanks_is_that_of_commas() {
    let expected = csv(&parted("", ",", ""));
    assert_eq!((expected.0.rows, expected.0.columns[1].distinct), (130_000, 3));
    for (before, between, behind) in [("", " ", ""), ("  ", "   ", " \t"), (" ", "  ", "\r")] {
        let text = parted(before, between, behind);
        let mut found = csv(&text);
        let told = message(&found.0, "parted_by_blanks");
        assert!(told.contains("3 columns") && told.contains("first 50 lines"), "{told}");
        found.0.findings.retain(|finding| finding.code != "parted_by_blanks");
        // Pieces end elsewhere, and with them what is added up first.
        for (one, other) in found.0.columns.iter_mut().zip(&expected.0.columns) {
            for (own, of_commas) in [(&mut one.mean, other.mean), (&mut one.std, other.std)] {
                let is_near = own.zip(of_commas).is_none_or(|(own, value)| (own / value - 1.0).abs() < 1e-12);
                assert!(is_near && own.is_some() == of_commas.is_some(), "{own:?} for {of_commas:?}");
                *own = of_commas;
            }
        }
        assert_eq!(found.0, expected.0, "{between:?}");
        assert!(rows(&found) == rows(&expected), "{between:?}");
        let (headers, count) = both(&text, Format::Csv.into()).unwrap();
        assert_eq!((headers.join(" "), count), ("rate town n".to_owned(), 130_000));
    }
    // Declared, it may be of a few rows; nothing is guessed then.
    let declared = csv("sep= \nrate  town\n 1  x\n");
    assert_eq!((names(&declared.0), declared.0.rows), (vec!["rate", "town"], 1));
    assert!(!codes(&declared.0).iter().any(|(code, _)| *code == "parted_by_blanks"));
    let whole = csv(&format!("sep=,\na b\n{}", "1 2\n".repeat(9)));
    assert_eq!(names(&whole.0), ["a b"]);
}

#[test]
fn tables_of_scientists_and_of_r_are_read_as_they_are_meant() {
    let absent = declared(Header::Absent, None);
    let row = |at: usize| format!(" 0.{at:03}  18.00   2.310  {at}  0.5380 396.90\n");
    let (housing, _) = read((0..20).map(row).collect::<String>().as_bytes(), absent, &[]).unwrap();
    assert_eq!((housing.columns.len(), housing.rows, kinds(&housing)), (6, 20, vec!["numeric"; 6]));
    let row = |at: usize| {
        format!("{}.0   8   307.0      {}      3504.   12.0   70  1\t\"ford pinto\"\n", 9 + at, ["130.0", "?"][at % 2])
    };
    let (cars, _) = read((0..20).map(row).collect::<String>().as_bytes(), absent, &[]).unwrap();
    assert_eq!((cars.columns.len(), kinds(&cars)[8], cars.columns[3].missing), (9, "categorical", 10));
    let row = |at: usize| format!("\"{}\" 5.{at} NA \"seto sa\"\n", at + 1);
    let (iris, _) =
        csv(&("\"Sepal.Length\" \"Width\" \"Species\"\n".to_owned() + &(0..9).map(row).collect::<String>()));
    assert_eq!(names(&iris), ["column_1", "Sepal.Length", "Width", "Species"]);
    assert!(message(&iris, "parted_by_blanks").contains("one name fewer"));
    let ragged = both(&format!("a b\n{}1 2 3\n", "1 2\n".repeat(60)), Format::Csv.into()).unwrap_err();
    assert!(
        ragged.line == Some(62) && ragged.detail.contains("put values that have blanks in them in quotes"),
        "{ragged}"
    );
}

#[test]
fn a_file_of_another_kind_is_called_what_it_is() {
    let workbook = b"PK\x03\x04\x14\0\x06\0\x08\0xl/workbook.xml";
    for format in [Format::Csv, Format::Ndjson, Format::Json] {
        let error = refused(workbook, format, &[]);
        assert!(error.kind == DataErrorKind::Malformed && error.detail.contains("Excel workbook"), "{error}");
    }
    assert!(streamed(workbook, &CsvOptions::default()).unwrap_err().detail.contains("Excel workbook"));
    let error = refused(b"[{\"a\":1}]", Format::Csv, &[]);
    assert!(error.detail.contains("application/json"), "{error}");
}
