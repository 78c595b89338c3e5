//! The audit: a line of the log for each change of keys and for each refusal; of many refusals some, and how many there were.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use governor::{DefaultDirectRateLimiter, Quota};

use super::key::Key;

/// Lines about refusals at once, and how often there is a further one.
const BURST: std::num::NonZeroU32 = std::num::NonZeroU32::new(20).expect("not 0");
const EVERY: Duration = Duration::from_millis(500);

/// See the module. Cheap to clone: a handle.
#[derive(Clone)]
pub struct Audit(Arc<Refusals>);

struct Refusals {
    limiter: DefaultDirectRateLimiter,
    /// Refusals without a line since the last line.
    untold: AtomicU64,
}

impl Default for Audit {
    fn default() -> Self {
        let quota = Quota::with_period(EVERY).expect("longer than nothing").allow_burst(BURST);
        let limiter = DefaultDirectRateLimiter::direct(quota);
        Audit(Arc::new(Refusals { limiter, untold: AtomicU64::new(0) }))
    }
}

impl Audit {
    /// A key was made, changed or deleted, by the holder of another, if by one.
    pub fn changed(&self, what: &'static str, key: &Key, by: Option<&Key>) {
        let (id, role, by) = (key.id, key.role.word(), by.map(|key| key.name.as_str()));
        let id = id.map(|id| id.to_string());
        tracing::info!(target: "epochd::audit", key_id = id, key = key.name, role, by, "audit: key {what}");
    }

    /// A request was refused.
    pub fn refused(
        &self,
        code: &'static str,
        method: &str,
        route: &'static str,
        peer: Option<&str>,
        key: Option<&Key>,
    ) {
        if self.0.limiter.check().is_err() {
            self.0.untold.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let (untold, key) = (self.0.untold.swap(0, Ordering::Relaxed), key.map(|key| key.name.as_str()));
        tracing::info!(target: "epochd::audit", code, method, route, peer, key, untold, "audit: request refused");
    }
}
