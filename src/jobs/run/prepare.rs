//! What the columns of a data set become before the first epoch: rows to train on and rows held out, encoded.

use ndarray::{Array2, Axis};

use super::base::TakenOver;
use super::binning::{Looked, with_bins_if_they_pay};
use super::column_findings::about_columns;
use super::context::RunContext;
use super::encoded::{Encoding, take, weighted};
use super::held_out::{Choice, HeldOut};
use super::initial::initial;
use super::tables::TrainingTables;
use super::target_scale;
use super::unpublished::{Halt, Stopped};
use crate::data::column::{Column, ColumnType, Table, Values};
use crate::data::encoder::{EncodeError, Encoder, Histogram, Known, Task, rows_with};
use crate::data::profile::{Finding, TableProfile};
use crate::data::row_weights::weights_of;
use crate::data::split::{Rule, Split, latest};
use crate::data::target_findings::{CLASS_IMBALANCE, FEW_TARGET_VALUES, TARGET_OUTLIERS, about_target};
use crate::jobs::training::Training;
use crate::learning::examples::Examples;
use crate::learning::loss::Loss;
use crate::learning::members::Members;
use crate::learning::split::SplitUsed;
use crate::learning::training::ValidTrainingSpec;
use crate::models::explanation::background_places;
use crate::models::scoring::Truth;
use crate::models::table::{TableParts, TableSpec};
use crate::storage::tensors::{MAX_INDEX, index_bytes};

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

