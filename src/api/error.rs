//! Errors on the wire: one shape (RFC 9457 `application/problem+json`); `codes` has the one table of codes.

mod codes;

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::data::encoder::EncodeError;
use crate::data::error::{DataError, DataErrorKind};
use crate::data::octets::OctetsError;
use crate::datasets::DatasetError;
use crate::jobs::JobError;
use crate::jobs::error::JobFailure;
use crate::keys::KeyError;
use crate::learning::error::{SpecError, SpecErrorKind};
use crate::memory::Refused;
use crate::models::ModelError;
use crate::serving::ServingError;
use crate::serving::error::Wrong;
use crate::storage::StorageError;

pub use codes::ErrorCode;

/// Seconds after which a client may try again.
pub const RETRY_SECONDS: u64 = 1;

use ErrorCode::*;

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
}

impl ApiError {
    /// An error of the whole request.
    pub fn new(code: ErrorCode, detail: impl Into<String>) -> Self {
        ApiError { code, detail: detail.into(), errors: Vec::new(), checks: None, retry: None }
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
        let (code, status, title, _) = self.code.entry();
        Problem {
            r#type: format!("/docs/errors#{code}"),
            title,
            status,
            code,
            detail: self.detail.clone(),
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

impl From<OctetsError> for ApiError {
    fn from(error: OctetsError) -> Self {
        let code = match error {
            OctetsError::Length { .. } => ShapeMismatch,
            OctetsError::NotFinite { .. } => InvalidValue,
        };
        ApiError::new(code, error.to_string())
    }
}

impl From<SpecError> for ApiError {
    fn from(error: SpecError) -> Self {
        let code = match error.kind {
            SpecErrorKind::Invalid => InvalidValue,
            SpecErrorKind::Shape => ShapeMismatch,
            SpecErrorKind::TooLarge => ModelTooLarge,
        };
        ApiError::at(code, error.pointer, error.detail)
    }
}

impl From<ModelError> for ApiError {
    fn from(error: ModelError) -> Self {
        let detail = error.to_string();
        match error {
            ModelError::NotFound(_) => ApiError::new(ModelNotFound, detail),
            ModelError::VersionNotFound { .. } => ApiError::new(VersionNotFound, detail),
            ModelError::WrongKind { .. } => ApiError::new(WrongModelKind, detail),
            ModelError::NoInterval(_) => ApiError::new(IntervalUnavailable, detail),
            ModelError::NotTrained { .. } => ApiError::new(ModelNotTrained, detail),
            ModelError::NameTaken(_) => ApiError::at(NameTaken, "/name", detail),
            ModelError::Invalid { pointer, detail } => ApiError::at(InvalidValue, pointer, detail),
            ModelError::VersionNeeded(_) => ApiError::new(ModelBusy, detail),
            ModelError::VersionActive(_) => ApiError::new(VersionActive, detail),
            ModelError::VersionDamaged { .. } => ApiError::new(VersionDamaged, detail),
            ModelError::File(_) => ApiError::new(MalformedFile, detail),
            ModelError::TooLarge { .. } => ApiError::new(ModelTooLarge, detail),
            ModelError::MemoryFull { .. } => ApiError::new(Overloaded, detail),
            ModelError::Spec(error) => error.into(),
            ModelError::Storage(error) => error.into(),
        }
    }
}

impl From<JobError> for ApiError {
    fn from(error: JobError) -> Self {
        let detail = error.to_string();
        let code = match error {
            JobError::NotFound(_) => JobNotFound,
            JobError::Ended(_) => JobEnded,
            JobError::Open(_) => JobOpen,
            JobError::QueueFull { .. } => QueueFull,
            JobError::Stopping => Stopping,
            JobError::TooLarge { .. } => TrainingTooLarge,
            JobError::ModelBusy(_) => ModelBusy,
            JobError::Model(error) => return error.into(),
            JobError::Spec(error) => return error.into(),
            JobError::Dataset(error) => return error.into(),
            JobError::Unfit(error) => return error.into(),
            JobError::Storage(error) => return error.into(),
        };
        ApiError::new(code, detail)
    }
}

impl From<KeyError> for ApiError {
    fn from(error: KeyError) -> Self {
        let detail = error.to_string();
        match error {
            KeyError::NotFound(_) => ApiError::new(KeyNotFound, detail),
            KeyError::NameTaken(_) => ApiError::at(NameTaken, "/name", detail),
            KeyError::Invalid { pointer, .. } => ApiError::at(InvalidValue, pointer, detail),
            KeyError::Given(_) | KeyError::NoRandomness => ApiError::defect(),
            KeyError::Storage(error) => error.into(),
        }
    }
}

impl From<DatasetError> for ApiError {
    fn from(error: DatasetError) -> Self {
        let detail = error.to_string();
        match error {
            DatasetError::NotFound(_) => ApiError::new(DatasetNotFound, detail),
            DatasetError::NameTaken(_) => ApiError::at(NameTaken, "/name", detail),
            DatasetError::Name(_) => ApiError::at(InvalidValue, "/name", detail),
            DatasetError::Busy(_) => ApiError::new(DatasetBusy, detail),
            DatasetError::Data(error) => error.into(),
            DatasetError::Storage(error) => error.into(),
        }
    }
}

impl From<DataError> for ApiError {
    fn from(error: DataError) -> Self {
        let code = match error.kind {
            DataErrorKind::Malformed => MalformedData,
            DataErrorKind::Unfit => UnfitData,
            DataErrorKind::TooLarge => PayloadTooLarge,
            DataErrorKind::Overloaded => Overloaded,
            DataErrorKind::Stopped => Stopping,
            DataErrorKind::Io => StorageUnavailable,
        };
        ApiError::new(code, error.to_string())
    }
}

/// Of data as a whole; where a request has a place for it, its handler says where.
impl From<EncodeError> for ApiError {
    fn from(error: EncodeError) -> Self {
        ApiError::new(UnfitData, error.to_string())
    }
}

/// Says no more than a client can use; the log says the rest.
impl From<StorageError> for ApiError {
    fn from(error: StorageError) -> Self {
        tracing::error!(%error, "storage failed");
        match error {
            StorageError::Full => ApiError::new(StorageFull, error.to_string()),
            StorageError::QuotaSpent(_) => ApiError::new(QuotaExceeded, error.to_string()),
            StorageError::Unavailable(_) => {
                ApiError::new(StorageUnavailable, "the service cannot reach its state at the moment: try again")
            }
            StorageError::Missing(_) | StorageError::Damaged { .. } => {
                ApiError::new(StateDamaged, "a part of the service's state is missing or damaged")
            }
            StorageError::Conflict => ApiError::defect(),
        }
    }
}

impl From<ServingError> for ApiError {
    fn from(error: ServingError) -> Self {
        let detail = error.to_string();
        match error {
            ServingError::Field { wrong, pointer: Some(pointer), .. } => ApiError::at(wrong.into(), pointer, detail),
            ServingError::Field { wrong, pointer: None, .. } => ApiError::new(wrong.into(), detail),
            ServingError::Overloaded | ServingError::Busy => ApiError::new(Overloaded, detail),
            ServingError::RowsTooLarge(_) => ApiError::new(TrainingTooLarge, detail),
            ServingError::MemoryNeverFree(_) => ApiError::new(PayloadTooLarge, detail),
            ServingError::AnswerTooLarge(_) => ApiError::new(ReplyTooLarge, detail),
            ServingError::DatasetGone(_) => ApiError::new(DatasetNotFound, detail),
            ServingError::Defect => ApiError::defect(),
            ServingError::Model(error) => error.into(),
            ServingError::Job(error) => error.into(),
            ServingError::Dataset(error) => error.into(),
            ServingError::Data(error) => error.into(),
            ServingError::Encode(error) => error.into(),
            ServingError::Spec(error) => error.into(),
            ServingError::Storage(error) => error.into(),
        }
    }
}

impl From<Refused> for ApiError {
    fn from(refused: Refused) -> Self {
        ServingError::from(refused).into()
    }
}

impl From<Wrong> for ErrorCode {
    fn from(wrong: Wrong) -> Self {
        match wrong {
            Wrong::Missing => MissingField,
            Wrong::Unknown => UnknownField,
            Wrong::Value => InvalidValue,
            Wrong::Shape => ShapeMismatch,
            Wrong::Kind => WrongModelKind,
            Wrong::Unfit => UnfitData,
        }
    }
}

impl From<&JobFailure> for ApiError {
    fn from(failure: &JobFailure) -> Self {
        let code = match failure {
            JobFailure::Diverged(_) => TrainingDiverged,
            JobFailure::Unfit(_) => UnfitData,
            JobFailure::Panicked => Internal,
            JobFailure::Damaged(_) => StateDamaged,
            JobFailure::Interrupted(_) => JobInterrupted,
        };
        ApiError::new(code, failure.to_string())
    }
}
