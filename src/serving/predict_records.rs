//! Predictions of a model by data set for records: objects with a value for each column.

use prometheus::IntCounter;

use super::error::{ServingError, Wrong};
use super::memory::RequestMemory;
use super::predict_rows::{MAX_OUTPUTS, ON_THE_SPOT, OUTPUT_BYTES};
use super::table_version::TableVersion;
use super::threads::blocking;
use crate::app::App;
use crate::data::encoder::{EncodeError, Encoder};
use crate::data::error::DataError;
use crate::data::json::Records;
use crate::models::prediction::Predictions;
use crate::waiting::{WaitedFor, Waiting};

/// Memory of a feature of a row: its value, and its flag if it has one.
const FEATURE_BYTES: usize = 32;
/// Most flags of a reply: about 500 MB of JSON.
const MAX_FLAGS: usize = 10_000_000;
/// Records after which a prediction looks whether anybody still waits for it.
const UNTIL_A_LOOK: usize = 4096;

/// Predicts for `records`. `written` makes of the predictions, some rows after others, what is answered. Many records
/// leave the async threads, and are given up between two pieces when this future is dropped.
///
/// # Errors
/// `Field`: a record has a column that the model does not know, or a value that is none of its column; `AnswerTooLarge`,
/// `Overloaded`, `Defect`.
pub async fn predict_records<T: Send + 'static>(
    app: &App,
    version: TableVersion,
    records: Records,
    memory: &mut RequestMemory,
    written: impl FnOnce(&TableVersion, Vec<Predictions>) -> T + Send + 'static,
) -> Result<T, ServingError> {
    let encoder = version.encoder();
    let (rows, classes) = (records.rows, encoder.target.classes().len().max(1));
    if rows == 0 {
        return Err(ServingError::at(Wrong::Shape, "/records", "records is empty: send at least one"));
    }
    let numbers = rows.saturating_mul(classes);
    if numbers > MAX_OUTPUTS {
        let detail = format!("{rows} records of {classes} classes; a reply holds {MAX_OUTPUTS} numbers: send CSV");
        return Err(ServingError::AnswerTooLarge(detail));
    }
    let names: usize = encoder.target.classes().iter().map(|class| class.len() + OUTPUT_BYTES).sum();
    let encoded = 4 * encoder.width() + FEATURE_BYTES * encoder.features.len();
    memory.reserve(rows.saturating_mul(names + encoded + 64), app)?;
    let large = rows.saturating_mul(version.predictor.members().parameter_count()) > ON_THE_SPOT;
    let waiting = Waiting::default();
    let waited_for = waiting.seen();
    let done = app.meters.predictions.clone();
    let make = move || answers(&version, &records, &waited_for, &done).map(|pieces| written(&version, pieces));
    if large { blocking(make).await? } else { make() }
}

fn answers(
    version: &TableVersion,
    records: &Records,
    waited_for: &WaitedFor,
    done: &IntCounter,
) -> Result<Vec<Predictions>, ServingError> {
    let encoder = version.encoder();
    let places = places(encoder, records)?;
    let (mut pieces, mut flags) = (Vec::with_capacity(records.rows.div_ceil(UNTIL_A_LOOK)), 0);
    for start in (0..records.rows).step_by(UNTIL_A_LOOK) {
        if !waited_for.holds() {
            return Err(DataError::stopped().into());
        }
        let rows = start..records.rows.min(start + UNTIL_A_LOOK);
        done.inc_by(rows.len() as u64);
        let table = encoder.table_of_records(records, &places, rows).map_err(of_record)?;
        let predictions = version.table().predict(&table, version.interval)?;
        flags += predictions.sightings.len();
        if flags > MAX_FLAGS {
            let detail = format!("more than {MAX_FLAGS} values lie outside what training saw: send fewer records");
            return Err(ServingError::AnswerTooLarge(detail));
        }
        pieces.push(predictions);
    }
    Ok(pieces)
}

/// Where in the records each feature stands.
///
/// # Errors
/// `Field` with its place, for a column that the model does not know.
pub fn places(encoder: &Encoder, records: &Records) -> Result<Vec<Option<usize>>, ServingError> {
    encoder.places_in(&records.names).map_err(|unknown| {
        let row = records.first_row_with(&unknown.name);
        ServingError::at(Wrong::Unknown, pointer(row, &unknown.name), unknown.to_string())
    })
}

/// The error of a value in a record, with its place.
pub fn of_record(error: EncodeError) -> ServingError {
    match &error {
        EncodeError::Value { row, column, expected, got } => {
            let detail = format!("records[{row}].{column}: {expected} is expected, got {got}");
            ServingError::at(Wrong::Value, pointer(*row, column), detail)
        }
        _ => error.into(),
    }
}

fn pointer(row: usize, column: &str) -> String {
    format!("/records/{row}/{}", column.replace('~', "~0").replace('/', "~1"))
}
