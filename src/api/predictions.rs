//! `POST …/predict`: of models by layer sizes, rows in, outputs out; those by data set are in `table_predictions`.

use std::sync::Arc;

use axum::extract::{FromRequest, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use ndarray::Array2;
use serde::ser::SerializeSeq;
use serde::{Deserialize, Serialize, Serializer};
use uuid::Uuid;

use super::active::active;
use super::error::{ApiError, ErrorCode};
use super::extract::{JsonBody, ModelPath, Params, VersionPath, blocking};
use super::{reply, table_predictions};
use crate::app::App;
use crate::data::records::Records;
use crate::data::rows::Rows;
use crate::learning::spec::ValidModelSpec;
use crate::learning::strict::given;
use crate::models::inline::inputs;
use crate::models::{Model, ModelKind, Version};

/// Multiply-adds up to which a prediction is made on the spot; more leave the async threads. About 0.1 ms.
pub const ON_THE_SPOT: usize = 2_000_000;
/// Most numbers of a reply: about 120 MB of JSON.
pub const MAX_OUTPUTS: usize = 10_000_000;
/// Memory of a number of a reply: the f32 and its text.
pub const OUTPUT_BYTES: usize = 16;

/// Rows to predict for: numbers for a model by layer sizes, records for one by data set.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PredictionBody {
    #[serde(default, deserialize_with = "given")]
    pub inputs: Option<Rows>,
    #[serde(default, deserialize_with = "given")]
    pub records: Option<Records>,
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
    of_version(&app, &model, version, params.interval, request).await
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
    version: Arc<Version>,
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
            let body = JsonBody::from_request(request, app).await?;
            outputs(app, model, spec, version, body).await
        }
    }
}

async fn outputs(
    app: &App,
    model: &Model,
    spec: &ValidModelSpec,
    version: Arc<Version>,
    mut body: JsonBody<PredictionBody>,
) -> Result<Response, ApiError> {
    if body.value.records.is_some() {
        let detail = "the model is one by layer sizes: send `inputs`, rows of numbers, instead of `records`";
        return Err(ApiError::at(ErrorCode::WrongModelKind, "/records", detail));
    }
    let Some(rows) = body.value.inputs.take() else {
        let detail = "missing field `inputs`: the model is one by layer sizes and takes rows of numbers";
        return Err(ApiError::at(ErrorCode::MissingField, "/inputs", detail));
    };
    let inputs = inputs(rows, spec, "")?;
    let rows = inputs.nrows();
    let numbers = rows.saturating_mul(spec.outputs());
    if numbers > MAX_OUTPUTS {
        let detail = format!("{rows} rows of {} outputs; a reply holds {MAX_OUTPUTS} numbers", spec.outputs());
        return Err(ApiError::new(ErrorCode::ReplyTooLarge, detail));
    }
    body.memory.reserve(numbers * OUTPUT_BYTES, app)?;
    let network = app.models.network(model, &version).await?;
    app.meters.predictions.inc_by(rows as u64);
    let model_id = model.id;
    let large = rows.saturating_mul(spec.parameter_count()) > ON_THE_SPOT;
    let reply = move || {
        let outputs = Matrix(network.predict(inputs.view()));
        reply::json(StatusCode::OK, &OutputsBody { model_id, version: version.number, outputs })
    };
    if large { blocking(reply).await } else { Ok(reply()) }
}
