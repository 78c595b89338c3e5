//! How good a version is on data whose target is known.

use std::sync::Arc;

use serde::Serialize;

use super::data::DataFields;
use super::error::{ServingError, Wrong};
use super::known_rows::known_rows;
use super::memory::RequestMemory;
use super::predict_records::{of_record, places};
use super::threads::{blocking, long_work_may_begin};
use super::weights::check_weights;
use crate::app::App;
use crate::data::column::{Column, ColumnType, Table};
use crate::data::encoder::EncodeError;
use crate::data::encoder::reading::{Texts, column_of_cells};
use crate::data::error::DataError;
use crate::data::json::{GivenWeights, Records};
use crate::data::read_otherwise::read_otherwise;
use crate::data::values::Reading;
use crate::datasets::Dataset;
use crate::learning::metrics::Metrics;
use crate::models::notice::Notice;
use crate::models::prediction::TablePredictor;
use crate::models::scoring::Answered;
use crate::models::table::TableParts;
use crate::models::{Model, ModelKind, Predictor, Version};
use crate::waiting::{WaitedFor, Waiting};
use crate::wording::Shown;

/// Cells, encoded values and answers of the rows that are worked off at once.
const BATCH_VALUES: usize = 2 << 20;
/// The same of records.
const RECORD_VALUES: usize = 1 << 19;
/// Memory of one of them: as it is read, encoded and answered.
const VALUE_BYTES: usize = 32;

/// Loss and metrics of a version.
#[derive(Clone, Debug, Serialize)]
pub struct Evaluation {
    /// The version measured.
    pub version: u64,
    /// Rows measured on.
    pub rows: usize,
    /// The loss that the model is trained with; of a model by data set log-loss or squared error.
    pub loss: f64,
    /// The measures.
    pub metrics: Metrics,
    /// What the measures are to be read with.
    #[serde(skip)]
    pub warnings: Vec<Notice>,
}

/// Rows, loss, metrics.
type Measured = (usize, f64, Metrics);

/// Measures a version of `model` on `records` with their target, or else on `data`.
///
/// # Errors
/// `Field`: the data does not go with the model; `Unfit` where no row has a target; `RowsTooLarge`, `Overloaded`; what
/// the version or the data set cannot be read for.
pub async fn evaluate(
    app: &App,
    model: &Model,
    version: &Version,
    data: DataFields,
    records: Option<Records>,
    memory: &mut RequestMemory,
) -> Result<Evaluation, ServingError> {
    long_work_may_begin(app)?;
    let predictor = async || app.models.predictor(model, version).await;
    // The work is given up when this future is dropped.
    let waiting = Waiting::default();
    let waited_for = waiting.seen();
    let mut warnings = Vec::new();
    let (rows, loss, metrics) = match (&model.kind, records) {
        (ModelKind::Layers(_), Some(_)) => {
            let detail = "records are for models by data set: send `inputs` and `targets`";
            return Err(ServingError::whole(Wrong::Kind, detail));
        }
        (ModelKind::Layers(spec), None) => {
            let examples = data.examples(app, memory, spec, "").await?;
            let (spec, predictor) = (spec.clone(), predictor().await?);
            let measured = blocking(app, move || {
                let examples = examples.fit(&spec, "")?;
                let found = predictor.evaluate_unless(&examples, &mut || waited_for.holds());
                let (loss, metrics) = found.ok_or_else(DataError::stopped)?;
                Ok::<_, ServingError>((examples.rows(), loss, metrics))
            });
            measured.await??
        }
        (ModelKind::Table(_), Some(_)) if !data.is_empty() => {
            let detail = "give either `records` or `dataset`, not both";
            return Err(ServingError::at(Wrong::Value, "/records", detail));
        }
        (ModelKind::Table(_), Some(records)) => {
            let weights = column_of(data.weights)?;
            let predictor = predictor().await?;
            let mut memory = std::mem::take(memory);
            let within = app.clone();
            let measure =
                move || on_records(&within, predictor.table()?, &records, weights.as_deref(), &waited_for, &mut memory);
            blocking(app, measure).await??
        }
        (ModelKind::Table(_), None) if data.is_empty() => {
            let detail = "missing field `records`: rows with the target, or a `dataset`";
            return Err(ServingError::at(Wrong::Missing, "/records", detail));
        }
        (ModelKind::Table(table), None) => {
            let (weights, data) = (column_of(data.weights)?, DataFields { weights: None, ..data });
            let dataset = data.dataset(app, table.dataset, "").await?;
            if let Some(name) = &weights {
                check_weights(app, &dataset, name, "/weights").await?;
            }
            let predictor = predictor().await?;
            let writings = predictor.table()?.parts.encoder.writings();
            warnings.extend(
                read_otherwise(writings, &dataset.profile, "Where the version learned this column")
                    .into_iter()
                    .map(Notice::from),
            );
            warnings.extend(known_rows(app, version, &dataset).await?);
            on_dataset(app, &dataset, predictor, weights, waited_for, memory).await?
        }
    };
    Ok(Evaluation { version: version.number, rows, loss, metrics, warnings })
}

/// The column that says how much each row counts, if they do not count alike.
fn column_of(weights: Option<GivenWeights>) -> Result<Option<String>, ServingError> {
    match weights {
        None | Some(GivenWeights::Alike) => Ok(None),
        Some(GivenWeights::Column(name)) => Ok(Some(name)),
        Some(GivenWeights::Rows(_)) => {
            let detail = "a model by data set takes the name of the column that holds the weights";
            Err(ServingError::at(Wrong::Value, "/weights", detail))
        }
    }
}

