//! `POST /models/{model}/trace`: backpropagation of one row, taken apart.

use axum::extract::{FromRequest, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::api::body::json::JsonBody;
use crate::api::error::ApiError;
use crate::api::extract::{ModelPath, NoQuery};
use crate::api::reply::document::document;
use crate::app::App;
use crate::data::json::{Rows, RowsOrNames};
use crate::learning::trace::Trace;
use crate::serving::active;
use crate::serving::data::DataFields;
use crate::serving::trace::trace as traced;
use crate::strict::given;

/// One row with its target.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TraceRequest {
    #[serde(default, deserialize_with = "given")]
    inputs: Option<Rows>,
    #[serde(default, deserialize_with = "given")]
    targets: Option<Rows>,
}

/// What was done with it.
#[derive(Serialize)]
struct TraceBody {
    model_id: Uuid,
    version: u64,
    #[serde(flatten)]
    trace: Trace,
}

/// `POST /models/{model}/trace`: by the active version.
pub async fn trace(
    State(app): State<App>,
    ModelPath(model): ModelPath,
    _: NoQuery,
    request: Request,
) -> Result<Response, ApiError> {
    let version = active(&app, &model).await?;
    let JsonBody { value, mut memory, .. } = JsonBody::<TraceRequest>::from_request(request, &app).await?;
    let row =
        DataFields { inputs: value.inputs, targets: value.targets.map(RowsOrNames::Rows), ..DataFields::default() };
    let trace = traced(&app, &model, version, row, &mut memory).await?;
    let body = TraceBody { model_id: model.id, version: version.number, trace };
    document(&app, StatusCode::OK, 0, move |sheet| sheet.json(&body)).await
}
