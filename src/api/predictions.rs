//! `POST …/predict`: rows in, outputs out.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use ndarray::Array2;
use serde::ser::SerializeSeq;
use serde::{Deserialize, Serialize, Serializer};
use uuid::Uuid;

use super::error::{ApiError, ErrorCode};
use super::extract::{JsonBody, ModelPath, NoQuery, Params, VersionPath, blocking};
use super::reply;
use crate::app::App;
use crate::data::rows::Rows;
use crate::models::inline::inputs;
use crate::models::{Model, Version};

/// Multiply-adds up to which a prediction is made on the spot; more leave the async threads. About 0.1 ms.
const ON_THE_SPOT: usize = 2_000_000;
/// Most numbers of a reply: about 120 MB of JSON.
const MAX_OUTPUTS: usize = 10_000_000;
/// Memory of a number of a reply: the f32 and its text.
const OUTPUT_BYTES: usize = 16;

/// Rows to predict for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PredictionBody {
    inputs: Rows,
}

/// The outputs of a version.
#[derive(Serialize)]
struct OutputsBody {
    model_id: Uuid,
    version: u64,
    outputs: Matrix,
}

/// A matrix as a list of rows; values that are not finite become null.
struct Matrix(Array2<f32>);

impl Serialize for Matrix {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut rows = serializer.serialize_seq(Some(self.0.nrows()))?;
        for row in self.0.outer_iter() {
            rows.serialize_element(row.as_slice().expect("outputs are row-major"))?;
        }
        rows.end()
    }
}

/// `POST /models/{model}/predict`: the active version.
pub async fn predict(
    State(app): State<App>,
    ModelPath(model): ModelPath,
    _: NoQuery,
    body: JsonBody<PredictionBody>,
) -> Result<Response, ApiError> {
    let version = model.active()?.clone();
    outputs(&app, &model, version, body).await
}

/// `POST /models/{model}/versions/{version}/predict`
pub async fn predict_version(
    State(app): State<App>,
    ModelPath(model): ModelPath,
    VersionPath(number): VersionPath,
    _: NoQuery,
    body: JsonBody<PredictionBody>,
) -> Result<Response, ApiError> {
    let version = app.models.version(&model, number).await?;
    outputs(&app, &model, version, body).await
}

/// The parameters of `POST /predict`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PredictParams {
    model: String,
}

/// `POST /predict?model={model}`: the active version.
pub async fn predict_by_query(
    State(app): State<App>,
    Params(params): Params<PredictParams>,
    body: JsonBody<PredictionBody>,
) -> Result<Response, ApiError> {
    let model = app.models.get(&params.model).await?;
    let version = model.active()?.clone();
    outputs(&app, &model, version, body).await
}

async fn outputs(
    app: &App,
    model: &Model,
    version: Arc<Version>,
    mut body: JsonBody<PredictionBody>,
) -> Result<Response, ApiError> {
    let rows = std::mem::take(&mut body.value.inputs);
    let inputs = inputs(rows, &model.spec, "")?;
    let rows = inputs.nrows();
    let numbers = rows.saturating_mul(model.spec.outputs());
    if numbers > MAX_OUTPUTS {
        let detail = format!("{rows} rows of {} outputs; a reply holds {MAX_OUTPUTS} numbers", model.spec.outputs());
        return Err(ApiError::new(ErrorCode::ReplyTooLarge, detail));
    }
    body.reserve(numbers * OUTPUT_BYTES, app)?;
    let network = app.models.network(model, &version).await?;
    app.meters.predictions.inc_by(rows as u64);
    let model_id = model.id;
    let large = rows.saturating_mul(model.spec.parameter_count()) > ON_THE_SPOT;
    let reply = move || {
        let outputs = Matrix(network.predict(inputs.view()));
        reply::json(StatusCode::OK, &OutputsBody { model_id, version: version.number, outputs })
    };
    if large { blocking(reply).await } else { Ok(reply()) }
}
