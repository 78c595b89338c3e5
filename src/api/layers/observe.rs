//! The line of a request in the log, and its metrics.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::{Extensions, HeaderMap, Method, Uri};
use axum::response::Response;
use http_body::{Frame, SizeHint};
use opentelemetry::ContextGuard;
use tracing::{Level, enabled};
use uuid::Uuid;

use super::named_model::Place;
use super::peer::{Peer, caller};
use super::request_id::RequestId;
use crate::api::error::ApiError;
use crate::app::App;
use crate::keys::{Audit, Refused, Sight};
use crate::memory::Share;
use crate::memory::behalf::Behalf;
use crate::telemetry::{Meters, RequestLine, RouteMeters, Traced, Traces, request_line};

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

/// What the log and the metrics call the status of a request that has no reply, since nobody waits for it any more. No standard has
/// a number for it; this one is that of nginx, which those who read logs know.
const ABANDONED: u16 = 499;

/// Logs and counts the requests of one route.
#[derive(Clone)]
pub struct Observe(Arc<Observed>);

/// One count of handles for a route, and for each router its own: see `server`.
struct Observed {
    template: &'static str,
    /// Where a request names a model.
    model_at: Option<Place>,
    meters: Arc<Meters>,
    audit: Audit,
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
    /// Who asks, where keys tell.
    who: Option<Sight>,
    trace: Option<Traced>,
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
            who: None,
            trace: None,
        }
    }

    /// Notes who asks, once the door knows.
    pub fn comes_with_key(&mut self, extensions: &Extensions) {
        self.who = extensions.get::<Sight>().cloned();
    }

    /// Begins the span of the request, if it has one.
    pub fn trace(&mut self, traces: &Traces, template: &str, headers: &HeaderMap) {
        let method = match self.method.as_str() {
            method @ ("GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS") => method,
            _ => "HTTP",
        };
        self.trace = traces.of_request(headers, || format!("{method} {template}"));
    }

    /// Makes the request's trace the current one of the thread.
    pub fn enter(&self) -> Option<ContextGuard> {
        self.trace.as_ref().map(Traced::enter)
    }

    /// Has the thread work for the client.
    pub fn works_for(&self) -> Behalf {
        Behalf::of(self.peer.as_ref().and_then(|peer| peer.client))
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

    /// The same as it came.
    pub fn request_id(&self) -> &RequestId {
        &self.id
    }
}

impl Observe {
    /// Of the path `template` with these counters; counts in the meters of `app`, and charges replies to its memory.
    pub fn new(template: &'static str, of_route: RouteMeters, app: &App) -> Self {
        let model_at = Place::of(template);
        let (meters, audit, memory) = (app.meters.clone(), app.keys.audit.clone(), app.memory.replies.clone());
        Observe(Arc::new(Observed { template, model_at, meters, audit, memory, of_route }))
    }

    /// What replies are charged to.
    pub fn memory(&self) -> &Share {
        &self.0.memory
    }

    /// Counts a problem document, and tells the audit of one that says what a key may not.
    pub fn refuse(&self, error: &ApiError, seen: &Seen) {
        let Observed { template, meters, audit, .. } = &*self.0;
        meters.count_refusal(error.word());
        if error.is_of_keys() {
            audit.refused(Refused {
                code: error.word(),
                request_id: seen.id(),
                method: seen.method.as_str(),
                route: template,
                peer: seen.peer(),
                key: seen.who.as_ref().and_then(Sight::key),
            });
        }
    }

    /// Counts a request, and logs it: at once if the length of its reply is known, or when the reply has ended.
    pub fn tell(&self, seen: Seen, reply: Response) -> Response {
        let mut told = self.count(seen, reply.status().as_u16());
        match reply.body().size_hint().exact() {
            Some(bytes) => {
                told.bytes = bytes;
                reply
            }
            None => reply.map(|body| Body::new(Counted { body, told })),
        }
    }

    /// Counts and logs a request whose client went away before its reply was there, or that the end of the service cut off.
    pub fn abandon(&self, seen: Seen) {
        drop(self.count(seen, ABANDONED));
    }

