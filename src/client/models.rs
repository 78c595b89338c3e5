//! `epochd models` and `epochd versions`.

use std::path::Path;

use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use super::command::{Things, Versions};
use super::error::ClientError;
use super::predict::{to_file, to_stdout};
use super::screen::Screen;
use super::service::Service;
use super::table::{Table, figure, shown, time};

/// Measures that versions are compared by, of which those are shown that any has.
const MEASURES: [&str; 6] = ["accuracy", "log_loss", "roc_auc", "rmse", "mae", "r2"];

/// `epochd models`.
///
/// # Errors
/// The service refuses.
pub async fn models(service: &Service, screen: &Screen, what: &Things) -> Result<(), ClientError> {
    match what {
        Things::List => {
            let models = Value::from(service.list(&["models"]).await?);
            screen.show(&models, list)
        }
        Things::Show { name } => {
            let model = service.get(&["models", name]).await?;
            screen.show(&model, |model| fields(model, &[]))
        }
        Things::Delete { name, yes } => {
            screen.confirm(&format!("delete the model {name} with all of its versions"), *yes)?;
            service.delete(&["models", name]).await?;
            screen.remark(format!("the model {name} is deleted"));
            Ok(())
        }
    }
}

fn list(models: &Value) -> String {
    let models = models.as_array().map(Vec::as_slice).unwrap_or_default();
    if models.is_empty() {
        return "there is no model yet: epochd train data.csv --target COLUMN".into();
    }
    let mut table = Table::new(&["name", "predicts", "layers", "version", "changed"]);
    for model in models {
        let name = if model["name"].is_null() { &model["id"] } else { &model["name"] };
        let predicts = format!("{} {}", shown(&model["target"]), shown(&model["task"]));
        let layers = shown(&model["layers"]).replace(", ", "-");
        let version = model["active_version"].as_u64().map_or("none".into(), |version| version.to_string());
        table.row(vec![shown(name), predicts.trim().into(), layers, version, time(&model["updated_at"])]);
    }
    table.text()
}

/// The members of an object, one a line, but for those that are left out or empty.
pub fn fields(object: &Value, but: &[&str]) -> String {
    let members = object.as_object().into_iter().flatten();
    let told =
        members.filter(|(name, value)| !but.contains(&name.as_str()) && !value.is_null() && **value != json!([]));
    let lines = told.map(|(name, value)| format!("{name:<20} {}", shown(value)));
    lines.collect::<Vec<_>>().join("\n")
}

/// `epochd versions`.
///
/// # Errors
/// The service refuses.
pub async fn versions(service: &Service, screen: &Screen, what: &Versions) -> Result<(), ClientError> {
    match what {
        Versions::List { model } => {
            let versions = Value::from(service.list(&["models", model, "versions"]).await?);
            screen.show(&versions, compared)
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
            screen.remark(format!("{model} has no {alias} any more"));
            Ok(())
        }
        Versions::Delete { model, version, yes } => {
            screen.confirm(&format!("delete version {version} of {model}"), *yes)?;
            let version = version.to_string();
            service.delete(&["models", model, "versions", &version]).await?;
            screen.remark(format!("version {version} of {model} is deleted"));
            Ok(())
        }
    }
}

/// Versions side by side.
fn compared(versions: &Value) -> String {
    let versions = versions.as_array().map(Vec::as_slice).unwrap_or_default();
    if versions.is_empty() {
        return "the model is not trained yet: epochd train data.csv --model MODEL".into();
    }
    let told: Vec<&str> =
        MEASURES.into_iter().filter(|name| versions.iter().any(|version| version["metrics"][name].is_f64())).collect();
    let mut table = Table::new(&[&["version", "serves", "aliases", "created", "rows", "epochs"][..], &told].concat());
    for version in versions {
        let serves = if version["active"] == true { "*" } else { "" };
        let mut row = vec![shown(&version["version"]), serves.to_owned(), shown(&version["aliases"])];
        row.extend([time(&version["created_at"]), shown(&version["rows"]), shown(&version["epochs"])]);
        row.extend(told.iter().map(|name| version["metrics"][name].as_f64().map(figure).unwrap_or_default()));
        table.row(row);
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
    let path = ["models", model, "versions", version, "export"];
    let reply = service.send(service.request(Method::GET, &path, &[])).await?;
    if output == Some(Path::new("-")) {
        return to_stdout(service, reply).await;
    }
    let named = format!("{model}.safetensors");
    let file = output.unwrap_or(Path::new(&named));
    to_file(service, reply, file).await?;
    screen.remark(format!("version {version} of {model} is in {}", file.display()));
    Ok(())
}
