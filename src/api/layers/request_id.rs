//! The id of a request: the caller's, or a new UUIDv7, which tower-http's layer puts on the request.

use std::convert::Infallible;

use axum::extract::{FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue};
use tower_http::request_id::{MakeRequestId, RequestId as IdOfLayer};
use uuid::Uuid;
use uuid::timestamp::context::{ContextV7, ThreadLocalContext};

use crate::identifier::new_id_in;

thread_local! {
    /// Keeps the ids that a thread makes apart; one for all threads would have them wait for each other.
    static COUNTER: ContextV7 = const { ContextV7::new() };
}

/// The header that carries it.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longest request id that is taken over from a client.
const MAX_REQUEST_ID: usize = 128;

/// Makes ids.
#[derive(Clone, Copy, Debug)]
pub struct NewId;

impl MakeRequestId for NewId {
    fn make_request_id<B>(&mut self, _: &axum::http::Request<B>) -> Option<IdOfLayer> {
        let id = HeaderValue::from_str(new_uuid().hyphenated().encode_lower(&mut Uuid::encode_buffer()));
        Some(IdOfLayer::new(id.expect("hexadecimal digits")))
    }
}

/// A new id.
pub fn new_id() -> String {
    new_uuid().hyphenated().to_string()
}

fn new_uuid() -> Uuid {
    new_id_in(ThreadLocalContext::new(&COUNTER))
}

/// Takes an id away from the request that is not 1 to 128 visible ASCII characters: it gets a new one.
pub fn drop_unusable(mut request: Request) -> Request {
    let usable =
        |id: &HeaderValue| (1..=MAX_REQUEST_ID).contains(&id.len()) && id.as_bytes().iter().all(u8::is_ascii_graphic);
    if request.headers().get(REQUEST_ID).is_some_and(|id| !usable(id)) {
        request.headers_mut().remove(REQUEST_ID);
    }
    request
}

/// The id of a request, for its line in the log, its problem documents and its job.
#[derive(Clone, Debug)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// Of a request inside the layers.
    pub fn of(extensions: &axum::http::Extensions) -> Self {
        RequestId(extensions.get::<IdOfLayer>().expect("every request has its id").header_value().clone())
    }

    /// As a header has it.
    pub fn value(&self) -> HeaderValue {
        self.0.clone()
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        self.0.to_str().expect("request ids are visible ASCII")
    }
}

impl<S: Sync> FromRequestParts<S> for RequestId {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(RequestId::of(&parts.extensions))
    }
}
