//! What files may claim, repeat and name: bounds that hold before memory is taken.

use std::sync::Arc;

use arrow_array::{ArrayRef, DictionaryArray, Float64Array, Int32Array, RecordBatch, StringArray};
use arrow_ipc::writer::StreamWriter;
use bytes::Bytes;
use bytesize::ByteSize;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding};
use parquet::file::properties::{WriterProperties, WriterVersion};

use super::tests::{read, refused};
use super::*;
use crate::data::csv::{CsvOptions, CsvRows};
use crate::data::error::{DataError, DataErrorKind};
use crate::data::profile::findings::MOSTLY_MISSING;
use crate::findings::FURTHER_FINDINGS;
use crate::memory::Share;

fn parquet(columns: Vec<(&str, ArrayRef)>, properties: WriterProperties) -> Vec<u8> {
    let columns = columns.into_iter().map(|(name, array)| (name, array, true));
    let batch = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

/// Words that begin alike, with gaps, and numbers.
fn columns() -> Vec<(&'static str, ArrayRef)> {
    let words = (0..3000).map(|row| (row % 7 != 3).then(|| format!("word number {}", row % 1200)));
    let numbers = (0..3000).map(|row| (row % 5 != 1).then(|| f64::from(row) / 8.0));
    vec![("w", Arc::new(words.collect::<StringArray>())), ("n", Arc::new(numbers.collect::<Float64Array>()))]
}

#[test]
fn every_encoding_and_packing_of_parquet_is_read() {
    let expected = read(&parquet(columns(), WriterProperties::new()), Format::Parquet, &[]).unwrap().0;
    let packings = [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(Default::default()),
        Compression::ZSTD(Default::default()),
        Compression::BROTLI(Default::default()),
        Compression::LZ4,
        Compression::LZ4_RAW,
    ];
    let encodings = [Encoding::PLAIN, Encoding::DELTA_LENGTH_BYTE_ARRAY, Encoding::DELTA_BYTE_ARRAY];
    for version in [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0] {
        for packing in packings {
            for encoding in encodings {
                let properties = WriterProperties::builder()
                    .set_writer_version(version)
                    .set_compression(packing)
                    .set_dictionary_enabled(false)
                    .set_data_page_row_count_limit(700)
                    .set_write_batch_size(100)
                    .set_column_encoding("w".into(), encoding);
                let file = parquet(columns(), properties.build());
                let (profile, _) = read(&file, Format::Parquet, &[]).unwrap();
                assert_eq!(profile, expected, "{version:?} {packing} {encoding}");
            }
        }
    }
}

#[test]
fn a_list_of_lengths_is_no_longer_than_its_page_has_values() {
    for encoding in [Encoding::DELTA_LENGTH_BYTE_ARRAY, Encoding::DELTA_BYTE_ARRAY] {
        let properties =
            WriterProperties::builder().set_dictionary_enabled(false).set_column_encoding("w".into(), encoding).build();
        let words: ArrayRef = Arc::new(StringArray::from(vec!["ab", "abc", "abcd"]));
        let file = parquet(vec![("w", words)], properties);
        assert_eq!(read(&file, Format::Parquet, &[]).unwrap().0.rows, 3);
        // The head of the list: blocks of 128 in 4 parts, and 3 values.
        let head = [0x80, 0x01, 0x04, 0x03];
        let at = file.windows(4).position(|bytes| *bytes == head).expect("the head of the list");
        let mut claims = file.clone();
        claims[at + 3] = 0x7f;
        let error = refused(&claims, Format::Parquet, &[]);
        assert!(error.kind == DataErrorKind::Malformed && error.detail.contains("more lengths"), "{error}");
    }
}

#[test]
fn what_pages_unpack_to_is_bounded_by_the_file() {
    let words: ArrayRef = Arc::new(StringArray::from(vec!["x".repeat(900_000); 100]));
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(Default::default()))
        .set_dictionary_enabled(false)
        .set_data_page_size_limit(1 << 30)
        .build();
    let error = refused(&parquet(vec![("w", words)], properties), Format::Parquet, &[]);
    assert_eq!(error.kind, DataErrorKind::TooLarge, "{error}");
    assert!(error.detail.contains("write it with smaller pages"), "{error}");
}

