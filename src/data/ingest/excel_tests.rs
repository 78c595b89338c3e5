//! Excel workbooks, whole, odd and hostile.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::DeflateEncoder;
use parquet::errors::Result as ParquetResult;
use parquet::file::reader::{ChunkReader, Length};
use serde_json::json;

use super::tests::{codes, kinds, memory, read, refused, rows};
use super::*;
use crate::data::asked::AskedColumns;
use crate::data::error::DataErrorKind;
use crate::data::profile::TableProfile;

/// A part of a workbook: its name and its content.
type Part<'a> = (&'a str, String);

/// An archive of parts, packed as Excel packs them.
fn archive(parts: &[Part]) -> Vec<u8> {
    archive_of(parts, 8)
}

/// The same by a method: 8 packs, 0 does not.
fn archive_of(parts: &[Part], method: u16) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in parts {
        let mut packer = DeflateEncoder::new(Vec::new(), Compression::default());
        packer.write_all(content.as_bytes()).unwrap();
        let packed = if method == 8 { packer.finish().unwrap() } else { content.clone().into_bytes() };
        let mut sum = flate2::Crc::new();
        sum.update(content.as_bytes());
        let start = bytes.len() as u32;
        let mut shared = [20_u16, 0, method, 0, 0].map(u16::to_le_bytes).concat();
        shared.extend([sum.sum(), packed.len() as u32, content.len() as u32].map(u32::to_le_bytes).concat());
        shared.extend([name.len() as u16, 0].map(u16::to_le_bytes).concat());
        bytes.extend([&b"PK\x03\x04"[..], &shared[..], name.as_bytes(), &packed].concat());
        directory
            .extend([&b"PK\x01\x02\x14\0"[..], &shared[..], &[0; 10], &start.to_le_bytes(), name.as_bytes()].concat());
    }
    let (start, length, count) = (bytes.len() as u32, directory.len() as u32, parts.len() as u16);
    bytes.extend(directory);
    bytes.extend([&b"PK\x05\x06\0\0\0\0"[..], &count.to_le_bytes()[..], &count.to_le_bytes()].concat());
    bytes.extend([length.to_le_bytes(), start.to_le_bytes()].concat());
    bytes.extend([0, 0]);
    bytes
}

const RELATION: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";

fn relations(all: &[(&str, &str, &str)]) -> String {
    let each = all.iter().map(|(id, kind, target)| {
        format!("<Relationship Id=\"{id}\" Type=\"{RELATION}/{kind}\" Target=\"{target}\"/>")
    });
    format!("<?xml version=\"1.0\"?><Relationships>{}</Relationships>", each.collect::<String>())
}

/// The parts of a workbook with sheets of these rows; `strings` are the texts that cells share.
fn parts(sheets: &[(&str, &str)], strings: &str) -> Vec<Part<'static>> {
    const NAMES: [&str; 3] = ["xl/worksheets/sheet1.xml", "xl/worksheets/sheet2.xml", "xl/worksheets/sheet3.xml"];
    let (mut listed, mut related, mut parts) = (String::new(), Vec::new(), Vec::new());
    let ids = ["s0", "s1", "s2"];
    for (at, (name, rows)) in sheets.iter().enumerate() {
        listed += &format!("<sheet name=\"{name}\" sheetId=\"{at}\" r:id=\"{}\"/>", ids[at]);
        related.push((ids[at], "worksheet", NAMES[at].strip_prefix("xl/").unwrap()));
        parts.push((NAMES[at], format!("<worksheet><sheetData>{rows}</sheetData></worksheet>")));
    }
    related.extend([("t", "sharedStrings", "/xl/sharedStrings.xml"), ("f", "styles", "styles.xml")]);
    // The second style shows a date, the third hours beyond a day, the fourth a date of the workbook's own.
    let styles = "<styleSheet><numFmts><numFmt numFmtId=\"164\" formatCode=\"dd/mm/yy\"/></numFmts><cellStyleXfs><xf/>\
                  </cellStyleXfs><cellXfs><xf numFmtId=\"0\"/><xf numFmtId=\"14\"/><xf numFmtId=\"46\"/>\
                  <xf numFmtId=\"164\"/></cellXfs></styleSheet>";
    parts.extend([
        ("_rels/.rels", relations(&[("w", "officeDocument", "xl/workbook.xml")])),
        ("xl/workbook.xml", format!("<workbook><workbookPr/><sheets>{listed}</sheets></workbook>")),
        ("xl/_rels/workbook.xml.rels", relations(&related)),
        ("xl/SharedStrings.xml", format!("<sst uniqueCount=\"99999999999999\">{strings}</sst>")),
        ("xl/styles.xml", styles.to_owned()),
    ]);
    parts
}

