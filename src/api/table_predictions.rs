//! Predictions of models by data set: records, CSV or Arrow in, labels or values out, in either form.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use axum::response::Response;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use uuid::Uuid;

use super::answers::AnswerWriter;
use super::bulk_predictions;
use super::error::{ApiError, ErrorCode};
use super::extract::{JsonBody, blocking};
use super::media::Media;
use super::predictions::{MAX_OUTPUTS, ON_THE_SPOT, OUTPUT_BYTES, PredictionBody};
use super::reply;
use super::upload::Upload;
use crate::app::App;
use crate::data::encoder::feature::Sighting;
use crate::data::encoder::{EncodeError, Encoder};
use crate::data::records::Records;
use crate::datasets::Loading;
use crate::models::prediction::{Answers, Interval, Predictions, TablePredictor, most_likely};
use crate::models::{Model, ModelError, Predictor, Version};

/// Memory of a feature of a row: its value, and its flag if it has one.
const FEATURE_BYTES: usize = 32;
/// The forms of rows and answers.
const MEDIA: [Media; 3] = [Media::Json, Media::Csv, Media::Arrow];
/// Most flags of a reply: about 500 MB of JSON.
const MAX_FLAGS: usize = 10_000_000;

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

/// The classes whose score, 1 − p as in the scores of the rows held out, is at most `most`, most likely first; the most
/// likely one in any case.
pub fn label_set<'a>(classes: &'a [String], row: &[f32], most: f32) -> Vec<&'a str> {
    let mut order: Vec<usize> = (0..row.len()).collect();
    order.sort_by(|a, b| row[*b].total_cmp(&row[*a]));
    let likely = order.iter().take_while(|class| 1.0 - row[**class] <= most).count().max(1);
    order[..likely].iter().map(|class| classes[*class].as_str()).collect()
}

/// Predictions of a version of a model by data set.
pub async fn predict(
    app: &App,
    model: &Model,
    version: &Version,
    interval: Option<f64>,
    request: Request,
) -> Result<Response, ApiError> {
    if let Some(level) = interval.filter(|level| !(*level > 0.0 && *level < 1.0)) {
        let detail = format!("interval is {level}; it lies between 0 and 1, such as 0.9");
        return Err(ApiError::parameter(ErrorCode::InvalidValue, "interval", detail));
    }
    let body = Media::of_body(request.headers(), &MEDIA);
    let reply = Media::of_reply(request.headers(), &MEDIA, body);
    // The network comes after the body: one that is in use cannot leave memory, and a body may be slow.
    if body != Media::Json {
        // Not listed: no data set comes of it.
        let Upload { file, .. } = Upload::receive(request, app, Loading::default().begin(None)).await?;
        let serving = Serving::of(app, model, version, interval).await?;
        return bulk_predictions::predict(app, serving, body, reply, file).await;
    }
    let body = JsonBody::<PredictionBody>::from_request(request, app).await?;
    let serving = Serving::of(app, model, version, interval).await?;
    of_records(app, serving, reply, body).await
}

/// What a request is answered with.
#[derive(Clone)]
pub struct Serving {
    pub model_id: Uuid,
    pub version: u64,
    pub predictor: Arc<Predictor>,
    pub interval: Option<Interval>,
}

impl Serving {
    /// What a version answers with, at a level of intervals if one is asked for.
    async fn of(app: &App, model: &Model, version: &Version, interval: Option<f64>) -> Result<Self, ApiError> {
        let predictor = app.models.predictor(model, version).await?;
        let interval = interval.map(|level| Interval::at(level, predictor.table()?.parts)).transpose()?;
        Ok(Serving { model_id: model.id, version: version.number, predictor, interval })
    }

    /// What answers.
    pub fn table(&self) -> Result<TablePredictor<'_>, ModelError> {
        self.predictor.table()
    }

    /// A reply as JSON.
    pub fn json(&self, pieces: &[Predictions], encoder: &Encoder) -> Response {
        let predictions = Rows { pieces, encoder };
        reply::json(StatusCode::OK, &PredictionsBody { model_id: self.model_id, version: self.version, predictions })
    }

    /// A reply in another form.
    pub fn reply(&self, media: Media, body: Body) -> Response {
        let kind = if media == Media::Csv { "text/csv; charset=utf-8" } else { media.name() };
        reply::of_version(kind, body, self.model_id, self.version)
    }
}

