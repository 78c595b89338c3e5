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

/// The codes and messages about the first column of a file.
fn told(text: &str, format: Format) -> Vec<(String, String)> {
    let (profile, _) = read(text.as_bytes(), format, &[]).unwrap();
    let first = profile.columns[0].name.clone();
    let of_first = profile.findings.into_iter().filter(|finding| finding.column.as_ref() == Some(&first));
    of_first.map(|finding| (finding.code, finding.message)).collect()
}

#[test]
fn numbers_in_two_units_are_told_at_any_shares() {
    for (every, units) in [(2, ["lb", "kg"]), (3, ["cm", "in"]), (7, ["mg/dL", "mmol/L"]), (2, ["EUR", "USD"])] {
        let cell = |row: usize| format!("{} {}", 54 + row, units[usize::from(row % every == 1)]);
        let told = told(&column("weight", (0..60).map(cell)), Format::Csv);
        let [(code, message)] = &told[..] else { panic!("{told:?}") };
        let lines = format!("line 2 has \"54 {}\", line 3 has \"55 {}\"", units[0], units[1]);
        assert!(code == "numbers_as_words" && message.contains(&lines), "{code}: {message}");
    }
    for names in [["3 rooms", "Room 12", "12 Main Street"], ["12A", "14B", "7C"], ["2D", "3D", "5 kg"]] {
        let told = told(&column("what", (0..60).map(|row| names[row % 3].to_owned())), Format::Csv);
        assert!(told.is_empty(), "{names:?}: {told:?}");
    }
}

#[test]
fn texts_that_are_quantities_or_booleans_are_told_with_the_type_that_reads_them() {
    let lines = |cell: &dyn Fn(usize) -> String| {
        (0..60).map(|row| format!("{{\"v\":\"{}\",\"x\":\"k\"}}\n", cell(row))).collect::<String>()
    };
    let prices = lines(&|row| format!("{}.50", 3 + row));
    let flags = lines(&|row| ["true", "false"][row % 2].to_owned());
    for (text, code, all, kind, read_as) in [
        (&prices, "numbers_as_words", "numbers", "numeric", ColumnType::Numeric),
        (&flags, "booleans_as_words", "true or false", "boolean", ColumnType::Boolean),
    ] {
        let told = told(text, Format::Ndjson);
        let [(found, message)] = &told[..] else { panic!("{told:?}") };
        assert_eq!(found, code);
        let start = format!("All of its values are {all}, and the file has them as texts, first on line 1");
        assert!(message.starts_with(&start) && message.contains(&format!("types={{\"v\":\"{kind}\"}}")), "{message}");
        let (profile, _) = read(text.as_bytes(), Format::Ndjson, &[("v", read_as)]).unwrap();
        assert_eq!((profile.columns[0].kind, profile.columns[0].missing), (read_as, 0), "what the message says");
    }
    let mixed = told(
        &lines(&|row| ["true", "false", "maybe"][usize::from(row % 2 == 1) + usize::from(row == 5)].into()),
        Format::Ndjson,
    );
    assert!(
        mixed[0].1.starts_with("98.3 % of its values are true or false, and the file has them as texts"),
        "{mixed:?}"
    );
    for codes in [lines(&|row| format!("{}", 10_000 + row)), lines(&|row| format!("00{row}"))] {
        let told = told(&codes, Format::Ndjson);
        assert!(told.iter().all(|(code, _)| code == IDENTIFIER_COLUMN), "{told:?}");
    }
}

#[test]
fn times_of_day_and_zones_that_are_not_known_are_told() {
    let clock = told(&column("at", (0..60).map(|row| format!("{:02}:{:02}", row % 24, row))), Format::Csv);
    let [(code, message)] = &clock[..] else { panic!("{clock:?}") };
    assert!(
        code == "dates_as_words" && message.contains("times of day") && message.contains("8.5 for 08:30"),
        "{message}"
    );
    let zoned =
        |zone: &str| told(&column("at", (0..60).map(|row| format!("2024-05-01 10:{row:02} {zone}"))), Format::Csv);
    assert!(zoned("CET").is_empty(), "{:?}", zoned("CET"));
    for zone in ["BST", "IST", "Europe/Berlin"] {
        let told = zoned(zone);
        let [(code, message)] = &told[..] else { panic!("{told:?}") };
        assert!(
            code == "dates_as_words" && message.contains(&format!("{zone:?}")) && message.contains("+02:00"),
            "{message}"
        );
    }
}

#[test]
fn the_line_by_which_excel_declares_the_delimiter_is_no_header() {
    let (profile, _) = csv("\u{feff}sep=;\r\na,b,c;d\r\n1;x\r\n");
    let names: Vec<_> = profile.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!((names.join(" "), profile.rows), ("a,b,c d".to_owned(), 1));
    let error = refused(b"sep=,\na,b\n1,2\n3\n", Format::Csv, &[]);
    assert_eq!(error.line, Some(4), "{error}");
}
