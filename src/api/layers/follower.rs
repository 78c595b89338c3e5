//! Requests that wait for what becomes of a job, or follow it: they may take as long as it does, and lose nothing when they are
//! sent again. Where all places are taken they make room.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::peer::{Peer, caller};

/// While nothing happens it is looked so often whether the key of who waits or follows still holds.
pub const LOOK: Duration = Duration::from_secs(1);

/// Who may come to wait or to follow.
pub struct Follower(Option<Peer>);

/// Who does so until this is dropped.
pub struct Following(Option<Peer>);

impl<S: Sync> FromRequestParts<S> for Follower {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Follower(caller(&parts.extensions).cloned()))
    }
}

impl Follower {
    /// The request begins to wait or to follow.
    pub fn follows(self) -> Following {
        self.0.as_ref().inspect(|peer| peer.set_follows(true));
        Following(self.0)
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        self.0.as_ref().inspect(|peer| peer.set_follows(false));
    }
}
