//! A training as it goes: its events, a bar, and its end.

use indicatif::ProgressBar;
use reqwest::header::ACCEPT;
use reqwest::{Method, RequestBuilder};
use serde_json::Value;
use tokio::signal::ctrl_c;

use super::error::{ClientError, Problem};
use super::events::{Event, Events};
use super::report;
use super::screen::Screen;
use super::service::Service;
use super::table::figure;

/// How often a stream is begun again that broke off without news.
const TRIES: u32 = 5;

/// `epochd watch`: shows a training until its end.
///
/// # Errors
/// There is no such job, it failed, or the user ended the command.
pub async fn watch(service: &Service, screen: &Screen, job: &str) -> Result<(), ClientError> {
    let ended = until_end(service, screen, job, &format!("watch it by: epochd watch {job}")).await?;
    tell(service, screen, &ended).await
}

/// Prints what a job came to.
///
/// # Errors
/// It failed or was cancelled.
pub async fn tell(service: &Service, screen: &Screen, job: &Value) -> Result<(), ClientError> {
    let model = job["model_id"].as_str().unwrap_or_default();
    // A model may be gone by now.
    let name = service.get(&["models", model]).await.ok().and_then(|model| model["name"].as_str().map(str::to_owned));
    let name = name.unwrap_or_else(|| model.to_owned());
    screen.show(job, |job| report::of_job(job, &name))?;
    match job["state"].as_str() {
        Some("succeeded") => {
            screen.remark(format!("\npredict by: epochd predict {name} FILE"));
            Ok(())
        }
        Some("failed") => {
            let problem: Problem = serde_json::from_value(job["error"].clone()).unwrap_or_default();
            Err(ClientError::Failed(format!("the training failed: {problem}")))
        }
        _ if job["version"].is_u64() => Ok(()),
        _ => Err(ClientError::Failed("the training was cancelled: there is no new version".into())),
    }
}

/// The job as it is at its end. Ctrl-C ends the command, not the training: `goes_on` says how to come back.
///
/// # Errors
/// There is no such job, the service is away for good, or the user ended the command.
pub async fn until_end(service: &Service, screen: &Screen, job: &str, goes_on: &str) -> Result<Value, ClientError> {
    let bar = screen.epochs_bar();
    let ended = tokio::select! {
        ended = follow(service, job, &bar) => ended,
        _ = ctrl_c() => {
            let told = format!("the training goes on; {goes_on}\nend it by: epochd jobs cancel {job}");
            Err(ClientError::Interrupted(told))
        }
    };
    bar.finish_and_clear();
    ended
}

/// Follows the events of a job to its end; a stream that breaks off goes on where it was.
async fn follow(service: &Service, job: &str, bar: &ProgressBar) -> Result<Value, ClientError> {
    let (mut events, mut view, mut tries) = (Events::default(), View::default(), 0);
    loop {
        let broke_off = match service.send(request(service, job, events.last_id.as_deref())).await {
            Err(refused @ ClientError::Refused(_)) => return Err(refused),
            Err(error) => error,
            Ok(mut reply) => loop {
                match reply.chunk().await {
                    Ok(Some(piece)) => {
                        tries = 0;
                        for event in events.read(&piece) {
                            if let Some(ended) = view.take(&event, bar) {
                                return Ok(ended);
                            }
                        }
                    }
                    Ok(None) => break ClientError::Failed("the service ended the events before the job's end".into()),
                    Err(error) => break service.unreachable(error),
                }
            },
        };
        tries += 1;
        if tries > TRIES {
            return Err(broke_off);
        }
        tokio::time::sleep(std::time::Duration::from_millis(200 << tries)).await;
    }
}

fn request(service: &Service, job: &str, last_id: Option<&str>) -> RequestBuilder {
    let request = service.request(Method::GET, &["jobs", job, "events"], &[]).header(ACCEPT, "text/event-stream");
    match last_id {
        Some(id) => request.header("last-event-id", id),
        None => request,
    }
}

/// What is shown of a job.
#[derive(Default)]
struct View {
    eta: Option<f64>,
    warned: usize,
}

impl View {
    /// Shows an event; the job if it was its last.
    fn take(&mut self, event: &Event, bar: &ProgressBar) -> Option<Value> {
        let value: Value = serde_json::from_str(&event.data).ok()?;
        match event.name.as_str() {
            "epoch" => self.epoch(&value, bar),
            "state" => {
                bar.set_length(value["epochs"].as_u64().unwrap_or(0));
                self.eta = value["eta_seconds"].as_f64();
                if value["state"] == "queued" {
                    let takes = value["estimated_seconds"].as_f64().filter(|seconds| *seconds >= 1.0);
                    let then = takes.map(|seconds| format!("; it takes about {seconds:.0} s")).unwrap_or_default();
                    bar.set_message(format!("waiting for other trainings{then}"));
                }
                if !matches!(value["state"].as_str(), Some("queued" | "running")) {
                    return Some(value);
                }
                // Those of the end stand in the report.
                let warnings = report::warnings(&value);
                warnings.iter().skip(self.warned).for_each(|warning| bar.println(format!("warning: {warning}")));
                self.warned = self.warned.max(warnings.len());
            }
            _ => {}
        }
        None
    }

    fn epoch(&mut self, epoch: &Value, bar: &ProgressBar) {
        let measure = |name: &str| epoch[name].as_f64().map(figure);
        let mut message = format!("loss {}", measure("loss").unwrap_or_default());
        if let Some(validation) = measure("validation_loss") {
            message += &format!(", validation {validation}");
        }
        if let Some(eta) = self.eta.filter(|eta| *eta >= 1.0) {
            message += &format!(", {eta:.0} s left at most");
        }
        bar.set_position(epoch["epoch"].as_u64().unwrap_or(0));
        bar.set_message(message);
    }
}
