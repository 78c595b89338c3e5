//! What a job has reached so far: written by the thread that trains, read by whoever asks, told to those who watch.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::watch;

use super::candidate::Candidate;
use super::history::EpochEntry;
use super::member_history::MemberHistories;
use super::notice::Notice;
use super::record::JobRecord;
use super::report::{JobReport, Outcome};
use super::state::JobState;
use super::thinning::History;
use crate::learning::hindsight::Hindsight;
use crate::learning::report::EpochReport;
use crate::learning::split::SplitUsed;

/// Watchers are woken for epochs no more often than this.
pub(super) const EPOCH_INTERVAL: Duration = Duration::from_millis(50);

/// What a training has reached, as a checkpoint keeps it.
#[derive(Clone, Debug)]
pub struct Reached {
    /// What its epochs reached.
    pub history: History,
    /// What the training had to say.
    pub warnings: Vec<Notice>,
    /// What each of several networks reached.
    pub members: MemberHistories,
    /// Time that was trained.
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

#[derive(Debug, Default)]
struct Standing {
    started: Option<Timestamp>,
    /// Since when it runs, in this process.
    running: Option<Instant>,
    /// Time trained before that.
    trained: Duration,
    /// How much of its time went by before its first epoch here.
    prepared: Duration,
    history: History,
    /// Of several networks, of each.
    members: MemberHistories,
    warnings: Vec<Notice>,
    /// Changes of state and warnings so far.
    changes: u64,
    /// How long the job had trained when watchers were last woken for an epoch.
    woken: Duration,
    ended: Option<Arc<JobReport>>,
    /// Rows to train on, once they are chosen.
    rows: Option<usize>,
    /// Rows that an epoch goes through: of several networks those of all.
    epoch_rows: Option<u64>,
    /// How the others were chosen.
    split: Option<SplitUsed>,
    /// About how many seconds it takes if it does all its epochs.
    expected: Option<f64>,
    /// Candidates that were tried, the last of which may be training.
    candidates: Vec<Candidate>,
    /// The service stops; the job goes on when it is started again.
    suspended: bool,
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

    /// Time that was trained.
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
            warnings: standing.warnings.clone(),
            elapsed_seconds: standing.trained().as_secs_f64(),
            candidates: standing.candidates.clone(),
        }
    }

    /// Everything about the job of `record` now.
    pub(super) fn report(&self, record: &JobRecord) -> JobReport {
        self.report_of(&self.lock(), record)
    }

    /// Which state the job is in and how many epochs are done; with the report, if `known` is another state.
    pub(super) fn mark(&self, record: &JobRecord, known: Option<StateMark>) -> (StateMark, Option<JobReport>, u64) {
        let standing = self.lock();
        let mark = if standing.ended.is_some() { StateMark::End } else { StateMark::Change(standing.changes) };
        let report = (known != Some(mark)).then(|| self.report_of(&standing, record));
        (mark, report, standing.history.epochs())
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

    /// The job runs: it makes of the data what its networks learn from. `trained` seconds went by before, if it goes on.
    pub(super) fn start(&self, trained: f64) {
        let mut standing = self.lock();
        standing.started = standing.started.or_else(|| Some(Timestamp::now()));
        standing.running = Some(Instant::now());
        standing.trained = Duration::try_from_secs_f64(trained).unwrap_or_default();
        self.tell(&mut standing);
    }

    /// The first epoch here begins: so many rows are trained on, an epoch goes through `epoch_rows` of them, and the others were chosen
    /// so. If the job goes on from a checkpoint, `before` is what it had reached by then, and the rows done.
    pub(super) fn begin(&self, rows: usize, epoch_rows: u64, split: Option<SplitUsed>, before: Option<(Reached, u64)>) {
        let mut standing = self.lock();
        (standing.rows, standing.epoch_rows, standing.split) = (Some(rows), Some(epoch_rows), split);
        standing.prepared = standing.running.map_or(Duration::ZERO, |since| since.elapsed());
        if let Some((reached, rows_done)) = before {
            (standing.history, standing.members) = (reached.history, reached.members);
            standing.warnings = reached.warnings;
            standing.candidates = reached.candidates;
            self.rows_done.store(rows_done, Ordering::Relaxed);
        }
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
        standing.warnings.push(warning.into());
        self.tell(&mut standing);
    }

    /// The version is made: warnings that are not true of it go, others come.
    pub(super) fn look_back(&self, hindsight: Hindsight) {
        if hindsight == Hindsight::default() {
            return;
        }
        let mut standing = self.lock();
        let outlived: Vec<String> = hindsight.outlived.iter().map(|code| code.word()).collect();
        standing.warnings.retain(|warning| !outlived.contains(&warning.code));
        standing.warnings.extend(hindsight.warnings.into_iter().map(Notice::from));
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

    fn report_of(&self, standing: &Standing, record: &JobRecord) -> JobReport {
        if let Some(ended) = &standing.ended {
            return JobReport::clone(ended);
        }
        let last = standing.history.last();
        let rows_done = self.rows_done.load(Ordering::Relaxed);
        let share = standing.share(record, rows_done);
        let seconds = standing.trained().saturating_sub(standing.prepared).as_secs_f64();
        let reached = Outcome {
            epoch: standing.history.epochs(),
            progress: share,
            rows_per_second: (rows_done > 0 && seconds > 0.0).then(|| rows_done as f64 / seconds),
            loss: last.map(|entry| entry.loss),
            validation_loss: last.and_then(|entry| entry.validation_loss),
            best_epoch: standing.history.best_epoch(),
            warnings: standing.warnings.clone(),
            rows: standing.rows,
            split: standing.split.clone(),
            candidates: standing.candidates.clone(),
            ..Outcome::default()
        };
        let eta_seconds = (standing.running.is_some() && share > 0.0).then(|| seconds * (1.0 - share) / share);
        let report = JobReport::new(record, standing.state(), standing.started, reached);
        JobReport { eta_seconds, estimated_seconds: standing.expected, ..report }
    }
}

impl Standing {
    fn state(&self) -> JobState {
        match (&self.ended, self.running) {
            (Some(ended), _) => ended.state,
            (None, Some(_)) => JobState::Running,
            (None, None) => JobState::Queued,
        }
    }

    /// How much is done: of all rows of all epochs; of candidates, of all that may be tried, or of the time for them.
    fn share(&self, record: &JobRecord, rows_done: u64) -> f64 {
        let config = &record.config;
        let rows = self.epoch_rows.unwrap_or(record.rows as u64);
        let all = |epochs: u64| (rows as f64 * epochs as f64).max(1.0);
        if config.candidates == 1 {
            return (rows_done as f64 / all(config.epochs)).min(1.0);
        }
        let ended = self.candidates.iter().filter_map(|candidate| candidate.epochs);
        let (count, before) = ended.fold((0, 0), |(count, sum), epochs| (count + 1, sum + epochs));
        let under_way = (rows_done as f64 - all(before)).max(0.0) / all(config.epochs);
        let of_candidates = (f64::from(count) + under_way.min(1.0)) / config.candidates as f64;
        let of_time = config.max_seconds.map_or(0.0, |limit| self.trained().as_secs_f64() / limit);
        of_candidates.max(of_time).min(1.0)
    }

    /// Time that was trained.
    fn trained(&self) -> Duration {
        self.trained + self.running.map_or(Duration::ZERO, |since| since.elapsed())
    }
}
