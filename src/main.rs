//! The `epochd` binary: reads the settings, starts the log, opens the application, serves until told to stop.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

use epochd::app::App;
use epochd::config::{Command, Settings};
use epochd::{api, telemetry};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

fn main() -> ExitCode {
    let settings = Settings::from_process();
    if settings.command == Some(Command::Healthcheck) {
        return healthcheck(settings.listen);
    }
    let _log = telemetry::start_logging(&settings);
    api::access::log_panics();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("threads can be started");
    match runtime.block_on(run(settings)) {
        Ok(()) => {
            tracing::info!("stopped");
            ExitCode::SUCCESS
        }
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(settings: Settings) -> Result<(), Box<dyn std::error::Error>> {
    let address = settings.listen;
    let busy = |error| format!("cannot listen on {address}: {error}");
    let listener = TcpListener::bind(address).await.map_err(busy)?;
    let app = App::open(settings)?;
    let address = listener.local_addr()?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "listening on http://{address}");
    api::serve(app, listener, stop_signal()?).await?;
    Ok(())
}

/// Resolves on SIGTERM or Ctrl-C.
fn stop_signal() -> std::io::Result<impl Future<Output = ()> + Send + 'static> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => tracing::info!("SIGTERM: stopping"),
            _ = interrupt.recv() => tracing::info!("Ctrl-C: stopping"),
        }
    })
}

/// Asks the service at `address` whether it is ready.
fn healthcheck(mut address: SocketAddr) -> ExitCode {
    if address.ip().is_unspecified() {
        address.set_ip(if address.is_ipv4() { [127, 0, 0, 1].into() } else { std::net::Ipv6Addr::LOCALHOST.into() });
    }
    match ask_ready(address) {
        Ok(status) if status == "200" => ExitCode::SUCCESS,
        Ok(status) => {
            eprintln!("{address} is not ready: /readyz answered {status}");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("{address} does not answer: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The status of `GET /readyz`.
fn ask_ready(address: SocketAddr) -> std::io::Result<String> {
    let patience = Duration::from_secs(3);
    let mut stream = TcpStream::connect_timeout(&address, patience)?;
    stream.set_read_timeout(Some(patience))?;
    write!(stream, "GET /readyz HTTP/1.0\r\nHost: {address}\r\n\r\n")?;
    let mut reply = String::new();
    stream.read_to_string(&mut reply)?;
    Ok(reply.split_whitespace().nth(1).unwrap_or("nothing").to_owned())
}
