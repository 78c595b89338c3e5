//! What the columns of a data set become before the first epoch: rows to train on and rows held out, encoded.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use bytesize::ByteSize;
use ndarray::{Array2, Axis};

use super::binning::{Looked, with_bins_if_they_pay};
use super::context::RunContext;
use super::held_out::{Choice, HeldOut};
use super::tables::TrainingTables;
use super::target_scale::Trial;
use super::unpublished::{Halt, Stopped};
use crate::data::column::{Column, ColumnType, Table};
use crate::data::encoder::Histogram;
use crate::data::encoder::{EncodeError, Encoder, Known, LeftOut, Target, rows_with};
use crate::data::profile::IDENTIFIER_COLUMN;
use crate::data::profile::{ColumnProfile, Finding, TableProfile};
use crate::data::row_weights::weights_of;
use crate::data::split::Split;
use crate::data::target_findings::about_target;
use crate::jobs::error::JobError;
use crate::jobs::training::Training;
use crate::learning::examples::{Examples, Targets};
use crate::learning::members::{Member, Members, member_seed};
use crate::learning::network::Network;
use crate::learning::row_weights::normalised;
use crate::learning::spec::{Parametrization, ValidModelSpec};
use crate::learning::split::SplitUsed;
use crate::learning::training::{Classes, ValidTrainingSpec};
use crate::memory::{Charge, Refused};
use crate::models::ModelError;
use crate::models::explanation::background_places;
use crate::models::scoring::Truth;
use crate::models::table::{TableParts, TableSpec};
use crate::wording::Shown;

/// A training of a model by data set, ready for the first epoch.
pub(super) struct Prepared {
    pub(super) training: Training,
    /// With initial parameters as the model's specification draws them.
    pub(super) members: Members,
    pub(super) parts: TableParts,
    /// The target of the rows to measure on.
    pub(super) truth: Truth,
    /// How the rows held out were chosen.
    pub(super) split: Option<SplitUsed>,
    /// What is worth knowing about the data.
    pub(super) findings: Vec<Finding>,
    /// The rows to measure on, by their places in their table; none if none were held out.
    pub(super) measured: Vec<usize>,
}

