//! The line of a request in the log, and its metrics.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{ConnectInfo, MatchedPath, Request};
use axum::http::{Method, Uri};

use super::request_id::RequestId;
use crate::telemetry::{Meters, RequestLine, RouteMeters, request_line};

/// Routes that machines ask every few seconds: logged at debug level.
const PROBES: [&str; 3] = ["/livez", "/readyz", "/metrics"];
/// What stands for the template of a route where a request has none.
const UNMATCHED: &str = "unmatched";

/// Logs and counts the requests of one route.
#[derive(Clone)]
pub struct Observe {
    meters: Arc<Meters>,
    /// The counters of the route, once they are looked up.
    of_route: Arc<RouteMeters>,
}

/// What is told of a request.
pub struct Seen {
    start: Instant,
    id: RequestId,
    method: Method,
    uri: Uri,
    template: Option<MatchedPath>,
    peer: Option<SocketAddr>,
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
            template: extensions.get::<MatchedPath>().cloned(),
            peer: extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0),
        }
    }

    /// The request's id.
    pub fn id(&self) -> &str {
        self.id.as_str()
    }
}

impl Observe {
    /// Counts in `meters`.
    pub fn new(meters: Arc<Meters>) -> Self {
        Observe { meters, of_route: Arc::default() }
    }

    /// Logs and counts a request that is answered with `status`.
    pub fn tell(&self, seen: &Seen, status: u16) {
        let elapsed = seen.start.elapsed();
        let template = seen.template.as_ref().map_or(UNMATCHED, MatchedPath::as_str);
        self.meters.count(&self.of_route, template, known_method(seen.method.as_str()), status, elapsed);
        let line = RequestLine {
            request_id: seen.id(),
            method: seen.method.as_str(),
            path: seen.uri.path(),
            status,
            microseconds: elapsed.as_micros() as u64,
            peer: seen.peer,
        };
        if PROBES.contains(&template) && status < 500 {
            tracing::debug!(request_id = line.request_id, method = line.method, path = line.path, status, "request");
        } else {
            log(line);
        }
    }
}

/// Logs and counts a request whose head was refused before it had a route.
pub fn refused(id: &str, status: u16, peer: SocketAddr, meters: &Meters) {
    let nothing = std::time::Duration::ZERO;
    meters.count(&RouteMeters::default(), UNMATCHED, "other", status, nothing);
    log(RequestLine { request_id: id, method: "-", path: "-", status, microseconds: 0, peer: Some(peer) });
}

fn log(line: RequestLine) {
    if tracing::enabled!(tracing::Level::INFO) && !request_line::write(line) {
        let RequestLine { request_id, method, path, status, microseconds, peer } = line;
        let peer = peer.map(tracing::field::display);
        tracing::info!(request_id, method, path, status, microseconds, peer, "request");
    }
}

/// The method as a label: what clients invent is counted together, so that they cannot make labels without end.
fn known_method(method: &str) -> &str {
    match method {
        "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS" => method,
        _ => "other",
    }
}
