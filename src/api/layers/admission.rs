//! Which requests are answered while there are more than the service can answer: the others get 429 at once. Clients have fair shares
//! ([`Pressure`]).
//!
//! To refuse a small request takes nearly as long as to answer it. So a client that does not wait as `Retry-After` says is
//! made to wait a little: until that time is over, the further requests of its connection are refused with a delay.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use super::peer::Peer;
use crate::api::error::{ApiError, ErrorCode, RETRY_SECONDS};
use crate::app::Pressure;

/// How long a refusal is held back that comes of not waiting: hundreds of such clients then take a part of the time of one
/// core, and those who wait notice nothing.
const HELD_BACK: Duration = Duration::from_millis(250);

/// The refusal of a request, and when it is told.
pub struct Refusal(Option<Pin<Box<Sleep>>>);

impl Refusal {
    /// The refusal of a request of `peer`, if it is not admitted.
    pub fn of(pressure: &Pressure, peer: Option<&Peer>) -> Option<Self> {
        let admits = || pressure.admits(peer.and_then(|peer| peer.client));
        if pressure.is_off() {
            return (!admits()).then_some(Refusal(None));
        }
        let now = Instant::now();
        match peer.and_then(|peer| peer.waits_until()).filter(|until| *until > now) {
            Some(until) => Some(Refusal(Some(Box::pin(sleep_until(until.min(now + HELD_BACK)))))),
            None if admits() => None,
            None => {
                peer.inspect(|peer| peer.is_to_wait_until(now + Duration::from_secs(RETRY_SECONDS)));
                Some(Refusal(None))
            }
        }
    }

    /// The error, when it is time to tell it.
    pub fn poll(&mut self, context: &mut Context<'_>) -> Poll<ApiError> {
        if let Some(sleep) = &mut self.0 {
            ready!(sleep.as_mut().poll(context));
        }
        let detail = "the service answers as many requests as it can: wait as Retry-After says";
        Poll::Ready(ApiError::new(ErrorCode::Overloaded, detail))
    }
}
