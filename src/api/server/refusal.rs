//! The reply to a head that never became a request: too long, against the rules of HTTP, or never finished.

use std::time::Duration;

use axum::http::StatusCode;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::api::error::{ApiError, ErrorCode};
use crate::api::layers::observe;
use crate::api::layers::request_id::new_id;
use crate::telemetry::Meters;

/// Most that is read, and for how long, of what a refused client still sends: closing at once would reset the
/// connection and could take the reply with it.
const LINGER: (u64, Duration) = (1 << 20, Duration::from_secs(1));

/// Writes the refusal to `stream` and closes it. Notes it in the log and the metrics.
pub async fn refuse<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, status: StatusCode, peer: &str, meters: &Meters) {
    let id = new_id();
    let problem = error(status).problem(&id);
    observe::refused(&id, problem.status, peer, meters);
    let body = serde_json::to_string(&problem).expect("a problem is plain data");
    let status = StatusCode::from_u16(problem.status).expect("the table holds HTTP statuses");
    let reply = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/problem+json\r\ncontent-length: {}\r\nx-request-id: {id}\r\n\
         connection: close\r\n\r\n{body}\n",
        body.len() + 1
    );
    // The client may be gone; there is nobody else to tell.
    let _ = tokio::time::timeout(LINGER.1, async {
        stream.write_all(reply.as_bytes()).await?;
        stream.shutdown().await?;
        tokio::io::copy(&mut stream.take(LINGER.0), &mut tokio::io::sink()).await
    })
    .await;
}

/// What is wrong with a head that hyper answers with `status`.
fn error(status: StatusCode) -> ApiError {
    match status {
        StatusCode::URI_TOO_LONG => ApiError::new(ErrorCode::UriTooLong, "the request's target is too long"),
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => {
            ApiError::new(ErrorCode::HeadersTooLarge, "the request has too many or too long headers")
        }
        StatusCode::REQUEST_TIMEOUT => {
            ApiError::new(ErrorCode::RequestTimeout, "the request's head did not arrive in time (--head-timeout)")
        }
        _ => ApiError::new(ErrorCode::MalformedRequest, "the request's head is not HTTP/1.1 (RFC 9112)"),
    }
}
