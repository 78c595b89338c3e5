//! `POST /models/{model}/evaluate`: how good the active version is on data whose target is known.

use std::sync::Arc;

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
use crate::datasets::Dataset;
use crate::learning::metrics::Metrics;
use crate::learning::strict::given;
use crate::models::prediction::TablePredictor;
use crate::models::scoring::Answered;
use crate::models::table::TableParts;
use crate::models::{ModelKind, Predictor};

/// Cells, encoded values and answers of the rows that are worked off at once.
const BATCH_VALUES: usize = 4 << 20;

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

/// What is found: rows, loss, metrics.
type Measured = (usize, f64, Metrics);

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
    let JsonBody { value, mut memory, .. } = JsonBody::<EvaluationRequest>::from_request(request, &app).await?;
    let version = active(&app, &model).await?;
    let EvaluationRequest { inputs, targets, dataset, features, records } = value;
    let fields = DataFields { inputs, targets, dataset, features };
    let (rows, loss, metrics) = match (&model.kind, records) {
        (ModelKind::Layers(_), Some(_)) => {
            let detail = "records are for models by data set: send `inputs` and `targets`";
            return Err(ApiError::new(ErrorCode::WrongModelKind, detail));
        }
        (ModelKind::Layers(spec), None) => {
            let examples = fields.examples(&app, &mut memory, spec, "").await?;
            let (spec, network) = (spec.clone(), app.models.predictor(&model, version).await?);
            let measured = blocking(move || {
                let examples = examples.fit(&spec, "")?;
                let (loss, metrics) = network.evaluate(&examples);
                Ok::<_, ApiError>((examples.rows(), loss, metrics))
            });
            measured.await??
        }
        (ModelKind::Table(_), Some(_)) if !fields.is_empty() => {
            let detail = "give either `records` or `dataset`, not both";
            return Err(ApiError::at(ErrorCode::InvalidValue, "/records", detail));
        }
        (ModelKind::Table(_), Some(records)) => {
            let predictor = app.models.predictor(&model, version).await?;
            blocking(move || on_records(predictor.table()?, &records)).await??
        }
        (ModelKind::Table(_), None) if fields.is_empty() => {
            let detail = "missing field `records`: rows with the target, or a `dataset`";
            return Err(ApiError::at(ErrorCode::MissingField, "/records", detail));
        }
        (ModelKind::Table(table), None) => {
            let dataset = fields.dataset(&app, table.dataset, "").await?;
            memory.reserve_rows(dataset.rows().saturating_mul(Answered::ROW_BYTES), &app)?;
            on_dataset(&app, &dataset, app.models.predictor(&model, version).await?).await?
        }
    };
    let body = EvaluationBody { model_id: model.id, version: version.number, rows, loss, metrics };
    Ok(reply::json(StatusCode::OK, &body))
}

fn on_records(predictor: TablePredictor, records: &Records) -> Result<Measured, ApiError> {
    let parts = predictor.parts;
    let (encoder, target) = (&parts.encoder, parts.encoder.target.name());
    let places = places(encoder, records)?;
    let mut table = encoder.table_of_records(records, &places).map_err(of_record)?;
    let kind = encoder.target.kind();
    table.columns.push(match records.cells(target) {
        None => Column::missing(target, kind, records.rows),
        Some(cells) => column_of_cells(target, kind, None, cells).map_err(of_record)?,
    });
    let mut answered = Answered::default();
    predictor.answer(&table, &mut answered)?;
    measured(&answered, parts)
}

/// Goes through the data set batch by batch: however large it is, little of it is in memory.
async fn on_dataset(app: &App, dataset: &Dataset, predictor: Arc<Predictor>) -> Result<Measured, ApiError> {
    let encoder = &predictor.table()?.parts.encoder;
    let names: Vec<String> =
        encoder.features.iter().map(|feature| feature.name.clone()).chain([encoder.target.name().to_owned()]).collect();
    let known = dataset.profile.names();
    if let Some(lacking) = names.iter().find(|name| !known.contains(name.as_str())) {
        let detail = format!("data set {:?} has no column {lacking:?}, which the model needs", dataset.title());
        return Err(ApiError::at(ErrorCode::InvalidValue, "/dataset", detail));
    }
    let most_rows = BATCH_VALUES / (names.len() + encoder.width() + encoder.target.classes().len());
    let (of_batch, mut rows_before) = (predictor.clone(), 0);
    let add = move |answered: &mut Answered, table: Table| {
        of_batch.table()?.answer(&table, answered).map_err(|error| error.after(rows_before))?;
        rows_before += table.rows;
        Ok::<_, ApiError>(())
    };
    let answered = app.datasets.fold(dataset, names, most_rows, Answered::default(), add).await??;
    blocking(move || measured(&answered, predictor.table()?.parts)).await?
}

fn measured(answered: &Answered, parts: &TableParts) -> Result<Measured, ApiError> {
    if answered.rows() == 0 {
        let detail = format!("no row has a value of the target {:?}", parts.encoder.target.name());
        return Err(ApiError::new(ErrorCode::UnfitData, detail));
    }
    let metrics = answered.metrics(parts);
    let loss = match &metrics {
        Metrics::Classification(measured) => measured.log_loss,
        Metrics::Regression(measured) => measured.rmse.powi(2),
    };
    Ok((answered.rows(), loss, metrics))
}
