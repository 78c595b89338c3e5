//! How a model does in service: `GET …/drift`, `POST` and `GET …/feedback`.

use std::io;

use axum::extract::{FromRequest, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::api::body::json::JsonBody;
use crate::api::error::{ApiError, ErrorCode};
use crate::api::extract::{ModelPath, NoQuery, Params};
use crate::api::reply::document::document;
use crate::api::reply::json::json;
use crate::api::reply::page::{Page, PageParams};
use crate::app::App;
use crate::data::column::ColumnType;
use crate::data::encoder::Feature;
use crate::data::json::{Cells, Records};
use crate::data::values::{format_datetime, format_number};
use crate::models::drift::Followed;
use crate::monitoring::drift::DriftReport;
use crate::monitoring::feedback::{Taken, VersionFeedback};
use crate::monitoring::sums::Measures;
use crate::serving::given_ids::GivenIds;
use crate::serving::{active, feedback};
use crate::strict::given;

/// How far what the active version is asked has moved from what it was trained on.
#[derive(Serialize)]
struct DriftBody<'a> {
    model_id: Uuid,
    version: u64,
    since: Timestamp,
    rows: u64,
    columns: Vec<ColumnBody<'a>>,
    predictions: Option<ColumnBody<'a>>,
}

/// One column, or what was predicted.
#[derive(Serialize)]
struct ColumnBody<'a> {
    column: &'a str,
    #[serde(rename = "type")]
    kind: ColumnType,
    population_stability: Option<f64>,
    bins: Vec<BinBody>,
}

/// Shares of rows, of those trained on and of those asked.
#[derive(Serialize)]
struct BinBody {
    bin: String,
    expected: f64,
    actual: Option<f64>,
}

/// True outcomes: of predictions by their ids, or of records.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeedbackRequest {
    #[serde(default, deserialize_with = "given")]
    ids: Option<GivenIds>,
    #[serde(default, deserialize_with = "given")]
    targets: Option<Cells>,
    #[serde(default, deserialize_with = "given")]
    records: Option<Records>,
}

/// What became of them.
#[derive(Serialize)]
struct TakenBody {
    model_id: Uuid,
    rows: u64,
    repeated: u64,
}

/// How predictions of a version came true.
#[derive(Serialize)]
struct FeedbackBody {
    version: u64,
    rows: u64,
    metrics: Measures,
    since: Timestamp,
}

/// `GET /models/{model}/drift`
pub async fn drift(State(app): State<App>, ModelPath(model): ModelPath, _: NoQuery) -> Result<Response, ApiError> {
    active(&app, &model).await?;
    let DriftReport { counts, cells, predictor } = app.drift.report(&model).await?;
    predictor.table()?;
    document(&app, StatusCode::OK, counts.reference.features().len(), move |sheet| {
        let (reference, table) = (&counts.reference, predictor.table().map_err(io::Error::other)?);
        let encoder = &table.parts.encoder;
        let words = |column: &Followed| encoder.feature(&column.name).map_or(&[][..], Feature::words);
        let columns = reference.features().iter().map(|column| column_body(column, &cells, words(column)));
        sheet.json(&DriftBody {
            model_id: model.id,
            version: counts.version,
            since: counts.since,
            rows: reference.rows(&cells),
            columns: columns.collect(),
            predictions: reference.answers().map(|column| column_body(column, &cells, encoder.target.classes())),
        })
    })
    .await
}

fn column_body<'a>(column: &'a Followed, cells: &[u64], words: &[String]) -> ColumnBody<'a> {
    let actual = column.of(cells);
    let [expected_rows, actual_rows] = [&column.expected[..], actual].map(|counts| counts.iter().sum::<u64>());
    let share = |count: u64, rows: u64| (rows > 0).then(|| count as f64 / rows as f64);
    let show = |value: f64| match column.kind {
        ColumnType::Datetime => format_datetime(value as i64),
        _ => format_number(rounded(value)),
    };
    let bins = column.expected.iter().zip(actual).enumerate().map(|(bin, (expected, actual))| BinBody {
        bin: column.bins.title(bin, words, show),
        expected: share(*expected, expected_rows).unwrap_or(0.0),
        actual: share(*actual, actual_rows),
    });
    ColumnBody {
        column: &column.name,
        kind: column.kind,
        population_stability: column.stability(cells),
        bins: bins.collect(),
    }
}

/// To four digits, as people read it.
fn rounded(value: f64) -> f64 {
    format!("{value:.3e}").parse().unwrap_or(value)
}

/// `POST /models/{model}/feedback`
pub async fn tell(
    State(app): State<App>,
    ModelPath(model): ModelPath,
    _: NoQuery,
    request: Request,
) -> Result<Response, ApiError> {
    model.table()?;
    let JsonBody { value, mut memory, .. } = JsonBody::<FeedbackRequest>::from_request(request, &app).await?;
    let missing = |pointer, detail| Err(ApiError::at(ErrorCode::MissingField, pointer, detail));
    let taken = match value {
        FeedbackRequest { ids: Some(ids), targets: Some(Cells(targets)), records: None } => {
            feedback::by_ids(&app, &model, ids, &targets, &mut memory).await?
        }
        FeedbackRequest { ids: None, targets: None, records: Some(records) } => {
            feedback::by_records(&app, &model, records, memory).await?
        }
        FeedbackRequest { records: Some(_), .. } => {
            let detail = "give either `records` with their targets, or `ids` and `targets`";
            return Err(ApiError::at(ErrorCode::InvalidValue, "/records", detail));
        }
        FeedbackRequest { ids: Some(_), .. } => return missing("/targets", "missing field `targets`: one for each id"),
        FeedbackRequest { ids: None, .. } => {
            return missing("/ids", "missing field `ids`: those of predictions, with `targets`; or send `records`");
        }
    };
    let Taken { rows, repeated } = taken;
    Ok(json(StatusCode::OK, &TakenBody { model_id: model.id, rows, repeated }))
}

/// `GET /models/{model}/feedback`
pub async fn list(
    State(app): State<App>,
    ModelPath(model): ModelPath,
    Params(params): Params<PageParams>,
) -> Result<Response, ApiError> {
    let query = params.check::<u64>()?;
    let (found, more) = app.feedback.of_model(model.id, query.before, query.limit).await?;
    let cursor = found.last().filter(|_| more).map(|of_version| of_version.version.to_string());
    let body =
        |VersionFeedback { version, rows, measures, since }| FeedbackBody { version, rows, metrics: measures, since };
    let page = Page::of(found.into_iter().map(body).collect(), cursor);
    document(&app, StatusCode::OK, 0, move |sheet| sheet.json(&page)).await
}
