//! What goes around every request, from the outside in: its id, its line in the log and its metrics, the document of an
//! error, the packing of a long reply, and the catching of panics. What a browser may not ask is refused here.
//!
//! All of it is one layer of a path, so that axum boxes it once: layers one by one cost a box each.

mod admission;
mod compression;
mod cors;
pub mod deadline;
pub mod door;
mod exchange;
pub mod follower;
mod gate;
mod named_model;
pub mod observe;
pub mod peer;
pub mod request_id;
pub mod safety;

use std::any::Any;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use axum::routing::MethodRouter;
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::request_id::SetRequestIdLayer;

use crate::api::error::ApiError;
use crate::app::App;
use crate::data::arrow::is_guarded;
use door::Door;
use exchange::ExchangeLayer;
use request_id::{NewId, drop_unusable};

/// The handlers of the path `template` with all layers around them, behind its door.
pub fn around(template: &'static str, handlers: MethodRouter<App>, door: Door, app: &App) -> MethodRouter<App> {
    handlers.layer(
        ServiceBuilder::new()
            .map_request(drop_unusable)
            .layer(SetRequestIdLayer::x_request_id(NewId))
            .layer(ExchangeLayer::new(template, door, app))
            .map_response(|reply: Response<_>| reply.map(Body::new))
            .layer(CatchPanicLayer::custom(panicked)),
    )
}

/// The reply to a request whose handler panicked; the panic itself is logged by [`log_panics`]. What a handler leaves
/// half done is its own: it locks nothing that others see.
fn panicked(_: Box<dyn Any + Send>) -> Response {
    ApiError::defect().into_response()
}

/// Sends panics to the log, with their place, instead of standard error as it is. One of a decoder is no fault of the
/// service: whoever sent the file is told, and the log has it at `debug`.
pub fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let message = panic.payload_as_str().unwrap_or("no message");
        match is_guarded() {
            true => tracing::debug!(place, message, "a decoder gave up a file"),
            false => tracing::error!(place, message, "panic"),
        }
    }));
}
