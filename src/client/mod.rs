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
mod predict;
mod report;
mod screen;
mod service;
mod table;
mod train;
mod versions;
mod watch;
mod written;

use std::process::ExitCode;

use tokio::signal::ctrl_c;
use tokio::signal::unix::{SignalKind, signal};

pub use self::command::{Client, ClientCommand};
use self::command::{Datasets, Jobs, Keys, Things};
pub use self::error::ClientError;
use self::local::Local;
use self::screen::Screen;
use self::service::Service;

/// Does what the command line asks; the exit status says how it went.
pub fn run(client: &Client) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime.expect("a runtime can be started").block_on(done_or_ended(client)) {
        Ok(()) | Err(ClientError::Closed) => ExitCode::SUCCESS,
        Err(error) => {
            match &error {
                _ if client.common.json => eprintln!("{}", error.document()),
                ClientError::Interrupted(told) => eprintln!("{told}"),
                error => eprintln!("error: {error}"),
            }
            ExitCode::from(error.exit_status())
        }
    }
}

/// The command, unless a signal ends it. It is ended here rather than by the system, so that a service of its own ends as well.
async fn done_or_ended(client: &Client) -> Result<(), ClientError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(ClientError::io("signals"))?;
    tokio::select! {
        // Whoever says more about Ctrl-C goes first.
        biased;
        done = done(client) => done,
        _ = ctrl_c() => Err(ClientError::Interrupted("interrupted".into())),
        _ = terminate.recv() => Err(ClientError::Interrupted("terminated".into())),
    }
}

async fn done(client: &Client) -> Result<(), ClientError> {
    let (common, screen) = (&client.common, &Screen::of(&client.common));
    let local = common.local.then(|| Local::start(&common.data_dir)).transpose()?;
    let url = local.as_ref().map_or(&common.url, |local| &local.url);
    let key = common.key.as_ref().map(|key| key.0.as_str());
    let service = &Service::new(url, key, common.ca.as_deref())?;
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
