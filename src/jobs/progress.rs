//! What a job has reached so far: written by the thread that trains, read by whoever asks, told to those who watch.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::watch;

use super::candidate::Candidate;
use super::history::EpochEntry;
use super::member_history::MemberHistories;
use super::record::JobRecord;
use super::report::JobReport;
use super::standing::Standing;
use super::state::JobState;
use super::thinning::History;
use crate::learning::hindsight::Hindsight;
use crate::learning::report::EpochReport;
use crate::learning::split::SplitUsed;
use crate::models::notice::{Notice, kept};

/// Watchers are woken for epochs no more often than this.
pub(super) const EPOCH_INTERVAL: Duration = Duration::from_millis(50);

/// What a training has reached, as a checkpoint keeps it.
#[derive(Clone, Debug, Default)]
pub struct Reached {
    /// What its epochs reached.
    pub history: History,
    /// What the training had to say.
    pub warnings: Vec<Notice>,
    /// What each of several networks reached.
    pub members: MemberHistories,
    /// How long it ran since its data was read.
    pub elapsed_seconds: f64,
    /// Candidates that were tried, the last of which may be training.
    pub candidates: Vec<Candidate>,
}

/// Which of a job's states a watcher knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateMark {
    /// That after so many changes.
    Change(u64),
    /// The final one.
    End,
}

/// The progress of one job.
#[derive(Debug)]
pub struct JobProgress {
    /// When this process put it into the queue.
    queued: Instant,
    /// Rows trained on; each epoch counts them anew.
    rows_done: AtomicU64,
    /// Held for a few lines at a time by the thread that trains and by readers.
    standing: Mutex<Standing>,
    /// Counts wake-ups; watchers sleep on it.
    news: watch::Sender<u64>,
}

impl JobProgress {
    /// That of a job that waits, and ran for the first time at `started` if an earlier process ran it.
    pub(super) fn new(started: Option<Timestamp>) -> Self {
        JobProgress {
            queued: Instant::now(),
            rows_done: AtomicU64::new(0),
            standing: Mutex::new(Standing { started, ..Standing::default() }),
            news: watch::Sender::new(0),
        }
    }

    /// Where the job stands.
    pub fn state(&self) -> JobState {
        self.lock().state()
    }

    /// How long the job has been in the queue of this process.
    pub(super) fn waited(&self) -> Duration {
        self.queued.elapsed()
    }

    /// How long it has run since its data was read, in all processes.
    pub(super) fn trained(&self) -> Duration {
        self.lock().trained()
    }

    /// Entries of the history from epoch `first` on, at most `most`.
    pub fn entries(&self, first: u64, most: usize) -> Vec<EpochEntry> {
        self.lock().history.entries(first, most)
    }

    /// Epochs done.
    pub(super) fn epochs_done(&self) -> u64 {
        self.lock().history.epochs()
    }

    /// The whole history.
    pub(super) fn history(&self) -> History {
        self.lock().history.clone()
    }

    /// How many networks have a history of their own.
    pub(super) fn member_networks(&self) -> usize {
        self.lock().members.networks()
    }

    /// The history of the network of this index, counted from 0; empty where it has none.
    pub(super) fn member_entries(&self, index: usize) -> Vec<EpochEntry> {
        self.lock().members.entries(index).to_vec()
    }

    /// That of each of several networks.
    pub(super) fn member_histories(&self) -> MemberHistories {
        self.lock().members.clone()
    }

    /// What a checkpoint keeps of it.
    pub(super) fn reached(&self) -> Reached {
        let standing = self.lock();
        Reached {
            history: standing.history.clone(),
            members: standing.members.clone(),
            warnings: standing.warnings.to_vec(),
            elapsed_seconds: standing.trained().as_secs_f64(),
            candidates: standing.candidates.clone(),
        }
    }

    /// What its version keeps of what was told.
    pub(super) fn warnings_kept(&self) -> Vec<Notice> {
        kept(self.lock().warnings.to_vec())
    }

    /// Everything about the job of `record` now.
    pub(super) fn report(&self, record: &JobRecord) -> JobReport {
        self.lock().report(record, self.rows_done())
    }

    /// Which state the job is in and how many epochs are done; with the report, if `known` is another state.
    pub(super) fn mark(&self, record: &JobRecord, known: Option<StateMark>) -> (StateMark, Option<JobReport>, u64) {
        let standing = self.lock();
        let mark = if standing.ended.is_some() { StateMark::End } else { StateMark::Change(standing.changes) };
        let report = (known != Some(mark)).then(|| standing.report(record, self.rows_done()));
        (mark, report, standing.history.epochs())
    }

    /// What its warnings take, in bytes.
    pub(super) fn warning_bytes(&self) -> u64 {
        let warnings = self.lock().warnings.clone();
        warnings.iter().map(|warning| (size_of::<Notice>() + warning.message.len()) as u64).sum()
    }

