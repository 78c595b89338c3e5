//! `/datasets`: create, list, show, look at rows, remove.

use axum::extract::{FromRequest, FromRequestParts, Request, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::api::body::columns::take_columns;
use crate::api::body::data_file::{DataFile, Received};
use crate::api::body::parse::parse_query;
use crate::api::error::{ApiError, ErrorCode};
use crate::api::extract::{DatasetPath, Memory, NoQuery, Params};
use crate::api::idempotency::Repeatable;
use crate::api::reply::document::{Sheet, created, document};
use crate::api::reply::findings::{FindingBody, findings};
use crate::api::reply::held::holding;
use crate::api::reply::json as reply;
use crate::api::reply::page::{Page, PageParams, in_range};
use crate::app::App;
use crate::data::asked::AskedColumns;
use crate::data::profile::ColumnProfile;
use crate::data::stored::preview_bytes;
use crate::datasets::{Asked, Dataset, Load};
use crate::keys::Sight;
use crate::serving::read_as::read_as;
use crate::serving::sight;
use crate::serving::threads::{blocking, to_the_end};

/// Rows of a preview when none are asked for, and at most.
const PREVIEW: (usize, usize) = (20, 1000);
/// Files on their way in that are listed at most.
const MAX_LOADING: usize = 1000;

/// A data set as clients see it.
#[derive(Serialize)]
pub struct DatasetBody<'a> {
    id: Uuid,
    name: Option<&'a str>,
    rows: u64,
    bytes: u64,
    created_at: Timestamp,
    parent_id: Option<Uuid>,
    columns: &'a [ColumnProfile],
    findings: Vec<FindingBody<'a>>,
}

impl<'a> DatasetBody<'a> {
    /// The data set, with as many findings as a person reads.
    pub fn of(dataset: &'a Dataset) -> Self {
        DatasetBody::telling(dataset, false)
    }

    /// The data set, with all findings if they are to be told `in_full`.
    fn telling(dataset: &'a Dataset, in_full: bool) -> Self {
        DatasetBody {
            id: dataset.id,
            name: dataset.name.as_deref(),
            rows: dataset.profile.rows,
            bytes: dataset.bytes,
            created_at: dataset.created_at,
            parent_id: dataset.parent_id,
            columns: &dataset.profile.columns,
            findings: findings(&dataset.profile.findings, &location(dataset), in_full),
        }
    }
}

/// A data file on its way in.
#[derive(Serialize)]
struct LoadBody<'a> {
    name: Option<&'a str>,
    state: &'static str,
    bytes: u64,
    rows: u64,
    started_at: Timestamp,
}

impl<'a> LoadBody<'a> {
    fn of(load: &'a Load) -> Self {
        let state = if load.is_whole() { "reading" } else { "receiving" };
        let (name, bytes, rows) = (load.name.as_deref(), load.bytes(), load.rows());
        LoadBody { name, state, bytes, rows, started_at: load.started_at }
    }
}

/// A page of data sets, with what is on its way in.
#[derive(Serialize)]
struct ListBody<'a> {
    #[serde(flatten)]
    page: Page<DatasetBody<'a>>,
    loading: Vec<LoadBody<'a>>,
}

/// The parameters of `POST /datasets`, as errors name them.
const PARAMETERS: [&str; 6] = ["name", "types", "missing", "skip_columns", "sheet", "read_as"];

/// The parameters of `POST /datasets`.
pub struct CreateQuery {
    params: CreateParams,
    columns: AskedColumns,
}

/// Those that are given once.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateParams {
    name: Option<String>,
    read_as: Option<String>,
}

impl FromRequestParts<App> for CreateQuery {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, ApiError> {
        let (columns, rest) = take_columns(parts.uri.query().unwrap_or(""))?;
        Ok(CreateQuery { params: parse_query(&rest)?, columns })
    }
}

