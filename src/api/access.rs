//! Around every request: its id, its line in the log, its metrics, and the problem document if it failed.

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::FutureExt;
use uuid::Uuid;

use super::error::{ApiError, ErrorCode};
use super::gzip;
use crate::app::App;
use crate::request_log::{self, RequestLine};

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
            let id = Uuid::now_v7().hyphenated().encode_lower(&mut Uuid::encode_buffer()).as_bytes().to_vec();
            HeaderValue::from_maybe_shared(Bytes::from(id)).expect("hexadecimal digits")
        }))
    }
}

/// The middleware.
pub async fn access(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let start = Instant::now();
    let id = RequestId::of(request.headers());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    request.extensions_mut().insert(id.clone());

    let packs = gzip::is_accepted(request.headers());

    // What a handler leaves half done is its own: it locks nothing that others see.
    let handled = AssertUnwindSafe(next.run(request)).catch_unwind().await;
    let mut response = handled.unwrap_or_else(|_| panicked());
    if let Some(error) = response.extensions_mut().remove::<ApiError>() {
        let problem = error.reply(id.as_str());
        let allow = response.headers_mut().remove(axum::http::header::ALLOW);
        response = problem;
        allow.map(|allow| response.headers_mut().insert(axum::http::header::ALLOW, allow));
    }
    let mut response = gzip::packed(response, packs);
    response.headers_mut().insert(REQUEST_ID, id.0.clone());

    let route = route.as_ref().map_or("unmatched", MatchedPath::as_str);
    let (status, elapsed) = (response.status().as_u16(), start.elapsed());
    count(&app, route, known_method(method.as_str()), status, elapsed);
    let microseconds = elapsed.as_micros() as u64;
    let request_id = id.as_str();
    if PROBES.contains(&route) && status < 500 {
        tracing::debug!(request_id, %method, path, status, microseconds, "request");
    } else if tracing::enabled!(tracing::Level::INFO) {
        let line = RequestLine { request_id, method: method.as_str(), path: &path, status, microseconds };
        if !request_log::write(line) {
            tracing::info!(request_id, %method, path, status, microseconds, "request");
        }
    }
    response
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

fn count(app: &App, route: &str, method: &str, status: u16, elapsed: Duration) {
    let mut digits = [b'0' + (status / 100) as u8, b'0' + (status / 10 % 10) as u8, b'0' + (status % 10) as u8];
    let status = std::str::from_utf8_mut(&mut digits).expect("digits are ASCII");
    app.meters.requests.with_label_values(&[route, method, status]).inc();
    app.meters.latency.with_label_values(&[route, method]).observe(elapsed.as_secs_f64());
}

/// The method as a label: what clients invent is counted together, so that they cannot make labels without end.
fn known_method(method: &str) -> &str {
    match method {
        "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS" => method,
        _ => "other",
    }
}
