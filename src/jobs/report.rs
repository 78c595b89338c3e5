//! A job at one moment, as its owner sees it, and how it ended.

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use super::error::JobFailure;
use crate::learning::diagnosis::Warning;
use crate::learning::training::ValidTrainingSpec;
use crate::models::model::MeasuredOn;

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum JobState {
    Queued,
    Running,
    Succeeded,
    Failed,
    Cancelled,
}

impl JobState {
    /// All states, for tables.
    pub const ALL: [JobState; 5] =
        [JobState::Queued, JobState::Running, JobState::Succeeded, JobState::Failed, JobState::Cancelled];

    /// Whether nothing more will happen.
    pub fn ended(self) -> bool {
        matches!(self, JobState::Succeeded | JobState::Failed | JobState::Cancelled)
    }
}

/// Why a job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum StopReason {
    Completed,
    EarlyStopping,
    TimeLimit,
    Cancelled,
    Diverged,
    Interrupted,
    Error,
}

/// A request to a running job to stop, and what becomes of its epochs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Drop the epochs done.
    Drop = 1,
    /// Publish the epochs done as a version.
    Keep = 2,
    /// The service stops.
    Interrupt = 3,
}

/// Everything about a job at one moment.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)]
pub struct JobReport {
    pub id: Uuid,
    pub model_id: Uuid,
    pub state: JobState,
    pub created_at: Timestamp,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    pub epoch: u64,
    pub epochs: u64,
    pub progress: f64,
    pub eta_seconds: Option<f64>,
    pub rows: usize,
    pub rows_per_second: Option<f64>,
    pub loss: Option<f64>,
    pub validation_loss: Option<f64>,
    pub best_epoch: Option<u64>,
    pub stop_reason: Option<StopReason>,
    pub warnings: Vec<Warning>,
    pub version: Option<u64>,
    pub metrics: Option<MeasuredOn>,
    pub config: ValidTrainingSpec,
    #[serde(skip)]
    pub failure: Option<JobFailure>,
    #[serde(skip)]
    pub request_id: String,
}

/// How a job ended.
#[derive(Clone, Debug)]
pub struct Ending {
    /// A state that has ended.
    pub state: JobState,
    /// Why.
    pub reason: StopReason,
    /// The version it published, with its metrics.
    pub version: Option<(u64, MeasuredOn)>,
    /// What went wrong, if it failed.
    pub failure: Option<JobFailure>,
}

impl Ending {
    /// An end without version or failure.
    pub fn cancelled(reason: StopReason) -> Self {
        Ending { state: JobState::Cancelled, reason, version: None, failure: None }
    }

    /// A failure.
    pub fn failed(reason: StopReason, failure: JobFailure) -> Self {
        Ending { state: JobState::Failed, reason, version: None, failure: Some(failure) }
    }
}