/// Splits the rows, fits the encoder on those to train on (unless one is `taken` over from the version that a warm start goes on from
/// or that is distilled), and encodes all, once the job's memory has room for that.
///
/// # Errors
/// `Unfit`: the data cannot be learned from. `TooLarge`, or that there is no room at the moment. That the job is to stop.
pub(super) fn prepare(
    model: &TableSpec,
    settings: &ValidTrainingSpec,
    data: TrainingTables,
    taken: TakenOver,
    context: &RunContext,
) -> Result<Prepared, Halt> {
    let go_on: &dyn Fn() -> bool = &|| context.goes_on();
    let HeldOut { split, folds, rule, used, findings: of_split } = chosen(model, settings, &data, taken.rule, go_on)?;
    let Split { train, validation: held_out } = split;
    let by_age = by_age(model, rule.as_ref(), &data, [&train, &held_out]);
    let train = if folds.is_empty() { train } else { [held_out.clone(), train].concat() };
    let TrainingTables { mut table, beside, profile, validation, weights, validation_weights, .. } = data;
    drop(beside);
    let target = column(&table, &model.target)?;
    let looked = Looked { table: &table, target, weights: weights.as_ref(), held_out: &held_out, folds: &folds };
    let encoder = encoder(model, settings, taken.encoder, &profile, &looked, &train, context)?;
    let mut encoder = knowing_all(encoder, model, &looked, by_age)?;
    let encoded = train.len() + validation.as_ref().map_or(held_out.len(), |other| other.rows);
    let read = table.bytes() + validation.as_ref().map_or(0, Table::bytes);
    take(context.memory, (encoded * encoder.width() * size_of::<f32>()).saturating_add(read) as u64)?;
    let about = about_the_target(model, settings, &table, &train);
    let of_columns = about_columns(&encoder, model, &profile, taken.encoder.is_none(), &about);
    let findings = about.into_iter().chain(of_split).chain(of_columns).collect();
    let network = model.network(&encoder)?;
    let histograms = Histogram::of_features(&encoder, &table, &train)?;
    let encoding = Encoding { encoder: &encoder, go_on };
    let examples = encoding.examples(&table, target, weights.as_ref(), &train)?;
    let members = initial(&network, settings.networks(), &encoder, &examples);
    let mut examples = weighted(examples, settings, &encoder);
    let values = values(&encoder, target, &train)?;
    let spec = if taken.encoder.is_some() { model.clone() } else { model.as_learned(&encoder, &profile) };
    let (mut validation, truth, measured) = match validation {
        Some(other) => {
            drop(table);
            apart(&encoding, &other, validation_weights.as_ref(), &model.target)?
        }
        None => {
            if rule.as_ref().and_then(Rule::by_the_first).is_some() {
                hide_new_words(&mut table, &model.target, &train[held_out.len()..], &held_out);
            }
            let target = column(&table, &model.target)?;
            of_table(&encoding, &table, target, weights.as_ref(), &train, held_out)?
        }
    };
    let scale = target_scale::Choice {
        settings,
        members: &members,
        train: &mut examples,
        validation: &mut validation,
        folds: &folds,
        truth: &truth,
        job: context.job,
        cores: context.cores,
    };
    encoder.target = scale.settle(&encoder.target, &values)?;
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

/// The rows to train on and those held out, among those that count.
fn chosen(
    model: &TableSpec,
    settings: &ValidTrainingSpec,
    data: &TrainingTables,
    before: Option<&Rule>,
    go_on: &dyn Fn() -> bool,
) -> Result<HeldOut, Halt> {
    let target = column(&data.table, &model.target)?;
    let rows = counted(target, data.weights.as_ref())?;
    Choice { model, settings, data, target, rows: &rows, before }.held_out(go_on)
}

/// The rows of a regression but for the latest, and these: by place where they are held out by that, else by the column of times
/// that they are held out by, or the first one; none without.
fn by_age(
    model: &TableSpec,
    rule: Option<&Rule>,
    data: &TrainingTables,
    [train, held_out]: [&[usize]; 2],
) -> Option<[Vec<usize>; 2]> {
    /// Of all rows so many are the latest.
    const LATEST: f64 = 0.2;
    let named = match rule {
        _ if model.task == Task::Classification => return None,
        Some(Rule::Order { .. }) => return Some([train.to_vec(), held_out.to_vec()]),
        Some(Rule::Time { column, .. }) => Some(column),
        _ => None,
    };
    let is_it = |column: &&Column| match named {
        Some(name) => column.name == *name,
        None => column.kind == ColumnType::Datetime && column.name != model.target,
    };
    let column = data.table.columns.iter().chain(&data.beside.columns).find(is_it)?;
    let Values::Datetime(times) = &column.values else { return None };
    let rows = [held_out, train].concat();
    let found = latest(&rows.iter().map(|row| times[*row]).collect::<Vec<_>>(), LATEST)?;
    Some([found.split.train, found.split.validation].map(|places| places.into_iter().map(|at| rows[at]).collect()))
}

/// The encoder that is taken over, of a target that is also that of the rows to train on; or one that is fitted on these, with bins
/// where they pay.
fn encoder(
    model: &TableSpec,
    settings: &ValidTrainingSpec,
    taken: Option<&Encoder>,
    profile: &TableProfile,
    rows: &Looked,
    train: &[usize],
    context: &RunContext,
) -> Result<Encoder, Halt> {
    if let Some(encoder) = taken {
        return Ok(Encoder { target: encoder.target.also_of(rows.target, train), ..encoder.clone() });
    }
    let known = Known::of(profile, &model.features, model.features_chosen);
    let go_on = || context.goes_on();
    let plain = Encoder::fit_unless(rows.table, &model.target, model.task, train, &known, &go_on)?.ok_or(Stopped)?;
    let plain = match model.loss {
        Some(Loss::Poisson) => Encoder { target: plain.target.as_rate()?, ..plain },
        _ => plain,
    };
    with_bins_if_they_pay(plain, model, settings, rows, train, context)
}

/// The encoder with what it is to know beyond its rows: the column of weights, and the range and the course of the target.
fn knowing_all(
    encoder: Encoder,
    model: &TableSpec,
    rows: &Looked,
    by_age: Option<[Vec<usize>; 2]>,
) -> Result<Encoder, EncodeError> {
    let mut encoder = encoder.with_weights(model.weights.as_deref());
    // What is held out has happened as well: the latest rows of a target that grows are the largest.
    encoder.target.take_in(rows.target, rows.held_out);
    if let Some([earlier, latest]) = by_age {
        encoder.target.follow(rows.target, &earlier, &latest);
    }
    fits_a_file(&encoder)?;
    Ok(encoder)
}

/// What is worth knowing about the target, but for what the request has taken care of.
fn about_the_target(model: &TableSpec, settings: &ValidTrainingSpec, table: &Table, train: &[usize]) -> Vec<Finding> {
    let mut about = about_target(table, &model.target, model.task, train);
    about.retain(|finding| match finding.code.as_str() {
        // Who weighs classes knows that they are not alike.
        CLASS_IMBALANCE => settings.class_weight.is_none(),
        // Who names another loss than the squared error has thought of both: that they are counts, and that few are large.
        FEW_TARGET_VALUES | TARGET_OUTLIERS => model.minimises_its_measure(),
        _ => true,
    });
    about
}

/// The values of a regression's target in the rows named; none of a classification.
fn values(encoder: &Encoder, target: &Column, rows: &[usize]) -> Result<Vec<f64>, EncodeError> {
    match Truth::of_rows(encoder, target, rows)? {
        Truth::Values(values) => Ok(values),
        Truth::Labels(_) => Ok(Vec::new()),
    }
}

/// Whether a version's file has room for what the encoder keeps of its columns, and for their names where other parts of the
/// version have them: no epoch is to be in vain.
fn fits_a_file(encoder: &Encoder) -> Result<(), EncodeError> {
    /// The table's description, the importance of the columns, and what is told of them.
    const FURTHER_TIMES: u64 = 3;
    let names: u64 = encoder.features.iter().map(|feature| index_bytes(&feature.name)).sum();
    let bytes = index_bytes(encoder) + FURTHER_TIMES * names;
    if bytes <= MAX_INDEX { Ok(()) } else { Err(EncodeError::TooManyWords { bytes, most: MAX_INDEX }) }
}

/// Lets rows that one network alone holds out have no word that it has not learned: words that came up since are as new to it as
/// those of tomorrow, although other networks have learned them. Of texts, whose new words start at 0, there is nothing to hide.
fn hide_new_words(table: &mut Table, target: &str, earlier: &[usize], held_out: &[usize]) {
    let of_words = |column: &&mut Column| column.name != target && column.kind == ColumnType::Categorical;
    for column in table.columns.iter_mut().filter(of_words) {
        if let Values::Words(words) = &mut column.values {
            words.hide_new(earlier, held_out);
        }
    }
}

/// The training rows that explanations begin at.
fn background(examples: &Examples) -> Array2<f32> {
    examples.inputs().select(Axis(0), &background_places(examples.rows(), examples.inputs().ncols()))
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
