//! The service's counters, as Prometheus reads them.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use prometheus::core::Collector;
use prometheus::process_collector::ProcessCollector;
use prometheus::{
    Gauge, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder,
};

use crate::memory::Shares;

/// Upper bounds of the request latency histogram, in seconds: 100 µs to 60 s.
const LATENCY_BUCKETS: [f64; 12] = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 5.0, 60.0];
/// Upper bounds of the queue time histogram, in seconds: 1 ms to 1 h.
const QUEUE_BUCKETS: [f64; 9] = [0.001, 0.01, 0.1, 1.0, 10.0, 60.0, 300.0, 1800.0, 3600.0];
/// Upper bounds of the checkpoint time histogram, in seconds: 0.1 ms to 10 s.
const CHECKPOINT_BUCKETS: [f64; 6] = [0.0001, 0.001, 0.01, 0.1, 1.0, 10.0];

/// The service's counters. One set per [`App`](crate::app::App): nothing global.
pub struct Meters {
    registry: Registry,
    /// Replies by route template, method and status.
    requests: IntCounterVec,
    /// Time from a request's head to its reply's head, by route template and method.
    latency: HistogramVec,
    /// Rows predicted.
    pub predictions: IntCounter,
    /// Time that jobs waited in the queue.
    pub queue_seconds: Histogram,
    /// Epochs trained.
    pub epochs: IntCounter,
    /// Time that trainings were held up by their checkpoints.
    pub checkpoint_seconds: Histogram,
    /// Connections open.
    pub connections: IntGauge,
    /// Connections that there was no place for, by reason.
    pub connections_refused: IntCounterVec,
    /// Connections that the service ended because of what their clients did not do, by what it was.
    pub connections_cut: IntCounterVec,
    /// Bytes of files on the disk that belong to requests under way.
    pub scratch_bytes: IntGauge,
    /// Attempts to tell a webhook, by what became of them; and what was dropped without being told.
    pub webhook_deliveries: IntCounterVec,
    /// Ends of jobs that wait to be told.
    pub webhooks_waiting: IntGauge,
    jobs: IntGaugeVec,
    models: IntGauge,
    /// Objects and bytes that are stored.
    stored: [IntGauge; 2],
    /// The part of the requests that is answered.
    admitted: Gauge,
    /// Bytes charged to each share of the memory, and what it may hold.
    memory: [IntGaugeVec; 2],
}

/// The counters of a route for the method and status that came first, which most of its requests have.
#[derive(Default)]
pub struct RouteMeters(OnceLock<UsualMeters>);

struct UsualMeters {
    method: String,
    status: u16,
    replies: IntCounter,
    latency: Histogram,
}

impl Meters {
    /// Counters at zero, and the process's own.
    pub fn new() -> Arc<Self> {
        let registry = Registry::new();
        let latency = HistogramOpts::new("epochd_http_request_duration_seconds", "Time to the head of the reply.");
        let queue = HistogramOpts::new("epochd_job_queue_seconds", "Time that jobs waited before they ran.");
        let checkpoint = HistogramOpts::new("epochd_checkpoint_seconds", "Time that checkpoints held trainings up.");
        let meters = Meters {
            requests: register(&registry, {
                let opts = Opts::new("epochd_http_requests_total", "Replies by route template, method and status.");
                IntCounterVec::new(opts, &["route", "method", "status"])
            }),
            latency: register(&registry, {
                HistogramVec::new(latency.buckets(LATENCY_BUCKETS.to_vec()), &["route", "method"])
            }),
            predictions: register(&registry, IntCounter::new("epochd_predictions_total", "Rows predicted.")),
            queue_seconds: register(&registry, Histogram::with_opts(queue.buckets(QUEUE_BUCKETS.to_vec()))),
            epochs: register(&registry, IntCounter::new("epochd_epochs_total", "Epochs trained.")),
            checkpoint_seconds: register(&registry, {
                Histogram::with_opts(checkpoint.buckets(CHECKPOINT_BUCKETS.to_vec()))
            }),
            connections: register(&registry, IntGauge::new("epochd_connections", "Connections open.")),
            connections_refused: register(&registry, {
                let opts = Opts::new("epochd_connections_refused_total", "Connections refused, by reason.");
                IntCounterVec::new(opts, &["reason"])
            }),
            connections_cut: register(&registry, {
                let opts = Opts::new("epochd_connections_cut_total", "Connections that the service ended, by reason.");
                IntCounterVec::new(opts, &["reason"])
            }),
            scratch_bytes: register(&registry, {
                IntGauge::new("epochd_scratch_bytes", "Disk taken by requests under way.")
            }),
            webhook_deliveries: register(&registry, {
                let opts = Opts::new("epochd_webhook_deliveries_total", "Attempts to tell a webhook, by result.");
                IntCounterVec::new(opts, &["result"])
            }),
            webhooks_waiting: register(&registry, {
                IntGauge::new("epochd_webhooks_waiting", "Ends of jobs that a webhook is still to be told.")
            }),
            jobs: register(&registry, IntGaugeVec::new(Opts::new("epochd_jobs", "Jobs by state."), &["state"])),
            models: register(&registry, IntGauge::new("epochd_models", "Models in the registry.")),
            admitted: register(&registry, {
                Gauge::new("epochd_admitted_ratio", "Part of the requests that is answered; the others get 429.")
            }),
            memory: [
                ("epochd_memory_used_bytes", "Memory charged to a share: what was made and is not gone."),
                ("epochd_memory_limit_bytes", "Memory that a share may hold."),
            ]
            .map(|(name, help)| register(&registry, IntGaugeVec::new(Opts::new(name, help), &["share"]))),
            stored: [
                ("epochd_stored_objects", "Data sets, models, versions and jobs that are stored."),
                ("epochd_stored_bytes", "Bytes of data sets, versions and histories that are stored."),
            ]
            .map(|(name, help)| register(&registry, prometheus::IntGauge::new(name, help))),
            registry,
        };
        let process = ProcessCollector::new(std::process::id() as i32, "epochd");
        meters.registry.register(Box::new(process)).expect("the process's names are its own");
        Arc::new(meters)
    }

