//! What the service tells of itself to those who run it: a log on standard error, counters, and traces.

mod log_writer;
mod logging;
pub mod meters;
mod model_gauges;
pub mod request_line;
mod spread;
pub mod traces;

pub use log_writer::LogGuard;
pub use logging::start_logging;
pub use meters::{
    CacheUse, MODELS, Meters, ModelMeter, ModelMeters, NAME_BYTES, Phase, RouteMeters, Snapshot, StoredState,
};
pub use model_gauges::ModelGauges;
pub use request_line::RequestLine;
pub use spread::SpreadCounter;
pub use traces::{Traced, Traces};
