//! `epochd jobs`.

use reqwest::Method;
use serde_json::Value;

use super::command::Jobs;
use super::error::ClientError;
use super::models::fields;
use super::screen::Screen;
use super::service::Service;
use super::table::{Table, figure, shown, time};

/// `epochd jobs`.
///
/// # Errors
/// The service refuses.
pub async fn jobs(service: &Service, screen: &Screen, what: &Jobs) -> Result<(), ClientError> {
    match what {
        Jobs::List => {
            let jobs = Value::from(service.list(&["jobs"]).await?);
            screen.show(&jobs, list)
        }
        Jobs::Show { job } => {
            let job = service.get(&["jobs", job]).await?;
            screen.show(&job, |job| fields(job, &["metrics", "config", "split", "comparison", "warnings"]))
        }
        Jobs::Cancel { job, keep } => {
            let query: &[(&str, &str)] = if *keep { &[("keep", "true")] } else { &[] };
            let cancelled = service.json(service.request(Method::POST, &["jobs", job, "cancel"], query)).await?;
            screen.show(&cancelled, |job| format!("the training {} is {}", shown(&job["id"]), shown(&job["state"])))
        }
        Jobs::Delete { job } => {
            service.delete(&["jobs", job]).await?;
            screen.remark(format!("the job {job} is deleted"));
            Ok(())
        }
    }
}

fn list(jobs: &Value) -> String {
    let jobs = jobs.as_array().map(Vec::as_slice).unwrap_or_default();
    if jobs.is_empty() {
        return "there was no training yet: epochd train data.csv --target COLUMN".into();
    }
    let mut table = Table::new(&["id", "state", "epoch", "of", "loss", "validation", "created"]);
    for job in jobs {
        let [id, state, epoch, epochs] = ["id", "state", "epoch", "epochs"].map(|member| shown(&job[member]));
        let [loss, validation] =
            ["loss", "validation_loss"].map(|member| job[member].as_f64().map(figure).unwrap_or_default());
        table.row(vec![id, state, epoch, epochs, loss, validation, time(&job["created_at"])]);
    }
    table.text()
}
