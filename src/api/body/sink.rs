//! The body of a data file on its way to where it is read from. It is gathered into pieces as the client sends them, and a
//! thread of the pool takes each piece at once and gives itself back: none ever waits for a client.

use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use bytesize::ByteSize;
use tokio::task::JoinHandle;

use super::bounds::Pace;
use super::intake::{GZIP, Intake};
use crate::api::error::{ApiError, ErrorCode};
use crate::api::idempotency::{Idempotency, Repeatable};
use crate::app::App;
use crate::datasets::{Arrival, Arriving, IN_MEMORY, Load};
use crate::memory::behalf;
use crate::serving::memory::{LARGE, RequestMemory};
use crate::serving::threads::blocking;
use crate::storage::StorageError;
use crate::waiting::Waiting;

/// Bytes that are handed on at once.
const PIECE: usize = 512 << 10;
/// Bytes from which on a pause of the client is used to hand them on.
const WORTH_A_THREAD: usize = 256 << 10;

/// Whether a data file of so many bytes may come.
///
/// # Errors
/// `payload_too_large`; there is no room for it on the disk.
pub fn may_come(bytes: u64, app: &App) -> Result<(), ApiError> {
    let most = app.settings.max_upload;
    if bytes > most.as_u64() {
        return Err(too_large(most));
    }
    if bytes > IN_MEMORY as u64 && !app.storage.scratch.of(behalf::client()).has_room(bytes) {
        return Err(StorageError::ScratchTaken.into());
    }
    Ok(())
}

/// Sends a body to its file, piece by piece, each within `pace`.
///
/// # Errors
/// The body breaks off, comes too slowly or is too large; it cannot be unpacked; storage does not take it.
pub async fn send_body(mut body: Body, mut pace: Pace, sink: &mut Sink) -> Result<(), ApiError> {
    loop {
        let piece = match pace.piece_at_hand(&mut body) {
            Some(piece) => piece?,
            None => {
                sink.client_pauses().await?;
                pace.piece(&mut body).await?
            }
        };
        let Some(piece) = piece else { return Ok(()) };
        sink.send(piece).await?;
    }
}

/// Where the pieces of a body go.
pub struct Sink {
    app: App,
    /// How far the file has come is told here.
    load: Arc<Load>,
    gathered: Vec<Bytes>,
    /// Of what is gathered.
    bytes: usize,
    /// Covers what is gathered and what is worked on.
    memory: RequestMemory,
    turn: Turn,
    /// Dropped with this: what is worked on ends then.
    _waiting: Waiting,
}

/// Who has the file.
enum Turn {
    Idle(Box<Intake>),
    Working(JoinHandle<Result<Box<Intake>, ApiError>>),
    /// It was lost with a piece that could not be taken.
    Lost,
}

impl Sink {
    /// The sink of a new file, and the file.
    pub fn start(
        app: &App,
        packed: bool,
        repeatable: Repeatable,
        arrival: &Arrival,
        client: Option<Arc<str>>,
    ) -> (Self, Arriving) {
        let (mut kept, of_app) = (RequestMemory::of(client.clone()), app.clone());
        let may_keep = Box::new(move |bytes| kept.cover(bytes, &of_app).is_ok());
        let (data, end) = Arriving::new(app.storage.scratch.of(behalf::client()), may_keep);
        let waiting = Waiting::default();
        let unpacking = RequestMemory::of(client.clone());
        let intake = Intake::new(app, end, packed, repeatable, waiting.seen(), unpacking);
        let sink = Sink {
            app: app.clone(),
            load: arrival.load().clone(),
            gathered: Vec::new(),
            bytes: 0,
            memory: RequestMemory::of(client),
            turn: Turn::Idle(Box::new(intake)),
            _waiting: waiting,
        };
        (sink, data)
    }

    /// Takes a piece, and waits where the file is not written as fast as it comes.
    ///
    /// # Errors
    /// `payload_too_large`; a piece before could not be taken.
    pub async fn send(&mut self, piece: Bytes) -> Result<(), ApiError> {
        self.load.add_bytes(piece.len());
        let most = self.app.settings.max_upload;
        if self.load.bytes() > most.as_u64() {
            return Err(too_large(most));
        }
        self.bytes += piece.len();
        self.gathered.push(piece);
        // Twice: the next piece is gathered while one is worked on.
        let is_covered = self.memory.cover(2 * self.bytes as u64, &self.app).is_ok();
        if self.bytes >= PIECE || !is_covered { self.hand_on().await } else { Ok(()) }
    }

    /// Hands on what is there while nothing comes, if a thread is worth it.
    ///
    /// # Errors
    /// A piece before could not be taken.
    pub async fn client_pauses(&mut self) -> Result<(), ApiError> {
        let is_free = match &self.turn {
            Turn::Working(work) => work.is_finished(),
            _ => true,
        };
        if is_free && self.bytes >= WORTH_A_THREAD { self.hand_on().await } else { Ok(()) }
    }

    /// Waits until all that was sent is written.
    ///
    /// # Errors
    /// A piece could not be taken.
    pub async fn finish(mut self) -> Result<Idempotency, ApiError> {
        let pieces = std::mem::take(&mut self.gathered);
        let is_short = self.bytes < LARGE && !pieces.first().is_some_and(|piece| piece.starts_with(&GZIP[..1]));
        let mut intake = self.idle().await?;
        if is_short && intake.is_untouched() {
            return intake.take(&pieces).and_then(|()| intake.end());
        }
        blocking(&self.app, move || intake.take(&pieces).and_then(|()| intake.end())).await?
    }

    /// Has a thread take what is gathered, after what it takes already.
    async fn hand_on(&mut self) -> Result<(), ApiError> {
        let mut intake = self.idle().await?;
        self.bytes = 0;
        let pieces = std::mem::take(&mut self.gathered);
        self.turn = Turn::Working(tokio::task::spawn_blocking(move || intake.take(&pieces).map(|()| intake)));
        Ok(())
    }

    /// The file, when nobody works on it.
    async fn idle(&mut self) -> Result<Box<Intake>, ApiError> {
        match std::mem::replace(&mut self.turn, Turn::Lost) {
            Turn::Idle(intake) => Ok(intake),
            Turn::Working(work) => work.await.map_err(|_| ApiError::defect())?,
            Turn::Lost => Err(ApiError::defect()),
        }
    }
}

/// The error of a data file beyond `most`.
fn too_large(most: ByteSize) -> ApiError {
    ApiError::new(ErrorCode::PayloadTooLarge, format!("the data file is larger than {most} (--max-upload)"))
}
