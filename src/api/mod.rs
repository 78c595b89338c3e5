//! The HTTP face: the only room that knows axum. One file per resource.
//!
//! [`routes`] is the one list of routes; the contract test holds it against `openapi.yaml`. A request passes `access`
//! (id, log, metrics, problem documents, panics), then its handler.

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
mod predictions;
mod reply;
mod schema;
mod table_predictions;
mod training;
mod transfer;
mod upload;
mod versions;

use std::future::{Future, IntoFuture};

use axum::Router;
use axum::handler::Handler;
use axum::http::Method;
use axum::routing::{MethodFilter, MethodRouter, on};
use axum::serve::ListenerExt;
use tokio::net::TcpListener;

use crate::app::App;
use error::{ApiError, ErrorCode};

/// One route: a method, a path template, its handler.
pub struct Route {
    /// GET, POST, …
    pub method: Method,
    /// As in `openapi.yaml`: `/models/{model}`.
    pub path: &'static str,
    handler: MethodRouter<App>,
}

fn route<H: Handler<T, App>, T: 'static>(method: Method, path: &'static str, handler: H) -> Route {
    let filter = MethodFilter::try_from(method.clone()).expect("a standard method");
    Route { method, path, handler: on(filter, handler) }
}

/// Every route of the service.
pub fn routes() -> Vec<Route> {
    let (get, post) = (Method::GET, Method::POST);
    vec![
        route(post.clone(), "/models", models::create),
        route(get.clone(), "/models", models::list),
        route(post.clone(), "/models/import", transfer::import),
        route(get.clone(), "/models/{model}", models::show),
        route(Method::PATCH, "/models/{model}", models::change),
        route(Method::DELETE, "/models/{model}", models::remove),
        route(get.clone(), "/models/{model}/versions", versions::list),
        route(get.clone(), "/models/{model}/versions/{version}", versions::show),
        route(post.clone(), "/models/{model}/versions/{version}/activate", versions::activate),
        route(Method::DELETE, "/models/{model}/versions/{version}", versions::remove),
        route(get.clone(), "/models/{model}/versions/{version}/parameters", versions::parameters),
        route(get.clone(), "/models/{model}/versions/{version}/export", transfer::export),
        route(post.clone(), "/models/{model}/train", training::train),
        route(post.clone(), "/models/{model}/predict", predictions::predict),
        route(post.clone(), "/models/{model}/versions/{version}/predict", predictions::predict_version),
        route(post.clone(), "/predict", predictions::predict_by_query),
        route(post.clone(), "/models/{model}/evaluate", evaluation::evaluate),
        route(get.clone(), "/models/{model}/versions/{version}/importance", versions::importance),
        route(get.clone(), "/models/{model}/schema", schema::schema),
        route(get.clone(), "/models/{model}/openapi.json", schema::openapi),
        route(post.clone(), "/datasets", datasets::create),
        route(get.clone(), "/datasets", datasets::list),
        route(get.clone(), "/datasets/{dataset}", datasets::show),
        route(get.clone(), "/datasets/{dataset}/rows", datasets::rows),
        route(Method::DELETE, "/datasets/{dataset}", datasets::remove),
        route(post.clone(), "/train", training::train_file),
        route(get.clone(), "/jobs", jobs::list),
        route(get.clone(), "/jobs/{job}", jobs::show),
        route(get.clone(), "/jobs/{job}/epochs", jobs::epochs),
        route(get.clone(), "/jobs/{job}/events", events::events),
        route(post, "/jobs/{job}/cancel", jobs::cancel),
        route(get.clone(), "/livez", operations::livez),
        route(get.clone(), "/readyz", operations::readyz),
        route(get.clone(), "/metrics", operations::metrics),
        route(get.clone(), "/openapi.yaml", operations::openapi),
        route(get, "/docs/errors", operations::errors),
    ]
}

/// The router over all routes.
pub fn router(app: App) -> Router {
    routes()
        .into_iter()
        .fold(Router::new(), |router, route| router.route(route.path, route.handler))
        .fallback(|| async { ApiError::new(ErrorCode::RouteNotFound, "there is no such route: see /openapi.yaml") })
        .method_not_allowed_fallback(|| async {
            ApiError::new(ErrorCode::MethodNotAllowed, "the route does not take this method: see the Allow header")
        })
        .layer(axum::middleware::from_fn_with_state(app.clone(), access::access))
        .with_state(app)
}

/// Serves `app` on `listener` until `shutdown` resolves; then closes the app, and gives open requests the time of
/// `--shutdown-timeout` to finish.
///
/// # Errors
/// What the listener ends with.
pub async fn serve(
    app: App,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let timeout = app.settings.shutdown_timeout;
    let (closed, mut is_closed) = tokio::sync::watch::channel(false);
    let closing = {
        let app = app.clone();
        async move {
            shutdown.await;
            app.close().await;
            closed.send_replace(true);
        }
    };
    // Small replies leave at once instead of waiting to fill a packet.
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    let server = axum::serve(listener, router(app)).with_graceful_shutdown(closing).into_future();
    let time_is_up = async move {
        let _ = is_closed.wait_for(|closed| *closed).await;
        tokio::time::sleep(timeout).await;
    };
    tokio::select! {
        ended = server => ended,
        () = time_is_up => {
            tracing::warn!("some requests did not finish in the time of --shutdown-timeout");
            Ok(())
        }
    }
}
