//! `GET /metrics`: what the service counts, and what its parts say of themselves at the moment.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use crate::api::error::ApiError;
use crate::api::extract::NoQuery;
use crate::api::reply::json as reply;
use crate::app::App;
use crate::keys::Sight;
use crate::monitoring::gauges::gauges;
use crate::serving::readiness::Readiness;
use crate::telemetry::{Snapshot, StoredState};
use crate::workplaces::Occupancy;

/// `GET /metrics`: Prometheus text. It is answered also while the catalog is not: what is stored is told as it was known last.
/// A key that sees some models only is told nothing by model.
pub async fn metrics(State(app): State<App>, who: Sight, _: NoQuery) -> Result<Response, ApiError> {
    let ready = Readiness::of(&app).await;
    let stored = if ready.catalog { stored(&app).await.ok() } else { None };
    let of_models = match ready.catalog && !who.is_limited() {
        true => gauges(&app.storage.catalog).await.ok(),
        false => None,
    };
    let text = app.meters.render(&Snapshot {
        memory: &app.memory,
        admitted: app.pressure.admitted(),
        scratch: (app.storage.scratch.used(), app.storage.scratch.limit()),
        disk: app.storage.scratch.disk(),
        ready: &ready.parts(),
        places: &places(&app),
        caches: &app.models.caches(),
        stored,
        names_models: !who.is_limited(),
        stored_limit: (app.settings.max_stored_objects, app.settings.max_stored_bytes.as_u64()),
    });
    let text = text + &of_models.map(|of_models| of_models.render()).unwrap_or_default();
    Ok(reply::with_type(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", text))
}

/// What the catalog has.
async fn stored(app: &App) -> Result<StoredState, ApiError> {
    let totals = app.storage.catalog.stored().await?;
    let jobs = app.jobs.counts().await?.into_iter().collect();
    Ok(StoredState { totals: (totals.objects, totals.bytes), models: app.models.count().await?, jobs })
}

/// What places work waits for.
fn places(app: &App) -> [(&'static str, Occupancy); 6] {
    let (queued, running) = app.jobs.open_counts();
    let of = |places, taken, waiting| Occupancy { places, taken, waiting };
    [
        ("long_work", app.long_work.occupancy()),
        ("data_files", app.datasets.readers()),
        ("version_files", app.models.readers()),
        ("catalog", app.storage.catalog.connections()),
        ("trainings", of(app.settings.concurrent_jobs(), running, Some(queued))),
        ("queue", of(app.settings.queue_capacity, queued, None)),
    ]
}
