//! Who is at the other end of a connection, and when the request that it answers was there whole.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::ConnectInfo;
use axum::http::Extensions;
use tokio::time::Instant;

use crate::memory::Client;
use crate::serving::memory::client_at;

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
    /// By what its share of memory and places is counted.
    pub client: Option<Client>,
    /// How far its request has come.
    pub received: Received,
    /// Until when its requests are refused, in milliseconds since its connection was opened; 0 if they are not.
    refused_until: AtomicU64,
    /// Whether its request waits for what becomes of a job, or follows it.
    follows: AtomicBool,
}

impl Caller {
    /// Who has just connected from this address.
    pub fn new(address: Arc<str>) -> Self {
        let client = client_at(&address);
        Caller::of(address, client)
    }

    /// The same client, for another request beside this one.
    pub fn beside(&self) -> Self {
        Caller::of(self.address.clone(), self.client)
    }

    fn of(address: Arc<str>, client: Option<Client>) -> Self {
        let (refused_until, follows) = (AtomicU64::new(0), AtomicBool::new(false));
        Caller { address, client, received: Received::new(), refused_until, follows }
    }

    /// Whether its request waits for what becomes of a job, or follows it.
    pub fn follows(&self) -> bool {
        self.follows.load(Ordering::Relaxed)
    }

    /// Notes whether it does.
    pub fn set_follows(&self, follows: bool) {
        self.follows.store(follows, Ordering::Relaxed);
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
/// Nor has it, and more of it is waited for, or was.
const AWAITED: u64 = u64::MAX - 3;
/// The body came with the head: it was whole when the request began.
const WITH_HEAD: u64 = u64::MAX - 2;
/// The request has no such time.
const UNTIMED: u64 = u64::MAX - 1;

/// How far the request that a connection answers has come: whether more of its body is waited for, and when it was whole.
#[derive(Debug)]
pub struct Received {
    opened: Instant,
    /// When it was whole: in milliseconds since `opened`, or one of the above.
    at: AtomicU64,
    /// Since when more of its body is waited for, or `NOT_YET`.
    awaited: AtomicU64,
    /// Bytes of its body so far.
    bytes: AtomicU64,
}

impl Received {
    /// Of a new connection.
    fn new() -> Self {
        Received {
            opened: Instant::now(),
            at: AtomicU64::new(NOT_YET),
            awaited: AtomicU64::new(NOT_YET),
            bytes: AtomicU64::new(0),
        }
    }

    /// The next request has begun.
    pub fn begins(&self) {
        self.at.store(NOT_YET, Ordering::Relaxed);
        self.bytes.store(0, Ordering::Relaxed);
    }

    /// The request is there whole. The clock is read only where its body was waited for, which most never are.
    pub fn is_whole(&self) {
        let at = match self.at.load(Ordering::Relaxed) {
            NOT_YET => WITH_HEAD,
            AWAITED => self.elapsed(),
            known => known,
        };
        self.at.store(at, Ordering::Relaxed);
        self.came();
    }

    /// More of the body is waited for.
    pub fn is_awaited(&self) {
        let _ = self.at.compare_exchange(NOT_YET, AWAITED, Ordering::Relaxed, Ordering::Relaxed);
        let _ = self.awaited.compare_exchange(NOT_YET, self.elapsed(), Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Bytes of its body so far.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// So many bytes of the body came. One task reads it.
    pub fn holds(&self, bytes: usize) {
        self.bytes.store(self.bytes() + bytes as u64, Ordering::Relaxed);
    }

    /// More of the body came, or its end.
    pub fn came(&self) {
        if self.awaited.load(Ordering::Relaxed) != NOT_YET {
            self.awaited.store(NOT_YET, Ordering::Relaxed);
        }
    }

    /// For how long more of the body has been waited for.
    pub fn awaited_for(&self) -> Option<Duration> {
        let since = self.awaited.load(Ordering::Relaxed);
        (since != NOT_YET).then(|| Duration::from_millis(self.elapsed().saturating_sub(since)))
    }

    /// Milliseconds since the connection was opened.
    fn elapsed(&self) -> u64 {
        self.opened.elapsed().as_millis() as u64
    }

    /// The request has no such time.
    pub fn is_untimed(&self) {
        self.at.store(UNTIMED, Ordering::Relaxed);
    }

    /// How much is left of `limit`; all of it where the time has not begun.
    pub fn left(&self, limit: Duration) -> Duration {
        match self.at.load(Ordering::Relaxed) {
            NOT_YET | AWAITED | UNTIMED => limit,
            WITH_HEAD => Duration::ZERO,
            at => limit.saturating_sub(self.opened.elapsed().saturating_sub(Duration::from_millis(at))),
        }
    }
}
