//! One training that has not ended, or has just: state, progress, history.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::watch;
use uuid::Uuid;

use super::checkpoint::{Checkpoint, Reached};
use super::error::JobError;
use super::events::StateMark;
use super::history::EpochEntry;
use super::notice::Notice;
use super::report::{Ending, JobReport, JobState, Stop};
use crate::learning::report::EpochReport;
use crate::learning::snapshot::Snapshot;
use crate::learning::training::ValidTrainingSpec;
use crate::storage::catalog::JobRow;
use crate::storage::{StorageError, exact};

/// Watchers are woken for epochs no more often than this.
pub(super) const EPOCH_INTERVAL: Duration = Duration::from_millis(50);

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
    /// What it trains on.
    pub(super) data: JobData,
    /// Where a warm start started, once it has.
    pub(super) base_version: OnceLock<u64>,
    /// Starts since the last checkpoint, when this process began.
    pub(super) attempts: u64,
    created_at: Timestamp,
    queued: Instant,
    config: ValidTrainingSpec,
    rows: usize,
    /// A [`Stop`], or 0.
    stop: AtomicU8,
    /// Whether it is time for a checkpoint.
    checkpoint_due: AtomicBool,
    rows_done: AtomicU64,
    /// Held for a few lines at a time by the worker and by readers.
    progress: Mutex<Progress>,
    /// Counts wake-ups; watchers sleep on it.
    news: watch::Sender<u64>,
}

/// What a job trains on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobData {
    /// Rows of its own, in this blob.
    Rows(String),
    /// Data sets.
    Datasets {
        /// To train on.
        train: Uuid,
        /// To validate on, in place of a part of the other.
        validation: Option<Uuid>,
    },
}

impl JobData {
    pub(super) fn of_row(row: &JobRow) -> Self {
        match row.dataset_id {
            None => JobData::Rows(row.rows_blob.clone()),
            Some(train) => JobData::Datasets { train, validation: row.validation_dataset_id },
        }
    }

    /// The blob of its rows, if it has rows of its own.
    pub(super) fn blob(&self) -> Option<&String> {
        match self {
            JobData::Rows(blob) => Some(blob),
            JobData::Datasets { .. } => None,
        }
    }

    /// The data sets to train and to validate on.
    pub(super) fn datasets(&self) -> (Option<Uuid>, Option<Uuid>) {
        match self {
            JobData::Rows(_) => (None, None),
            JobData::Datasets { train, validation } => (Some(*train), *validation),
        }
    }
}

/// What a job is made of.
pub(super) struct NewJob {
    pub(super) model_id: Uuid,
    pub(super) config: ValidTrainingSpec,
    pub(super) rows: usize,
    pub(super) data: JobData,
    pub(super) bytes: usize,
    pub(super) request_id: String,
}

#[derive(Debug, Default)]
struct Progress {
    started: Option<Timestamp>,
    /// Since when it runs, in this process.
    running: Option<Instant>,
    /// Time trained before that.
    trained: Duration,
    history: Vec<EpochEntry>,
    best: Option<(u64, f64)>,
    warnings: Vec<Notice>,
    /// Changes of state and warnings so far.
    changes: u64,
    /// When watchers were last woken for an epoch.
    woken: Duration,
    ended: Option<Arc<JobReport>>,
    /// The service stops; the job goes on when it is started again.
    suspended: bool,
}

impl Job {
    /// A job that waits.
    pub(super) fn new(new: NewJob) -> Self {
        let NewJob { model_id, config, rows, data, bytes, request_id } = new;
        Job {
            data,
            id: Uuid::now_v7(),
            model_id,
            request_id,
            bytes,
            base_version: OnceLock::new(),
            attempts: 0,
            created_at: Timestamp::now(),
            queued: Instant::now(),
            config,
            rows,
            stop: AtomicU8::new(0),
            checkpoint_due: AtomicBool::new(false),
            rows_done: AtomicU64::new(0),
            progress: Mutex::default(),
            news: watch::Sender::new(0),
        }
    }

    /// A job that an earlier process left waiting or running.
    ///
    /// # Errors
    /// `Storage` with `Damaged`: the row does not say what a row says.
    pub fn from_row(row: JobRow) -> Result<Self, JobError> {
        let damaged = |error: serde_json::Error| StorageError::damaged(format!("the record of job {}", row.id), error);
        let config = exact::from_text(&row.config).map_err(damaged)?;
        let job = Job::new(NewJob {
            model_id: row.model_id,
            config,
            rows: row.rows as usize,
            data: JobData::of_row(&row),
            bytes: row.memory as usize,
            request_id: row.request_id,
        });
        job.progress().started = row.started_at;
        let (base_version, attempts) = (row.base_version.map(OnceLock::from).unwrap_or_default(), row.attempts);
        Ok(Job { id: row.id, created_at: row.created_at, base_version, attempts, ..job })
    }

