//! A training as it goes: its events, a bar, and its end.

use std::time::Duration;

use bytes::Bytes;
use indicatif::ProgressBar;
use reqwest::header::ACCEPT;
use reqwest::{Method, RequestBuilder, Response};
use serde_json::Value;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, sleep};

use super::command::Common;
use super::error::{ClientError, Problem};
use super::events::{Event, Events};
use super::report;
use super::screen::Screen;
use super::service::Service;
use super::table::figure;

/// How often a stream is begun again that broke off without news.
const TRIES: u32 = 5;
/// Most seconds that a service which refuses is not asked.
const MOST_PAUSE: u64 = 60;
/// How often it is asked how long it will take yet, which events do not tell.
const ASKED_EACH: Duration = Duration::from_secs(1);

/// `epochd watch`: shows a training until its end.
///
/// # Errors
/// There is no such job, or it failed.
pub async fn watch(service: &Service, common: &Common, screen: &Screen, job: &str) -> Result<(), ClientError> {
    let ended = until_end(service, common, screen, job).await?;
    tell(service, screen, &ended).await
}

/// Prints what a job came to.
///
/// # Errors
/// It failed or was cancelled.
pub async fn tell(service: &Service, screen: &Screen, job: &Value) -> Result<(), ClientError> {
    let (name, model) = model_of(service, job).await;
    let shown = screen.show(job, |job| report::of_job(job, &name, &model));
    // What it came to counts, also where nobody reads the report.
    let version = version_of(job)?;
    shown?;
    // Of a model that is gone there is nothing to go on with.
    if !model.is_null() {
        let serves = model["active_version"] == version;
        screen.remark(format!("\n{}", ways_on(screen, &name, version, serves)));
    }
    Ok(())
}

/// The version that a job has made.
fn version_of(job: &Value) -> Result<u64, ClientError> {
    let why_none = || match job["state"].as_str() {
        Some("failed") => {
            let problem: Problem = serde_json::from_value(job["error"].clone()).unwrap_or_default();
            ClientError::Failed(format!("the training failed: {problem}"))
        }
        _ => ClientError::Failed("the training was cancelled: there is no new version".into()),
    };
    job["version"].as_u64().ok_or_else(why_none)
}

/// The commands by which a new version is asked, and by which it serves where it does not yet.
fn ways_on(screen: &Screen, model: &str, version: u64, serves: bool) -> String {
    if serves {
        return format!("predict by: {}", screen.command(format!("predict {model} FILE")));
    }
    let predict = screen.command(format!("predict {model} FILE --version {version}"));
    let activate = screen.command(format!("versions activate {model} {version}"));
    format!("predict with it by: {predict}\nhave it serve by: {activate}")
}

/// The name of a job's model, or its id where it has none; and the model itself, null if it is gone by now.
pub async fn model_of(service: &Service, job: &Value) -> (String, Value) {
    let id = job["model_id"].as_str().unwrap_or_default();
    let model = service.get(&["models", id]).await.unwrap_or_default();
    (model["name"].as_str().unwrap_or(id).to_owned(), model)
}

/// The job as it is at its end. Ctrl-C ends the command, not the training: how to come back to it is said.
///
/// # Errors
/// There is no such job, or the service is away for good.
pub async fn until_end(service: &Service, common: &Common, screen: &Screen, job: &str) -> Result<Value, ClientError> {
    let left = left(common, screen, job);
    screen.parting.says(Some(left.clone()));
    let bar = screen.epochs_bar();
    let ended = follow(service, job, &bar).await;
    bar.finish_and_clear();
    screen.parting.says(None);
    // Of a service that cannot be followed any more nothing says that the training has ended.
    if !matches!(&ended, Ok(_) | Err(ClientError::Refused(_))) {
        screen.remark(left);
    }
    ended
}

/// What becomes of a training whose command is ended.
fn left(common: &Common, screen: &Screen, job: &str) -> String {
    let [watch, cancel] = ["watch", "jobs cancel"].map(|what| screen.command(format!("{what} {job}")));
    match common.local {
        true => format!(
            "the training rests where it is; go on with it by: {watch}\nend it by: {cancel}\nor have a service do it: epochd \
             --data-dir {}",
            common.data_dir.display()
        ),
        false => format!("the training goes on; watch it by: {watch}\nend it by: {cancel}"),
    }
}

