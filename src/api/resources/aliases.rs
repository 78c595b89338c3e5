//! `/models/{model}/aliases`: names of versions, listed, set, removed.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::api::body::json::JsonBody;
use crate::api::error::ApiError;
use crate::api::extract::{AliasPath, ModelPath, NoQuery};
use crate::api::reply::json as reply;
use crate::api::reply::page::Page;
use crate::app::App;
use crate::models::alias::ACTIVE;
use crate::serving::threads::to_the_end;

/// A name of a version.
#[derive(Serialize)]
struct AliasBody<'a> {
    alias: &'a str,
    /// None where there is no active version.
    version: Option<u64>,
    updated_at: Option<Timestamp>,
}

/// `GET /models/{model}/aliases`: the active version's, which is always there, then the others in their order.
pub async fn list(ModelPath(model): ModelPath, _: NoQuery) -> Result<Response, ApiError> {
    let version = model.active.as_ref().map(|active| active.number);
    let active = AliasBody { alias: ACTIVE, version, updated_at: model.activated_at };
    let others = model.aliases.iter().map(|alias| AliasBody {
        alias: &alias.name,
        version: Some(alias.version.number),
        updated_at: Some(alias.updated_at),
    });
    let page = Page::of([active].into_iter().chain(others).collect(), None);
    Ok(reply::json(StatusCode::OK, &page))
}

/// Which version an alias is to name.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AliasRequest {
    version: u64,
}

/// `PUT /models/{model}/aliases/{alias}`
pub async fn set(
    State(app): State<App>,
    ModelPath(model): ModelPath,
    AliasPath(alias): AliasPath,
    _: NoQuery,
    JsonBody { value: AliasRequest { version }, .. }: JsonBody<AliasRequest>,
) -> Result<Response, ApiError> {
    let (id, name) = (model.id, alias.clone());
    let updated_at = to_the_end(async move { app.models.set_alias(&model, &name, version).await }).await??;
    tracing::info!(model_id = %id, alias, version, "alias set");
    let body = AliasBody { alias: &alias, version: Some(version), updated_at: Some(updated_at) };
    Ok(reply::json(StatusCode::OK, &body))
}

/// `DELETE /models/{model}/aliases/{alias}`
pub async fn remove(
    State(app): State<App>,
    ModelPath(model): ModelPath,
    AliasPath(alias): AliasPath,
    _: NoQuery,
) -> Result<Response, ApiError> {
    let (id, name) = (model.id, alias.clone());
    to_the_end(async move { app.models.remove_alias(&model, &name).await }).await??;
    tracing::info!(model_id = %id, alias, "alias deleted");
    Ok(StatusCode::NO_CONTENT.into_response())
}
