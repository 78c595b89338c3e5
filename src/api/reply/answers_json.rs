//! Answers of a model by data set as JSON: an object for each row.

use std::borrow::Cow;

use axum::http::StatusCode;
use axum::response::Response;
use serde::ser::{SerializeMap, SerializeSeq, SerializeStruct};
use serde::{Serialize, Serializer};
use uuid::Uuid;

use super::json::{json, json_within};
use crate::api::error::ApiError;
use crate::app::App;
use crate::data::encoder::{Encoder, Sighting};
use crate::data::json::Cell;
use crate::learning::examples::most_likely;
use crate::models::intervals::label_set;
use crate::models::prediction::{Answers, Explanation, Predictions};
use crate::serving::answered_rows::{AnsweredRows, Failure};
use crate::serving::memory::RequestMemory;
use crate::serving::table_version::TableVersion;

/// The reply of these predictions, which come some rows after others.
///
/// # Errors
/// `payload_too_large`, `overloaded`: it does not fit into the memory of the request.
pub fn predictions(
    memory: &mut RequestMemory,
    app: &App,
    version: &TableVersion,
    pieces: &[AnsweredRows],
) -> Result<Response, ApiError> {
    let predictions = Rows { pieces, encoder: version.encoder() };
    let body = PredictionsBody { model_id: version.model_id, version: version.version, predictions };
    match pieces {
        [one] if one.rows() == 1 => Ok(json(StatusCode::OK, &body)),
        _ => json_within(memory, app, StatusCode::OK, &body),
    }
}

/// A reply's rows.
#[derive(Serialize)]
struct PredictionsBody<'a> {
    model_id: Uuid,
    version: u64,
    predictions: Rows<'a>,
}

/// One entry per row of all pieces.
struct Rows<'a> {
    pieces: &'a [AnsweredRows],
    encoder: &'a Encoder,
}

impl Serialize for Rows<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        for rows in self.pieces {
            let passed: Vec<_> = rows.passed.iter().map(|passed| (passed.name.as_str(), passed.cells())).collect();
            for (row, answer) in rows.each().enumerate() {
                let passed = Repeated { columns: &passed, row };
                list.serialize_element(&Row { rows, encoder: self.encoder, answer, passed })?;
            }
        }
        list.end()
    }
}

struct Row<'a> {
    rows: &'a AnsweredRows,
    encoder: &'a Encoder,
    /// Where its prediction stands, or why it has none.
    answer: Result<usize, &'a Failure>,
    passed: Repeated<'a>,
}

/// Columns of the request that are repeated, and a row of them.
struct Repeated<'a> {
    columns: &'a [(&'a str, Cow<'a, [Cell]>)],
    row: usize,
}

impl Serialize for Repeated<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.columns.iter().map(|(name, cells)| (name, &cells[self.row])))
    }
}

/// Why a row has no prediction.
#[derive(Serialize)]
struct ErrorBody<'a> {
    column: Option<&'a str>,
    detail: &'a str,
}

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut entry = serializer.serialize_map(None)?;
        match self.answer {
            Ok(at) => self.serialize_answer(at, &mut entry)?,
            Err(Failure { column, detail }) => {
                entry.serialize_entry("flags", &[(); 0])?;
                entry.serialize_entry("error", &ErrorBody { column: column.as_deref(), detail })?;
            }
        }
        if !self.passed.columns.is_empty() {
            entry.serialize_entry("passthrough", &self.passed)?;
        }
        entry.end()
    }
}

impl Row<'_> {
    fn serialize_answer<M: SerializeMap>(&self, at: usize, entry: &mut M) -> Result<(), M::Error> {
        let Row { rows: AnsweredRows { predictions, explained, .. }, encoder, .. } = *self;
        let classes = encoder.target.classes();
        match &predictions.answers {
            Answers::Classes { probabilities, sets } => {
                let likely = probabilities.row(at);
                let likely = likely.as_slice().expect("row-major probabilities");
                let best = most_likely(likely);
                entry.serialize_entry("label", &classes[best])?;
                entry.serialize_entry("probability", &likely[best])?;
                entry.serialize_entry("probabilities", &ByClass { classes, row: likely })?;
                if let Some(sets) = sets {
                    entry.serialize_entry("label_set", &label_set(classes, likely, sets[at]))?;
                }
            }
            Answers::Values { values, intervals } => {
                entry.serialize_entry("value", &values[at])?;
                if let Some(intervals) = intervals {
                    let [lower, upper] = &intervals[at];
                    entry.serialize_entry("lower", lower)?;
                    entry.serialize_entry("upper", upper)?;
                }
            }
        }
        entry.serialize_entry("flags", &Flags { predictions, encoder, at })?;
        if let Some(id) = predictions.ids.get(at) {
            entry.serialize_entry("id", id)?;
        }
        if let (Some(explanation), Some(sent)) = (predictions.explanations.get(at), explained.get(at)) {
            entry.serialize_entry("explanation", &ExplanationBody { explanation, encoder, sent })?;
        }
        Ok(())
    }
}

/// How an answer comes about.
struct ExplanationBody<'a> {
    explanation: &'a Explanation,
    encoder: &'a Encoder,
    sent: &'a [Cell],
}

/// What a column brings.
#[derive(Serialize)]
struct ContributionBody<'a> {
    column: &'a str,
    value: &'a Cell,
    contribution: f64,
}

impl Serialize for ExplanationBody<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Explanation { base, contributions, rest } = self.explanation;
        let contribution = |((feature, contribution), value): (&(usize, f64), _)| ContributionBody {
            column: &self.encoder.features[*feature].name,
            value,
            contribution: *contribution,
        };
        let features: Vec<_> = contributions.iter().zip(self.sent).map(contribution).collect();
        let mut body = serializer.serialize_struct("Explanation", 3)?;
        body.serialize_field("base", base)?;
        body.serialize_field("features", &features)?;
        body.serialize_field("rest", rest)?;
        body.end()
    }
}

/// Values of a row outside what training saw.
pub struct Flags<'a> {
    /// Some predictions.
    pub predictions: &'a Predictions,
    /// Of their version.
    pub encoder: &'a Encoder,
    /// Where that of the row stands.
    pub at: usize,
}

/// One of them.
#[derive(Serialize)]
struct FlagBody<'a> {
    column: &'a str,
    flag: Sighting,
}

impl Serialize for Flags<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let name = |feature: usize| self.encoder.features[feature].name.as_str();
        let flags = self.predictions.flags(self.at);
        serializer.collect_seq(flags.map(|(feature, flag)| FlagBody { column: name(feature), flag }))
    }
}

/// A probability for each class.
struct ByClass<'a> {
    classes: &'a [String],
    row: &'a [f32],
}

impl Serialize for ByClass<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.classes.iter().zip(self.row))
    }
}
