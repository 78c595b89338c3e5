//! Rows behind those of a stored table.

use bytes::Bytes;
use bytesize::ByteSize;

use super::earlier::{Earlier, Portion};
use super::tests::{csv, memory, rows};
use super::*;
use crate::data::error::{DataError, DataErrorKind};
use crate::data::profile::TableProfile;
use crate::data::stored::{StoredBlocks, read_columns};
use crate::memory::{Charge, Share};

type Stored = (TableProfile, Bytes);

fn appended(table: &Stored, text: &str, memory: &Charge) -> Result<Stored, DataError> {
    let ((profile, stored), mut out) = (table, Vec::new());
    let (source, limits) = (Bytes::copy_from_slice(text.as_bytes()), IngestLimits::default());
    let declared = (Format::Csv.into(), None);
    let table = (stored.clone(), profile);
    let profile = ingest_appended(table, source, declared, &limits, memory, &mut out, &mut |_| true)?;
    Ok((profile, out.into()))
}

/// The row groups of a stored table, and the portions that they are written again in.
fn portions((profile, stored): &Stored, most: usize) -> (usize, Vec<Portion>) {
    let blocks = StoredBlocks::open(stored.clone(), profile, &memory()).unwrap();
    (blocks.groups(), Earlier::new(blocks, profile).portions(most))
}

/// More rows than a row group has, of every type, with gaps.
fn many(rows: std::ops::Range<u64>) -> String {
    let row = |row: u64| {
        let (number, word) = (row * 7_654_321 % 899_999, ["red", "green", "", "blue"][row as usize % 4]);
        format!("{row},0.{number},{},{word},20{:02}-03-0{}\n", row.is_multiple_of(3), row % 30, 1 + row % 9)
    };
    "n,x,b,w,d\n".to_owned() + &rows.map(row).collect::<String>()
}

#[test]
fn rows_behind_a_table_are_as_those_of_one_file() {
    let (split, end) = (1_000_000, 1_000_400);
    let table = csv(&many(0..split));
    let (groups, _) = portions(&table, 0);
    assert!(groups > 1, "{groups} row groups");
    let whole = csv(&many(0..end));
    let mut grown = appended(&table, &many(split..end), &memory()).unwrap();
    for (grown, whole) in grown.0.columns.iter_mut().zip(&whole.0.columns) {
        // Moments are merged in other pieces, which changes their last digits.
        for (grown, whole) in [(&mut grown.mean, whole.mean), (&mut grown.std, whole.std)] {
            let is_near = |(grown, whole): (f64, f64)| (grown - whole).abs() <= 1e-9 * whole.abs();
            assert!(grown.zip(whole).is_none_or(is_near), "{grown:?} {whole:?}");
            *grown = whole;
        }
    }
    assert_eq!(grown.0, whole.0);
    let names = ["n", "x", "b", "w", "d"];
    let read = |(profile, stored): &Stored| read_columns(stored.clone(), profile, &names).unwrap();
    assert!(read(&grown) == read(&whole), "other values");
    // The last row group was small, and those that were appended are in it.
    assert_eq!(portions(&grown, 0).0, groups);
}

#[test]
fn columns_that_only_the_file_has_are_missing_in_the_table() {
    let table = csv("a,b\n1,x\n2,y\n");
    let grown = appended(&table, "new,b,a,word\n7,z,3,one\n", &memory()).unwrap();
    let expected = serde_json::json!([
        {"a": 1, "b": "x", "new": null, "word": null},
        {"a": 2, "b": "y", "new": null, "word": null},
        {"a": 3, "b": "z", "new": 7, "word": "one"},
    ]);
    assert_eq!(rows(&grown), expected);
    let again = appended(&grown, "a,b,new,word\n4,x,8,two\n", &memory()).unwrap();
    assert_eq!(
        (rows(&again)[3].clone(), again.0.rows),
        (serde_json::json!({"a": 4, "b": "x", "new": 8, "word": "two"}), 4)
    );
    let refused = appended(&table, "a,c\n1,2\n", &memory()).unwrap_err();
    assert!(refused.to_string().contains("no column \"b\""), "{refused}");
}

#[test]
fn small_row_groups_become_one_of_the_size_that_is_asked_for() {
    let mut table = csv("a,b\n1,x\n");
    for row in 2..40 {
        table = appended(&table, &format!("a,b\n{row},x\n"), &memory()).unwrap();
        assert_eq!(portions(&table, 0).0, 1, "{row}");
    }
    let table = csv(&many(0..1_000_000));
    let (groups, each) = portions(&table, 0);
    assert_eq!(each.len(), groups);
    let (_, all) = portions(&table, usize::MAX);
    assert_eq!(
        all.iter().map(|portion| (portion.groups.clone(), portion.rows)).collect::<Vec<_>>(),
        [(0..groups, 1_000_000)]
    );
}

/// A row takes what is known of each column, some 90 MiB here, and a block at a time: not the table, which takes as much again.
#[test]
fn a_row_for_a_wide_table_takes_no_memory_for_the_whole() {
    let (columns, rows) = (3000, 1500);
    let header = (0..columns).map(|at| format!("c{at}")).collect::<Vec<_>>().join(",");
    let row = |row: usize| (0..columns).map(|at| format!("word{}", row * 31 + at)).collect::<Vec<_>>().join(",") + "\n";
    let table = csv(&(0..rows).map(row).fold(header.clone() + "\n", |text, row| text + &row));
    let memory = Share::new("requests", ByteSize::mib(120)).charge(None);
    let try_with =
        |text: &str| appended(&table, text, &memory).map(|(profile, _)| profile.rows).map_err(|error| error.kind);
    assert_eq!(try_with(&(header.clone() + "\n" + &row(rows))), Ok(rows as u64 + 1));
    assert_eq!(memory.held(), 0);
    let memory = Share::new("requests", ByteSize::mib(2)).charge(None);
    let refused = appended(&table, &(header + "\n" + &row(rows)), &memory).unwrap_err();
    assert_eq!((refused.kind, memory.held()), (DataErrorKind::TooLarge, 0));
}
