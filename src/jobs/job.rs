//! One training as its owner sees it: state, progress, history, events.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::watch;
use uuid::Uuid;

use super::events::{Event, EventLog};
use super::history::{EpochEntry, HistoryQuery, page};
use super::report::{Ending, JobReport, JobState, Stop};
use super::request::Training;
use crate::learning::diagnosis::Warning;
use crate::learning::report::EpochReport;
use crate::learning::training::ValidTrainingSpec;

/// One training.
#[derive(Debug)]
pub struct Job {
    /// UUIDv7: ordered by time of creation.
    pub id: Uuid,
    /// The model that is trained.
    pub model_id: Uuid,
    /// The request that created it, for logs and problems.
    pub request_id: String,
    /// Memory that the training needs, about.
    pub bytes: usize,
    created_at: Timestamp,
    queued: Instant,
    config: ValidTrainingSpec,
    rows: usize,
    /// A [`Stop`], or 0.
    stop: AtomicU8,
    rows_done: AtomicU64,
    /// Held for a few lines at a time by the worker and by readers.
    progress: Mutex<Progress>,
    /// Number of events so far; watchers sleep on it.
    events: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Progress {
    /// The rows, until the worker takes them.
    training: Option<Training>,
    started: Option<(Timestamp, Instant)>,
    finished: Option<(Timestamp, Duration)>,
    history: Vec<EpochEntry>,
    best: Option<(u64, f64)>,
    warnings: Vec<Warning>,
    ending: Option<Ending>,
    log: EventLog,
}

impl Job {
    /// A job that waits.
    pub fn new(model_id: Uuid, training: Training, bytes: usize, request_id: String) -> Self {
        let job = Job {
            id: Uuid::now_v7(),
            model_id,
            request_id,
            bytes,
            created_at: Timestamp::now(),
            queued: Instant::now(),
            config: training.settings.clone(),
            rows: training.train.rows(),
            stop: AtomicU8::new(0),
            rows_done: AtomicU64::new(0),
            progress: Mutex::new(Progress { training: Some(training), ..Progress::default() }),
            events: watch::Sender::new(0),
        };
        job.tell_state(&mut job.progress());
        job
    }

    /// The settings.
    pub fn config(&self) -> &ValidTrainingSpec {
        &self.config
    }

    /// Where the job stands.
    pub fn state(&self) -> JobState {
        self.progress().state()
    }

    /// How long the job waited, or has waited so far.
    pub fn waited(&self) -> Duration {
        self.queued.elapsed()
    }

    /// Epochs in the history.
    pub fn epochs_done(&self) -> usize {
        self.progress().history.len()
    }

    /// Everything about the job now.
    pub fn report(&self) -> JobReport {
        self.report_of(&self.progress())
    }

    /// Entries of the history, and the `after` of the next page.
    pub fn history(&self, query: HistoryQuery) -> (Vec<EpochEntry>, Option<u64>) {
        page(&self.progress().history, query)
    }

    /// Event number `after` + 1, if it has happened.
    pub fn event(&self, after: u64) -> Option<Event> {
        let progress = self.progress();
        progress.log.next(after, &progress.history)
    }

    /// Whether the job has ended and event number `after` is its last or beyond.
    pub fn events_are_over(&self, after: u64) -> bool {
        let progress = self.progress();
        progress.ending.is_some() && after >= progress.log.last()
    }

    /// Changes whenever there are new events.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.events.subscribe()
    }

    /// Waits until the job has ended.
    pub async fn ended(&self) {
        let mut events = self.watch();
        while !self.state().ended() {
            if events.changed().await.is_err() {
                return;
            }
        }
    }

