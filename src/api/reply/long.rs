//! Long replies: made whole, on the disk where they are long and it is not full, before their first byte is sent: so that a wrong row far down
//! is a proper error, and a client that sends everything before it reads anything is not left waiting.

use std::io::{self, Read, Write};

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;

use crate::api::error::{ApiError, ErrorCode};
use crate::app::App;
use crate::memory::behalf;
use crate::serving::memory::RequestMemory;
use crate::storage::{ScratchFile, ScratchSpace, StorageError};

/// A reply up to so many bytes stays in memory.
const IN_MEMORY: usize = 1 << 20;
/// Bytes of a piece of a long reply.
const PIECE: usize = 256 << 10;

/// A reply under way: in memory while it is short, then in a file.
pub struct LongReply {
    app: App,
    start: Vec<u8>,
    /// Covers `start`.
    memory: RequestMemory,
    scratch: ScratchSpace,
    file: Option<ScratchFile>,
    /// No file could be written: all stays in memory, as long as there is some.
    has_no_disk: bool,
    /// Of the whole reply so far.
    bytes: u64,
}

impl LongReply {
    /// One that is empty; what of it stays in memory is charged to `memory`.
    pub fn new(app: &App, memory: RequestMemory) -> Self {
        let scratch = app.storage.scratch.of(behalf::client());
        LongReply { app: app.clone(), start: Vec::new(), memory, scratch, file: None, has_no_disk: false, bytes: 0 }
    }

    /// Adds a piece of a reply that may have `most` bytes.
    ///
    /// # Errors
    /// `reply_too_large`; the file cannot be written.
    pub fn add(&mut self, piece: &[u8], most: u64) -> Result<(), ApiError> {
        self.bytes += piece.len() as u64;
        if self.bytes > most {
            let detail = format!("the reply would be larger than {most} bytes (--max-upload): send fewer rows");
            return Err(ApiError::new(ErrorCode::ReplyTooLarge, detail));
        }
        if let Some(file) = &mut self.file {
            return Ok(file.write_all(piece).map_err(StorageError::from)?);
        }
        if (self.bytes <= IN_MEMORY as u64 || self.has_no_disk) && self.fits_in_memory() {
            self.start.extend_from_slice(piece);
            return Ok(());
        }
        match self.write_to_file(piece) {
            Err(_) if self.fits_in_memory() => {
                self.has_no_disk = true;
                self.start.extend_from_slice(piece);
                Ok(())
            }
            written => written.map_err(|error| StorageError::from(error).into()),
        }
    }

    fn fits_in_memory(&mut self) -> bool {
        self.memory.cover(2 * self.bytes, &self.app).is_ok()
    }

    /// Moves what is in memory to a file, and adds a piece there.
    fn write_to_file(&mut self, piece: &[u8]) -> io::Result<()> {
        let mut file = self.scratch.file()?;
        file.write_all(&self.start)?;
        file.write_all(piece)?;
        self.file = Some(file);
        (self.start, self.memory) = (Vec::new(), RequestMemory::default());
        Ok(())
    }

    /// The body, and the memory that it takes.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn body(self) -> Result<(Body, RequestMemory), ApiError> {
        let Some(mut file) = self.file else { return Ok((self.start.into(), self.memory)) };
        file.rewind().map_err(StorageError::from)?;
        let pieces = stream::try_unfold(file, |mut file| async move {
            let read = tokio::task::spawn_blocking(move || {
                let mut piece = vec![0; PIECE];
                let length = file.read(&mut piece)?;
                piece.truncate(length);
                Ok::<_, io::Error>((piece, file))
            });
            let (piece, file) = read.await.map_err(io::Error::other)??;
            Ok::<_, io::Error>((!piece.is_empty()).then(|| (Bytes::from(piece), file)))
        });
        Ok((Body::from_stream(pieces), self.memory))
    }
}
