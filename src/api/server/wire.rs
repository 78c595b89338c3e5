//! The stream of a connection as HTTP/1 is spoken on it, watched: what comes and goes is told to [`Watched`], and what hyper
//! writes on its own is held back.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::http::StatusCode;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::watched::{Phase, Watched};

/// A head of so many bytes is long: few of them may come in at once, and the buffer of one goes with its connection.
const LONG_HEAD: usize = 16 << 10;
/// Long heads that come in at once.
static LONG_HEADS: Semaphore = Semaphore::const_new(64);

/// A stream that keeps its connection's phase, and holds back what is written while no request is being answered: that is
/// hyper refusing a head by itself, without a body.
pub struct Wire<S> {
    stream: S,
    watched: Arc<Watched>,
    /// The status line and headers that hyper wrote, and nobody was sent.
    held_back: Vec<u8>,
    /// Of the head that is coming in.
    head: usize,
    /// Held while a long head comes in.
    long_head: Option<SemaphorePermit<'static>>,
    /// Why the connection is ended here.
    refused: Option<StatusCode>,
}

impl<S> Wire<S> {
    /// Watches `stream`.
    pub fn new(stream: S, watched: Arc<Watched>) -> Self {
        Wire { stream, watched, held_back: Vec::new(), head: 0, long_head: None, refused: None }
    }

    /// The stream, and the status that hyper refused a head with.
    pub fn into_parts(self) -> (S, Option<StatusCode>) {
        let status = self.held_back.strip_prefix(b"HTTP/1.1 ").or(self.held_back.strip_prefix(b"HTTP/1.0 "));
        (self.stream, self.refused.or(status.and_then(|rest| StatusCode::from_bytes(rest.get(..3)?).ok())))
    }

    /// Notes that `bytes` more have come.
    ///
    /// # Errors
    /// They belong to a head, and too many long ones come in already.
    fn has_read(&mut self, bytes: usize) -> io::Result<()> {
        match self.watched.phase() {
            Phase::Idle if bytes > 0 => {
                self.head = 0;
                self.watched.begin(Phase::Head);
            }
            Phase::Idle | Phase::Head => {}
            Phase::Answering | Phase::Sending | Phase::Lingering => {
                self.long_head = None;
                return Ok(());
            }
        }
        self.head += bytes;
        if self.head > LONG_HEAD && self.long_head.is_none() {
            self.watched.had_long_head();
            self.long_head = LONG_HEADS.try_acquire().ok();
            if self.long_head.is_none() {
                self.refused = Some(StatusCode::TOO_MANY_REQUESTS);
                return Err(io::ErrorKind::ResourceBusy.into());
            }
        }
        Ok(())
    }

    fn is_refusal(&self) -> bool {
        matches!(self.watched.phase(), Phase::Idle | Phase::Head)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Wire<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        Poll::Ready(self.has_read(buffer.filled().len() - before))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.is_refusal() {
            self.held_back.extend_from_slice(bytes);
            return Poll::Ready(Ok(bytes.len()));
        }
        self.long_head = None;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.is_refusal() {
            let bytes = slices.iter().map(|slice| slice.len()).sum();
            slices.iter().for_each(|slice| self.held_back.extend_from_slice(slice));
            return Poll::Ready(Ok(bytes));
        }
        self.long_head = None;
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(context))?;
        if self.watched.phase() == Phase::Sending {
            self.watched.begin(Phase::Idle);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.held_back.is_empty() {
            true => Pin::new(&mut self.stream).poll_shutdown(context),
            // The refusal is written by whoever takes the stream back.
            false => Poll::Ready(Ok(())),
        }
    }
}