async fn of_records(
    app: &App,
    serving: Serving,
    reply_in: Media,
    mut body: JsonBody<PredictionBody>,
) -> Result<Response, ApiError> {
    if body.value.inputs.is_some() {
        let detail = "the model is one by data set: send `records` of its columns instead of `inputs`";
        return Err(ApiError::at(ErrorCode::WrongModelKind, "/inputs", detail));
    }
    let Some(records) = body.value.records.take() else {
        let detail = "missing field `records`: the model is one by data set and takes records of its columns";
        return Err(ApiError::at(ErrorCode::MissingField, "/records", detail));
    };
    let encoder = &serving.table()?.parts.encoder;
    let (rows, classes) = (records.rows, encoder.target.classes().len().max(1));
    if rows == 0 {
        return Err(ApiError::at(ErrorCode::ShapeMismatch, "/records", "records is empty: send at least one"));
    }
    let numbers = rows.saturating_mul(classes);
    if numbers > MAX_OUTPUTS {
        let detail = format!("{rows} records of {classes} classes; a reply holds {MAX_OUTPUTS} numbers: send CSV");
        return Err(ApiError::new(ErrorCode::ReplyTooLarge, detail));
    }
    let names: usize = encoder.target.classes().iter().map(|class| class.len() + OUTPUT_BYTES).sum();
    let encoded = 4 * encoder.width() + FEATURE_BYTES * encoder.features.len();
    body.memory.reserve(rows.saturating_mul(names + encoded + 64), app)?;
    app.meters.predictions.inc_by(rows as u64);
    let large = rows.saturating_mul(serving.predictor.members().parameter_count()) > ON_THE_SPOT;
    let make = move || {
        let encoder = &serving.table()?.parts.encoder;
        let predictions = answer(&serving, &records)?;
        if predictions.sightings.len() > MAX_FLAGS {
            let detail = format!("more than {MAX_FLAGS} values lie outside what training saw: send fewer records");
            return Err(ApiError::new(ErrorCode::ReplyTooLarge, detail));
        }
        if reply_in == Media::Json {
            return Ok(serving.json(&[predictions], encoder));
        }
        let mut writer = AnswerWriter::new(reply_in);
        let mut whole = writer.write(&predictions, encoder)?;
        whole.extend(writer.end()?);
        Ok::<_, ApiError>(serving.reply(reply_in, whole.into()))
    };
    let response = if large { blocking(make).await? } else { make() };
    Ok(reply::holding(body.memory, response?))
}

fn answer(serving: &Serving, records: &Records) -> Result<Predictions, ApiError> {
    let predictor = serving.table()?;
    let encoder = &predictor.parts.encoder;
    let places = places(encoder, records)?;
    let table = encoder.table_of_records(records, &places).map_err(of_record)?;
    Ok(predictor.predict(&table, serving.interval)?)
}

/// Where in the records each feature stands.
///
/// # Errors
/// `unknown_field` with its place, for a column that the model does not know.
pub fn places(encoder: &Encoder, records: &Records) -> Result<Vec<Option<usize>>, ApiError> {
    encoder.places_in(&records.names).map_err(|unknown| {
        let row = records.first_row_with(&unknown.name);
        let pointer = format!("/records/{row}/{}", escaped(&unknown.name));
        ApiError::at(ErrorCode::UnknownField, pointer, unknown.to_string())
    })
}

/// The error of a value in a record, with its place.
pub fn of_record(error: EncodeError) -> ApiError {
    match &error {
        EncodeError::Value { row, column, expected, got } => {
            let detail = format!("records[{row}].{column}: {expected} is expected, got {got}");
            ApiError::at(ErrorCode::InvalidValue, format!("/records/{row}/{}", escaped(column)), detail)
        }
        _ => error.into(),
    }
}

fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_at_the_threshold_is_in_its_set() {
        let classes: Vec<String> = ["a", "b", "c"].map(String::from).to_vec();
        for thousandths in 1..300 {
            let p = thousandths as f32 / 1000.0;
            // The score of a row held out with this probability of its class, as the quantile may be.
            let score = 1.0 - p;
            assert_eq!(label_set(&classes, &[1.0 - 2.0 * p, p, p], score), ["a", "b", "c"], "{p}");
        }
        assert_eq!(label_set(&classes, &[0.5, 0.3, 0.2], 0.1), ["a"]);
    }
}
