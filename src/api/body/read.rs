//! A body of bounded size, read whole.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::HeaderMap;

use super::bounds::{Pace, announced, check_size};
use super::media::{is_packed, media_type, not_taken};
use super::unpack::unpack;
use crate::api::error::ApiError;
use crate::api::layers::observe::peer;
use crate::app::App;
use crate::serving::memory::{LARGE, RequestMemory};
use crate::serving::threads::blocking;

/// Memory that is made ready for a body by its announced length.
const MOST_AHEAD: usize = 4 << 20;

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
        check_content_type(request.headers(), "application/octet-stream", advice)?;
        let (bytes, memory) = read_body(request, app).await?;
        Ok(FileBody { bytes: bytes.into(), memory })
    }
}

/// Whether the body is of the one type that is taken.
///
/// # Errors
/// `unsupported_media_type` with `advice`.
pub fn check_content_type(headers: &HeaderMap, taken: &str, advice: &str) -> Result<(), ApiError> {
    if media_type(headers).eq_ignore_ascii_case(taken) {
        return Ok(());
    }
    Err(not_taken(headers, advice, format!("Send Content-Type: {taken}.")))
}

/// Reads the whole body, and unpacks it, within the bounds on its size, on the memory of all bodies, and on pauses.
///
/// # Errors
/// `payload_too_large`, `overloaded`, `request_timeout`, `malformed_request`, `unsupported_media_type`.
pub async fn read_body(request: Request, app: &App) -> Result<(Vec<u8>, RequestMemory), ApiError> {
    let is_packed = is_packed(request.headers())?;
    let (bytes, mut memory) = read_as_sent(request, app).await?;
    memory.bound(bytes.len() as u64);
    if !is_packed {
        return Ok((bytes, memory));
    }
    let within = app.clone();
    blocking(app, move || Ok((unpack(&bytes, &mut memory, &within)?, memory))).await?
}

async fn read_as_sent(request: Request, app: &App) -> Result<(Vec<u8>, RequestMemory), ApiError> {
    let announced = announced(&request);
    check_size(announced as u64, app)?;
    let mut memory = RequestMemory::of(peer(&request));
    // Memory is taken as data arrives: an announced length alone keeps nobody else out.
    if announced >= LARGE {
        memory.could_cover(announced as u64, app)?;
    }
    let mut bytes = Vec::with_capacity(announced.min(MOST_AHEAD));
    let mut pace = Pace::of(&request, app);
    let mut body = request.into_body();
    while let Some(data) = pace.piece(&mut body).await? {
        check_size((bytes.len() + data.len()) as u64, app)?;
        memory.cover((bytes.len() + data.len()) as u64, app)?;
        bytes.extend_from_slice(&data);
    }
    Ok((bytes, memory))
}