fn workbook(rows: &str) -> Vec<u8> {
    archive(&parts(&[("Data", rows)], STRINGS))
}

const STRINGS: &str = "<si><t>day</t></si><si><t xml:space=\"preserve\">a &amp; b</t></si>\
                       <si><r><rPr><b/></rPr><t>ri</t></r><r><t>ch</t></r><rPh sb=\"0\"><t>sound</t></rPh></si>\
                       <si><t>007</t></si>";

fn excel(bytes: &[u8]) -> (TableProfile, Bytes) {
    read(bytes, Format::Excel, &[]).unwrap()
}

#[test]
fn cells_are_what_the_workbook_says() {
    let header = "<row r=\"1\"><c r=\"A1\" t=\"s\"><v>0</v></c><c r=\"B1\" t=\"inlineStr\"><is><t>n</t></is></c>\
                  <c r=\"C1\" t=\"str\"><v>ok</v></c><c r=\"D1\" t=\"str\"><v>w</v></c><c r=\"E1\" t=\"str\"><v>code</v></c>\
                  <c r=\"F1\" t=\"str\"><v>id</v></c><c r=\"G1\" t=\"str\"><v>took</v></c></row>";
    let one = "<row r=\"2\"><c r=\"A2\" s=\"1\"><v>45292</v></c><c r=\"B2\"><f>1+1</f><v>2</v></c><c r=\"C2\" t=\"b\"><v>1</v></c>\
               <c r=\"D2\" t=\"s\"><v>1</v></c><c r=\"E2\" t=\"s\"><v>3</v></c><c r=\"F2\"><v>9007199254740993</v></c>\
               <c r=\"G2\" s=\"2\"><v>1.5</v></c></row>";
    let two = "<row><c s=\"3\"><v>45292.75</v></c><c><v>-1.5E-3</v></c><c t=\"b\"><v>0</v></c><c t=\"s\"><v>2</v></c>\
               <c t=\"s\"><v>3</v></c><c><v>9007199254740994</v></c><c s=\"2\"><v>0.25</v></c></row>";
    let three = "<row r=\"4\"><c r=\"A4\" t=\"d\"><v>2024-02-29T12:00:00Z</v></c><c r=\"D4\" t=\"e\"><v>#DIV/0!</v></c>\
                 <c r=\"E4\" s=\"1\"/><c r=\"F4\"><v>5</v></c></row>";
    let bytes = workbook(&format!("{header}{one}{two}{three}"));
    let table = excel(&bytes);
    assert_eq!(kinds(&table.0)[..3], ["datetime", "numeric", "boolean"]);
    let expected = json!([
        {"day": "2024-01-01T00:00:00Z", "n": 2, "ok": true, "w": "a & b", "code": "007", "id": "9007199254740993", "took": 1.5},
        {"day": "2024-01-01T18:00:00Z", "n": -0.0015, "ok": false, "w": "rich", "code": "007", "id": "9007199254740994",
         "took": 0.25},
        {"day": "2024-02-29T12:00:00Z", "n": null, "ok": null, "w": "#DIV/0!", "code": null, "id": "5", "took": null},
    ]);
    assert_eq!(rows(&table), expected);
}

