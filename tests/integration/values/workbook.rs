//! An Excel workbook of one sheet: a zip archive of XML parts, not packed.

use super::files::{Cell, Column};

const RELATION: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
/// Days of Excel's calendar at 1970-01-01.
const EPOCH: f64 = 25_569.0;
const DAY_MICROSECONDS: f64 = 86_400e6;

/// A workbook whose numbers, booleans and times are cells of these types.
pub fn workbook(columns: &[Column]) -> Vec<u8> {
    let header = columns.iter().map(|column| cell(&Cell::Text(column.name.clone())));
    let mut rows = format!("<row>{}</row>", header.collect::<String>());
    for row in 0..columns[0].cells.len() {
        let cells = columns.iter().map(|column| cell(&column.cells[row]));
        rows += &format!("<row>{}</row>", cells.collect::<String>());
    }
    let sheet = format!("<worksheet><sheetData>{rows}</sheetData></worksheet>");
    // The second style is that of a day.
    let styles = "<styleSheet><cellXfs><xf numFmtId=\"0\"/><xf numFmtId=\"14\"/></cellXfs></styleSheet>";
    let book = "<workbook><workbookPr/><sheets><sheet name=\"Data\" sheetId=\"1\" r:id=\"s\"/></sheets></workbook>";
    archive(&[
        ("_rels/.rels", relations(&[("w", "officeDocument", "xl/workbook.xml")])),
        ("xl/workbook.xml", book.to_owned()),
        (
            "xl/_rels/workbook.xml.rels",
            relations(&[("s", "worksheet", "worksheets/sheet1.xml"), ("f", "styles", "styles.xml")]),
        ),
        ("xl/worksheets/sheet1.xml", sheet),
        ("xl/styles.xml", styles.to_owned()),
    ])
}

fn cell(cell: &Cell) -> String {
    match cell {
        Cell::Missing => "<c/>".to_owned(),
        Cell::Number(text) => format!("<c><v>{text}</v></c>"),
        Cell::Boolean(value) => format!("<c t=\"b\"><v>{}</v></c>", u8::from(*value)),
        Cell::Time(time) => format!("<c s=\"1\"><v>{}</v></c>", EPOCH + *time as f64 / DAY_MICROSECONDS),
        Cell::Text(text) => {
            let text = text.replace('&', "&amp;").replace('<', "&lt;");
            format!("<c t=\"inlineStr\"><is><t xml:space=\"preserve\">{text}</t></is></c>")
        }
    }
}

fn relations(all: &[(&str, &str, &str)]) -> String {
    let each = all.iter().map(|(id, kind, target)| {
        format!("<Relationship Id=\"{id}\" Type=\"{RELATION}/{kind}\" Target=\"{target}\"/>")
    });
    format!("<Relationships>{}</Relationships>", each.collect::<String>())
}

fn archive(parts: &[(&str, String)]) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in parts {
        let (start, length, mut sum) = (bytes.len() as u32, content.len() as u32, flate2::Crc::new());
        sum.update(content.as_bytes());
        let mut shared = [20_u16, 0, 0, 0, 0].map(u16::to_le_bytes).concat();
        shared.extend([sum.sum(), length, length].map(u32::to_le_bytes).concat());
        shared.extend([name.len() as u16, 0].map(u16::to_le_bytes).concat());
        bytes.extend([&b"PK\x03\x04"[..], &shared, name.as_bytes(), content.as_bytes()].concat());
        let entry = [&b"PK\x01\x02\x14\0"[..], &shared, &[0; 10], &start.to_le_bytes(), name.as_bytes()];
        directory.extend(entry.concat());
    }
    let (start, length, count) = (bytes.len() as u32, directory.len() as u32, parts.len() as u16);
    bytes.extend(directory);
    bytes.extend([&b"PK\x05\x06\0\0\0\0"[..], &count.to_le_bytes(), &count.to_le_bytes()].concat());
    bytes.extend([length.to_le_bytes(), start.to_le_bytes()].concat());
    bytes.extend([0, 0]);
    bytes
}
