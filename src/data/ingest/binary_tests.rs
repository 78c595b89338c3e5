//! Files of Parquet and Arrow, and broken files of every format.

use std::sync::Arc;

use arrow_array::types::Int8Type;
use arrow_array::*;
use arrow_ipc::writer::{DictionaryHandling, FileWriter, IpcWriteOptions, StreamWriter};
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use serde_json::json;

use super::tests::{codes, csv, memory, read, refused, rows};
use super::*;
use crate::data::arrow::ArrowRows;
use crate::data::column::ColumnType;
use crate::data::error::DataErrorKind;
use crate::data::fuzzing::bear_broken_files;

fn all_types() -> RecordBatch {
    let day = 86_400_i64;
    let words: DictionaryArray<Int8Type> = vec![Some("x"), None, Some("y")].into_iter().collect();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("i8", Arc::new(Int8Array::from(vec![Some(-1), None, Some(3)]))),
        ("u64", Arc::new(UInt64Array::from(vec![Some(1), None, Some(9)]))),
        ("big", Arc::new(Int64Array::from(vec![Some(i64::MIN), None, Some(3)]))),
        ("f32", Arc::new(Float32Array::from(vec![Some(0.5), Some(f32::NAN), Some(f32::INFINITY)]))),
        (
            "dec",
            Arc::new(Decimal128Array::from(vec![Some(150), None, Some(-25)]).with_precision_and_scale(9, 2).unwrap()),
        ),
        ("b", Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)]))),
        ("d32", Arc::new(Date32Array::from(vec![Some(1), None, Some(-1)]))),
        ("d64", Arc::new(Date64Array::from(vec![Some(day * 1000), None, Some(-day * 1000)]))),
        ("ts", Arc::new(TimestampSecondArray::from(vec![Some(day), None, Some(-day)]))),
        ("tn", Arc::new(TimestampNanosecondArray::from(vec![Some(1500), None, Some(-1)]).with_timezone("+02:00"))),
        ("s", Arc::new(StringArray::from(vec![Some("7"), None, Some("")]))),
        ("l", Arc::new(LargeStringArray::from(vec![Some("2024-05-01"), None, Some("2024/05/02")]))),
        ("v", Arc::new(StringViewArray::from(vec![Some("a string that is not short"), None, Some("b")]))),
        ("dict", Arc::new(words)),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true))).unwrap()
}

pub(super) fn as_parquet(batch: &RecordBatch) -> Vec<u8> {
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), None).unwrap();
    writer.write(batch).unwrap();
    writer.into_inner().unwrap()
}

pub(super) fn as_stream(batch: &RecordBatch) -> Vec<u8> {
    let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    writer.write(batch).unwrap();
    writer.into_inner().unwrap()
}

#[test]
fn a_few_bytes_do_not_stand_for_endless_rows() {
    // Twenty million rows of one value in a single run: some hundred bytes.
    let column: ArrayRef = Arc::new(Int8Array::from(vec![1; 20_000_000]));
    let batch = RecordBatch::try_from_iter([("c", column)]).unwrap();
    let properties =
        WriterProperties::builder().set_max_row_group_row_count(None).set_data_page_row_count_limit(usize::MAX).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    let bytes = writer.into_inner().unwrap();
    assert!(bytes.len() < 2_000, "{}", bytes.len());
    assert_eq!(read(&bytes, Format::Parquet, &[]).unwrap_err().kind, DataErrorKind::TooLarge);
    let few = read(&as_parquet(&batch.slice(0, 200_000)), Format::Parquet, &[]);
    assert_eq!(few.map(|(profile, _)| profile.rows), Ok(200_000));
}

#[test]
fn every_binary_type_is_read() {
    let batch = all_types();
    for (bytes, format) in [(as_parquet(&batch), Format::Parquet), (as_stream(&batch), Format::Arrow)] {
        let table = read(&bytes, format, &[]).unwrap();
        let (after, before) = ("1970-01-02T00:00:00Z", "1969-12-31T00:00:00Z");
        let expected = json!([
            {"i8": -1, "u64": 1, "big": "-9223372036854775808", "f32": 0.5, "dec": 1.5, "b": true, "d32": after,
             "d64": after, "ts": after, "tn": "1970-01-01T00:00:00.000001Z", "s": "7", "l": "2024-05-01T00:00:00Z",
             "v": "a string that is not short", "dict": "x"},
            {"i8": null, "u64": null, "big": null, "f32": null, "dec": null, "b": null, "d32": null, "d64": null,
             "ts": null, "tn": null, "s": null, "l": null, "v": null, "dict": null},
            {"i8": 3, "u64": 9, "big": "3", "f32": null, "dec": -0.25, "b": false, "d32": before, "d64": before,
             "ts": before, "tn": "1969-12-31T23:59:59.999999Z", "s": null, "l": "2024-05-02T00:00:00Z", "v": "b",
             "dict": "y"},
        ]);
        assert_eq!(rows(&table), expected);
        let wanted = [("large_integers", Some("big")), ("not_finite", Some("f32"))];
        assert!(wanted.iter().all(|finding| codes(&table.0).contains(finding)), "{:?}", table.0.findings);
    }
}

