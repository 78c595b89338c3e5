//! For those who run the service: health and the contract.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;

use crate::api::error::{ApiError, Check, ErrorCode};
use crate::api::extract::NoQuery;
use crate::api::reply::json as reply;
use crate::app::App;
use crate::serving::readiness::Readiness;

/// The contract, as it stands in the project.
const OPENAPI: &str = include_str!("../../../openapi.yaml");
/// The same as JSON: `build.rs` writes it.
pub const OPENAPI_JSON: &str = include_str!(concat!(env!("OUT_DIR"), "/openapi.json"));

#[derive(Serialize)]
struct Health {
    status: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    checks: Vec<Check>,
}

/// `GET /livez`: the process answers.
pub async fn livez(_: NoQuery) -> Response {
    reply::json(StatusCode::OK, &Health { status: "ok", checks: Vec::new() })
}

/// `GET /readyz`: the service takes work.
pub async fn readyz(State(app): State<App>, _: NoQuery) -> Result<Response, ApiError> {
    let ready = Readiness::of(&app).await;
    let status = |(name, works): (&'static str, bool)| {
        let broken = match name {
            "jobs" => "stopping",
            "hold" => "lost",
            _ => "unavailable",
        };
        Check { name, status: if works { "ok" } else { broken } }
    };
    let checks: Vec<Check> = ready.parts().map(status).into();
    let unavailable = |detail| Err(ApiError::new(ErrorCode::StorageUnavailable, detail).with_checks(checks.clone()));
    match () {
        () if !ready.hold => unavailable("another process has taken the database: this one stops"),
        () if !ready.jobs => Err(ApiError::new(ErrorCode::Stopping, "the service is stopping").with_checks(checks)),
        () if !ready.catalog => {
            unavailable("the catalog does not answer: models that are not in memory cannot be reached")
        }
        () if !ready.blobs => unavailable("the blobs cannot be reached: versions and data sets that are not in memory"),
        () => Ok(reply::json(StatusCode::OK, &Health { status: "ready", checks })),
    }
}

/// `GET /openapi.yaml`
pub async fn openapi(_: NoQuery) -> Response {
    reply::with_type(StatusCode::OK, "application/yaml", OPENAPI)
}

/// `GET /openapi.json`
pub async fn openapi_json(_: NoQuery) -> Response {
    reply::with_type(StatusCode::OK, "application/json", OPENAPI_JSON)
}