/// Splits the rows, fits the encoder on those to train on (unless `base`, the version that a warm start goes on from,
/// brings one), and encodes all, once the job's memory has room for that. `go_on` is asked before each column.
///
/// # Errors
/// `Unfit`: the data cannot be learned from. `TooLarge`, or that there is no room at the moment. That the job is to stop.
pub(super) fn prepare(
    model: &TableSpec,
    settings: &ValidTrainingSpec,
    data: TrainingTables,
    base: Option<&Encoder>,
    context: &RunContext,
    go_on: &dyn Fn() -> bool,
) -> Result<Prepared, Halt> {
    let chosen = {
        let target = column(&data.table, &model.target)?;
        let rows = counted(target, data.weights.as_ref())?;
        Choice { model, settings, data: &data, target, rows: &rows }.held_out(go_on)?
    };
    let HeldOut { split: Split { train, validation: held_out }, folds, rule, used, findings: of_split } = chosen;
    let train = if folds.is_empty() { train } else { [held_out.clone(), train].concat() };
    let TrainingTables { table, beside, profile, validation, weights, validation_weights, .. } = data;
    drop(beside);
    let target = column(&table, &model.target)?;
    let encoder = match base {
        Some(encoder) => encoder.clone(),
        None => {
            let plain = fitted(model, &table, &train, &profile, go_on)?;
            let rows = Looked { table: &table, target, weights: weights.as_ref(), held_out: &held_out, folds: &folds };
            with_bins_if_they_pay(plain, model, settings, &rows, &train, context)?
        }
    };
    let mut encoder = encoder.with_weights(model.weights.as_deref());
    let encoded = train.len() + validation.as_ref().map_or(held_out.len(), |other| other.rows);
    let read = table.bytes() + validation.as_ref().map_or(0, Table::bytes);
    take(context.memory, (encoded * encoder.width() * size_of::<f32>()).saturating_add(read) as u64)?;
    let changed = if base.is_none() { types_changed(model, &profile) } else { Vec::new() };
    let about = about_target(&table, &model.target, model.task, &train);
    let of_columns = [concerning(&profile, model), left_out(&encoder, &profile), changed, of_weights(model, &profile)];
    let findings = [about, of_split].into_iter().chain(of_columns).flatten().collect();
    let network = model.network(&encoder)?;
    let histograms = Histogram::of_features(&encoder, &table, &train)?;
    let encoding = Encoding { encoder: &encoder, go_on };
    let examples = encoding.examples(&table, target, weights.as_ref(), &train)?;
    let members = initial(&network, settings.networks(), &encoder, &examples);
    let mut examples = weighted(examples, settings, &encoder);
    let values = match Truth::of_rows(&encoder, target, &train)? {
        Truth::Values(values) => values,
        Truth::Labels(_) => Vec::new(),
    };
    let spec = if base.is_some() { model.clone() } else { model.as_learned(&encoder, &profile) };
    let (mut validation, truth, measured) = match validation {
        Some(other) => {
            drop(table);
            apart(&encoding, &other, validation_weights.as_ref(), &model.target)?
        }
        None => of_table(&encoding, &table, target, weights.as_ref(), &train, held_out)?,
    };
    let (train, held_out) = (&mut examples, &mut validation);
    let RunContext { job, cores, .. } = context;
    let trial =
        Trial { settings, members: &members, train, validation: held_out, folds: &folds, truth: &truth, job, cores };
    encoder.target = trial.settle(&encoder.target, &values)?;
    let background = background(&examples);
    let training = Training { settings: settings.clone(), train: examples, validation, folds };
    let parts = TableParts {
        spec,
        encoder,
        calibration: None,
        conformal: None,
        importance: Vec::new(),
        histograms,
        answers: None,
        rule,
        background: Some(background),
    };
    Ok(Prepared { training, members, parts, truth, split: used, findings, measured })
}

/// So many networks with parameters to begin with: drawn as their specification says, each with a seed of its own, and by the rows
/// to train on.
pub(super) fn initial(spec: &ValidModelSpec, count: usize, encoder: &Encoder, train: &Examples) -> Members {
    let bins = encoder.embedded_bins();
    let member = |index: usize| {
        let seed = member_seed(spec.seed, index);
        let mut network = Network::new(Arc::new(ValidModelSpec { seed, ..spec.clone() }));
        bins.iter().for_each(|place| network.clear_embedding(*place));
        if spec.parametrization == Parametrization::Ntk {
            network.initialise_by(train.inputs().view());
        }
        start_from_shares(&mut network, &encoder.target, train);
        Member { network, weight: 1.0 }
    };
    Members::new((0..count).map(member).collect()).expect("networks of one specification answer alike")
}

/// The training rows that explanations begin at.
fn background(examples: &Examples) -> Array2<f32> {
    examples.inputs().select(Axis(0), &background_places(examples.rows(), examples.inputs().ncols()))
}

/// The encoder of the rows to train on.
fn fitted(
    model: &TableSpec,
    table: &Table,
    train: &[usize],
    profile: &TableProfile,
    go_on: &dyn Fn() -> bool,
) -> Result<Encoder, Halt> {
    let known = Known::of(profile, &model.features, model.features_chosen);
    let fitted = Encoder::fit_unless(table, &model.target, model.task, train, &known, go_on)?;
    Ok(fitted.ok_or(Stopped)?)
}

/// The rows held out, encoded, and what to measure on: their target and places, or the target of the rows to train on where none
/// are held out.
fn of_table(
    encoding: &Encoding,
    table: &Table,
    target: &Column,
    weights: Option<&Column>,
    train: &[usize],
    held_out: Vec<usize>,
) -> Result<(Option<Examples>, Truth, Vec<usize>), Halt> {
    if held_out.is_empty() {
        return Ok((None, Truth::of_rows(encoding.encoder, target, train)?, held_out));
    }
    let examples = encoding.examples(table, target, weights, &held_out)?;
    Ok((Some(examples), Truth::of_rows(encoding.encoder, target, &held_out)?, held_out))
}

