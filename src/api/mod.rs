//! The HTTP face: the only room that knows axum. One file per resource.
//!
//! [`routes`] is the one list of routes; the contract test holds it against `openapi.yaml`. A request comes in by a
//! connection of `serving`, passes `access` (id, log, metrics, problem documents, panics), and is led to its handler by
//! `router`.

pub mod access;
mod active;
mod answers;
mod bulk_predictions;
mod data_fields;
mod datasets;
pub mod error;
mod evaluation;
mod events;
mod extract;
mod gzip;
mod idempotency;
mod jobs;
mod long_reply;
mod media;
mod models;
mod operations;
mod page;
mod parse;
mod plain_rows;
mod predictions;
mod receiving;
mod reply;
mod router;
mod schema;
mod serving;
mod table_predictions;
mod training;
mod transfer;
mod upload;
mod versions;

use axum::http::Method;

pub use router::Route;
pub use serving::serve;

/// Every route of the service.
pub fn routes() -> Vec<Route> {
    vec![
        Route::post("/models", models::create),
        Route::get("/models", models::list),
        Route::post("/models/import", transfer::import),
        Route::get("/models/{model}", models::show),
        Route::new(Method::PATCH, "/models/{model}", models::change),
        Route::new(Method::DELETE, "/models/{model}", models::remove),
        Route::get("/models/{model}/versions", versions::list),
        Route::get("/models/{model}/versions/{version}", versions::show),
        Route::post("/models/{model}/versions/{version}/activate", versions::activate),
        Route::new(Method::DELETE, "/models/{model}/versions/{version}", versions::remove),
        Route::get("/models/{model}/versions/{version}/parameters", versions::parameters),
        Route::get("/models/{model}/versions/{version}/export", transfer::export),
        Route::post("/models/{model}/train", training::train),
        Route::post("/models/{model}/predict", predictions::predict),
        Route::post("/models/{model}/versions/{version}/predict", predictions::predict_version),
        Route::post("/predict", predictions::predict_by_query),
        Route::post("/models/{model}/evaluate", evaluation::evaluate),
        Route::get("/models/{model}/versions/{version}/importance", versions::importance),
        Route::get("/models/{model}/schema", schema::schema),
        Route::get("/models/{model}/openapi.json", schema::openapi),
        Route::post("/datasets", datasets::create),
        Route::get("/datasets", datasets::list),
        Route::get("/datasets/{dataset}", datasets::show),
        Route::get("/datasets/{dataset}/rows", datasets::rows),
        Route::new(Method::DELETE, "/datasets/{dataset}", datasets::remove),
        Route::post("/train", training::train_file),
        Route::get("/jobs", jobs::list),
        Route::get("/jobs/{job}", jobs::show),
        Route::get("/jobs/{job}/epochs", jobs::epochs),
        Route::get("/jobs/{job}/events", events::events),
        Route::post("/jobs/{job}/cancel", jobs::cancel),
        Route::get("/livez", operations::livez),
        Route::get("/readyz", operations::readyz),
        Route::get("/metrics", operations::metrics),
        Route::get("/openapi.yaml", operations::openapi),
        Route::get("/openapi.json", operations::openapi_json),
        Route::get("/docs/errors", operations::errors),
    ]
}
