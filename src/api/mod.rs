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
    let (get, post) = (Method::GET, Method::POST);
    vec![
        Route::new(post.clone(), "/models", models::create),
        Route::new(get.clone(), "/models", models::list),
        Route::new(post.clone(), "/models/import", transfer::import),
        Route::new(get.clone(), "/models/{model}", models::show),
        Route::new(Method::PATCH, "/models/{model}", models::change),
        Route::new(Method::DELETE, "/models/{model}", models::remove),
        Route::new(get.clone(), "/models/{model}/versions", versions::list),
        Route::new(get.clone(), "/models/{model}/versions/{version}", versions::show),
        Route::new(post.clone(), "/models/{model}/versions/{version}/activate", versions::activate),
        Route::new(Method::DELETE, "/models/{model}/versions/{version}", versions::remove),
        Route::new(get.clone(), "/models/{model}/versions/{version}/parameters", versions::parameters),
        Route::new(get.clone(), "/models/{model}/versions/{version}/export", transfer::export),
        Route::new(post.clone(), "/models/{model}/train", training::train),
        Route::new(post.clone(), "/models/{model}/predict", predictions::predict),
        Route::new(post.clone(), "/models/{model}/versions/{version}/predict", predictions::predict_version),
        Route::new(post.clone(), "/predict", predictions::predict_by_query),
        Route::new(post.clone(), "/models/{model}/evaluate", evaluation::evaluate),
        Route::new(get.clone(), "/models/{model}/versions/{version}/importance", versions::importance),
        Route::new(get.clone(), "/models/{model}/schema", schema::schema),
        Route::new(get.clone(), "/models/{model}/openapi.json", schema::openapi),
        Route::new(post.clone(), "/datasets", datasets::create),
        Route::new(get.clone(), "/datasets", datasets::list),
        Route::new(get.clone(), "/datasets/{dataset}", datasets::show),
        Route::new(get.clone(), "/datasets/{dataset}/rows", datasets::rows),
        Route::new(Method::DELETE, "/datasets/{dataset}", datasets::remove),
        Route::new(post.clone(), "/train", training::train_file),
        Route::new(get.clone(), "/jobs", jobs::list),
        Route::new(get.clone(), "/jobs/{job}", jobs::show),
        Route::new(get.clone(), "/jobs/{job}/epochs", jobs::epochs),
        Route::new(get.clone(), "/jobs/{job}/events", events::events),
        Route::new(post, "/jobs/{job}/cancel", jobs::cancel),
        Route::new(get.clone(), "/livez", operations::livez),
        Route::new(get.clone(), "/readyz", operations::readyz),
        Route::new(get.clone(), "/metrics", operations::metrics),
        Route::new(get.clone(), "/openapi.yaml", operations::openapi),
        Route::new(get, "/docs/errors", operations::errors),
    ]
}
