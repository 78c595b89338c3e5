//! A data file as the one part of a form (`multipart/form-data`, as browsers and `curl -F` send it).

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use axum::BoxError;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::multipart::{Field, Multipart, MultipartError};
use axum::extract::{DefaultBodyLimit, FromRequest, Request};
use http_body::Frame;

use super::bounds::Pace;
use super::formats::of_field;
use super::sink::Sink;
use crate::api::error::{ApiError, ErrorCode};
use crate::api::idempotency::{Idempotency, Repeatable};
use crate::api::layers::observe::peer;
use crate::app::App;
use crate::data::ingest::Declared;
use crate::datasets::{Arrival, Arriving};
use crate::serving::memory::RequestMemory;

/// Most bytes of the part `options`: settings, and what is asked of columns.
const MOST_OPTIONS: usize = 256 << 10;
/// Most bytes of a part's head, with what stands before it.
const MOST_HEAD: usize = 16 << 10;
/// Bytes that the reader of forms is given at once.
const DOLE: usize = 64 << 10;
/// What is left of a head where none is read.
const NO_HEAD: usize = usize::MAX;

/// A file of a form that has arrived.
pub struct FormFile {
    /// The file.
    pub data: Arriving,
    /// What it is.
    pub format: Declared,
    /// What makes a repetition of the request known.
    pub idempotency: Idempotency,
    /// The part beside it that says what to do with it.
    pub options: Option<Options>,
}

/// The part `options` of a form: JSON.
pub struct Options {
    bytes: Vec<u8>,
    /// Covers them.
    memory: RequestMemory,
}

impl Options {
    async fn receive(
        field: &mut Field<'_>,
        pace: &mut Pace,
        client: Option<Arc<str>>,
        app: &App,
        broken: &(impl Fn(MultipartError) -> ApiError + Sync),
    ) -> Result<Self, ApiError> {
        let mut part = Options { bytes: Vec::new(), memory: RequestMemory::of(client) };
        while let Some(piece) = pace.wait(field.chunk()).await?.map_err(broken)? {
            pace.earn(piece.len());
            part.add(&piece, app)?;
        }
        Ok(part)
    }

    fn add(&mut self, piece: &[u8], app: &App) -> Result<(), ApiError> {
        if self.bytes.len() + piece.len() > MOST_OPTIONS {
            let detail = format!("the part `options` is longer than {MOST_OPTIONS} bytes");
            return Err(ApiError::new(ErrorCode::MalformedRequest, detail));
        }
        self.memory.reserve(piece.len(), app)?;
        self.bytes.extend_from_slice(piece);
        Ok(())
    }

    /// As they came.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Receives the one file of a form, and if it `has_options` a part of that name before or after it: only when the form has ended is
/// it known that nothing follows. A file whose name ends in .gz is packed (compressed).
///
/// # Errors
/// `malformed_request`: it is no form of one file; `unsupported_media_type`; else as a body that is the file.
pub async fn receive(
    mut request: Request,
    app: &App,
    repeatable: Repeatable,
    arrival: &Arrival,
    has_options: bool,
) -> Result<FormFile, ApiError> {
    let malformed = |detail: String| ApiError::new(ErrorCode::MalformedRequest, detail);
    // It has a bound of its own: `--max-upload`.
    DefaultBodyLimit::disable().apply(&mut request);
    let head = Arc::new(AtomicUsize::new(MOST_HEAD));
    let broken = |error: MultipartError| match head.load(Ordering::Relaxed) {
        0 => malformed(format!("the head of a part, with what stands before it, is longer than {MOST_HEAD} bytes")),
        _ => malformed(format!("the form cannot be read: {}", error.body_text())),
    };
    let (client, mut pace) = (peer(&request), Pace::of(&request, app));
    let request = request.map(|body| Body::new(Doled::of(body, head.clone())));
    let form = Multipart::from_request(request, app).await;
    let mut form = form.map_err(|error| malformed(error.body_text()))?;
    let (mut repeatable, mut received, mut options) = (Some(repeatable), None, None);
    while let Some(mut field) = pace.wait(form.next_field()).await?.map_err(broken)? {
        if has_options && options.is_none() && field.name() == Some("options") {
            head.store(NO_HEAD, Ordering::Relaxed);
            let part = Options::receive(&mut field, &mut pace, client.clone(), app, &broken).await?;
            head.store(MOST_HEAD, Ordering::Relaxed);
            options = Some(part);
            continue;
        }
        let several = || match has_options {
            false => malformed("the form has more than one part: send one file".into()),
            true => malformed("the form has more than one file, or `options` twice".into()),
        };
        let repeatable = repeatable.take().ok_or_else(several)?;
        let (format, packed) = of_field(&field)?;
        let (mut sink, data) = Sink::start(app, packed, repeatable, arrival, client.clone());
        head.store(NO_HEAD, Ordering::Relaxed);
        while let Some(piece) = pace.wait(field.chunk()).await?.map_err(broken)? {
            pace.earn(piece.len());
            sink.send(piece).await?;
        }
        head.store(MOST_HEAD, Ordering::Relaxed);
        received = Some((data, format, sink.finish().await?));
    }
    let (data, format, idempotency) = received.ok_or_else(|| malformed("the form has no file".into()))?;
    let idempotency = match &options {
        None => idempotency,
        Some(options) => idempotency.with_part(&options.bytes),
    };
    Ok(FormFile { data, format, idempotency, options })
}

/// A body for the reader of forms, which keeps all that it can get: it is given a little each time it asks, and of heads
/// no more than they may have.
struct Doled {
    body: Body,
    /// What is left of the frame that came last.
    rest: Bytes,
    /// Whether it was given something since it began to ask.
    was_given: bool,
    /// Bytes that a head may still have.
    head: Arc<AtomicUsize>,
}

impl Doled {
    fn of(body: Body, head: Arc<AtomicUsize>) -> Self {
        Doled { body, rest: Bytes::new(), was_given: false, head }
    }
}

impl HttpBody for Doled {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if std::mem::take(&mut self.was_given) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        while self.rest.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) => self.rest = frame.into_data().unwrap_or_default(),
                Some(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
                None => return Poll::Ready(None),
            }
        }
        let left = self.head.load(Ordering::Relaxed);
        let length = self.rest.len().min(DOLE).min(left);
        if length == 0 {
            return Poll::Ready(Some(Err("the head is too long".into())));
        }
        if left != NO_HEAD {
            self.head.store(left - length, Ordering::Relaxed);
        }
        self.was_given = true;
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(length)))))
    }
}