#[test]
fn memory_that_is_not_to_be_had_is_an_error_that_says_so() {
    let words: ArrayRef = Arc::new(StringArray::from(vec!["x".repeat(3000); 5000]));
    let file = parquet(vec![("w", words)], WriterProperties::new());
    let try_with = |memory| {
        let (source, mut out) = (Bytes::from(file.clone()), Vec::new());
        let asked = Default::default();
        let read = ingest(source, Format::Parquet, &asked, &IngestLimits::default(), memory, &mut out, &mut |_| true);
        read.map(|profile| profile.rows).map_err(|error: DataError| error.kind)
    };
    let memory = Share::new("requests", ByteSize::mib(2)).charge(None);
    assert_eq!((try_with(&memory), memory.held()), (Err(DataErrorKind::TooLarge), 0));
    let share = Share::new("requests", ByteSize::mib(160));
    let (memory, others) = (share.charge(None), share.charge(None));
    assert_eq!((try_with(&memory), memory.held()), (Ok(5000), 0));
    others.grow(159 << 20).unwrap();
    assert_eq!((try_with(&memory), memory.held()), (Err(DataErrorKind::Overloaded), 0));
}

#[test]
fn names_of_columns_are_bounded_in_every_format() {
    let (fits, long) = ("n".repeat(1000), "n".repeat(1001));
    let files = |name: &str| {
        let numbers: ArrayRef = Arc::new(Float64Array::from(vec![1.0, 2.0]));
        [
            (Format::Csv, format!("{name},b\n1,2\n").into_bytes()),
            (Format::Ndjson, format!("{{\"{name}\":1}}\n").into_bytes()),
            (Format::Json, format!("[{{\"{name}\":1}}]").into_bytes()),
            (Format::Parquet, parquet(vec![(name, numbers)], WriterProperties::new())),
        ]
    };
    for ((format, fits), (_, long)) in files(&fits).into_iter().zip(files(&long)) {
        assert!(read(&fits, format, &[]).is_ok(), "{format:?}");
        let error = refused(&long, format, &[]);
        assert!(error.kind == DataErrorKind::TooLarge && error.detail.len() < 300, "{format:?}: {error}");
    }
    let all: Vec<String> = (0..3000).map(|at| format!("{at:0>900}")).collect();
    let error = refused(format!("{}\n{}\n", all.join(","), vec!["1"; 3000].join(",")).as_bytes(), Format::Csv, &[]);
    assert!(error.detail.contains("the names of the columns have more than"), "{error}");
}

#[test]
fn names_of_a_header_are_bounded_while_they_are_read() {
    let row_of = |columns: usize| vec!["1"; columns].join(",");
    let both = |header: &str, columns: usize| {
        let text = format!("{header}\n{}\n", row_of(columns));
        let stored = read(text.as_bytes(), Format::Csv, &[]);
        let seen = CsvRows::new(text.as_bytes(), &CsvOptions::default()).map(|rows| rows.headers().to_vec());
        assert_eq!(stored.as_ref().err().map(ToString::to_string), seen.as_ref().err().map(ToString::to_string));
        seen
    };
    // Empty ones are made up, and no two of them are the same.
    let names = both(&",".repeat(16_383), 16_384).unwrap();
    assert_eq!((names.len(), &*names[0], &*names[16_383]), (16_384, "column_1", "column_16384"));
    assert_eq!(both("column_3,column_3_, ,x", 4).unwrap(), ["column_3", "column_3_", "column_3__", "x"]);
    let doubled: Vec<String> = (0..9000).map(|at| format!("{:0>200}", at % 8999)).collect();
    let (empty, many, long) = (",".repeat(2_000_000), doubled.join(","), "n".repeat(9 << 20));
    let together = vec!["n".repeat(900); 9000].join(",");
    for (header, kind, part) in [
        (&empty, DataErrorKind::TooLarge, "there are 2000001 columns"),
        (&many, DataErrorKind::Malformed, "two columns have this name"),
        (&long, DataErrorKind::TooLarge, "at most 1000 characters"),
        (&together, DataErrorKind::TooLarge, "the names of the columns have more than"),
        (&format!("a,\"{long}\""), DataErrorKind::TooLarge, "at most 1000 characters"),
    ] {
        let error = both(header, 1).unwrap_err();
        assert!(error.kind == kind && error.detail.contains(part) && error.detail.len() < 300, "{part}: {error}");
        assert_eq!(error.line, Some(1), "{error}");
    }
    // What is looked through for them is charged.
    let memory = Share::new("requests", ByteSize::mib(4)).charge(None);
    let (source, asked, limits) = (Bytes::from(format!("{long}\n1\n")), Default::default(), IngestLimits::default());
    let read = ingest(source, Format::Csv, &asked, &limits, &memory, &mut Vec::new(), &mut |_| true);
    assert_eq!((read.map_err(|error| error.kind).err(), memory.held()), (Some(DataErrorKind::TooLarge), 0));
}

