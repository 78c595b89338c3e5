//! What a training starts from: its rows, its network, its last checkpoint.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use uuid::Uuid;

use super::checkpoint::Checkpoint;
use super::compare::held_out;
use super::context::RunContext;
use super::distillation::{Learned, Relation, Teacher, answers, are_same};
use super::finish::TableStart;
use super::held_out::no_columns;
use super::prepare::{Prepared, prepare};
use super::tables::TrainingTables;
use super::unpublished::Halt;
use crate::data::column::{Column, Table};
use crate::data::encoder::Reason;
use crate::data::profile::Finding;
use crate::data::split::HeldOut;
use crate::datasets::Dataset;
use crate::jobs::candidate::largest;
use crate::jobs::error::JobError;
use crate::jobs::footprint::Footprint;
use crate::jobs::job::Job;
use crate::jobs::record::{JobData, JobRecord, checkpoint_blob};
use crate::jobs::rows;
use crate::jobs::split_columns::{beside, content};
use crate::jobs::training::{Training, held_out_rule};
use crate::learning::examples::{Examples, Targets};
use crate::learning::members::Members;
use crate::learning::network::Network;
use crate::learning::split::SplitUsed;
use crate::learning::training::ValidTrainingSpec;
use crate::models::table::TableSpec;
use crate::models::version::TrainedOn;
use crate::models::{Model, Predictor, Version};
use crate::storage::StorageError;
use crate::telemetry::Phase;

/// Everything that is known before the first epoch.
pub(super) struct Start {
    pub(super) training: Training,
    pub(super) members: Members,
    pub(super) checkpoint: Option<Checkpoint<'static>>,
    /// Of a model by data set.
    pub(super) table: Option<TableStart>,
    /// What its version is told to have been trained on.
    pub(super) trained_on: TrainedOn,
    /// How the rows held out were chosen, of a model by data set.
    pub(super) split: Option<SplitUsed>,
    /// What is worth knowing about the data.
    pub(super) findings: Vec<Finding>,
    /// What the version that is distilled answers to the rows to train on: learned in place of their targets.
    pub(super) answers: Option<Targets>,
}

/// The version that a warm start goes on from, or that is distilled.
struct Base {
    number: u64,
    predictor: Arc<Predictor>,
    /// Which rows its training held out, where that is known.
    held_out: Option<HeldOut>,
    relation: Relation,
}

/// What storage has for a training.
enum Read {
    Rows { model: Model, file: Bytes, start: Option<Members>, base: Option<Base> },
    Table { model: Arc<TableSpec>, spec: Box<TableSpec>, data: TrainingTables, base: Option<Base> },
}

