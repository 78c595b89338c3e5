//! `/models/{model}/versions`: list, show, activate, read the parameters.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use futures_util::stream;
use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use super::error::ApiError;
use super::extract::{ModelPath, NoQuery, Params, VersionPath};
use super::models::ModelBody;
use super::page::{Page, PageParams};
use super::reply;
use crate::app::App;
use crate::learning::network::Network;
use crate::models::model::MeasuredOn;
use crate::models::{Model, Version};

/// A version as clients see it.
#[derive(Serialize)]
struct VersionBody<'a> {
    version: u64,
    job_id: Uuid,
    created_at: Timestamp,
    active: bool,
    metrics: &'a MeasuredOn,
    epochs: u64,
    loss: f64,
    validation_loss: Option<f64>,
}

impl<'a> VersionBody<'a> {
    fn of(model: &Model, version: &'a Version) -> Self {
        VersionBody {
            version: version.number,
            job_id: version.job_id,
            created_at: version.created_at,
            active: model.active.as_ref().is_some_and(|active| active.number == version.number),
            metrics: &version.metrics,
            epochs: version.epochs,
            loss: version.loss,
            validation_loss: version.validation_loss,
        }
    }
}

/// `GET /models/{model}/versions`
pub async fn list(ModelPath(model): ModelPath, Params(params): Params<PageParams>) -> Result<Response, ApiError> {
    let query = params.check::<u64>()?;
    let older = model.versions.range(..query.before.unwrap_or(u64::MAX)).rev();
    let versions: Vec<&Arc<Version>> = older.take(query.limit + 1).map(|(_, version)| version).collect();
    let cursor = |version: &&Arc<Version>| version.number.to_string();
    let page = Page::new(versions, query.limit, cursor, |version| VersionBody::of(&model, version));
    Ok(reply::json(StatusCode::OK, &page))
}

/// `GET /models/{model}/versions/{version}`
pub async fn show(
    ModelPath(model): ModelPath,
    VersionPath(number): VersionPath,
    _: NoQuery,
) -> Result<Response, ApiError> {
    let version = model.version(number)?;
    Ok(reply::json(StatusCode::OK, &VersionBody::of(&model, version)))
}

/// `POST /models/{model}/versions/{version}/activate`
pub async fn activate(
    State(app): State<App>,
    ModelPath(model): ModelPath,
    VersionPath(number): VersionPath,
    _: NoQuery,
) -> Result<Response, ApiError> {
    let model = app.models.activate(model.id, number)?;
    tracing::info!(model_id = %model.id, version = number, "version activated");
    Ok(reply::json(StatusCode::OK, &ModelBody::of(&model)))
}

/// `GET /models/{model}/versions/{version}/parameters`, streamed layer by layer: a network may be hundreds of MB.
pub async fn parameters(
    ModelPath(model): ModelPath,
    VersionPath(number): VersionPath,
    _: NoQuery,
) -> Result<Response, ApiError> {
    let version = model.version(number)?.clone();
    let head = format!("{{\"model_id\":\"{}\",\"version\":{number},\"layers\":[", model.id);
    let inputs: Vec<usize> = version.network.spec().layers.iter().map(|layer| layer.inputs).collect();
    let places = (0..inputs.len()).flat_map(move |layer| (0..=inputs[layer]).map(move |row| (layer, row)));
    let pieces = places.map(move |(layer, row)| piece(&version.network, layer, row));
    let pieces = std::iter::once(head.into_bytes()).chain(pieces).chain([b"]}".to_vec()]);
    let pieces = stream::iter(pieces.map(|piece| Ok::<_, Infallible>(Bytes::from(piece))));
    Ok(reply::with_type(StatusCode::OK, "application/json", Body::from_stream(pieces)))
}

/// Row `row` of a layer's weights as JSON, or behind the last row its biases, with what stands around it.
fn piece(network: &Network, layer: usize, row: usize) -> Vec<u8> {
    let (weights, biases) = network.layer_parameters(layer);
    if row == weights.nrows() {
        return [b"],\"biases\":", &json(&biases.as_slice())[..], b"}"].concat();
    }
    let open: &[u8] = match (layer, row) {
        (0, 0) => b"{\"weights\":[",
        (_, 0) => b",{\"weights\":[",
        _ => b",",
    };
    [open, &json(&weights.row(row).as_slice())].concat()
}

fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("numbers are plain data")
}
