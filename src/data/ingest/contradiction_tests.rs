//! CSV files whose first piece says something else of a column than a later one.

use bytes::Bytes;
use serde_json::json;

use super::tests::{csv, kinds, memory, refused, rows};
use super::*;
use crate::data::asked::AskedColumns;
use crate::data::error::DataErrorKind;
use crate::data::stored::preview;

/// The same rows in two orders: what contradicts the first piece comes first in one, last in the other. Quotes with line
/// breaks and delimiters lie across every border of pieces.
#[test]
fn a_late_contradiction_gives_what_an_early_one_gives() {
    let filler = format!("{},{},\"x\n\"\",{}\",{}\n", 7, "true", "y\n".repeat(200), "01/02/2024").repeat(8000);
    for (late, kinds_of_all) in [
        ("word,true,a,01/02/2024\n", ["categorical", "boolean", "text", "datetime"]),
        ("9007199254740993,true,a,01/02/2024\n", ["categorical", "boolean", "text", "datetime"]),
        ("1,0,a,13/02/2024\n", ["numeric", "categorical", "text", "datetime"]),
        ("inf,NA,\"b\n\",5\n", ["numeric", "boolean", "text", "categorical"]),
    ] {
        let early = csv(&format!("n,b,w,d\n{late}{filler}"));
        let (mut late, stored) = csv(&format!("n,b,w,d\n{filler}{late}"));
        assert_eq!(kinds(&late), kinds_of_all);
        for (one, other) in late.columns.iter_mut().zip(&early.0.columns) {
            // Sums in another order differ in the last bits.
            (one.mean, one.std) = (other.mean, other.std);
        }
        assert_eq!((&late.columns, late.rows), (&early.0.columns, 8001));
        let last = preview(stored, &late, 8000, 1).unwrap();
        assert_eq!(json!(last), json!([rows(&early)[0]]));
    }
    let empty = format!("a,b\n{}", ",\"\n\"\n".repeat(600_000));
    let (profile, stored) = csv(&format!("{empty}x,1\n"));
    assert_eq!((kinds(&profile), profile.columns[0].missing), (vec!["categorical", "numeric"], 600_000));
    assert_eq!(json!(preview(stored, &profile, 600_000, 1).unwrap()), json!([{"a": "x", "b": 1}]));
}

/// What is wrong after a contradiction is still found, and a file that contradicts itself is counted once.
#[test]
fn what_follows_a_contradiction_is_read_with_the_same_care() {
    let filler = "1,2\n".repeat(1_200_000);
    let error = refused(format!("a,b\n{filler}x,2\n{filler}1\n").as_bytes(), Format::Csv, &[]);
    assert_eq!((error.kind, error.line), (DataErrorKind::Malformed, Some(2_400_003)));
    let mut told = Vec::new();
    let source = Bytes::from(format!("a,b\n{filler}x,2\n"));
    let mut progress = |rows| {
        told.push(rows);
        true
    };
    let limits = IngestLimits { max_rows: 1_200_001, ..IngestLimits::default() };
    let profile =
        ingest(source, Format::Csv, &AskedColumns::default(), &limits, &memory(), &mut Vec::new(), &mut progress)
            .unwrap();
    assert_eq!(profile.rows, 1_200_001);
    assert!(told.iter().all(|rows| *rows <= 1_200_001), "{told:?}");
}