/// Follows the events of a job to its end; a stream that breaks off goes on where it was.
async fn follow(service: &Service, job: &str, bar: &ProgressBar) -> Result<Value, ClientError> {
    let (mut events, mut view, mut tries) = (Events::default(), View::default(), 0);
    let mut clock = interval_at(Instant::now() + ASKED_EACH, ASKED_EACH);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let broke_off = match service.send(request(service, job, events.last_id.as_deref())).await {
            // The training goes on meanwhile, however long that is.
            Err(ClientError::Refused(problem)) if problem.passes() => {
                sleep(pause(&problem)).await;
                continue;
            }
            Err(refused @ ClientError::Refused(_)) => return Err(refused),
            Err(error) => error,
            Ok(mut reply) => loop {
                match next(service, job, &mut reply, &mut clock).await {
                    Next::Events(piece) => {
                        tries = 0;
                        for event in events.read(&piece) {
                            if let Some(ended) = view.take(&event, bar) {
                                return Ok(ended);
                            }
                        }
                    }
                    Next::Job(job) => view.remains(&job, bar),
                    Next::Broken(error) => break error,
                }
            },
        };
        tries += 1;
        if tries > TRIES {
            return Err(broke_off);
        }
        sleep(Duration::from_millis(200 << tries)).await;
    }
}

/// How long nothing is asked after a refusal that passes.
fn pause(problem: &Problem) -> Duration {
    Duration::from_secs(problem.retry_after.unwrap_or(2).clamp(1, MOST_PAUSE))
}

/// What comes next of a job that is followed.
enum Next {
    /// A piece of its events.
    Events(Bytes),
    /// How it stands, as is asked each second.
    Job(Value),
    /// There are no more events.
    Broken(ClientError),
}

/// The next piece of events, or how the job stands where a second is over before.
async fn next(service: &Service, job: &str, reply: &mut Response, clock: &mut Interval) -> Next {
    loop {
        tokio::select! {
            piece = reply.chunk() => return match piece {
                Ok(Some(piece)) => Next::Events(piece),
                Ok(None) => Next::Broken(ClientError::Failed("the service ended the events before the job's end".into())),
                Err(error) => Next::Broken(service.unreachable(error)),
            },
            _ = clock.tick() => if let Ok(job) = service.get(&["jobs", job]).await {
                return Next::Job(job);
            },
        }
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
    /// The losses of its last epoch.
    losses: String,
    /// Seconds that it takes yet, at most.
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
                self.remains(&value, bar);
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

    /// Shows how a job stands.
    fn remains(&mut self, job: &Value, bar: &ProgressBar) {
        bar.set_length(job["epochs"].as_u64().unwrap_or(0));
        self.eta = job["eta_seconds"].as_f64();
        if self.losses.is_empty() {
            let takes = job["estimated_seconds"].as_f64().filter(|seconds| *seconds >= 1.0);
            let takes = takes.map(|seconds| format!("; it takes about {seconds:.0} s")).unwrap_or_default();
            let does = if job["state"] == "queued" { "waits for its turn" } else { "prepares its rows" };
            bar.set_message(format!("{does}{takes}"));
        } else {
            self.show(bar);
        }
    }

    fn epoch(&mut self, epoch: &Value, bar: &ProgressBar) {
        let measure = |name: &str| epoch[name].as_f64().map(figure);
        self.losses = format!("loss {}", measure("loss").unwrap_or_default());
        if let Some(validation) = measure("validation_loss") {
            self.losses += &format!(", validation {validation}");
        }
        self.show(bar);
        bar.set_position(epoch["epoch"].as_u64().unwrap_or(0));
    }

    fn show(&self, bar: &ProgressBar) {
        let left = self.eta.filter(|eta| *eta >= 1.0).map(|eta| format!(", {eta:.0} s left at most"));
        bar.set_message(self.losses.clone() + &left.unwrap_or_default());
    }
}
