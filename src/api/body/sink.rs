//! The body of a data file on its way to a scratch file, unpacked, counted and hashed.

use std::io::{self, Read, Write};
use std::mem;
use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use bytesize::ByteSize;
use flate2::read::MultiGzDecoder;
use http_body_util::BodyExt;
use tokio::sync::mpsc;

use super::bounds::patient;
use crate::api::error::{ApiError, ErrorCode};
use crate::api::idempotency::{Idempotency, Repeatable};
use crate::app::App;
use crate::datasets::{Arrival, Arriving, ArrivingEnd, Load};
use crate::storage::StorageError;

/// Pieces of a body that wait for the disk.
const PIECES: usize = 16;
/// What a file begins with that is packed with gzip, and no file of the formats: it is unpacked even if nothing says so.
const GZIP: [u8; 3] = [0x1f, 0x8b, 0x08];

/// Sends a body to its file, piece by piece.
pub async fn send_body(mut body: Body, app: &App, sink: Sink) -> Result<(), ApiError> {
    while let Some(frame) = patient(body.frame(), app).await? {
        let broken = |error| ApiError::new(ErrorCode::MalformedRequest, format!("the body broke off: {error}"));
        if let Ok(data) = frame.map_err(broken)?.into_data()
            && !sink.send(data).await
        {
            break;
        }
    }
    Ok(())
}

type Writing = tokio::task::JoinHandle<Result<Idempotency, ApiError>>;

/// Waits until all that was sent is written. What the writer met is told of after what the client broke off.
pub async fn finish(sent: Result<(), ApiError>, writing: Writing) -> Result<Idempotency, ApiError> {
    let written = writing.await;
    sent?;
    written.map_err(|_| ApiError::defect())?
}

/// Where the pieces of a body go: to a blocking thread that writes them to a scratch file.
pub struct Sink(mpsc::Sender<Bytes>);

impl Sink {
    /// The sink of a new file, the file, and the end of writing it.
    ///
    /// # Errors
    /// Storage has no room for a file.
    pub fn start(
        app: &App,
        packed: bool,
        repeatable: Repeatable,
        arrival: &Arrival,
    ) -> Result<(Self, Arriving, Writing), ApiError> {
        let (sender, receiver) = mpsc::channel(PIECES);
        let most = app.settings.max_upload;
        let (data, end) = Arriving::new(app.storage.scratch_file()?);
        let load = arrival.load().clone();
        let pieces = Pieces { receiver, current: Bytes::new(), repeatable, load, most: most.as_u64() };
        Ok((Sink(sender), data, tokio::task::spawn_blocking(move || write(pieces, end, packed, most))))
    }

    /// False if nobody takes the piece: the writer has stopped.
    pub async fn send(&self, piece: Bytes) -> bool {
        self.0.send(piece).await.is_ok()
    }
}

/// The pieces of a body as they arrive, read on a thread that may block.
struct Pieces {
    receiver: mpsc::Receiver<Bytes>,
    current: Bytes,
    repeatable: Repeatable,
    load: Arc<Load>,
    most: u64,
}

impl Pieces {
    /// What is left of the piece that came last, or the next one; empty at the end.
    fn next(&mut self) -> io::Result<Bytes> {
        while self.current.is_empty() {
            let Some(piece) = self.receiver.blocking_recv() else { return Ok(Bytes::new()) };
            self.repeatable.update(&piece);
            self.load.add_bytes(piece.len());
            if self.load.bytes() > self.most {
                return Err(io::ErrorKind::FileTooLarge.into());
            }
            self.current = piece;
        }
        Ok(mem::take(&mut self.current))
    }
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.current = self.next()?;
        let length = self.current.len().min(buffer.len());
        buffer[..length].copy_from_slice(&self.current.split_to(length));
        Ok(length)
    }
}

fn write(mut pieces: Pieces, mut file: ArrivingEnd, packed: bool, most: ByteSize) -> Result<Idempotency, ApiError> {
    let mut start = Vec::new();
    let read = (&mut pieces).take(GZIP.len() as u64).read_to_end(&mut start);
    read.map_err(|error| unwritten(&error, most))?;
    if packed || start == GZIP {
        copy(&mut MultiGzDecoder::new(start.as_slice().chain(&mut pieces)), &mut file, most)?;
        // What follows the last member of a gzip file is not data; it is a part of the request all the same.
        io::copy(&mut pieces, &mut io::sink()).map_err(|error| unwritten(&error, most))?;
    } else {
        let mut piece = Bytes::from(start);
        while !piece.is_empty() {
            file.write_all(&piece).map_err(StorageError::from)?;
            piece = pieces.next().map_err(|error| unwritten(&error, most))?;
        }
    }
    Ok(pieces.repeatable.finish())
}

fn copy(from: &mut impl Read, to: &mut impl Write, most: ByteSize) -> Result<(), ApiError> {
    let mut buffer = vec![0; 256 << 10];
    let mut total = 0;
    loop {
        let length = match from.read(&mut buffer) {
            Err(error) => return Err(unwritten(&error, most)),
            Ok(0) => return Ok(()),
            Ok(length) => length,
        };
        total += length as u64;
        if total > most.as_u64() {
            return Err(unwritten(&io::ErrorKind::FileTooLarge.into(), most));
        }
        to.write_all(&buffer[..length]).map_err(StorageError::from)?;
    }
}

fn unwritten(error: &io::Error, most: ByteSize) -> ApiError {
    match error.kind() {
        io::ErrorKind::FileTooLarge => {
            ApiError::new(ErrorCode::PayloadTooLarge, format!("the data file is larger than {most} (--max-upload)"))
        }
        _ => ApiError::new(ErrorCode::MalformedRequest, format!("the body cannot be unpacked with gzip: {error}")),
    }
}
