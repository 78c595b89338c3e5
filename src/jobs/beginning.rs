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
use crate::models::Model;
use crate::models::networks::LoadedNetwork;
use crate::models::table::TableSpec;
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
    Table { spec: TableSpec, data: Data, base: Option<std::sync::Arc<LoadedNetwork>> },
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
                let encoder = base.as_ref().and_then(|base| base.table()).map(|parts| &parts.encoder);
                let Prepared { training, network, parts, truth, findings } =
                    table::prepare(&spec, config, data, encoder)?;
                let network = base.map_or(network, |base| Network::clone(&base));
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
    let checkpoint = match storage.blobs.get(&checkpoint_blob(job.id)).await {
        _ if !resume => None,
        Ok(file) => Checkpoint::decode(&file).map_err(|error| worker.useless(&error)).ok(),
        Err(StorageError::Missing(_)) => None,
        Err(error) => return Err(error.into()),
    };
    let base = if job.config().warm_start { Some(job.base_version.unwrap_or(model.active()?.number)) } else { None };
    let read = match &job.data {
        JobData::Rows(blob) => {
            let file = storage.blobs.get(blob).await?;
            let start = match (&checkpoint, base) {
                (Some(_), _) => None,
                (None, None) => Some(registry.start(&model).await?),
                (None, Some(number)) => Some(Network::clone(&*of_version(worker, &model, number).await?)),
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
            Read::Table { data: columns(worker, &spec, *train, *validation).await?, spec, base: base_network }
        }
    };
    let mut write = storage.catalog.write().await?;
    write.start_job(job.id, Timestamp::now(), base).await?;
    write.commit().await?;
    Ok((read, checkpoint))
}

async fn of_version(
    worker: &Worker<'_>,
    model: &Model,
    number: u64,
) -> Result<std::sync::Arc<LoadedNetwork>, JobError> {
    let version = worker.registry.version(model, number).await?;
    Ok(worker.registry.network(model, &version).await?)
}

async fn columns(
    worker: &Worker<'_>,
    spec: &TableSpec,
    train: Uuid,
    validation: Option<Uuid>,
) -> Result<Data, JobError> {
    let dataset = worker.datasets.get(&train.to_string()).await?;
    // What is left out in any case is not read; a warm start has the features of its version.
    let known = if worker.job.config().warm_start {
        Known::default()
    } else {
        Known::of(&dataset.profile, &spec.features, spec.features_chosen)
    };
    let hopeless: HashSet<&str> = known.left_out.iter().map(|left| left.name.as_str()).collect();
    let names: Vec<String> =
        spec.features.iter().filter(|name| !hopeless.contains(name.as_str())).chain([&spec.target]).cloned().collect();
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
