//! Where a job stands: what its progress holds behind its lock.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::candidate::Candidate;
use super::member_history::MemberHistories;
use super::record::JobRecord;
use super::report::{JobReport, Outcome};
use super::state::JobState;
use super::thinning::History;
use crate::learning::split::SplitUsed;
use crate::models::notice::Notice;

/// Where a job stands.
#[derive(Debug, Default)]
pub(super) struct Standing {
    pub(super) started: Option<Timestamp>,
    /// Since when it runs, in this process.
    pub(super) running: Option<Instant>,
    /// How long it ran before that.
    pub(super) trained: Duration,
    /// How much of its time went by before its first epoch here.
    pub(super) prepared: Duration,
    pub(super) history: History,
    /// Of several networks, of each.
    pub(super) members: MemberHistories,
    pub(super) warnings: Arc<Vec<Notice>>,
    /// Changes of state and warnings so far.
    pub(super) changes: u64,
    /// How long the job had run when watchers were last woken for an epoch.
    pub(super) woken: Duration,
    pub(super) ended: Option<Arc<JobReport>>,
    /// Rows to train on, once they are chosen.
    pub(super) rows: Option<usize>,
    /// Rows that an epoch goes through: of several networks those of all.
    pub(super) epoch_rows: Option<u64>,
    /// How the others were chosen.
    pub(super) split: Option<SplitUsed>,
    /// About how many seconds it takes if it does all its epochs.
    pub(super) expected: Option<f64>,
    /// Candidates that were tried, the last of which may be training.
    pub(super) candidates: Vec<Candidate>,
    /// The service stops; the job goes on when it is started again.
    pub(super) suspended: bool,
}

impl Standing {
    /// Its state.
    pub(super) fn state(&self) -> JobState {
        match (&self.ended, self.running) {
            (Some(ended), _) => ended.state,
            (None, Some(_)) => JobState::Running,
            (None, None) => JobState::Queued,
        }
    }

    /// Everything about the job of `record`, which has trained on so many rows.
    pub(super) fn report(&self, record: &JobRecord, rows_done: u64) -> JobReport {
        if let Some(ended) = &self.ended {
            return JobReport::clone(ended);
        }
        let last = self.history.last();
        let share = self.share(record, rows_done);
        let in_epochs = self.trained().saturating_sub(self.prepared).as_secs_f64();
        let reached = Outcome {
            epoch: self.history.epochs(),
            progress: share,
            rows_per_second: (rows_done > 0 && in_epochs > 0.0).then(|| rows_done as f64 / in_epochs),
            loss: last.map(|entry| entry.loss),
            validation_loss: last.and_then(|entry| entry.validation_loss),
            best_epoch: self.history.best_epoch(),
            warnings: self.warnings.clone(),
            rows: self.rows,
            split: self.split.clone(),
            candidates: self.candidates.clone(),
            ..Outcome::default()
        };
        // The share of candidates is one of all their time.
        let seconds = if record.config.candidates == 1 { in_epochs } else { self.trained().as_secs_f64() };
        let eta_seconds = (self.running.is_some() && share > 0.0).then(|| seconds * (1.0 - share) / share);
        let report = JobReport::new(record, self.state(), self.started, reached);
        JobReport { eta_seconds, estimated_seconds: self.expected, ..report }
    }

    /// How much is done: of all rows of all epochs; of candidates, of all that may be tried, or of the time for them.
    fn share(&self, record: &JobRecord, rows_done: u64) -> f64 {
        let config = &record.config;
        let rows = self.epoch_rows.unwrap_or(record.rows as u64);
        let all = |epochs: u64| (rows as f64 * epochs as f64).max(1.0);
        if config.candidates == 1 {
            // Of one that goes on, before its first epoch here: that of the epochs before.
            let of_epochs = self.history.epochs() as f64 / config.epochs as f64;
            let of_rows = rows_done as f64 / all(config.epochs);
            return if self.epoch_rows.is_none() { of_epochs } else { of_rows.min(1.0) };
        }
        let ended = self.candidates.iter().filter_map(|candidate| candidate.epochs);
        let (count, before) = ended.fold((0, 0), |(count, sum), epochs| (count + 1, sum + epochs));
        let under_way = (rows_done as f64 - all(before)).max(0.0) / all(config.epochs);
        let of_candidates = (f64::from(count) + under_way.min(1.0)) / config.candidates as f64;
        let of_time = config.max_seconds.map_or(0.0, |limit| self.trained().as_secs_f64() / limit);
        of_candidates.max(of_time).min(1.0)
    }

    /// How long it has run since its data was read, in all processes.
    pub(super) fn trained(&self) -> Duration {
        self.trained + self.running.map_or(Duration::ZERO, |since| since.elapsed())
    }
}