/// `POST /datasets`: answers when the data is stored.
pub async fn create(
    State(app): State<App>,
    who: Sight,
    CreateQuery { params, mut columns }: CreateQuery,
    request: Request,
) -> Result<Response, ApiError> {
    may_store(&app, &who, params.name.as_deref(), Repeatable::of(&request)?).await?;
    if let Some(version) = &params.read_as {
        match read_as(&app, &who, version).await {
            Ok(before) => columns.before = before,
            // The reply to a repetition is that to the first request, whatever became of the version.
            Err(error) => Repeatable::of(&request)?.or_refused(&app, Err(error)).await?,
        }
    }
    let mut file = DataFile::from_request(request, &app).await?;
    let asked = Asked { name: params.name, format: file.format, columns, parent: None };
    let Received { idempotency, early } = file.receive(&app, Some(&asked)).await?;
    if let Some(reply) = idempotency.first_reply(&app, &who, again).await? {
        return Ok(reply);
    }
    let new = file.read(&app, &asked, early).await;
    let mut new = new.map_err(|error| ApiError::from(error).of_query(&PARAMETERS))?;
    new.owner = who.owner();
    let (datasets, receipts) = (app.datasets.clone(), idempotency.clone());
    let receipt =
        move |dataset: &Dataset| receipts.receipt_of(StatusCode::CREATED, &location(dataset), &essentials(dataset));
    let created = to_the_end(async move { datasets.create(new, receipt).await }).await?;
    let created = created.map_err(|error| ApiError::from(error).of_query(&PARAMETERS));
    idempotency.unless_repeated(&app, &who, created, stored, again).await
}

/// Whether a data set of this name may be stored, before its file is read.
async fn may_store(app: &App, who: &Sight, name: Option<&str>, repeatable: Repeatable) -> Result<(), ApiError> {
    let found = app.datasets.check_new(name, who.owner()).await;
    repeatable.or_refused(app, found.map_err(|error| ApiError::from(error).of_query(&["name"]))).await
}

/// The parameters of `POST /datasets/{dataset}/append`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AppendParams {
    name: Option<String>,
    sheet: Option<String>,
}

/// The same, as errors name them.
const APPEND_PARAMETERS: [&str; 2] = ["name", "sheet"];

/// `POST /datasets/{dataset}/append`: a new data set of the rows of that one and those of the file.
pub async fn append(
    State(app): State<App>,
    who: Sight,
    DatasetPath(parent): DatasetPath,
    Params(params): Params<AppendParams>,
    request: Request,
) -> Result<Response, ApiError> {
    may_store(&app, &who, params.name.as_deref(), Repeatable::of(&request)?).await?;
    may_take_over(&who, &parent, params.name.as_deref())?;
    let mut file = DataFile::from_request(request, &app).await?;
    let takes_over = params.name.is_none();
    let asked = Asked {
        name: params.name,
        format: file.format,
        columns: AskedColumns { sheet: params.sheet, ..AskedColumns::default() },
        parent: Some(parent.clone()),
    };
    let Received { idempotency, early } = file.receive(&app, Some(&asked)).await?;
    if let Some(reply) = idempotency.first_reply(&app, &who, again).await? {
        return Ok(reply);
    }
    let new = file.read(&app, &asked, early).await;
    let mut new = new.map_err(|error| ApiError::from(error).of_query(&APPEND_PARAMETERS))?;
    new.owner = who.owner();
    let (datasets, receipts) = (app.datasets.clone(), idempotency.clone());
    let receipt =
        move |dataset: &Dataset| receipts.receipt_of(StatusCode::CREATED, &location(dataset), &essentials(dataset));
    let created = to_the_end(async move {
        match takes_over {
            true => datasets.supersede(&parent, new, receipt).await,
            false => datasets.create(new, receipt).await,
        }
    });
    let created = created.await?.map_err(|error| ApiError::from(error).of_query(&APPEND_PARAMETERS));
    idempotency.unless_repeated(&app, &who, created, stored, again).await
}

/// Whether the new data set may have the name of `parent`, unless it has a name of its own: who sees some models alone takes it from
/// nobody else.
///
/// # Errors
/// `key_forbids`.
fn may_take_over(who: &Sight, parent: &Dataset, name: Option<&str>) -> Result<(), ApiError> {
    let is_own = parent.owner.is_some() && parent.owner == who.owner();
    if !who.is_limited() || is_own || name.is_some() || parent.name.is_none() {
        return Ok(());
    }
    let detail =
        "the data set was stored with another key, which keeps its name: give all rows together another one by `name`";
    Err(ApiError::new(ErrorCode::KeyForbids, detail))
}

