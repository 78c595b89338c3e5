//! Files of text, whole and broken, to profiles and back.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::*;
use crate::data::asked::AskedColumns;
use crate::data::column::{ColumnType, Values};
use crate::data::error::{DataError, DataErrorKind};
use crate::data::profile::findings::*;
use crate::data::profile::{Bound, IDENTIFIER_COLUMN, TableProfile};
use crate::data::stored::{METADATA, METADATA_KEY, for_each_batch, preview, read_columns};
use crate::data::values::DateOrder;
use crate::memory::{Charge, Share};

/// Memory for a file of any test.
pub(super) fn memory() -> Charge {
    Share::new("requests", bytesize::ByteSize::gib(1)).charge(None)
}

pub(super) fn read(
    bytes: &[u8],
    declared: impl Into<Declared>,
    types: &[(&str, ColumnType)],
) -> Result<(TableProfile, Bytes), DataError> {
    let kinds = types.iter().map(|(name, kind)| (*name, json!(kind.word())));
    read_asked(
        bytes,
        declared,
        &asked(&kinds.map(|(name, kind)| (name.to_owned(), kind)).collect::<Map<_, _>>().into()),
    )
}

/// What a `types` parameter asks for.
pub(super) fn asked(types: &Value) -> AskedColumns {
    let columns = serde_json::from_value(types.clone()).expect("types of columns");
    AskedColumns { columns, ..AskedColumns::default() }
}

pub(super) fn read_asked(
    bytes: &[u8],
    declared: impl Into<Declared>,
    asked: &AskedColumns,
) -> Result<(TableProfile, Bytes), DataError> {
    let mut out = Vec::new();
    let source = Bytes::copy_from_slice(bytes);
    let profile = ingest(source, declared, asked, &IngestLimits::default(), &memory(), &mut out, &mut |_| true)?;
    Ok((profile, out.into()))
}

pub(super) fn csv(text: &str) -> (TableProfile, Bytes) {
    read(text.as_bytes(), Format::Csv, &[]).unwrap()
}

pub(super) fn refused(bytes: &[u8], declared: impl Into<Declared>, types: &[(&str, ColumnType)]) -> DataError {
    read(bytes, declared, types).unwrap_err()
}

pub(super) fn rows((profile, stored): &(TableProfile, Bytes)) -> serde_json::Value {
    let objects = preview(stored.clone(), profile, 0, usize::MAX).unwrap();
    objects.into_iter().map(serde_json::Value::Object).collect()
}

pub(super) fn kinds(profile: &TableProfile) -> Vec<&str> {
    profile.columns.iter().map(|column| column.kind.word()).collect()
}

pub(super) fn codes(profile: &TableProfile) -> Vec<(&str, Option<&str>)> {
    profile.findings.iter().map(|finding| (finding.code.as_str(), finding.column.as_deref())).collect()
}

#[test]
fn every_type_is_found_and_read_back() {
    let table = csv("n,b,d,w,m\n1,true,2024-05-01,x,\n-0.5,FALSE,2024-05-01 10:20:30.5,\"y, z\",\nNA,,NULL,NA,\n");
    assert_eq!(kinds(&table.0), ["numeric", "boolean", "datetime", "categorical", "numeric"]);
    let expected = json!([
        {"n": 1, "b": true, "d": "2024-05-01T00:00:00Z", "w": "x", "m": null},
        {"n": -0.5, "b": false, "d": "2024-05-01T10:20:30.500Z", "w": "y, z", "m": null},
        {"n": null, "b": null, "d": null, "w": "NA", "m": null},
    ]);
    assert_eq!(rows(&table), expected);
    let missing: Vec<u64> = table.0.columns.iter().map(|column| column.missing).collect();
    assert_eq!(missing, [1, 1, 1, 0, 3]);
    assert_eq!(table.0.columns[2].max, Some(Bound::Time("2024-05-01T10:20:30.500Z".to_owned())));
    assert_eq!(table.0.columns[1].mean, Some(0.5));
}

