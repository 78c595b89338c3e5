//! `POST /models/{model}/evaluate`, and of one version: how good it is on data whose target is known.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::api::body::formats::check_no_file;
use crate::api::body::json::JsonBody;
use crate::api::body::parse::parse_rows;
use crate::api::error::ApiError;
use crate::api::extract::{ModelPath, NoQuery, VersionPath, may_use};
use crate::api::reply::document::document;
use crate::api::reply::findings::{WarningBody, version_warnings};
use crate::app::App;
use crate::data::json::{GivenWeights, Records, Rows, RowsOrNames, column_names};
use crate::keys::Sight;
use crate::models::{Model, Version};
use crate::serving::active;
use crate::serving::data::DataFields;
use crate::serving::evaluate::{Evaluation, evaluate as measure};
use crate::serving::threads::long_work_may_begin;
use crate::strict::given;

/// The data to measure on: rows, a data set, or records with the target.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvaluationRequest {
    #[serde(default, deserialize_with = "given")]
    inputs: Option<Rows>,
    #[serde(default, deserialize_with = "given")]
    targets: Option<RowsOrNames>,
    #[serde(default, deserialize_with = "given")]
    dataset: Option<String>,
    #[serde(default, deserialize_with = "column_names")]
    features: Option<Vec<String>>,
    #[serde(default, deserialize_with = "given")]
    weights: Option<GivenWeights>,
    #[serde(default, deserialize_with = "given")]
    records: Option<Records>,
}

/// Loss and metrics on the rows sent.
#[derive(Serialize)]
struct EvaluationBody<'a> {
    model_id: Uuid,
    #[serde(flatten)]
    evaluation: &'a Evaluation,
    warnings: Vec<WarningBody<'a>>,
}

/// `POST /models/{model}/evaluate`: the active version.
pub async fn evaluate(
    State(app): State<App>,
    who: Sight,
    ModelPath(model): ModelPath,
    _: NoQuery,
    request: Request,
) -> Result<Response, ApiError> {
    let version = active(&app, &model).await?;
    of_version(&app, &who, &model, version, request).await
}

/// `POST /models/{model}/versions/{version}/evaluate`
pub async fn evaluate_version(
    State(app): State<App>,
    who: Sight,
    ModelPath(model): ModelPath,
    VersionPath(key): VersionPath,
    _: NoQuery,
    request: Request,
) -> Result<Response, ApiError> {
    let version = app.models.version_called(&model, &key).await?;
    of_version(&app, &who, &model, &version, request).await
}

async fn of_version(
    app: &App,
    who: &Sight,
    model: &Model,
    version: &Version,
    request: Request,
) -> Result<Response, ApiError> {
    check_no_file(request.headers())?;
    long_work_may_begin(app)?;
    let JsonBody { value, mut memory, .. } = JsonBody::read(request, app, parse_rows::<EvaluationRequest>).await?;
    let EvaluationRequest { inputs, targets, dataset, features, weights, records } = value;
    may_use(app, who, [dataset.as_ref()]).await?;
    let fields = DataFields { inputs, targets, dataset, features, weights };
    let evaluation = measure(app, model, version, fields, records, &mut memory).await?;
    let model_id = model.id;
    document(app, StatusCode::OK, 0, move |sheet| {
        let warnings = version_warnings(&evaluation.warnings);
        sheet.json(&EvaluationBody { model_id, evaluation: &evaluation, warnings })
    })
    .await
}
