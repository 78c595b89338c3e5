//! Models as files: `GET …/export`, `POST /models/import`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequest, Request, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_LENGTH};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use serde::Deserialize;

use super::models::{again, location};
use crate::api::body::read::FileBody;
use crate::api::error::{ApiError, ErrorCode};
use crate::api::extract::{ModelPath, Params, VersionPath, may_name};
use crate::api::idempotency::Repeatable;
use crate::api::reply::document::created;
use crate::api::reply::json as reply;
use crate::api::reply::model::ModelBody;
use crate::app::App;
use crate::keys::Sight;
use crate::models::{Model, ModelError};
use crate::serving::threads::to_the_end;
use crate::wording::Shown;

/// What a byte of a file's index may become: that of a word of one letter has some forty in memory, and the longer a word, the less.
const OF_INDEX: usize = 6;

/// The parameters of `GET …/export`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportParams {
    format: Option<String>,
}

/// `GET /models/{model}/versions/{version}/export`: the version's file as it is kept.
pub async fn export(
    State(app): State<App>,
    ModelPath(model): ModelPath,
    VersionPath(key): VersionPath,
    Params(params): Params<ExportParams>,
) -> Result<Response, ApiError> {
    if let Some(format) = params.format.filter(|format| format != "safetensors") {
        let detail = format!("there is no format {}: this release exports safetensors", Shown(&format));
        return Err(ApiError::parameter(ErrorCode::InvalidValue, "format", detail));
    }
    let version = app.models.version_called(&model, &key).await?;
    let (size, bytes) = app.models.file(&version).await?;
    let mut response = reply::with_type(StatusCode::OK, "application/octet-stream", Body::from_stream(bytes));
    let disposition = format!("attachment; filename=\"{}-{}.safetensors\"", model.title(), version.number);
    let disposition = HeaderValue::from_str(&disposition).expect("names and identifiers are ASCII");
    response.headers_mut().insert(CONTENT_DISPOSITION, disposition);
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(size));
    Ok(response)
}

/// The parameters of `POST /models/import`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImportParams {
    name: Option<String>,
}

/// `POST /models/import`: a model of a file that export gave, with that as its version 1.
pub async fn import(
    State(app): State<App>,
    who: Sight,
    Params(params): Params<ImportParams>,
    request: Request,
) -> Result<Response, ApiError> {
    may_name(&who, params.name.as_deref())?;
    let (repeatable, owner) = (Repeatable::of(&request)?, who.owner());
    let found = app.models.check_new(params.name.as_deref(), owner).await;
    repeatable.or_refused(&app, found.map_err(of_name)).await?;
    let FileBody { bytes, mut memory } = FileBody::from_request(request, &app).await?;
    let idempotency = repeatable.with_long_body(&app, bytes.clone()).await?;
    if let Some(reply) = idempotency.first_reply(&app, &who, again).await? {
        return Ok(reply);
    }
    // The networks and encoder that are read of it, and the file that is made of them.
    memory.reserve(2 * bytes.len() + OF_INDEX * index_bytes(&bytes), &app)?;
    let (models, receipts) = (app.models.clone(), idempotency.clone());
    let receipt = move |model: &Model| receipts.receipt_of_place(StatusCode::CREATED, &location(model));
    let made = to_the_end(async move {
        let imported = models.import(params.name, bytes, owner, receipt).await;
        drop(memory);
        imported
    });
    let made = made.await?.map_err(of_name);
    idempotency.unless_repeated(&app, &who, made, imported, again).await
}

/// How long the index of a file is that says so in its first eight bytes, as far as it is there.
fn index_bytes(file: &[u8]) -> usize {
    let said = file.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
    usize::try_from(said).unwrap_or(usize::MAX).min(file.len())
}

/// An error that may be the name's.
fn of_name(error: ModelError) -> ApiError {
    ApiError::from(error).of_query(&["name"])
}

/// The reply to a file of which a model is made.
async fn imported(app: &App, model: Arc<Model>) -> Result<Response, ApiError> {
    tracing::info!(model_id = %model.id, name = model.name, "model imported");
    let at = location(&model);
    created(app, StatusCode::CREATED, &at, 0, move |sheet| sheet.json(&ModelBody::of(&model))).await
}
