//! Columns of cells as a file of every kind.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow_ipc::writer::{FileWriter, StreamWriter};
use jiff::Timestamp;
use parquet::arrow::ArrowWriter;
use serde_json::{Value, json};

use super::workbook::workbook;

/// A kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Csv,
    Ndjson,
    Json,
    Parquet,
    ArrowStream,
    ArrowFile,
    Excel,
}

impl Kind {
    pub const ALL: [Kind; 7] =
        [Kind::Csv, Kind::Ndjson, Kind::Json, Kind::Parquet, Kind::ArrowStream, Kind::ArrowFile, Kind::Excel];

    /// As `docs/values.md` names it.
    pub fn on_the_page(self) -> &'static str {
        match self {
            Kind::Csv => "CSV",
            Kind::Ndjson => "NDJSON",
            Kind::Json => "JSON",
            Kind::Parquet => "Parquet",
            Kind::ArrowStream | Kind::ArrowFile => "Arrow",
            Kind::Excel => "Excel",
        }
    }

    pub fn content_type(self) -> &'static str {
        match self {
            Kind::Csv => "text/csv",
            Kind::Ndjson => "application/x-ndjson",
            Kind::Json => "application/json",
            Kind::Parquet => "application/vnd.apache.parquet",
            Kind::ArrowStream => "application/vnd.apache.arrow.stream",
            Kind::ArrowFile => "application/vnd.apache.arrow.file",
            Kind::Excel => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        }
    }

    /// A file of these columns.
    pub fn file(self, columns: &[Column]) -> Vec<u8> {
        match self {
            Kind::Csv => csv(columns).into_bytes(),
            Kind::Ndjson => objects(columns).map(|object| object + "\n").collect::<String>().into_bytes(),
            Kind::Json => array(columns).into_bytes(),
            Kind::Excel => workbook(columns),
            Kind::Parquet => {
                let batch = batch(columns);
                let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), None).expect("a schema");
                writer.write(&batch).expect("room");
                writer.into_inner().expect("room")
            }
            Kind::ArrowStream => {
                let batch = batch(columns);
                let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema()).expect("a schema");
                writer.write(&batch).expect("room");
                writer.into_inner().expect("room")
            }
            Kind::ArrowFile => {
                let batch = batch(columns);
                let mut writer = FileWriter::try_new(Vec::new(), &batch.schema()).expect("a schema");
                writer.write(&batch).expect("room");
                writer.into_inner().expect("room")
            }
        }
    }

    /// The body that asks for predictions for these columns.
    pub fn rows_to_predict(self, columns: &[Column]) -> Vec<u8> {
        match self {
            Kind::Json => format!("{{\"records\":{}}}", array(columns)).into_bytes(),
            kind => kind.file(columns),
        }
    }
}

/// A cell of a file. What a kind of file cannot hold it holds as text.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    Missing,
    /// By its digits.
    Number(String),
    Boolean(bool),
    /// In microseconds since 1970.
    Time(i64),
    Text(String),
}

impl Cell {
    /// As `docs/values.md` writes it: a number, true or false; anything else, or in quotes, a text.
    pub fn of(text: &str) -> Cell {
        match (serde_json::from_str::<Value>(text), text) {
            (_, "\"\"") => Cell::Missing,
            (Ok(Value::Number(_)), _) => Cell::Number(text.to_owned()),
            (Ok(Value::Bool(value)), _) => Cell::Boolean(value),
            (Ok(Value::String(text)), _) => Cell::Text(text),
            _ => Cell::Text(text.to_owned()),
        }
    }

    pub fn text(&self) -> Option<String> {
        match self {
            Cell::Missing => None,
            Cell::Number(text) | Cell::Text(text) => Some(text.clone()),
            Cell::Boolean(value) => Some(value.to_string()),
            Cell::Time(time) => Some(Timestamp::from_microsecond(*time).expect("a time").to_string()),
        }
    }

    /// The word that it is in a column of words.
    pub fn as_word(&self) -> Value {
        self.text().map_or(Value::Null, Value::String)
    }

    fn json(&self) -> String {
        match self {
            Cell::Number(text) => text.clone(),
            Cell::Boolean(value) => value.to_string(),
            cell => cell.as_word().to_string(),
        }
    }
}

/// A column of a file.
#[derive(Clone, Debug)]
pub struct Column {
    pub name: String,
    pub cells: Vec<Cell>,
}

fn rows(columns: &[Column]) -> std::ops::Range<usize> {
    0..columns[0].cells.len()
}

fn csv(columns: &[Column]) -> String {
    let line = |cells: &mut dyn Iterator<Item = String>| {
        let quoted = cells.map(|text| format!("\"{}\"", text.replace('"', "\"\"")));
        quoted.collect::<Vec<_>>().join(",") + "\n"
    };
    let header = line(&mut columns.iter().map(|column| column.name.clone()));
    let row = |row: usize| line(&mut columns.iter().map(|column| column.cells[row].text().unwrap_or_default()));
    header + &rows(columns).map(row).collect::<String>()
}

fn objects(columns: &[Column]) -> impl Iterator<Item = String> + '_ {
    rows(columns).map(move |row| {
        let pairs = columns.iter().map(|column| format!("{}:{}", json!(column.name), column.cells[row].json()));
        format!("{{{}}}", pairs.collect::<Vec<_>>().join(","))
    })
}

fn array(columns: &[Column]) -> String {
    format!("[{}]", objects(columns).collect::<Vec<_>>().join(",\n"))
}

fn batch(columns: &[Column]) -> RecordBatch {
    let arrays = columns.iter().map(|column| (column.name.clone(), array_of(&column.cells), true));
    RecordBatch::try_from_iter_with_nullable(arrays).expect("columns of one length")
}

/// Typed where all cells that are there are of one type, which is not text.
fn array_of(cells: &[Cell]) -> ArrayRef {
    fn typed<T>(cells: &[Cell], of: impl Fn(&Cell) -> Option<T>) -> Option<Vec<Option<T>>> {
        let cell = |cell: &Cell| if *cell == Cell::Missing { Some(None) } else { of(cell).map(Some) };
        cells.iter().map(cell).collect()
    }
    let number = |cell: &Cell| if let Cell::Number(text) = cell { Some(text.clone()) } else { None };
    if let Some(integers) = typed(cells, |cell| number(cell)?.parse::<i64>().ok()) {
        return Arc::new(Int64Array::from(integers));
    }
    if let Some(numbers) = typed(cells, |cell| number(cell)?.parse::<f64>().ok()) {
        return Arc::new(Float64Array::from(numbers));
    }
    if let Some(times) = typed(cells, |cell| if let Cell::Time(time) = cell { Some(*time) } else { None }) {
        return Arc::new(TimestampMicrosecondArray::from(times).with_timezone("UTC"));
    }
    if let Some(values) = typed(cells, |cell| if let Cell::Boolean(value) = cell { Some(*value) } else { None }) {
        return Arc::new(BooleanArray::from(values));
    }
    Arc::new(cells.iter().map(Cell::text).collect::<StringArray>())
}
