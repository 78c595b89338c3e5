//! How often the catalog and the blobs' store are called, how long that takes, and what comes of it.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use prometheus::core::Collector;
use prometheus::{Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Opts};

use super::StorageError;

/// Upper bounds of the buckets of a call's time, in seconds: 1 ms to 10 s.
const BUCKETS: [f64; 5] = [0.001, 0.01, 0.1, 1.0, 10.0];
/// What may come of a call.
const RESULTS: [&str; 4] = ["ok", "full", "timeout", "error"];

/// A kind of call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// A statement of the catalog that changes nothing, with the wait for a connection.
    Read,
    /// The begin of a change of the catalog, with the wait for its turn.
    Begin,
    /// A statement of a change.
    Change,
    /// The end of a change: what it made is on the disk.
    Commit,
    /// Writes a blob.
    Put,
    /// Reads a blob or parts of it, or asks for its size.
    Get,
    /// Removes a blob.
    Delete,
    /// Lists blobs, up to the first.
    List,
}

impl Call {
    /// Those on the catalog.
    pub(super) const CATALOG: [Call; 4] = [Call::Read, Call::Begin, Call::Change, Call::Commit];
    /// Those on the blobs' store.
    pub(super) const BLOBS: [Call; 4] = [Call::Put, Call::Get, Call::Delete, Call::List];

    fn name(self) -> &'static str {
        match self {
            Call::Read => "read",
            Call::Begin => "begin",
            Call::Change => "change",
            Call::Commit => "commit",
            Call::Put => "put",
            Call::Get => "get",
            Call::Delete => "delete",
            Call::List => "list",
        }
    }
}

/// Told at the end of a call, with its error if it failed.
pub type CallEnd = Box<dyn FnOnce(Option<&StorageError>) + Send>;
/// Told of the beginning of a call: of its store, and its kind. May want to be told of the end.
pub type CallWatch = Box<dyn Fn(&str, &'static str) -> Option<CallEnd> + Send + Sync>;

/// The calls on one store. Cheap to clone: a handle.
#[derive(Clone, Debug)]
pub struct Calls(Arc<Inner>);

struct Inner {
    store: String,
    watch: OnceLock<CallWatch>,
    counters: IntCounterVec,
    seconds: HistogramVec,
    /// Looked up once.
    meters: Vec<(Call, Histogram, [IntCounter; 4])>,
    /// Deadline of a call that moves few bytes.
    patience: Duration,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Calls").field("store", &self.store).finish_non_exhaustive()
    }
}

impl Calls {
    /// Calls of these kinds on `store`, whose deadline is `patience`.
    pub(super) fn on(store: &str, kinds: [Call; 4], patience: Duration) -> Self {
        let counters =
            Opts::new("epochd_storage_calls_total", "Calls on the catalog and the blobs, by what came of them.");
        let seconds =
            HistogramOpts::new("epochd_storage_call_seconds", "Time that calls on the catalog and the blobs took.");
        let counters = IntCounterVec::new(counters.const_label("store", store), &["call", "result"]);
        let seconds = HistogramVec::new(seconds.buckets(BUCKETS.to_vec()).const_label("store", store), &["call"]);
        let constants = "names and labels are constants of the right form";
        let (counters, seconds) = (counters.expect(constants), seconds.expect(constants));
        let of_kind = |call: Call| {
            let results = RESULTS.map(|result| counters.with_label_values(&[call.name(), result]));
            (call, seconds.with_label_values(&[call.name()]), results)
        };
        let (store, watch, meters) = (store.to_owned(), OnceLock::new(), kinds.map(of_kind).into());
        Calls(Arc::new(Inner { store, watch, meters, counters, seconds, patience }))
    }

    /// What a registry of metrics takes.
    pub fn collectors(&self) -> [Box<dyn Collector>; 2] {
        [Box::new(self.0.counters.clone()), Box::new(self.0.seconds.clone())]
    }

    /// Has `watch` told of each call from now on. The first one stays.
    pub fn watch(&self, watch: CallWatch) {
        let _ = self.0.watch.set(watch);
    }

    /// Waits for a call and counts it; one that nobody waits for to its end is not counted.
    pub(super) async fn count<T, E>(&self, call: Call, work: impl Future<Output = Result<T, E>>) -> Result<T, E>
    where
        for<'e> StorageError: From<&'e E>,
    {
        let end = self.0.watch.get().and_then(|watch| watch(&self.0.store, call.name()));
        let since = Instant::now();
        let done = work.await;
        let error = done.as_ref().err().map(StorageError::from);
        if let Some(end) = end {
            end(error.as_ref());
        }
        self.note(call, since.elapsed(), error);
        done
    }

    /// Counts a call that was refused before it was made, or failed on its way.
    pub(super) fn note_failed(&self, call: Call, error: &StorageError) {
        self.note(call, Duration::ZERO, Some(error.clone()));
    }

    fn note(&self, call: Call, elapsed: Duration, error: Option<StorageError>) {
        let Some((_, seconds, [ok, full, timeout, failed])) = self.0.meters.iter().find(|(of, ..)| *of == call) else {
            return;
        };
        seconds.observe(elapsed.as_secs_f64());
        match error {
            // What was answered was no fault of the store.
            None
            | Some(StorageError::Missing(_) | StorageError::Conflict)
            | Some(StorageError::QuotaSpent(_) | StorageError::ScratchTaken) => ok.inc(),
            Some(StorageError::Full) => full.inc(),
            Some(_) if elapsed >= self.0.patience => timeout.inc(),
            Some(StorageError::Unavailable(_) | StorageError::Damaged { .. }) => failed.inc(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_of_a_call_is_told_apart() {
        let calls = Calls::on("folder", Call::BLOBS, Duration::from_secs(1));
        let unavailable = || Some(StorageError::Unavailable("gone".into()));
        calls.note(Call::Get, Duration::ZERO, None);
        calls.note(Call::Get, Duration::ZERO, Some(StorageError::Missing("a blob".into())));
        calls.note(Call::Get, Duration::ZERO, unavailable());
        calls.note(Call::Get, Duration::from_secs(1), unavailable());
        calls.note(Call::Put, Duration::ZERO, Some(StorageError::Full));
        let count = |call: &str, result: &str| calls.0.counters.with_label_values(&[call, result]).get();
        assert_eq!(RESULTS.map(|result| count("get", result)), [2, 0, 1, 1]);
        assert_eq!(RESULTS.map(|result| count("put", result)), [0, 1, 0, 0]);
        assert_eq!(calls.0.seconds.with_label_values(&["get"]).get_sample_count(), 4);
    }
}
