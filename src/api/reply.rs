//! Replies: JSON with a status, and where the new thing is.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes, HttpBody};
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use http_body::{Frame, SizeHint};
use serde::Serialize;
use uuid::Uuid;

use super::extract::RequestMemory;

/// `value` as JSON. Numbers that are not finite become null.
pub fn json(status: StatusCode, value: &impl Serialize) -> Response {
    let body = serde_json::to_vec(value).expect("replies are plain data with text keys");
    with_type(status, "application/json", body)
}

/// `value` as JSON, with the path of what was made.
pub fn created(status: StatusCode, location: &str, value: &impl Serialize) -> Response {
    let mut response = json(status, value);
    let location = HeaderValue::from_str(location).expect("paths of identifiers are ASCII");
    response.headers_mut().insert(LOCATION, location);
    response
}

/// A body that does not say itself which version of which model it is of.
pub fn of_version(content_type: &'static str, body: impl Into<Body>, model: Uuid, version: u64) -> Response {
    let mut response = with_type(StatusCode::OK, content_type, body);
    let headers = response.headers_mut();
    let model = HeaderValue::from_str(model.hyphenated().encode_lower(&mut Uuid::encode_buffer()));
    headers.insert("x-model-id", model.expect("hexadecimal digits"));
    headers.insert("x-model-version", version.into());
    response
}

/// A body of a content type.
pub fn with_type(status: StatusCode, content_type: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// The reply, which holds a share of the memory for requests until it is sent or given up: a client that does not read it
/// keeps no more than that.
pub fn holding(memory: RequestMemory, response: Response) -> Response {
    if memory.is_none() { response } else { response.map(|body| Body::new(Holding { body, memory: Arc::new(memory) })) }
}

struct Holding {
    body: Body,
    memory: Arc<RequestMemory>,
}

/// Bytes of a reply on their way to the socket: a body that is one piece is gone long before them.
struct Held {
    bytes: Bytes,
    _memory: Arc<RequestMemory>,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl HttpBody for Holding {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        let held = |bytes| Bytes::from_owner(Held { bytes, _memory: self.memory.clone() });
        Poll::Ready(frame.map(|frame| frame.map(|frame| frame.map_data(held))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
