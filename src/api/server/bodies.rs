//! Bodies of requests and replies, watched: when a request is whole, and when its reply is on its way.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;

use super::watched::{Phase, Watched};
use crate::api::layers::peer::Peer;

/// The body of a request; when all of it is there, or nobody wants more of it, the request is whole.
pub struct WholeBody {
    body: Incoming,
    peer: Peer,
}

impl WholeBody {
    /// Watches `body`.
    pub fn new(body: Incoming, peer: Peer) -> Self {
        WholeBody { body, peer }
    }
}

impl Drop for WholeBody {
    fn drop(&mut self) {
        if !self.body.is_end_stream() {
            self.peer.received.is_cut_short();
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
        let frame = Pin::new(&mut self.body).poll_frame(context);
        match frame {
            Poll::Pending => self.peer.received.is_awaited(),
            Poll::Ready(_) => self.peer.received.came(),
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
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