/// More rows than a piece has, so that the last piece must change what the first has shown.
#[test]
fn the_last_of_many_rows_decides() {
    let mut text = "a,b\n".to_owned();
    (0..400_000).for_each(|row| text.push_str(&format!("{row},{}\n", row % 7)));
    let (profile, stored) = csv(&format!("{text}x,7\n"));
    assert_eq!(kinds(&profile), ["text", "numeric"]);
    let table = read_columns(stored.clone(), &profile, &["b", "a"]).unwrap();
    let (Values::Numeric(b), Values::Words(a)) = (&table.columns[0].values, &table.columns[1].values) else {
        panic!("{:?}", kinds(&profile))
    };
    assert!((0..400_000).all(|row| b[row] == (row % 7) as f64 && a.of_row(row) == Some(&row.to_string())));
    assert_eq!((b[400_000], a.of_row(400_000), table.rows), (7.0, Some("x"), 400_001));
    let page = preview(stored.clone(), &profile, 399_999, 5).unwrap();
    assert_eq!(json!(page), json!([{"a": "399999", "b": 399_999 % 7}, {"a": "x", "b": 7}]));
    let mut seen = 0;
    for_each_batch(stored, &profile, &["b"], 8192, |batch| {
        seen += batch.rows;
        seen < 20_000
    })
    .unwrap();
    assert!((20_000..30_000).contains(&seen));
    let error = refused(format!("{text}x,7\n").as_bytes(), Format::Csv, &[("a", ColumnType::Numeric)]);
    assert_eq!((error.kind, error.line, error.column.as_deref()), (DataErrorKind::Unfit, Some(400_002), Some("a")));
}

#[test]
fn a_type_that_is_asked_for_is_obeyed() {
    let types = [("a", ColumnType::Categorical), ("b", ColumnType::Text)];
    let table = read(b"a,b\n1,1\n01,2\n1.50,3\n", Format::Csv, &types).unwrap();
    assert_eq!(kinds(&table.0), ["categorical", "text"]);
    assert_eq!(rows(&table), json!([{"a": "1", "b": "1"}, {"a": "01", "b": "2"}, {"a": "1.50", "b": "3"}]));
    let error = refused(b"a\n1\n", Format::Csv, &[("z", ColumnType::Text)]);
    assert_eq!((error.kind, error.column.as_deref()), (DataErrorKind::Unfit, Some("z")));
    for (kind, text) in
        [(ColumnType::Numeric, "1"), (ColumnType::Boolean, "true"), (ColumnType::Datetime, "2024-01-01")]
    {
        let error = refused(format!("q,a\n,{text}\n\"\n\",x\n").as_bytes(), Format::Csv, &[("a", kind)]);
        assert_eq!((error.kind, error.line, error.column.as_deref()), (DataErrorKind::Unfit, Some(4), Some("a")));
        assert!(error.detail.contains("\"x\" is not") && error.detail.contains(kind.word()), "{error}");
    }
}

#[test]
fn dates_with_the_day_first_say_so() {
    let (profile, _) = csv("a,b,c\n01/02/2024,01/02/2024,1.2.2024\n13/02/2024,02/03/2024,3.4.2024\n");
    let orders: Vec<_> = profile.columns.iter().map(|column| column.date_order).collect();
    assert_eq!(orders, [Some(DateOrder::DayFirst), Some(DateOrder::MonthFirst), Some(DateOrder::DayFirst)]);
    assert_eq!(profile.columns[0].min, Some(Bound::Time("2024-02-01T00:00:00Z".to_owned())));
    assert_eq!(codes(&profile), [("ambiguous_dates", Some("b")), ("ambiguous_dates", Some("c"))]);
}

