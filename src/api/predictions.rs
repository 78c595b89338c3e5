//! `POST …/predict`: of models by layer sizes, rows in, outputs out; those by data set are in `table_predictions`.

use std::ops::Range;
use std::sync::Arc;

use axum::extract::{FromRequest, Request, State};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use futures_util::future::try_join_all;
use ndarray::{Array2, ArrayView2, s};
use serde::Deserialize;
use uuid::Uuid;

use super::active::active;
use super::error::{ApiError, ErrorCode};
use super::extract::{FileBody, JsonBody, ModelPath, Params, RequestMemory, VersionPath, blocking, cores};
use super::media::Media;
use super::parse::parse_json;
use super::plain_rows::plain_rows;
use super::{reply, table_predictions};
use crate::app::App;
use crate::data::octets::{octet_rows, octets};
use crate::data::records::Records;
use crate::data::rows::Rows;
use crate::learning::spec::ValidModelSpec;
use crate::learning::strict::given;
use crate::models::inline::inputs;
use crate::models::{Model, ModelKind, Predictor, Version};

/// Multiply-adds up to which a prediction is made on the spot; more leave the async threads. About 0.1 ms.
pub const ON_THE_SPOT: usize = 2_000_000;
/// Multiply-adds that take as long as writing a number as text.
const NUMBER_COST: usize = 500;
/// Most numbers of a reply: about 120 MB of JSON.
pub const MAX_OUTPUTS: usize = 10_000_000;
/// Length of a number of a reply as text, about.
const NUMBER_BYTES: usize = 13;
/// Bytes up to which they are copied, or taken as numbers, on the spot. About 0.1 ms.
const COPIED_ON_THE_SPOT: usize = 1 << 20;
/// Memory of a number of a reply: the f32 and its text.
pub const OUTPUT_BYTES: usize = 16;

/// The forms of rows and outputs.
const MEDIA: [Media; 2] = [Media::Json, Media::Octets];

/// Rows to predict for: numbers for a model by layer sizes, records for one by data set.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PredictionBody {
    #[serde(default, deserialize_with = "given")]
    pub inputs: Option<Rows>,
    #[serde(default, deserialize_with = "given")]
    pub records: Option<Records>,
}

/// The parameters of `POST …/predict`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IntervalParams {
    interval: Option<f64>,
}

/// The parameters of `POST /predict`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PredictParams {
    model: String,
    interval: Option<f64>,
}

/// `POST /models/{model}/predict`: the active version.
pub async fn predict(
    State(app): State<App>,
    ModelPath(model): ModelPath,
    Params(params): Params<IntervalParams>,
    request: Request,
) -> Result<Response, ApiError> {
    let version = active(&app, &model).await?;
    of_version(&app, &model, version, params.interval, request).await
}

/// `POST /models/{model}/versions/{version}/predict`
pub async fn predict_version(
    State(app): State<App>,
    ModelPath(model): ModelPath,
    VersionPath(number): VersionPath,
    Params(params): Params<IntervalParams>,
    request: Request,
) -> Result<Response, ApiError> {
    let version = app.models.version(&model, number).await?;
    of_version(&app, &model, &version, params.interval, request).await
}

/// `POST /predict?model={model}`: the active version.
pub async fn predict_by_query(
    State(app): State<App>,
    Params(params): Params<PredictParams>,
    request: Request,
) -> Result<Response, ApiError> {
    let model = app.models.get(&params.model).await?;
    let version = active(&app, &model).await?;
    of_version(&app, &model, version, params.interval, request).await
}

async fn of_version(
    app: &App,
    model: &Model,
    version: &Version,
    interval: Option<f64>,
    request: Request,
) -> Result<Response, ApiError> {
    match &model.kind {
        ModelKind::Table(_) => table_predictions::predict(app, model, version, interval, request).await,
        ModelKind::Layers(spec) => {
            if interval.is_some() {
                let detail = "intervals are for models by data set";
                return Err(ApiError::parameter(ErrorCode::InvalidValue, "interval", detail));
            }
            let body = Media::of_body(request.headers(), &MEDIA);
            let reply = Media::of_reply(request.headers(), &MEDIA, body);
            let (inputs, memory) = match body {
                Media::Octets => of_octets(FileBody::from_request(request, app).await?, spec, app).await?,
                _ => of_json(JsonBody::read(request, app, parse).await?, spec)?,
            };
            let (model_id, version_number) = (model.id, version.number);
            let predictor = app.models.predictor(model, version).await?;
            outputs(app, Asked { model_id, version: version_number, predictor, reply }, inputs, memory).await
        }
    }
}

/// A JSON body.
fn parse(bytes: &[u8]) -> Result<PredictionBody, ApiError> {
    match plain_rows(bytes, cores()) {
        Some(rows) => Ok(PredictionBody { inputs: Some(rows), records: None }),
        None => parse_json(bytes),
    }
}

/// The inputs of a JSON body.
fn of_json(
    mut body: JsonBody<PredictionBody>,
    spec: &ValidModelSpec,
) -> Result<(Array2<f32>, RequestMemory), ApiError> {
    if body.value.records.is_some() {
        let detail = "the model is one by layer sizes: send `inputs`, rows of numbers, instead of `records`";
        return Err(ApiError::at(ErrorCode::WrongModelKind, "/records", detail));
    }
    let Some(rows) = body.value.inputs.take() else {
        let detail = "missing field `inputs`: the model is one by layer sizes and takes rows of numbers";
        return Err(ApiError::at(ErrorCode::MissingField, "/inputs", detail));
    };
    Ok((inputs(rows, spec, "")?, body.memory))
}

