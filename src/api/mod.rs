//! The HTTP face: the only room that knows axum, tower-http and hyper.
//!
//! [`routes`] is the one list of routes; the contract test holds it against `openapi.yaml`. A request comes in by a
//! connection of `server`, is led by axum's `Router` through `layers` (id, log, metrics, problem documents, panics,
//! packing) to its handler in `resources`, which takes what `extract` and `body` have read and answers by `reply`.

pub(crate) mod body;
pub mod error;
mod extract;
mod extras;
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
use crate::keys::Role;
use crate::webhooks::Sender;
use error::{ApiError, ErrorCode};
use layers::door::Door;
use layers::observe::UNMATCHED;
use resources::{
    aliases, datasets, evaluation, events, jobs, keys, metrics, models, monitoring, operations, pages, plots,
    predictions, schema, trace, training, transfer, versions,
};
use tls::Tls;

pub use layers::door::Access;
pub use layers::log_panics;

/// One route: a method, a path template, its handler.
pub struct Route {
    /// GET, POST, …
    pub method: Method,
    /// As in `openapi.yaml`: `/models/{model}`.
    pub path: &'static str,
    /// Who may call it, once there are keys.
    pub access: Access,
    handler: MethodRouter<App>,
}

impl Route {
    fn get<H: Handler<T, App>, T: 'static>(path: &'static str, access: Access, handler: H) -> Self {
        Route { method: Method::GET, path, access, handler: on(MethodFilter::GET, handler) }
    }

    fn post<H: Handler<T, App>, T: 'static>(path: &'static str, access: Access, handler: H) -> Self {
        Route { method: Method::POST, path, access, handler: on(MethodFilter::POST, handler) }
    }

    fn put<H: Handler<T, App>, T: 'static>(path: &'static str, access: Access, handler: H) -> Self {
        Route { method: Method::PUT, path, access, handler: on(MethodFilter::PUT, handler) }
    }

    fn patch<H: Handler<T, App>, T: 'static>(path: &'static str, access: Access, handler: H) -> Self {
        Route { method: Method::PATCH, path, access, handler: on(MethodFilter::PATCH, handler) }
    }

    fn delete<H: Handler<T, App>, T: 'static>(path: &'static str, access: Access, handler: H) -> Self {
        Route { method: Method::DELETE, path, access, handler: on(MethodFilter::DELETE, handler) }
    }
}

/// Who may call a path with which method.
type Accesses = Vec<(Method, Access)>;

const PREDICT: Access = Access::Key(Role::Predict);
const TRAIN: Access = Access::Key(Role::Train);
const ADMIN: Access = Access::Key(Role::Admin);