impl Start {
    /// Reads what the training starts from, with its last checkpoint if it may `resume`, and writes down that it starts.
    ///
    /// # Errors
    /// `Storage`; `Unfit` if the data cannot be learned from; that the job is to stop.
    pub(super) fn read(context: &RunContext, resume: bool) -> Result<Self, Halt> {
        let (read, checkpoint) = context.in_phase(Phase::Load, || context.read(read(context, resume)))??;
        let config = &context.job.record.config;
        match read {
            Read::Rows { model, file, start, base } => {
                let spec = model.layers()?;
                let name = || format!("the rows of job {}", context.job.record.id);
                let decoded = context.in_phase(Phase::Fit, || rows::decode(&file, config.clone(), spec));
                let training = decoded.map_err(|error| StorageError::damaged(name(), error))?;
                // What a checkpoint brings takes the place of whatever the network starts with.
                let nothing = || Network::with_parameters(spec.clone(), vec![0.0; spec.parameter_count()]).into();
                let of_base = || base.as_ref().map(|base| base.predictor.members().clone());
                let members = start.or_else(of_base).unwrap_or_else(nothing);
                let rows = Some(training.train.rows() as u64);
                let held_out = held_out_rule(&training, spec).filter(|rule| is_of_base(base.as_ref(), rule));
                let trained_on = TrainedOn { rows, held_out, ..TrainedOn::default() };
                let (table, split, findings, answers) = (None, None, Vec::new(), None);
                Ok(Start { training, members, checkpoint, table, trained_on, split, findings, answers })
            }
            Read::Table { model, spec, data, base } => {
                let of_base = base.as_ref().and_then(|base| base.predictor.table().ok());
                let encoder = of_base.map(|table| &table.parts.encoder);
                let go_on = || context.job.control.stop().is_none();
                let goes_on = base.as_ref().filter(|_| config.warm_start);
                let networks = goes_on.map(|base| networks(base.predictor.members()));
                let members = networks.as_ref().map(|members| members.list().len() as u64);
                let config = ValidTrainingSpec { members: members.or(config.members), ..config.clone() };
                let fit = || prepare(&spec, &config, data, encoder, context, &go_on);
                let prepared = context.in_phase(Phase::Fit, fit)?;
                let Prepared { training, members, mut parts, truth, split, findings, measured } = prepared;
                let mut trained_on = trained_on(context.job, &model, &parts.spec, &training);
                trained_on.held_out = trained_on.held_out.filter(|held_out| is_of_base(goes_on, held_out));
                parts.rule = parts.rule.filter(|rule| is_of_base(goes_on, &HeldOut::By(rule.clone())));
                let distilled = of_base.zip(base.as_ref()).filter(|_| config.distill.is_some());
                let answers = distilled.map(|(version, _)| answers(version, &training.train, &go_on)).transpose()?;
                let teacher = distilled.map(|(version, base)| {
                    let by_rule = parts.rule.clone().map(HeldOut::By);
                    let ours = trained_on.held_out.as_ref().or(by_rule.as_ref());
                    let learned = Learned::of(base.held_out.as_ref(), base.relation, ours);
                    Teacher { version: base.number, learned, conformal: version.parts.conformal.clone() }
                });
                if teacher.as_ref().is_some_and(Teacher::may_know_rows_held_out) {
                    (parts.rule, trained_on.held_out) = (None, None);
                }
                let members = networks.unwrap_or(members);
                let table = Some(TableStart { parts, truth, measured, split: split.clone(), teacher });
                let start = Start { training, members, checkpoint, table, trained_on, split, findings, answers };
                context.memory.settle(start.bytes() as u64);
                Ok(start)
            }
        }
    }
}

/// Those networks of a version that a warm start goes on with: all but linear models beside others, which are made anew.
fn networks(members: &Members) -> Members {
    let deep = members.list().iter().filter(|member| member.network.spec().layers.len() > 1);
    Members::new(deep.cloned().collect()).unwrap_or_else(|| members.clone())
}

impl Start {
    /// Memory that the training takes from here on, as its encoded rows and its network tell.
    fn bytes(&self) -> usize {
        let encoder = self.table.as_ref().map(|table| (&table.parts.spec, &table.parts.encoder));
        let searches = encoder.filter(|_| self.training.settings.candidates > 1);
        let drawn = searches.and_then(|(spec, encoder)| {
            TableSpec { hidden_layers: largest(spec), ..spec.clone() }.network(encoder).ok()
        });
        let footprint = Footprint {
            network: drawn.as_ref().unwrap_or(self.members.first().spec()),
            linear: encoder.and_then(|(spec, encoder)| spec.linear(encoder).ok()),
            settings: &self.training.settings,
            train: self.training.train.rows(),
            validation: self.training.validation.as_ref().map_or(0, Examples::rows),
            weighted: self.training.settings.weights.is_some(),
            features: encoder.map_or(0, |(_, encoder)| encoder.features.len()),
        };
        footprint.bytes()
    }
}

/// Whether rows that a training holds out were held out by the one that it goes on from, too; one that starts anew has seen no
/// others.
fn is_of_base(base: Option<&Base>, held_out: &HeldOut) -> bool {
    base.is_none_or(|base| are_same(base.held_out.as_ref(), base.relation, held_out))
}

/// What a version of `model` is told to have been trained on, with the parts of `spec` that are not as in `model`.
fn trained_on(job: &Job, model: &TableSpec, spec: &TableSpec, training: &Training) -> TrainedOn {
    let (dataset, validation) = job.record.data.datasets();
    TrainedOn {
        dataset,
        rows: Some(training.train.rows() as u64),
        features: (spec.features != model.features).then(|| spec.features.clone()),
        classes: (spec.classes != model.classes).then(|| spec.classes.clone()),
        held_out: validation.map(HeldOut::Dataset),
    }
}

/// Says that a checkpoint cannot be used.
pub(super) fn checkpoint_useless(job: &Job, error: &dyn std::fmt::Display) {
    tracing::warn!(job_id = %job.record.id, %error, "the job's checkpoint cannot be used: it starts again");
}