    fn count(&self, seen: Seen, status: u16) -> Told {
        let (elapsed, Observed { template, meters, of_route, .. }) = (seen.start.elapsed(), &*self.0);
        meters.count(of_route, template, seen.method.as_str(), status, elapsed);
        Told { observe: self.clone(), seen, status, elapsed, bytes: 0 }
    }
}

/// What is known of a request whose reply is on its way; the log is told when this is dropped.
struct Told {
    observe: Observe,
    seen: Seen,
    status: u16,
    /// To the head of the reply.
    elapsed: Duration,
    bytes: u64,
}

impl Drop for Told {
    fn drop(&mut self) {
        let Told { observe, seen, status, elapsed, bytes } = self;
        let sent = seen.trace.as_ref().filter(|trace| trace.is_sent());
        let is_quiet = is_probe(observe.0.template) && *status < 500;
        let is_logged = if is_quiet { enabled!(Level::DEBUG) } else { enabled!(Level::INFO) };
        if !is_logged && sent.is_none() {
            return;
        }
        let mut digits = Uuid::encode_buffer();
        let trace_id = seen.trace.as_ref().map(|trace| &*trace.id().encode_lower(&mut digits));
        let model = observe.0.model_at.and_then(|place| place.model(&seen.uri));
        let line = RequestLine {
            request_id: seen.id(),
            method: seen.method.as_str(),
            path: seen.uri.path(),
            status: *status,
            microseconds: elapsed.as_micros() as u64,
            bytes_in: seen.peer.as_ref().map_or(0, |peer| peer.received.bytes()),
            bytes_out: *bytes,
            peer: seen.peer(),
            trace_id,
            key: seen.who.as_ref().and_then(Sight::key).map(|key| key.name.as_str()),
            model: model.as_deref(),
        };
        if let Some(trace) = sent {
            describe(trace, observe.0.template, &line);
        }
        if is_quiet {
            tracing::debug!(request_id = line.request_id, method = line.method, path = line.path, status, "request");
        } else {
            log(line);
        }
    }
}

/// Tells of a span what its line in the log tells, by the names of OpenTelemetry's conventions.
fn describe(trace: &Traced, template: &'static str, line: &RequestLine) {
    trace.tell_word("http.request.method", || line.method.to_owned());
    trace.tell("http.route", template);
    trace.tell("http.response.status_code", i64::from(line.status));
    trace.tell("http.request.body.size", line.bytes_in as i64);
    trace.tell("http.response.body.size", line.bytes_out as i64);
    for (name, word) in [("url.path", Some(line.path)), ("client.address", line.peer), ("epochd.key", line.key)] {
        word.inspect(|word| trace.tell_word(name, || (*word).to_owned()));
    }
    line.model.inspect(|model| trace.tell_word("epochd.model", || (*model).to_owned()));
    trace.tell_word("epochd.request_id", || line.request_id.to_owned());
    if line.status >= 500 {
        trace.failed("");
    }
}

/// The body of a reply whose length is known at its end.
struct Counted {
    body: Body,
    told: Told,
}

impl HttpBody for Counted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if let Some(Ok(frame)) = &frame {
            self.told.bytes += frame.data_ref().map_or(0, |bytes| bytes.len() as u64);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Logs and counts a request whose head was refused before it had a route.
pub fn refused(id: &str, error: &ApiError, peer: &str, meters: &Meters) {
    let status = error.status();
    meters.count_refusal(error.word());
    let nothing = std::time::Duration::ZERO;
    meters.count(&RouteMeters::default(), UNMATCHED, "other", status, nothing);
    let peer = Some(peer);
    log(RequestLine { request_id: id, method: "-", path: "-", status, peer, ..RequestLine::default() });
}

fn log(line: RequestLine) {
    if enabled!(Level::INFO) && !request_line::write(line) {
        let RequestLine { request_id, method, path, status, microseconds, bytes_in, bytes_out, .. } = line;
        let RequestLine { peer, trace_id, key, model, .. } = line;
        tracing::info!(
            request_id,
            method,
            path,
            status,
            microseconds,
            bytes_in,
            bytes_out,
            peer,
            trace_id,
            key,
            model,
            "request"
        );
    }
}
