//! `POST /models/{model}/evaluate`: how good the active version is on data whose target is known.

use axum::extract::{FromRequest, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::active::active;
use super::data_fields::DataFields;
use super::error::{ApiError, ErrorCode};
use super::extract::{JsonBody, ModelPath, NoQuery, blocking};
use super::reply;
use super::table_predictions::{of_record, places};
use super::upload::format_of;
use crate::app::App;
use crate::data::column::{Column, Table};
use crate::data::encoder::reading::column_of_cells;
use crate::data::ingest::Format;
use crate::data::records::Records;
use crate::data::rows::{Rows, RowsOrNames};
use crate::learning::metrics::{self, Metrics};
use crate::learning::strict::given;
use crate::models::networks::LoadedNetwork;
use crate::models::scoring::{Truth, measure};
use crate::models::table::TableParts;
use crate::models::{Model, ModelKind};

/// The data to measure on: rows, a data set, or records with the target.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvaluationRequest {
    #[serde(default, deserialize_with = "given")]
    inputs: Option<Rows>,
    #[serde(default, deserialize_with = "given")]
    targets: Option<RowsOrNames>,
    #[serde(default, deserialize_with = "given")]
    dataset: Option<String>,
    #[serde(default, deserialize_with = "given")]
    features: Option<Vec<String>>,
    #[serde(default, deserialize_with = "given")]
    records: Option<Records>,
}

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
    request: Request,
) -> Result<Response, ApiError> {
    if format_of(request.headers()).is_some_and(|format| format != Format::Json) {
        let detail = "a data file is not taken here: POST it to /datasets and send {\"dataset\": its name}, or send its \
                      rows as JSON";
        return Err(ApiError::new(ErrorCode::UnsupportedMediaType, detail));
    }
    let JsonBody { value, .. } = JsonBody::<EvaluationRequest>::from_request(request, &app).await?;
    let version = active(&app, &model).await?;
    let network = app.models.network(&model, &version).await?;
    let EvaluationRequest { inputs, targets, dataset, features, records } = value;
    let fields = DataFields { inputs, targets, dataset, features };
    let (rows, loss, metrics) = match &model.kind {
        ModelKind::Layers(spec) => {
            if records.is_some() {
                let detail = "records are for models by data set: send `inputs` and `targets`";
                return Err(ApiError::new(ErrorCode::WrongModelKind, detail));
            }
            let examples = fields.examples(&app, spec, "").await?;
            let spec = spec.clone();
            let measured = blocking(move || {
                let examples = examples.fit(&spec, "")?;
                let (loss, metrics) = metrics::evaluate(&network, &examples);
                Ok::<_, ApiError>((examples.rows(), loss, metrics))
            });
            measured.await??
        }
        ModelKind::Table(_) => {
            let parts = network.table().ok_or_else(|| ApiError::new(ErrorCode::VersionDamaged, "it has no encoder"))?;
            let source = table_of(&app, &model, parts, fields, records).await?;
            blocking(move || measure_table(&network, &source)).await??
        }
    };
    let body = EvaluationBody { model_id: model.id, version: version.number, rows, loss, metrics };
    Ok(reply::json(StatusCode::OK, &body))
}

/// The features and the target of the rows to measure on.
async fn table_of(
    app: &App,
    model: &Model,
    parts: &TableParts,
    fields: DataFields,
    records: Option<Records>,
) -> Result<Table, ApiError> {
    let (encoder, target) = (&parts.encoder, parts.encoder.target.name());
    let Some(records) = records else {
        if fields.is_empty() {
            let detail = "missing field `records`: rows with the target, or a `dataset`";
            return Err(ApiError::at(ErrorCode::MissingField, "/records", detail));
        }
        let dataset = fields.dataset(app, model.table()?.dataset, "").await?;
        let names: Vec<String> =
            encoder.features.iter().map(|feature| feature.name.clone()).chain([target.to_owned()]).collect();
        if let Some(lacking) = names.iter().find(|name| dataset.profile.column(name).is_none()) {
            let detail = format!("data set {:?} has no column {lacking:?}, which the model needs", dataset.title());
            return Err(ApiError::at(ErrorCode::InvalidValue, "/dataset", detail));
        }
        return Ok(app.datasets.columns(&dataset, names).await?);
    };
    if !fields.is_empty() {
        let detail = "give either `records` or `dataset`, not both";
        return Err(ApiError::at(ErrorCode::InvalidValue, "/records", detail));
    }
    let places = places(encoder, &records)?;
    let mut table = encoder.table_of_records(&records, &places).map_err(of_record)?;
    let kind = encoder.target.kind();
    table.columns.push(match records.cells(target) {
        None => Column::missing(target, kind, records.rows),
        Some(cells) => column_of_cells(target, kind, None, cells).map_err(of_record)?,
    });
    Ok(table)
}

fn measure_table(network: &LoadedNetwork, table: &Table) -> Result<(usize, f64, Metrics), ApiError> {
    let parts = network.table().ok_or_else(|| ApiError::new(ErrorCode::VersionDamaged, "it has no encoder"))?;
    let (truth, rows) = Truth::of(&parts.encoder, table)?;
    if rows.is_empty() {
        let detail = format!("no row has a value of the target {:?}", parts.encoder.target.name());
        return Err(ApiError::new(ErrorCode::UnfitData, detail));
    }
    let inputs = parts.encoder.transform(table)?.inputs.select(ndarray::Axis(0), &rows);
    let metrics = measure(parts, network, &inputs, &truth);
    let loss = match &metrics {
        Metrics::Classification(measured) => measured.log_loss,
        Metrics::Regression(measured) => measured.rmse.powi(2),
    };
    Ok((rows.len(), loss, metrics))
}
