//! How the log is started: its format, what is left out, and where its lines go.

use std::io;

use tracing::{Level, Metadata};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use super::log_writer::{LogGuard, LogWriter};
use super::request_line;
use crate::config::{LogFormat, Settings};

/// Libraries that speak with others over HTTP: of these only warnings are written, whatever is asked for, as below that they tell whole
/// addresses, in which there may be secrets.
const DISCREET: [&str; 4] = ["hyper_util", "object_store", "opentelemetry", "reqwest"];

/// Starts logging to standard error. The guard has what is left written when it is dropped.
pub fn start_logging(settings: &Settings) -> LogGuard {
    let (writer, guard) = LogWriter::start(io::stderr());
    let filter = EnvFilter::new(&settings.log_level);
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer.clone()).with_target(false);
    let colours = settings.log_format == LogFormat::Text && io::IsTerminal::is_terminal(&io::stderr());
    if !colours {
        request_line::start(writer, settings.log_format);
    }
    match settings.log_format {
        LogFormat::Text => logs.with_ansi(colours).finish().with(filter_fn(may_be_written)).init(),
        LogFormat::Json => {
            let logs = logs.json().flatten_event(true).with_current_span(false).with_span_list(false);
            logs.finish().with(filter_fn(may_be_written)).init();
        }
    }
    guard
}

/// Whether an event may be written: none below a warning of a library of [`DISCREET`].
fn may_be_written(event: &Metadata) -> bool {
    *event.level() <= Level::WARN || !DISCREET.iter().any(|library| event.target().starts_with(library))
}
