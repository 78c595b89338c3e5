//! Files of Parquet and Arrow as other writers make them: packings, types and sizes that this service writes none of.

use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::*;
use arrow_buffer::i256;
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};
use arrow_schema::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::data_type::{Int96, Int96Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use serde_json::json;

use super::tests::{codes, kinds, read, refused, rows};
use super::*;
use crate::data::arrow::{ArrowRows, UNUSABLE_COLUMN};
use crate::data::column::{ColumnType, Values};
use crate::data::encoder::EncodeError;
use crate::data::error::DataErrorKind;
use crate::data::profile::findings::MOSTLY_MISSING;
use crate::data::values::Reading;

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true))).unwrap()
}

fn parquet(batch: &RecordBatch, properties: Option<WriterProperties>) -> Vec<u8> {
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), properties).unwrap();
    writer.write(batch).unwrap();
    writer.into_inner().unwrap()
}

fn stream(batch: &RecordBatch, packing: Option<CompressionType>) -> Vec<u8> {
    let options = IpcWriteOptions::default().try_with_compression(packing).unwrap();
    let mut writer = StreamWriter::try_new_with_options(Vec::new(), &batch.schema(), options).unwrap();
    writer.write(batch).unwrap();
    writer.into_inner().unwrap()
}

fn file(batch: &RecordBatch, packing: Option<CompressionType>) -> Vec<u8> {
    let options = IpcWriteOptions::default().try_with_compression(packing).unwrap();
    let mut writer = FileWriter::try_new_with_options(Vec::new(), &batch.schema(), options).unwrap();
    writer.write(batch).unwrap();
    writer.write(batch).unwrap();
    writer.into_inner().unwrap()
}

/// A column of times of 96 bits, each a Julian day.
fn int96(days: &[u32]) -> Vec<u8> {
    let schema = Arc::new(parse_message_type("message m { required int96 since; }").unwrap());
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, Default::default()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    let times: Vec<Int96> = days.iter().map(|day| Int96::from(vec![0, 0, *day])).collect();
    column.typed::<Int96Type>().write_batch(&times, None, None).unwrap();
    column.close().unwrap();
    group.close().unwrap();
    writer.into_inner().unwrap()
}

fn small() -> RecordBatch {
    let words: DictionaryArray<Int32Type> = (0..600).map(|row| Some(if row % 3 == 0 { "x" } else { "y" })).collect();
    batch(vec![
        ("n", Arc::new(Float64Array::from_iter((0..600).map(|row| (row % 7 != 0).then_some(f64::from(row % 50)))))),
        ("w", Arc::new(words)),
        ("s", Arc::new(StringArray::from_iter((0..600).map(|row| Some(format!("word {}", row % 40)))))),
    ])
}

#[test]
fn arrow_files_and_packed_buffers_say_what_a_plain_stream_says() {
    let expected = read(&stream(&small(), None), Format::Arrow, &[]).unwrap();
    let twice = [rows(&expected).as_array().unwrap().clone(), rows(&expected).as_array().unwrap().clone()].concat();
    for packing in [None, Some(CompressionType::LZ4_FRAME), Some(CompressionType::ZSTD)] {
        assert_eq!(
            rows(&read(&stream(&small(), packing), Format::Arrow, &[]).unwrap()),
            rows(&expected),
            "{packing:?}"
        );
        let file = file(&small(), packing);
        assert_eq!(rows(&read(&file, Format::Arrow, &[]).unwrap()), json!(twice), "{packing:?}");
        let error = refused(&file[..file.len() - 1], Format::Arrow, &[]);
        assert!(error.kind == DataErrorKind::Malformed && error.detail.ends_with("it breaks off before its end"));
    }
    let error = refused(b"FEA1\0\0\0\0of long ago", Format::Arrow, &[]);
    assert!(error.detail.contains("Feather's version 1"), "{error}");
}

