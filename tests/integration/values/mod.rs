//! Every form of number, date and missing word of `docs/values.md`, through every kind of file: what is read of it as a
//! data set, and that trainings and predictions read the same.

pub mod files;
mod table;
mod thousands;
mod workbook;

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::support::{TestApp, text};
use files::{Cell, Column, Kind};
use table::{Form, forms, time};

/// Rows of a file, in which the cells of a column stand by turns.
const ROWS: usize = 60;
/// Codes of findings that say how cells are read, beside `…_as_words`.
const OF_READING: [&str; 6] =
    ["numbers_formatted", "ambiguous_numbers", "ambiguous_dates", "two_digit_years", "missing_words", "large_integers"];

/// How the cells of a file are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Writing {
    /// As the page has it.
    Written,
    /// As what is read of it.
    Plain,
}

/// Columns of these cells of each form; beside decimal commas one more, which shows that the file has them.
fn columns(forms: &[&Form], cells: impl Fn(&Form) -> Vec<Cell>, comma: char) -> Vec<Column> {
    let column = |form: &&Form| {
        let cells = cells(form);
        Column { name: form.name.clone(), cells: cells.iter().cycle().take(ROWS).cloned().collect() }
    };
    let mut columns: Vec<Column> = forms.iter().map(column).collect();
    if forms.iter().any(|form| form.beside_commas) {
        let cells = (0..ROWS).map(|row| match format!("{}{comma}5", row % 3) {
            text if comma == '.' => Cell::Number(text),
            text => Cell::Text(text),
        });
        columns.push(Column { name: "commas".to_owned(), cells: cells.collect() });
    }
    columns
}

fn written(forms: &[&Form]) -> Vec<Column> {
    columns(forms, |form| form.written.clone(), ',')
}

/// What is read, as it is written where files have types; `in_texts` with the decimal sign of the column.
fn plain(forms: &[&Form], in_texts: bool) -> Vec<Column> {
    let cells = |form: &Form| {
        let comma = in_texts && form.format["decimal"] == ",";
        let cell = |cell| match cell {
            Cell::Number(text) if comma => Cell::Number(text.replace('.', ",")),
            cell => cell,
        };
        form.plain().into_iter().map(cell).collect()
    };
    columns(forms, cells, if in_texts { ',' } else { '.' })
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// Trains a model named `name` on a file, from which the data set comes.
async fn train(service: &TestApp, name: &str, kind: Kind, mut columns: Vec<Column>, types: Map<String, Value>) {
    let target = (0..ROWS).map(|row| Cell::Number((row * 7 % 23).to_string())).collect();
    columns.push(Column { name: "y".to_owned(), cells: target });
    let query = "target=y&task=regression&epochs=2&hidden_layers=4&split=random";
    let types = if types.is_empty() { String::new() } else { format!("&types={}", encoded(&json!(types).to_string())) };
    let path = format!("/train?name={name}&{query}{types}");
    let job = service.post_file(&path, kind.content_type(), kind.file(&columns)).await.expect(202);
    let job = service.ended(&job).await;
    assert_eq!(job["state"], "succeeded", "{name}: {job}");
}

/// What the data set says of a column that is not what the page says of it.
fn differences(form: &Form, writing: Writing, dataset: &Value, rows: &Value) -> Vec<String> {
    let column = dataset["columns"].as_array().expect("a list").iter().find(|column| column["name"] == form.name);
    let column = column.expect("the column is there");
    let mut found = Vec::new();
    let mut hold = |what: &str, is: Value, should_be: Value| {
        if is != should_be {
            found.push(format!("{}, {what}: {is} instead of {should_be}", form.name));
        }
    };
    hold("type", column["type"].clone(), json!(form.kind));
    let cells = rows["data"].as_array().expect("a list").iter().take(form.read.len());
    hold(
        "values",
        cells.map(|row| canonical(form, &row[&form.name])).collect(),
        form.read.iter().map(|v| canonical(form, v)).collect(),
    );
    let all: Vec<&Value> = form.read.iter().cycle().take(ROWS).collect();
    hold("missing", column["missing"].clone(), json!(all.iter().filter(|value| value.is_null()).count()));
    let numbers: Option<Vec<f64>> = all.iter().filter(|value| !value.is_null()).map(|value| value.as_f64()).collect();
    if let Some(numbers) = numbers {
        let bound = |with: fn(f64, f64) -> f64| json!(numbers.iter().copied().reduce(with));
        hold("min", column["min"].clone(), bound(f64::min));
        hold("max", column["max"].clone(), bound(f64::max));
        let mean = numbers.iter().sum::<f64>() / numbers.len() as f64;
        let off = column["mean"].as_f64().map_or(1.0, |is| (is - mean).abs() / mean.abs().max(1e-9));
        hold("how far off the mean is", json!(off > 1e-9), json!(false));
    }
    if writing == Writing::Written {
        hold("format", column["format"].clone(), form.format.clone());
        hold("findings", codes(dataset, &form.name), sorted(form.findings.iter().map(String::as_str)));
    }
    found
}

/// The codes of what is said of how a column is read.
fn codes(dataset: &Value, column: &str) -> Value {
    let is_of = |finding: &&Value| {
        let of_several = finding["columns"].as_array().is_some_and(|columns| columns.contains(&json!(column)));
        finding["column"] == column || of_several
    };
    let findings = dataset["findings"].as_array().expect("a list").iter();
    let said = findings.filter(is_of).map(|finding| text(&finding["code"]));
    sorted(said.filter(|code| OF_READING.contains(code) || code.ends_with("_as_words")))
}

fn sorted<'a>(codes: impl Iterator<Item = &'a str>) -> Value {
    let mut codes: Vec<&str> = codes.collect();
    codes.sort_unstable();
    json!(codes)
}

