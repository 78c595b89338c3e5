//! A training of a model by data set: its settings, and what its columns become before the first epoch.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use uuid::Uuid;

use super::error::JobError;
use super::request::Training;
use crate::data::column::{Column, ColumnType, Table};
use crate::data::encoder::{EncodeError, Encoder, Known, Target, Task, rows_with};
use crate::data::findings::IDENTIFIER_COLUMN;
use crate::data::histogram::Histogram;
use crate::data::profile::{Finding, TableProfile};
use crate::data::split::split;
use crate::data::target_findings::about_target;
use crate::datasets::Dataset;
use crate::learning::error::SpecError;
use crate::learning::examples::{Examples, Targets};
use crate::learning::network::Network;
use crate::learning::optimizer::Optimizer;
use crate::learning::random::{Purpose, generator};
use crate::learning::schedule::Schedule;
use crate::learning::stopping::EarlyStopping;
use crate::learning::trainer::Trainer;
use crate::learning::training::{BatchSize, Classes, TrainingSpec, ValidTrainingSpec};
use crate::models::scoring::Truth;
use crate::models::table::{TableParts, TableSpec};

/// A checked training of a model by data set.
#[derive(Clone, Debug)]
pub struct TableTraining {
    /// The settings, every default filled in.
    pub settings: ValidTrainingSpec,
    /// The data set to train on.
    pub dataset: Uuid,
    /// The data set to validate on, in place of a split.
    pub validation: Option<Uuid>,
    /// Rows to train on.
    pub rows: usize,
    /// Memory that the training needs, about.
    pub bytes: usize,
}

impl TableTraining {
    /// Checks settings for a training of `model` on `dataset`.
    ///
    /// # Errors
    /// The first setting that is out of range or does not go with the model; a column that a data set lacks.
    pub fn check(
        model: &TableSpec,
        settings: TrainingSpec,
        dataset: &Dataset,
        validation: Option<&Dataset>,
    ) -> Result<Self, JobError> {
        for (set, pointer) in [Some(dataset), validation].into_iter().flatten().zip(["/dataset", "/validation/dataset"])
        {
            require_columns(model, set, pointer)?;
        }
        if validation.is_some() && settings.validation_split.is_some() {
            let detail = "give either `validation` or `validation_split`, not both";
            return Err(SpecError::invalid("/validation", detail).into());
        }
        let rows = dataset.rows();
        let missing = dataset.profile.column(&model.target).map_or(0, |column| column.missing as usize);
        let settings = with_defaults(settings, rows, validation.is_some());
        let classes = if model.classes.is_empty() { Classes::None } else { Classes::Named(&model.classes) };
        let settings = settings.check(model.seed, classes)?;
        let all_rows = rows + validation.map_or(0, Dataset::rows);
        let network = model.shape_on(&dataset.profile)?;
        let words = word_bytes(model, settings.warm_start, dataset, validation);
        let of_network = Trainer::bytes(&network, &settings, rows) + Trainer::snapshot_bytes(&network, &settings, rows);
        let bytes = model.data_bytes(&dataset.profile, all_rows).saturating_add(words).saturating_add(of_network);
        let rows = rows_to_train_on(rows - missing.min(rows), settings.validation_split);
        Ok(TableTraining { settings, dataset: dataset.id, validation: validation.map(|set| set.id), rows, bytes })
    }
}

/// Memory of the words that a training reads. Text is left out of it, unless a warm start goes on from a version to which
/// the column was something else.
fn word_bytes(model: &TableSpec, warm_start: bool, dataset: &Dataset, validation: Option<&Dataset>) -> usize {
    let texts = dataset.profile.columns.iter().filter(|column| !warm_start && column.kind == ColumnType::Text);
    let not_read: HashSet<&str> = texts.map(|column| column.name.as_str()).collect();
    let sets = [Some(dataset), validation].into_iter().flatten();
    sets.fold(0, |sum: usize, set| sum.saturating_add(model.word_bytes(&set.profile, &not_read)))
}

fn require_columns(model: &TableSpec, dataset: &Dataset, pointer: &str) -> Result<(), SpecError> {
    let known = dataset.profile.names();
    let mut needed = model.features.iter().chain([&model.target]);
    match needed.find(|name| !known.contains(name.as_str())) {
        None => Ok(()),
        Some(name) => {
            let detail = format!("data set {:?} has no column {name:?}, which the model needs", dataset.title());
            Err(SpecError::invalid(pointer, detail))
        }
    }
}