#[test]
fn a_table_is_found_below_its_title_and_between_empty_cells() {
    let text = |place: &str, text: &str| format!("<c r=\"{place}\" t=\"str\"><v>{text}</v></c>");
    let title = format!("<row r=\"1\">{}</row>", text("C1", "All that was sold"));
    let header =
        format!("<row r=\"3\">{}{}<c r=\"E3\" s=\"1\"/>{}</row>", text("C3", "a"), text("D3", "b"), text("F3", "c"));
    let one = "<row r=\"4\"><c r=\"C4\"><v>1</v></c><c r=\"D4\"><v>2</v></c><c r=\"H4\"><v>9</v></c></row>";
    let two = "<row r=\"8\"><c r=\"C8\"><v>3</v></c><c r=\"D8\"><f>A1</f></c><c r=\"F8\"><v>4</v></c></row>";
    let after = "<row r=\"9\"><c r=\"C9\" s=\"1\"/></row>";
    let merged = "</sheetData><mergeCells><mergeCell ref=\"C1:F1\"/><mergeCell ref=\"C4:C6\"/></mergeCells><sheetData>";
    let table = excel(&workbook(&format!("{title}{header}{one}{two}{after}{merged}")));
    let expected = json!([{"a": 1, "b": 2, "c": null, "column_4": 9}, {"a": 3, "b": null, "c": 4, "column_4": null}]);
    assert_eq!(rows(&table), expected);
    let found: Vec<_> = table.0.findings.iter().filter(|finding| finding.column.is_none()).collect();
    let told: Vec<_> = found.iter().map(|finding| (finding.code.as_str(), finding.message.as_str())).collect();
    for (code, words) in [
        ("rows_above_header", "Row 3 has the names"),
        ("blank_rows", "left out: 3, the first of them row 5"),
        ("merged_cells", "merged cells: 1."),
        ("formulas_without_values", "in the file: 1, first in row 8"),
    ] {
        assert!(told.iter().any(|(found, message)| *found == code && message.contains(words)), "{code}: {told:?}");
    }
}

#[test]
fn a_sheet_is_chosen_by_its_name_or_is_the_first_with_cells() {
    let sheet = |name: &str| format!("<row><c t=\"str\"><v>{name}</v></c></row><row><c><v>1</v></c></row>");
    let (one, two) = (sheet("one"), sheet("two"));
    let sheets = [("Empty", ""), ("One &amp; only", &one[..]), ("Two", &two[..])];
    let bytes = archive(&parts(&sheets, ""));
    let table = excel(&bytes);
    assert_eq!(rows(&table), json!([{"one": 1}]));
    let finding = table.0.findings.iter().find(|finding| finding.code == "other_sheets").expect("it is told");
    assert!(
        finding.message.contains("\"One & only\"") && finding.message.contains("\"Empty\", \"Two\""),
        "{finding:?}"
    );
    let named = |name: &str| {
        let (source, mut out) = (Bytes::from(bytes.clone()), Vec::new());
        let asked = AskedColumns { sheet: Some(name.to_owned()), ..AskedColumns::default() };
        ingest(source, Format::Excel, &asked, &IngestLimits::default(), &memory(), &mut out, &mut |_| true)
    };
    assert_eq!(named("Two").unwrap().columns[0].name, "two");
    let error = named("two").unwrap_err();
    assert!(error.kind == DataErrorKind::Unfit && error.detail.contains("\"One & only\""), "{error}");
    assert_eq!(named("Empty").unwrap_err().kind, DataErrorKind::Malformed);
}

#[test]
fn wrong_cells_are_refused_with_their_row() {
    let header = "<row><c t=\"str\"><v>a</v></c><c t=\"str\"><v>b</v></c></row>";
    let with = |row: &str| workbook(&format!("{header}<row><c><v>1</v></c></row>{row}"));
    let error = read(
        &with("<row><c t=\"str\"><v>x</v></c></row>"),
        Format::Excel,
        &[("a", crate::data::column::ColumnType::Numeric)],
    );
    let error = error.unwrap_err();
    assert!(error.kind == DataErrorKind::Unfit && error.detail.starts_with("row 3: \"x\" is not a number"), "{error}");
    let long =
        refused(&with(&format!("<row><c t=\"str\"><v>{}</v></c></row>", "x".repeat(1 << 21))), Format::Excel, &[]);
    assert!(long.kind == DataErrorKind::TooLarge && long.detail.starts_with("row 3:"), "{long}");
    for row in [
        "<row><c t=\"s\"><v>4</v></c></row>",
        "<row><c t=\"s\"><v>x</v></c></row>",
        "<row r=\"2\"><c><v>1</v></c></row>",
        "<row r=\"3\"><c r=\"A4\"><v>1</v></c></row>",
        "<row><c r=\"B3\"><v>1</v></c><c r=\"A3\"><v>1</v></c></row>",
        "<row r=\"1048577\"><c><v>1</v></c></row>",
        "<row><c><v>1</c></v></row>",
        "<row><c><v>&unknown;</v></c></row>",
    ] {
        assert_eq!(refused(&with(row), Format::Excel, &[]).kind, DataErrorKind::Malformed, "{row}");
    }
    let twice = "<row><c t=\"str\"><v>a</v></c><c t=\"str\"><v>a</v></c></row><row><c><v>1</v></c></row>";
    let error = refused(&workbook(twice), Format::Excel, &[]);
    assert!(error.column.as_deref() == Some("a") && error.detail.starts_with("row 1: two columns"), "{error}");
}

