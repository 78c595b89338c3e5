//! The HTTP face: the only room that knows axum, tower-http and hyper.
//!
//! [`routes`] is the one list of routes; the contract test holds it against `openapi.yaml`. A request comes in by a
//! connection of `server`, is led by axum's `Router` through `layers` (id, log, metrics, problem documents, panics,
//! packing) to its handler in `resources`, which takes what `extract` and `body` have read and answers by `reply`.

pub(crate) mod body;
pub mod error;
mod extract;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod idempotency;
mod layers;
mod reply;
mod resources;
mod server;
pub mod tls;

use std::future::Future;

use axum::Router;
use axum::handler::Handler;
use axum::http::Method;
use axum::routing::{MethodFilter, MethodRouter, any, on};
use tokio::net::TcpListener;

use crate::app::App;
use crate::webhooks::Sender;
use error::{ApiError, ErrorCode};
use layers::observe::UNMATCHED;
use resources::{
    datasets, evaluation, events, jobs, models, operations, predictions, schema, training, transfer, versions,
};
use tls::Tls;

pub use layers::log_panics;

/// One route: a method, a path template, its handler.
pub struct Route {
    /// GET, POST, …
    pub method: Method,
    /// As in `openapi.yaml`: `/models/{model}`.
    pub path: &'static str,
    handler: MethodRouter<App>,
}

impl Route {
    fn get<H: Handler<T, App>, T: 'static>(path: &'static str, handler: H) -> Self {
        Route { method: Method::GET, path, handler: on(MethodFilter::GET, handler) }
    }

    fn post<H: Handler<T, App>, T: 'static>(path: &'static str, handler: H) -> Self {
        Route { method: Method::POST, path, handler: on(MethodFilter::POST, handler) }
    }

    fn patch<H: Handler<T, App>, T: 'static>(path: &'static str, handler: H) -> Self {
        Route { method: Method::PATCH, path, handler: on(MethodFilter::PATCH, handler) }
    }

    fn delete<H: Handler<T, App>, T: 'static>(path: &'static str, handler: H) -> Self {
        Route { method: Method::DELETE, path, handler: on(MethodFilter::DELETE, handler) }
    }
}

/// Every route of the service.
pub fn routes() -> Vec<Route> {
    vec![
        Route::post("/models", models::create),
        Route::get("/models", models::list),
        Route::post("/models/import", transfer::import),
        Route::get("/models/{model}", models::show),
        Route::patch("/models/{model}", models::change),
        Route::delete("/models/{model}", models::remove),
        Route::get("/models/{model}/versions", versions::list),
        Route::get("/models/{model}/versions/{version}", versions::show),
        Route::post("/models/{model}/versions/{version}/activate", versions::activate),
        Route::delete("/models/{model}/versions/{version}", versions::remove),
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
        Route::delete("/datasets/{dataset}", datasets::remove),
        Route::post("/train", training::train_file),
        Route::get("/jobs", jobs::list),
        Route::get("/jobs/{job}", jobs::show),
        Route::delete("/jobs/{job}", jobs::remove),
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

/// The service as a `tower::Service`: the routes of `app`, and what goes around them.
pub fn router(app: App) -> Router {
    let mut paths: Vec<(&'static str, MethodRouter<App>)> = Vec::new();
    for Route { path, handler, .. } in routes() {
        match paths.iter_mut().find(|(known, _)| *known == path) {
            Some((_, handlers)) => *handlers = std::mem::take(handlers).merge(handler),
            None => paths.push((path, handler)),
        }
    }
    let around = |template, handlers: MethodRouter<App>| layers::around(template, handlers, &app);
    let mut router = Router::new();
    for (path, handlers) in paths {
        router = router.route(path, around(path, handlers.fallback(no_method)));
    }
    router.fallback_service(around(UNMATCHED, any(no_route)).with_state(app.clone())).with_state(app)
}

async fn no_route() -> ApiError {
    ApiError::new(ErrorCode::RouteNotFound, "there is no such route: see /openapi.yaml")
}

async fn no_method() -> ApiError {
    ApiError::new(ErrorCode::MethodNotAllowed, "the route does not take this method: see the Allow header")
}

/// Serves `app` on `listener`, and tells the webhook, until `shutdown` resolves; then closes the app, and gives open requests the time
/// of `--shutdown-timeout` to finish. It returns when that is over, whatever is left. With `tls`, HTTPS is spoken.
///
/// # Errors
/// What the listener ends with, or why the webhook cannot be told.
pub async fn serve(
    app: App,
    listener: TcpListener,
    tls: Option<Tls>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let _sender = Sender::start(&app, jobs::told)?;
    server::serve(app, listener, tls, router, shutdown).await
}
