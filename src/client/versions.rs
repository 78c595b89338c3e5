//! `epochd versions` and `epochd export`.

use std::path::Path;

use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use super::command::Versions;
use super::error::ClientError;
use super::predict::{to_file, to_stdout};
use super::report;
use super::screen::Screen;
use super::service::Service;
use super::table::{Table, figure, shown, time};

/// Measures that versions are compared by, of which those are shown that any has.
const MEASURES: [&str; 8] =
    ["accuracy", "log_loss", "roc_auc", "pinball_loss", "poisson_deviance", "rmse", "mae", "r2"];

/// `epochd versions`.
///
/// # Errors
/// The service refuses.
pub async fn versions(service: &Service, screen: &Screen, what: &Versions) -> Result<(), ClientError> {
    match what {
        Versions::List { model } => list(service, screen, model).await,
        Versions::Show { model, version } => {
            let version = service.get(&["models", model, "versions", version]).await?;
            screen.show(&version, |version| report::of_version(version, model))
        }
        Versions::Compare { model, versions, dataset } => {
            compare(service, screen, model, versions, dataset.as_deref()).await
        }
        Versions::Activate { model, version } => {
            let activate = ["models", model, "versions", version, "activate"];
            let changed = service.json(service.request(Method::POST, &activate, &[])).await?;
            screen.show(&changed, |changed| format!("version {} of {model} serves", changed["active_version"]))
        }
        Versions::Alias { model, alias, version } => {
            let body = json!({"version": version}).to_string();
            let request = service.request(Method::PUT, &["models", model, "aliases", alias], &[]);
            let named = service.json(request.header(CONTENT_TYPE, "application/json").body(body)).await?;
            screen.show(&named, |_| format!("version {version} of {model} is {alias}"))
        }
        Versions::Unalias { model, alias } => {
            service.delete(&["models", model, "aliases", alias]).await?;
            screen.done(&json!({"deleted": alias}), format!("{model} has no {alias} any more"))
        }
        Versions::Delete { model, version, yes } => {
            screen.confirm(&format!("delete version {version} of {model}"), *yes)?;
            service.delete(&["models", model, "versions", &version.to_string()]).await?;
            screen.done(&json!({"deleted": version}), format!("version {version} of {model} is deleted"))
        }
    }
}

/// All versions of a model.
///
/// # Errors
/// The service refuses.
pub async fn list(service: &Service, screen: &Screen, model: &str) -> Result<(), ClientError> {
    let versions = Value::from(service.list(&["models", model, "versions"]).await?);
    let train = screen.command(format!("train --model {model}"));
    screen.show(&versions, |versions| match versions.as_array() {
        Some(versions) if !versions.is_empty() => listed(versions),
        _ => format!("the model is not trained yet: {train}"),
    })
}

fn listed(versions: &[Value]) -> String {
    let told = told_by(versions);
    let warnings = |version: &Value| version["warnings"].as_array().map_or(0, Vec::len);
    let warned: &[&str] = if versions.iter().any(|version| warnings(version) > 0) { &["warnings"] } else { &[] };
    let heads = ["version", "serves", "aliases", "created", "rows", "epochs"];
    let mut table = Table::new(&[&heads[..], &told, warned].concat());
    for version in versions {
        let serves = if version["active"] == true { "*" } else { "" };
        let mut row = vec![shown(&version["version"]), serves.to_owned(), shown(&version["aliases"])];
        row.extend([time(&version["created_at"]), shown(&version["rows"]), shown(&version["epochs"])]);
        row.extend(told.iter().map(|name| version["metrics"][name].as_f64().map(figure).unwrap_or_default()));
        row.extend(warned.iter().map(|_| warnings(version).to_string()));
        table.row(row);
    }
    table.text()
}

/// The measures that any of the versions has.
fn told_by(versions: &[Value]) -> Vec<&'static str> {
    MEASURES.into_iter().filter(|name| versions.iter().any(|version| version["metrics"][name].is_f64())).collect()
}

