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
use super::table::{Table, counted, figure, shown, time};
use super::watch::model_of;

/// Measures of versions of which the first that there is stands in the list.
const MEASURES: [&str; 5] = ["log_loss", "pinball_loss", "poisson_deviance", "rmse", "loss"];

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
            let (name, model) = model_of(service, &job).await;
            screen.show(&job, |job| {
                let told = fields(job, &["metrics", "config", "split", "comparison", "warnings", "candidates"]);
                format!("{told}\n\n{}", of_job(job, &name, &model))
            })
        }
        Jobs::Cancel { job, keep } => {
            let query: &[(&str, &str)] = if *keep { &[("keep", "true")] } else { &[] };
            let cancelled = service.json(service.request(Method::POST, &["jobs", job, "cancel"], query)).await?;
            let watch = screen.command(format!("watch {job}"));
            screen.show(&cancelled, |job| told_of_cancelled(job, *keep, &watch))
        }
        Jobs::Delete { job, yes } => {
            screen.confirm(&format!("delete the training {job} with its history"), *yes)?;
            service.delete(&["jobs", job]).await?;
            screen.done(&json!({"deleted": job}), format!("the training {job} is deleted"))
        }
    }
}

/// What became of a training that was told to end, and of the epochs it had done where they were to be kept.
fn told_of_cancelled(job: &Value, keep: bool, watch: &str) -> String {
    let (id, state) = (shown(&job["id"]), shown(&job["state"]));
    let kept = match &job["version"] {
        _ if !keep => String::new(),
        Value::Number(version) => format!("; version {version} keeps {}", counted(&job["epoch"], "epoch")),
        _ if matches!(state.as_str(), "queued" | "running") => {
            return format!("the training {id} ends once the epochs done are measured; watch it by: {watch}");
        }
        _ if job["epoch"] == 0 => "; nothing was kept: no epoch was done".into(),
        _ => "; nothing was kept: there is no new version".into(),
    };
    format!("the training {id} is {state}{kept}")
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
        let loss = job["loss"].as_f64().map(figure).unwrap_or_default();
        let validation = validation(job);
        let model = shown(&job["model_id"]);
        let model = names.get(&model).cloned().unwrap_or(model);
        table.row(vec![id, model, state, epoch, epochs, loss, validation, time(&job["created_at"])]);
    }
    table.text()
}

/// What a job's version measures on rows held out, by a name of [`MEASURES`]; the loss of its last epoch where there is no version:
/// a version is of the best epoch, and of all networks together.
fn validation(job: &Value) -> String {
    let measured = MEASURES.iter().find_map(|name| Some((*name, job["metrics"][name].as_f64()?)));
    let measured = measured.or_else(|| Some(("loss", job["validation_loss"].as_f64()?)));
    measured.map(|(name, value)| format!("{name} {}", figure(value))).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_of_a_cancelled_training_is_told() {
        let told = |state: &str, epoch: u64, version: Value, keep| {
            told_of_cancelled(
                &json!({"id": "a", "state": state, "epoch": epoch, "version": version}),
                keep,
                "epochd watch a",
            )
        };
        assert_eq!(told("cancelled", 5, Value::Null, false), "the training a is cancelled");
        assert_eq!(told("cancelled", 1, json!(2), true), "the training a is cancelled; version 2 keeps 1 epoch");
        let nothing = "the training a is cancelled; nothing was kept: no epoch was done";
        assert_eq!(told("cancelled", 0, Value::Null, true), nothing);
        assert!(told("running", 5, Value::Null, true).ends_with("are measured; watch it by: epochd watch a"));
    }

    #[test]
    fn a_version_is_listed_with_its_own_measure() {
        let ended = json!({"validation_loss": 0.8347, "metrics": {"log_loss": 0.4306, "accuracy": 0.8}});
        assert_eq!(validation(&ended), "log_loss 0.4306");
        assert_eq!(validation(&json!({"validation_loss": 0.8347, "metrics": null})), "loss 0.8347");
        assert_eq!(validation(&json!({"validation_loss": null})), "");
    }
}
