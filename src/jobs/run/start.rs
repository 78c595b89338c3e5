//! What a training starts from: its rows, its network, its last checkpoint.

use bytes::Bytes;

use super::base::{Base, TakenOver, is_of_base, networks};
use super::checkpoint::Checkpoint;
use super::context::RunContext;
use super::dataset_findings::about_dataset;
use super::distillation::answers;
use super::finish::TableStart;
use super::learned::Learned;
use super::origin::Origin;
use super::prepare::{Prepared, prepare};
use super::stored::{Data, Stored};
use super::tables::TrainingTables;
use super::unpublished::Halt;
use crate::data::profile::Finding;
use crate::data::split::HeldOut;
use crate::jobs::candidate::largest;
use crate::jobs::footprint::Footprint;
use crate::jobs::job::Job;
use crate::jobs::rows;
use crate::jobs::training::{Training, held_out_rule};
use crate::learning::examples::{Examples, Targets};
use crate::learning::members::Members;
use crate::learning::network::Network;
use crate::learning::split::SplitUsed;
use crate::learning::training::ValidTrainingSpec;
use crate::models::Model;
use crate::models::table::TableSpec;
use crate::models::version::TrainedOn;
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

impl Start {
    /// Reads what the training starts from, with its last checkpoint if it may `resume`, and writes down that it starts.
    ///
    /// # Errors
    /// `Storage`; `Unfit` if the data cannot be learned from; that the job is to stop.
    pub(super) fn read(context: &RunContext, resume: bool) -> Result<Self, Halt> {
        let Stored { data, base, checkpoint } =
            context.in_phase(Phase::Load, || context.read(Stored::read(context, resume)))??;
        context.job.control.set_goes_on(checkpoint.is_some());
        context.job.progress.start(checkpoint.as_ref().map(|checkpoint| checkpoint.reached.clone()));
        let start = match data {
            Data::Rows { model, file, initial } => Start::of_rows(context, &model, &file, initial, base)?,
            Data::Table { model, spec, tables } => Start::of_table(context, &model, &spec, tables, base)?,
        };
        Ok(Start { checkpoint, ..start })
    }

    /// Of a model by layer sizes.
    fn of_rows(
        context: &RunContext,
        model: &Model,
        file: &Bytes,
        initial: Option<Members>,
        base: Option<Base>,
    ) -> Result<Self, Halt> {
        let (spec, config) = (model.layers()?, &context.job.record.config);
        let name = || format!("the rows of job {}", context.job.record.id);
        let decoded = context.in_phase(Phase::Fit, || rows::decode(file, ValidTrainingSpec::clone(config), spec));
        let training = decoded.map_err(|error| StorageError::damaged(name(), error))?;
        // What a checkpoint brings takes the place of whatever the network starts with.
        let nothing = || Network::with_parameters(spec.clone(), vec![0.0; spec.parameter_count()]).into();
        let of_base = || base.as_ref().map(|base| base.predictor.members().clone());
        let members = initial.or_else(of_base).unwrap_or_else(nothing);
        let rows = Some(training.train.rows() as u64);
        let held_out = held_out_rule(&training, spec);
        let origin = base.as_ref().map(|base| origin(base, held_out.as_ref(), false));
        let known = origin.filter(Origin::may_know_rows_held_out).zip(training.validation.as_ref());
        let findings = known.map(|(origin, rows)| origin.flatters(rows.rows())).into_iter().collect();
        let held_out = held_out.filter(|rule| is_of_base(base.as_ref(), rule));
        let trained_on = TrainedOn { rows, held_out, ..TrainedOn::default() };
        let (checkpoint, table, split, answers) = (None, None, None, None);
        Ok(Start { training, members, checkpoint, table, trained_on, split, findings, answers })
    }

    /// Of a model by data set.
    fn of_table(
        context: &RunContext,
        model: &TableSpec,
        spec: &TableSpec,
        tables: TrainingTables,
        base: Option<Base>,
    ) -> Result<Self, Halt> {
        let config = &context.job.record.config;
        let of_base = base.as_ref().and_then(|base| base.predictor.table().ok());
        let go_on = || context.goes_on();
        let about_dataset = about_dataset(context, model, &tables)?;
        let goes_on = base.as_ref().filter(|_| config.warm_start);
        let networks = goes_on.map(|base| networks(base.predictor.members()));
        let members = networks.as_ref().map(|members| members.list().len());
        let rule = goes_on.zip(members).and_then(|(base, members)| base.rule(members));
        let taken = TakenOver { encoder: of_base.map(|table| &table.parts.encoder), rule };
        let members = members.map(|members| members as u64).or(config.members);
        let config = ValidTrainingSpec { members, ..ValidTrainingSpec::clone(config) };
        let fit = || prepare(spec, &config, tables, taken, context);
        let prepared = context.in_phase(Phase::Fit, fit)?;
        let Prepared { training, members, mut parts, truth, split, mut findings, measured } = prepared;
        findings.extend(about_dataset);
        let mut trained_on = trained_on(context.job, model, &parts.spec, &training);
        let is_distilled = config.distill.is_some();
        let distilled = of_base.filter(|_| is_distilled);
        let answers = distilled.map(|version| answers(version, &training.train, &go_on)).transpose()?;
        let held_out = trained_on.held_out.clone().or_else(|| parts.rule.clone().map(HeldOut::By));
        let origin = base.as_ref().map(|base| origin(base, held_out.as_ref(), is_distilled));
        let is_known = origin.as_ref().is_some_and(|origin| is_distilled && origin.may_know_rows_held_out());
        if is_known || held_out.is_some_and(|held_out| !is_of_base(goes_on, &held_out)) {
            (parts.rule, trained_on.held_out) = (None, None);
        }
        let members = networks.unwrap_or(members);
        let (checkpoint, table) = (None, Some(TableStart { parts, truth, measured, split: split.clone(), origin }));
        let start = Start { training, members, checkpoint, table, trained_on, split, findings, answers };
        context.memory.settle(start.bytes() as u64);
        Ok(start)
    }

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

/// What the measures of a version owe to the one that it is based on, where the rows held out now are `held_out`.
fn origin(base: &Base, held_out: Option<&HeldOut>, is_distilled: bool) -> Origin {
    let parts = base.predictor.table().ok().map(|table| table.parts);
    Origin {
        version: base.number,
        learned: Learned::of(base.held_out.as_ref(), base.relation, held_out),
        is_distilled,
        calibration: parts.filter(|_| !is_distilled).and_then(|parts| parts.calibration),
        conformal: parts.and_then(|parts| parts.conformal.clone()),
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
