//! What storage has for a training: its model, its rows, the version that it is based on, its last checkpoint.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use uuid::Uuid;

use super::base::{Base, number};
use super::checkpoint::Checkpoint;
use super::context::RunContext;
use super::held_out::no_columns;
use super::tables::TrainingTables;
use crate::data::column::{Column, Table};
use crate::data::encoder::Reason;
use crate::datasets::Dataset;
use crate::jobs::error::JobError;
use crate::jobs::job::Job;
use crate::jobs::record::{JobData, checkpoint_blob};
use crate::jobs::split_columns::{beside, content};
use crate::learning::members::Members;
use crate::models::table::TableSpec;
use crate::models::{Model, Predictor};
use crate::storage::StorageError;

/// What storage has for a training.
pub(super) struct Stored {
    pub(super) data: Data,
    pub(super) base: Option<Base>,
    pub(super) checkpoint: Option<Checkpoint<'static>>,
}

/// What is learned from.
pub(super) enum Data {
    /// Rows that came with the request, of a model by layer sizes, and what its networks begin with if nothing else says that.
    Rows { model: Model, file: Bytes, initial: Option<Members> },
    /// Columns of data sets, and the model as this training has it.
    Table { model: Arc<TableSpec>, spec: Box<TableSpec>, tables: TrainingTables },
}

impl Stored {
    /// Reads it, with the last checkpoint if the job may `resume`, and writes down that the job starts.
    ///
    /// # Errors
    /// `Ended`: the job has; those of storage and of the registries.
    pub(super) async fn read(context: &RunContext<'_>, resume: bool) -> Result<Self, JobError> {
        let (job, registry) = (context.job, context.registry);
        let model = registry.get(&job.record.model_id.to_string()).await?;
        let config = &job.record.config;
        let number = if config.warm_start { Some(number(context, &model).await?) } else { config.distill };
        let checkpoint = if resume { checkpoint(context).await? } else { None };
        // What a version has beside its network is needed even where a checkpoint has the parameters.
        let base = match number {
            None => None,
            Some(number) => Some(Base::read(context, &model, number).await?),
        };
        let data = match &job.record.data {
            JobData::Rows(blob) => {
                let file = context.storage.blobs.get(blob).await?;
                let is_new = checkpoint.is_none() && base.is_none();
                let initial = if is_new { Some(registry.start(&model).await?.into()) } else { None };
                Data::Rows { model: Model::clone(&model), file, initial }
            }
            JobData::Datasets { train, validation } => {
                let predictor = base.as_ref().map(|base| &*base.predictor);
                let is_new = checkpoint.is_none();
                table(context, model.table()?, predictor, *train, *validation, is_new).await?
            }
        };
        note_start(context).await?;
        Ok(Stored { data, base, checkpoint })
    }
}

/// Writes down that the job starts, once in a process: a job that waits for memory or for storage reads what it needs again and
/// again, and only a process that dies meanwhile counts against it.
///
/// # Errors
/// `Ended`: its end was written down although that seemed to have failed; storage.
async fn note_start(context: &RunContext<'_>) -> Result<(), JobError> {
    let (id, control) = (context.job.record.id, &context.job.control);
    if control.start_is_noted() {
        return Ok(());
    }
    let mut write = context.storage.catalog.write().await?;
    if !write.start_job(id, Timestamp::now()).await? {
        return Err(JobError::Ended(id));
    }
    write.commit().await?;
    control.set_start_noted();
    Ok(())
}

/// The last checkpoint of the job, if there is one that can be used.
async fn checkpoint(context: &RunContext<'_>) -> Result<Option<Checkpoint<'static>>, JobError> {
    let job = context.job;
    match context.storage.blobs.get(&checkpoint_blob(job.record.id)).await {
        Ok(file) => Ok(Checkpoint::decode(&file).map_err(|error| checkpoint_useless(job, &error)).ok()),
        Err(StorageError::Missing(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Says that a checkpoint cannot be used.
pub(super) fn checkpoint_useless(job: &Job, error: &dyn std::fmt::Display) {
    tracing::warn!(job_id = %job.record.id, %error, "the job's checkpoint cannot be used: it starts again");
}

/// The columns to learn from of a model by data set.
async fn table(
    context: &RunContext<'_>,
    model: &Arc<TableSpec>,
    base: Option<&Predictor>,
    train: Uuid,
    validation: Option<Uuid>,
    is_new: bool,
) -> Result<Data, JobError> {
    let dataset = context.datasets.get_for_job(train).await?;
    let config = &context.job.record.config;
    let (named, weights) = (config.features.clone(), config.weights.clone());
    let spec = match base.and_then(|base| base.table().ok()) {
        Some(table) => TableSpec { weights, ..table.parts.spec.for_training(train, &dataset.profile, None)? },
        None => model.for_training(train, &dataset.profile, named)?.weighted_by(weights)?,
    };
    let tables = TrainingTables { is_new, ..columns(context, &spec, base, &dataset, validation).await? };
    Ok(Data::Table { tables, model: model.clone(), spec: Box::new(spec) })
}

async fn columns(
    context: &RunContext<'_>,
    spec: &TableSpec,
    base: Option<&Predictor>,
    dataset: &Dataset,
    validation: Option<Uuid>,
) -> Result<TrainingTables, JobError> {
    let base = base.and_then(|base| base.table().ok()).map(|table| &table.parts.encoder);
    // Of a version of a release that did not learn from text, texts were no content: see `content`.
    let was_text = |name: &String| {
        let mut left_out = base.into_iter().flat_map(|encoder| &encoder.left_out);
        left_out.any(|left| left.reason == Reason::Text && left.name == *name)
    };
    let mut content = content(&dataset.profile, spec);
    content.retain(|name| !was_text(name));
    // A warm start has the features of its version; else what is left out in any case is not read.
    let names: Vec<String> = match base {
        Some(encoder) => encoder.features.iter().map(|feature| &feature.name).chain([&spec.target]).cloned().collect(),
        None => content.clone(),
    };
    let read: HashSet<&String> = names.iter().collect();
    let mut wanted = beside(&context.job.record.config, &dataset.profile, spec);
    wanted.extend(content.iter().filter(|name| !read.contains(name)).cloned());
    let table = context.datasets.columns(dataset, names.clone()).await?;
    let beside = match wanted.is_empty() {
        true => no_columns(table.rows),
        false => context.datasets.columns(dataset, wanted).await?,
    };
    let weights = weights(context, dataset).await?;
    let (validation, validation_weights) = match validation {
        None => (None, None),
        Some(id) => {
            let dataset = context.datasets.get_for_job(id).await?;
            let table: Table = context.datasets.columns(&dataset, names).await?;
            (Some(table), self::weights(context, &dataset).await?)
        }
    };
    let profile = dataset.profile.clone();
    Ok(TrainingTables { table, beside, content, is_new: true, profile, validation, weights, validation_weights })
}

/// How much each row of a data set counts, if rows do not count alike.
async fn weights(context: &RunContext<'_>, dataset: &Dataset) -> Result<Option<Column>, JobError> {
    let Some(name) = context.job.record.config.weights.clone() else { return Ok(None) };
    Ok(context.datasets.columns(dataset, vec![name]).await?.columns.pop())
}
