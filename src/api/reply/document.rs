//! Documents whose length follows what clients have named: columns, classes, settings. A short one is written on the spot; a
//! long one on a thread for long work, and charged as it is made.

use std::io::{self, Write};

use axum::body::Body;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;

use super::json::{located, with_type};
use super::pieces::Pieces;
use crate::api::error::ApiError;
use crate::app::App;
use crate::memory::behalf::{self, Behalf};
use crate::memory::{Charge, Client, scope};
use crate::serving::threads::blocking;

/// A document up to so many bytes is written on the async threads, in about 0.1 ms. One that turns out to be longer is begun
/// again elsewhere.
const SHORT: usize = 64 << 10;
/// Entries that are gathered for a document on the async threads, before its first byte. About 0.3 ms.
const ON_THE_SPOT: usize = 200;

/// What a document is written on.
pub struct Sheet {
    pieces: Pieces,
    /// Bytes that it has room for.
    left: usize,
}

impl Sheet {
    fn with_room(left: usize) -> Self {
        Sheet { pieces: Pieces::default(), left }
    }

    /// Writes `value` as JSON. Numbers that are not finite become null.
    ///
    /// # Errors
    /// There is no room for it.
    pub fn json(&mut self, value: &impl Serialize) -> io::Result<()> {
        Ok(serde_json::to_writer(self, value)?)
    }
}

impl Write for Sheet {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes).map(|()| bytes.len())
    }

    #[inline]
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.left = self.left.checked_sub(bytes.len()).ok_or(io::ErrorKind::FileTooLarge)?;
        self.pieces.write_all(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What `write` writes, for which it gathers so many `entries` before it begins, with what is charged to `client` if it is long.
/// It may be called twice, each time from the beginning.
///
/// # Errors
/// `payload_too_large`, `overloaded`; `Busy` if no place for long work was free for long.
pub async fn written(
    app: &App,
    client: Option<Client>,
    entries: usize,
    write: impl Fn(&mut Sheet) -> io::Result<()> + Send + 'static,
) -> Result<(Body, Option<Charge>), ApiError> {
    let onto = move |mut sheet: Sheet| write(&mut sheet).map(|()| sheet.pieces.body());
    if entries <= ON_THE_SPOT
        && let Ok(short) = onto(Sheet::with_room(SHORT))
    {
        return Ok((short, None));
    }
    let charge = app.memory.replies.charge(client);
    let work = move || {
        let body = scope(&charge, || onto(Sheet::with_room(usize::MAX)))?;
        body.map(|body| (body, Some(charge))).map_err(|_| ApiError::defect())
    };
    let long = {
        let _behalf = Behalf::of(client);
        blocking(app, work)
    };
    long.await?
}

/// A document as a reply: what `write` writes, and a newline. As [`written`].
///
/// # Errors
/// As [`written`].
pub async fn document(
    app: &App,
    status: StatusCode,
    entries: usize,
    write: impl Fn(&mut Sheet) -> io::Result<()> + Send + 'static,
) -> Result<Response, ApiError> {
    let line = move |sheet: &mut Sheet| write(sheet).and_then(|()| sheet.write_all(b"\n"));
    let (body, charge) = written(app, behalf::client(), entries, line).await?;
    let mut reply = with_type(status, "application/json", body);
    charge.map(|charge| reply.extensions_mut().insert(charge));
    Ok(reply)
}

/// As [`document`], with the path of what was made.
///
/// # Errors
/// As [`written`].
pub async fn created(
    app: &App,
    status: StatusCode,
    location: &str,
    entries: usize,
    write: impl Fn(&mut Sheet) -> io::Result<()> + Send + 'static,
) -> Result<Response, ApiError> {
    Ok(located(document(app, status, entries, write).await?, location))
}
