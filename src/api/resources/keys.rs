//! `/keys`: create, list, show, change, remove. For admins.

use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::api::body::json::JsonBody;
use crate::api::error::{ApiError, ErrorCode};
use crate::api::extract::{NoQuery, Params, Words};
use crate::api::layers::request_id::RequestId;
use crate::api::reply::json as reply;
use crate::api::reply::page::{Page, PageParams};
use crate::app::App;
use crate::keys::registry::MAX_PATTERNS;
use crate::keys::{Key, KeyChanges, NewKey, Role, Sight};
use crate::serving::threads::to_the_end;
use crate::strict::{at_most, given};

/// A key to make.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewKeyBody {
    name: String,
    role: Role,
    #[serde(default, deserialize_with = "given")]
    models: Option<GivenPatterns>,
    #[serde(default, deserialize_with = "given")]
    expires_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "given")]
    requests_per_second: Option<f64>,
    #[serde(default, deserialize_with = "given")]
    stored_bytes: Option<u64>,
}

/// Patterns, not more than may be.
#[derive(Deserialize)]
#[serde(transparent)]
struct GivenPatterns(#[serde(deserialize_with = "at_most::<_, _, MAX_PATTERNS>")] Vec<String>);

/// A key as its admin sees it.
#[derive(Serialize)]
struct KeyBody<'a> {
    id: Option<Uuid>,
    name: &'a str,
    role: Role,
    models: Option<Vec<String>>,
    created_at: Timestamp,
    expires_at: Option<Timestamp>,
    last_used_at: Option<Timestamp>,
    requests_per_second: Option<f64>,
    stored_bytes: Option<u64>,
    /// Its secret, once.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
}

impl<'a> KeyBody<'a> {
    fn of(key: &'a Key) -> Self {
        KeyBody {
            id: key.id,
            name: &key.name,
            role: key.role,
            models: key.models.as_ref().map(|models| models.iter().map(ToString::to_string).collect()),
            created_at: key.created_at,
            expires_at: key.expires_at,
            last_used_at: key.last_used_at(),
            requests_per_second: key.requests_per_second,
            stored_bytes: key.stored_bytes,
            key: None,
        }
    }
}

/// Who changes keys: nobody without one, or the first to come would have the service.
fn admin(sight: &Sight) -> Result<&Key, ApiError> {
    let detail = "keys are changed with the key of an admin, and there is none: start the service with --api-keys";
    sight.key().ok_or_else(|| ApiError::new(ErrorCode::KeyForbids, detail))
}

/// `POST /keys`
pub async fn create(
    State(app): State<App>,
    sight: Sight,
    request_id: RequestId,
    _: NoQuery,
    JsonBody { value, .. }: JsonBody<NewKeyBody>,
) -> Result<Response, ApiError> {
    let by = admin(&sight)?;
    let NewKeyBody { name, role, models, expires_at, requests_per_second, stored_bytes } = value;
    let models = models.map(|GivenPatterns(models)| models);
    let new = NewKey { name, role, models, expires_at, requests_per_second, stored_bytes };
    let keys = app.keys.clone();
    let (key, secret) = to_the_end(async move { keys.create(new).await }).await??;
    app.keys.audit.changed("created", &key, None, by, request_id.as_str());
    let location = format!("/keys/{}", key.id.unwrap_or_default());
    let mut reply = reply::created(StatusCode::CREATED, &location, &KeyBody { key: Some(secret), ..KeyBody::of(&key) });
    // Whoever keeps replies, on the way or in a browser, keeps no secret.
    reply.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(reply)
}

/// `GET /keys`: those that are stored.
pub async fn list(State(app): State<App>, Params(params): Params<PageParams>) -> Result<Response, ApiError> {
    let query = params.check::<Uuid>()?;
    let keys = app.keys.stored();
    let older = keys.iter().filter(|key| query.before.is_none_or(|before| key.id < Some(before)));
    let mut found: Vec<_> = older.take(query.limit + 1).collect();
    let more = found.len() > query.limit;
    found.truncate(query.limit);
    let cursor = found.last().filter(|_| more).and_then(|key| key.id).map(|id| id.to_string());
    Ok(reply::json(StatusCode::OK, &Page::of(found.into_iter().map(|key| KeyBody::of(key)).collect(), cursor)))
}

/// `GET /keys/{key}`
pub async fn show(State(app): State<App>, Words(key): Words<String>, _: NoQuery) -> Result<Response, ApiError> {
    Ok(reply::json(StatusCode::OK, &KeyBody::of(&*app.keys.get(&key)?)))
}

/// Changes to a key. An end of null takes the end away.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyChangesBody {
    #[serde(default, deserialize_with = "given")]
    name: Option<String>,
    #[serde(default, deserialize_with = "given")]
    expires_at: Option<Option<Timestamp>>,
}

/// `PATCH /keys/{key}`
pub async fn change(
    State(app): State<App>,
    sight: Sight,
    request_id: RequestId,
    Words(key): Words<String>,
    _: NoQuery,
    JsonBody { value, .. }: JsonBody<KeyChangesBody>,
) -> Result<Response, ApiError> {
    let by = admin(&sight)?;
    if value.name.is_none() && value.expires_at.is_none() {
        return Err(ApiError::new(ErrorCode::MissingField, "there is nothing to change: send `name` or `expires_at`"));
    }
    let changes = KeyChanges { name: value.name, expires_at: value.expires_at };
    let keys = app.keys.clone();
    let [was, changed] = to_the_end(async move { keys.change_key(&key, changes).await }).await??;
    app.keys.audit.changed("changed", &changed, Some(&was), by, request_id.as_str());
    Ok(reply::json(StatusCode::OK, &KeyBody::of(&changed)))
}

/// `DELETE /keys/{key}`
pub async fn remove(
    State(app): State<App>,
    sight: Sight,
    request_id: RequestId,
    Words(key): Words<String>,
    _: NoQuery,
) -> Result<Response, ApiError> {
    let by = admin(&sight)?;
    let keys = app.keys.clone();
    let removed = to_the_end(async move { keys.remove(&key).await }).await??;
    app.keys.audit.changed("deleted", &removed, None, by, request_id.as_str());
    Ok(StatusCode::NO_CONTENT.into_response())
}
