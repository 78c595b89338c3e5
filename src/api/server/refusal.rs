//! The reply to what never became a request: a head that is too long, against the rules of HTTP, or never finished, and a
//! connection that there is no place for.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use super::places::NoPlace;
use crate::api::error::{ApiError, ErrorCode, RETRY_SECONDS};
use crate::api::layers::observe;
use crate::api::layers::request_id::{REQUEST_ID, new_id};
use crate::api::layers::safety;
use crate::api::tls::Tls;
use crate::telemetry::Meters;

/// Most that is read, and for how long, of what a refused client still sends: closing at once would reset the
/// connection and could take the reply with it.
const LINGER: (u64, Duration) = (1 << 20, Duration::from_secs(1));
/// Connections without a place whose clients are waited for in this way; more are closed at once.
const LINGERING: usize = 64;
/// Least time between two warnings that connections are refused.
const WARN_EVERY: Duration = Duration::from_secs(10);
/// Most that is read at once of what a client has sent that is not waited for.
const DRAINED: usize = 16 << 10;

/// Writes the refusal to `stream` and closes it. Notes it in the log and the metrics.
pub async fn refuse<S: AsyncRead + AsyncWrite + Unpin>(stream: S, status: StatusCode, peer: &str, meters: &Meters) {
    linger(stream, &written(&error(status), peer, meters)).await;
}

/// Tells a client that speaks no TLS that the port does, and closes the connection.
pub async fn refuse_plain(stream: TcpStream, peer: &str, meters: &Meters) {
    let error = ApiError::new(ErrorCode::MalformedRequest, "this port speaks TLS: use https://");
    linger(stream, &written(&error, peer, meters)).await;
}

async fn linger<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, reply: &str) {
    // The client may be gone; there is nobody else to tell.
    let _ = tokio::time::timeout(LINGER.1, async {
        stream.write_all(reply.as_bytes()).await?;
        stream.shutdown().await?;
        tokio::io::copy(&mut stream.take(LINGER.0), &mut tokio::io::sink()).await
    })
    .await;
}

/// Refuses connections that there is no place for.
pub struct Doorman {
    meters: Arc<Meters>,
    /// What clients expect to be answered with, if it is not plain text.
    tls: Option<Tls>,
    /// When the log was told last.
    warned: Mutex<Option<Instant>>,
    lingering: Arc<Semaphore>,
}

/// Why a connection has no place, as the metric names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// There is no place.
    NoPlace(NoPlace),
    /// There is no descriptor for it.
    Descriptors,
}

impl Closed {
    /// As the metric names it, and as a client is told.
    fn told(self) -> (&'static str, &'static str) {
        match self {
            Closed::NoPlace(NoPlace::All) => {
                ("limit", "the service has as many connections as it may (--max-connections)")
            }
            Closed::NoPlace(NoPlace::Address) => {
                ("address", "your address has as many connections as one may (--connections-per-address)")
            }
            Closed::Descriptors => ("descriptors", "the service has as many files and connections open as it may"),
        }
    }
}

/// The reply to a request that comes beside others of its connection, and that there is no place for. Notes it in the log and
/// the metrics.
pub fn refusal(why: Closed, peer: &str, meters: &Meters) -> Response {
    let (reason, detail) = why.told();
    meters.connections_refused.with_label_values(&[reason]).inc();
    let (error, id) = (ApiError::new(ErrorCode::Overloaded, detail), new_id());
    let mut reply = error.reply(&id);
    let headers = reply.headers_mut();
    headers.insert(REQUEST_ID, HeaderValue::from_str(&id).expect("an id is ASCII"));
    safety::secure(headers);
    observe::refused(&id, &error, peer, meters);
    reply
}

impl Doorman {
    /// Of a port that speaks TLS or not; counts in `meters`.
    pub fn new(tls: Option<Tls>, meters: Arc<Meters>) -> Self {
        Doorman { meters, tls, warned: Mutex::default(), lingering: Arc::new(Semaphore::new(LINGERING)) }
    }

    /// Answers a client that its connection is one too many, and ends it. Waits for nothing. Of clients that expect TLS, those
    /// that none can be waited for are told nothing, as they would not understand it.
    pub fn turn_away(&self, stream: TcpStream, peer: &str, why: Closed) {
        let (reason, detail) = why.told();
        self.meters.connections_refused.with_label_values(&[reason]).inc();
        self.warn(reason, detail);
        let reply = written(&ApiError::new(ErrorCode::Overloaded, detail), peer, &self.meters);
        let permit = self.lingering.clone().try_acquire_owned().ok().filter(|_| why != Closed::Descriptors);
        let tls = self.tls.as_ref().map(Tls::refusing);
        let Some(permit) = permit else {
            return if tls.is_none() {
                at_once(stream, &reply)
            };
        };
        tokio::spawn(async move {
            match tls {
                None => linger(stream, &reply).await,
                Some(tls) => {
                    if let Ok(Ok(stream)) = tokio::time::timeout(LINGER.1, tls.accept(stream)).await {
                        linger(stream, &reply).await;
                    }
                }
            }
            drop(permit);
        });
    }

    /// Tells the log now and then why connections are refused; each of them has its line there as well.
    fn warn(&self, reason: &str, detail: &str) {
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        if warned.is_none_or(|warned| warned.elapsed() >= WARN_EVERY) {
            *warned = Some(Instant::now());
            let refused = self.meters.connections_refused.with_label_values(&[reason]).get();
            tracing::warn!(reason, refused, "connections are refused: {detail}");
        }
    }
}

/// Writes the reply as far as the system takes it at once.
fn at_once(stream: TcpStream, reply: &str) {
    let _ = stream.into_std().and_then(|mut stream| {
        stream.write_all(reply.as_bytes())?;
        stream.shutdown(Shutdown::Write)?;
        stream.read(&mut [0; DRAINED])
    });
}

/// The whole reply. Notes it in the log and the metrics.
fn written(error: &ApiError, peer: &str, meters: &Meters) -> String {
    let id = new_id();
    let problem = error.problem(&id);
    observe::refused(&id, error, peer, meters);
    let body = serde_json::to_string(&problem).expect("a problem is plain data");
    let status = StatusCode::from_u16(problem.status).expect("the table holds HTTP statuses");
    let retry = match status {
        StatusCode::TOO_MANY_REQUESTS => format!("retry-after: {RETRY_SECONDS}\r\n"),
        _ => String::new(),
    };
    let length = body.len() + 1;
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/problem+json\r\ncontent-length: {length}\r\nx-request-id: {id}\r\n\
         {retry}{safety}connection: close\r\n\r\n{body}\n",
        safety = safety::AS_TEXT
    )
}

/// What is wrong with a head that is answered with `status`.
fn error(status: StatusCode) -> ApiError {
    match status {
        StatusCode::URI_TOO_LONG => ApiError::new(ErrorCode::UriTooLong, "the request's target is too long"),
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => {
            ApiError::new(ErrorCode::HeadersTooLarge, "the request has too many or too long headers")
        }
        StatusCode::REQUEST_TIMEOUT => {
            ApiError::new(ErrorCode::RequestTimeout, "the request's head did not arrive in time (--head-timeout)")
        }
        StatusCode::TOO_MANY_REQUESTS => {
            ApiError::new(ErrorCode::Overloaded, "too many requests with long heads come in at once")
        }
        _ => ApiError::new(ErrorCode::MalformedRequest, "the request's head is not HTTP/1.1 (RFC 9112)"),
    }
}
