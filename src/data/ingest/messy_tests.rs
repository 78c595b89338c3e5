//! Files as spreadsheets and scripts write them.

use super::tests::{codes, csv, read, refused};
use super::*;
use crate::data::column::ColumnType;
use crate::data::profile::{EXACT_DISTINCT, IDENTIFIER_COLUMN};

/// A column of `name` with these cells, one a line.
fn column(name: &str, cells: impl Iterator<Item = String>) -> String {
    cells.fold(format!("{name};x\n"), |text, cell| text + &cell + ";k\n")
}

/// The message about the numbers of the first column, if there is one.
fn message(text: &str) -> Option<String> {
    let (profile, _) = csv(text);
    let found = profile.findings.into_iter().find(|finding| finding.code == "numbers_as_words");
    found.inspect(|finding| assert_eq!(finding.column.as_deref(), Some("age"))).map(|finding| finding.message)
}

#[test]
fn a_single_bad_cell_among_numbers_is_named() {
    let ages =
        |bad: &str| column("age", (0..500).map(|row| if row == 321 { bad.into() } else { (row % 90).to_string() }));
    for bad in ["unknown", "n/a?", "45 years?"] {
        let message = message(&ages(bad)).expect(bad);
        assert!(message.starts_with(&format!("99.8 % of its values are numbers; line 323 has {bad:?}")), "{message}");
    }
    assert_eq!(message(&ages("NA")), None);
    assert_eq!(message(&ages("00123")), None, "codes");
    // What the message says of the type numeric.
    let error = refused(ages("unknown").as_bytes(), Format::Csv, &[("age", ColumnType::Numeric)]);
    assert_eq!((error.line, error.column.as_deref()), (Some(323), Some("age")));
    let (profile, _) = read(ages("unknown").as_bytes(), Format::Csv, &[("age", ColumnType::Categorical)]).unwrap();
    assert!(!codes(&profile).contains(&("numbers_as_words", Some("age"))), "asked for");
}

#[test]
fn a_bad_cell_far_behind_more_numbers_than_are_counted_is_named() {
    let rows = 3 * EXACT_DISTINCT;
    let prices = column("age", (0..rows).map(|row| if row + 1 == rows { "??".into() } else { format!("{row}.5") }));
    let message = message(&prices).expect("a finding");
    assert!(
        message.starts_with(&format!("99.9 % of its values are numbers; line {} has \"??\"", rows + 1)),
        "{message}"
    );
    let (profile, _) = csv(&prices);
    assert!(!codes(&profile).contains(&(IDENTIFIER_COLUMN, Some("age"))), "{:?}", profile.findings);
}

#[test]
fn texts_of_json_are_meant_to_be_words() {
    let found = |text: &str| {
        let (profile, _) = read(text.as_bytes(), Format::Ndjson, &[]).unwrap();
        codes(&profile).iter().any(|(code, _)| *code == "numbers_as_words")
    };
    assert!(!found(&"{\"zip\":\"90210\"}\n".repeat(9)));
    assert!(found(&format!("{}{{\"zip\":\"x\"}}\n", "{\"zip\":90210}\n".repeat(9))));
}

#[test]
fn the_line_by_which_excel_declares_the_delimiter_is_no_header() {
    let (profile, _) = csv("\u{feff}sep=;\r\na,b,c;d\r\n1;x\r\n");
    let names: Vec<_> = profile.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!((names.join(" "), profile.rows), ("a,b,c d".to_owned(), 1));
    let error = refused(b"sep=,\na,b\n1,2\n3\n", Format::Csv, &[]);
    assert_eq!(error.line, Some(4), "{error}");
}