#[test]
fn the_profile_of_many_columns_is_modest() {
    let columns = 2000;
    let names: Vec<String> = (0..columns).map(|at| format!("c{at}")).collect();
    let mut file = names.join(",") + "\n";
    for row in 0..12 {
        let cells: Vec<String> = (0..columns).map(|at| format!("{at}_{}_{}", row % 6, "x".repeat(240))).collect();
        file += &(cells.join(",") + "\n");
    }
    let (profile, _) = read(file.as_bytes(), Format::Csv, &[]).unwrap();
    assert!(profile.columns.iter().all(|column| (1..=6).contains(&column.top.len())));
    let bytes = serde_json::to_vec(&profile).unwrap().len();
    assert!(bytes < 2 << 20, "{bytes} bytes");
    // Few columns keep all that is frequent.
    let (profile, _) = read(b"a\n1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n", Format::Csv, &[]).unwrap();
    assert_eq!(profile.columns[0].top.len(), 10);
}

#[test]
fn so_many_findings_are_listed_and_the_others_counted() {
    let names: Vec<String> = (0..1500).map(|at| format!("c{at}")).collect();
    let file = format!("{}\n{}", names.join(","), format!("{}\n", ",".repeat(1499)).repeat(3));
    let (profile, _) = read(file.as_bytes(), Format::Csv, &[]).unwrap();
    let of = |code: &str| profile.findings.iter().filter(|finding| finding.code == code).count();
    assert_eq!((of(MOSTLY_MISSING), of(FURTHER_FINDINGS)), (1000, 1));
    assert!(profile.findings.iter().any(|finding| finding.message.starts_with("500 further findings")));
}

/// More cells than a piece may become: quotes and line breaks lie across the borders of the pieces.
#[test]
fn a_wide_file_is_read_whole_in_small_pieces() {
    let (columns, rows) = (1200, 3600);
    let names: Vec<String> = (0..columns).map(|at| format!("c{at}")).collect();
    let line = format!("\"a\n,\"\"b\",{}7\n", ",".repeat(columns - 2));
    let (profile, _) = read((names.join(",") + "\n" + &line.repeat(rows)).as_bytes(), Format::Csv, &[]).unwrap();
    assert_eq!((profile.rows, profile.columns[0].distinct), (rows as u64, 1));
    assert_eq!(profile.columns[0].top[0].value, "a\n,\"b");
    assert_eq!((profile.columns[1].missing, profile.columns[columns - 1].mean), (rows as u64, Some(7.0)));
}

#[test]
fn a_word_that_many_rows_share_counts_for_each_of_them() {
    let file = |rows: i32| {
        let word: ArrayRef = Arc::new(StringArray::from(vec!["x".repeat(1 << 20)]));
        let keys = Int32Array::from_iter_values((0..rows).map(|_| 0));
        let words: ArrayRef = Arc::new(DictionaryArray::try_new(keys, word).unwrap());
        let batch = RecordBatch::try_from_iter([("w", words)]).unwrap();
        let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema()).unwrap();
        writer.write(&batch).unwrap();
        writer.into_inner().unwrap()
    };
    assert!(read(&file(20), Format::Arrow, &[]).is_ok());
    let error = refused(&file(17_000), Format::Arrow, &[]);
    assert!(error.kind == DataErrorKind::TooLarge && error.detail.contains("repeats the same few words"), "{error}");
}