#[test]
fn what_a_packed_buffer_claims_is_not_believed() {
    let column: ArrayRef = Arc::new(Float64Array::from(vec![1.0; 1000]));
    for packing in [CompressionType::LZ4_FRAME, CompressionType::ZSTD] {
        let mut bytes = stream(&batch(vec![("n", Arc::clone(&column))]), Some(packing));
        let claim = 8000_i64.to_le_bytes();
        let at = bytes.windows(8).rposition(|window| window == claim).expect("the length of what is packed");
        bytes[at..at + 8].copy_from_slice(&(1_i64 << 45).to_le_bytes());
        assert_eq!(refused(&bytes, Format::Arrow, &[]).kind, DataErrorKind::TooLarge, "{packing:?}");
    }
}

#[test]
fn rows_without_bytes_are_not_without_bounds() {
    let nothing = batch(vec![("nothing", Arc::new(NullArray::new(1 << 40)))]);
    assert_eq!(refused(&stream(&nothing, None), Format::Arrow, &[]).kind, DataErrorKind::TooLarge);
}

#[test]
fn pages_packed_by_brotli_are_read_and_held_to_their_headers() {
    let packed = WriterProperties::builder().set_compression(Compression::BROTLI(Default::default())).build();
    let (plain, packed) = (parquet(&small(), None), parquet(&small(), Some(packed)));
    let [plain, packed] = [plain, packed].map(|file| read(&file, Format::Parquet, &[]).unwrap());
    assert_eq!(rows(&plain), rows(&packed));
}

#[test]
fn a_column_without_values_is_missing_in_all_rows() {
    let numbers: ArrayRef = Arc::new(Int32Array::from((0..30).collect::<Vec<_>>()));
    let batch = batch(vec![("n", numbers), ("note", Arc::new(NullArray::new(30)))]);
    for (bytes, format) in [(parquet(&batch, None), Format::Parquet), (stream(&batch, None), Format::Arrow)] {
        let (profile, _) = read(&bytes, format, &[]).unwrap();
        assert_eq!((kinds(&profile), profile.columns[1].missing), (vec!["numeric", "numeric"], 30));
        assert!(codes(&profile).contains(&(MOSTLY_MISSING, Some("note"))));
    }
}

/// Columns of every type that no table can have, around one that it can.
fn unusable() -> RecordBatch {
    let list = ListArray::from_iter_primitive::<Int32Type, _, _>(vec![Some(vec![Some(1)]), None, Some(vec![])]);
    let inner: ArrayRef = Arc::new(StringArray::from(vec!["a", "b", "c"]));
    let object = StructArray::from(vec![(Arc::new(Field::new("inner", DataType::Utf8, true)), inner)]);
    batch(vec![
        ("raw", Arc::new(BinaryArray::from_vec(vec![b"x", b"y", b"z"]))),
        ("clock", Arc::new(Time64MicrosecondArray::from(vec![1, 2, 3]))),
        ("n", Arc::new(Float64Array::from(vec![1.5, 2.5, 3.5]))),
        ("list", Arc::new(list)),
        ("object", Arc::new(object)),
        ("w", Arc::new(StringArray::from(vec!["p", "q", "p"]))),
    ])
}

