//! A data file as the one part of a form (`multipart/form-data`, as browsers and `curl -F` send it).

use axum::extract::multipart::{Multipart, MultipartError};
use axum::extract::{DefaultBodyLimit, FromRequest, Request};

use super::bounds::patient;
use super::formats::of_field;
use super::sink::{Sink, finish};
use crate::api::error::{ApiError, ErrorCode};
use crate::api::idempotency::{Idempotency, Repeatable};
use crate::app::App;
use crate::data::ingest::Format;
use crate::datasets::{Arrival, Arriving};

/// A file of a form that has arrived.
pub struct FormFile {
    /// The file.
    pub data: Arriving,
    /// What it is.
    pub format: Format,
    /// What makes a repetition of the request known.
    pub idempotency: Idempotency,
}

/// Receives the one file of a form: only when the form has ended is it known that nothing follows. A file whose name
/// ends in .gz is packed (compressed).
///
/// # Errors
/// `malformed_request`: it is no form of one file; `unsupported_media_type`; else as a body that is the file.
pub async fn receive(
    mut request: Request,
    app: &App,
    repeatable: Repeatable,
    arrival: &Arrival,
) -> Result<FormFile, ApiError> {
    let malformed = |detail: String| ApiError::new(ErrorCode::MalformedRequest, detail);
    let broken = |error: MultipartError| malformed(format!("the form cannot be read: {}", error.body_text()));
    // It has a bound of its own: `--max-upload`.
    DefaultBodyLimit::disable().apply(&mut request);
    let form = Multipart::from_request(request, app).await;
    let mut form = form.map_err(|error| malformed(error.body_text()))?;
    let mut repeatable = Some(repeatable);
    let mut received = None;
    while let Some(mut field) = patient(form.next_field(), app).await?.map_err(broken)? {
        let several = || malformed("the form has more than one part: send one file".into());
        let repeatable = repeatable.take().ok_or_else(several)?;
        let (format, packed) = of_field(&field)?;
        let (sink, data, writing) = Sink::start(app, packed, repeatable, arrival)?;
        let sent = async {
            while let Some(piece) = patient(field.chunk(), app).await?.map_err(broken)? {
                if !sink.send(piece).await {
                    break;
                }
            }
            Ok(())
        };
        let sent = sent.await;
        drop(sink);
        received = Some(FormFile { data, format, idempotency: finish(sent, writing).await? });
    }
    received.ok_or_else(|| malformed("the form has no file".into()))
}
