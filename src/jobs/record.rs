//! A job's record: what its row in the catalog says of it from the beginning, and what its blobs are called.

use std::sync::{Arc, OnceLock};

use jiff::Timestamp;
use uuid::Uuid;

use super::error::JobError;
use super::state::JobState;
use crate::identifier::new_id;
use crate::learning::split::SplitUsed;
use crate::learning::training::ValidTrainingSpec;
use crate::storage::catalog::JobRow;
use crate::storage::{StorageError, exact};

/// What is settled about a job before it runs.
#[derive(Debug)]
pub struct JobRecord {
    /// UUIDv7: ordered by time of creation.
    pub id: Uuid,
    /// The model that is trained.
    pub model_id: Uuid,
    /// The request that created it, for logs and problems.
    pub request_id: String,
    /// The trace of that request, if it had one, as W3C Trace Context writes it.
    pub traceparent: Option<String>,
    /// When it was created.
    pub created_at: Timestamp,
    /// Memory that the training needs, in bytes, about.
    pub bytes: usize,
    /// Rows to train on.
    pub rows: usize,
    /// The settings, which may name thousands of columns: reports share them.
    pub config: Arc<ValidTrainingSpec>,
    /// What it trains on.
    pub data: JobData,
    /// The version that a warm start goes on from, set when the job runs for the first time; or that is distilled.
    pub(super) base_version: OnceLock<u64>,
    /// Starts since the last checkpoint, when this process began.
    pub(super) attempts: u64,
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
    fn of_row(row: &JobRow) -> Self {
        match row.dataset_id {
            None => JobData::Rows(row.rows_blob.clone()),
            Some(train) => JobData::Datasets { train, validation: row.validation_dataset_id },
        }
    }

    /// The blob of its rows, if it has rows of its own.
    pub fn blob(&self) -> Option<&String> {
        match self {
            JobData::Rows(blob) => Some(blob),
            JobData::Datasets { .. } => None,
        }
    }

    /// The data sets to train and to validate on.
    pub fn datasets(&self) -> (Option<Uuid>, Option<Uuid>) {
        match self {
            JobData::Rows(_) => (None, None),
            JobData::Datasets { train, validation } => (Some(*train), *validation),
        }
    }
}

/// Who asks for a job.
#[derive(Clone, Debug)]
pub struct Requester {
    /// The request, for logs and problems.
    pub request_id: String,
    /// The key that it came with, if that is one that the service made.
    pub owner: Option<Uuid>,
    /// The trace of the request, if it has one.
    pub traceparent: Option<String>,
}

impl<T: Into<String>> From<T> for Requester {
    fn from(request_id: T) -> Self {
        Requester { request_id: request_id.into(), owner: None, traceparent: None }
    }
}

/// What a job is made of when it is created.
pub(super) struct NewJob {
    pub(super) by: Requester,
    pub(super) bytes: usize,
    pub(super) rows: usize,
    pub(super) config: ValidTrainingSpec,
    pub(super) data: JobData,
    /// Bytes of its rows, if it has rows of its own.
    pub(super) kept_bytes: u64,
    /// Bytes that it may come to store: a version and a history.
    pub(super) claimed_bytes: u64,
    /// Multiply-adds of an epoch, about.
    pub(super) epoch_work: f64,
}

impl JobRecord {
    /// The record of a job of this model that is created now.
    pub(super) fn new(model_id: Uuid, new: NewJob) -> Self {
        let NewJob { by: Requester { request_id, traceparent, .. }, bytes, rows, config, data, .. } = new;
        let (id, created_at) = (new_id(), Timestamp::now());
        let (base_version, attempts) = (config.distill.map(OnceLock::from).unwrap_or_default(), 0);
        JobRecord {
            id,
            model_id,
            request_id,
            traceparent,
            created_at,
            bytes,
            rows,
            config: Arc::new(config),
            data,
            base_version,
            attempts,
        }
    }

    /// The record of a row.
    ///
    /// # Errors
    /// `Storage` with `Damaged`: the row's settings cannot be read.
    pub fn from_row(row: &JobRow) -> Result<Self, JobError> {
        let damaged = |error| StorageError::damaged(format!("the record of job {}", row.id), error);
        Ok(JobRecord {
            id: row.id,
            model_id: row.model_id,
            request_id: row.request_id.clone(),
            traceparent: row.traceparent.clone(),
            created_at: row.created_at,
            bytes: row.memory as usize,
            rows: row.rows as usize,
            config: Arc::new(exact::from_text(&row.config).map_err(damaged)?),
            data: JobData::of_row(row),
            base_version: row.base_version.map(OnceLock::from).unwrap_or_default(),
            attempts: row.attempts,
        })
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
            config: exact::to_text(&*self.config),
            rows_blob: self.data.blob().cloned().unwrap_or_default(),
            dataset_id,
            validation_dataset_id,
            started_at: None,
            base_version: self.base_version.get().copied(),
            attempts: 0,
            kept_bytes: 0,
            outcome: None,
            metrics: None,
            owner: None,
            claimed_bytes: 0,
            traceparent: self.traceparent.clone(),
        }
    }

    /// How rows are held out, as far as the request tells: `None` if none is, or the data decide.
    pub(super) fn split(&self) -> Option<SplitUsed> {
        let by = self.config.split.as_ref().filter(|_| self.config.validation_split > 0.0)?;
        match self.data {
            JobData::Rows(_) => Some(SplitUsed::of_plain_rows(by)),
            JobData::Datasets { .. } => SplitUsed::asked(by),
        }
    }

    /// The blobs that the job's row no longer refers to once the job has ended.
    pub(super) fn given_up(&self) -> Vec<String> {
        self.data.blob().cloned().into_iter().chain([checkpoint_blob(self.id)]).collect()
    }
}

/// The blobs that a job's row refers to. `rows_blob` is the row's column of that name while the job is open (empty if
/// the job trains on data sets), `None` once it has ended. A checkpoint or history that is not written yet is listed all
/// the same.
pub fn blobs(id: Uuid, rows_blob: Option<String>) -> Vec<String> {
    match rows_blob {
        None => vec![history_blob(id)],
        Some(rows) if rows.is_empty() => vec![checkpoint_blob(id)],
        Some(rows) => vec![rows, checkpoint_blob(id)],
    }
}

/// Where the last checkpoint of a job is until it has ended.
pub fn checkpoint_blob(id: Uuid) -> String {
    format!("checkpoints/{id}.safetensors")
}

/// Where the history of a job is once it has ended: entries of 32 bytes.
pub fn history_blob(id: Uuid) -> String {
    format!("histories/{id}")
}