#[test]
fn columns_that_no_table_can_have_are_left_out() {
    let mut files = vec![(parquet(&unusable(), None), Format::Parquet), (file(&unusable(), None), Format::Arrow)];
    let lasted = batch(vec![
        ("took", Arc::new(DurationSecondArray::from(vec![1, 2, 3])) as ArrayRef),
        ("n", Arc::new(Float64Array::from(vec![1.5, 2.5, 3.5]))),
        ("w", Arc::new(StringArray::from(vec!["p", "q", "p"]))),
    ]);
    files.push((stream(&lasted, Some(CompressionType::ZSTD)), Format::Arrow));
    for (bytes, format) in files {
        let table = read(&bytes, format, &[]).unwrap();
        assert_eq!(rows(&table)[1], json!({"n": 2.5, "w": "q"}));
        let found: Vec<_> = codes(&table.0).into_iter().filter(|(code, _)| *code == UNUSABLE_COLUMN).collect();
        assert!(
            matches!(
                found[..],
                [(_, Some("raw")), (_, Some("clock")), (_, Some("list")), (_, Some("object"))] | [(_, Some("took"))]
            ),
            "{found:?}"
        );
        let message = &table.0.findings[0].message;
        assert!(message.contains("Binary") || message.contains("Duration"), "{message}");
    }
    let none = unusable().project(&[3, 0]).unwrap();
    for (bytes, format) in [(parquet(&none, None), Format::Parquet), (stream(&none, None), Format::Arrow)] {
        let error = refused(&bytes, format, &[]);
        assert_eq!((error.kind, error.column.as_deref()), (DataErrorKind::Unfit, Some("list")), "{error}");
    }
}

#[test]
fn rows_to_predict_for_name_every_column_that_they_have() {
    let memory = super::tests::memory();
    let mut asked = ArrowRows::new(bytes::Bytes::from(stream(&unusable(), None)), &memory).unwrap();
    assert_eq!(asked.headers(), ["raw", "clock", "n", "list", "object", "w"]);
    let some = asked.next_rows(10).unwrap().expect("rows");
    asked
        .columns(&some, |columns| {
            let numbers = columns
                .column(2, "n", ColumnType::Numeric, Reading::default(), &mut EncodeError::refuse)
                .unwrap()
                .values;
            assert!(matches!(numbers, Values::Numeric(numbers) if numbers == [1.5, 2.5, 3.5]));
            let words =
                columns.column(5, "w", ColumnType::Categorical, Reading::default(), &mut EncodeError::refuse).unwrap();
            assert_eq!(words.values.text(1).as_deref(), Some("q"));
            let error = columns
                .column(1, "clock", ColumnType::Numeric, Reading::default(), &mut EncodeError::refuse)
                .unwrap_err();
            assert!(error.to_string().contains("Time64"), "{error}");
        })
        .unwrap();
}

#[test]
fn times_of_96_bits_are_read_as_they_are_or_refused() {
    let table = read(&int96(&[2_440_588, 5_373_484, 1_721_060]), Format::Parquet, &[]).unwrap();
    let read: Vec<_> = rows(&table).as_array().unwrap().iter().map(|row| row["since"].clone()).collect();
    assert_eq!(json!(read), json!(["1970-01-01T00:00:00Z", "9999-12-31T00:00:00Z", "0000-01-01T00:00:00Z"]));
    for day in [5_373_485, 0, 213_000_000, u32::MAX / 2] {
        let error = refused(&int96(&[2_440_588, day]), Format::Parquet, &[]);
        assert_eq!((error.kind, error.column.as_deref()), (DataErrorKind::Unfit, Some("since")), "{day}: {error}");
    }
}

