//! The `epochd` binary: reads the command line, then starts the log, opens the application and serves until told to stop,
//! or does what its command says.

mod allocator;

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};
use std::time::Duration;

use bytesize::ByteSize;
use epochd::api::tls::Tls;
use epochd::api::tls::healthcheck::ask_ready;
use epochd::app::App;
use epochd::backup::{BackupError, Extent};
use epochd::check::{Finding, Outcome};
use epochd::cli::{self, Asked};
use epochd::config::{Command, Settings};
use epochd::identifier::clock_is_set;
use epochd::processors::IDLE_THREADS;
use epochd::{api, backup, check, client, telemetry};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

#[global_allocator]
static ALLOCATOR: allocator::Allocator = allocator::Allocator;

/// The exit status of what a signal has ended, as shells say it of Ctrl-C.
const INTERRUPTED: u8 = 130;
/// How long the log is given for its last lines where the process is ended.
const LAST_LINES: Duration = Duration::from_millis(100);

fn main() -> ExitCode {
    allocator::give_memory_back();
    let settings = match cli::asked(std::env::args_os()) {
        Asked::Service(settings) => *settings,
        Asked::Client(client) => return client::run(&client),
        Asked::Nothing => return ExitCode::SUCCESS,
    };
    // What is made from here on is its owner's alone: state is what somebody's data says.
    rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
    match settings.command.clone() {
        None | Some(Command::Serve) => serve(settings),
        Some(Command::Healthcheck) => healthcheck(&settings),
        Some(Command::Backup { file }) => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.expect("a runtime can be started");
            report("backed up", runtime.block_on(backup::back_up(&settings.data_dir, &file, &told_to_end())))
        }
        Some(Command::Restore { file }) => {
            report("restored", backup::restore(&settings.data_dir, &file, &told_to_end()))
        }
        Some(Command::Check { repair }) => check_state(&settings, repair),
    }
}

/// Writes a line. What is under way goes on where nobody reads it, as behind `epochd check --repair | head`.
fn say(mut to: impl Write, line: impl Display) {
    let _ = writeln!(to, "{line}");
}

/// Checks all state, and says what is wrong with it.
fn check_state(settings: &Settings, repair: bool) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("threads can be started");
    let mut progress = |what: &str, so_far: Outcome| {
        say(io::stderr(), format!("at {what}; {} rows and {} files so far", so_far.rows, so_far.blobs));
    };
    let mut found = |finding: &Finding| say(io::stdout(), finding);
    match runtime.block_on(check::check(&settings.location(), repair, &mut found, &mut progress)) {
        Ok(Outcome { rows, blobs, found, mended }) => {
            let counted = |count: u64, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
            let [read, files, findings] =
                [(rows, "row"), (blobs, "file"), (found, "finding")].map(|(n, of)| counted(n, of));
            say(io::stdout(), format!("checked {read} and {files}: {findings}, {mended} of them mended"));
            if found == mended { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            say(io::stderr(), error);
            ExitCode::FAILURE
        }
    }
}

/// Says what was backed up or restored.
fn report(what: &str, done: Result<Extent, BackupError>) -> ExitCode {
    match done {
        Ok(Extent { blobs, bytes }) => {
            say(io::stdout(), format!("{what} the catalog and {blobs} files, {} together", ByteSize::b(bytes)));
            ExitCode::SUCCESS
        }
        Err(error) => {
            let is_told = matches!(error, BackupError::Interrupted);
            say(io::stderr(), format!("error: {error}"));
            if is_told { ExitCode::from(INTERRUPTED) } else { ExitCode::FAILURE }
        }
    }
}

/// A flag that a signal sets which tells the process to end.
fn told_to_end() -> Arc<AtomicBool> {
    let (told, waits) = (Arc::new(AtomicBool::new(false)), Arc::new(Barrier::new(2)));
    let (flag, is_waiting) = (told.clone(), waits.clone());
    std::thread::spawn(move || {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_io().build().expect("a runtime can be started");
        runtime.block_on(async {
            let signals = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()].map(signal);
            is_waiting.wait();
            let mut signals: Vec<_> = signals.into_iter().flatten().collect();
            let told = signals.iter_mut().map(|signal| Box::pin(signal.recv()));
            futures_util::future::select_all(told).await;
            flag.store(true, Ordering::Relaxed);
        });
    });
    waits.wait();
    told
}