    /// The row of a job that waits.
    pub fn to_row(&self) -> JobRow {
        let (dataset_id, validation_dataset_id) = self.data.datasets();
        JobRow {
            id: self.id,
            model_id: self.model_id,
            state: JobState::Queued.word().to_owned(),
            request_id: self.request_id.clone(),
            created_at: self.created_at,
            rows: self.rows as u64,
            memory: self.bytes as u64,
            config: exact::to_text(&self.config),
            rows_blob: self.data.blob().cloned().unwrap_or_default(),
            dataset_id,
            validation_dataset_id,
            started_at: None,
            base_version: None,
            attempts: 0,
            outcome: None,
            metrics: None,
        }
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

    /// Everything about the job now.
    pub fn report(&self) -> JobReport {
        self.report_of(&self.progress())
    }

    /// Entries of the history from epoch `first` on, at most `most`.
    pub fn entries(&self, first: u64, most: usize) -> Vec<EpochEntry> {
        let progress = self.progress();
        let start = (first.saturating_sub(1) as usize).min(progress.history.len());
        let end = start.saturating_add(most).min(progress.history.len());
        progress.history[start..end].to_vec()
    }

    /// Epochs in the history.
    pub fn epochs_done(&self) -> u64 {
        self.progress().history.len() as u64
    }

    /// The whole history.
    pub(super) fn history(&self) -> Vec<EpochEntry> {
        self.progress().history.clone()
    }

    /// Where the job stands for those who watch it; with the report, if that is not where `known` is.
    pub(super) fn mark(&self, known: Option<StateMark>) -> (StateMark, Option<JobReport>, u64) {
        let progress = self.progress();
        let mark = if progress.ended.is_some() { StateMark::End } else { StateMark::Change(progress.changes) };
        let report = (known != Some(mark)).then(|| self.report_of(&progress));
        (mark, report, progress.history.len() as u64)
    }

    /// Changes whenever there is something new.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.news.subscribe()
    }

    /// Whether nothing more will come from this process.
    pub fn is_over(&self) -> bool {
        let progress = self.progress();
        progress.ended.is_some() || progress.suspended
    }

