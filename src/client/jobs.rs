//! `epochd jobs`.

use std::collections::HashMap;

use reqwest::Method;
use serde_json::{Value, json};

use super::command::Jobs;
use super::error::ClientError;
use super::models::fields;
use super::report::of_job;
use super::screen::Screen;
use super::service::Service;
use super::table::{Table, figure, shown, time};
use super::watch::model_of;

/// `epochd jobs`.
///
/// # Errors
/// The service refuses.
pub async fn jobs(service: &Service, screen: &Screen, what: &Jobs) -> Result<(), ClientError> {
    match what {
        Jobs::List { model, state } => {
            let asked = [("model", model), ("state", state)];
            let query: Vec<(&str, &str)> =
                asked.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?))).collect();
            let jobs = Value::from(service.list_of(&["jobs"], &query).await?);
            let names = if screen.json { HashMap::new() } else { names(service).await? };
            screen.show(&jobs, |jobs| list(jobs, &names))
        }
        Jobs::Show { job } => {
            let job = service.get(&["jobs", job]).await?;
            let model = model_of(service, &job).await;
            screen.show(&job, |job| {
                let told = fields(job, &["metrics", "config", "split", "comparison", "warnings", "candidates"]);
                format!("{told}\n\n{}", of_job(job, &model))
            })
        }
        Jobs::Cancel { job, keep } => {
            let query: &[(&str, &str)] = if *keep { &[("keep", "true")] } else { &[] };
            let cancelled = service.json(service.request(Method::POST, &["jobs", job, "cancel"], query)).await?;
            screen.show(&cancelled, |job| format!("the training {} is {}", shown(&job["id"]), shown(&job["state"])))
        }
        Jobs::Delete { job, yes } => {
            screen.confirm(&format!("delete the training {job} with its history"), *yes)?;
            service.delete(&["jobs", job]).await?;
            screen.done(&json!({"deleted": job}), format!("the training {job} is deleted"))
        }
    }
}

/// The names of models by their ids.
async fn names(service: &Service) -> Result<HashMap<String, String>, ClientError> {
    let models = service.list(&["models"]).await?;
    Ok(models.iter().filter_map(|model| Some((shown(&model["id"]), model["name"].as_str()?.to_owned()))).collect())
}

fn list(jobs: &Value, names: &HashMap<String, String>) -> String {
    let jobs = jobs.as_array().map(Vec::as_slice).unwrap_or_default();
    if jobs.is_empty() {
        return "there is no such training: epochd train data.csv --target COLUMN".into();
    }
    let mut table = Table::new(&["id", "model", "state", "epoch", "of", "loss", "validation", "created"]);
    for job in jobs {
        let [id, state, epoch, epochs] = ["id", "state", "epoch", "epochs"].map(|member| shown(&job[member]));
        let [loss, validation] =
            ["loss", "validation_loss"].map(|member| job[member].as_f64().map(figure).unwrap_or_default());
        let model = shown(&job["model_id"]);
        let model = names.get(&model).cloned().unwrap_or(model);
        table.row(vec![id, model, state, epoch, epochs, loss, validation, time(&job["created_at"])]);
    }
    table.text()
}
