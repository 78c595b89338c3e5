//! What handlers take: checked bodies, query parameters, and the model or job of the path.

use std::fs::File;
use std::sync::Arc;

use axum::body::{Bytes, HttpBody};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::request::Parts;
use bytesize::ByteSize;
use futures_util::FutureExt;
use http_body_util::BodyExt;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::sync::OwnedSemaphorePermit;

use super::access::RequestId;
use super::error::{ApiError, ErrorCode};
use super::gzip;
use super::idempotency::{Idempotency, Repeatable};
use super::parse::{parse_json, parse_query};
use super::receiving::patient;
use super::router::PathParameters;
use super::upload::{is_packed, media_type};
use crate::app::App;
use crate::jobs::JobHandle;
use crate::models::Model;
use crate::storage::StorageError;

/// Bodies from this size on are parsed away from the async threads, and count against the memory for requests: small
/// predictions get through while large uploads fill it.
pub const LARGE_BODY: usize = 64 * 1024;

/// Memory that is made ready for a body by its announced length.
const MOST_AHEAD: u64 = 4 << 20;

/// A JSON body, parsed and checked for unknown fields.
pub struct JsonBody<T> {
    /// What the body says.
    pub value: T,
    /// What makes a repetition of the request known.
    pub idempotency: Idempotency,
    /// Held while the request is worked on.
    pub memory: RequestMemory,
}

/// A request's share of the memory for requests.
#[derive(Default)]
pub struct RequestMemory(Option<OwnedSemaphorePermit>);

impl RequestMemory {
    /// Takes `bytes` more, for a reply much larger than the body.
    ///
    /// # Errors
    /// `overloaded` if so much is not free.
    pub fn reserve(&mut self, bytes: usize, app: &App) -> Result<(), ApiError> {
        self.cover(((self.held() as u64) * 1024).saturating_add(bytes as u64), app)
    }

    /// Takes `bytes` more for rows of a stored data set, which a body of a few bytes can call for.
    ///
    /// # Errors
    /// `training_too_large` if there is never so much, `overloaded` if it is not free.
    pub fn reserve_rows(&mut self, bytes: usize, app: &App) -> Result<(), ApiError> {
        let (needed, limit) = (ByteSize::b(bytes as u64), app.settings.request_memory);
        if needed > limit {
            let detail = format!("the rows need {needed} of memory; requests have {limit} (--request-memory)");
            return Err(ApiError::new(ErrorCode::TrainingTooLarge, detail));
        }
        self.reserve(bytes, app)
    }

    /// Takes as much as a file has, which is read in pieces that may be as large as the file.
    ///
    /// # Errors
    /// `payload_too_large` if there is never so much, `overloaded` if it is not free.
    pub fn reserve_file(&mut self, file: &File, app: &App) -> Result<(), ApiError> {
        let bytes = file.metadata().map_err(StorageError::from)?.len();
        let limit = app.settings.request_memory;
        if bytes > limit.as_u64() {
            let detail = format!("the stream is larger than {limit} (--request-memory): send it in parts, or as CSV");
            return Err(ApiError::new(ErrorCode::PayloadTooLarge, detail));
        }
        self.cover(bytes, app)
    }

    /// Whether it is so little that nothing is taken.
    pub fn is_none(&self) -> bool {
        self.0.is_none()
    }

    fn held(&self) -> usize {
        self.0.as_ref().map_or(0, OwnedSemaphorePermit::num_permits)
    }

    /// Makes it cover `bytes` in all.
    ///
    /// # Errors
    /// `overloaded` if so much is not free.
    pub fn cover(&mut self, bytes: u64, app: &App) -> Result<(), ApiError> {
        let missing = usize::try_from(bytes.div_ceil(1024)).unwrap_or(usize::MAX).saturating_sub(self.held());
        if missing == 0 || bytes < LARGE_BODY as u64 {
            return Ok(());
        }
        let more = app.request_memory.clone().try_acquire_many_owned(u32::try_from(missing).unwrap_or(u32::MAX));
        let detail = "the memory for requests is taken (--request-memory): try again in a moment";
        let more = more.map_err(|_| ApiError::new(ErrorCode::Overloaded, detail))?;
        match &mut self.0 {
            Some(permit) => permit.merge(more),
            None => self.0 = Some(more),
        }
        Ok(())
    }
}

impl<T: DeserializeOwned + Send + 'static> FromRequest<App> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        JsonBody::read(request, app, parse_json).await
    }
}

impl<T: Send + 'static> JsonBody<T> {
    /// Reads the body of a request, and parses it with `parse`.
    pub async fn read(request: Request, app: &App, parse: fn(&[u8]) -> Result<T, ApiError>) -> Result<Self, ApiError> {
        let advice = "send the body as Content-Type: application/json (curl: use --json instead of -d)";
        check_content_type(request.headers(), &["application/json"], advice)?;
        let repeatable = Repeatable::of(&request)?;
        let (bytes, memory) = read_body(request, app).await?;
        let small = bytes.len() < LARGE_BODY;
        let parse = move || Ok::<_, ApiError>((repeatable.with_body(&bytes), parse(&bytes)?));
        let (idempotency, value) = if small { parse()? } else { blocking(parse).await?? };
        Ok(JsonBody { value, idempotency, memory })
    }
}

/// Runs `work` on the blocking pool.
///
/// # Errors
/// `internal` if it panicked.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, ApiError> {
    let defect = |_| ApiError::new(ErrorCode::Internal, "the request met a defect of the service");
    tokio::task::spawn_blocking(work).await.map_err(defect)
}

