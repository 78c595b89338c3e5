//! What a training starts from: its rows, its network, its last checkpoint.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use uuid::Uuid;

use super::base::{Base, is_of_base, networks, number};
use super::checkpoint::Checkpoint;
use super::context::RunContext;
use super::distillation::{Teacher, answers};
use super::finish::TableStart;
use super::held_out::no_columns;
use super::learned::Learned;
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
use crate::jobs::record::{JobData, checkpoint_blob};
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
use crate::models::{Model, Predictor};
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
        if job.record.config.warm_start { Some(number(context, &model).await?) } else { job.record.config.distill };
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
                Some(number) => Some(Base::read(context, &model, number).await?),
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
                Some(number) => Some(Base::read(context, &model, number).await?),
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
