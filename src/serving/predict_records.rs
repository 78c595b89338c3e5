//! Predictions of a model by data set for records: objects with a value for each column.

use std::ops::Range;

use super::answered_rows::AnsweredRows;
use super::error::{ServingError, Wrong};
use super::extras::{IGNORABLE, something_is_known};
use super::memory::RequestMemory;
use super::predict_rows::{MAX_OUTPUTS, ON_THE_SPOT};
use super::table_version::TableVersion;
use super::threads::{blocking, long_work_may_begin};
use crate::app::App;
use crate::data::encoder::reading::Texts;
use crate::data::encoder::{EncodeError, Encoder};
use crate::data::error::DataError;
use crate::data::json::{Cell, Records};
use crate::data::passed::{Holds, Passed, PassedCells};
use crate::waiting::{WaitedFor, Waiting};

/// Memory of a value of a row: as it is read, encoded, and flagged if it lies outside what training saw.
const VALUE_BYTES: usize = 48;
/// Values of the records that are worked off at once.
const VALUES: usize = 1 << 19;
/// Records that are explained at once, at most.
pub const MOST_EXPLAINED: usize = 100;
/// Records after which a prediction looks whether anybody still waits for it.
const UNTIL_A_LOOK: usize = 4096;

/// Predicts for `records`. `written` makes of what is answered to them, some rows after others, the reply, within the memory of
/// the request. Many records leave the async threads, and are given up between two pieces when this future is dropped.
///
/// # Errors
/// `Field`: a record has a column that the model does not know, none that it does, or a value that is none of its column;
/// `Parameter`: no record has a column that the reply is to repeat; `AnswerTooLarge`,
/// `MemoryNeverFree`, `Overloaded`, `Defect`.
pub async fn predict_records<T: Send + 'static>(
    app: &App,
    version: TableVersion,
    records: Records,
    mut memory: RequestMemory,
    written: impl FnOnce(&TableVersion, Vec<AnsweredRows>, RequestMemory) -> T + Send + 'static,
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
    if version.extras.explain.is_some() && rows > MOST_EXPLAINED {
        let detail = format!("{rows} records; up to {MOST_EXPLAINED} are explained at once: send fewer at a time");
        return Err(ServingError::Parameter { name: "explain", detail });
    }
    let work = version.predictor.members().parameter_count().max(values_of_a_row(&version));
    let large = rows.saturating_mul(work) > ON_THE_SPOT || version.extras.explain.is_some();
    if large {
        long_work_may_begin(app)?;
    }
    let waiting = Waiting::default();
    let waited_for = waiting.seen();
    let within = app.clone();
    let make = move || {
        let pieces = answers(&within, &version, &records, &waited_for, &mut memory)?;
        Ok(written(&version, pieces, memory))
    };
    if large { blocking(app, make).await? } else { make() }
}

fn answers(
    app: &App,
    version: &TableVersion,
    records: &Records,
    waited_for: &WaitedFor,
    memory: &mut RequestMemory,
) -> Result<Vec<AnsweredRows>, ServingError> {
    let encoder = version.encoder();
    let places = places(encoder, records, |name| version.extras.allows(name), IGNORABLE)?;
    something_is_known(encoder, &places)?;
    let passing = Passing::of(version, records)?;
    let at_once = rows_at_once(version).min(records.rows);
    let explaining = version.extras.explain.map_or(0, |_| version.table().explaining_bytes());
    let working = at_once * values_of_a_row(version) * VALUE_BYTES + explaining;
    memory.reserve(working, app)?;
    let mut pieces = Vec::with_capacity(records.rows.div_ceil(at_once));
    for start in (0..records.rows).step_by(at_once) {
        if !waited_for.holds() {
            return Err(DataError::stopped().into());
        }
        let rows = start..records.rows.min(start + at_once);
        let go_on = || waited_for.holds();
        let answered = version.answer(start, passing.cells(rows.clone()), &go_on, |on_misfit| {
            encoder.find_nothing(records, &places, rows.clone(), on_misfit)?;
            encoder.table_of_records(records, &places, rows, Texts::Strict, on_misfit)
        });
        let mut answered = answered.map_err(|error| of_record(error.after(start)))?;
        if version.extras.explain.is_some() {
            answered.explained = explained(&answered, records, &places, start);
        }
        app.meters.predictions.inc_by(answered.predictions.rows as u64);
        memory.reserve(answered.bytes(), app)?;
        pieces.push(answered);
    }
    memory.give_back(working as u64);
    Ok(pieces)
}

