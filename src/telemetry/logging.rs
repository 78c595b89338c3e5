//! How the log is started: its format, what is left out, and where its lines go.

use std::io;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use super::log_writer::{LogGuard, LogWriter};
use super::request_line;
use crate::config::{LogFormat, Settings};

/// Libraries that speak with others over HTTP: of these only warnings are written, as below that they tell whole addresses, in
/// which there may be secrets.
const DISCREET: [&str; 4] = ["hyper_util", "object_store", "opentelemetry", "reqwest"];

/// Starts logging to standard error. The guard has what is left written when it is dropped.
pub fn start_logging(settings: &Settings) -> LogGuard {
    let (writer, guard) = LogWriter::start(io::stderr());
    let filter = filter(&settings.log_level);
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer.clone()).with_target(false);
    let colours = settings.log_format == LogFormat::Text && io::IsTerminal::is_terminal(&io::stderr());
    if !colours {
        request_line::start(writer, settings.log_format);
    }
    match settings.log_format {
        LogFormat::Text => logs.with_ansi(colours).init(),
        LogFormat::Json => logs.json().flatten_event(true).with_current_span(false).with_span_list(false).init(),
    }
    guard
}

/// What of the log is written, by the setting.
fn filter(level: &str) -> EnvFilter {
    let discreet = |filter: EnvFilter, library: &&str| {
        let most = format!("{library}={}", LevelFilter::WARN);
        filter.add_directive(most.parse().expect("a directive of a constant"))
    };
    let filter = EnvFilter::new(level);
    match filter.max_level_hint() {
        Some(most) if most <= LevelFilter::INFO => filter,
        _ => DISCREET.iter().fold(filter, discreet),
    }
}
