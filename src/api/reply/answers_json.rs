//! Answers of a model by data set as JSON: an object for each row.

use axum::http::StatusCode;
use axum::response::Response;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use uuid::Uuid;

use super::json::{json, json_within};
use crate::api::error::ApiError;
use crate::app::App;
use crate::data::encoder::Encoder;
use crate::data::encoder::Sighting;
use crate::learning::examples::most_likely;
use crate::models::prediction::{Answers, Predictions, label_set};
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
    pieces: &[Predictions],
) -> Result<Response, ApiError> {
    let predictions = Rows { pieces, encoder: version.encoder() };
    let body = PredictionsBody { model_id: version.model_id, version: version.version, predictions };
    match pieces {
        [one] if one.rows == 1 => Ok(json(StatusCode::OK, &body)),
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
    pieces: &'a [Predictions],
    encoder: &'a Encoder,
}

impl<'a> Serialize for Rows<'a> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Rows { pieces, encoder } = *self;
        let rows =
            |predictions: &'a Predictions| (0..predictions.rows).map(move |row| Row { predictions, encoder, row });
        serializer.collect_seq(pieces.iter().flat_map(rows))
    }
}

struct Row<'a> {
    predictions: &'a Predictions,
    encoder: &'a Encoder,
    row: usize,
}

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Row { predictions, encoder, row } = *self;
        let classes = encoder.target.classes();
        let mut entry = serializer.serialize_map(None)?;
        match &predictions.answers {
            Answers::Classes { probabilities, most } => {
                let likely = probabilities.row(row);
                let likely = likely.as_slice().expect("row-major probabilities");
                let best = most_likely(likely);
                entry.serialize_entry("label", &classes[best])?;
                entry.serialize_entry("probability", &likely[best])?;
                entry.serialize_entry("probabilities", &ByClass { classes, row: likely })?;
                if let Some(most) = most {
                    entry.serialize_entry("label_set", &label_set(classes, likely, *most))?;
                }
            }
            Answers::Values { values, margin } => {
                let value = values[row];
                entry.serialize_entry("value", &value)?;
                if let Some(margin) = margin {
                    entry.serialize_entry("lower", &(value - margin))?;
                    entry.serialize_entry("upper", &(value + margin))?;
                }
            }
        }
        entry.serialize_entry("flags", &Flags { predictions, encoder, row })?;
        if let Some(id) = predictions.ids.get(row) {
            entry.serialize_entry("id", id)?;
        }
        entry.end()
    }
}

/// Values of a row outside what training saw.
struct Flags<'a> {
    predictions: &'a Predictions,
    encoder: &'a Encoder,
    row: usize,
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
        let flags = self.predictions.flags(self.row);
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
