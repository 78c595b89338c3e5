//! The time that a request may take from its last byte to the head of its reply (`--request-timeout`).

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::Extensions;
use axum::http::request::Parts;
use tokio::time::{Instant, Sleep, sleep};

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

/// Ends when the request of `peer` has taken too long; its clock is started only where a reply is not there at once.
pub struct Deadline {
    limit: Duration,
    clock: Option<Pin<Box<Sleep>>>,
}

impl Deadline {
    /// Of a request that may take as long as `limit`.
    pub fn new(limit: Duration) -> Self {
        Deadline { limit, clock: None }
    }

    /// Whether the request is late.
    pub fn poll_late(&mut self, peer: Option<&Peer>, context: &mut Context<'_>) -> Poll<()> {
        let clock = self.clock.get_or_insert_with(|| Box::pin(sleep(self.limit)));
        loop {
            ready!(clock.as_mut().poll(context));
            match peer.map_or(Duration::ZERO, |peer| peer.received.left(self.limit)) {
                Duration::ZERO => return Poll::Ready(()),
                // The body came later, and the time has begun with its end.
                left => clock.as_mut().reset(Instant::now() + left),
            }
        }
    }
}
