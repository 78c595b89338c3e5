//! Errors on the wire: one shape (RFC 9457 `application/problem+json`); `codes` has the one table of codes.

mod codes;
mod of_rooms;

use std::borrow::Cow;

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::storage::StorageError;

pub use codes::ErrorCode;

/// Seconds after which a client may try again.
pub const RETRY_SECONDS: u64 = 1;

/// What is wrong in one place of the request.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FieldError {
    /// JSON pointer into the body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// Name of a query parameter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameter: Option<String>,
    /// What is wrong with it.
    pub detail: String,
}

/// A part of the service and how it is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[allow(missing_docs)]
pub struct Check {
    pub name: &'static str,
    pub status: &'static str,
}

/// A call that cannot be answered, on its way to the client.
#[derive(Clone, Debug, PartialEq)]
pub struct ApiError {
    code: ErrorCode,
    detail: String,
    errors: Vec<FieldError>,
    checks: Option<Vec<Check>>,
    /// Seconds after which to try again, where that is known.
    retry: Option<u64>,
    /// What to do, where more is known than the code says.
    remedy: Option<Cow<'static, str>>,
}

impl ApiError {
    /// An error of the whole request.
    pub fn new(code: ErrorCode, detail: impl Into<String>) -> Self {
        ApiError { code, detail: detail.into(), errors: Vec::new(), checks: None, retry: None, remedy: None }
    }

    /// A reply cannot be encoded.
    pub fn unwritten(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        StorageError::from(std::io::Error::other(error)).into()
    }

    /// A request that met a defect; the log says which.
    pub fn defect() -> Self {
        ApiError::new(ErrorCode::Internal, "the request met a defect of the service")
    }

    /// An error at a place of the body.
    pub fn at(code: ErrorCode, pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        let (pointer, detail) = (pointer.into(), detail.into());
        let field = FieldError { pointer: Some(pointer), parameter: None, detail: detail.clone() };
        ApiError { errors: vec![field], ..ApiError::new(code, detail) }
    }

    /// An error in a query parameter.
    pub fn parameter(code: ErrorCode, parameter: impl Into<String>, detail: impl Into<String>) -> Self {
        let (parameter, detail) = (parameter.into(), detail.into());
        let field = FieldError { pointer: None, parameter: Some(parameter), detail: detail.clone() };
        ApiError { errors: vec![field], ..ApiError::new(code, detail) }
    }

    /// The same error of a request whose body is a file, and whose settings stand in the query under these names.
    pub fn of_query(mut self, parameters: &[&str]) -> Self {
        let named = |error: FieldError| {
            let name = error.pointer.as_deref()?.trim_start_matches('/').split('/').next()?.to_owned();
            let known = parameters.contains(&name.as_str());
            known.then_some(FieldError { pointer: None, parameter: Some(name), detail: error.detail })
        };
        let (of_body, of_query): (Vec<_>, Vec<_>) =
            self.errors.into_iter().partition(|error| error.parameter.is_none());
        self.errors = of_query.into_iter().chain(of_body.into_iter().filter_map(named)).collect();
        self
    }

    /// With the state of the service's parts.
    pub fn with_checks(self, checks: Vec<Check>) -> Self {
        ApiError { checks: Some(checks), ..self }
    }

    /// To be tried again after so many seconds.
    pub fn after(self, seconds: u64) -> Self {
        ApiError { retry: Some(seconds), ..self }
    }

    /// With what to do about it in place of what its code says.
    pub fn with_remedy(self, remedy: impl Into<Cow<'static, str>>) -> Self {
        ApiError { remedy: Some(remedy.into()), ..self }
    }

    /// Whether it says that there is no key, or what the key may not.
    pub fn is_of_keys(&self) -> bool {
        use ErrorCode::{KeyForbids, KeyInvalid, KeyRequired, QuotaExceeded, RateExceeded};
        matches!(self.code, KeyRequired | KeyInvalid | KeyForbids | RateExceeded | QuotaExceeded)
    }

    /// The code as it is written.
    pub fn word(&self) -> &'static str {
        self.code.entry().0
    }

    /// The status of the reply.
    pub fn status(&self) -> u16 {
        self.code.entry().1
    }

    /// The document that the client gets.
    pub fn problem(&self, request_id: &str) -> Problem {
        let (code, status, title, remedy) = self.code.entry();
        Problem {
            r#type: format!("/docs/errors#{code}"),
            title,
            status,
            code,
            detail: self.detail.clone(),
            remedy: self.remedy.clone().unwrap_or(remedy.into()),
            errors: self.errors.clone(),
            checks: self.checks.clone(),
            request_id: request_id.to_owned(),
        }
    }

    /// The complete reply to request `request_id`.
    pub fn reply(&self, request_id: &str) -> Response {
        let problem = self.problem(request_id);
        let mut body = serde_json::to_vec(&problem).expect("a problem is plain data");
        body.push(b'\n');
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = StatusCode::from_u16(problem.status).expect("the table holds HTTP statuses");
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if matches!(problem.status, 429 | 503) {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(self.retry.unwrap_or(RETRY_SECONDS)));
        }
        if problem.status == 401 {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// An RFC 9457 problem document.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[allow(missing_docs)]
pub struct Problem {
    pub r#type: String,
    pub title: &'static str,
    pub status: u16,
    pub code: &'static str,
    pub detail: String,
    pub remedy: Cow<'static, str>,
    pub errors: Vec<FieldError>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checks: Option<Vec<Check>>,
    pub request_id: String,
}

/// Leaves the error in the reply's extensions: `layers::problem`, which knows the request's id, writes it out.
impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        response.extensions_mut().insert(self);
        response
    }
}
