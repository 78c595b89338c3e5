//! Around every request: its id, its line in the log, its metrics, and the problem document if it failed.

use std::any::Any;
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use uuid::Uuid;

use super::error::{ApiError, ErrorCode};
use super::gzip;
use crate::app::App;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longest request id that is taken over from a client.
const MAX_REQUEST_ID: usize = 128;
/// Routes that machines ask every few seconds: logged at debug level.
const PROBES: [&str; 3] = ["/livez", "/readyz", "/metrics"];

/// The id of a request: the caller's, or a new UUIDv7.
#[derive(Clone, Debug)]
pub struct RequestId(pub String);

/// The middleware.
pub async fn access(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let start = Instant::now();
    let id = request_id(request.headers());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    request.extensions_mut().insert(RequestId(id.clone()));

    let packs = gzip::is_accepted(request.headers());

    let mut response = next.run(request).await;
    if let Some(error) = response.extensions_mut().remove::<ApiError>() {
        let problem = error.reply(&id);
        let allow = response.headers_mut().remove(axum::http::header::ALLOW);
        response = problem;
        allow.map(|allow| response.headers_mut().insert(axum::http::header::ALLOW, allow));
    }
    let mut response = gzip::packed(response, packs);
    let value = HeaderValue::from_str(&id).expect("request ids are visible ASCII");
    response.headers_mut().insert(REQUEST_ID, value);

    let route = route.as_ref().map_or("unmatched", MatchedPath::as_str);
    let (status, elapsed) = (response.status().as_u16(), start.elapsed());
    count(&app, route, known_method(method.as_str()), status, elapsed);
    let microseconds = elapsed.as_micros() as u64;
    if PROBES.contains(&route) && status < 500 {
        tracing::debug!(request_id = id, %method, path, status, microseconds, "request");
    } else {
        tracing::info!(request_id = id, %method, path, status, microseconds, "request");
    }
    response
}

/// The reply to a request whose handler panicked; the panic itself is logged by [`log_panics`].
pub fn panicked(_: Box<dyn Any + Send>) -> Response {
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

/// The caller's id, if it is short and visible ASCII; else a new one.
fn request_id(headers: &HeaderMap) -> String {
    let given = headers.get(REQUEST_ID).and_then(|id| id.to_str().ok());
    let usable =
        given.filter(|id| (1..=MAX_REQUEST_ID).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic()));
    usable.map_or_else(|| Uuid::now_v7().to_string(), str::to_owned)
}