/// How many threads a large request may keep busy.
pub fn cores() -> usize {
    tokio::runtime::Handle::current().metrics().num_workers()
}

/// Does `work` to its end, even if the client that asked for it goes away: a change is made whole and then known.
///
/// # Errors
/// `internal` if it panicked.
pub async fn to_the_end<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> Result<T, ApiError> {
    let defect = |_| ApiError::new(ErrorCode::Internal, "the request met a defect of the service");
    tokio::spawn(work).await.map_err(defect)
}

/// A file as the body.
pub struct FileBody {
    /// The file.
    pub bytes: Bytes,
    /// Held while it is worked on.
    pub memory: RequestMemory,
}

impl FromRequest<App> for FileBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        let advice = "send the file as Content-Type: application/octet-stream (curl: --data-binary @FILE)";
        check_content_type(request.headers(), &["application/octet-stream"], advice)?;
        let (bytes, memory) = read_body(request, app).await?;
        Ok(FileBody { bytes: bytes.into(), memory })
    }
}

fn check_content_type(headers: &HeaderMap, taken: &[&str], advice: &str) -> Result<(), ApiError> {
    if taken.iter().any(|taken| media_type(headers).eq_ignore_ascii_case(taken)) {
        return Ok(());
    }
    let given = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let got = if given.is_empty() { "there is no Content-Type".to_owned() } else { format!("got {given:?}") };
    Err(ApiError::new(ErrorCode::UnsupportedMediaType, format!("{got}: {advice}")))
}

/// Reads the whole body, and unpacks it, within the bounds on its size, on the memory of all bodies, and on pauses.
async fn read_body(request: Request, app: &App) -> Result<(Vec<u8>, RequestMemory), ApiError> {
    let is_packed = is_packed(request.headers())?;
    let (bytes, mut memory) = read_as_sent(request, app).await?;
    if !is_packed {
        return Ok((bytes, memory));
    }
    let app = app.clone();
    blocking(move || Ok((gzip::unpack(&bytes, &mut memory, &app)?, memory))).await?
}

async fn read_as_sent(request: Request, app: &App) -> Result<(Vec<u8>, RequestMemory), ApiError> {
    let most = app.settings.max_body.as_u64();
    let announced = request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    check_size(announced.unwrap_or(0), most, app)?;
    let mut memory = RequestMemory::default();
    // Memory is taken as data arrives: an announced length alone keeps nobody else out.
    let mut bytes = Vec::with_capacity(announced.unwrap_or(0).min(MOST_AHEAD) as usize);
    let mut body = request.into_body();
    while !body.is_end_stream() {
        // What is there already needs no clock.
        let frame = match body.frame().now_or_never() {
            Some(frame) => frame,
            None => patient(body.frame(), app).await?,
        };
        let Some(frame) = frame else { break };
        let broken = |error| ApiError::new(ErrorCode::MalformedRequest, format!("the body broke off: {error}"));
        if let Ok(data) = frame.map_err(broken)?.into_data() {
            check_size((bytes.len() + data.len()) as u64, most, app)?;
            memory.cover((bytes.len() + data.len()) as u64, app)?;
            bytes.extend_from_slice(&data);
        }
    }
    Ok((bytes, memory))
}

/// Whether a body may have so many bytes.
///
/// # Errors
/// `payload_too_large`.
pub fn check_size(bytes: u64, most: u64, app: &App) -> Result<(), ApiError> {
    let detail = || format!("the body is larger than {} (--max-body)", app.settings.max_body);
    if bytes <= most { Ok(()) } else { Err(ApiError::new(ErrorCode::PayloadTooLarge, detail())) }
}

/// Query parameters, unknown ones refused.
pub struct Params<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<App> for Params<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, ApiError> {
        parse_query(parts.uri.query().unwrap_or("")).map(Params)
    }
}

/// For routes without query parameters: any is refused, so that a typing error never passes unseen.
pub struct NoQuery;

impl FromRequestParts<App> for NoQuery {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, ApiError> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Nothing {}
        match parts.uri.query() {
            None => Ok(NoQuery),
            Some(query) => parse_query::<Nothing>(query).map(|Nothing {}| NoQuery),
        }
    }
}

/// The model that `{model}` of the path names.
pub struct ModelPath(pub Arc<Model>);

impl FromRequestParts<App> for ModelPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let key = path_parameter(parts, "model")?;
        Ok(ModelPath(app.models.get(key).await?))
    }
}

/// The version number that `{version}` of the path names.
pub struct VersionPath(pub u64);

impl FromRequestParts<App> for VersionPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, ApiError> {
        let word = path_parameter(parts, "version")?;
        let missing = |_| ApiError::new(ErrorCode::VersionNotFound, format!("{word:?} is no version: it is a number"));
        word.parse().map(VersionPath).map_err(missing)
    }
}

/// The job that `{job}` of the path names.
pub struct JobPath(pub JobHandle);

impl FromRequestParts<App> for JobPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let key = path_parameter(parts, "job")?;
        Ok(JobPath(app.jobs.get(key).await?))
    }
}

/// The value of a parameter of the path.
pub fn path_parameter<'a>(parts: &'a Parts, name: &str) -> Result<&'a str, ApiError> {
    let parameters = parts.extensions.get::<PathParameters>().expect("the route has parameters");
    let unreadable = || ApiError::new(ErrorCode::MalformedRequest, "the path is not percent-encoded UTF-8");
    parameters.get(name).ok_or_else(unreadable)
}

impl FromRequestParts<App> for RequestId {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, ApiError> {
        Ok(parts.extensions.get::<RequestId>().expect("every request has its id").clone())
    }
}