/// Goes through the records some rows after others: a row may be encoded to thousands of numbers.
fn on_records(
    app: &App,
    predictor: TablePredictor,
    records: &Records,
    weights: Option<&str>,
    waited_for: &WaitedFor,
    memory: &mut RequestMemory,
) -> Result<Measured, ServingError> {
    let parts = predictor.parts;
    let (encoder, target) = (&parts.encoder, parts.encoder.target.name());
    let (places, kind) = (places(encoder, records, |name| weights == Some(name), "")?, encoder.target.kind());
    let width = encoder.features.len() + encoder.width() + encoder.target.classes().len();
    let at_once = predictor.rows_until_a_look((RECORD_VALUES / width).clamp(1, records.rows.max(1)));
    memory.reserve(at_once * width * VALUE_BYTES, app)?;
    memory.reserve(records.rows.saturating_mul(Answered::ROW_BYTES), app)?;
    let mut answered = Answered::for_rows(records.rows, &encoder.target, weights.is_some());
    for start in (0..records.rows).step_by(at_once) {
        if !waited_for.holds() {
            return Err(DataError::stopped().into());
        }
        let rows = start..records.rows.min(start + at_once);
        let truth = match records.cells(target) {
            None => Column::missing(target, kind, rows.len()),
            Some(cells) => {
                let (reading, cells) = (encoder.target_writing.reading(), &cells[rows.clone()]);
                let read = column_of_cells(target, kind, reading, cells, Texts::Strict, &mut EncodeError::refuse);
                read.map_err(|error| of_record(error.after(start)))?
            }
        };
        // Nothing is measured on rows without a target, and to encode thousands of columns for each takes minutes.
        if (0..rows.len()).all(|row| truth.values.is_missing(row)) {
            continue;
        }
        let table = encoder.table_of_records(records, &places, rows.clone(), Texts::Strict, &mut EncodeError::refuse);
        let mut table = table.map_err(|error| of_record(error.after(start)))?;
        table.columns.push(truth);
        if let Some(name) = weights.filter(|name| table.column(name).is_none()) {
            let none =
                || ServingError::at(Wrong::Value, "/weights", format!("no record has the column {}", Shown(name)));
            let cells = records.cells(name).ok_or_else(none)?;
            let (plain, cells) = (Reading::default(), &cells[rows]);
            let read =
                column_of_cells(name, ColumnType::Numeric, plain, cells, Texts::Strict, &mut EncodeError::refuse);
            table.columns.push(read.map_err(|error| of_record(error.after(start)))?);
        }
        predictor.answer(&table, weights, &mut answered).map_err(|error| error.after(start))?;
    }
    measured(&answered, parts)
}

/// Goes through the data set batch by batch: however large it is, little of it is in memory.
async fn on_dataset(
    app: &App,
    dataset: &Dataset,
    predictor: Arc<Predictor>,
    weights: Option<String>,
    waited_for: WaitedFor,
    memory: &mut RequestMemory,
) -> Result<Measured, ServingError> {
    let encoder = &predictor.table()?.parts.encoder;
    let features = encoder.features.iter().map(|feature| feature.name.clone());
    let mut names: Vec<String> = features.chain([encoder.target.name().to_owned()]).collect();
    let known = dataset.profile.names();
    if let Some(lacking) = names.iter().find(|name| !known.contains(name.as_str())) {
        let detail = format!("data set {:?} has no column {}, which the model needs", dataset.title(), Shown(lacking));
        return Err(ServingError::at(Wrong::Value, "/dataset", detail));
    }
    if let Some(name) = weights.as_ref().filter(|name| !names.contains(name)) {
        names.push(name.clone());
    }
    let width = names.len() + encoder.width() + encoder.target.classes().len();
    let most_rows = predictor.table()?.rows_until_a_look((BATCH_VALUES / width).clamp(1, dataset.rows().max(1)));
    let rows = dataset.rows();
    let kept = rows.saturating_mul(Answered::ROW_BYTES);
    memory.reserve_rows(kept.saturating_add(most_rows * width * VALUE_BYTES), app)?;
    let opened = app.datasets.open(dataset).await?;
    let found = blocking(app, move || {
        let (predictor, mut rows_before) = (predictor.table()?, 0);
        let add = |answered: &mut Answered, table: Table| {
            predictor.answer(&table, weights.as_deref(), answered).map_err(|error| error.after(rows_before))?;
            rows_before += table.rows;
            Ok::<_, ServingError>(())
        };
        let answered = Answered::for_rows(rows, &predictor.parts.encoder.target, weights.is_some());
        measured(&opened.fold(&names, most_rows, answered, &waited_for, add)??, predictor.parts)
    });
    match found.await? {
        Err(ServingError::Dataset(error)) => Err(app.datasets.unless_gone(dataset, error).await.into()),
        found => found,
    }
}

fn measured(answered: &Answered, parts: &TableParts) -> Result<Measured, ServingError> {
    if answered.rows() == 0 {
        let detail = format!("no row has a value of the target {}", Shown(parts.encoder.target.name()));
        return Err(ServingError::whole(Wrong::Unfit, detail));
    }
    let metrics = answered.metrics(parts);
    let loss = match &metrics {
        Metrics::Classification(measured) => measured.log_loss,
        Metrics::Regression(measured) => measured.rmse.powi(2),
    };
    Ok((answered.rows(), loss, metrics))
}
