//! The time that a request may take from its last byte to the head of its reply (`--request-timeout`).

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::Extensions;
use axum::http::request::Parts;
use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep};

use super::peer::{Peer, caller};

/// Lets a request take as long as it needs: its body has a rate of its own, or it is to wait.
pub fn untimed(extensions: &Extensions) {
    caller(extensions).inspect(|peer| peer.received.is_untimed());
}

/// Marks the requests of a handler as [`untimed`].
pub struct Untimed;

impl<S: Sync> FromRequestParts<S> for Untimed {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        untimed(&parts.extensions);
        Ok(Untimed)
    }
}

pin_project! {
    /// Ends when the request of `peer` has taken too long; its clock is started only where a reply is not there at once.
    pub struct Deadline {
        limit: Duration,
        #[pin]
        clock: Option<Sleep>,
    }
}

impl Deadline {
    /// Of a request that may take as long as `limit`.
    pub fn new(limit: Duration) -> Self {
        Deadline { limit, clock: None }
    }

    /// Whether the request is late.
    pub fn poll_late(self: Pin<&mut Self>, peer: Option<&Peer>, context: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        if this.clock.is_none() {
            this.clock.set(Some(sleep(*this.limit)));
        }
        loop {
            let clock = this.clock.as_mut().as_pin_mut().expect("it was set");
            ready!(clock.poll(context));
            match peer.map_or(Duration::ZERO, |peer| peer.received.left(*this.limit)) {
                Duration::ZERO => return Poll::Ready(()),
                // The body came later, and the time has begun with its end.
                left => this.clock.set(Some(sleep(left))),
            }
        }
    }
}