#[test]
fn what_is_no_workbook_is_told_what_it_is() {
    for (bytes, kind, words) in [
        (&b"a,b\n1,2\n"[..], DataErrorKind::Malformed, "no Excel workbook"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", DataErrorKind::Unfit, "older workbook"),
        (b"PK\x03\x04", DataErrorKind::Malformed, "directory"),
    ] {
        let error = refused(bytes, Format::Excel, &[]);
        assert!(error.kind == kind && error.detail.contains(words), "{error}");
    }
    let other = archive(&[("word/document.xml", "<document/>".to_owned())]);
    assert_eq!(refused(&other, Format::Excel, &[]).kind, DataErrorKind::Malformed);
}

#[test]
fn few_bytes_that_unpack_to_many_are_refused_before_they_do() {
    let row = "<row><c t=\"str\"><v>a</v></c></row><row><c><v>1</v></c></row>";
    let charged = |bytes: &[u8]| {
        let memory = crate::memory::Share::new("requests", bytesize::ByteSize::mib(64)).charge(None);
        let (types, limits) = (Default::default(), IngestLimits::default());
        let source = Bytes::copy_from_slice(bytes);
        ingest(source, Format::Excel, &types, &limits, &memory, &mut Vec::new(), &mut |_| true).map(|_| ())
    };
    assert_eq!(charged(&archive(&parts(&[("s", row)], ""))), Ok(()));
    // A text in nine MB, ten million texts, a long attribute, and a tower of elements.
    let text = format!("<row><c t=\"inlineStr\"><is><t>{}</t></is></c></row>", "x<!-- -->".repeat(1 << 20));
    let strings = "<si/>".repeat(10 << 20);
    let attribute = format!("<row a=\"{}\"/>", "<".repeat(8 << 20));
    let tower = format!("{}{}", "<a>".repeat(1 << 20), "</a>".repeat(1 << 20));
    for (rows, strings) in [(&text[..], ""), (row, &strings[..]), (&attribute[..], ""), (&tower[..], "")] {
        let refused = charged(&archive(&parts(&[("s", rows)], strings))).map_err(|error| error.kind);
        assert!(matches!(refused, Err(DataErrorKind::TooLarge | DataErrorKind::Malformed)), "{refused:?}");
    }
    let mut lying = archive(&parts(&[("s", row)], ""));
    let at = lying.windows(4).rposition(|bytes| bytes == b"PK\x01\x02").expect("a directory");
    lying[at + 24..at + 28].copy_from_slice(&(u32::MAX - 1).to_le_bytes());
    let error = charged(&lying).unwrap_err();
    assert!(error.kind == DataErrorKind::TooLarge && error.detail.contains("unpacks to"), "{error}");
}

#[test]
fn a_text_that_many_cells_share_counts_for_each_of_them() {
    let file = |rows| {
        let rows = "<row><c t=\"s\"><v>0</v></c></row><row><c t=\"s\"><v>1</v></c></row>".repeat(rows);
        archive(&parts(&[("s", &rows)], &format!("<si><t>h</t></si><si><t>{}</t></si>", "x".repeat(1 << 20))))
    };
    assert!(read(&file(20), Format::Excel, &[]).is_ok());
    let error = refused(&file(17_000), Format::Excel, &[]);
    assert!(error.kind == DataErrorKind::TooLarge && error.detail.contains("repeats the same few words"), "{error}");
}

/// A workbook for whose reading somebody waits until it was asked so often.
struct Awaited {
    bytes: Bytes,
    asked: Arc<AtomicU64>,
    most: u64,
}

impl Length for Awaited {
    fn len(&self) -> u64 {
        self.bytes.len() as u64
    }
}

impl ChunkReader for Awaited {
    type T = <Bytes as ChunkReader>::T;

    fn get_read(&self, start: u64) -> ParquetResult<Self::T> {
        self.bytes.get_read(start)
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        ChunkReader::get_bytes(&self.bytes, start, length)
    }
}

impl Growing for Awaited {
    fn is_wanted(&self) -> bool {
        self.asked.fetch_add(1, Ordering::Relaxed) < self.most
    }
}

#[test]
fn a_part_is_looked_through_once_and_only_while_somebody_waits() {
    let nothing = format!("<row>{}</row>", "<c/>".repeat(16_000)).repeat(20);
    let of_sheets = |count: usize| {
        let mut parts = parts(&[("s", &nothing)], "");
        let listed = "<sheet name=\"s\" r:id=\"s0\"/>".repeat(count);
        let (_, workbook) = parts.iter_mut().find(|(name, _)| *name == "xl/workbook.xml").unwrap();
        *workbook = format!("<workbook><sheets>{listed}</sheets></workbook>");
        Bytes::from(archive(&parts))
    };
    let read = |sheets, most| {
        let asked = Arc::new(AtomicU64::new(0));
        let source = Awaited { bytes: of_sheets(sheets), asked: asked.clone(), most };
        let (columns, limits) = (AskedColumns::default(), IngestLimits::default());
        let read = ingest(source, Format::Excel, &columns, &limits, &memory(), &mut Vec::new(), &mut |_| true);
        (read.unwrap_err(), asked.load(Ordering::Relaxed))
    };
    let ((none, once), (_, still_once)) = (read(1, u64::MAX), read(500, u64::MAX));
    assert!(none.detail.contains("no sheet with cells") && once > 20, "{none}, asked {once} times");
    assert!(still_once < once + 10, "{once}, {still_once}");
    let (stopped, asked) = read(1, once - 5);
    assert_eq!((stopped.kind, asked), (DataErrorKind::Stopped, once - 4));
}

#[test]
fn cells_and_rows_within_one_another_are_refused() {
    let header = "<row><c t=\"str\"><v>a</v></c><c t=\"str\"><v>b</v></c></row>";
    for row in [
        "<row><c><v>1</v></c><row><c><v>2</v></c></row></row>",
        "<row><row><c><v>1</v></c></row><c><v>2</v></c></row>",
        "<row r=\"2\"><c><v>1</v></c><row r=\"3\"><c><v>2</v></c></row><c><v>3</v></c></row>",
        "<row><c><v>1</v><c><v>2</v></c></c></row>",
        "<row><c><c><v>1</v></c></c></row>",
        "<row><c><v>1</v><row><c><v>2</v></c></row></c></row>",
    ] {
        let error = refused(&workbook(&format!("{header}{row}")), Format::Excel, &[]);
        let is_told = ["is not where it belongs", "has others in it"].iter().any(|part| error.detail.contains(part));
        assert!(error.kind == DataErrorKind::Malformed && is_told, "{row}: {error}");
    }
}

/// Every cut, and a flipped byte at every place: an answer, never a panic.
#[test]
fn broken_workbooks_are_answered() {
    let bytes = workbook("<row><c t=\"s\"><v>0</v></c></row><row><c s=\"1\"><v>45292</v></c></row>");
    assert_eq!(codes(&excel(&bytes).0).len(), 1, "one value");
    for cut in 0..bytes.len() {
        _ = read(&bytes[..cut], Format::Excel, &[]);
        let mut flipped = bytes.clone();
        flipped[cut] ^= 1 << (cut % 8);
        _ = read(&flipped, Format::Excel, &[]);
    }
}

/// Makes the workbooks of the fuzz corpus: `cargo test --lib makes_fuzz_workbooks -- --ignored`.
#[test]
#[ignore = "writes files"]
fn makes_fuzz_workbooks() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/excel");
    std::fs::create_dir_all(folder).unwrap();
    let cells = "<row><c t=\"s\"><v>0</v></c><c t=\"str\"><v>n</v></c></row><row><c s=\"1\"><v>45292</v></c><c><v>1</v></c></row>\
                 <row><c t=\"b\"><v>1</v></c><c t=\"inlineStr\"><is><t>x</t></is></c></row>";
    let sheets = parts(&[("a", ""), ("b", cells)], STRINGS);
    for (name, method) in [("packed", 8), ("plain", 0)] {
        std::fs::write(format!("{folder}/{name}.xlsx"), archive_of(&sheets, method)).unwrap();
    }
}
