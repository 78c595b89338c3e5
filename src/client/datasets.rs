//! `epochd datasets` and `epochd import`: what is made of files.

use std::path::Path;

use serde_json::{Value, json};

use super::command::{Datasets, Reading};
use super::data_file::DataFile;
use super::error::ClientError;
use super::report::warnings;
use super::screen::Screen;
use super::service::Service;
use super::table::{Table, counted, shown, time};

/// Values of a column that are shown.
const MOST_VALUES: usize = 3;

/// `epochd datasets`.
///
/// # Errors
/// The service refuses, or the file cannot be read.
pub async fn datasets(service: &Service, screen: &Screen, what: &Datasets) -> Result<(), ClientError> {
    match what {
        Datasets::List => {
            let datasets = Value::from(service.list(&["datasets"]).await?);
            screen.show(&datasets, list)
        }
        Datasets::Show { name } => {
            let dataset = service.get(&["datasets", name]).await?;
            screen.show(&dataset, described)
        }
        Datasets::Upload { file, name, reading } => upload(service, screen, file, name.as_deref(), reading).await,
        Datasets::Append { dataset, file, content_type } => {
            let file = DataFile::of(Some(file), content_type.as_deref())?;
            let made = file.post(service, screen, &["datasets", dataset, "append"], &[]).await?;
            screen.show(&made, described)
        }
        Datasets::Delete { name, yes } => {
            screen.confirm(&format!("delete the data set {name}"), *yes)?;
            service.delete(&["datasets", name]).await?;
            screen.done(&json!({"deleted": name}), format!("the data set {name} is deleted"))
        }
    }
}

async fn upload(
    service: &Service,
    screen: &Screen,
    file: &Path,
    name: Option<&str>,
    options: &Reading,
) -> Result<(), ClientError> {
    let file = DataFile::of(Some(file), options.content_type.as_deref())?;
    let mut query = options.query();
    query.extend(name.map(str::to_owned).or_else(|| file.name()).map(|name| ("name", name)));
    let made = file.post(service, screen, &["datasets"], &query).await?;
    screen.show(&made, described)
}

fn list(datasets: &Value) -> String {
    let datasets = datasets.as_array().map(Vec::as_slice).unwrap_or_default();
    if datasets.is_empty() {
        return "there is no data set yet: epochd datasets upload data.csv".into();
    }
    let mut table = Table::new(&["name", "rows", "columns", "bytes", "created"]);
    for dataset in datasets {
        let name = if dataset["name"].is_null() { &dataset["id"] } else { &dataset["name"] };
        let columns = dataset["columns"].as_array().map_or(0, Vec::len).to_string();
        let (rows, bytes) = (shown(&dataset["rows"]), shown(&dataset["bytes"]));
        table.row(vec![shown(name), rows, columns, bytes, time(&dataset["created_at"])]);
    }
    table.text()
}

/// A data set with its columns, and what is to be said of them.
fn described(dataset: &Value) -> String {
    let name = if dataset["name"].is_null() { &dataset["id"] } else { &dataset["name"] };
    let mut table = Table::new(&["column", "type", "missing", "distinct", "from", "to", "most frequent"]);
    for column in dataset["columns"].as_array().into_iter().flatten() {
        let top = column["top"].as_array().into_iter().flatten().take(MOST_VALUES);
        let top = top.map(|value| format!("{} ({})", shown(&value["value"]), value["count"])).collect::<Vec<_>>();
        let cells = ["name", "type", "missing", "distinct", "min", "max"].map(|member| shown(&column[member]));
        table.row(cells.into_iter().chain([top.join(", ")]).collect());
    }
    let mut text = format!("{}: {}\n\n{}", shown(name), counted(&dataset["rows"], "row"), table.text());
    for finding in warnings(dataset) {
        text += &format!("\n\nfinding: {finding}");
    }
    text
}

/// `epochd import`.
///
/// # Errors
/// The service refuses, or the file cannot be read.
pub async fn import(service: &Service, screen: &Screen, file: &Path, name: Option<&str>) -> Result<(), ClientError> {
    let file = DataFile::of(Some(file), Some("application/octet-stream"))?;
    let name = name.map(str::to_owned).or_else(|| file.name());
    let query: Vec<(&str, String)> = name.map(|name| ("name", name)).into_iter().collect();
    let model = file.post(service, screen, &["models", "import"], &query).await?;
    screen.show(&model, |model| format!("{} is there, with version 1", shown(&model["name"])))
}