    /// Waits until the job has ended, or the service stops.
    pub async fn over(&self) {
        let mut news = self.watch();
        while !self.is_over() {
            if news.changed().await.is_err() {
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

    /// It is time for a checkpoint.
    pub(super) fn set_checkpoint_due(&self) {
        self.checkpoint_due.store(true, Ordering::Relaxed);
    }

    /// Whether it is time for a checkpoint; asked by the one who makes it.
    pub(super) fn take_checkpoint_due(&self) -> bool {
        // Read before it is written: the read alone keeps the cache line shared.
        self.checkpoint_due.load(Ordering::Relaxed) && self.checkpoint_due.swap(false, Ordering::Relaxed)
    }

    /// The job runs, on from what it had reached with so many rows if it ran before.
    pub(super) fn start(&self, before: Option<(Reached, u64)>) {
        let mut guard = self.progress();
        let progress = &mut *guard;
        progress.started = progress.started.or_else(|| Some(Timestamp::now()));
        progress.running = Some(Instant::now());
        if let Some((reached, rows_done)) = before {
            progress.trained = Duration::try_from_secs_f64(reached.elapsed_seconds).unwrap_or_default();
            progress.history = reached.history;
            progress.warnings = reached.warnings;
            progress.best = best_of(&progress.history);
            self.rows_done.store(rows_done, Ordering::Relaxed);
        }
        self.tell(progress);
    }

    /// The checkpoint of a training that stands at `snapshot`.
    pub(super) fn checkpoint<'a>(&self, snapshot: Snapshot<'a>) -> Checkpoint<'a> {
        let progress = self.progress();
        let reached = Reached {
            history: progress.history.clone(),
            warnings: progress.warnings.clone(),
            elapsed_seconds: progress.elapsed().as_secs_f64(),
        };
        Checkpoint { snapshot, reached }
    }

    /// A batch of `rows` rows is done.
    pub(super) fn batch(&self, rows: usize) {
        self.rows_done.fetch_add(rows as u64, Ordering::Relaxed);
    }

    /// Time that was trained.
    pub(super) fn running_for(&self) -> Duration {
        self.progress().elapsed()
    }

    /// An epoch is complete.
    pub(super) fn epoch(&self, report: &EpochReport) {
        let mut guard = self.progress();
        let progress = &mut *guard;
        let elapsed = progress.elapsed();
        let entry = EpochEntry::new(report, elapsed.as_secs_f64());
        progress.history.push(entry);
        progress.best = better(progress.best, &entry);
        if progress.history.len() == 1 || elapsed >= progress.woken + EPOCH_INTERVAL {
            progress.woken = elapsed;
            self.wake();
        }
    }

    /// There is something that the job's owner should know.
    pub(super) fn warn(&self, warning: impl Into<Notice>) {
        let mut progress = self.progress();
        progress.warnings.push(warning.into());
        self.tell(&mut progress);
    }

    /// What the report will be when the job ends so.
    pub(super) fn report_ended(&self, ending: Ending) -> JobReport {
        let report = self.report();
        let (version, metrics) = ending.version.map_or((None, None), |(number, metrics)| (Some(number), Some(metrics)));
        JobReport {
            state: ending.state,
            finished_at: Some(Timestamp::now()),
            progress: if ending.state == JobState::Succeeded { 1.0 } else { report.progress },
            eta_seconds: None,
            stop_reason: Some(ending.reason),
            version,
            metrics,
            failure: ending.failure,
            ..report
        }
    }

    /// The job has ended as `report` says, which is written down; a second ending is ignored.
    pub(super) fn end(&self, report: JobReport) {
        let mut progress = self.progress();
        if progress.ended.is_none() {
            progress.ended = Some(Arc::new(report));
            self.tell(&mut progress);
        }
    }

    /// The service stops before the job has ended.
    pub(super) fn suspend(&self) {
        let mut progress = self.progress();
        progress.suspended = true;
        progress.trained = progress.elapsed();
        progress.running = None;
        self.tell(&mut progress);
    }

    fn tell(&self, progress: &mut Progress) {
        progress.changes += 1;
        self.wake();
    }

    fn wake(&self) {
        self.news.send_modify(|count| *count += 1);
    }

    // A panic elsewhere leaves the progress readable: it only ever grows by whole entries.
    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn report_of(&self, progress: &Progress) -> JobReport {
        if let Some(ended) = &progress.ended {
            return JobReport::clone(ended);
        }
        let last = progress.history.last();
        let rows_done = self.rows_done.load(Ordering::Relaxed);
        let seconds = progress.elapsed().as_secs_f64();
        let (dataset_id, validation_dataset_id) = self.data.datasets();
        let share = (rows_done as f64 / (self.rows as f64 * self.config.epochs as f64)).min(1.0);
        JobReport {
            id: self.id,
            model_id: self.model_id,
            state: progress.state(),
            created_at: self.created_at,
            started_at: progress.started,
            finished_at: None,
            epoch: progress.history.len() as u64,
            epochs: self.config.epochs,
            progress: share,
            eta_seconds: (progress.running.is_some() && share > 0.0).then(|| seconds * (1.0 - share) / share),
            rows: self.rows,
            rows_per_second: (rows_done > 0 && seconds > 0.0).then(|| rows_done as f64 / seconds),
            loss: last.map(|entry| entry.loss),
            validation_loss: last.and_then(|entry| entry.validation_loss),
            best_epoch: progress.best.map(|(epoch, _)| epoch),
            stop_reason: None,
            warnings: progress.warnings.clone(),
            version: None,
            metrics: None,
            config: self.config.clone(),
            dataset_id,
            validation_dataset_id,
            failure: None,
            request_id: self.request_id.clone(),
        }
    }
}

impl Progress {
    fn state(&self) -> JobState {
        match (&self.ended, self.running) {
            (Some(ended), _) => ended.state,
            (None, Some(_)) => JobState::Running,
            (None, None) => JobState::Queued,
        }
    }

    /// Time that was trained.
    fn elapsed(&self) -> Duration {
        self.trained + self.running.map_or(Duration::ZERO, |since| since.elapsed())
    }
}

/// The best epoch of a history, with its watched loss.
fn best_of(history: &[EpochEntry]) -> Option<(u64, f64)> {
    history.iter().fold(None, better)
}

fn better(best: Option<(u64, f64)>, entry: &EpochEntry) -> Option<(u64, f64)> {
    let watched = entry.validation_loss.unwrap_or(entry.loss);
    if best.is_none_or(|(_, best)| watched < best) { Some((entry.epoch, watched)) } else { best }
}
