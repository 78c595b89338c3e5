//! What a table's owner is told of values, rows and dates that are not what they seem.

use serde_json::json;

use super::tests::{asked, csv, read_asked};
use super::*;
use crate::data::profile::TableProfile;

/// The messages of a kind, each behind its column.
fn told<'a>(profile: &'a TableProfile, code: &str) -> Vec<(Option<&'a str>, &'a str)> {
    let found = profile.findings.iter().filter(|found| found.code == code);
    found.map(|found| (found.column.as_deref(), found.message.as_str())).collect()
}

/// Of each row its cells.
fn table(header: &str, rows: usize, row: impl Fn(usize) -> String) -> String {
    (0..rows).map(row).fold(format!("{header}\n"), |text, row| text + &row + "\n")
}

#[test]
fn codes_for_missing_values_are_told_with_how_often_they_occur() {
    let text = table("temp_c,answer,ended,hours,year,price", 2500, |row| {
        let temperature =
            if row % 64 == 7 { "-999".to_owned() } else { format!("{}.{}", 9 + row % 22, row * 7919 % 1000) };
        let answer = if row % 27 == 3 { -99 } else { 1 + row as i32 % 5 };
        let ended =
            if row % 3 > 0 { "9999-12-31".to_owned() } else { format!("20{}-0{}-11", 10 + row % 13, 1 + row % 9) };
        let price = [19, 49, 199, 299, 499, 999][row % 6];
        format!("{temperature},{answer},{ended},{},{},{price}", row % 100, 1990 + row % 30)
    });
    let (profile, _) = csv(&text);
    let found = told(&profile, "missing_codes");
    let columns: Vec<_> = found.iter().filter_map(|(column, _)| *column).collect();
    assert_eq!(columns, ["temp_c", "answer", "ended"], "{found:?}");
    let parts = [
        (
            "Of its 2500 values 39 are -999,",
            r#"types={"temp_c":{"missing":["-999"]}}, or for all columns missing=-999."#,
        ),
        ("Of its 2500 values 93 are -99,", r#"types={"answer":{"missing":["-99"]}}"#),
        ("Of its 2500 values 1666 are 9999-12-31,", r#"types={"ended":{"missing":["9999-12-31"]}}"#),
    ];
    for ((_, message), (counted, advice)) in found.iter().zip(parts) {
        assert!(message.contains(counted) && message.contains(advice), "{message}");
    }
    // What it advises ends it.
    let named = asked(&json!({
        "temp_c": {"missing": ["-999"]}, "answer": {"missing": ["-99"]}, "ended": {"missing": ["9999-12-31"]}
    }));
    let (named, _) = read_asked(text.as_bytes(), Format::Csv, &named).unwrap();
    assert_eq!(told(&named, "missing_codes"), []);
    assert_eq!(named.columns[0].missing, 39);
}

#[test]
fn a_code_is_told_among_more_values_than_are_counted() {
    let number = |row: usize| if row % 5000 == 4 { "-9999".to_owned() } else { format!("{row}.5") };
    let (profile, _) = csv(&table("v,w", 200_000, |row| format!("{},{}", number(row), row % 7)));
    let found = told(&profile, "missing_codes");
    assert!(found.len() == 1 && found[0].1.contains(" 40 are -9999,"), "{found:?}");
}

#[test]
fn a_row_of_totals_at_the_end_is_told() {
    let rows = |last: &str| table("month;place;note;a;b", 20, |row| format!("m{row};here;;{row};7")) + last;
    let found = |text: &str| told(&csv(text).0, "total_row").iter().map(|(_, text)| (*text).to_owned()).collect();
    let totals: Vec<String> = found(&rows("Summe;;;190;\n"));
    assert!(totals.len() == 1 && totals[0].contains("of the 21 rows"), "{totals:?}");
    assert!(totals[0].contains(r#""Summe" in column "month""#), "{totals:?}");
    let none: Vec<String> = Vec::new();
    assert_eq!(found(&rows("Summe;all;;190;140\n")).len(), 1);
    // Rows behind it; most cells filled and the word not in the first column; no word for it; a word that others have; a short table.
    assert_eq!(found(&rows("Summe;;;190;\nm21;here;;1;7\n")), none);
    assert_eq!(found(&rows("m21;total;;190;140\n")), none);
    assert_eq!(found(&rows("m21;;;190;\n")), none);
    assert_eq!(found(&rows("total;;;1;\ntotal;;;190;\n")), none);
    assert_eq!(found("month;note;a\nm1;;1\nm2;;2\ntotal;;\n"), none);
}

#[test]
fn copies_are_told_unless_there_are_few_different_rows() {
    let copies = |text: &str| told(&csv(text).0, "duplicate_rows").len();
    // Each of 1500 rows twice, and 3000 rows of two columns of 4000 and 2 values, of which many are equal by chance.
    let twice = |row: usize| format!("{},{},{}", row % 1500 * 7919 % 3001, row % 1500 * 31 % 97, row % 1500 % 3);
    assert_eq!(copies(&table("a,b,y", 3000, twice)), 1);
    let drawn = |row: usize| (row as f64 * 12.9898).sin() * 43_758.55;
    let chance = |row: usize| format!("{:.3},{}", drawn(row).rem_euclid(4.0), drawn(row + 7000).rem_euclid(2.0) as u8);
    assert_eq!(copies(&table("x,y", 3000, chance)), 0);
    assert_eq!(copies(&table("a,b,c", 3000, |row| format!("{},{},{}", row % 5, row % 7, row % 3))), 0);
}

#[test]
fn years_of_two_digits_are_shown_by_one_that_may_be_wrong() {
    let message = |text: &str| {
        let (profile, _) = csv(text);
        let found = told(&profile, "two_digit_years");
        assert_eq!(found.len(), 1, "{:?}", profile.findings);
        found[0].1.to_owned()
    };
    let births = message("born,x\n02/23/89,1\n03/14/99,2\n11/30/45,3\n12/01/40,4\n");
    assert!(births.contains(r#""11/30/45" on line 4 as one of 2045. Years before 1969"#), "{births}");
    let late = message("born,x\n02/23/89,1\n03/14/99,2\n");
    assert!(late.contains(r#""02/23/89" on line 2 as one of 1989."#), "{late}");
}
