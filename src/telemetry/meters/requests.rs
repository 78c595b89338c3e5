//! Replies by route, method and status; how long they took; refusals by their code.

use std::sync::OnceLock;
use std::time::Duration;

use prometheus::core::Collector;
use prometheus::{Histogram, HistogramVec, IntCounter, IntCounterVec, Registry};

use super::register::{counters, histograms};

/// Upper bounds of the buckets of latency, in seconds: 250 µs to 10 s. Few, as each route has all of them.
const LATENCY_BUCKETS: [f64; 7] = [0.00025, 0.001, 0.005, 0.025, 0.1, 1.0, 10.0];
/// Methods that a route answers to beside its own: for a look at it, or for a browser's question.
const BESIDE: [&str; 2] = ["HEAD", "OPTIONS"];
/// The methods that are told apart where there is no route.
pub const KNOWN_METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// The counters of requests.
pub(super) struct RequestMeters {
    /// Replies by route template, method and status.
    replies: IntCounterVec,
    /// Time from a request's head to its reply's head, or until its client went away, by route template and method.
    latency: HistogramVec,
    /// Problem documents by their code.
    pub(super) refusals: IntCounterVec,
}

/// The counters of a route, with those of the method and status that came first, which most of its requests have.
#[derive(Default)]
pub struct RouteMeters {
    /// Methods that have a label of their own; others are counted together, so that clients cannot make labels without end.
    methods: Vec<String>,
    /// Whether the time of its replies is told.
    is_timed: bool,
    usual: OnceLock<UsualMeters>,
}

struct UsualMeters {
    method: String,
    status: u16,
    replies: IntCounter,
    latency: Option<Histogram>,
}

impl RouteMeters {
    /// Of a route that takes these methods.
    pub fn of<'a>(methods: impl IntoIterator<Item = &'a str>) -> Self {
        let methods = methods.into_iter().map(str::to_owned).collect();
        RouteMeters { methods, is_timed: true, usual: OnceLock::new() }
    }

    /// Of requests that have no route.
    pub fn of_no_route() -> Self {
        RouteMeters { is_timed: false, ..RouteMeters::of(KNOWN_METHODS) }
    }

    fn is_own(&self, method: &str) -> bool {
        self.methods.iter().any(|own| own == method)
    }
}

impl RequestMeters {
    pub(super) fn new(registry: &Registry) -> Self {
        RequestMeters {
            replies: counters(
                registry,
                "epochd_http_requests_total",
                "Replies by route template, method and status; 499 where the client went away before its reply.",
                &["route", "method", "status"],
            ),
            latency: histograms(
                registry,
                "epochd_http_request_duration_seconds",
                "Time to the head of the reply, or until its client went away.",
                &LATENCY_BUCKETS,
                &["route", "method"],
            ),
            refusals: counters(
                registry,
                "epochd_refusals_total",
                "Replies that are problem documents, by their code.",
                &["code"],
            ),
        }
    }

    /// Counts a reply of a route, whose counters are looked up by their labels only for what is not usual.
    pub(super) fn count(&self, of_route: &RouteMeters, route: &str, method: &str, status: u16, elapsed: Duration) {
        let usual = of_route.usual.get_or_init(|| self.of(of_route, route, method, status));
        match (usual.method.as_str(), usual.status) == (method, status) {
            true => usual.count(elapsed),
            false => self.of(of_route, route, method, status).count(elapsed),
        }
    }

    fn of(&self, of_route: &RouteMeters, route: &str, method: &str, status: u16) -> UsualMeters {
        let is_own = of_route.is_own(method);
        let label = if is_own || BESIDE.contains(&method) { method } else { "other" };
        let replies = self.replies.with_label_values(&[route, label, &status.to_string()]);
        let is_timed = is_own && of_route.is_timed;
        let latency = is_timed.then(|| self.latency.with_label_values(&[route, label]));
        UsualMeters { method: method.to_owned(), status, replies, latency }
    }

    /// Replies so far, of all routes.
    pub(super) fn replies(&self) -> u64 {
        let families = self.replies.collect();
        let counters = families.iter().flat_map(|family| family.get_metric());
        counters.map(|counter| counter.get_counter().get_value() as u64).sum()
    }
}

impl UsualMeters {
    fn count(&self, elapsed: Duration) {
        self.replies.inc();
        self.latency.as_ref().inspect(|latency| latency.observe(elapsed.as_secs_f64()));
    }
}