/// The rows of a table of its own to validate on, their target, and their places.
fn apart(
    encoding: &Encoding,
    other: &Table,
    weights: Option<&Column>,
    target: &str,
) -> Result<(Option<Examples>, Truth, Vec<usize>), Halt> {
    let encoder = encoding.encoder;
    let target = column(other, target)?.of_kind(encoder.target.kind(), encoder.target_writing.reading())?;
    let rows = counted(&target, weights)?;
    Ok((Some(encoding.examples(other, &target, weights, &rows)?), Truth::of_rows(encoder, &target, &rows)?, rows))
}

/// Takes memory for what is about to be encoded, where the estimate was less. Where others hold it, this job gives up all that
/// it has: two that wait for each other would wait for good.
pub(super) fn take(memory: &Charge, bytes: u64) -> Result<(), JobError> {
    let limit = |limit: u64| ByteSize::b(limit).to_string();
    memory.cover(bytes).map_err(|refused| match refused {
        Refused::Never { limit: most } => JobError::TooLarge { needed: limit(bytes), limit: limit(most) },
        Refused::Now => {
            memory.shrink(u64::MAX);
            ModelError::MemoryFull { limit: limit(bytes) }.into()
        }
    })
}

/// An encoder at work.
pub(super) struct Encoding<'a> {
    pub(super) encoder: &'a Encoder,
    pub(super) go_on: &'a dyn Fn() -> bool,
}

impl Encoding<'_> {
    /// The rows named, encoded, with their targets and weights.
    pub(super) fn examples(
        &self,
        table: &Table,
        target: &Column,
        weights: Option<&Column>,
        rows: &[usize],
    ) -> Result<Examples, Halt> {
        let inputs = self.encoder.inputs_of(table, rows, self.go_on)?.ok_or(Stopped)?;
        let examples = Examples::new(inputs, targets(self.encoder, target, rows)?);
        Ok(match weights {
            None => examples,
            Some(column) => examples.with_weights(normalised(&weights_of(column, rows.iter().copied())?)),
        })
    }
}

/// Lets a classifier start from the classes' shares of the training rows: the output's biases are their log-odds.
fn start_from_shares(network: &mut Network, target: &Target, train: &Examples) {
    let Target::Classification { counts, .. } = target else { return };
    let counts: Vec<f32> = match train.class_weights(counts.len()) {
        None => counts.iter().map(|count| *count as f32).collect(),
        Some(sums) => sums.into_iter().map(|sum| sum as f32).collect(),
    };
    let logs: Vec<f32> = counts.iter().map(|count| count.max(0.5).ln()).collect();
    let parameters = network.parameters_mut();
    let mean = logs.iter().sum::<f32>() / logs.len() as f32;
    match logs.as_slice() {
        // One output: the odds of the second class.
        [first, second] => parameters[parameters.len() - 1] = second - first,
        logs => {
            let start = parameters.len() - logs.len();
            parameters[start..].iter_mut().zip(logs).for_each(|(bias, log)| *bias = log - mean);
        }
    }
}

/// The rows that have a target and weigh something: the others are as if they were not there.
fn counted(target: &Column, weights: Option<&Column>) -> Result<Vec<usize>, EncodeError> {
    let mut rows = rows_with(target);
    let none = |reason: &str| EncodeError::Target { name: target.name.clone(), reason: reason.into() };
    if rows.is_empty() {
        return Err(none("has no value in any row"));
    }
    if let Some(column) = weights {
        let weights = weights_of(column, 0..column.values.len())?;
        rows.retain(|row| weights[*row] > 0.0);
    }
    if rows.is_empty() { Err(none("has no value in any row with a weight above 0")) } else { Ok(rows) }
}

fn column<'a>(table: &'a Table, name: &str) -> Result<&'a Column, EncodeError> {
    table.column(name).ok_or_else(|| EncodeError::NoColumn(name.to_owned()))
}

