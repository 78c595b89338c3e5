//! A training of a model by data set: its settings checked, with defaults by its number of rows, and the memory it needs.

use uuid::Uuid;

use super::candidate::largest;
use super::defaults::{Ground, most_members};
use super::error::JobError;
use super::footprint::Footprint;
use super::run::version_bytes;
use super::speed::of_row;
use super::split_columns::beside;
use crate::data::column::ColumnType;
use crate::data::encoder::Task;
use crate::data::probe::PROBE_BYTES;
use crate::data::stored::{PAGE_ROWS, batch_rows};
use crate::datasets::Dataset;
use crate::learning::error::SpecError;
use crate::learning::split::SplitBy;
use crate::learning::training::{Classes, TargetScale, TrainingSpec, ValidTrainingSpec};
use crate::models::table::TableSpec;
use crate::models::table_size::ColumnsOf;
use crate::wording::{Shown, did_you_mean};

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
    /// Size of its version's file, about.
    pub file_bytes: usize,
    /// Multiply-adds of an epoch, about.
    pub epoch_work: f64,
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
        check_asked(model, &settings, dataset, validation)?;
        let based = settings.warm_start == Some(true) || settings.distill.is_some();
        let columns = ColumnsOf::new(model, &dataset.profile, based);
        let network = columns.network()?;
        let ground = Ground {
            task: model.task,
            network: &network,
            rows: dataset.rows(),
            uncommon: uncommon(model, dataset),
            validated: validation.is_some(),
        };
        let settings = settled(model, &ground, settings)?;
        let is_apart = validation.is_some() || settings.split.as_ref().is_some_and(SplitBy::is_at_the_end);
        check_members(&settings, is_apart)?;
        check_candidates(&settings, validation.is_some())?;
        let network = if settings.candidates > 1 { columns.network_with(&largest(model))? } else { network };
        let labelled = labelled(model, dataset);
        let train = rows_to_train_on(labelled, settings.validation_split);
        let (train, held_out) = match (settings.networks() > 1, is_apart) {
            // Each row may be trained on, and each network holds out others.
            (true, false) => (labelled, held_out_in_turn(labelled, &settings)),
            // By all networks but the first, unless other rows are measured on.
            (true, true) => (labelled, labelled - train),
            (false, _) => (train, labelled - train),
        };
        let others = validation.map(|set| (ColumnsOf::new(model, &set.profile, based), set.rows()));
        let footprint = Footprint {
            network: &network,
            linear: columns.linear().ok(),
            settings: &settings,
            train,
            validation: others.as_ref().map_or(held_out, |(_, rows)| *rows),
            weighted: model.weights.is_some(),
            features: columns.count().saturating_sub(1),
        };
        let networks = settings.networks() as f64;
        let learned = labelled as f64 * (networks - settings.validation_split * if is_apart { 1.0 } else { networks });
        Ok(TableTraining {
            bytes: read_bytes(model, dataset, columns, others, &footprint).max(footprint.bytes()),
            file_bytes: version_bytes(&settings, network.parameter_count()),
            epoch_work: of_row(&network) * learned,
            dataset: dataset.id,
            validation: validation.map(|set| set.id),
            rows: train,
            settings,
        })
    }
}

/// Rows that have a target.
fn labelled(model: &TableSpec, dataset: &Dataset) -> usize {
    let missing = dataset.profile.column(&model.target).map_or(0, |column| column.missing as usize);
    dataset.rows().saturating_sub(missing)
}

/// Rows of another class than the most frequent one.
fn uncommon(model: &TableSpec, dataset: &Dataset) -> Option<usize> {
    let target = dataset.profile.column(&model.target).filter(|_| model.task == Task::Classification)?;
    let most = target.top.first()?.count as usize;
    Some(labelled(model, dataset).saturating_sub(most))
}