/// Numbers as floats and times in microseconds, so that 7 is 7.0 and `.5Z` is `.500Z`.
fn canonical(form: &Form, value: &Value) -> Value {
    match value {
        Value::Number(number) => json!(number.as_f64()),
        Value::String(_) if form.kind == "datetime" => json!(time(value)),
        value => value.clone(),
    }
}

/// The values that a model predicts for a file.
async fn predicted(service: &TestApp, model: &str, kind: Kind, columns: &[Column]) -> Result<Vec<Value>, String> {
    let path = format!("/models/{model}/predict");
    let request = service.raw(Method::POST, &path).header("content-type", kind.content_type());
    let request = request.header("accept", "application/json").body(kind.rows_to_predict(columns));
    let reply = service.send(Method::POST, &path, request).await;
    match reply.status {
        200 => Ok(reply.json()["predictions"].as_array().expect("a list").iter().map(|p| p["value"].clone()).collect()),
        _ => Err(format!("{model} by {kind:?}: {}", reply.json())),
    }
}

fn shown(kind: Kind, writing: Writing) -> String {
    format!("{kind:?}-{writing:?}").to_lowercase()
}

/// What is asked of these forms.
fn types(forms: &[&Form], of: impl Fn(&Form) -> bool) -> Map<String, Value> {
    let asked = forms.iter().filter(|form| !form.types.is_null() && of(form));
    asked.map(|form| (form.name.clone(), form.types.clone())).collect()
}

/// Holds the forms of a group through each of its kinds of files; what is wrong.
async fn hold(service: &TestApp, forms: &[&Form], kinds: &[Kind]) -> Vec<String> {
    let (mut wrong, mut expected) = (Vec::new(), None);
    for (kind, writing) in kinds.iter().flat_map(|kind| [(*kind, Writing::Written), (*kind, Writing::Plain)]) {
        let name = shown(kind, writing);
        let (cells, types) = match writing {
            Writing::Written => (written(forms), types(forms, |_| true)),
            Writing::Plain => (plain(forms, false), types(forms, |form| form.types == "categorical")),
        };
        train(service, &name, kind, cells, types).await;
        let dataset = service.get(&format!("/datasets/{name}?all=true")).await.expect(200);
        let rows = service.get(&format!("/datasets/{name}/rows?limit={ROWS}")).await.expect(200);
        let found = forms.iter().flat_map(|form| differences(form, writing, &dataset, &rows));
        wrong.extend(found.map(|difference| format!("{name}: {difference}")));
        for by in kinds.iter().copied() {
            let mut bodies = vec![(Writing::Plain, plain(forms, writing == Writing::Written && by == Kind::Csv))];
            if writing == Writing::Written {
                bodies.push((Writing::Written, written(forms)));
            }
            for (asked, body) in bodies {
                match predicted(service, &name, by, &body).await {
                    Err(refused) => wrong.push(refused),
                    Ok(values) if *expected.get_or_insert_with(|| values.clone()) == values => {}
                    Ok(_) => wrong.push(format!("{name} predicts other values by {}", shown(by, asked))),
                }
            }
        }
    }
    wrong
}

/// Holds that a model refuses cells that are written in another way than its columns.
async fn refuses(service: &TestApp, model: &str, forms: &[&Form], kinds: &[Kind]) -> Vec<String> {
    let mut wrong = Vec::new();
    for (form, cell) in forms.iter().flat_map(|form| form.refused.iter().map(move |cell| (form, cell))) {
        for kind in kinds.iter().copied() {
            let column = Column { name: form.name.clone(), cells: vec![cell.clone()] };
            match predicted(service, model, kind, &[column]).await {
                Err(refused) if refused.contains("\"invalid_value\"") && refused.contains(&form.name) => {}
                other => wrong.push(format!("{}: {cell:?} by {kind:?} is not refused: {other:?}", form.name)),
            }
        }
    }
    wrong
}

/// The forms by the files that they hold for: each group is a file of every kind.
fn groups() -> BTreeMap<(Vec<Kind>, bool), Vec<Form>> {
    let mut groups: BTreeMap<_, Vec<Form>> = BTreeMap::new();
    for form in forms() {
        groups.entry((form.files.clone(), form.beside_commas)).or_default().push(form);
    }
    groups
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_form_of_the_page_is_read_alike_through_every_kind_of_file() {
    assert!(forms().len() > 80, "the tables of docs/values.md are found");
    let held = groups().into_iter().map(|((kinds, _), forms)| async move {
        let forms: Vec<&Form> = forms.iter().collect();
        let service = TestApp::start().await;
        let mut wrong = hold(&service, &forms, &kinds).await;
        wrong.extend(refuses(&service, &shown(kinds[0], Writing::Written), &forms, &kinds).await);
        wrong
    });
    let wrong = futures_util::future::join_all(held).await.concat();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