    /// Counts a reply of a route, whose counters are looked up by their labels only for what is not usual.
    pub fn count(&self, of_route: &RouteMeters, route: &str, method: &str, status: u16, elapsed: Duration) {
        let digits = [status / 100, status / 10 % 10, status % 10].map(|digit| b'0' + digit as u8);
        let digits = std::str::from_utf8(&digits).expect("digits are ASCII");
        let replies = || self.requests.with_label_values(&[route, method, digits]);
        let latency = || self.latency.with_label_values(&[route, method]);
        let usual = of_route.0.get_or_init(|| UsualMeters {
            method: method.to_owned(),
            status,
            replies: replies(),
            latency: latency(),
        });
        if (usual.method.as_str(), usual.status) == (method, status) {
            usual.replies.inc();
            usual.latency.observe(elapsed.as_secs_f64());
        } else {
            replies().inc();
            latency().observe(elapsed.as_secs_f64());
        }
    }

    /// Sets how many objects and bytes are stored.
    pub fn set_stored(&self, objects: u64, bytes: u64) {
        let values = [objects, bytes].map(|value| i64::try_from(value).unwrap_or(i64::MAX));
        self.stored.iter().zip(values).for_each(|(gauge, value)| gauge.set(value));
    }

    /// Replies so far, of all routes.
    pub fn replies(&self) -> u64 {
        let families = self.requests.collect();
        let counters = families.iter().flat_map(|family| family.get_metric());
        counters.map(|counter| counter.get_counter().get_value() as u64).sum()
    }

    /// Everything as Prometheus text (format 0.0.4), with the numbers of jobs by state and of models, the memory,
    /// and the part of the requests that is admitted.
    pub fn render(
        &self,
        jobs: impl IntoIterator<Item = (&'static str, u64)>,
        models: u64,
        memory: &Shares,
        admitted: f64,
    ) -> String {
        self.admitted.set(admitted);
        let [used, limit] = &self.memory;
        for share in [&memory.requests, &memory.trainings, &memory.models] {
            used.with_label_values(&[share.name()]).set(share.used() as i64);
            limit.with_label_values(&[share.name()]).set(share.limit() as i64);
        }
        for state in ["queued", "running", "succeeded", "failed", "cancelled"] {
            self.jobs.with_label_values(&[state]).set(0);
        }
        for (state, count) in jobs {
            self.jobs.with_label_values(&[state]).set(count as i64);
        }
        self.models.set(models as i64);
        TextEncoder::new().encode_to_string(&self.registry.gather()).expect("metrics are UTF-8 text")
    }
}

pub(super) fn register<C: Collector + Clone + 'static>(registry: &Registry, collector: prometheus::Result<C>) -> C {
    let collector = collector.expect("names and labels are constants of the right form");
    registry.register(Box::new(collector.clone())).expect("each name is registered once");
    collector
}
