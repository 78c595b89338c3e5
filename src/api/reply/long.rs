//! Long replies: made whole, on the disk where they are long, before their first byte is sent: so that a wrong row far down
//! is a proper error, and a client that sends everything before it reads anything is not left waiting.

use std::fs::File;
use std::io::{self, Read, Seek, Write};

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;

use crate::api::error::{ApiError, ErrorCode};
use crate::storage::{Storage, StorageError};

/// A reply up to so many bytes stays in memory.
const IN_MEMORY: usize = 1 << 20;
/// Bytes of a piece of a long reply.
const PIECE: usize = 256 << 10;

/// A reply under way: in memory while it is short, then in a file.
#[derive(Default)]
pub struct LongReply {
    memory: Vec<u8>,
    file: Option<File>,
    /// Of the whole reply so far.
    bytes: u64,
}

impl LongReply {
    /// Adds a piece of a reply that may have `most` bytes.
    ///
    /// # Errors
    /// `reply_too_large`; the file cannot be written.
    pub fn add(&mut self, piece: &[u8], most: u64, storage: &Storage) -> Result<(), ApiError> {
        self.bytes += piece.len() as u64;
        if self.bytes > most {
            let detail = format!("the reply would be larger than {most} bytes (--max-upload): send fewer rows");
            return Err(ApiError::new(ErrorCode::ReplyTooLarge, detail));
        }
        if let Some(file) = &mut self.file {
            return Ok(file.write_all(piece).map_err(StorageError::from)?);
        }
        self.memory.extend_from_slice(piece);
        if self.memory.len() > IN_MEMORY {
            let mut file = storage.scratch_file()?;
            file.write_all(&std::mem::take(&mut self.memory)).map_err(StorageError::from)?;
            self.file = Some(file);
        }
        Ok(())
    }

    /// The body.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn body(self) -> Result<Body, ApiError> {
        let Some(mut file) = self.file else { return Ok(self.memory.into()) };
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
        Ok(Body::from_stream(pieces))
    }
}
