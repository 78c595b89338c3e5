//! A job at one moment, as its owner sees it, and how it ended.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::error::{JobError, JobFailure};
use super::notice::Notice;
use crate::learning::training::ValidTrainingSpec;
use crate::storage::catalog::{JobRow, OutcomeRow};
use crate::storage::{StorageError, exact};

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

    /// The state's word, in the catalog as on the wire.
    pub fn word(self) -> &'static str {
        match self {
            JobState::Queued => "queued",
            JobState::Running => "running",
            JobState::Succeeded => "succeeded",
            JobState::Failed => "failed",
            JobState::Cancelled => "cancelled",
        }
    }

    /// Whether nothing more will happen.
    pub fn ended(self) -> bool {
        matches!(self, JobState::Succeeded | JobState::Failed | JobState::Cancelled)
    }
}

/// Why a job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// The service stops: the job goes on when it is started again.
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
    pub warnings: Vec<Notice>,
    pub version: Option<u64>,
    pub metrics: Option<Arc<RawValue>>,
    pub config: ValidTrainingSpec,
    pub dataset_id: Option<Uuid>,
    pub validation_dataset_id: Option<Uuid>,
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
    pub version: Option<(u64, Arc<RawValue>)>,
    /// What went wrong, if it failed.
    pub failure: Option<JobFailure>,
}

impl Ending {
    /// An end without version or failure.
    pub fn cancelled() -> Self {
        Ending { state: JobState::Cancelled, reason: StopReason::Cancelled, version: None, failure: None }
    }

    /// A failure.
    pub fn failed(reason: StopReason, failure: JobFailure) -> Self {
        Ending { state: JobState::Failed, reason, version: None, failure: Some(failure) }
    }
}

/// What the catalog keeps of an ended job beside its row's columns.
#[derive(Serialize, Deserialize)]
struct Outcome {
    finished_at: Option<Timestamp>,
    epoch: u64,
    progress: f64,
    rows_per_second: Option<f64>,
    loss: Option<f64>,
    validation_loss: Option<f64>,
    best_epoch: Option<u64>,
    stop_reason: Option<StopReason>,
    warnings: Vec<Notice>,
    version: Option<u64>,
    failure: Option<JobFailure>,
}

impl JobReport {
    /// What the catalog keeps of this report of an ended job.
    pub fn to_outcome(&self) -> OutcomeRow {
        let outcome = Outcome {
            finished_at: self.finished_at,
            epoch: self.epoch,
            progress: self.progress,
            rows_per_second: self.rows_per_second,
            loss: self.loss,
            validation_loss: self.validation_loss,
            best_epoch: self.best_epoch,
            stop_reason: self.stop_reason,
            warnings: self.warnings.clone(),
            version: self.version,
            failure: self.failure.clone(),
        };
        OutcomeRow {
            state: self.state.word(),
            started_at: self.started_at,
            outcome: exact::to_text(&outcome),
            metrics: self.metrics.as_ref().map(|metrics| metrics.get().to_owned()),
        }
    }

    /// The report of an ended job that the catalog kept.
    ///
    /// # Errors
    /// `Storage` with `Damaged`: the row does not say what a row of an ended job says.
    pub fn from_row(row: JobRow) -> Result<Self, JobError> {
        let damaged = |error: serde_json::Error| StorageError::damaged(format!("the record of job {}", row.id), error);
        let config: ValidTrainingSpec = exact::from_text(&row.config).map_err(damaged)?;
        let outcome: Outcome = exact::from_text(row.outcome.as_deref().unwrap_or_default()).map_err(damaged)?;
        let state = serde_json::from_value(row.state.clone().into()).map_err(damaged)?;
        let metrics = row.metrics.map(RawValue::from_string).transpose().map_err(damaged)?;
        Ok(JobReport {
            id: row.id,
            model_id: row.model_id,
            state,
            created_at: row.created_at,
            started_at: row.started_at,
            finished_at: outcome.finished_at,
            epoch: outcome.epoch,
            epochs: config.epochs,
            progress: outcome.progress,
            eta_seconds: None,
            rows: row.rows as usize,
            rows_per_second: outcome.rows_per_second,
            loss: outcome.loss,
            validation_loss: outcome.validation_loss,
            best_epoch: outcome.best_epoch,
            stop_reason: outcome.stop_reason,
            warnings: outcome.warnings,
            version: outcome.version,
            metrics: metrics.map(Arc::from),
            config,
            dataset_id: row.dataset_id,
            validation_dataset_id: row.validation_dataset_id,
            failure: outcome.failure,
            request_id: row.request_id,
        })
    }
}
