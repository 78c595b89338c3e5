//! Data files that are being received or read: listed until their request is answered, and never stored.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use jiff::Timestamp;
use uuid::Uuid;

use crate::name::check_name;

/// Seconds between two lines of the log about one file.
const LOG_EVERY: u64 = 10;

/// The files that are under way. Cheap to clone: a handle.
#[derive(Clone, Default)]
pub struct Loading(Arc<Mutex<Vec<Arc<Load>>>>);

/// How far a file has come.
pub struct Load {
    /// The name that its data set is to have, if a data set may have it.
    pub name: Option<String>,
    /// The key that it came with, if that is a stored one.
    pub owner: Option<Uuid>,
    /// When its request began.
    pub started_at: Timestamp,
    since: Instant,
    bytes: AtomicU64,
    rows: AtomicU64,
    is_whole: AtomicBool,
    /// Seconds after `since` when the log last had a line about it.
    logged: AtomicU64,
}

/// A file that is listed until this is dropped: when its request is answered, or its client has left.
pub struct Arrival {
    load: Arc<Load>,
    all: Loading,
}

impl Loading {
    /// Lists a file of the key `owner` from now on.
    pub fn begin(&self, name: Option<String>, owner: Option<Uuid>) -> Arrival {
        let load = Arc::new(Load {
            name: name.filter(|name| check_name(name).is_ok()),
            owner,
            started_at: Timestamp::now(),
            since: Instant::now(),
            bytes: AtomicU64::new(0),
            rows: AtomicU64::new(0),
            is_whole: AtomicBool::new(false),
            logged: AtomicU64::new(0),
        });
        self.lock().push(load.clone());
        Arrival { load, all: self.clone() }
    }

    /// The files, those that came last first; at most `most`.
    pub fn list(&self, most: usize) -> Vec<Arc<Load>> {
        self.lock().iter().rev().take(most).cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Load>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Arrival {
    /// How far the file has come.
    pub fn load(&self) -> &Arc<Load> {
        &self.load
    }
}

impl Drop for Arrival {
    fn drop(&mut self) {
        self.all.lock().retain(|load| !Arc::ptr_eq(load, &self.load));
    }
}

impl Load {
    /// Bytes received, as they were sent.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Rows read.
    pub fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }

    /// Whether all bytes are there.
    pub fn is_whole(&self) -> bool {
        self.is_whole.load(Ordering::Relaxed)
    }

    /// More bytes were received.
    pub fn add_bytes(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        self.log();
    }

    /// All bytes are there.
    pub fn set_whole(&self) {
        self.is_whole.store(true, Ordering::Relaxed);
    }

    /// So many rows are read.
    pub fn set_rows(&self, rows: u64) {
        // A file may be read a second time from its start: the number that was shown before must not fall.
        self.rows.fetch_max(rows, Ordering::Relaxed);
        self.log();
    }

    fn log(&self) {
        let (now, logged) = (self.since.elapsed().as_secs(), self.logged.load(Ordering::Relaxed));
        let is_due = now >= logged + LOG_EVERY;
        if is_due && self.logged.compare_exchange(logged, now, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            let (name, bytes, rows) = (self.name.as_deref(), self.bytes(), self.rows());
            tracing::info!(name, seconds = now, bytes, rows, "data file under way");
        }
    }
}
