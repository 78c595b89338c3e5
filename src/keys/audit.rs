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

/// A request that was refused.
pub struct Refused<'a> {
    /// The code of its problem document.
    pub code: &'static str,
    /// Its id, which the line of the request in the log has too.
    pub request_id: &'a str,
    /// GET, POST, …
    pub method: &'a str,
    /// The template of its path.
    pub route: &'static str,
    /// Who asked, if that is known.
    pub peer: Option<&'a str>,
    /// The key that was asked with, if there is one.
    pub key: Option<&'a Key>,
}

impl Audit {
    /// A key was made, changed or deleted by a request of this id, with the key `by`; `was` is what it was before a change.
    pub fn changed(&self, what: &'static str, key: &Key, was: Option<&Key>, by: &Key, request_id: &str) {
        let Key { id, name, role, expires_at, .. } = key;
        let (key_id, expires_at) = (id.map(|id| id.to_string()), expires_at.map(|end| end.to_string()));
        let (role, was, by) = (role.word(), was.map(|was| was.name.as_str()), by.name.as_str());
        tracing::info!(target: "epochd::audit", request_id, key_id, key = name, was, role, expires_at, by, "audit: key {what}");
    }

    /// The file of keys was read again; the names of those that are new, and of those that are gone.
    pub fn file_read(&self, added: &[String], removed: &[String]) {
        let [added, removed] = [added, removed].map(|names| names.join("; "));
        tracing::info!(target: "epochd::audit", added, removed, "audit: keys of --api-keys-file read again");
    }

    /// Tells of the refusals that had no line, if there were any since the last line.
    pub fn tell_rest(&self) {
        let untold = self.0.untold.swap(0, Ordering::Relaxed);
        if untold > 0 {
            tracing::info!(target: "epochd::audit", untold, "audit: further requests refused");
        }
    }

    /// A request was refused.
    pub fn refused(&self, refused: Refused) {
        if self.0.limiter.check().is_err() {
            self.0.untold.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let Refused { code, request_id, method, route, peer, key } = refused;
        let (untold, key) = (self.0.untold.swap(0, Ordering::Relaxed), key.map(|key| key.name.as_str()));
        tracing::info!(target: "epochd::audit", request_id, code, method, route, peer, key, untold, "audit: request refused");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_beyond_the_rate_are_counted_until_they_are_told() {
        let audit = Audit::default();
        for _ in 0..100 {
            let (code, route) = ("key_invalid", "/models");
            audit.refused(Refused { code, request_id: "1", method: "GET", route, peer: None, key: None });
        }
        let untold = || audit.0.untold.load(Ordering::Relaxed);
        assert!((60..=80).contains(&untold()), "{}", untold());
        audit.tell_rest();
        assert_eq!(untold(), 0);
    }
}