/// What was sent in the columns of each explanation; the records that were answered begin at `start`.
fn explained(answered: &AnsweredRows, records: &Records, places: &[Option<usize>], start: usize) -> Vec<Vec<Cell>> {
    let cell = |feature: usize, row: usize| {
        places[feature].map_or(Cell::Absent, |column| records.columns[column][start + row].clone())
    };
    let rows = answered.each().enumerate().filter_map(|(row, answer)| answer.ok().map(|_| row));
    let each = answered.predictions.explanations.iter().zip(rows);
    each.map(|(one, row)| one.contributions.iter().map(|(feature, _)| cell(*feature, row)).collect()).collect()
}

/// Columns of the records that the reply repeats.
struct Passing<'r>(Vec<(&'r str, &'r [Cell], Holds)>);

impl<'r> Passing<'r> {
    fn of(version: &TableVersion, records: &'r Records) -> Result<Self, ServingError> {
        let columns = version.extras.passed_in(&records.names)?.into_iter().map(|at| {
            let cells = records.columns[at].as_slice();
            (records.names[at].as_str(), cells, Holds::all(cells))
        });
        Ok(Passing(columns.collect()))
    }

    /// The cells of some rows.
    fn cells(&self, rows: Range<usize>) -> Vec<Passed> {
        let of_rows = |(name, cells, holds): &(&str, &[Cell], Holds)| Passed {
            name: (*name).to_owned(),
            cells: PassedCells::Cells(cells[rows.clone()].to_vec(), *holds),
        };
        self.0.iter().map(of_rows).collect()
    }
}

/// Rows that are worked off at once: whole shards, so that cutting the records changes no bit.
fn rows_at_once(version: &TableVersion) -> usize {
    let (most, shard) = (VALUES / values_of_a_row(version), version.predictor.members().shard_rows());
    (most / shard).clamp(1, UNTIL_A_LOOK.div_ceil(shard)) * shard
}

/// What a row is read to, encoded to and answered with.
fn values_of_a_row(version: &TableVersion) -> usize {
    let encoder = version.encoder();
    (encoder.features.len() + encoder.width() + encoder.target.classes().len()).max(1)
}

/// Where in the records each feature stands; others may be there that `allowed` allows. Of what is there beside them `advice` says
/// what to do.
///
/// # Errors
/// `Unknown` with the place of the first, for columns that the model does not know.
pub fn places(
    encoder: &Encoder,
    records: &Records,
    allowed: impl Fn(&str) -> bool,
    advice: &str,
) -> Result<Vec<Option<usize>>, ServingError> {
    encoder.places_in(&records.names, allowed).map_err(|unknown| {
        let row = records.first_row_with(&unknown.first);
        ServingError::at(Wrong::Unknown, pointer(row, &unknown.first), format!("{unknown}{advice}"))
    })
}

/// The error of a value in a record, with its place.
pub fn of_record(error: EncodeError) -> ServingError {
    let (wrong, row, pointer) = match &error {
        EncodeError::Value { row, column, .. } => (Wrong::Value, row, pointer(*row, column)),
        EncodeError::Nothing { row, .. } => (Wrong::Missing, row, format!("/records/{row}")),
        _ => return error.into(),
    };
    let detail = error.of_row(format_args!("row {}", row + 1)).unwrap_or_else(|| error.to_string());
    ServingError::at(wrong, pointer, detail)
}

fn pointer(row: usize, column: &str) -> String {
    format!("/records/{row}/{}", column.replace('~', "~0").replace('/', "~1"))
}