async fn read(context: &RunContext<'_>, resume: bool) -> Result<(Read, Option<Checkpoint<'static>>), JobError> {
    let (job, storage, registry) = (context.job, context.storage, context.registry);
    let model = registry.get(&job.record.model_id.to_string()).await?;
    let base =
        if job.record.config.warm_start { Some(base(context, &model).await?) } else { job.record.config.distill };
    let checkpoint = match storage.blobs.get(&checkpoint_blob(job.record.id)).await {
        _ if !resume => None,
        Ok(file) => Checkpoint::decode(&file).map_err(|error| checkpoint_useless(job, &error)).ok(),
        Err(StorageError::Missing(_)) => None,
        Err(error) => return Err(error.into()),
    };
    let read = match &job.record.data {
        JobData::Rows(blob) => {
            let file = storage.blobs.get(blob).await?;
            let base = match base {
                None => None,
                Some(number) => Some(of_version(context, &model, number).await?),
            };
            let start = match (&checkpoint, &base) {
                (Some(_), _) => None,
                (None, None) => Some(registry.start(&model).await?.into()),
                (None, Some(base)) => Some(base.predictor.members().clone()),
            };
            Read::Rows { model: Model::clone(&model), file, start, base }
        }
        JobData::Datasets { train, validation } => {
            let model_spec = model.table()?;
            // Its encoder is needed even where a checkpoint has the parameters.
            let base = match base {
                None => None,
                Some(number) => Some(of_version(context, &model, number).await?),
            };
            let predictor = base.as_ref().map(|base| &*base.predictor);
            let dataset = context.datasets.get_for_job(*train).await?;
            let named = job.record.config.features.clone();
            let weights = job.record.config.weights.clone();
            let spec = match predictor.and_then(|base| base.table().ok()) {
                Some(table) => TableSpec { weights, ..table.parts.spec.for_training(*train, &dataset.profile, None)? },
                None => model_spec.for_training(*train, &dataset.profile, named)?.weighted_by(weights)?,
            };
            let data = columns(context, &spec, predictor, &dataset, *validation).await?;
            let data = TrainingTables { is_new: checkpoint.is_none(), ..data };
            Read::Table { data, model: model_spec.clone(), spec: Box::new(spec), base }
        }
    };
    let mut write = storage.catalog.write().await?;
    write.start_job(job.record.id, Timestamp::now()).await?;
    write.commit().await?;
    Ok((read, checkpoint))
}

/// The version that a warm start goes on from: the one that was active when it began first, which is written down before
/// anything else is read, so that it stays the same however often the job begins again.
async fn base(context: &RunContext<'_>, model: &Model) -> Result<u64, JobError> {
    let job = context.job;
    if let Some(number) = job.record.base_version.get() {
        return Ok(*number);
    }
    let number = model.active()?.number;
    let mut write = context.storage.catalog.write().await?;
    write.note_base(job.record.id, number).await?;
    write.commit().await?;
    Ok(*job.record.base_version.get_or_init(|| number))
}

async fn of_version(context: &RunContext<'_>, model: &Model, number: u64) -> Result<Base, JobError> {
    let version = context.registry.version(model, number).await?;
    let predictor = context.registry.predictor(model, &version).await?;
    let (held_out, relation) = (held_out(&version, &predictor), relation(context, &version).await?);
    Ok(Base { number, predictor, held_out, relation })
}

/// How the rows that a version learned from and those that a training holds out belong together, by the data sets that they are of.
async fn relation(context: &RunContext<'_>, version: &Version) -> Result<Relation, JobError> {
    let (train, validation) = context.job.record.data.datasets();
    let (Some(ours), Some(theirs)) = (validation.or(train), version.facts.trained_on.dataset) else {
        return Ok(Relation::Related);
    };
    let datasets = context.datasets;
    if datasets.begins_with(ours, theirs).await? || datasets.begins_with(theirs, ours).await? {
        return Ok(Relation::Related);
    }
    // One that comes of other versions may have learned from further data sets.
    let job = match version.facts.job_id {
        Some(id) => context.storage.catalog.job(id).await?,
        None => None,
    };
    let config = job.as_ref().map(JobRecord::from_row).transpose()?.map(|record| record.config);
    let is_first = config.is_some_and(|config| !config.warm_start && config.distill.is_none());
    Ok(if is_first { Relation::Apart } else { Relation::Unknown })
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