fn serve(settings: Settings) -> ExitCode {
    let _log = telemetry::start_logging(&settings);
    api::log_panics();
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    // Only its own thread finds what others freed of its memory, and threads of the blocking pool do so when they end.
    let runtime =
        runtime.enable_all().on_thread_park(allocator::tidy_this_thread).thread_keep_alive(IDLE_THREADS).build();
    let runtime = runtime.expect("threads can be started");
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
    if !clock_is_set() {
        return Err("the system's clock stands before 1970: set it, as times are kept with what is stored".into());
    }
    raise_descriptor_limit();
    let (address, shutdown_timeout, end_with_stdin) =
        (settings.listen, settings.shutdown_timeout, settings.end_with_stdin);
    let busy = |error| format!("cannot listen on {address}: {error}");
    let tls = Tls::of(&settings.tls)?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    let listener = TcpListener::bind(address).await.map_err(busy)?;
    let app = App::open(settings).await?;
    if let Err(message) = app.settings.check_listen(app.keys.has_keys()) {
        app.close().await;
        app.storage.close().await;
        return Err(message.into());
    }
    if !address.ip().is_loopback() && !app.keys.has_keys() {
        tracing::warn!(
            "no key protects the service (--allow-anonymous): whoever reaches {address} may train, predict, read \
                        and delete everything"
        );
    }
    let address = listener.local_addr()?;
    // Whoever waits for the line below may send one at once.
    let signal = stop_signal()?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "listening on {scheme}://{address}");
    let (storage, traces) = (app.storage.clone(), app.traces.clone());
    let lost = storage.clone();
    let stop = async move {
        tokio::select! {
            () = signal => {}
            () = stdin_end(), if end_with_stdin => tracing::info!("standard input has ended: stopping"),
            () = lost.lost() => tracing::error!("another epochd has taken the database: stopping"),
        }
        end_in(shutdown_timeout);
    };
    api::serve(app, listener, tls, stop).await?;
    storage.close().await;
    // It waits for what it has the runtime send.
    tokio::task::spawn_blocking(move || traces.close()).await?;
    if storage.is_lost() {
        return Err("stopped because another epochd has taken the database".into());
    }
    Ok(())
}

/// Ends the process when the time of `--shutdown-timeout` is over, whatever holds it up: a store that does not answer, a
/// thread that computes. What was acknowledged is on the disk, and what is left undone goes on at the next start.
fn end_in(timeout: Duration) {
    let started = std::thread::Builder::new().name("shutdown".into()).spawn(move || {
        std::thread::sleep(timeout);
        tracing::warn!("the time of --shutdown-timeout is over: ending with storage still open or threads at work");
        // The log's own thread takes its last lines meanwhile.
        std::thread::sleep(LAST_LINES);
        std::process::exit(0);
    });
    if let Err(error) = started {
        tracing::warn!(%error, "the end by --shutdown-timeout cannot be watched over");
    }
}

/// Lets the process open as many files and connections as it may: shells start programs with 1,024, for the sake of old
/// ones that cannot count further.
fn raise_descriptor_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        tracing::warn!(?current, ?maximum, %error, "the limit on open files cannot be raised");
    }
}

/// Resolves on SIGTERM or Ctrl-C, or when the terminal that the service was started at is gone. Without one SIGHUP asks to read
/// files again, which needs no asking here.
fn stop_signal() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let (mut hangup, at_terminal) = (signal(SignalKind::hangup())?, io::stdin().is_terminal());
    Ok(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => return tracing::info!("SIGTERM: stopping"),
                _ = interrupt.recv() => return tracing::info!("Ctrl-C: stopping"),
                _ = hangup.recv() => {
                    if at_terminal {
                        return tracing::info!("SIGHUP, the terminal is gone: stopping");
                    }
                    tracing::info!("SIGHUP: nothing to do, files of keys and TLS are read again when they change");
                }
            }
        }
    })
}

/// Resolves when standard input ends, whatever comes before. A thread of its own reads, which nothing waits for.
async fn stdin_end() {
    let (tell, told) = tokio::sync::oneshot::channel::<()>();
    std::thread::spawn(move || {
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        drop(tell);
    });
    let _ = told.await;
}

/// Asks the service with these settings whether it is ready.
fn healthcheck(settings: &Settings) -> ExitCode {
    let address = settings.listen;
    match ask_ready(settings) {
        Ok(status) if status == "200" => ExitCode::SUCCESS,
        Ok(status) => {
            say(io::stderr(), format!("{address} is not ready: /readyz answered {status}"));
            ExitCode::FAILURE
        }
        Err(error) => {
            say(io::stderr(), format!("{address} does not answer: {error}"));
            ExitCode::FAILURE
        }
    }
}
