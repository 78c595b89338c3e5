//! Taking the true outcomes of predictions: of those that were made before, by their ids, or of records that are predicted now.

use std::collections::BTreeMap;
use std::ops::Range;

use super::active::active;
use super::error::{ServingError, Wrong};
use super::given_ids::{GivenIds, MAX_IDS};
use super::memory::{LARGE, RequestMemory};
use super::predict_records::{of_record, places};
use super::threads::{blocking, to_the_end};
use crate::app::App;
use crate::data::encoder::reading::{Texts, column_of_cells};
use crate::data::encoder::{EncodeError, Encoder};
use crate::data::error::DataError;
use crate::data::json::{Cell, Records};
use crate::models::prediction::{Answers, Predictions, TablePredictor};
use crate::models::scoring::Truth;
use crate::models::{Model, ModelError};
use crate::monitoring::feedback::{Taken, Told};
use crate::monitoring::prediction_id::{Answer, Prediction};
use crate::monitoring::sums::Outcome;
use crate::waiting::{WaitedFor, Waiting};
use crate::wording::Shown;

/// A true value beyond this is refused: its square would leave the numbers.
const MAX_VALUE: f64 = 1e150;
/// Cells, encoded values and answers of the records that are worked off at once, and memory of one of them.
const RECORD_VALUES: usize = 1 << 19;
const VALUE_BYTES: usize = 48;

/// Predictions of a version with the places of their ids in the request.
type OfVersion = Vec<(usize, Prediction)>;

/// Takes the true outcomes of predictions with these ids; what is made of them counts as `memory`.
///
/// # Errors
/// `Field` with the place of an id that is none of this model's, or of a target that its version cannot answer.
pub async fn by_ids(
    app: &App,
    model: &Model,
    ids: GivenIds,
    targets: &[Cell],
    memory: &mut RequestMemory,
) -> Result<Taken, ServingError> {
    model.table()?;
    let GivenIds { first: ids, count } = ids;
    if count != targets.len() {
        let detail = format!("there are {count} ids and {} targets: each id has one", targets.len());
        return Err(ServingError::at(Wrong::Shape, "/targets", detail));
    }
    if !(1..=MAX_IDS).contains(&count) {
        let detail = format!("there are {count} ids; send 1 to {MAX_IDS} at a time");
        return Err(ServingError::at(Wrong::Shape, "/ids", detail));
    }
    let read = app.ids.reader(model.id).await?;
    let bytes = ids.iter().map(String::len).sum::<usize>();
    // What an id holds is shorter than its text; an outcome is as long as it is.
    memory.reserve(bytes + ids.len() * size_of::<(Told, Cell)>(), app)?;
    let read_all = move || read_ids(&ids, read);
    let by_version = if bytes > LARGE { blocking(app, read_all).await? } else { read_all() };
    let mut told = Vec::with_capacity(targets.len());
    for (number, predictions) in by_version? {
        add_told(app, model, number, predictions, targets, &mut told).await?;
    }
    take(app, model, told).await
}

/// The predictions of ids, by their version.
fn read_ids(
    ids: &[String],
    read: impl Fn(&str) -> Option<Prediction>,
) -> Result<BTreeMap<u64, OfVersion>, ServingError> {
    let mut by_version: BTreeMap<u64, OfVersion> = BTreeMap::new();
    for (index, id) in ids.iter().enumerate() {
        let none = || {
            let detail = "this is no id that was given for a prediction of this model";
            ServingError::at(Wrong::Value, format!("/ids/{index}"), detail)
        };
        let prediction = read(id).ok_or_else(none)?;
        by_version.entry(prediction.version).or_default().push((index, prediction));
    }
    Ok(by_version)
}

/// Adds how predictions of version `number` came true.
async fn add_told(
    app: &App,
    model: &Model,
    number: u64,
    predictions: OfVersion,
    targets: &[Cell],
    told: &mut Vec<Told>,
) -> Result<(), ServingError> {
    let version = app.models.version(model, number).await.map_err(|error| match error {
        ModelError::VersionNotFound { .. } => {
            let detail = format!("its prediction is of version {number}, which is deleted");
            ServingError::at(Wrong::Value, format!("/ids/{}", predictions[0].0), detail)
        }
        error => error.into(),
    })?;
    let predictor = app.models.predictor(model, &version).await?;
    let cells: Vec<Cell> = predictions.iter().map(|(index, _)| targets[*index].clone()).collect();
    let at =
        |row: usize, detail: String| ServingError::at(Wrong::Value, format!("/targets/{}", predictions[row].0), detail);
    let truth = truth_of(&predictor.table()?.parts.encoder, &cells).map_err(|(row, detail)| at(row, detail))?;
    for (row, (_, prediction)) in predictions.iter().enumerate() {
        let outcome = match (&truth, &prediction.answer) {
            (Truth::Labels(labels), answer) => Outcome::of_label(answer, labels[row] as usize),
            (Truth::Values(values), Answer::Value(predicted)) => {
                Some(Outcome::Value { truth: values[row], predicted: *predicted })
            }
            _ => None,
        };
        let outcome = outcome.ok_or_else(|| at(row, "its version predicts something else".into()))?;
        told.push(Told { key: Some(prediction.key), version: number, outcome });
    }
    Ok(())
}

