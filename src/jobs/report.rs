//! A job at one moment, as its owner sees it, and how it ended.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::candidate::Candidate;
use super::comparison::Comparison;
use super::error::{JobError, JobFailure};
use super::record::JobRecord;
use super::state::{JobState, StopReason};
use crate::learning::split::SplitUsed;
use crate::learning::training::ValidTrainingSpec;
use crate::models::notice::Notice;
use crate::storage::catalog::{JobRow, OutcomeRow};
use crate::storage::{StorageError, exact};

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
    /// Of one that has not ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub estimated_seconds: Option<f64>,
    pub rows: usize,
    pub rows_per_second: Option<f64>,
    pub loss: Option<f64>,
    pub validation_loss: Option<f64>,
    pub best_epoch: Option<u64>,
    pub stop_reason: Option<StopReason>,
    /// Each as it was raised; who is told of the job is told of them by their kinds.
    #[serde(skip)]
    pub warnings: Arc<Vec<Notice>>,
    pub version: Option<u64>,
    pub metrics: Option<Arc<RawValue>>,
    /// Of a training that serves only if it is better.
    pub comparison: Option<Comparison>,
    pub config: Arc<ValidTrainingSpec>,
    pub split: Option<SplitUsed>,
    /// Of a training that tries several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<Candidate>,
    pub dataset_id: Option<Uuid>,
    pub validation_dataset_id: Option<Uuid>,
    /// Whether some of its epochs are kept, and not every one.
    #[serde(skip)]
    pub thinned: bool,
    #[serde(skip)]
    pub failure: Option<JobFailure>,
    #[serde(skip)]
    pub request_id: String,
    /// Memory of what was read of it, about; 0 of one that is in memory anyway.
    #[serde(skip)]
    pub(super) read_bytes: usize,
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

/// What a job has come to: of one that has ended, what the catalog keeps beside its row's columns.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Outcome {
    pub(super) finished_at: Option<Timestamp>,
    pub(super) epoch: u64,
    pub(super) progress: f64,
    pub(super) rows_per_second: Option<f64>,
    pub(super) loss: Option<f64>,
    pub(super) validation_loss: Option<f64>,
    pub(super) best_epoch: Option<u64>,
    pub(super) stop_reason: Option<StopReason>,
    pub(super) warnings: Arc<Vec<Notice>>,
    pub(super) version: Option<u64>,
    pub(super) failure: Option<JobFailure>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) comparison: Option<Comparison>,
    /// Rows that it trains on, once they are chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) rows: Option<usize>,
    /// How the others were chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) split: Option<SplitUsed>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) candidates: Vec<Candidate>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) thinned: bool,
}

impl JobReport {
    /// The report of a job by its record and what it has come to, without metrics and remaining time.
    pub(super) fn new(record: &JobRecord, state: JobState, started_at: Option<Timestamp>, outcome: Outcome) -> Self {
        let (dataset_id, validation_dataset_id) = record.data.datasets();
        JobReport {
            id: record.id,
            model_id: record.model_id,
            state,
            created_at: record.created_at,
            started_at,
            finished_at: outcome.finished_at,
            epoch: outcome.epoch,
            epochs: record.config.epochs.saturating_mul(record.config.candidates),
            progress: outcome.progress,
            eta_seconds: None,
            estimated_seconds: None,
            rows: outcome.rows.unwrap_or(record.rows),
            rows_per_second: outcome.rows_per_second,
            loss: outcome.loss,
            validation_loss: outcome.validation_loss,
            best_epoch: outcome.best_epoch,
            stop_reason: outcome.stop_reason,
            warnings: outcome.warnings,
            version: outcome.version,
            metrics: None,
            comparison: outcome.comparison,
            config: record.config.clone(),
            split: outcome.split.or_else(|| record.split()),
            candidates: outcome.candidates,
            dataset_id,
            validation_dataset_id,
            thinned: outcome.thinned,
            failure: outcome.failure,
            request_id: record.request_id.clone(),
            read_bytes: 0,
        }
    }

    /// What the catalog keeps of this report of an ended job, whose history takes so many bytes.
    pub(super) fn to_outcome(&self, kept_bytes: u64) -> OutcomeRow {
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
            comparison: self.comparison.clone(),
            rows: Some(self.rows),
            split: self.split.clone(),
            candidates: self.candidates.clone(),
            thinned: self.thinned,
        };
        OutcomeRow {
            state: self.state.word(),
            started_at: self.started_at,
            outcome: exact::to_text(&outcome),
            metrics: self.metrics.as_ref().map(|metrics| metrics.get().to_owned()),
            kept_bytes,
        }
    }

    /// As [`JobReport::from_row`], on a thread that may take longer where the row says much: the weights of thousands of classes.
    ///
    /// # Errors
    /// As [`JobReport::from_row`].
    pub(super) async fn read(row: JobRow) -> Result<Self, JobError> {
        let read = JobReport::read_all(vec![row]).await?;
        Ok(read.into_iter().next().expect("a report of each row"))
    }

    /// The same of several rows.
    ///
    /// # Errors
    /// As [`JobReport::from_row`].
    pub(super) async fn read_all(rows: Vec<JobRow>) -> Result<Vec<Self>, JobError> {
        let texts = |row: &JobRow| [&row.outcome, &row.metrics].into_iter().flatten().map(String::len).sum::<usize>();
        let bytes: usize = rows.iter().map(|row| row.config.len() + texts(row)).sum();
        let read = move || rows.into_iter().map(JobReport::from_row).collect::<Result<Vec<_>, _>>();
        exact::read_apart("the record of a job", bytes, read).await
    }

    /// Memory that it takes, about, where it was read for whoever asked.
    pub fn bytes(&self) -> usize {
        self.read_bytes
    }

    /// The report of an ended job that the catalog kept.
    ///
    /// # Errors
    /// `Storage` with `Damaged`: the row does not say what a row of an ended job says.
    pub fn from_row(mut row: JobRow) -> Result<Self, JobError> {
        let texts = [Some(&row.config), row.outcome.as_ref(), row.metrics.as_ref()];
        let read_bytes = texts.into_iter().flatten().map(|text| exact::value_bytes(text)).sum();
        let (id, metrics) = (row.id, row.metrics.take());
        let damaged = |error| StorageError::damaged(format!("the record of job {id}"), error);
        let outcome: Outcome = exact::from_text(row.outcome.as_deref().unwrap_or_default()).map_err(damaged)?;
        let state = serde_json::from_value(row.state.clone().into()).map_err(damaged)?;
        let metrics = metrics.map(RawValue::from_string).transpose().map_err(damaged)?;
        let report = JobReport::new(&JobRecord::from_row(&row)?, state, row.started_at, outcome);
        Ok(JobReport { metrics: metrics.map(Arc::from), read_bytes, ..report })
    }
}