    /// Asks a running job to stop. The first request counts, but a stopping service outweighs.
    pub fn ask_to_stop(&self, stop: Stop) {
        if stop == Stop::Interrupt {
            self.stop.store(stop as u8, Ordering::Relaxed);
        } else {
            let _ = self.stop.compare_exchange(0, stop as u8, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    /// The request to stop, if there is one.
    pub fn stop(&self) -> Option<Stop> {
        match self.stop.load(Ordering::Relaxed) {
            1 => Some(Stop::Drop),
            2 => Some(Stop::Keep),
            3 => Some(Stop::Interrupt),
            _ => None,
        }
    }

    /// The worker takes the rows: the job runs. `None` if it has ended before.
    pub(super) fn start(&self) -> Option<Training> {
        let mut progress = self.progress();
        let training = progress.training.take()?;
        progress.started = Some((Timestamp::now(), Instant::now()));
        self.tell_state(&mut progress);
        Some(training)
    }

    /// A batch of `rows` rows is done.
    pub(super) fn batch(&self, rows: usize) {
        self.rows_done.fetch_add(rows as u64, Ordering::Relaxed);
    }

    /// Time since the training started.
    pub(super) fn running_for(&self) -> Duration {
        self.progress().elapsed()
    }

    /// An epoch is complete.
    pub(super) fn epoch(&self, report: &EpochReport) {
        let mut guard = self.progress();
        let progress = &mut *guard;
        let elapsed = progress.elapsed();
        progress.history.push(EpochEntry::new(report, elapsed.as_secs_f64()));
        if progress.best.is_none_or(|(_, best)| report.watched() < best) {
            progress.best = Some((report.epoch, report.watched()));
        }
        if progress.log.epoch(report.epoch, elapsed) {
            self.wake(progress);
        }
    }

    /// The training has something to say.
    pub(super) fn warn(&self, warning: Warning) {
        let mut progress = self.progress();
        progress.warnings.push(warning);
        self.tell_state(&mut progress);
    }

    /// The job ends; a second ending is ignored.
    pub(super) fn end(&self, ending: Ending) {
        let mut progress = self.progress();
        if progress.ending.is_some() {
            return;
        }
        progress.training = None;
        progress.finished = Some((Timestamp::now(), progress.elapsed()));
        progress.ending = Some(ending);
        let last = progress.history.len() as u64;
        progress.log.last_epoch(last);
        self.tell_state(&mut progress);
    }

    fn tell_state(&self, progress: &mut Progress) {
        let report = self.report_of(progress);
        progress.log.state(report);
        self.wake(progress);
    }

    fn wake(&self, progress: &Progress) {
        self.events.send_replace(progress.log.last());
    }

    // A panic elsewhere leaves the progress readable: it only ever grows by whole entries.
    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn report_of(&self, progress: &Progress) -> JobReport {
        let state = progress.state();
        let last = progress.history.last();
        let ending = progress.ending.as_ref();
        let rows_done = self.rows_done.load(Ordering::Relaxed);
        let seconds = progress.elapsed().as_secs_f64();
        let share = match state {
            JobState::Succeeded => 1.0,
            _ => (rows_done as f64 / (self.rows as f64 * self.config.epochs as f64)).min(1.0),
        };
        let running = state == JobState::Running;
        JobReport {
            id: self.id,
            model_id: self.model_id,
            state,
            created_at: self.created_at,
            started_at: progress.started.map(|(at, _)| at),
            finished_at: progress.finished.map(|(at, _)| at),
            epoch: progress.history.len() as u64,
            epochs: self.config.epochs,
            progress: share,
            eta_seconds: (running && share > 0.0).then(|| seconds * (1.0 - share) / share),
            rows: self.rows,
            rows_per_second: (rows_done > 0 && seconds > 0.0).then(|| rows_done as f64 / seconds),
            loss: last.map(|entry| entry.loss),
            validation_loss: last.and_then(|entry| entry.validation_loss),
            best_epoch: progress.best.map(|(epoch, _)| epoch),
            stop_reason: ending.map(|ending| ending.reason),
            warnings: progress.warnings.clone(),
            version: ending.and_then(|ending| ending.version.as_ref()).map(|(version, _)| *version),
            metrics: ending.and_then(|ending| ending.version.clone()).map(|(_, metrics)| metrics),
            config: self.config.clone(),
            failure: ending.and_then(|ending| ending.failure.clone()),
            request_id: self.request_id.clone(),
        }
    }
}

impl Progress {
    fn state(&self) -> JobState {
        match (&self.ending, &self.started) {
            (Some(ending), _) => ending.state,
            (None, Some(_)) => JobState::Running,
            (None, None) => JobState::Queued,
        }
    }

    /// Time since the training started, up to its end.
    fn elapsed(&self) -> Duration {
        match (&self.finished, &self.started) {
            (Some((_, elapsed)), _) => *elapsed,
            (None, Some((_, started))) => started.elapsed(),
            (None, None) => Duration::ZERO,
        }
    }
}
