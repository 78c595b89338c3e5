//! Cells as people write them: what is asked of their columns, and what is said of them. `tests/integration/values` has the
//! values that are read, through every format of files.

use serde_json::json;

use super::tests::{asked, csv, read_asked, rows};
use super::*;
use crate::data::asked::AskedColumns;
use crate::data::error::DataErrorKind;
use crate::data::profile::{Finding, TableProfile};

fn finding<'a>(profile: &'a TableProfile, code: &str) -> Option<&'a Finding> {
    profile.findings.iter().find(|finding| finding.code == code)
}

#[test]
fn what_was_asked_for_decides() {
    let missing = AskedColumns { missing: vec!["unknown".into()], ..asked(&json!({"v": {"missing": ["-999"]}})) };
    let (profile, _) = read_asked(b"v,w\n1,unknown\n-999,x\nunknown,-999\n", Format::Csv, &missing).unwrap();
    assert_eq!((profile.columns[0].missing, profile.columns[1].missing), (2, 1));
    assert_eq!(profile.columns[0].missing_words, ["unknown", "-999"]);
    let skipped = AskedColumns { skipped: vec!["w".into()], ..AskedColumns::default() };
    let table = read_asked(b"v,w,x\n1,a,2\n3,b,4\n", Format::Csv, &skipped).unwrap();
    assert_eq!(rows(&table), json!([{"v": 1, "x": 2}, {"v": 3, "x": 4}]));
    let error = read_asked(b"v\n1\n", Format::Csv, &skipped).unwrap_err();
    assert_eq!((error.kind, error.column.as_deref()), (DataErrorKind::Unfit, Some("w")));
    for wrong in [
        json!({"decimal": ";"}),
        json!({"decimal": ",", "format": "%d"}),
        json!({"type": "text", "scale": 2.0}),
        json!({"format": "%H"}),
        json!({"typ": "text"}),
        json!("number"),
        json!(5),
    ] {
        assert!(serde_json::from_value::<crate::data::asked::AskedColumn>(wrong.clone()).is_err(), "{wrong}");
    }
}

#[test]
fn words_for_nothing_are_values_among_words() {
    let (profile, _) = csv("country,n\nNA,1\nDE,-\nFR,2\n");
    assert_eq!((profile.columns[0].missing, profile.columns[1].missing), (0, 1));
    let message = |name: &str| {
        let found = profile
            .findings
            .iter()
            .find(|found| found.code == "missing_words" && found.column.as_deref() == Some(name));
        found.map(|found| found.message.clone()).unwrap_or_default()
    };
    assert!(
        message("country").contains("\"NA\" (1)") && message("country").contains("missing=NA"),
        "{}",
        message("country")
    );
    assert!(message("n").contains("\"-\" (1)"), "{}", message("n"));
}

#[test]
fn a_few_cells_that_do_not_fit_are_named_with_their_line() {
    let text = |cell: &str, odd: &str| {
        format!("v,x\n{}\"{odd}\",1\n{}", format!("\"{cell}\",1\n").repeat(77), format!("\"{cell}\",2\n").repeat(122))
    };
    for (cell, odd, code) in [
        ("2024-05-01 10:00", "2024-05-01 23:59:60", "dates_as_words"),
        ("2024-05-01", "7", "dates_as_words"),
        ("true", "maybe", "booleans_as_words"),
        ("12.5", "x", "numbers_as_words"),
        ("12,5", "twelve", "numbers_as_words"),
        ("$5", "€7", "numbers_as_words"),
        ("5 %", "7", "numbers_as_words"),
        ("13/02/2024", "02/13/2024", "dates_as_words"),
    ] {
        let (profile, _) = csv(&text(cell, odd));
        let message = &finding(&profile, code).unwrap_or_else(|| panic!("{odd}: {:?}", profile.findings)).message;
        assert!(message.contains("line 79"), "{message}");
        assert!(finding(&profile, "identifier_column").is_none());
    }
}

#[test]
fn a_form_that_shows_late_is_read_from_the_first_row_on() {
    let plain: String = (0..300_000).map(|row| format!("{},{}\n", row % 900, row % 7)).collect();
    let table = csv(&format!("v,w\n{plain}\"1,200\",0.5\n"));
    assert_eq!(table.0.columns[0].max, Some(crate::data::profile::Bound::Number(1200.0)));
    assert_eq!(table.0.columns[1].min, Some(crate::data::profile::Bound::Number(0.0)));
    assert!(finding(&table.0, "numbers_formatted").is_some());
    // A point is read as the decimal point until another column shows that the file has decimal commas.
    let doubtful: String = (0..200_000).map(|row| format!("1.{:03};{}\n", row % 1000, row % 7)).collect();
    let points = csv(&format!("v;w\n{doubtful}"));
    assert_eq!(points.0.columns[0].max, Some(crate::data::profile::Bound::Number(1.999)));
    let commas = csv(&format!("v;w\n{doubtful}1.500;0,5\n"));
    assert_eq!(commas.0.columns[0].max, Some(crate::data::profile::Bound::Number(1999.0)));
    assert!(finding(&commas.0, "ambiguous_numbers").is_some());
}