/// Takes outcomes to the end, even if the client goes away.
async fn take(app: &App, model: &Model, told: Vec<Told>) -> Result<Taken, ServingError> {
    // Parameters of a file may be as large as numbers are.
    if !told.iter().all(|told| told.outcome.is_within(MAX_VALUE)) {
        let detail = "the version has answered no number, or one without measure, to a row of these: nothing is measured by that";
        return Err(ServingError::whole(Wrong::Unfit, detail));
    }
    let (app, id) = (app.clone(), model.id);
    Ok(to_the_end(async move { app.feedback.take(id, &told).await }).await??)
}

/// What targets say; else which of them cannot be used, and why.
fn truth_of(encoder: &Encoder, cells: &[Cell]) -> Result<Truth, (usize, String)> {
    let (name, kind) = (encoder.target.name(), encoder.target.kind());
    let unusable = |error: EncodeError| match error {
        EncodeError::Value { row, expected, got, .. } => (row, format!("{expected} is expected, got {got}")),
        EncodeError::Class { row, class, .. } => (row, format!("the version has no class {}", Shown(&class))),
        error => (0, error.to_string()),
    };
    // A class is told as it was answered, too: `label` is a text, whatever the column holds.
    let texts = if encoder.target.classes().is_empty() { Texts::Strict } else { Texts::Lenient };
    let column = column_of_cells(name, kind, encoder.target_writing.reading(), cells, texts, &mut EncodeError::refuse);
    let column = column.map_err(unusable)?;
    if let Some(row) = (0..cells.len()).find(|row| column.values.is_missing(*row)) {
        return Err((row, format!("the target {} has no value: each row tells its true outcome", Shown(name))));
    }
    let rows: Vec<usize> = (0..cells.len()).collect();
    let truth = Truth::of_rows(encoder, &column, &rows).map_err(unusable)?;
    if let Truth::Values(values) = &truth
        && let Some(row) = values.iter().position(|value| value.abs() > MAX_VALUE)
    {
        return Err((row, format!("the target lies between -{MAX_VALUE:e} and {MAX_VALUE:e}")));
    }
    Ok(truth)
}

/// Predicts for records by the active version, and takes what their target says.
///
/// # Errors
/// `Field` with the place of a value that cannot be read, or of a target that is missing or none of the version's;
/// `NotTrained`, `Overloaded`.
pub async fn by_records(
    app: &App,
    model: &Model,
    records: Records,
    mut memory: RequestMemory,
) -> Result<Taken, ServingError> {
    model.table()?;
    if records.rows == 0 {
        return Err(ServingError::at(Wrong::Shape, "/records", "records is empty: send at least one"));
    }
    let version = active(app, model).await?;
    let predictor = app.models.predictor(model, version).await?;
    let (within, number) = (app.clone(), version.number);
    // The work is given up when this future is dropped.
    let waiting = Waiting::default();
    let waited_for = waiting.seen();
    let told = blocking(app, move || {
        let mut told = Vec::new();
        memory.reserve(records.rows.saturating_mul(size_of::<Told>()), &within)?;
        outcomes(&within, predictor.table()?, &records, &waited_for, &mut memory, &mut |outcome| {
            told.push(Told { key: None, version: number, outcome });
        })?;
        Ok::<_, ServingError>(told)
    });
    let told = told.await??;
    take(app, model, told).await
}

/// Tells `of_row` how the answer to each record came true.
fn outcomes(
    app: &App,
    predictor: TablePredictor,
    records: &Records,
    waited_for: &WaitedFor,
    memory: &mut RequestMemory,
    of_row: &mut dyn FnMut(Outcome),
) -> Result<(), ServingError> {
    let encoder = &predictor.parts.encoder;
    let places = places(encoder, records, |_| false, "")?;
    let width = encoder.features.len() + encoder.width() + encoder.target.classes().len();
    let at_once = predictor.rows_until_a_look((RECORD_VALUES / width).clamp(1, records.rows));
    memory.reserve(at_once * width * VALUE_BYTES, app)?;
    for start in (0..records.rows).step_by(at_once) {
        if !waited_for.holds() {
            return Err(DataError::stopped().into());
        }
        let rows = start..records.rows.min(start + at_once);
        let truth = targets(encoder, records, rows.clone())?;
        let table = encoder.table_of_records(records, &places, rows, Texts::Strict, &mut EncodeError::refuse);
        let table = table.map_err(|error| of_record(error.after(start)))?;
        let Predictions { answers, .. } = predictor.predict(&table, None, None)?;
        match (truth, answers) {
            (Truth::Labels(labels), Answers::Classes { probabilities, .. }) => {
                for (row, label) in probabilities.outer_iter().zip(labels) {
                    of_row(Outcome::of_class(row.to_slice().expect("row-major probabilities"), label as usize));
                }
            }
            (Truth::Values(values), Answers::Values { values: answers, .. }) => {
                let rows = values.into_iter().zip(answers);
                rows.for_each(|(truth, predicted)| of_row(Outcome::Value { truth, predicted }));
            }
            _ => unreachable!("a version answers what its target is"),
        }
    }
    Ok(())
}

/// What the targets of these records say.
fn targets(encoder: &Encoder, records: &Records, rows: Range<usize>) -> Result<Truth, ServingError> {
    let name = encoder.target.name();
    let truth = match records.cells(name) {
        Some(cells) => truth_of(encoder, &cells[rows.clone()]),
        None => truth_of(encoder, &[Cell::Missing]),
    };
    truth.map_err(|(row, detail)| {
        let name = name.replace('~', "~0").replace('/', "~1");
        ServingError::at(Wrong::Value, format!("/records/{}/{name}", rows.start + row), detail)
    })
}