/// The settings that suit `rows` rows, where the client chose none.
fn with_defaults(settings: TrainingSpec, rows: usize, validated: bool) -> TrainingSpec {
    let batch_size = match rows {
        0..1_000 => 32,
        1_000..8_000 => 64,
        8_000..30_000 => 128,
        _ => 256,
    };
    let epochs = (3_000_000 / rows.max(1)).clamp(30, 200) as u64;
    let plain = settings.learning_rate_schedule.is_none() && settings.optimizer.is_none();
    let split = if validated { 0.0 } else { held_out_share(rows) };
    TrainingSpec {
        epochs: settings.epochs.or(Some(epochs)),
        batch_size: settings.batch_size.or(Some(BatchSize::Rows(batch_size))),
        optimizer: settings.optimizer.or(Some(Optimizer::adamw())),
        learning_rate: settings.learning_rate.or(plain.then_some(2e-3)),
        learning_rate_schedule: settings.learning_rate_schedule.or(Some(Schedule::cosine())),
        validation_split: settings.validation_split.or(Some(split)),
        early_stopping: settings
            .early_stopping
            .or(Some(Some(EarlyStopping { patience: 40, ..EarlyStopping::default() }))),
        ..settings
    }
}

/// Rows that are left of `rows` when a share of them is held out.
fn rows_to_train_on(rows: usize, share: f64) -> usize {
    rows - ((rows as f64 * share).round() as usize).min(rows.saturating_sub(1))
}

/// The share of rows held out: enough of them to choose an epoch by, not more than 20,000.
fn held_out_share(rows: usize) -> f64 {
    match rows {
        0..5_000 => 0.2,
        5_000..50_000 => 0.15,
        _ => (20_000.0 / rows as f64).min(0.1),
    }
}

/// A training of a model by data set, ready for the first epoch.
pub(super) struct Prepared {
    pub(super) training: Training,
    /// Drawn as its specification says.
    pub(super) network: Network,
    pub(super) parts: TableParts,
    /// The target of the rows to measure on.
    pub(super) truth: Truth,
    /// What is worth knowing about the data.
    pub(super) findings: Vec<Finding>,
}

/// The data of a training: columns of the data sets, the target's last.
pub(super) struct Data {
    pub(super) table: Table,
    pub(super) profile: Arc<TableProfile>,
    pub(super) validation: Option<Table>,
}

/// Splits the rows, fits the encoder on those to train on (unless `base`, the version that a warm start goes on from,
/// brings one), and encodes all.
///
/// # Errors
/// `Unfit`: the data cannot be learned from.
pub(super) fn prepare(
    model: &TableSpec,
    settings: &ValidTrainingSpec,
    data: Data,
    base: Option<&Encoder>,
) -> Result<Prepared, JobError> {
    let Data { table, profile, validation } = data;
    let target = column(&table, &model.target)?;
    let rows = labelled(target)?;
    let (train, held_out) = choose(model, settings, target, &rows)?;
    let known = Known::of(&profile, &model.features, model.features_chosen);
    let encoder = match base {
        Some(encoder) => encoder.clone(),
        None => Encoder::fit(&table, &model.target, model.task, &train, &known)?,
    };
    let mut findings = about_target(&table, &model.target, model.task, &train);
    findings.extend(concerning(&profile, model));
    findings.extend(left_out(&encoder, &profile));
    if base.is_none() {
        findings.extend(types_changed(model, &profile));
    }
    let mut network = Network::new(Arc::new(model.network(&encoder)?));
    start_from_shares(&mut network, &encoder.target);
    let inputs = encoder.transform(&table)?.inputs;
    let all = |table_inputs: &ndarray::Array2<f32>, target: &Column, rows: &[usize]| {
        let inputs = table_inputs.select(ndarray::Axis(0), rows);
        Ok::<_, EncodeError>(Examples::new(inputs, targets(&encoder, target, rows)?))
    };
    let examples = weighted(all(&inputs, target, &train)?, settings, &encoder);
    let (validation, truth) = match (validation, held_out.is_empty()) {
        (Some(other), _) => {
            let target = column(&other, &model.target)?.of_kind(target.kind)?.into_owned();
            let rows = labelled(&target)?;
            let inputs = encoder.transform(&other)?.inputs;
            (Some(all(&inputs, &target, &rows)?), Truth::of_rows(&encoder, &target, &rows)?)
        }
        (None, false) => (Some(all(&inputs, target, &held_out)?), Truth::of_rows(&encoder, target, &held_out)?),
        (None, true) => (None, Truth::of_rows(&encoder, target, &train)?),
    };
    let training = Training { settings: settings.clone(), train: examples, validation };
    let histograms = Histogram::of_features(&encoder, &table, &train)?;
    let spec = model.clone();
    let parts = TableParts { spec, encoder, calibration: None, scores: None, importance: Vec::new(), histograms };
    Ok(Prepared { training, network, parts, truth, findings })
}