/// The inputs of a body of f32, little-endian, row after row.
async fn of_octets(
    FileBody { bytes, mut memory }: FileBody,
    spec: &ValidModelSpec,
    app: &App,
) -> Result<(Array2<f32>, RequestMemory), ApiError> {
    memory.reserve(bytes.len(), app)?;
    let (width, large) = (spec.inputs(), bytes.len() > COPIED_ON_THE_SPOT);
    let read = move || Ok::<_, ApiError>(octet_rows(&bytes, width)?);
    let inputs = if large { blocking(read).await? } else { read() };
    Ok((inputs?, memory))
}

/// What a prediction is made with and how it is answered.
struct Asked {
    model_id: Uuid,
    version: u64,
    predictor: Arc<Predictor>,
    reply: Media,
}

impl Asked {
    /// The outputs for some rows as they stand in the reply; values that are not finite are null in JSON.
    fn piece(&self, inputs: ArrayView2<f32>) -> Vec<u8> {
        let outputs = self.predictor.predict(inputs);
        if self.reply == Media::Octets {
            return octets(outputs.as_slice().expect("outputs are row-major"));
        }
        let mut text = Vec::with_capacity(outputs.len() * NUMBER_BYTES);
        for row in outputs.outer_iter() {
            if !text.is_empty() {
                text.push(b',');
            }
            let row = row.to_slice().expect("outputs are row-major");
            serde_json::to_writer(&mut text, row).expect("numbers can be written to memory");
        }
        text
    }

    /// The reply of these pieces, of `rows` rows together.
    fn answer(&self, pieces: Vec<Vec<u8>>, rows: usize) -> Response {
        let Asked { model_id, version, .. } = *self;
        if self.reply == Media::Octets {
            let mut response = reply::of_version(Media::Octets.name(), joined("", pieces, "", ""), model_id, version);
            let shape = format!("{rows},{}", self.predictor.spec().outputs());
            let shape = HeaderValue::from_str(&shape).expect("digits and a comma");
            response.headers_mut().insert("x-shape", shape);
            return response;
        }
        let head = format!(r#"{{"model_id":"{model_id}","version":{version},"outputs":["#);
        reply::with_type(StatusCode::OK, "application/json", joined(&head, pieces, ",", "]}"))
    }
}

/// Pieces one after the other. Each leaves memory when it is copied, so that they are there only once.
fn joined(head: &str, pieces: Vec<Vec<u8>>, between: &str, tail: &str) -> Vec<u8> {
    let length: usize = pieces.iter().map(|piece| piece.len() + between.len()).sum();
    let mut whole = Vec::with_capacity(head.len() + length + tail.len());
    whole.extend_from_slice(head.as_bytes());
    for (i, piece) in pieces.into_iter().enumerate() {
        whole.extend_from_slice(if i == 0 { "" } else { between }.as_bytes());
        whole.extend_from_slice(&piece);
    }
    whole.extend_from_slice(tail.as_bytes());
    whole
}

async fn outputs(
    app: &App,
    asked: Asked,
    inputs: Array2<f32>,
    mut memory: RequestMemory,
) -> Result<Response, ApiError> {
    let (rows, spec) = (inputs.nrows(), asked.predictor.spec());
    let numbers = rows.saturating_mul(spec.outputs());
    if numbers > MAX_OUTPUTS {
        let detail = format!("{rows} rows of {} outputs; a reply holds {MAX_OUTPUTS} numbers", spec.outputs());
        return Err(ApiError::new(ErrorCode::ReplyTooLarge, detail));
    }
    memory.reserve(numbers * OUTPUT_BYTES, app)?;
    app.meters.predictions.inc_by(rows as u64);
    let work = rows.saturating_mul(asked.predictor.members().parameter_count() + NUMBER_COST * spec.outputs());
    if work <= ON_THE_SPOT {
        return Ok(reply::holding(memory, asked.answer(vec![asked.piece(inputs.view())], rows)));
    }
    let shared = Arc::new((asked, inputs));
    let pieces = cuts(rows, shared.0.predictor.members().shard_rows(), work / ON_THE_SPOT).map(|rows| {
        let shared = shared.clone();
        blocking(move || shared.0.piece(shared.1.slice(s![rows, ..])))
    });
    let pieces = try_join_all(pieces).await?;
    let large = pieces.iter().map(Vec::len).sum::<usize>() > COPIED_ON_THE_SPOT;
    let answer = move || shared.0.answer(pieces, rows);
    let response = if large { blocking(answer).await? } else { answer() };
    Ok(reply::holding(memory, response))
}

/// `rows` rows in up to `most` pieces, one for each core: each of whole shards, so that their number changes no bit.
fn cuts(rows: usize, shard: usize, most: usize) -> impl Iterator<Item = Range<usize>> {
    let piece = rows.div_ceil(shard).div_ceil(cores().min(most).max(1)) * shard;
    (0..rows).step_by(piece).map(move |start| start..rows.min(start + piece))
}
