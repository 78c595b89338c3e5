//! Replies: JSON with a status, and where the new thing is.

use std::io::Write;

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use serde::Serialize;
use uuid::Uuid;

use super::pieces::Pieces;
use crate::api::error::ApiError;
use crate::app::App;
use crate::serving::memory::RequestMemory;

/// Headers that most replies have.
const HEADERS: usize = 8;

/// `value` as JSON, with a newline at its end. Numbers that are not finite become null.
pub fn json(status: StatusCode, value: &impl Serialize) -> Response {
    let body = text(value).expect("replies are plain data with text keys, and nobody counts what is made");
    with_type(status, "application/json", body)
}

/// As [`json`], charged to `memory` as it is made: for what may be long.
///
/// # Errors
/// `payload_too_large`, `overloaded`.
pub fn json_within(
    memory: &mut RequestMemory,
    app: &App,
    status: StatusCode,
    value: &impl Serialize,
) -> Result<Response, ApiError> {
    let body = memory.scope(app, || text(value))?.map_err(|_| ApiError::defect())?;
    Ok(with_type(status, "application/json", body))
}

fn text(value: &impl Serialize) -> serde_json::Result<Body> {
    let mut pieces = Pieces::default();
    serde_json::to_writer(&mut pieces, value)?;
    pieces.write_all(b"\n").map_err(serde_json::Error::io)?;
    Ok(pieces.body())
}

/// `value` as JSON if that has no more than `most` bytes. What is longer is not made.
pub fn short_text(value: &impl Serialize, most: usize) -> Option<String> {
    let mut room = vec![0; most];
    let mut rest = &mut room[..];
    serde_json::to_writer(&mut rest, value).ok()?;
    let left = rest.len();
    room.truncate(most - left);
    String::from_utf8(room).ok()
}

/// `value` as JSON, with the path of what was made.
pub fn created(status: StatusCode, location: &str, value: &impl Serialize) -> Response {
    located(json(status, value), location)
}

/// A reply with the path of what was made.
pub fn located(mut reply: Response, location: &str) -> Response {
    let location = HeaderValue::from_str(location).expect("paths of identifiers are ASCII");
    reply.headers_mut().insert(LOCATION, location);
    reply
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
    // For what the layers add as well: to grow would take a second allocation, and a third.
    response.headers_mut().reserve(HEADERS);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
