//! Cells as people write them, through every format of files: the values that are read, and what is said of them.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use serde_json::{Value, json};

use super::binary_tests::{as_parquet, as_stream};
use super::tests::{asked, csv, read_asked, rows};
use super::*;
use crate::data::asked::AskedColumns;
use crate::data::error::DataErrorKind;
use crate::data::profile::{Finding, TableProfile};

/// A column `v` of these cells in every format, and what it is called.
fn files(cells: &[&str]) -> Vec<(Vec<u8>, Format)> {
    let quoted = |cell: &&str| format!("\"{}\"", cell.replace('"', "\"\""));
    let object = |cell: &&str| json!({ "v": cell }).to_string();
    let lines = |text: Vec<String>| text.join("\n") + "\n";
    let csv = format!("v\n{}", lines(cells.iter().map(quoted).collect()));
    let ndjson = lines(cells.iter().map(object).collect());
    let array = format!("[{}]", cells.iter().map(object).collect::<Vec<_>>().join(","));
    let column: ArrayRef = Arc::new(StringArray::from(cells.to_vec()));
    let batch = RecordBatch::try_from_iter([("v", column)]).expect("a column");
    vec![
        (csv.into_bytes(), Format::Csv),
        (ndjson.into_bytes(), Format::Ndjson),
        (array.into_bytes(), Format::Json),
        (as_parquet(&batch), Format::Parquet),
        (as_stream(&batch), Format::Arrow),
    ]
}

fn finding<'a>(profile: &'a TableProfile, code: &str) -> Option<&'a Finding> {
    profile.findings.iter().find(|finding| finding.code == code)
}

/// Holds the values of the column in every format, and the findings' codes but for those of its distribution.
fn hold(cells: &[&str], asked: &AskedColumns, kind: &str, values: &Value, codes: &[&str]) {
    for (bytes, format) in files(cells) {
        let table = read_asked(&bytes, format, asked).unwrap_or_else(|error| panic!("{format:?} {cells:?}: {error}"));
        let read: Vec<Value> = rows(&table).as_array().expect("rows").iter().map(|row| row["v"].clone()).collect();
        assert_eq!((json!(read), table.0.columns[0].kind.word()), (values.clone(), kind), "{format:?} {cells:?}");
        let of_reading =
            ["numbers_formatted", "ambiguous_numbers", "ambiguous_dates", "two_digit_years", "missing_words"];
        let said: Vec<&str> = table.0.findings.iter().map(|finding| finding.code.as_str()).collect();
        let said: Vec<&str> =
            said.into_iter().filter(|code| of_reading.contains(code) || code.ends_with("_as_words")).collect();
        assert_eq!(said, codes, "{format:?} {cells:?}");
    }
}

#[test]
fn numbers_are_read_alike_in_every_format() {
    for (cells, values, codes) in [
        (&["$1,200.50", "-$3", "($4)"][..], json!([1200.5, -3, -4]), &["numbers_formatted"][..]),
        (&["1.234,56 €", "7 €", "0,5 €"], json!([1234.56, 7, 0.5]), &["numbers_formatted"]),
        (&["12.5 %", "3 %", "NA"], json!([0.125, 0.03, null]), &["numbers_formatted", "missing_words"]),
        (&["12,5", "7", "?"], json!([12.5, 7, null]), &["numbers_formatted", "missing_words"]),
        (&["1 234,5", "1 234 567"], json!([1234.5, 1_234_567]), &["numbers_formatted"]),
        (&["1'234.5", "7"], json!([1234.5, 7]), &["numbers_formatted"]),
        (&["1,234", "2,345"], json!([1234, 2345]), &["numbers_formatted", "ambiguous_numbers"]),
        (&["12.50-", "7.25"], json!([-12.5, 7.25]), &["numbers_formatted"]),
        (&["05.50", "12.25"], json!([5.5, 12.25]), &["numbers_formatted"]),
        (&["1 kg", "2 kg", "3 kg", "4 kg", "5,5 kg"], json!([1, 2, 3, 4, 5.5]), &["numbers_formatted"]),
    ] {
        hold(cells, &AskedColumns::default(), "numeric", &values, codes);
    }
}