async fn compare(
    service: &Service,
    screen: &Screen,
    model: &str,
    named: &[String],
    dataset: Option<&str>,
) -> Result<(), ClientError> {
    let mut versions = Vec::new();
    for version in named {
        versions.push(service.get(&["models", model, "versions", version]).await?);
    }
    if named.is_empty() {
        versions = service.list(&["models", model, "versions"]).await?;
        versions.reverse();
    }
    if let Some(dataset) = dataset {
        for version in &mut versions {
            let number = version["version"].to_string();
            let path = ["models", model, "versions", &number, "evaluate"];
            let measured = service.post(&path, &json!({"dataset": dataset})).await?;
            version["metrics"] = measured["metrics"].clone();
            version["metrics"]["rows"] = measured["rows"].clone();
            version["measured_warnings"] = measured["warnings"].clone();
            for warning in report::warnings(&measured) {
                screen.remark(format!("version {number}: warning: {warning}"));
            }
        }
    }
    let compared = Value::from(versions);
    screen.show(&compared, |versions| side_by_side(versions.as_array().map(Vec::as_slice).unwrap_or_default()))?;
    if dataset.is_none() && compared.as_array().is_some_and(|versions| versions.len() > 1) {
        screen.remark("\neach is measured on rows of its own training: --dataset measures all on the same");
    }
    Ok(())
}

/// A column for each version; of two, one more for what the second has more or less than the first.
fn side_by_side(versions: &[Value]) -> String {
    let serves = |version: &Value| if version["active"] == true { " *" } else { "" };
    let mut heads: Vec<String> =
        versions.iter().map(|version| format!("version {}{}", version["version"], serves(version))).collect();
    heads.insert(0, String::new());
    heads.extend((versions.len() == 2).then(|| "difference".to_owned()));
    let mut table = Table::new(&heads.iter().map(String::as_str).collect::<Vec<_>>());
    let mut row = |name: &str, of: &dyn Fn(&Value) -> String, difference: String| {
        let mut cells: Vec<String> = std::iter::once(name.to_owned()).chain(versions.iter().map(of)).collect();
        cells.extend((versions.len() == 2).then_some(difference));
        table.row(cells);
    };
    row("created", &|version| time(&version["created_at"]), String::new());
    row("rows", &|version| shown(&version["rows"]), String::new());
    row("epochs", &|version| shown(&version["epochs"]), String::new());
    row("measured on", &|version| shown(&version["metrics"]["rows"]), String::new());
    for name in told_by(versions) {
        let value = |version: &Value| version["metrics"][name].as_f64();
        let difference = match versions {
            [first, second] => value(first).zip(value(second)).map(|(first, second)| second - first),
            _ => None,
        };
        let difference = difference.map(|by| if by > 0.0 { format!("+{}", figure(by)) } else { figure(by) });
        row(name, &|version| value(version).map(figure).unwrap_or_default(), difference.unwrap_or_default());
    }
    table.text()
}

/// `epochd export`.
///
/// # Errors
/// The service refuses, or the file cannot be written.
pub async fn export(
    service: &Service,
    screen: &Screen,
    model: &str,
    version: &str,
    output: Option<&Path>,
) -> Result<(), ClientError> {
    let other =
        output.filter(|path| *path != Path::new("-") && path.extension().is_none_or(|end| end != "safetensors"));
    if let Some(path) = other {
        let told = format!("{}: a version is written as a file of safetensors: let the name end so", path.display());
        return Err(ClientError::Usage(told));
    }
    let path = ["models", model, "versions", version, "export"];
    let reply = service.send(service.request(Method::GET, &path, &[])).await?;
    if output == Some(Path::new("-")) {
        return to_stdout(service, reply).await;
    }
    let named = format!("{model}.safetensors");
    let file = output.unwrap_or(Path::new(&named));
    to_file(service, reply, file).await?;
    let which = if version == "active" { "the active version".to_owned() } else { format!("version {version}") };
    let told = format!("{which} of {model} is in {}", file.display());
    screen.done(&json!({"file": file.display().to_string()}), told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_versions_are_told_with_how_they_differ() {
        let version = |number: u64, accuracy: f64| {
            json!({"version": number, "active": number == 2, "created_at": "2026-11-28T10:00:00Z", "rows": 80, "epochs": 5,
                   "metrics": {"rows": 20, "accuracy": accuracy, "log_loss": 0.5}})
        };
        let told = side_by_side(&[version(1, 0.75), version(2, 0.875)]);
        let lines: Vec<&str> = told.lines().collect();
        assert_eq!(
            lines[0].split_whitespace().collect::<Vec<_>>(),
            ["version", "1", "version", "2", "*", "difference"]
        );
        assert_eq!(lines[5].split_whitespace().collect::<Vec<_>>(), ["accuracy", "0.7500", "0.8750", "+0.1250"]);
        assert_eq!(lines[6].split_whitespace().collect::<Vec<_>>(), ["log_loss", "0.5000", "0.5000", "0"]);
        assert!(!side_by_side(&[version(1, 0.5)]).contains("difference"));
    }
}
