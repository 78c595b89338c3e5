//! A key: whose it is, what it may, until when, and how often.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota};
use jiff::Timestamp;
use uuid::Uuid;

use super::pattern::Pattern;
use super::role::Role;
use super::secret::SecretHash;
use crate::storage::StorageError;
use crate::storage::catalog::KeyRow;

/// Least and greatest rate.
pub const RATES: (f64, f64) = (0.001, 1_000_000.0);

/// A key. Its secret is not among what is known of it.
#[derive(Clone, Debug)]
pub struct Key {
    /// Of a stored key; those of the settings have none.
    pub id: Option<Uuid>,
    /// Unique among stored keys.
    pub name: String,
    /// What it may.
    pub role: Role,
    /// The models that it sees: all, or those whose names fit.
    pub models: Option<Vec<Pattern>>,
    /// When it was made, or read from the settings.
    pub created_at: Timestamp,
    /// From when on it is refused.
    pub expires_at: Option<Timestamp>,
    /// How often it may ask.
    pub requests_per_second: Option<f64>,
    /// How much may be stored of it.
    pub stored_bytes: Option<u64>,
    pub(super) hash: SecretHash,
    pub(super) usage: Arc<Usage>,
}

/// What becomes of a key; shared by what was known of it before and after a change.
#[derive(Debug)]
pub(super) struct Usage {
    limiter: Option<DefaultDirectRateLimiter>,
    /// Seconds since 1970; 0 if it was never used.
    last: AtomicI64,
    /// The same, as the catalog has it.
    pub(super) written: AtomicI64,
    pub(super) is_revoked: AtomicBool,
    /// From when on it is refused, in milliseconds since 1970; `i64::MAX` for never.
    end: AtomicI64,
}

impl Usage {
    pub(super) fn new(rate: Option<f64>, last: Option<Timestamp>, end: Option<Timestamp>) -> Arc<Self> {
        let last = last.map_or(0, Timestamp::as_second);
        let usage = Usage {
            limiter: rate.and_then(limiter),
            last: last.into(),
            written: last.into(),
            is_revoked: AtomicBool::new(false),
            end: i64::MAX.into(),
        };
        usage.end_at(end);
        Arc::new(usage)
    }

    /// Has all that was opened with the key end at another time.
    pub(super) fn end_at(&self, end: Option<Timestamp>) {
        self.end.store(end.map_or(i64::MAX, Timestamp::as_millisecond), Ordering::Relaxed);
    }

    pub(super) fn last(&self) -> i64 {
        self.last.load(Ordering::Relaxed)
    }
}

/// Lets `rate` requests through in a second, evenly but for the first of them.
fn limiter(rate: f64) -> Option<DefaultDirectRateLimiter> {
    let rate = rate.clamp(RATES.0, RATES.1);
    let burst = NonZeroU32::new(rate.ceil() as u32)?;
    let quota = Quota::with_period(Duration::from_secs_f64(1.0 / rate))?.allow_burst(burst);
    Some(DefaultDirectRateLimiter::direct(quota))
}

impl Key {
    /// A key of the settings, by its hash.
    pub(super) fn given(name: String, role: Role, hash: SecretHash) -> Self {
        Key {
            id: None,
            name,
            role,
            models: None,
            created_at: Timestamp::now(),
            expires_at: None,
            requests_per_second: None,
            stored_bytes: None,
            hash,
            usage: Usage::new(None, None, None),
        }
    }