/// The settings with all defaults of the recipe.
fn settled(model: &TableSpec, ground: &Ground, settings: TrainingSpec) -> Result<ValidTrainingSpec, SpecError> {
    let settings = ground.settle(model.recipe_of(&model.hidden_layers), settings);
    let classes = if model.classes.is_empty() { Classes::None } else { Classes::Named(&model.classes) };
    Ok(ValidTrainingSpec { weights: model.weights.clone(), ..settings.check(model.seed, classes)? })
}

/// Checks that what the request says goes together, and with the data sets.
fn check_asked(
    model: &TableSpec,
    settings: &TrainingSpec,
    dataset: &Dataset,
    validation: Option<&Dataset>,
) -> Result<(), SpecError> {
    let invalid = |pointer: &str, detail: &str| Err(SpecError::invalid(pointer, detail));
    require_columns(model, dataset, "/dataset")?;
    validation.map_or(Ok(()), |set| require_columns(model, set, "/validation/dataset"))?;
    if validation.is_some() && settings.validation_split.is_some() {
        return invalid("/validation", "give either `validation` or `validation_split`, not both");
    }
    if validation.is_some() && settings.split.is_some() {
        return invalid("/validation", "give either `validation` or `split`, not both");
    }
    if model.task == Task::Classification && settings.target_scale.is_some() {
        return invalid("/target_scale", "classes have no scale: it is for a target of numbers");
    }
    let has_scale = settings.target_scale.is_some_and(|scale| scale != TargetScale::Identity);
    if has_scale && !model.minimises_its_measure() {
        return invalid("/target_scale", "a scale goes with the loss mse: other losses are of the target as it is");
    }
    settings.split.as_ref().map_or(Ok(()), |by| check_split(by, model, dataset))
}

/// Memory until the rows are encoded, in bytes: columns are read; then, beside them, rows are chosen; then the words of texts are
/// counted; then rows are encoded. `others` are the columns and the rows to validate on, if those are apart.
fn read_bytes(
    model: &TableSpec,
    dataset: &Dataset,
    columns: ColumnsOf,
    others: Option<(ColumnsOf, usize)>,
    footprint: &Footprint,
) -> usize {
    let (settings, rows) = (footprint.settings, dataset.rows());
    let beside = beside_bytes(model, settings, dataset).max(footprint.row_bytes()).max(columns.counting_bytes());
    let weights = if settings.weights.is_some() { rows.saturating_mul(size_of::<f64>()) } else { 0 };
    let tables = [Some((columns, rows)), others];
    let tables = || tables.iter().flatten();
    let read = tables().fold(0, |sum: usize, (columns, rows)| sum.saturating_add(table_bytes(columns, *rows)));
    let reading = tables().map(|(columns, rows)| reading_bytes(columns, *rows)).max().unwrap_or(0);
    read.saturating_add(weights).saturating_add(beside.max(reading))
}

/// Memory of columns that were read, in bytes: their values and words, and the rows that are chosen of them.
fn table_bytes(columns: &ColumnsOf, rows: usize) -> usize {
    let of_row = columns.row_bytes() + 3 * size_of::<usize>();
    rows.saturating_mul(of_row).saturating_add(columns.word_bytes())
}

/// What a reader holds of the stored form beside what it has handed on, in bytes: of each column a page, and a batch as the file has
/// it and once more as it is handed on.
fn reading_bytes(columns: &ColumnsOf, rows: usize) -> usize {
    let batch = rows.min(batch_rows(columns.count()));
    let held = rows.min(PAGE_ROWS) + 2 * batch;
    held.saturating_mul(columns.row_bytes()).saturating_add(columns.batch_word_bytes(batch))
}

/// Memory of the choice of rows, in bytes: columns that are read for it alone, for each row its hash, that of its features and both
/// in order, and the look for rows that depend on each other.
fn beside_bytes(model: &TableSpec, settings: &ValidTrainingSpec, dataset: &Dataset) -> usize {
    let profile = &dataset.profile;
    let (names, known) = (beside(settings, profile, model), profile.by_name());
    let columns = || names.iter().filter_map(|name| known.get(name.as_str()));
    let cells = columns().fold(4 * size_of::<u64>() as u64, |bytes, column| {
        let of_rows = column.dictionary_bytes().checked_div(profile.rows).unwrap_or(0);
        bytes + size_of::<Option<i64>>() as u64 + of_rows + 1
    });
    let batch = dataset.rows().min(batch_rows(names.len()));
    let read = columns().map(|column| column.batch_word_bytes(batch)).fold(0, u64::saturating_add);
    let bytes = profile.rows.saturating_mul(cells).saturating_add(read);
    usize::try_from(bytes).unwrap_or(usize::MAX).saturating_add(PROBE_BYTES)
}