/// The findings about the data set that are about something the model uses.
fn concerning(profile: &TableProfile, model: &TableSpec) -> Vec<Finding> {
    let used: HashSet<&str> = model.features.iter().chain([&model.target]).map(String::as_str).collect();
    // Columns that are left out have a finding with the reason: see `left_out`.
    let told = |finding: &&Finding| ["constant_column", "identifier_column"].contains(&finding.code.as_str());
    let concerns = |finding: &&Finding| finding.column.as_ref().is_none_or(|name| used.contains(name.as_str()));
    profile.findings.iter().filter(|finding| !told(finding) && concerns(finding)).cloned().collect()
}

/// A finding for each column whose type differs from that in the data set that the model was made for. Not for a warm start,
/// which keeps the types of its version.
fn types_changed(model: &TableSpec, profile: &TableProfile) -> Vec<Finding> {
    let by_name: HashMap<&str, ColumnType> =
        profile.columns.iter().map(|column| (column.name.as_str(), column.kind)).collect();
    let before = model.features.iter().chain([&model.target]).zip(&model.types);
    let changed = before.filter_map(|(name, before)| Some((name, *before, *by_name.get(name.as_str())?)));
    let finding = |(name, before, now): (&String, ColumnType, ColumnType)| {
        let (before, now) = (before.word(), now.word());
        let message = format!(
            "column {name:?} was {before} in the data set that the model was made for and is {now} in this one: the new \
             version takes it for {now}. If it should be {before}, mend the cells that are not, or give its type in `types` \
             when the data set is stored."
        );
        Finding { code: "column_type_changed".to_owned(), message, column: Some(name.clone()) }
    };
    changed.filter(|(_, before, now)| before != now).map(finding).collect()
}

/// A finding where weights weigh nothing up.
fn of_weights(model: &TableSpec, profile: &TableProfile) -> Vec<Finding> {
    let column = model.weights.as_ref().and_then(|name| profile.column(name)).filter(|column| column.distinct == 1);
    let finding = |column: &ColumnProfile| {
        let name = Shown(&column.name);
        let message = format!("column {name} has the same weight for every row: all count alike, as without `weights`");
        Finding { code: "constant_weights".to_owned(), message, column: Some(column.name.clone()) }
    };
    column.map(finding).into_iter().collect()
}

fn left_out(encoder: &Encoder, profile: &TableProfile) -> Vec<Finding> {
    let identifiers = profile.identifiers();
    let finding = |left: &LeftOut| {
        let code = match identifiers.contains(left.name.as_str()) {
            true => IDENTIFIER_COLUMN,
            false => left.reason.code(),
        };
        let (clause, advice) = (left.reason.clause(), left.reason.advice());
        let message = format!("column {} {clause}: it is left out. {advice}", Shown(&left.name));
        Finding { code: code.to_owned(), message, column: Some(left.name.clone()) }
    };
    encoder.left_out.iter().map(finding).collect()
}

fn targets(encoder: &Encoder, target: &Column, rows: &[usize]) -> Result<Targets, EncodeError> {
    match encoder.target.classes().len() {
        0 => {
            let values = encoder.target.standardised(target, rows)?;
            Ok(Targets::Values(as_column(values)))
        }
        2 => {
            let labels = encoder.target.labels(target, rows)?;
            Ok(Targets::Values(as_column(labels.into_iter().map(|label| label as f32).collect())))
        }
        _ => Ok(Targets::Classes(encoder.target.labels(target, rows)?)),
    }
}

fn as_column(values: Vec<f32>) -> ndarray::Array2<f32> {
    ndarray::Array2::from_shape_vec((values.len(), 1), values).expect("one column")
}

pub(super) fn weighted(examples: Examples, settings: &ValidTrainingSpec, encoder: &Encoder) -> Examples {
    match &settings.class_weight {
        None => examples,
        Some(weights) => {
            let classes = Classes::Named(encoder.target.classes());
            let row_weights = weights.row_weights(&examples.targets().labels(), classes, examples.weights());
            examples.with_loss_weights(row_weights)
        }
    }
}