#[test]
fn integers_written_as_decimals_keep_all_of_their_digits() {
    let ids = [9_007_199_254_740_993_i128, 9_007_199_254_740_992, 99_999_999_999_999_999_999_999_999_999_999_999_999];
    let of_128 = Decimal128Array::from(ids.to_vec()).with_precision_and_scale(38, 0).unwrap();
    let of_256 = Decimal256Array::from(ids.map(|id| i256::from_i128(id) * i256::from_i128(1000)).to_vec());
    let hundreds = Decimal128Array::from(vec![1, -2, 90_071_992_547_410]).with_precision_and_scale(20, -2).unwrap();
    let batch = batch(vec![
        ("id", Arc::new(of_128)),
        ("long", Arc::new(of_256.with_precision_and_scale(76, 0).unwrap())),
        ("hundreds", Arc::new(hundreds)),
        ("few", Arc::new(Decimal128Array::from(vec![1, 2, 3]).with_precision_and_scale(38, 0).unwrap())),
        ("price", Arc::new(Decimal128Array::from(ids.to_vec()).with_precision_and_scale(38, 2).unwrap())),
    ]);
    let table = read(&stream(&batch, None), Format::Arrow, &[]).unwrap();
    assert_eq!(kinds(&table.0), ["categorical", "categorical", "categorical", "numeric", "numeric"]);
    assert_eq!(rows(&table)[0]["id"], json!("9007199254740993"));
    assert_eq!(rows(&table)[2]["id"], json!("99999999999999999999999999999999999999"));
    assert_eq!(rows(&table)[0]["long"], json!("9007199254740993000"));
    assert_eq!(rows(&table)[1]["hundreds"], json!("-200"));
    let large: Vec<_> = codes(&table.0).into_iter().filter(|(code, _)| *code == "large_integers").collect();
    assert_eq!(large, ["id", "long", "hundreds"].map(|name| ("large_integers", Some(name))));
    let numbers = read(&stream(&batch, None), Format::Arrow, &[("long", ColumnType::Numeric)]).unwrap();
    assert_eq!(rows(&numbers)[0]["long"].as_f64(), Some(9_007_199_254_740_993_000_f64));
}

#[test]
fn encodings_marked_as_integers_of_another_width_are_read() {
    let batch = batch(vec![("n", Arc::new(Int32Array::from(vec![1, 2, 3])) as ArrayRef)]);
    let mut bytes = parquet(&batch, None);
    // A column's metadata: its type, an integer of 32 bits, and behind it the list of its encodings.
    let lists: Vec<usize> = (4..bytes.len() - 4)
        .filter(|at| bytes[at - 3] == 0x15 && bytes[at - 1] == 0x19 && bytes[*at] & 0x0f == 5)
        .collect();
    assert!(!lists.is_empty());
    lists.iter().for_each(|at| bytes[*at] = (bytes[*at] & 0xf0) | 4);
    assert_eq!(rows(&read(&bytes, Format::Parquet, &[]).unwrap()), json!([{"n": 1}, {"n": 2}, {"n": 3}]));
    let end = bytes.len() - 4;
    bytes[end..].copy_from_slice(b"PARE");
    assert!(refused(&bytes, Format::Parquet, &[]).detail.contains("encrypted"));
}

#[test]
fn a_schema_without_columns_is_no_table() {
    let schema = Schema::empty();
    let mut writer = StreamWriter::try_new(Vec::new(), &schema).unwrap();
    writer.finish().unwrap();
    assert_eq!(refused(&writer.into_inner().unwrap(), Format::Arrow, &[]).kind, DataErrorKind::Malformed);
}

/// Makes files of the fuzz corpus: `cargo test --lib makes_fuzz_files_of_others -- --ignored`.
#[test]
#[ignore = "writes files"]
fn makes_fuzz_files_of_others() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus");
    let write = |name: &str, bytes: Vec<u8>| std::fs::write(format!("{corpus}/{name}"), bytes).unwrap();
    let few = small().slice(0, 20);
    for (name, packing) in [("lz4", CompressionType::LZ4_FRAME), ("zstd", CompressionType::ZSTD)] {
        write(&format!("arrow_stream/{name}.arrow"), file(&few, Some(packing)));
        write(&format!("arrow_rows/{name}.arrows"), stream(&few, Some(packing)));
    }
    write("arrow_stream/unusable.arrows", stream(&unusable(), None));
    write("arrow_rows/unusable.arrows", stream(&unusable(), None));
    write("parquet/unusable.parquet", parquet(&unusable(), None));
    write("parquet/int96.parquet", int96(&[2_440_588, 5_373_484]));
    let packed = WriterProperties::builder().set_compression(Compression::BROTLI(Default::default())).build();
    write("parquet/brotli.parquet", parquet(&few, Some(packed)));
}