#[test]
fn dates_are_read_alike_in_every_format() {
    let day = |text: &str| format!("{text}T00:00:00Z");
    for (cells, values, codes) in [
        (&["7/15/2019 16:22", "5/1/2024 9:05"][..], json!(["2019-07-15T16:22:00Z", "2024-05-01T09:05:00Z"]), &[][..]),
        (&["15-Jul-19", "1-May-20"], json!([day("2019-07-15"), day("2020-05-01")]), &["two_digit_years"]),
        (&["15.07.19", "NaT"], json!([day("2019-07-15"), null]), &["two_digit_years", "missing_words"]),
        (&["July 15, 2019", "May 1, 2020"], json!([day("2019-07-15"), day("2020-05-01")]), &[]),
        (&["2019-07", "2020-12"], json!([day("2019-07-01"), day("2020-12-01")]), &[]),
        (&["2019-07-15 4:22 PM", "2019-07-16 4:22 AM"], json!(["2019-07-15T16:22:00Z", "2019-07-16T04:22:00Z"]), &[]),
        (
            &["Mon, 15 Jul 2019 16:22:00 +0200", "15 Jul 2019 16:22 UTC"],
            json!(["2019-07-15T14:22:00Z", "2019-07-15T16:22:00Z"]),
            &[],
        ),
        (&["0000-00-00", "2019-07-15"], json!([null, day("2019-07-15")]), &["missing_words"]),
        (&["01/02/2024", "03/04/2024"], json!([day("2024-01-02"), day("2024-03-04")]), &["ambiguous_dates"]),
    ] {
        hold(cells, &AskedColumns::default(), "datetime", &values, codes);
    }
}

#[test]
fn what_was_asked_for_decides() {
    let of = |column: Value| asked(&json!({ "v": column }));
    let numeric = |rest: Value| {
        let mut column = json!({ "type": "numeric" });
        column.as_object_mut().expect("an object").extend(rest.as_object().expect("an object").clone());
        of(column)
    };
    hold(
        &["1,234", "2,345"],
        &numeric(json!({"decimal": ","})),
        "numeric",
        &json!([1.234, 2.345]),
        &["numbers_formatted"],
    );
    hold(
        &["1.234", "2.345"],
        &numeric(json!({"thousands": "."})),
        "numeric",
        &json!([1234, 2345]),
        &["numbers_formatted"],
    );
    hold(
        &["5 pts", "7 pts"],
        &numeric(json!({"suffix": "pts", "scale": 0.5})),
        "numeric",
        &json!([2.5, 3.5]),
        &["numbers_formatted"],
    );
    hold(
        &["20190715", "20200501"],
        &of(json!("datetime")),
        "datetime",
        &json!(["2019-07-15T00:00:00Z", "2020-05-01T00:00:00Z"]),
        &[],
    );
    hold(
        &["1563206520", "1563206521"],
        &of(json!("datetime")),
        "datetime",
        &json!(["2019-07-15T16:02:00Z", "2019-07-15T16:02:01Z"]),
        &[],
    );
    hold(
        &["24/05/01", "2024-05-02"],
        &of(json!({"format": "%y/%m/%d"})),
        "datetime",
        &json!(["2024-05-01T00:00:00Z", "2024-05-02T00:00:00Z"]),
        &[],
    );
    hold(&["$1,200", "$7"], &of(json!("categorical")), "categorical", &json!(["$1,200", "$7"]), &[]);
    let missing = AskedColumns { missing: vec!["unknown".into()], ..of(json!({"missing": ["-999"]})) };
    hold(&["$1.5", "unknown", "-999"], &missing, "numeric", &json!([1.5, null, null]), &["numbers_formatted"]);
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
fn codes_and_telephone_numbers_stay_words() {
    for cells in [
        &["007", "123"][..],
        &["612 345 678", "611 222 333"],
        &["+49 123 456", "+49 123 457"],
        &["555-1234", "555-9876"],
    ] {
        hold(cells, &AskedColumns::default(), "categorical", &json!(cells), &[]);
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