/// Lets a classifier start from the classes' shares of the training rows: the output's biases are their log-odds.
fn start_from_shares(network: &mut Network, target: &Target) {
    let Target::Classification { counts, .. } = target else { return };
    let logs: Vec<f32> = counts.iter().map(|count| (*count as f32).max(0.5).ln()).collect();
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

/// The rows that have a target.
fn labelled(target: &Column) -> Result<Vec<usize>, EncodeError> {
    let rows = rows_with(target);
    let none = || EncodeError::Target { name: target.name.clone(), reason: "has no value in any row".into() };
    if rows.is_empty() { Err(none()) } else { Ok(rows) }
}

fn column<'a>(table: &'a Table, name: &str) -> Result<&'a Column, EncodeError> {
    table.column(name).ok_or_else(|| EncodeError::NoColumn(name.to_owned()))
}

/// Rows to train on and rows held out, of those that have a target; stratified where there are classes.
fn choose(
    model: &TableSpec,
    settings: &ValidTrainingSpec,
    target: &Column,
    rows: &[usize],
) -> Result<(Vec<usize>, Vec<usize>), JobError> {
    let share = settings.validation_split;
    if share == 0.0 || rows.len() < 2 {
        return Ok((rows.to_vec(), Vec::new()));
    }
    let labels = (model.task == Task::Classification).then(|| strata(target, rows));
    let split = split(rows.len(), share, labels.as_deref(), &mut generator(settings.seed, Purpose::Split));
    let named = |chosen: Vec<usize>| chosen.into_iter().map(|index| rows[index]).collect();
    Ok((named(split.train), named(split.validation)))
}

/// A number for each row, the same for rows of one class.
fn strata(target: &Column, rows: &[usize]) -> Vec<u32> {
    let mut known = std::collections::HashMap::new();
    let class = |row: &usize| {
        let next = known.len() as u32;
        *known.entry(target.values.text(*row)).or_insert(next)
    };
    rows.iter().map(class).collect()
}

/// The findings about the data set that are about something the model uses.
fn concerning(profile: &TableProfile, model: &TableSpec) -> Vec<Finding> {
    let used: HashSet<&str> = model.features.iter().chain([&model.target]).map(String::as_str).collect();
    // Columns that are left out are told of with the reason.
    let told = |finding: &&Finding| ["constant_column", "identifier_column"].contains(&finding.code.as_str());
    let concerns = |finding: &&Finding| finding.column.as_ref().is_none_or(|name| used.contains(name.as_str()));
    profile.findings.iter().filter(|finding| !told(finding) && concerns(finding)).cloned().collect()
}

/// Columns that have another type than in the data set that the model was made for. A warm start is not asked: it keeps
/// the types of its version.
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

fn left_out(encoder: &Encoder, profile: &TableProfile) -> Vec<Finding> {
    let identifiers = profile.identifiers();
    let finding = |left: &crate::data::encoder::LeftOut| {
        let code = match identifiers.contains(left.name.as_str()) {
            true => IDENTIFIER_COLUMN,
            false => left.reason.code(),
        };
        let message = format!("column {:?} {}: it is left out", left.name, left.reason.clause());
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

fn weighted(examples: Examples, settings: &ValidTrainingSpec, encoder: &Encoder) -> Examples {
    match &settings.class_weight {
        None => examples,
        Some(weights) => {
            let row_weights =
                weights.row_weights(&examples.targets().labels(), Classes::Named(encoder.target.classes()));
            examples.with_weights(row_weights)
        }
    }
}