#[test]
fn broken_csv_is_refused_with_its_place() {
    use DataErrorKind::{Malformed, TooLarge};
    let long = format!("a,b\n1,{}\n", "x".repeat((1 << 20) + 1));
    let open = format!("a\n1\n\"{}", "x\n".repeat(4 << 20));
    for (text, kind, line, column, part) in [
        (
            &b"a,b,c,d\n1,2,3,4\n\n\"\n\",2,3,4\n1,2,3,4,5\n"[..],
            Malformed,
            6,
            None,
            "line 6: the row has 5 fields; the header has 4",
        ),
        (b"a,b\n1\n", Malformed, 2, None, "line 2: the row has 1 field; the header has 2"),
        (b"a,b\n1,\"2\n", Malformed, 2, None, "never closed"),
        (b"a,\"b\n1,2\n", Malformed, 1, None, "never closed"),
        (b"a,b,a\n1,2,3\n", Malformed, 1, Some("a"), "two columns"),
        (b"\n\na,a\n1,2\n", Malformed, 3, Some("a"), "two columns"),
        (b"", Malformed, 1, None, "empty"),
        (b"\xef\xbb\xbf", Malformed, 1, None, "empty"),
        (b"\xef\xbb\xbfa\n1\n\xff\n", Malformed, 3, None, "UTF-8"),
        (b"\xef\xbb\xbfa\xff\n1\n", Malformed, 1, None, "UTF-8"),
        (long.as_bytes(), TooLarge, 2, Some("b"), "1048577 bytes"),
        (open.as_bytes(), TooLarge, 3, None, "not closed within"),
    ] {
        let error = refused(text, Format::Csv, &[]);
        let head = String::from_utf8_lossy(&text[..text.len().min(40)]).into_owned();
        assert_eq!((error.kind, error.line, error.column.as_deref()), (kind, Some(line), column), "{head}: {error}");
        assert!(error.to_string().contains(part), "{error}");
        assert_eq!(error.to_string().matches(&format!("line {line}")).count(), 1, "the line is named once: {error}");
    }
    let error = refused(b"a,b\n", Format::Csv, &[]);
    assert_eq!((error.kind, error.detail.as_str()), (Malformed, "there are no rows"));
}

#[test]
fn headers_are_trimmed_and_made_up() {
    let (profile, _) = csv("\u{feff} a ;;column_2;\" b\"\r\n1;2;3;4\r\n");
    let names: Vec<&str> = profile.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["a", "column_2_", "column_2", "b"]);
}

#[test]
fn limits_hold() {
    let limits = IngestLimits { max_columns: 2, max_rows: 2, max_cell_bytes: 8 };
    let run = |text: &str, format| {
        let mut out = Vec::new();
        let source = Bytes::copy_from_slice(text.as_bytes());
        ingest(source, format, &AskedColumns::default(), &limits, &memory(), &mut out, &mut |_| true)
            .map_err(|error| error.kind)
    };
    assert!(run("a,b\n1,2\n1,2\n", Format::Csv).is_ok());
    for (text, format) in [
        ("a,b,c\n1,2,3\n", Format::Csv),
        ("a,b\n1,2\n1,2\n1,2\n", Format::Csv),
        ("a,b\n1,123456789\n", Format::Csv),
        ("{\"a\":1}\n{\"b\":1,\"c\":1}\n", Format::Ndjson),
        ("[{\"a\":1},{\"a\":1},{\"a\":1}]", Format::Json),
        ("[{\"a\":\"123456789\"}]", Format::Json),
    ] {
        assert_eq!(run(text, format), Err(DataErrorKind::TooLarge), "{text}");
    }
}

#[test]
fn a_reading_can_be_stopped() {
    let mut told = Vec::new();
    let mut progress = |rows| {
        told.push(rows);
        false
    };
    let source = Bytes::from_static(b"a\n1\n2\n3\n4\n");
    let result = ingest(
        source,
        Format::Csv,
        &AskedColumns::default(),
        &IngestLimits::default(),
        &memory(),
        &mut Vec::new(),
        &mut progress,
    );
    assert!(result.is_err_and(|error| error.kind == DataErrorKind::Stopped) || told.is_empty());
}

#[test]
fn json_rows_become_columns() {
    let lines = "\u{feff}{\"a\":1,\"s\":\"7\",\"d\":\"2024-05-01\",\"x\":1.50}\r\n\n{\"s\":\"é\\n\",\"new\":true,\"x\":\"t\",\"d\":null}\n{}";
    let array = format!(
        " [{}]\n",
        lines.trim_start_matches('\u{feff}').trim().replace("}\r\n\n{", "}\n , {").replace("}\n{}", "},{}")
    );
    for (text, format) in [(lines.to_owned(), Format::Ndjson), (array, Format::Json)] {
        let table = read(text.as_bytes(), format, &[]).unwrap();
        assert_eq!(kinds(&table.0), ["numeric", "categorical", "datetime", "categorical", "boolean"]);
        let expected = json!([
            {"a": 1, "s": "7", "d": "2024-05-01T00:00:00Z", "x": "1.5", "new": null},
            {"a": null, "s": "é\n", "d": null, "x": "t", "new": true},
            {"a": null, "s": null, "d": null, "x": null, "new": null},
        ]);
        assert_eq!(rows(&table), expected);
    }
}