    /// Changes whenever there is something new.
    pub(super) fn watch(&self) -> watch::Receiver<u64> {
        self.news.subscribe()
    }

    /// Whether nothing more will come from this process.
    pub(super) fn is_over(&self) -> bool {
        let standing = self.lock();
        standing.ended.is_some() || standing.suspended
    }

    /// Waits until the job has ended, or the service stops.
    pub(super) async fn over(&self) {
        let mut news = self.watch();
        while !self.is_over() {
            if news.changed().await.is_err() {
                return;
            }
        }
    }

    /// About so many seconds it takes if it does all its epochs.
    pub(super) fn expect(&self, seconds: f64) {
        self.lock().expected = Some(seconds);
    }

    /// The job runs: it makes of the data what its networks learn from. If it goes on from a checkpoint, `before` is what it had
    /// reached by then.
    pub(super) fn start(&self, before: Option<Reached>) {
        let mut standing = self.lock();
        standing.started = standing.started.or_else(|| Some(Timestamp::now()));
        standing.running = Some(Instant::now());
        let reached = before.unwrap_or_default();
        standing.trained = Duration::try_from_secs_f64(reached.elapsed_seconds).unwrap_or_default();
        (standing.history, standing.members) = (reached.history, reached.members);
        (standing.warnings, standing.candidates) = (reached.warnings.into(), reached.candidates);
        self.tell(&mut standing);
    }

    /// The first epoch here begins, after `rows_done` rows of epochs before: so many rows are trained on, an epoch goes through
    /// `epoch_rows` of them, and the others were chosen so.
    pub(super) fn begin(&self, rows: usize, epoch_rows: u64, split: Option<SplitUsed>, rows_done: u64) {
        let mut standing = self.lock();
        (standing.rows, standing.epoch_rows, standing.split) = (Some(rows), Some(epoch_rows), split);
        standing.prepared = standing.running.map_or(Duration::ZERO, |since| since.elapsed());
        self.rows_done.store(rows_done, Ordering::Relaxed);
        self.tell(&mut standing);
    }

    /// These candidates were tried so far, or the last of them begins.
    pub(super) fn try_candidates(&self, candidates: &[Candidate]) {
        let mut standing = self.lock();
        standing.candidates = candidates.to_vec();
        self.tell(&mut standing);
    }

    /// A batch of `rows` rows is done.
    pub(super) fn batch(&self, rows: usize) {
        self.rows_done.fetch_add(rows as u64, Ordering::Relaxed);
    }

    /// Each of several networks has reached this in an epoch that is complete, and is told of next.
    pub(super) fn members(&self, epoch: u64, reports: &[EpochReport]) {
        let mut standing = self.lock();
        let trained = standing.trained().as_secs_f64();
        standing.members.push(epoch, reports, trained);
    }

    /// An epoch is complete.
    pub(super) fn epoch(&self, report: &EpochReport) {
        let mut standing = self.lock();
        let trained = standing.trained();
        let entry = EpochEntry::new(report, trained.as_secs_f64());
        standing.history.push(entry);
        if entry.epoch == 1 || trained >= standing.woken + EPOCH_INTERVAL {
            standing.woken = trained;
            self.wake();
        }
    }

    /// There is something that the job's owner should know.
    pub(super) fn warn(&self, warning: impl Into<Notice>) {
        let mut standing = self.lock();
        Arc::make_mut(&mut standing.warnings).push(warning.into());
        self.tell(&mut standing);
    }

    /// The version is made: warnings that are not true of it go, others come.
    pub(super) fn look_back(&self, hindsight: Hindsight) {
        if hindsight == Hindsight::default() {
            return;
        }
        let mut standing = self.lock();
        let outlived: Vec<String> = hindsight.outlived.iter().map(|code| code.word()).collect();
        let warnings = Arc::make_mut(&mut standing.warnings);
        warnings.retain(|warning| !outlived.contains(&warning.code));
        warnings.extend(hindsight.warnings.into_iter().map(Notice::from));
        self.tell(&mut standing);
    }

    /// The job has ended as `report` says, which is written down; a second ending is ignored.
    pub(super) fn end(&self, report: JobReport) {
        let mut standing = self.lock();
        if standing.ended.is_none() {
            standing.ended = Some(Arc::new(report));
            self.tell(&mut standing);
        }
    }

    /// The service stops before the job has ended.
    pub(super) fn suspend(&self) {
        let mut standing = self.lock();
        standing.suspended = true;
        standing.trained = standing.trained();
        standing.running = None;
        self.tell(&mut standing);
    }

    fn rows_done(&self) -> u64 {
        self.rows_done.load(Ordering::Relaxed)
    }

    fn tell(&self, standing: &mut Standing) {
        standing.changes += 1;
        self.wake();
    }

    fn wake(&self) {
        self.news.send_modify(|count| *count += 1);
    }

    // A panic elsewhere leaves the progress readable: it only ever grows by whole entries.
    fn lock(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
