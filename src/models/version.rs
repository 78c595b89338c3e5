//! A version's record: where its file is, and what its training reached.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::ModelError;
use super::stored::spec_from_json;
use crate::learning::metrics::Metrics;
use crate::learning::spec::ValidModelSpec;
use crate::storage::StorageError;
use crate::storage::catalog::VersionRow;

/// A trained state of a model; never changes.
#[derive(Clone, Debug)]
pub struct Version {
    /// The model it belongs to.
    pub model_id: Uuid,
    /// Counted from 1 within the model.
    pub number: u64,
    /// Where its file is.
    pub blob: String,
    /// Its network, where that is not its model's.
    pub network: Option<Arc<ValidModelSpec>>,
    /// Size of its file; 0 if it is not known.
    pub file_bytes: u64,
    /// What its training reached.
    pub facts: VersionFacts,
}

/// What the training of a version reached.
#[derive(Clone, Debug)]
pub struct VersionFacts {
    /// The training that made it; `None` if it was imported.
    pub job_id: Option<Uuid>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Training epochs in the parameters.
    pub epochs: u64,
    /// Training loss of the last of these epochs.
    pub loss: f64,
    /// Validation loss after the last of these epochs.
    pub validation_loss: Option<f64>,
    /// How good it is: a [`MeasuredOn`] as JSON.
    pub metrics: Arc<RawValue>,
}

/// Metrics, and the rows they were measured on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MeasuredOn {
    /// Validation rows where there were any, else the training rows.
    pub rows_used: RowsUsed,
    /// The measures.
    #[serde(flatten)]
    pub metrics: Metrics,
}

/// Which rows were measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RowsUsed {
    /// Rows that training did not see.
    Validation,
    /// The rows trained on.
    Training,
}

impl Version {
    /// The version of a row.
    ///
    /// # Errors
    /// `Storage` with `Damaged`: the row does not say what a row says.
    pub fn from_row(row: VersionRow) -> Result<Self, ModelError> {
        let damaged = |error| StorageError::damaged(format!("version {} of model {}", row.number, row.model_id), error);
        let metrics: Box<RawValue> = RawValue::from_string(row.metrics).map_err(damaged)?;
        let facts = VersionFacts {
            job_id: row.job_id,
            created_at: row.created_at,
            epochs: row.epochs,
            loss: row.loss,
            validation_loss: row.validation_loss,
            metrics: metrics.into(),
        };
        let network = row.network.as_deref().map(spec_from_json).transpose();
        let network = network.map_err(|error| {
            StorageError::damaged(format!("version {} of model {}", row.number, row.model_id), error)
        })?;
        Ok(Version {
            model_id: row.model_id,
            number: row.number,
            blob: row.blob,
            network: network.map(Arc::new),
            file_bytes: row.file_bytes.unwrap_or(0),
            facts,
        })
    }
}
