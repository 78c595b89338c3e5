//! The events of a job: what a watcher is told, in order, and can be told again.
//!
//! Events are not kept: they follow from the job's history and state. An open job tells its state whenever that is not
//! what the watcher knows, and its epochs at most 20 a second; an ended one the rest of its epochs, the last one always,
//! and then its final state. A watcher says the [`EventId`] of the last event it got, so that one who lost the
//! connection, or whose job went through a restart of the service, goes on from there.

use std::fmt;
use std::str::FromStr;

use tokio::sync::watch;

use super::error::JobError;
use super::handle::JobHandle;
use super::history::EpochEntry;
use super::progress::{EPOCH_INTERVAL, StateMark};
use super::report::JobReport;

/// Entries of the history that are looked through at once.
const CHUNK: usize = 4096;

/// One event.
#[derive(Clone, Debug)]
pub enum Event {
    /// An epoch is complete.
    Epoch(EpochEntry),
    /// The job changed its state, or has a new warning.
    State(Box<JobReport>),
}

/// The id of an event: the last epoch and the last state that its watcher has been told. Written `12-3`, or `12-end`.
///
/// ```
/// use epochd::jobs::events::EventId;
///
/// let id: EventId = "12-end".parse().expect("an id");
/// assert!(id.is_end() && id.to_string() == "12-end");
/// assert!("12".parse::<EventId>().is_err());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventId {
    epoch: u64,
    state: Option<StateMark>,
}

impl EventId {
    /// Whether there is nothing left to tell.
    pub fn is_end(self) -> bool {
        self.state == Some(StateMark::End)
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.state {
            Some(StateMark::End) => write!(f, "{}-end", self.epoch),
            Some(StateMark::Change(change)) => write!(f, "{}-{change}", self.epoch),
            None => write!(f, "{}-0", self.epoch),
        }
    }
}

impl FromStr for EventId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (epoch, state) = text.split_once('-').ok_or(())?;
        let state = match state {
            "end" => StateMark::End,
            change => StateMark::Change(change.parse().map_err(|_| ())?),
        };
        Ok(EventId { epoch: epoch.parse().map_err(|_| ())?, state: Some(state) })
    }
}

/// One who watches a job.
pub struct Watcher {
    job: JobHandle,
    /// The last event it got.
    told: EventId,
    news: Option<watch::Receiver<u64>>,
    /// When the epoch of `told` was complete, in seconds of training, once looked up.
    told_at: Option<f64>,
    /// Epochs that are known not to be told.
    passed: u64,
}

impl Watcher {
    /// A watcher who was told all up to the event `told`.
    pub fn new(job: JobHandle, told: EventId) -> Self {
        let news = if let JobHandle::Open(job) = &job { Some(job.progress.watch()) } else { None };
        Watcher { job, told, news, told_at: None, passed: told.epoch }
    }

    /// The next event with its id; waits for it. `None` when no more will come from this process.
    ///
    /// # Errors
    /// `Storage`.
    pub async fn next(&mut self) -> Result<Option<(EventId, Event)>, JobError> {
        loop {
            // Seen before looked for, so that what comes in between wakes the wait below.
            if let Some(news) = &mut self.news {
                news.borrow_and_update();
            }
            let over = if let JobHandle::Open(job) = &self.job { job.progress.is_over() } else { true };
            let (mark, report, epochs) = self.now();
            let state = report.map(|report| Event::State(Box::new(report)));
            if let (Some(state), StateMark::Change(_)) = (&state, mark) {
                self.told.state = Some(mark);
                return Ok(Some((self.told, state.clone())));
            }
            if let Some(entry) = self.next_epoch(epochs, mark == StateMark::End).await? {
                return Ok(Some((self.told, Event::Epoch(entry))));
            }
            if let Some(state) = state {
                self.told.state = Some(mark);
                return Ok(Some((self.told, state)));
            }
            let Some(news) = self.news.as_mut().filter(|_| !over) else { return Ok(None) };
            if news.changed().await.is_err() {
                return Ok(None);
            }
        }
    }

    fn now(&self) -> (StateMark, Option<JobReport>, u64) {
        match &self.job {
            JobHandle::Open(job) => job.mark(self.told.state),
            JobHandle::Ended(ended) => {
                let unknown = self.told.state != Some(StateMark::End);
                (StateMark::End, unknown.then(|| JobReport::clone(&ended.report)), ended.report.epoch)
            }
        }
    }

    /// The next epoch to tell of those up to `last`, which is told in any case if it is the job's `final` one.
    async fn next_epoch(&mut self, last: u64, is_final: bool) -> Result<Option<EpochEntry>, JobError> {
        if self.told_at.is_none() && self.told.epoch > 0 {
            let told = self.job.entries(self.told.epoch, 1).await?;
            self.told_at = told.first().map(|entry| entry.elapsed_seconds);
        }
        let due = self.told_at.map_or(0.0, |at| at + EPOCH_INTERVAL.as_secs_f64());
        while self.passed < last {
            let entries = self.job.entries(self.passed + 1, CHUNK).await?;
            let found = entries.iter().find(|entry| entry.elapsed_seconds >= due || is_final && entry.epoch == last);
            if let Some(entry) = found {
                self.told.epoch = entry.epoch;
                (self.told_at, self.passed) = (Some(entry.elapsed_seconds), entry.epoch);
                return Ok(Some(*entry));
            }
            let seen = entries.last().map_or(last, |entry| entry.epoch);
            if seen >= last {
                // The last one is looked at again: it may turn out to be final.
                self.passed = self.passed.max(last - 1);
                return Ok(None);
            }
            self.passed = seen;
        }
        Ok(None)
    }
}