#[test]
fn broken_json_is_refused_with_its_place() {
    for (text, format, line, column, part) in [
        ("{\"a\":1}\n{\"a\":[1]}\n", Format::Ndjson, 2, Some("a"), "object or a list"),
        ("{\"a\":1}\n\n{\"a\":1,\"a\":2}\n", Format::Ndjson, 3, Some("a"), "twice"),
        ("{\"a\":1}\n{\"a\":}\n", Format::Ndjson, 2, None, "not a JSON object"),
        ("{\"a\":1}\n[1]\n", Format::Ndjson, 2, None, "not a JSON object"),
        ("{\"a\":1} {\"a\":2}\n", Format::Ndjson, 1, None, "not a JSON object"),
        ("{\"a\":\"\\ud800\"}", Format::Ndjson, 1, None, "escape"),
        ("[{\"a\":1},\n{\"b\":\n{}}]", Format::Json, 3, Some("b"), "object or a list"),
        ("[{\"a\":1}\n{\"a\":1}]", Format::Json, 2, None, "comma"),
        ("[{\"a\":1},\n3]", Format::Json, 2, None, "not an object"),
        ("[{\"a\":1}", Format::Json, 1, None, "array is not closed"),
        ("[\n{\"a\":1", Format::Json, 2, None, "not closed"),
        ("[{\"a\":1}]\nx", Format::Json, 2, None, "after the array's end"),
        ("\n{\"a\":1}", Format::Json, 2, None, "not an array"),
    ] {
        let error = refused(text.as_bytes(), format, &[]);
        assert_eq!((error.kind, error.line), (DataErrorKind::Malformed, Some(line)), "{text}: {error}");
        assert!(error.to_string().contains(part) && error.column.as_deref() == column, "{text}: {error}");
    }
    for text in ["", "[]", " ", "[{}]"] {
        assert_eq!(refused(text.as_bytes(), Format::Json, &[]).kind, DataErrorKind::Malformed, "{text}");
    }
}

#[test]
fn the_byte_of_a_line_is_told_where_json_breaks() {
    let many = |between: &str| format!("{{\"a\":1.25}}{between}").repeat(400_000);
    for (text, format) in [
        ("{\"a\":!}\n".to_owned(), Format::Ndjson),
        ("\u{feff}{\"a\":1}\r\n{\"a\":1 !}\n".to_owned(), Format::Ndjson),
        ("[{\"a\":!}]".to_owned(), Format::Json),
        (" [ {\"a\":1},  {\"b\"!1}]".to_owned(), Format::Json),
        ("[{\"a\":1},\n  {\"b\":!},\n{}]".to_owned(), Format::Json),
        ("[\n{\"a\":1}, {\"b\"\n:1, !}]".to_owned(), Format::Json),
        // In a later piece: all on one line, and each object on its own.
        (format!("[{}{{\"a\":!}}]", many(", ")), Format::Json),
        (format!("[{} {{\"a\":!}}]", many(",\n")), Format::Json),
        (format!("{}{{\"a\":!}}", many("\n")), Format::Ndjson),
    ] {
        let ahead = &text[..text.find('!').expect("what is broken")];
        let line = ahead.rsplit('\n').next().unwrap_or_default().trim_start_matches('\u{feff}');
        let error = refused(text.as_bytes(), format, &[]);
        let (place, shown) =
            (format!("(byte {} of the line)", line.len() + 1), &ahead[ahead.len().saturating_sub(20)..]);
        assert_eq!(error.line, Some(1 + ahead.matches('\n').count() as u64), "{shown}: {error}");
        assert!(error.detail.ends_with(&place), "{shown}: {place}: {error}");
    }
    let within = refused(b"[{\"a\":1},\n{\"b\":\"x\n\"}]", Format::Json, &[]);
    assert_eq!(within.line, Some(2), "an end of a line within a text: {within}");
}

fn findings_of(text: &str) -> Vec<(String, Option<String>)> {
    let (profile, _) = csv(text);
    profile.findings.into_iter().map(|finding| (finding.code, finding.column)).collect()
}

