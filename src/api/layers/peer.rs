//! Who is at the other end of a connection, and when the request that it answers was there whole.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::ConnectInfo;
use axum::http::Extensions;
use tokio::time::Instant;

/// A client, as all requests of its connection share it.
pub type Peer = Arc<Caller>;

/// Who sent a request, where its connection tells.
pub fn caller(extensions: &Extensions) -> Option<&Peer> {
    extensions.get::<ConnectInfo<Peer>>().map(|ConnectInfo(peer)| peer)
}

/// What is known of a client.
#[derive(Debug)]
pub struct Caller {
    /// Its address, written once.
    pub address: Arc<str>,
    /// How far its request has come.
    pub received: Received,
    /// Until when its requests are refused, in milliseconds since its connection was opened; 0 if they are not.
    refused_until: AtomicU64,
}

impl Caller {
    /// Who has just connected from this address.
    pub fn new(address: Arc<str>) -> Self {
        Caller { address, received: Received::new(), refused_until: AtomicU64::new(0) }
    }

    /// Until when it was told to wait, if it was.
    pub fn waits_until(&self) -> Option<Instant> {
        let until = self.refused_until.load(Ordering::Relaxed);
        (until > 0).then(|| self.received.opened + Duration::from_millis(until))
    }

    /// Notes that it was told to wait.
    pub fn is_to_wait_until(&self, until: Instant) {
        let until = until.duration_since(self.received.opened).as_millis() as u64;
        self.refused_until.store(until, Ordering::Relaxed);
    }
}

/// The body has not come whole yet.
const NOT_YET: u64 = u64::MAX;
/// The request has no such time.
const UNTIMED: u64 = u64::MAX - 1;

/// When the request that a connection answers was there whole.
#[derive(Debug)]
pub struct Received {
    opened: Instant,
    /// In milliseconds since `opened`, or one of the above.
    at: AtomicU64,
}

impl Received {
    /// Of a new connection.
    fn new() -> Self {
        Received { opened: Instant::now(), at: AtomicU64::new(NOT_YET) }
    }

    /// The next request has begun.
    pub fn begins(&self) {
        self.at.store(NOT_YET, Ordering::Relaxed);
    }

    /// The request is there whole.
    pub fn is_whole(&self) {
        let now = self.opened.elapsed().as_millis() as u64;
        let _ = self.at.compare_exchange(NOT_YET, now, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// The request has no such time.
    pub fn is_untimed(&self) {
        self.at.store(UNTIMED, Ordering::Relaxed);
    }

    /// How much is left of `limit`; all of it where the time has not begun.
    pub fn left(&self, limit: Duration) -> Duration {
        match self.at.load(Ordering::Relaxed) {
            NOT_YET | UNTIMED => limit,
            at => limit.saturating_sub(self.opened.elapsed().saturating_sub(Duration::from_millis(at))),
        }
    }
}
