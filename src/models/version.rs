//! A version's record: where its file is, and what its training reached.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::ModelError;
use super::notice::Notice;
use super::stored::spec_from_json;
use super::table::TableSpec;
use crate::data::split::HeldOut;
use crate::learning::metrics::Metrics;
use crate::learning::spec::ValidModelSpec;
use crate::learning::training::ValidTrainingSpec;
use crate::storage::catalog::VersionRow;
use crate::storage::{StorageError, exact};

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
    /// Memory that its settings and its network take, about.
    told_bytes: usize,
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
    /// What was told of its training: its measures are to be read with that. Empty too where it is not known.
    pub warnings: Vec<Notice>,
    /// What it was trained on.
    pub trained_on: TrainedOn,
    /// How it was trained, every default filled in; none of versions whose files are older than this.
    pub settings: Option<Arc<ValidTrainingSpec>>,
}

/// What a version was trained on, as far as that is known.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TrainedOn {
    /// The data set, if it was one.
    pub dataset: Option<Uuid>,
    /// How many rows.
    pub rows: Option<u64>,
    /// Of a model by data set the columns that it learned from, where they are not its model's.
    pub features: Option<Vec<String>>,
    /// The classes among these rows, where they are not its model's.
    pub classes: Option<Vec<String>>,
    /// Which rows its training held out.
    pub held_out: Option<HeldOut>,
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
        let told_bytes = [&row.settings, &row.network].into_iter().flatten().map(|text| exact::value_bytes(text)).sum();
        let metrics: Box<RawValue> = RawValue::from_string(row.metrics).map_err(damaged)?;
        let facts = VersionFacts {
            job_id: row.job_id,
            created_at: row.created_at,
            epochs: row.epochs,
            loss: row.loss,
            validation_loss: row.validation_loss,
            metrics: metrics.into(),
            warnings: of_json(row.warnings).map_err(damaged)?.unwrap_or_default(),
            trained_on: TrainedOn {
                dataset: row.dataset_id,
                rows: row.rows,
                features: of_json(row.features).map_err(damaged)?,
                classes: of_json(row.classes).map_err(damaged)?,
                held_out: of_json(row.held_out).map_err(damaged)?,
            },
            settings: of_json(row.settings).map_err(damaged)?.map(Arc::new),
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
            told_bytes,
        })
    }

    /// The columns that it learned from, if it is of a model by data set, which `table` is.
    pub fn features<'a>(&'a self, table: &'a TableSpec) -> &'a [String] {
        self.facts.trained_on.features.as_ref().unwrap_or(&table.features)
    }

    /// Its classes, if it has any. Of a version that is older than such notes they are known only where they may be its model's.
    pub fn classes<'a>(&'a self, table: &'a TableSpec) -> Option<&'a [String]> {
        let outputs = self.network.as_ref()?.outputs();
        let classes = self.facts.trained_on.classes.as_ref().unwrap_or(&table.classes);
        let fits = if classes.len() == 2 { outputs == 1 } else { outputs == classes.len() };
        fits.then_some(classes)
    }

    /// Memory that the record takes, about.
    pub fn bytes(&self) -> usize {
        let TrainedOn { features, classes, held_out, .. } = &self.facts.trained_on;
        let names = features.iter().chain(classes).flatten().map(|name| name.len() + 24).sum::<usize>();
        let told = self.facts.warnings.iter().map(Notice::bytes).sum::<usize>();
        let said = self.facts.metrics.get().len() + self.told_bytes;
        said + told + names + held_out.as_ref().map_or(0, HeldOut::bytes) + 512
    }
}

/// The value of a column that may be null.
fn of_json<T: DeserializeOwned>(text: Option<String>) -> Result<Option<T>, serde_json::Error> {
    text.as_deref().map(exact::from_text).transpose()
}
