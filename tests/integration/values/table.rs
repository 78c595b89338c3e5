//! The tables of `docs/values.md`: columns as people write them, and what is read of them.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::files::{Cell, Kind};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/values.md");
const HEADER: &str = "| written | read as | `format` | findings | refused | `types` | files |";
/// Said of the files of a row in which another column has decimal commas.
const BESIDE_COMMAS: &str = "with decimal commas";

/// A row of the tables: a column of cells.
#[derive(Clone, Debug)]
pub struct Form {
    /// The column's name: the line of the page.
    pub name: String,
    pub written: Vec<Cell>,
    /// Of each cell; null where there is no value.
    pub read: Vec<Value>,
    /// The type, as on the wire.
    pub kind: &'static str,
    /// As on the wire.
    pub format: Value,
    pub findings: Vec<String>,
    pub refused: Vec<Cell>,
    /// What is asked of the column; null where nothing is.
    pub types: Value,
    pub files: Vec<Kind>,
    /// Whether its files have decimal commas, by which other columns are read.
    pub beside_commas: bool,
}

impl Form {
    fn of(line: usize, text: &str) -> Form {
        let cells: Vec<&str> = text.trim_matches('|').split('|').map(str::trim).collect();
        let [written, read, format, findings, refused, types, files] = cells[..] else {
            panic!("line {line} of docs/values.md has not seven cells: {text}")
        };
        let written: Vec<Cell> = quoted(written).map(Cell::of).collect();
        let mut values: Vec<Value> = match read {
            "words" => written.iter().map(Cell::as_word).collect(),
            read => quoted(read).map(value).collect(),
        };
        if read.ends_with('…') {
            values.resize(written.len(), Value::Null);
        }
        assert_eq!(written.len(), values.len(), "line {line}: as many cells are read as are written");
        let asked = !types.is_empty();
        let types = quoted(types).next().map_or(Value::Null, |types| serde_json::from_str(types).expect("JSON"));
        let format = format_of(quoted(format).next(), asked);
        let kind = kind_of(&values);
        let beside_commas = files.contains(BESIDE_COMMAS) || format["decimal"] == "," && !asked;
        Form {
            name: format!("line {line}"),
            kind,
            format,
            findings: quoted(findings).map(str::to_owned).collect(),
            refused: quoted(refused).map(Cell::of).collect(),
            files: files_of(files.trim_end_matches(BESIDE_COMMAS).trim()),
            written,
            read: values,
            types,
            beside_commas,
        }
    }

    /// What is read, as a file has it whose types say so.
    pub fn plain(&self) -> Vec<Cell> {
        let cell = |value: &Value| match value {
            Value::Null => Cell::Missing,
            Value::Number(number) => Cell::Number(number.to_string()),
            Value::Bool(value) => Cell::Boolean(*value),
            value if self.kind == "datetime" => Cell::Time(time(value)),
            value => Cell::Text(value.as_str().expect("a word").to_owned()),
        };
        self.read.iter().map(cell).collect()
    }
}

/// Every row of every table of the page.
pub fn forms() -> Vec<Form> {
    let mut forms = Vec::new();
    let page = std::fs::read_to_string(PAGE).expect("the page is there");
    let mut lines = (1..).zip(page.lines());
    while lines.by_ref().any(|(_, line)| line == HEADER) {
        let rows = lines.by_ref().skip(1).take_while(|(_, line)| line.starts_with('|'));
        forms.extend(rows.map(|(line, text)| Form::of(line, text)));
    }
    forms
}

/// What stands between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// A value as the page has it: days without their midnight.
fn value(text: &str) -> Value {
    let is_day = text.len() == 10 && text.is_ascii() && [4, 7].iter().all(|at| text.as_bytes()[*at] == b'-');
    match text {
        day if is_day => json!(format!("{day}T00:00:00Z")),
        text => serde_json::from_str(text).unwrap_or_else(|_| json!(text)),
    }
}

/// Microseconds since 1970 of a date that is read.
pub fn time(value: &Value) -> i64 {
    value.as_str().and_then(|text| text.parse::<Timestamp>().ok()).expect("a time").as_microsecond()
}

fn kind_of(read: &[Value]) -> &'static str {
    let all = |is: fn(&Value) -> bool| read.iter().filter(|value| !value.is_null()).all(is);
    match () {
        () if all(Value::is_number) => "numeric",
        () if all(Value::is_boolean) => "boolean",
        () if all(|value| value.as_str().is_some_and(|text| text.parse::<Timestamp>().is_ok())) => "datetime",
        () => "categorical",
    }
}

/// A format as on the wire: of numbers what is not named is as in plain numbers.
fn format_of(text: Option<&str>, asked: bool) -> Value {
    let Some(text) = text else { return Value::Null };
    let Ok(Value::Object(given)) = serde_json::from_str(text) else {
        return if asked { json!({"format": text, "asked": true}) } else { json!({ "format": text }) };
    };
    let mut format = json!({"decimal": ".", "thousands": null, "prefix": null, "suffix": null, "scale": 1.0});
    format.as_object_mut().expect("an object").extend(given);
    format
}

fn files_of(text: &str) -> Vec<Kind> {
    let (is_listed, names) = match text.strip_prefix("all but ") {
        Some(names) => (false, names),
        None => (!text.is_empty(), text),
    };
    let names: Vec<&str> = names.split(", ").collect();
    let files: Vec<Kind> =
        Kind::ALL.into_iter().filter(|kind| names.contains(&kind.on_the_page()) == is_listed).collect();
    let known = |name: &&&str| name.is_empty() || Kind::ALL.iter().any(|kind| kind.on_the_page() == **name);
    assert!(names.iter().all(|name| known(&name)), "files of docs/values.md: {text}");
    files
}
