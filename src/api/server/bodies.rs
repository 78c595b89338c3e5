//! Bodies of requests and replies, watched: when a request is whole, when its reply is on its way, and whether its client
//! takes it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes, HttpBody};
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;

use super::unread::{Unread, read_away};
use super::watched::{Phase, Watched};
use crate::api::layers::peer::Peer;

/// The body of a request; when all of it is there, or nobody wants more of it, the request is whole.
pub struct WholeBody {
    /// None once its end has come.
    body: Option<Incoming>,
    peer: Peer,
    /// Takes the body where it is dropped before its end.
    unread: Option<Arc<Unread>>,
}

impl WholeBody {
    /// Watches `body` of a request of one connection, which leaves to `unread` what nobody read of it.
    pub fn of_connection(body: Incoming, peer: Peer, unread: Arc<Unread>) -> Self {
        WholeBody { body: Some(body), peer, unread: Some(unread) }
    }

    /// Watches `body` of a request of one stream among others; what nobody read of it holds up none of them.
    pub fn of_stream(body: Incoming, peer: Peer) -> Self {
        WholeBody { body: Some(body), peer, unread: None }
    }
}

impl Drop for WholeBody {
    fn drop(&mut self) {
        let rest = self.body.take().filter(|body| !body.is_end_stream());
        match (rest, &self.unread) {
            (Some(rest), Some(unread)) => unread.leave(Some(rest)),
            (Some(rest), None) => read_away(rest),
            (None, _) => {}
        }
        self.peer.received.is_whole();
    }
}

impl HttpBody for WholeBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let frame = Pin::new(body).poll_frame(context);
        match &frame {
            Poll::Pending => self.peer.received.is_awaited(),
            Poll::Ready(came) => {
                if !matches!(came, Some(Ok(_))) {
                    self.body = None;
                    // What follows a body that cannot be read is not known.
                    self.unread.as_ref().filter(|_| came.is_some()).inspect(|unread| unread.leave(None));
                }
                let bytes = came.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref().map(Bytes::len));
                bytes.inspect(|bytes| self.peer.received.holds(*bytes));
                self.peer.received.came();
            }
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Incoming::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Incoming::size_hint)
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

/// Most of a reply that is handed on at once where the client says how much it takes: what waits for it is no more than that.
const PIECE: usize = 16 << 10;

/// The body of a reply of a stream, which holds on to what it is of, as each of its pieces does until it is sent: a small reply is
/// handed on as a whole long before a client takes it. That more of it is asked for says that the client took what was handed on
/// before.
pub struct TakenBody<S> {
    body: Body,
    watched: Arc<Watched>,
    /// What was handed on last.
    handed_on: usize,
    /// What came with that and is not handed on yet.
    rest: Bytes,
    of: S,
}

/// A piece of a reply, which holds on to what that is of.
struct Piece<S> {
    bytes: Bytes,
    _of: S,
}

impl<S> AsRef<[u8]> for Piece<S> {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl<S: Clone + Send + 'static> TakenBody<S> {
    /// Watches `body` of a reply of `of`.
    pub fn new(body: Body, watched: Arc<Watched>, of: S) -> Self {
        TakenBody { body, watched, handed_on: 0, rest: Bytes::new(), of }
    }

    fn hand_on(&mut self, mut bytes: Bytes) -> Bytes {
        self.rest = bytes.split_off(bytes.len().min(PIECE));
        self.handed_on = bytes.len();
        self.watched.stalls();
        Bytes::from_owner(Piece { bytes, _of: self.of.clone() })
    }
}

impl<S: Clone + Send + Unpin + 'static> HttpBody for TakenBody<S> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let taken = std::mem::take(&mut self.handed_on);
        self.watched.took(taken);
        let rest = std::mem::take(&mut self.rest);
        if !rest.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(self.hand_on(rest)))));
        }
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        Poll::Ready(frame.map(|frame| match frame?.into_data() {
            Ok(bytes) => Ok(Frame::data(self.hand_on(bytes))),
            Err(frame) => Ok(frame),
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = SizeHint::new();
        let (body, rest) = (self.body.size_hint(), self.rest.len() as u64);
        hint.set_lower(body.lower() + rest);
        body.upper().inspect(|upper| hint.set_upper(upper + rest));
        hint
    }
}
