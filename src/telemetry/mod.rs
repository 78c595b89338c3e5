//! What the service tells of itself to those who run it: a log on standard error, counters, and traces.

mod log_writer;
mod logging;
pub mod meters;
mod model_gauges;
pub mod request_line;
pub mod traces;

pub use log_writer::LogGuard;
pub use logging::start_logging;
pub use meters::{Meters, RouteMeters};
pub use model_gauges::ModelGauges;
pub use request_line::RequestLine;
pub use traces::{Traced, Traces};
