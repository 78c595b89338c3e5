//! The client commands: `epochd train`, `predict`, `watch` and the others. They ask a running service, over its public API alone,
//! and know nothing of the rest of the program.

mod command;
mod data_file;
mod datasets;
mod distrust;
mod error;
mod evaluate;
mod events;
mod jobs;
mod keys;
mod local;
mod models;
mod output;
mod parting;
mod predict;
mod printable;
mod read_as;
mod report;
mod screen;
mod service;
mod table;
mod train;
mod versions;
mod watch;
mod written;

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

use rustix::process::Signal;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

pub use self::command::{Client, ClientCommand};
use self::command::{ClientTls, Common, Datasets, Jobs, Keys, Things};
pub use self::error::ClientError;
use self::local::Local;
use self::parting::Parting;
use self::screen::Screen;
use self::service::Service;

/// Does what the command line asks; the exit status says how it went.
pub fn run(client: &Client) -> ExitCode {
    let parting = Arc::new(Parting::default());
    let ended = runtime().block_on(done_or_ended(client, &parting));
    parting.end_service();
    match ended {
        Ok(()) | Err(ClientError::Closed) => ExitCode::SUCCESS,
        Err(error) => {
            let told = match &error {
                _ if client.common.json => error.document().to_string(),
                ClientError::Interrupted(told) => told.clone(),
                error => format!("error: {error}"),
            };
            // Nobody is left to be told where this cannot be written.
            let _ = writeln!(io::stderr(), "{told}");
            ExitCode::from(error.exit_status())
        }
    }
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be started")
}

/// The command, unless a signal ends it. It has a thread of its own, which is not waited for then: it may be held up for good.
async fn done_or_ended(client: &Client, parting: &Arc<Parting>) -> Result<(), ClientError> {
    let of = |kind| signal(kind).map_err(ClientError::io("signals"));
    let (mut interrupt, mut terminate) = (of(SignalKind::interrupt())?, of(SignalKind::terminate())?);
    // Under nohup it is ignored, and stays so.
    let hangup = if is_ignored(Signal::HUP) { None } else { Some(of(SignalKind::hangup())?) };
    let hung_up = async {
        match hangup {
            Some(mut hangup) => hangup.recv().await,
            None => std::future::pending().await,
        }
    };
    let (tell, told) = oneshot::channel();
    let (end, ended) = oneshot::channel::<()>();
    let (client, screen) = (client.clone(), Screen::of(&client.common, parting.clone()));
    std::thread::spawn(move || {
        runtime().block_on(async {
            tokio::select! {
                done = done(&client, &screen) => {
                    let _ = tell.send(done);
                }
                _ = ended => {}
            }
        });
    });
    let word = tokio::select! {
        biased;
        done = told => return done.unwrap_or_else(|_| Err(ClientError::Failed("the command broke off".into()))),
        _ = interrupt.recv() => "interrupted",
        _ = terminate.recv() => "terminated",
        _ = hung_up => "hung up",
    };
    drop(end);
    Err(parting.last_words(word).await)
}

/// Whether this process was started so that it ignores a signal, as far as the system tells (Linux does).
fn is_ignored(signal: Signal) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // Signals are counted from 1.
    ignored.is_none_or(|mask| mask >> (signal.as_raw() - 1) & 1 == 1)
}

/// The service that is asked: one of the command's own, which ends with it, or one that runs.
fn service(common: &Common, parting: &Parting) -> Result<Service, ClientError> {
    if !common.local {
        let key = common.key.as_ref().map(|key| key.0.as_str());
        return Service::new(&common.url, key, &common.tls);
    }
    let (local, starting) = Local::start(&common.data_dir)?;
    parting.ends(local);
    let key = starting.key.clone();
    Service::new(&starting.address()?, Some(&key), &ClientTls::default())
}

async fn done(client: &Client, screen: &Screen) -> Result<(), ClientError> {
    let common = &client.common;
    let service = &service(common, &screen.parting)?;
    match &client.command {
        ClientCommand::Train(asked) => train::train(service, common, screen, asked).await,
        ClientCommand::Predict(asked) => predict::predict(service, screen, asked).await,
        ClientCommand::Evaluate(asked) => evaluate::evaluate(service, screen, asked).await,
        ClientCommand::Models { what } => models::models(service, screen, what.as_ref().unwrap_or(&Things::List)).await,
        ClientCommand::Versions { what: Some(what), .. } => versions::versions(service, screen, what).await,
        ClientCommand::Versions { what: None, model: Some(model) } => versions::list(service, screen, model).await,
        // Where the environment names the service, this does not count as a command line without anything.
        ClientCommand::Versions { what: None, model: None } => {
            Err(ClientError::Usage("name the model: epochd versions MODEL, or see epochd versions --help".into()))
        }
        ClientCommand::Datasets { what } => {
            datasets::datasets(service, screen, what.as_ref().unwrap_or(&Datasets::List)).await
        }
        ClientCommand::Jobs { what } => jobs::jobs(service, screen, what.as_ref().unwrap_or(&Jobs::ALL)).await,
        ClientCommand::Watch { job } => watch::watch(service, common, screen, job).await,
        ClientCommand::Export { model, version, output } => {
            versions::export(service, screen, model, version, output.as_deref()).await
        }
        ClientCommand::Import { file, name } => datasets::import(service, screen, file, name.as_deref()).await,
        ClientCommand::Keys { what } => keys::keys(service, screen, what.as_ref().unwrap_or(&Keys::List)).await,
        ClientCommand::Completions { .. } => {
            unreachable!("the whole command line is completed, not the client's part alone")
        }
    }
}