#[test]
fn binary_columns_obey_types_and_others_are_refused() {
    let batch = all_types();
    let types = [
        ("i8", ColumnType::Categorical),
        ("b", ColumnType::Text),
        ("s", ColumnType::Numeric),
        ("ts", ColumnType::Text),
    ];
    let table = read(&as_parquet(&batch), Format::Parquet, &types).unwrap();
    let first = &rows(&table)[0];
    assert_eq!((&first["i8"], &first["b"], &first["s"]), (&json!("-1"), &json!("true"), &json!(7)));
    assert_eq!(first["ts"], json!("1970-01-02T00:00:00Z"));
    let error = refused(&as_stream(&batch), Format::Arrow, &[("dict", ColumnType::Numeric)]);
    assert_eq!((error.kind, error.column.as_deref()), (DataErrorKind::Unfit, Some("dict")));
    assert!(error.detail.starts_with("row 1: \"x\" is not a number"), "{error}");
    let list: ArrayRef = Arc::new(BinaryArray::from_vec(vec![b"x"]));
    let batch = RecordBatch::try_from_iter([("raw", list)]).unwrap();
    for (bytes, format) in [(as_parquet(&batch), Format::Parquet), (as_stream(&batch), Format::Arrow)] {
        let error = refused(&bytes, format, &[]);
        assert_eq!((error.kind, error.column.as_deref()), (DataErrorKind::Unfit, Some("raw")));
    }
}

/// Three batches of words, each with a longer dictionary than the one before, in a stream or a file.
fn growing_words(handling: DictionaryHandling, as_file: bool) -> Vec<u8> {
    let words: Vec<String> = (0..3000).map(|word| format!("word {word}")).collect();
    let batches = [1000, 2000, 3000].map(|known| {
        let keys = Int32Array::from_iter((0..known).map(|row| (row % 7 != 2).then_some(row as i32)));
        let values = StringArray::from_iter_values(&words[..known]);
        let column: ArrayRef = Arc::new(DictionaryArray::try_new(keys, Arc::new(values)).unwrap());
        RecordBatch::try_from_iter_with_nullable([("w", column, true)]).unwrap()
    });
    let (schema, options) = (batches[0].schema(), IpcWriteOptions::default().with_dictionary_handling(handling));
    if as_file {
        let mut writer = FileWriter::try_new_with_options(Vec::new(), &schema, options).unwrap();
        batches.iter().for_each(|batch| writer.write(batch).unwrap());
        return writer.into_inner().unwrap();
    }
    let mut writer = StreamWriter::try_new_with_options(Vec::new(), &schema, options).unwrap();
    batches.iter().for_each(|batch| writer.write(batch).unwrap());
    writer.into_inner().unwrap()
}

#[test]
fn dictionaries_that_come_in_pieces_are_read_as_whole_ones() {
    let whole = growing_words(DictionaryHandling::Resend, false);
    let expected = rows(&read(&whole, Format::Arrow, &[]).unwrap());
    let word = |row: usize| &expected[row]["w"];
    assert_eq!((expected.as_array().map(Vec::len), word(999), word(2)), (Some(6000), &json!("word 999"), &json!(null)));
    assert_eq!((word(1000), word(2999), word(5999)), (&json!("word 0"), &json!("word 1999"), &json!("word 2999")));
    for as_file in [false, true] {
        let pieces = growing_words(DictionaryHandling::Delta, as_file);
        assert!(pieces.len() < whole.len() - 30_000, "{} and {} bytes", pieces.len(), whole.len());
        assert!(rows(&read(&pieces, Format::Arrow, &[]).unwrap()) == expected, "as a file: {as_file}");
        // The same for rows to predict for, with portions that end within batches.
        let mut portions = ArrowRows::new(Bytes::from(pieces), &memory()).unwrap();
        let mut cells = Vec::new();
        while let Some(batch) = portions.next_rows(700).unwrap() {
            cells.extend(portions.cells(&batch, 0).unwrap());
        }
        let found = cells.iter().map(|cell| cell.text().map_or(json!(null), |text| json!(&*text)));
        assert!(
            found.collect::<Vec<_>>()
                == expected.as_array().unwrap().iter().map(|row| row["w"].clone()).collect::<Vec<_>>()
        );
    }
}

/// Every cut, and a flipped byte at every place, of a small file of each format: an answer, never a panic.
#[test]
fn broken_files_are_answered() {
    bear_broken_files();
    let batch = all_types();
    for (bytes, format) in [
        (b"a,b\n1,\"x\"\"y\"\n2,\"\xc3\xa9\n\"\n".to_vec(), Format::Csv),
        (b"{\"a\":1,\"b\":\"\\u00e9\"}\n{\"a\":null}\n".to_vec(), Format::Ndjson),
        (b"[{\"a\":1,\"b\":\"\\u00e9\"},\n{\"a\":null}]".to_vec(), Format::Json),
        (as_parquet(&batch.project(&[0, 4, 10, 13]).unwrap()), Format::Parquet),
        (as_stream(&batch.project(&[0, 4, 10, 13]).unwrap()), Format::Arrow),
    ] {
        for cut in 0..bytes.len() {
            _ = read(&bytes[..cut], format, &[]);
            let mut flipped = bytes.clone();
            flipped[cut] ^= 1 << (cut % 8);
            _ = read(&flipped, format, &[]);
        }
    }
}

/// Makes the binary files of the fuzz corpus: `cargo test --lib makes_fuzz_seeds -- --ignored`.
#[test]
#[ignore = "writes files"]
fn makes_fuzz_seeds() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus");
    let write = |name: &str, bytes: Vec<u8>| std::fs::write(format!("{corpus}/{name}"), bytes).unwrap();
    let batch = all_types();
    for (name, columns) in [("numbers", &[0, 1, 3, 4][..]), ("times", &[6, 7, 8, 9]), ("words", &[10, 11, 12, 13])] {
        let part = batch.project(columns).unwrap();
        write(&format!("parquet/{name}.parquet"), as_parquet(&part));
        write(&format!("arrow_stream/{name}.arrows"), as_stream(&part));
    }
    write("parquet/stored.parquet", csv("a,b,c\n1,x,true\n2,y,false\n").1.to_vec());
}