/// Every route of the service, with who may call it.
pub fn routes() -> Vec<Route> {
    vec![
        Route::post("/models", TRAIN, models::create),
        Route::get("/models", PREDICT, models::list),
        Route::post("/models/import", TRAIN, transfer::import),
        Route::get("/models/{model}", PREDICT, models::show),
        Route::patch("/models/{model}", TRAIN, models::change),
        Route::delete("/models/{model}", TRAIN, models::remove),
        Route::get("/models/{model}/versions", PREDICT, versions::list),
        Route::get("/models/{model}/versions/{version}", PREDICT, versions::show),
        Route::post("/models/{model}/versions/{version}/activate", TRAIN, versions::activate),
        Route::delete("/models/{model}/versions/{version}", TRAIN, versions::remove),
        Route::get("/models/{model}/versions/{version}/parameters", TRAIN, versions::parameters),
        Route::get("/models/{model}/versions/{version}/export", TRAIN, transfer::export),
        Route::post("/models/{model}/versions/{version}/evaluate", TRAIN, evaluation::evaluate_version),
        Route::get("/models/{model}/aliases", PREDICT, aliases::list),
        Route::put("/models/{model}/aliases/{alias}", TRAIN, aliases::set),
        Route::delete("/models/{model}/aliases/{alias}", TRAIN, aliases::remove),
        Route::post("/models/{model}/train", TRAIN, training::train),
        Route::post("/models/{model}/predict", PREDICT, predictions::predict),
        Route::post("/models/{model}/versions/{version}/predict", PREDICT, predictions::predict_version),
        Route::post("/predict", PREDICT, predictions::predict_by_query),
        Route::post("/models/{model}/evaluate", TRAIN, evaluation::evaluate),
        Route::get("/models/{model}/versions/{version}/importance", PREDICT, versions::importance),
        Route::get("/models/{model}/versions/{version}/plots/{plot}", PREDICT, plots::version),
        Route::post("/models/{model}/trace", PREDICT, trace::trace),
        Route::get("/models/{model}/drift", PREDICT, monitoring::drift),
        Route::post("/models/{model}/feedback", PREDICT, monitoring::tell),
        Route::get("/models/{model}/feedback", PREDICT, monitoring::list),
        Route::get("/models/{model}/schema", PREDICT, schema::schema),
        Route::get("/models/{model}/openapi.json", PREDICT, schema::openapi),
        Route::post("/datasets", TRAIN, datasets::create),
        Route::get("/datasets", TRAIN, datasets::list),
        Route::get("/datasets/{dataset}", TRAIN, datasets::show),
        Route::get("/datasets/{dataset}/rows", TRAIN, datasets::rows),
        Route::delete("/datasets/{dataset}", TRAIN, datasets::remove),
        Route::post("/datasets/{dataset}/append", TRAIN, datasets::append),
        Route::post("/train", TRAIN, training::train_file),
        Route::get("/jobs", TRAIN, jobs::list),
        Route::get("/jobs/{job}", TRAIN, jobs::show),
        Route::delete("/jobs/{job}", TRAIN, jobs::remove),
        Route::get("/jobs/{job}/epochs", TRAIN, jobs::epochs),
        Route::get("/jobs/{job}/events", TRAIN, events::events),
        Route::get("/jobs/{job}/plot.svg", TRAIN, plots::job),
        Route::post("/jobs/{job}/cancel", TRAIN, jobs::cancel),
        Route::post("/keys", ADMIN, keys::create),
        Route::get("/keys", ADMIN, keys::list),
        Route::get("/keys/{key}", ADMIN, keys::show),
        Route::patch("/keys/{key}", ADMIN, keys::change),
        Route::delete("/keys/{key}", ADMIN, keys::remove),
        Route::get("/livez", Access::Open, operations::livez),
        Route::get("/readyz", Access::Open, operations::readyz),
        Route::get("/metrics", Access::Metrics, metrics::metrics),
        Route::get("/openapi.yaml", PREDICT, operations::openapi),
        Route::get("/openapi.json", PREDICT, operations::openapi_json),
        // A browser sends no key before its page asks for one, and none for a page of text.
        Route::get("/docs", Access::Open, pages::docs),
        Route::get("/docs/errors", Access::Open, pages::error_guide),
        Route::get("/", Access::Open, pages::root),
        Route::get("/page/{name}", Access::Open, pages::file),
        Route::get("/page/{folder}/{name}", Access::Open, pages::file_in),
    ]
}

/// The service as a `tower::Service`: the routes of `app`, and what goes around them.
pub fn router(app: App) -> Router {
    app.meters.expect_refusals(ErrorCode::ALL.iter().map(|code| code.entry().0));
    let mut paths: Vec<(&'static str, MethodRouter<App>, Accesses)> = Vec::new();
    for Route { method, path, access, handler } in routes() {
        match paths.iter_mut().find(|(known, ..)| *known == path) {
            Some((_, handlers, accesses)) => {
                *handlers = std::mem::take(handlers).merge(handler);
                accesses.push((method, access));
            }
            None => paths.push((path, handler, vec![(method, access)])),
        }
    }
    let around = |template, handlers: MethodRouter<App>, accesses| {
        layers::around(template, handlers, Door::new(accesses, &app), &app)
    };
    let mut router = Router::new();
    for (path, handlers, accesses) in paths {
        router = router.route(path, around(path, handlers.fallback(no_method), accesses));
    }
    router.fallback_service(around(UNMATCHED, any(no_route), Vec::new()).with_state(app.clone())).with_state(app)
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
    let served = server::serve(app.clone(), listener, tls, router, shutdown).await;
    // What the last requests were, which may have ended after the app was closed.
    app.drift.write_down().await;
    served
}