/// Checks that the data set has the column that a split goes by, and that it can.
fn check_split(by: &SplitBy, model: &TableSpec, dataset: &Dataset) -> Result<(), SpecError> {
    let Some(name) = by.column() else { return Ok(()) };
    let wrong = |detail: String| Err(SpecError::invalid("/split/column", detail));
    let Some(column) = dataset.profile.column(name) else {
        let near = did_you_mean(name, dataset.profile.columns.iter().map(|column| column.name.as_str()));
        return wrong(format!("data set {:?} has no column {}{near}", dataset.title(), Shown(name)));
    };
    let shown = Shown(name);
    match by {
        _ if name == model.target => wrong(format!("{shown} is the target: rows cannot be held out by it")),
        SplitBy::Time { .. } if column.kind != ColumnType::Datetime => {
            let kind = column.kind.word();
            wrong(format!("column {shown} is {kind}; a split by time goes by a column of type datetime"))
        }
        _ if column.missing == dataset.profile.rows => wrong(format!("column {shown} has no value in any row")),
        _ if column.distinct < 2 => {
            wrong(format!("column {shown} has one value in all rows: there is nothing to tell rows held out by"))
        }
        _ if 2 * column.missing > dataset.profile.rows => {
            let (missing, rows) = (column.missing, dataset.profile.rows);
            wrong(format!("column {shown} has no value in {missing} of {rows} rows: too many to split by it"))
        }
        _ => Ok(()),
    }
}

fn require_columns(model: &TableSpec, dataset: &Dataset, pointer: &str) -> Result<(), SpecError> {
    let known = dataset.profile.names();
    let mut needed = model.features.iter().chain([&model.target]);
    match needed.find(|name| !known.contains(name.as_str())) {
        None => Ok(()),
        Some(name) => {
            let detail = format!("data set {:?} has no column {}, which the model needs", dataset.title(), Shown(name));
            Err(SpecError::invalid(pointer, detail))
        }
    }
}

/// Checks that there are rows enough for each network to hold out others, where they do.
fn check_members(settings: &ValidTrainingSpec, is_apart: bool) -> Result<(), SpecError> {
    let (members, share) = (settings.networks() as u64, settings.validation_split);
    let most = most_members(share);
    if is_apart || members == 1 || members <= most {
        return Ok(());
    }
    let detail = format!(
        "{members} networks cannot each hold out another {share} of the rows: give a validation_split of {:.3} at most, or no \
         more than {most} members",
        (1000.0 / members as f64).floor() / 1000.0
    );
    Err(SpecError::invalid("/members", detail))
}

/// Checks that there are rows to choose candidates by.
fn check_candidates(settings: &ValidTrainingSpec, validated: bool) -> Result<(), SpecError> {
    let chooses = validated || settings.validation_split > 0.0;
    if settings.candidates == 1 || chooses {
        return Ok(());
    }
    let detail = "candidates are chosen by rows that are held out: give a validation_split above 0, or candidates 1";
    Err(SpecError::invalid("/candidates", detail))
}

/// Rows that several networks hold out, each another share of them.
fn held_out_in_turn(rows: usize, settings: &ValidTrainingSpec) -> usize {
    let share = settings.validation_split * settings.networks() as f64;
    (rows as f64 * share.min(1.0)).ceil() as usize
}

/// Rows that are left of `rows` when a share of them is held out.
fn rows_to_train_on(rows: usize, share: f64) -> usize {
    rows - ((rows as f64 * share).round() as usize).min(rows.saturating_sub(1))
}
