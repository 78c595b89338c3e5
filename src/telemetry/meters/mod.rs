//! The service's counters, as Prometheus reads them. `docs/monitoring.md` has a table of them.
//!
//! What has a bounded number of labels is there from the start, at zero: a rate shows the first fault as well.

mod jobs;
mod models;
pub(super) mod register;
mod requests;
mod state;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus::core::Collector;
use prometheus::process_collector::ProcessCollector;
use prometheus::proto::MetricFamily;
use prometheus::{IntCounter, IntCounterVec, IntGauge, Registry, TextEncoder};

pub use jobs::{JobMeters, Phase, UnderWay};
pub use models::{MODELS, ModelMeter, ModelMeters, NAME_BYTES};
use register::{counter, counters, gauge, info};
use requests::RequestMeters;
pub use requests::{KNOWN_METHODS, RouteMeters};
use state::StateMeters;
pub use state::{CacheUse, Snapshot, StoredState};

/// The revision that the binary was built from, where the build was told.
const REVISION: &str = match option_env!("BUILD_REVISION") {
    Some(revision) => revision,
    None => "unknown",
};

/// The service's counters. One set per [`App`](crate::app::App): nothing global.
pub struct Meters {
    registry: Registry,
    requests: RequestMeters,
    /// What jobs do.
    pub jobs: JobMeters,
    /// What is counted for each model.
    pub models: ModelMeters,
    /// Rows predicted.
    pub predictions: IntCounter,
    /// Connections open.
    pub connections: IntGauge,
    /// Connections that may be open.
    pub connections_limit: IntGauge,
    /// Connections that there was no place for, by reason.
    pub connections_refused: IntCounterVec,
    /// Connections that the service ended because of what their clients did not do, by what it was.
    pub connections_cut: IntCounterVec,
    /// When the certificate of TLS ends, in seconds since 1970; 0 without TLS.
    pub certificate_end: IntGauge,
    /// Attempts to tell a webhook, by what became of them; and what was dropped without being told.
    pub webhook_deliveries: IntCounterVec,
    /// Ends of jobs that wait to be told.
    pub webhooks_waiting: IntGauge,
    state: StateMeters,
    /// Held while gauges are set and read, so that a scrape tells of one moment.
    scrape: Mutex<()>,
}

/// Whether a metric is told by model.
fn is_by_model(family: &MetricFamily) -> bool {
    let mut labels = family.get_metric().iter().flat_map(|metric| metric.get_label());
    labels.any(|label| label.name() == "model")
}

impl Meters {
    /// Counters at zero, and the process's own.
    pub fn new() -> Arc<Self> {
        let registry = Registry::new();
        let of = |name, help, label: &str, values: &[&str]| {
            let counters = counters(&registry, name, help, &[label]);
            values.iter().for_each(|value| counters.with_label_values(&[value]).reset());
            counters
        };
        let meters = Meters {
            requests: RequestMeters::new(&registry),
            jobs: JobMeters::new(&registry),
            models: ModelMeters::default(),
            predictions: counter(&registry, "epochd_predictions_total", "Rows predicted."),
            connections: gauge(&registry, "epochd_connections", "Connections open."),
            connections_limit: gauge(&registry, "epochd_connections_limit", "Connections that may be open."),
            connections_refused: of(
                "epochd_connections_refused_total",
                "Connections refused, by reason.",
                "reason",
                &["limit", "address", "descriptors"],
            ),
            connections_cut: of(
                "epochd_connections_cut_total",
                "Connections that the service ended, by reason.",
                "reason",
                &["head", "idle", "reply", "handshake", "unread", "made_room"],
            ),
            certificate_end: gauge(
                &registry,
                "epochd_tls_certificate_end_timestamp_seconds",
                "When the certificate of TLS ends; 0 without TLS.",
            ),
            webhook_deliveries: of(
                "epochd_webhook_deliveries_total",
                "Attempts to tell a webhook, by result.",
                "result",
                &["delivered", "refused", "unreachable", "dropped"],
            ),
            webhooks_waiting: gauge(
                &registry,
                "epochd_webhooks_waiting",
                "Ends of jobs that a webhook is still to be told.",
            ),
            state: StateMeters::new(&registry),
            scrape: Mutex::default(),
            registry,
        };
        let build = [("version", env!("CARGO_PKG_VERSION")), ("revision", REVISION), ("rustc", env!("BUILD_RUSTC"))];
        info(&meters.registry, "epochd_build_info", "What the binary was built from and by.", &build);
        meters.add(Box::new(ProcessCollector::new(std::process::id() as i32, "epochd")));
        meters.add(Box::new(meters.models.clone()));
        Arc::new(meters)
    }

    /// Adds what another part of the service counts.
    pub fn add(&self, collector: Box<dyn Collector>) {
        self.registry.register(collector).expect("each name is registered once");
    }

    /// Counts a reply of a route.
    pub fn count(&self, of_route: &RouteMeters, route: &str, method: &str, status: u16, elapsed: Duration) {
        self.requests.count(of_route, route, method, status, elapsed);
    }

    /// Counts a problem document by its code.
    pub fn count_refusal(&self, code: &str) {
        self.requests.refusals.with_label_values(&[code]).inc();
    }

    /// Has codes of problem documents in scrapes before the first of them is sent.
    pub fn expect_refusals<'a>(&self, codes: impl IntoIterator<Item = &'a str>) {
        codes.into_iter().for_each(|code| self.requests.refusals.with_label_values(&[code]).inc_by(0));
    }

    /// Replies so far, of all routes.
    pub fn replies(&self) -> u64 {
        self.requests.replies()
    }

    /// Everything as Prometheus text (format 0.0.4).
    pub fn render(&self, now: &Snapshot) -> String {
        let _scrape = self.scrape.lock().unwrap_or_else(PoisonError::into_inner);
        self.state.set(now);
        if let Some(stored) = &now.stored {
            self.jobs.set_stored(&stored.jobs);
        }
        let mut families = self.registry.gather();
        families.retain(|family| now.names_models || !is_by_model(family));
        TextEncoder::new().encode_to_string(&families).expect("metrics are UTF-8 text")
    }
}