/// The reply to a request that has stored a data set.
async fn stored(app: &App, dataset: Dataset) -> Result<Response, ApiError> {
    let (id, name, rows) = (dataset.id, dataset.name.as_deref(), dataset.profile.rows);
    tracing::info!(dataset_id = %id, name, rows, "data set stored");
    let at = location(&dataset);
    created(app, StatusCode::CREATED, &at, entries(&dataset), move |sheet| sheet.json(&DatasetBody::of(&dataset))).await
}

/// What is gathered for the document of a data set: its findings.
fn entries(dataset: &Dataset) -> usize {
    dataset.profile.findings.len()
}

/// What is kept of a reply, for the repetition of its request.
fn essentials(dataset: &Dataset) -> DatasetBody<'_> {
    DatasetBody { columns: &[], findings: Vec::new(), ..DatasetBody::of(dataset) }
}

/// The reply to a request that made the data set `id`.
async fn again(app: &App, who: &Sight, id: &str) -> Result<Response, ApiError> {
    let dataset = sight::dataset(app, who, id).await?;
    let entries = entries(&dataset);
    let body = move |sheet: &mut Sheet| sheet.json(&DatasetBody::of(&dataset));
    document(app, StatusCode::CREATED, entries, body).await
}

/// Where a data set is.
fn location(dataset: &Dataset) -> String {
    format!("/datasets/{}", dataset.id)
}

/// `GET /datasets`
pub async fn list(
    State(app): State<App>,
    who: Sight,
    Params(params): Params<PageParams>,
) -> Result<Response, ApiError> {
    let query = params.check::<Uuid>()?;
    let (found, next) = sight::datasets(&app, &who, query.before, query.limit).await?;
    let mut loading = app.datasets.loading.list(MAX_LOADING);
    loading.retain(|load| !who.is_limited() || load.owner == who.owner());
    let cursor = next.map(|id| id.to_string());
    document(&app, StatusCode::OK, found.iter().map(entries).sum(), move |sheet| {
        let page = Page::of(found.iter().map(DatasetBody::of).collect(), cursor.clone());
        let loading = loading.iter().map(|load| LoadBody::of(load)).collect();
        sheet.json(&ListBody { page, loading })
    })
    .await
}

/// The parameters of `GET /datasets/{dataset}`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShowParams {
    #[serde(default)]
    all: bool,
}

/// `GET /datasets/{dataset}`
pub async fn show(
    State(app): State<App>,
    DatasetPath(dataset): DatasetPath,
    Params(ShowParams { all }): Params<ShowParams>,
) -> Result<Response, ApiError> {
    let entries = entries(&dataset);
    document(&app, StatusCode::OK, entries, move |sheet| sheet.json(&DatasetBody::telling(&dataset, all))).await
}

/// The parameters of `GET /datasets/{dataset}/rows`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RowsParams {
    limit: Option<usize>,
}

/// The first rows.
#[derive(Serialize)]
struct RowsBody {
    data: Vec<Map<String, Value>>,
}

/// `GET /datasets/{dataset}/rows`
pub async fn rows(
    State(app): State<App>,
    DatasetPath(dataset): DatasetPath,
    Params(params): Params<RowsParams>,
    Memory(mut memory): Memory,
) -> Result<Response, ApiError> {
    let limit = in_range("limit", params.limit.unwrap_or(PREVIEW.0), 1, PREVIEW.1)?;
    memory.reserve_rows(preview_bytes(&dataset.profile, limit), &app)?;
    let data = app.datasets.preview(&dataset, limit).await?;
    let reply = blocking(&app, move || reply::json(StatusCode::OK, &RowsBody { data })).await?;
    Ok(holding(memory, reply))
}

/// `DELETE /datasets/{dataset}`
pub async fn remove(
    State(app): State<App>,
    DatasetPath(dataset): DatasetPath,
    _: NoQuery,
) -> Result<Response, ApiError> {
    let id = dataset.id;
    to_the_end(async move { app.datasets.remove(&dataset).await }).await??;
    tracing::info!(dataset_id = %id, "data set deleted");
    Ok(StatusCode::NO_CONTENT.into_response())
}
