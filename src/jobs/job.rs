//! One training that has not ended, or has just: its record, its progress, and what is asked of it.

use jiff::Timestamp;

use super::control::JobControl;
use super::error::JobError;
use super::history::KEPT_EPOCHS;
use super::progress::{JobProgress, StateMark};
use super::record::JobRecord;
use super::report::{Ending, JobReport};
use super::state::JobState;
use crate::storage::catalog::JobRow;

/// One training.
#[derive(Debug)]
pub struct Job {
    /// What its row says of it.
    pub record: JobRecord,
    /// What it has reached.
    pub progress: JobProgress,
    /// What it is asked for.
    pub control: JobControl,
}

impl Job {
    /// A job that waits.
    pub(super) fn new(record: JobRecord) -> Self {
        Job { record, progress: JobProgress::new(None), control: JobControl::default() }
    }

    /// A job that an earlier process left waiting or running.
    ///
    /// # Errors
    /// `Storage` with `Damaged`: the row's settings cannot be read.
    pub(super) fn from_row(row: &JobRow) -> Result<Self, JobError> {
        let progress = JobProgress::new(row.started_at);
        let control = JobControl::default();
        control.set_goes_on(row.started_at.is_some());
        Ok(Job { record: JobRecord::from_row(row)?, progress, control })
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
