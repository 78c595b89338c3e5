//! The line of a request in the log, and its metrics.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::Request;
use axum::http::{Method, Uri};

use super::peer::{Peer, caller};
use super::request_id::RequestId;
use crate::api::error::ApiError;
use crate::memory::Share;
use crate::telemetry::{Meters, RequestLine, RouteMeters, request_line};

/// Routes that machines ask every few seconds: logged at debug level.
const PROBES: [&str; 3] = ["/livez", "/readyz", "/metrics"];
/// What stands for the template of a route where a request has none.
pub const UNMATCHED: &str = "unmatched";

/// Whether a path is asked by machines that look after the service.
pub fn is_probe(template: &str) -> bool {
    PROBES.contains(&template)
}

/// The address and port of the client that a request is from, where its connection tells.
pub fn peer(request: &Request) -> Option<Arc<str>> {
    caller(request.extensions()).map(|peer| peer.address.clone())
}

/// Logs and counts the requests of one route.
#[derive(Clone)]
pub struct Observe(Arc<Observed>);

/// One count of handles for a route, and for each router its own: see `server`.
struct Observed {
    template: &'static str,
    meters: Arc<Meters>,
    memory: Share,
    /// The counters of the route, once they are looked up.
    of_route: RouteMeters,
}

/// What is told of a request.
pub struct Seen {
    start: Instant,
    id: RequestId,
    method: Method,
    uri: Uri,
    peer: Option<Peer>,
}

impl Seen {
    /// Of a request that comes in now.
    pub fn of(request: &Request) -> Self {
        let extensions = request.extensions();
        Seen {
            start: Instant::now(),
            id: RequestId::of(extensions),
            method: request.method().clone(),
            uri: request.uri().clone(),
            peer: caller(request.extensions()).cloned(),
        }
    }

    /// Who asked.
    pub fn caller(&self) -> Option<&Peer> {
        self.peer.as_ref()
    }

    /// The client's address and port.
    pub fn peer(&self) -> Option<&str> {
        self.peer.as_ref().map(|peer| &*peer.address)
    }

    /// The request's id.
    pub fn id(&self) -> &str {
        self.id.as_str()
    }
}

impl Observe {
    /// Of the path `template` with these counters; counts in `meters`. Its replies are charged to `memory`.
    pub fn new(template: &'static str, of_route: RouteMeters, meters: Arc<Meters>, memory: Share) -> Self {
        Observe(Arc::new(Observed { template, meters, memory, of_route }))
    }

    /// What replies are charged to.
    pub fn memory(&self) -> &Share {
        &self.0.memory
    }

    /// Counts a problem document.
    pub fn refuse(&self, error: &ApiError) {
        self.0.meters.count_refusal(error.word());
    }

    /// Logs and counts a request that is answered with `status`.
    pub fn tell(&self, seen: &Seen, status: u16) {
        let (elapsed, Observed { template, meters, of_route, .. }) = (seen.start.elapsed(), &*self.0);
        meters.count(of_route, template, seen.method.as_str(), status, elapsed);
        let line = RequestLine {
            request_id: seen.id(),
            method: seen.method.as_str(),
            path: seen.uri.path(),
            status,
            microseconds: elapsed.as_micros() as u64,
            peer: seen.peer(),
        };
        if is_probe(template) && status < 500 {
            tracing::debug!(request_id = line.request_id, method = line.method, path = line.path, status, "request");
        } else {
            log(line);
        }
    }
}

/// Logs and counts a request whose head was refused before it had a route.
pub fn refused(id: &str, error: &ApiError, peer: &str, meters: &Meters) {
    let status = error.status();
    meters.count_refusal(error.word());
    let nothing = std::time::Duration::ZERO;
    meters.count(&RouteMeters::default(), UNMATCHED, "other", status, nothing);
    log(RequestLine { request_id: id, method: "-", path: "-", status, microseconds: 0, peer: Some(peer) });
}

fn log(line: RequestLine) {
    if tracing::enabled!(tracing::Level::INFO) && !request_line::write(line) {
        let RequestLine { request_id, method, path, status, microseconds, peer } = line;
        tracing::info!(request_id, method, path, status, microseconds, peer, "request");
    }
}
