//! The stream of a connection, watched: between which requests it stands, since when, and what hyper writes on its own.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes, HttpBody};
use axum::http::StatusCode;
use http_body::{Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Where a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Phase {
    /// Between two requests; also before the first.
    Idle,
    /// The head of a request has begun.
    Head,
    /// A request is being answered.
    Answering,
    /// The reply is made, and parts of it may still be on their way.
    Sending,
}

const PHASES: [Phase; 4] = [Phase::Idle, Phase::Head, Phase::Answering, Phase::Sending];

/// The phase of a connection, which its stream, its requests and its task share.
#[derive(Debug)]
pub struct Watched {
    phase: AtomicU8,
    /// When the phase began, in milliseconds since `opened`; of idle and head.
    since: AtomicU64,
    opened: Instant,
}

impl Watched {
    /// Of a new connection.
    pub fn new() -> Arc<Self> {
        Arc::new(Watched { phase: AtomicU8::new(Phase::Idle as u8), since: AtomicU64::new(0), opened: Instant::now() })
    }

    /// The phase, and for how long it has lasted if it is one that the client may not stretch.
    pub fn now(&self) -> (Phase, Duration) {
        let since = Duration::from_millis(self.since.load(Ordering::Relaxed));
        (self.phase(), self.opened.elapsed().saturating_sub(since))
    }

    /// A request has come whole up to its body.
    pub fn answering(&self) {
        self.set(Phase::Answering);
    }

    fn phase(&self) -> Phase {
        PHASES[usize::from(self.phase.load(Ordering::Relaxed))]
    }

    fn set(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Relaxed);
    }

    /// Begins a phase that lasts until the client does something.
    fn begin(&self, phase: Phase) {
        self.since.store(self.opened.elapsed().as_millis() as u64, Ordering::Relaxed);
        self.set(phase);
    }
}

/// A stream that keeps its connection's phase, and holds back what is written while no request is being answered: that is
/// hyper refusing a head by itself, without a body.
pub struct Wire<S> {
    stream: S,
    watched: Arc<Watched>,
    /// The status line and headers that hyper wrote, and nobody was sent.
    held_back: Vec<u8>,
}

impl<S> Wire<S> {
    /// Watches `stream`.
    pub fn new(stream: S, watched: Arc<Watched>) -> Self {
        Wire { stream, watched, held_back: Vec::new() }
    }

    /// The stream, and the status that hyper refused a head with.
    pub fn into_parts(self) -> (S, Option<StatusCode>) {
        let status = self.held_back.strip_prefix(b"HTTP/1.1 ").or(self.held_back.strip_prefix(b"HTTP/1.0 "));
        (self.stream, status.and_then(|rest| StatusCode::from_bytes(rest.get(..3)?).ok()))
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
        if buffer.filled().len() > before && self.watched.phase() == Phase::Idle {
            self.watched.begin(Phase::Head);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.is_refusal() {
            self.held_back.extend_from_slice(bytes);
            return Poll::Ready(Ok(bytes.len()));
        }
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

/// The body of a reply; when hyper has taken all of it, or given it up, the reply is on its way.
pub struct WatchedBody {
    body: Body,
    watched: Arc<Watched>,
}

impl WatchedBody {
    /// Watches `body`.
    pub fn new(body: Body, watched: Arc<Watched>) -> Self {
        WatchedBody { body, watched }
    }
}

impl Drop for WatchedBody {
    fn drop(&mut self) {
        self.watched.set(Phase::Sending);
    }
}

impl HttpBody for WatchedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
