//! One training that has not ended, or has just: its record, its progress, and what is asked of it.

use jiff::Timestamp;

use super::control::JobControl;
use super::error::JobError;
use super::history::KEPT_EPOCHS;
use super::progress::{JobProgress, StateMark};
use super::record::JobRecord;
use super::report::{Ending, JobReport};
use super::state::JobState;
use crate::memory::{Charge, Share};
use crate::storage::catalog::JobRow;

/// Settings up to so many bytes are not charged: those of all jobs that may wait are little.
const UNCOUNTED: u64 = 4 << 10;

/// One training.
#[derive(Debug)]
pub struct Job {
    /// What its row says of it.
    pub record: JobRecord,
    /// What it has reached.
    pub progress: JobProgress,
    /// What it is asked for.
    pub control: JobControl,
    /// What its settings take, in bytes.
    kept: u64,
    /// What that is charged to, if it is much.
    memory: Option<Charge>,
}

impl Job {
    /// A job that waits, and holds `memory` as long as it is in memory.
    pub(super) fn new(record: JobRecord, memory: Option<Charge>) -> Self {
        let kept = record.config.bytes();
        Job { record, progress: JobProgress::new(None), control: JobControl::default(), kept, memory }
    }

    /// A job that an earlier process left waiting or running.
    ///
    /// # Errors
    /// `Storage` with `Damaged`: the row's settings cannot be read.
    pub(super) fn from_row(row: &JobRow) -> Result<Self, JobError> {
        let job = Job { progress: JobProgress::new(row.started_at), ..Job::new(JobRecord::from_row(row)?, None) };
        job.control.set_goes_on(row.started_at.is_some());
        Ok(job)
    }

    /// The same, with what its settings take charged to `share`, whether it is free or not: they are there.
    pub(super) fn charged_to(self, share: &Share) -> Self {
        let memory = Job::charge(share, self.kept).inspect(|memory| memory.settle(self.kept));
        Job { memory, ..self }
    }

    /// A charge of `share` for settings of so many bytes, which takes nothing yet; none for what is little.
    pub(super) fn charge(share: &Share, kept: u64) -> Option<Charge> {
        (kept > UNCOUNTED).then(|| share.charge(None))
    }

    /// What is charged for its settings, in bytes.
    pub(super) fn held(&self) -> u64 {
        self.memory.as_ref().map_or(0, Charge::held)
    }

    /// What it has to say, in bytes.
    pub(super) fn bytes(&self) -> u64 {
        self.kept + self.progress.warning_bytes()
    }

    /// Everything about the job now.
    pub fn report(&self) -> JobReport {
        self.progress.report(&self.record)
    }

    /// Which state the job is in and how many epochs are done; with the report, if `known` is another state.
    pub(super) fn mark(&self, known: Option<StateMark>) -> (StateMark, Option<JobReport>, u64) {
        self.progress.mark(&self.record, known)
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
            estimated_seconds: None,
            stop_reason: Some(ending.reason),
            version,
            metrics,
            failure: ending.failure,
            thinned: report.epoch > KEPT_EPOCHS,
            ..report
        }
    }
}
