//! The events of a job: what a watcher is told, in order, and can be told again.
//!
//! A job writes its events down as they happen: each change of state, and epochs at most 20 a second (the last one
//! always). An event's number counts from 1 within the job, so that a watcher who lost the connection goes on where it
//! was.

use std::sync::Arc;
use std::time::Duration;

use super::history::EpochEntry;
use super::report::JobReport;

/// Least time between two epochs that are told.
const EPOCH_INTERVAL: Duration = Duration::from_millis(50);

/// One event.
#[derive(Clone, Debug)]
pub enum Event {
    /// An epoch is complete.
    Epoch(EpochEntry),
    /// The job changed its state, or has a new warning.
    State(Arc<JobReport>),
}

/// The events of one job so far.
#[derive(Debug, Default)]
pub struct EventLog {
    events: Vec<Logged>,
    /// The last epoch that was told, and when, since the training started.
    told: Option<(u64, Duration)>,
}

/// An epoch is kept as its number: its entry stands in the history.
#[derive(Debug)]
enum Logged {
    Epoch(u64),
    State(Arc<JobReport>),
}

impl EventLog {
    /// Number of events so far: the number of the last one.
    pub fn last(&self) -> u64 {
        self.events.len() as u64
    }

    /// Event number `after` + 1, its epoch looked up in `history`.
    pub fn next(&self, after: u64, history: &[EpochEntry]) -> Option<Event> {
        let logged = usize::try_from(after).ok().and_then(|index| self.events.get(index))?;
        Some(match logged {
            Logged::Epoch(epoch) => Event::Epoch(history[*epoch as usize - 1]),
            Logged::State(report) => Event::State(report.clone()),
        })
    }

    /// Writes down that `epoch` is complete, unless one was told a moment ago; says whether it did.
    pub fn epoch(&mut self, epoch: u64, elapsed: Duration) -> bool {
        let soon = self.told.is_some_and(|(_, told)| elapsed < told + EPOCH_INTERVAL);
        if !soon {
            self.events.push(Logged::Epoch(epoch));
            self.told = Some((epoch, elapsed));
        }
        !soon
    }

    /// Writes down the last epoch, if it has not been told yet.
    pub fn last_epoch(&mut self, epoch: u64) {
        if epoch > 0 && self.told.is_none_or(|(told, _)| told < epoch) {
            self.events.push(Logged::Epoch(epoch));
            self.told = Some((epoch, Duration::MAX));
        }
    }

    /// Writes down a change of state.
    pub fn state(&mut self, report: JobReport) {
        self.events.push(Logged::State(Arc::new(report)));
    }
}