    /// The key of a row.
    ///
    /// # Errors
    /// `Damaged`.
    pub(super) fn from_row(row: KeyRow) -> Result<Self, StorageError> {
        let damaged = |what: &str| StorageError::damaged(format!("the record of key {}", row.id), what);
        let patterns = |text: &String| {
            let words: Vec<String> = serde_json::from_str(text).ok()?;
            words.iter().map(|word| Pattern::new(word).ok()).collect::<Option<Vec<_>>>()
        };
        let models = row.models.as_ref().map(|text| patterns(text).ok_or_else(|| damaged("its models"))).transpose()?;
        Ok(Key {
            id: Some(row.id),
            role: Role::of_word(&row.role).ok_or_else(|| damaged("its role"))?,
            hash: SecretHash::from_hex(&row.hash).ok_or_else(|| damaged("its hash"))?,
            models,
            usage: Usage::new(row.requests_per_second, row.last_used_at, row.expires_at),
            name: row.name,
            created_at: row.created_at,
            expires_at: row.expires_at,
            requests_per_second: row.requests_per_second,
            stored_bytes: row.stored_bytes,
        })
    }

    /// Whether it is over.
    pub fn is_expired(&self) -> bool {
        match self.usage.end.load(Ordering::Relaxed) {
            i64::MAX => false,
            end => end <= Timestamp::now().as_millisecond(),
        }
    }

    /// Whether it still opens the door.
    pub fn holds(&self) -> bool {
        !self.usage.is_revoked.load(Ordering::Relaxed) && !self.is_expired()
    }

    /// Notes that it is used now.
    ///
    /// # Errors
    /// Its rate is spent: after how many seconds it has some again.
    pub fn is_used(&self) -> Result<(), u64> {
        self.usage.last.store(Timestamp::now().as_second(), Ordering::Relaxed);
        let Some(limiter) = &self.usage.limiter else { return Ok(()) };
        limiter.check().map_err(|until| until.wait_time_from(DefaultClock::default().now()).as_secs() + 1)
    }

    /// When it was used last.
    pub fn last_used_at(&self) -> Option<Timestamp> {
        Some(self.usage.last()).filter(|last| *last > 0).and_then(|last| Timestamp::from_second(last).ok())
    }

    /// Whether it sees a model of this name. One without a name, or whose name is not known any more, is seen by a pattern alone
    /// that is nothing but `*`.
    pub fn sees(&self, name: Option<&str>) -> bool {
        let Some(patterns) = &self.models else { return true };
        // No name is empty.
        patterns.iter().any(|pattern| pattern.fits(name.unwrap_or("")))
    }

    /// What an `Idempotency-Key` is kept as that came with this key.
    pub fn scoped(&self, idempotency_key: &str) -> String {
        self.hash.scoped(idempotency_key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_spent_and_comes_back() {
        let key = Key {
            usage: Usage::new(Some(2.0), None, None),
            ..Key::given("k".into(), Role::Train, SecretHash::of(b"s"))
        };
        assert_eq!((key.last_used_at(), key.is_used(), key.is_used()), (None, Ok(()), Ok(())));
        assert_eq!(key.is_used(), Err(1));
        assert!(key.last_used_at().is_some());
        std::thread::sleep(Duration::from_millis(600));
        assert_eq!(key.is_used(), Ok(()));
    }

    #[test]
    fn what_has_no_name_is_seen_by_those_alone_that_see_all() {
        let key = Key::given("k".into(), Role::Train, SecretHash::of(b"s"));
        let sees = |patterns: &[&str], name| {
            let patterns = patterns.iter().map(|pattern| Pattern::new(pattern).expect("a pattern")).collect();
            Key { models: Some(patterns), ..key.clone() }.sees(name)
        };
        assert!(key.sees(None) && sees(&["a*"], Some("ab")) && !sees(&["a*", "0*"], Some("ba")));
        assert!(sees(&["*"], None) && sees(&["a", "**"], None));
        for of_identifiers in ["0*", "01*", "*7*", "*a*", "*-*"] {
            assert!(!sees(&[of_identifiers], None), "{of_identifiers}");
        }
    }

    #[test]
    fn no_secret_is_shown_with_a_key() {
        let key = Key::given("k".into(), Role::Train, SecretHash::of(b"hush"));
        let hash = key.hash.to_hex();
        let shown = format!("{key:?}");
        assert!(!shown.contains("hush") && !shown.contains(&hash[..8]), "{shown}");
    }
}