#[test]
fn what_the_owner_should_know_is_found() {
    let mut text = "run,user_id,same,copy,word,gone,big,x\n".to_owned();
    for row in 0..40 {
        let (gone, x) = (if row == 3 { "1" } else { "" }, if row == 5 { "inf" } else { "2.5" });
        text.push_str(&format!(
            "{},{},k,{},w{row},{gone},90071992547409{},{x}\n",
            row + 10,
            row * row,
            row * row,
            93 + row % 3
        ));
    }
    let expected = [
        (IDENTIFIER_COLUMN, "run"),
        (IDENTIFIER_COLUMN, "user_id"),
        (CONSTANT_COLUMN, "same"),
        (DUPLICATE_COLUMN, "copy"),
        (IDENTIFIER_COLUMN, "word"),
        (MOSTLY_MISSING, "gone"),
        ("large_integers", "big"),
        ("not_finite", "x"),
    ];
    let expected = expected.map(|(code, column)| (code.to_owned(), Some(column.to_owned())));
    // 9007199254740993 to ...95 are words; one value of x is missing.
    assert_eq!(findings_of(&text.replace("90071992547409", "900719925474099")), expected);
    let mut codes = "store_id,zip,flag_code,x\n".to_owned();
    (0..40).for_each(|row| {
        codes.push_str(&format!("{},{},{},{}\n", row % 7, 10_000 + 13 * (row % 11), row % 2, row * row))
    });
    let called = ["store_id", "zip"].map(|column| ("codes_as_numbers".to_owned(), Some(column.to_owned())));
    assert_eq!(findings_of(&codes), called);
    let rows: String = (0..30).map(|row| format!("{},{}\n", row * 37 % 101, row * row % 97)).collect();
    let copies = format!("a,b\n{}", rows.repeat(2));
    assert_eq!(findings_of(&copies), [(DUPLICATE_ROWS.to_owned(), None)]);
    let mut many = "c\n".to_owned();
    (0..3000).for_each(|row| many.push_str(&format!("v{}\n", row % 1001)));
    assert_eq!(findings_of(&many)[0], (HIGH_CARDINALITY.to_owned(), Some("c".to_owned())));
}

#[test]
fn the_stored_form_says_what_it_is() {
    let (_, stored) = csv("a\n1\n");
    let reader = parquet::file::reader::SerializedFileReader::<Bytes>::new(stored).unwrap();
    let entries = parquet::file::reader::FileReader::metadata(&reader).file_metadata().key_value_metadata().unwrap();
    let entry = entries.iter().find(|entry| entry.key == METADATA_KEY).unwrap();
    assert_eq!(entry.value.as_deref(), Some(METADATA));
}

#[test]
fn numbers_are_compressed_where_that_saves_room() {
    let row = |row: u64| format!("{},0.{}\n", row % 7, 100_000 + row * 7_654_321 % 899_999);
    let table = csv(&(0..5_000).map(row).fold("few,many\n".to_owned(), |text, row| text + &row));
    let reader = parquet::file::reader::SerializedFileReader::<Bytes>::new(table.1.clone()).unwrap();
    let group = parquet::file::reader::FileReader::metadata(&reader).row_group(0);
    let sizes = [0, 1].map(|column| group.column(column).compressed_size());
    assert!(sizes[0] < 5_000 && sizes[1] > 40_000, "{sizes:?}");
    let read = read_columns(table.1, &table.0, &["many"]).unwrap();
    let expected = (0..5_000).map(|row: u64| (100_000 + row * 7_654_321 % 899_999) as f64 / 1e6).collect();
    assert_eq!(read.columns[0].values, Values::Numeric(expected));
}

#[test]
fn many_columns_are_read() {
    let header: Vec<String> = (0..10_000).map(|at| format!("c{at}")).collect();
    let row: Vec<String> = (0..10_000).map(|at| at.to_string()).collect();
    let table = csv(&format!("{}\n{}\n", header.join(","), row.join(",")));
    assert_eq!(table.0.columns.len(), 10_000);
    let columns = read_columns(table.1.clone(), &table.0, &["c9999", "c0"]).unwrap();
    let first: Vec<_> = columns.columns.iter().map(|column| (column.name.as_str(), &column.values)).collect();
    assert_eq!(first, [("c9999", &Values::Numeric(vec![9999.0])), ("c0", &Values::Numeric(vec![0.0]))]);
    assert_eq!(read_columns(table.1, &table.0, &["c1", "zz"]).unwrap_err().column.as_deref(), Some("zz"));
}
