//! Around every request: its id, its line in the log, its metrics, and the problem document if it failed.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::Request;
use axum::http::header::ALLOW;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use uuid::timestamp::context::{ContextV7, ThreadLocalContext};
use uuid::{Timestamp, Uuid};

use super::error::{ApiError, ErrorCode};
use super::gzip;
use super::router::{Found, Router};
use crate::app::App;
use crate::telemetry::{RequestLine, RouteMeters, request_line};

thread_local! {
    /// Keeps the ids that a thread makes apart; one for all threads would have them wait for each other.
    static COUNTER: ContextV7 = const { ContextV7::new() };
}

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longest request id that is taken over from a client.
const MAX_REQUEST_ID: usize = 128;
/// Routes that machines ask every few seconds: logged at debug level.
const PROBES: [&str; 3] = ["/livez", "/readyz", "/metrics"];

/// The id of a request: the caller's, or a new UUIDv7.
#[derive(Clone, Debug)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// As text.
    pub fn as_str(&self) -> &str {
        self.0.to_str().expect("request ids are visible ASCII")
    }

    /// The caller's id, if it is short and visible ASCII; else a new one.
    fn of(headers: &HeaderMap) -> Self {
        let usable = |id: &&HeaderValue| {
            (1..=MAX_REQUEST_ID).contains(&id.len()) && id.as_bytes().iter().all(u8::is_ascii_graphic)
        };
        RequestId(headers.get(REQUEST_ID).filter(usable).cloned().unwrap_or_else(|| {
            let id = Uuid::new_v7(Timestamp::now(ThreadLocalContext::new(&COUNTER)));
            HeaderValue::from_str(id.hyphenated().encode_lower(&mut Uuid::encode_buffer())).expect("hexadecimal digits")
        }))
    }
}

/// Where requests come in.
pub struct Entrance {
    app: App,
    router: Arc<Router>,
}

impl Entrance {
    /// To `app`.
    pub fn new(app: App) -> Self {
        Entrance { app, router: Arc::new(Router::new(super::routes())) }
    }

    /// The one of a connection.
    pub fn of_connection(&self) -> Self {
        Entrance { app: self.app.counted_apart(), router: self.router.clone() }
    }

    /// The reply to a request, with all that goes around it.
    pub async fn answer(&self, mut request: Request) -> Response {
        let start = Instant::now();
        let id = RequestId::of(request.headers());
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let packs = gzip::is_accepted(request.headers());
        let found = self.router.find(&mut request);
        request.extensions_mut().insert(id.clone());

        // What a handler leaves half done is its own: it locks nothing that others see.
        let handled = AssertUnwindSafe(found.answer(request, self.app.clone())).catch_unwind().await;
        let mut response = handled.unwrap_or_else(|_| panicked());
        if let Some(error) = response.extensions_mut().remove::<ApiError>() {
            let problem = error.reply(id.as_str());
            let allow = response.headers_mut().remove(ALLOW);
            response = problem;
            allow.map(|allow| response.headers_mut().insert(ALLOW, allow));
        }
        let mut response = gzip::packed(response, packs);

        let (status, elapsed) = (response.status().as_u16(), start.elapsed());
        self.count(&found, known_method(method.as_str()), status, elapsed);
        let line = RequestLine {
            request_id: id.as_str(),
            method: method.as_str(),
            path: &path,
            status,
            microseconds: elapsed.as_micros() as u64,
        };
        log(line, found.path());
        response.headers_mut().insert(REQUEST_ID, id.0);
        response
    }

    fn count(&self, found: &Found, method: &str, status: u16, elapsed: Duration) {
        let meters = &self.app.meters;
        match found {
            Found::Route(route) if route.method == method => {
                meters.count(&route.meters, route.path, method, status, elapsed)
            }
            _ => meters.count(&RouteMeters::default(), found.path().unwrap_or("unmatched"), method, status, elapsed),
        }
    }
}

/// Writes the line of a request to `route`.
fn log(line: RequestLine, route: Option<&str>) {
    let RequestLine { request_id, method, path, status, microseconds } = line;
    if route.is_some_and(|route| PROBES.contains(&route)) && status < 500 {
        tracing::debug!(request_id, %method, path, status, microseconds, "request");
    } else if tracing::enabled!(tracing::Level::INFO) && !request_line::write(line) {
        tracing::info!(request_id, %method, path, status, microseconds, "request");
    }
}

/// The reply to a request whose handler panicked; the panic itself is logged by [`log_panics`].
fn panicked() -> Response {
    ApiError::new(ErrorCode::Internal, "the request met a defect of the service").into_response()
}

/// Sends panics to the log, with their place, instead of standard error as it is.
pub fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let message = panic.payload_as_str().unwrap_or("no message");
        tracing::error!(place, message, "panic");
    }));
}

/// The method as a label: what clients invent is counted together, so that they cannot make labels without end.
fn known_method(method: &str) -> &str {
    match method {
        "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS" => method,
        _ => "other",
    }
}
