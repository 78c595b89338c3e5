//! Where a connection stands: between which requests, since when, and whether its client takes what it is sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

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
    /// The last reply is sent, and its client heard out that still sends.
    Lingering,
}

const PHASES: [Phase; 5] = [Phase::Idle, Phase::Head, Phase::Answering, Phase::Sending, Phase::Lingering];
/// Not a time.
const NEVER: u64 = u64::MAX;
/// The phase of a connection, which its stream, its requests and its task share.
#[derive(Debug)]
pub struct Watched {
    phase: AtomicU8,
    /// When the phase began, in milliseconds since `opened`; of idle and head.
    since: AtomicU64,
    /// Since when the client takes nothing of what waits to be sent; `NEVER` while it does.
    stalled: AtomicU64,
    /// How much longer, in milliseconds, it may take nothing: time lost is earned back at a rate.
    patience: AtomicU64,
    /// Most of it.
    most_patience: u64,
    /// Bytes a second.
    rate: u64,
    has_long_head: AtomicBool,
    /// Whether the client ever sent the head of a request.
    has_asked: AtomicBool,
    /// Streams of HTTP/2 that are open on it.
    streams: AtomicUsize,
    opened: Instant,
}

impl Watched {
    /// Of a new connection, whose client may take nothing for as long as `patience`, and less than `rate` bytes a second
    /// no longer in all.
    pub fn new(patience: Duration, rate: u64) -> Arc<Self> {
        let patience = patience.as_millis() as u64;
        Arc::new(Watched {
            phase: AtomicU8::new(Phase::Idle as u8),
            since: AtomicU64::new(0),
            stalled: AtomicU64::new(NEVER),
            patience: AtomicU64::new(patience),
            most_patience: patience,
            rate,
            has_long_head: AtomicBool::new(false),
            has_asked: AtomicBool::new(false),
            streams: AtomicUsize::new(0),
            opened: Instant::now(),
        })
    }

    /// The phase, and for how long it has lasted if it is one that the client may not stretch.
    pub fn now(&self) -> (Phase, Duration) {
        let since = Duration::from_millis(self.since.load(Ordering::Relaxed));
        (self.phase(), self.opened.elapsed().saturating_sub(since))
    }

    /// The client may begin now: the time before was the service's, or that of a handshake.
    pub fn is_new(&self) {
        self.begin(Phase::Idle);
    }

    /// A request has come whole up to its body.
    pub fn answering(&self) {
        self.has_asked.store(true, Ordering::Relaxed);
        self.patience.store(self.most_patience, Ordering::Relaxed);
        self.set(Phase::Answering);
    }

    /// Whether the client ever sent the head of a request.
    pub fn has_asked(&self) -> bool {
        self.has_asked.load(Ordering::Relaxed)
    }

    /// So many streams of HTTP/2 are open on it.
    pub fn carries(&self, streams: usize) {
        self.streams.store(streams, Ordering::Relaxed);
    }

    /// Whether it carries several requests at the moment: who ends it ends all of them.
    pub fn is_shared(&self) -> bool {
        self.streams.load(Ordering::Relaxed) > 1
    }

    /// For how long the client has been silent between two requests or within a head.
    pub fn silent_for(&self) -> Option<Duration> {
        let (phase, lasts) = self.now();
        matches!(phase, Phase::Idle | Phase::Head).then_some(lasts)
    }

    /// For how long a client has been heard out whose request is answered.
    pub fn lingers_for(&self) -> Option<Duration> {
        let (phase, lasts) = self.now();
        (phase == Phase::Lingering).then_some(lasts)
    }

    /// For how long the client has taken nothing of what waits to be sent.
    pub fn stalled_for(&self) -> Option<Duration> {
        let stalled = self.stalled.load(Ordering::Relaxed);
        (stalled != NEVER).then(|| Duration::from_millis(self.elapsed().saturating_sub(stalled)))
    }

    /// How much longer the client may take nothing of what waits to be sent; `None` while it does.
    pub fn patience_left(&self) -> Option<Duration> {
        let stalled = self.stalled.load(Ordering::Relaxed);
        let lost = self.elapsed().saturating_sub(stalled);
        let left = || Duration::from_millis(self.patience.load(Ordering::Relaxed).saturating_sub(lost));
        (stalled != NEVER).then(left)
    }

    /// Whether a head was so long that the connection is not kept after it.
    pub fn has_long_head(&self) -> bool {
        self.has_long_head.load(Ordering::Relaxed)
    }

    /// The client takes nothing at the moment.
    pub fn stalls(&self) {
        if self.stalled.load(Ordering::Relaxed) == NEVER {
            self.stalled.store(self.elapsed(), Ordering::Relaxed);
        }
    }

    /// The client took so many bytes.
    pub fn took(&self, bytes: usize) {
        let (stalled, patience) = (self.stalled.load(Ordering::Relaxed), self.patience.load(Ordering::Relaxed));
        if stalled == NEVER && patience == self.most_patience {
            return;
        }
        let earned = (bytes as u64).saturating_mul(1000).checked_div(self.rate).unwrap_or(NEVER);
        let left = patience.saturating_sub(self.elapsed().saturating_sub(stalled));
        self.patience.store(left.saturating_add(earned).min(self.most_patience), Ordering::Relaxed);
        self.stalled.store(NEVER, Ordering::Relaxed);
    }

    /// A head was long: the connection is not kept after it.
    pub fn had_long_head(&self) {
        self.has_long_head.store(true, Ordering::Relaxed);
    }

    /// Milliseconds since the connection was opened.
    fn elapsed(&self) -> u64 {
        self.opened.elapsed().as_millis() as u64
    }

    /// The phase.
    pub fn phase(&self) -> Phase {
        PHASES[usize::from(self.phase.load(Ordering::Relaxed))]
    }

    /// Sets a phase whose end is not the client's.
    pub fn set(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Relaxed);
    }

    /// Begins a phase that lasts until the client does something.
    pub fn begin(&self, phase: Phase) {
        self.since.store(self.elapsed(), Ordering::Relaxed);
        self.set(phase);
    }
}
