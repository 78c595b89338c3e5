//! `epochd models`.

use serde_json::{Value, json};

use super::command::Things;
use super::error::ClientError;
use super::screen::Screen;
use super::service::Service;
use super::table::{Table, shown, time};

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
            screen.done(&json!({"deleted": name}), format!("the model {name} is deleted"))
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
    let written = |name: &str, value: &Value| if name.ends_with("_at") { time(value) } else { shown(value) };
    let lines = told.map(|(name, value)| format!("{name:<20} {}", written(name, value)));
    lines.collect::<Vec<_>>().join("\n")
}
