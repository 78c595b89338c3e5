//! Replies: JSON with a status, and where the new thing is.

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use serde::Serialize;
use uuid::Uuid;

/// `value` as JSON, with a newline at its end. Numbers that are not finite become null.
pub fn json(status: StatusCode, value: &impl Serialize) -> Response {
    let mut body = serde_json::to_vec(value).expect("replies are plain data with text keys");
    body.push(b'\n');
    with_type(status, "application/json", body)
}

/// `value` as JSON.
pub fn text(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("replies are plain data with text keys")
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
