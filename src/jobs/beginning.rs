//! What a training begins with: its rows, its network, its last checkpoint.

use std::collections::HashSet;

use jiff::Timestamp;
use uuid::Uuid;

use super::checkpoint::Checkpoint;
use super::error::JobError;
use super::files::checkpoint_blob;
use super::finish::TableStart;
use super::job::JobData;
use super::request::Training;
use super::rows;
use super::table::{self, Data, Prepared};
use super::worker::Worker;
use crate::data::column::Table;
use crate::data::encoder::Known;
use crate::data::profile::Finding;
use crate::learning::network::Network;
use crate::models::table::TableSpec;
use crate::models::{Model, Predictor};
use crate::storage::StorageError;

/// Everything that is known before the first epoch.
pub(super) struct Beginning {
    pub(super) training: Training,
    pub(super) network: Network,
    pub(super) checkpoint: Option<Checkpoint<'static>>,
    /// Of a model by data set.
    pub(super) table: Option<TableStart>,
    /// What is worth knowing about the data.
    pub(super) findings: Vec<Finding>,
}

/// What is read for a training.
enum Read {
    Rows { model: Model, file: bytes::Bytes, start: Option<Network> },
    Table { spec: TableSpec, data: Data, base: Option<std::sync::Arc<Predictor>> },
}

impl Beginning {
    /// Reads what the training begins with, its last checkpoint if that may be used, and writes down that it begins.
    ///
    /// # Errors
    /// `Storage`; `Unfit` if the data cannot be learned from.
    pub(super) fn of(worker: &Worker, resume: bool) -> Result<Self, JobError> {
        let (read, checkpoint) = worker.runtime.block_on(read(worker, resume))?;
        let config = worker.job.config();
        match read {
            Read::Rows { model, file, start } => {
                let spec = model.layers()?;
                let training =
                    rows::decode(&file, config.clone(), spec).map_err(|error| damaged(worker, "rows", error))?;
                // What a checkpoint brings takes the place of whatever the network starts with.
                let nothing = || Network::with_parameters(spec.clone(), vec![0.0; spec.parameter_count()]);
                let network = start.unwrap_or_else(nothing);
                Ok(Beginning { training, network, checkpoint, table: None, findings: Vec::new() })
            }
            Read::Table { spec, data, base } => {
                let encoder = base.as_ref().and_then(|base| base.table().ok()).map(|table| &table.parts.encoder);
                let Prepared { training, network, parts, truth, findings } =
                    table::prepare(&spec, config, data, encoder)?;
                let network = base.map_or(network, |base| base.network().clone());
                Ok(Beginning { training, network, checkpoint, table: Some(TableStart { parts, truth }), findings })
            }
        }
    }
}

fn damaged(worker: &Worker, what: &str, reason: impl ToString) -> StorageError {
    StorageError::damaged(format!("the {what} of job {}", worker.job.id), reason)
}

async fn read(worker: &Worker<'_>, resume: bool) -> Result<(Read, Option<Checkpoint<'static>>), JobError> {
    let (job, storage, registry) = (worker.job, worker.storage, worker.registry);
    let model = registry.get(&job.model_id.to_string()).await?;
    let base = if job.config().warm_start { Some(base(worker, &model).await?) } else { None };
    let checkpoint = match storage.blobs.get(&checkpoint_blob(job.id)).await {
        _ if !resume => None,
        Ok(file) => Checkpoint::decode(&file).map_err(|error| worker.useless(&error)).ok(),
        Err(StorageError::Missing(_)) => None,
        Err(error) => return Err(error.into()),
    };
    let read = match &job.data {
        JobData::Rows(blob) => {
            let file = storage.blobs.get(blob).await?;
            let start = match (&checkpoint, base) {
                (Some(_), _) => None,
                (None, None) => Some(registry.start(&model).await?),
                (None, Some(number)) => Some(of_version(worker, &model, number).await?.network().clone()),
            };
            Read::Rows { model: Model::clone(&model), file, start }
        }
        JobData::Datasets { train, validation } => {
            let spec = TableSpec::clone(model.table()?);
            // A warm start needs its version's encoder even where a checkpoint has its parameters.
            let base_network = match base {
                None => None,
                Some(number) => Some(of_version(worker, &model, number).await?),
            };
            let data = columns(worker, &spec, base_network.as_deref(), *train, *validation).await?;
            Read::Table { data, spec, base: base_network }
        }
    };
    let mut write = storage.catalog.write().await?;
    write.start_job(job.id, Timestamp::now()).await?;
    write.commit().await?;
    Ok((read, checkpoint))
}

/// The version that a warm start goes on from: the one that was active when it began first, which is written down before
/// anything else is read, so that it stays the same however often the job begins again.
async fn base(worker: &Worker<'_>, model: &Model) -> Result<u64, JobError> {
    let job = worker.job;
    if let Some(number) = job.base_version.get() {
        return Ok(*number);
    }
    let number = model.active()?.number;
    let mut write = worker.storage.catalog.write().await?;
    write.note_base(job.id, number).await?;
    write.commit().await?;
    Ok(*job.base_version.get_or_init(|| number))
}

async fn of_version(worker: &Worker<'_>, model: &Model, number: u64) -> Result<std::sync::Arc<Predictor>, JobError> {
    let version = worker.registry.version(model, number).await?;
    Ok(worker.registry.predictor(model, &version).await?)
}

async fn columns(
    worker: &Worker<'_>,
    spec: &TableSpec,
    base: Option<&Predictor>,
    train: Uuid,
    validation: Option<Uuid>,
) -> Result<Data, JobError> {
    let dataset = worker.datasets.get(&train.to_string()).await?;
    // A warm start has the features of its version; else what is left out in any case is not read.
    let names: Vec<String> = match base.and_then(|base| base.table().ok()) {
        Some(table) => {
            let encoder = &table.parts.encoder;
            encoder.features.iter().map(|feature| &feature.name).chain([&spec.target]).cloned().collect()
        }
        None => {
            let known = Known::of(&dataset.profile, &spec.features, spec.features_chosen);
            let hopeless: HashSet<&str> = known.left_out.iter().map(|left| left.name.as_str()).collect();
            let features = spec.features.iter().filter(|name| !hopeless.contains(name.as_str()));
            features.chain([&spec.target]).cloned().collect()
        }
    };
    let table = worker.datasets.columns(&dataset, names.clone()).await?;
    let validation: Option<Table> = match validation {
        None => None,
        Some(id) => {
            let dataset = worker.datasets.get(&id.to_string()).await?;
            Some(worker.datasets.columns(&dataset, names).await?)
        }
    };
    Ok(Data { table, profile: dataset.profile.clone(), validation })
}
