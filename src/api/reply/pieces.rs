//! Replies in pieces: a long text is never copied to a place with more room, and each piece is charged as it is made.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io::{self, Write};
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use http_body::{Frame, SizeHint};

use crate::api::error::ApiError;
use crate::memory::{Refused, made};

/// Takes a piece of a reply that is written some rows at a time.
pub type Take<'t> = &'t mut dyn FnMut(Vec<u8>) -> Result<(), ApiError>;
/// Bytes that are written before they are taken, about: the label sets and flags of a row may be a megabyte.
pub const WRITTEN: usize = 1 << 20;

/// Bytes of a piece, but for the first, which is as long as it has to be up to that.
const PIECE: usize = 128 << 10;
/// A piece up to so many bytes is copied: to send it by itself would take longer.
const SHORT: usize = 16 << 10;

/// A reply as it is written.
#[derive(Default)]
pub struct Pieces {
    whole: VecDeque<Bytes>,
    current: Vec<u8>,
    /// Of `whole`.
    bytes: u64,
}

impl Pieces {
    /// With room for so many bytes, as far as they are one piece.
    pub fn of_length(bytes: usize) -> Self {
        Pieces { current: Vec::with_capacity(bytes.min(PIECE)), ..Pieces::default() }
    }

    /// Adds a short text that is charged already.
    pub fn write_text(&mut self, text: &str) {
        self.current.extend_from_slice(text.as_bytes());
    }

    /// Adds what is charged already: a copy if it is short, else as it is.
    pub fn take(&mut self, piece: impl AsRef<[u8]> + Into<Bytes>) {
        if piece.as_ref().len() > SHORT {
            self.close();
            return self.push(piece.into());
        }
        let piece = piece.as_ref();
        if self.current.len() + piece.len() > PIECE {
            self.close();
        }
        self.current.extend_from_slice(piece);
    }

    /// Adds what is there already, after what was written.
    ///
    /// # Errors
    /// The memory for it was refused.
    pub fn add(&mut self, piece: Vec<u8>) -> Result<(), Refused> {
        made(piece.len() as u64)?;
        self.take(piece);
        Ok(())
    }

    /// The body that they are.
    pub fn body(mut self) -> Body {
        if self.whole.is_empty() {
            return self.current.into();
        }
        self.close();
        let Pieces { mut whole, bytes, .. } = self;
        match whole.len() {
            1 => whole.pop_front().map_or_else(Body::empty, Body::from),
            _ => Body::new(PiecesBody { whole, bytes }),
        }
    }

    fn close(&mut self) {
        let current = std::mem::take(&mut self.current);
        self.push(current.into());
    }

    fn push(&mut self, piece: Bytes) {
        if !piece.is_empty() {
            self.bytes += piece.len() as u64;
            self.whole.push_back(piece);
        }
    }
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes).map(|()| bytes.len())
    }

    #[inline]
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.current.len() + bytes.len() > PIECE {
            made(PIECE.max(bytes.len()) as u64).map_err(|_| io::ErrorKind::OutOfMemory)?;
            self.close();
            self.current.reserve_exact(PIECE.max(bytes.len()));
        }
        self.current.extend_from_slice(bytes);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Pieces on their way; each is gone once it is sent.
struct PiecesBody {
    whole: VecDeque<Bytes>,
    bytes: u64,
}

impl HttpBody for PiecesBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = self.whole.pop_front();
        self.bytes -= piece.as_ref().map_or(0, Bytes::len) as u64;
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.whole.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;
    use crate::memory::{Share, scope};

    fn written(text: &[u8]) -> Pieces {
        let mut pieces = Pieces::default();
        text.chunks(1000).for_each(|part| pieces.write_all(part).expect("written"));
        pieces
    }

    #[tokio::test]
    async fn what_was_written_is_the_body_however_many_pieces_it_has() {
        for length in [0, 10, PIECE, PIECE + 1, 5 * PIECE + 77] {
            let text: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
            let mut pieces = written(&text);
            pieces.add(b"end".to_vec()).expect("nobody counts");
            let body = pieces.body();
            assert_eq!(body.size_hint().exact(), Some(length as u64 + 3));
            assert_eq!(body.collect().await.expect("a body").to_bytes(), [&text[..], b"end"].concat());
        }
    }

    #[test]
    fn pieces_are_charged_and_refused_as_they_are_made() {
        let share = Share::new("requests", bytesize::ByteSize::mib(1));
        let charge = share.charge(None);
        let text = vec![b'x'; 512 << 10];
        assert!(scope(&charge, || written(&text).body()).is_ok());
        assert!((384 << 10..=512 << 10).contains(&charge.held()), "{}", charge.held());
        let refused = scope(&charge, || text.iter().chain(&text).try_for_each(|_| Pieces::default().write_all(&text)));
        assert!(matches!(refused, Err(Refused::Never { .. })));
    }
}
