//! `POST /models/{model}/evaluate`: how good the active version is on rows that the client sends.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use uuid::Uuid;

use super::error::ApiError;
use super::extract::{JsonBody, ModelPath, NoQuery, blocking};
use super::reply;
use crate::app::App;
use crate::learning::metrics::{self, Metrics};
use crate::models::inline::InlineExamples;

/// Loss and metrics on the rows sent.
#[derive(Serialize)]
struct EvaluationBody {
    model_id: Uuid,
    version: u64,
    rows: usize,
    loss: f64,
    metrics: Metrics,
}

/// Measures the active version.
pub async fn evaluate(
    State(app): State<App>,
    ModelPath(model): ModelPath,
    _: NoQuery,
    JsonBody { value, .. }: JsonBody<InlineExamples>,
) -> Result<Response, ApiError> {
    let version = model.active()?.clone();
    let network = app.models.network(&model, &version).await?;
    let measured = blocking(move || {
        let examples = value.fit(&model.spec, "")?;
        let (loss, metrics) = metrics::evaluate(&network, &examples);
        let rows = examples.rows();
        Ok::<_, ApiError>(EvaluationBody { model_id: model.id, version: version.number, rows, loss, metrics })
    });
    Ok(reply::json(StatusCode::OK, &measured.await??))
}
