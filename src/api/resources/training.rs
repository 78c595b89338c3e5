//! `POST /models/{model}/train`, and `POST /train`, which brings a data set and a model into being with their training.

use axum::extract::{FromRequest, FromRequestParts, Request, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use serde::Deserialize;
use serde::de::MapAccess;

use super::jobs::JobBody;
use crate::api::body::bounds::announced;
use crate::api::body::columns::take_columns;
use crate::api::body::data_file::{DataFile, Received};
use crate::api::body::json::JsonBody;
use crate::api::body::parse::{parse_query, take_repeated};
use crate::api::error::{ApiError, ErrorCode};
use crate::api::extract::{ModelPath, NoQuery, may_name, may_use};
use crate::api::idempotency::{Idempotency, Repeatable};
use crate::api::layers::request_id::RequestId;
use crate::api::reply::json as reply;
use crate::app::App;
use crate::data::asked::AskedColumns;
use crate::data::encoder::Task;
use crate::data::json::ColumnNames;
use crate::data::profile::TableProfile;
use crate::datasets::Asked;
use crate::jobs::{JobReport, Requester};
use crate::keys::Sight;
use crate::learning::activate::Activate;
use crate::learning::split::SplitBy;
use crate::learning::training::{ClassWeight, Classes, TrainingSpec};
use crate::models::table::TableRequest;
use crate::serving::data::DataFields;
use crate::serving::memory::LARGE;
use crate::serving::train::TrainRequest;
use crate::serving::train_file::no_target;
use crate::serving::{self, ServingError};
use crate::storage::catalog::ReceiptRow;
use crate::strict::Object;
use crate::strict::{Beside, Fields, once};
use crate::telemetry::traces::traceparent;
use crate::wording::Shown;

/// What to train on, and the settings.
type TrainingBody = Beside<TrainingData, TrainingSpec>;

/// The data to train on, and the data to validate on.
#[derive(Default)]
pub struct TrainingData {
    data: DataFields,
    validation: Option<Object<DataFields>>,
}

impl Fields for TrainingData {
    const NAMES: &'static [&'static str] = &["inputs", "targets", "dataset", "features", "weights", "validation"];

    fn read<'de, A: MapAccess<'de>>(&mut self, name: &'static str, map: &mut A) -> Result<(), A::Error> {
        let data = &mut self.data;
        match name {
            "inputs" => once(&mut data.inputs, name, map),
            "targets" => once(&mut data.targets, name, map),
            "dataset" => once(&mut data.dataset, name, map),
            "weights" => once(&mut data.weights, name, map),
            "features" => {
                let mut names = data.features.take().map(ColumnNames);
                once(&mut names, name, map)?;
                data.features = names.map(|ColumnNames(names)| names);
                Ok(())
            }
            _ => once(&mut self.validation, name, map),
        }
    }
}

impl TrainingBody {
    /// The training that is asked for.
    fn request(self) -> TrainRequest {
        let Beside { fields: TrainingData { data, validation }, others: settings } = self;
        TrainRequest { data, validation: validation.map(|Object(validation)| validation), settings }
    }
}

/// Checks the request, puts the job into the queue, and answers before it runs.
pub async fn train(
    State(app): State<App>,
    who: Sight,
    ModelPath(model): ModelPath,
    request_id: RequestId,
    _: NoQuery,
    request: Request,
) -> Result<Response, ApiError> {
    if announced(&request) >= LARGE {
        Repeatable::of(&request)?.or_refused(&app, app.jobs.check_room()).await?;
    }
    let JsonBody { value, idempotency, memory } = JsonBody::<TrainingBody>::from_request(request, &app).await?;
    if let Some(reply) = idempotency.first_reply(&app, again).await? {
        return Ok(reply);
    }
    let (receipt, request) = (receipts(&idempotency), value.request());
    may_use(&app, &who, [Some(&request.data), request.validation.as_ref()].map(|data| data?.dataset.as_ref())).await?;
    let submitted = serving::train(&app, &model, request, memory, requester(&request_id, &who), receipt).await;
    idempotency.unless_repeated(&app, submitted, accepted, again).await
}

/// Who asks for a job.
fn requester(request_id: &RequestId, who: &Sight) -> Requester {
    Requester { request_id: request_id.as_str().to_owned(), owner: who.owner(), traceparent: traceparent() }
}

/// What is kept of a job that is accepted, for the repetition of its request.
fn receipts(idempotency: &Idempotency) -> impl Fn(&JobReport) -> Option<ReceiptRow> + Send + use<> {
    let idempotency = idempotency.clone();
    move |report| idempotency.receipt(StatusCode::ACCEPTED, &location(report), &JobBody::of(report))
}

/// The reply to a training whose job is accepted.
fn accepted(report: JobReport) -> Response {
    reply::created(StatusCode::ACCEPTED, &location(&report), &JobBody::of(&report))
}

/// The reply to a request that made the job `id`.
async fn again(app: &App, id: &str) -> Result<Response, ApiError> {
    Ok(reply::json(StatusCode::ACCEPTED, &JobBody::of(&app.jobs.get(id).await?.report())))
}

/// Where a job is.
fn location(report: &JobReport) -> String {
    format!("/jobs/{}", report.id)
}

/// The parameters of `POST /train`, as errors name them.
const PARAMETERS: [&str; 16] = [
    "name",
    "target",
    "features",
    "task",
    "epochs",
    "hidden_layers",
    "seed",
    "validation_split",
    "split",
    "types",
    "missing",
    "skip_columns",
    "activate",
    "class_weight",
    "weights",
    "sheet",
];

/// The parameters of `POST /train`, `features` among them, once for each column: names may contain any separator.
pub struct TrainQuery {
    params: TrainParams,
    features: Vec<String>,
    columns: AskedColumns,
}

impl FromRequestParts<App> for TrainQuery {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, ApiError> {
        let (features, rest) = take_repeated(parts.uri.query().unwrap_or(""), "features");
        let (columns, rest) = take_columns(&rest)?;
        Ok(TrainQuery { params: parse_query(&rest)?, features, columns })
    }
}

/// The columns that `features` names: one each, or several with commas between them where no column has that name.
fn columns_named(features: &[String], profile: &TableProfile) -> Option<Vec<String>> {
    let parts = |given: &String| match profile.column(given) {
        Some(_) => vec![given.clone()],
        None => given.split(',').map(|name| name.trim().to_owned()).collect(),
    };
    (!features.is_empty()).then(|| features.iter().flat_map(parts).collect())
}

/// The other parameters of `POST /train`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainParams {
    name: Option<String>,
    target: Option<String>,
    task: Option<Task>,
    epochs: Option<u64>,
    hidden_layers: Option<String>,
    seed: Option<u64>,
    validation_split: Option<f64>,
    split: Option<String>,
    activate: Option<Activate>,
    class_weight: Option<String>,
    weights: Option<String>,
}

impl TrainParams {
    /// The model and the training that are asked for, as far as it can be known before the data is.
    fn asked(&self, columns: &AskedColumns) -> Result<(TableRequest, TrainingSpec), ApiError> {
        let target = self.target.clone().ok_or_else(|| {
            let detail = "missing query parameter `target`: the column to predict";
            ApiError::parameter(ErrorCode::MissingField, "target", detail)
        })?;
        if columns.skipped.contains(&target) {
            let detail = format!("the target {} is one of skip_columns", Shown(&target));
            return Err(ApiError::parameter(ErrorCode::InvalidValue, "target", detail));
        }
        let (hidden_layers, seed, task, weights) = (self.widths()?, self.seed, self.task, self.weights.clone());
        let settings = TrainingSpec {
            epochs: self.epochs,
            validation_split: self.validation_split,
            split: self.split()?,
            activate: self.activate,
            ..TrainingSpec::default()
        };
        let in_range = settings.clone().check(0, Classes::None);
        in_range.map_err(|error| ApiError::from(error).of_query(&PARAMETERS))?;
        let settings = TrainingSpec { class_weight: self.class_weight()?, ..settings };
        Ok((TableRequest { target, weights, task, hidden_layers, seed, ..TableRequest::default() }, settings))
    }

    /// The word `balanced`: weights by class stand in the body of a training.
    fn class_weight(&self) -> Result<Option<ClassWeight>, ApiError> {
        match self.class_weight.as_deref() {
            None => Ok(None),
            Some("balanced") => Ok(Some(ClassWeight::Balanced)),
            Some(other) => {
                let detail = format!("class_weight is {}; balanced is expected", Shown(other));
                Err(ApiError::parameter(ErrorCode::InvalidValue, "class_weight", detail))
            }
        }
    }

    fn split(&self) -> Result<Option<SplitBy>, ApiError> {
        let Some(text) = &self.split else { return Ok(None) };
        let wrong = |expected: String| {
            let detail = format!("split is {}; {expected}", Shown(text));
            ApiError::parameter(ErrorCode::InvalidValue, "split", detail)
        };
        text.parse().map(Some).map_err(wrong)
    }

    /// Widths such as `64,32`.
    fn widths(&self) -> Result<Option<Vec<usize>>, ApiError> {
        let Some(text) = &self.hidden_layers else { return Ok(None) };
        let widths: Result<Vec<usize>, _> = text.split(',').map(|width| width.trim().parse()).collect();
        let detail = || format!("hidden_layers is {}; widths such as 64,32 are expected", Shown(text));
        let wrong = |_| ApiError::parameter(ErrorCode::InvalidValue, "hidden_layers", detail());
        widths.map(Some).map_err(wrong)
    }
}

/// `POST /train`: stores the data set, creates the model and starts its training; all of it or nothing.
pub async fn train_file(
    State(app): State<App>,
    who: Sight,
    TrainQuery { params, features, columns }: TrainQuery,
    request_id: RequestId,
    request: Request,
) -> Result<Response, ApiError> {
    let of_query = |error: ServingError| ApiError::from(error).of_query(&PARAMETERS);
    let (asked, settings) = params.asked(&columns)?;
    let (name, owner) = (params.name, who.owner());
    may_name(&who, name.as_deref())?;
    let found = serving::may_train_file(&app, name.as_deref(), owner).await;
    Repeatable::of(&request)?.or_refused(&app, found.map_err(of_query)).await?;
    let mut file = DataFile::from_request(request, &app).await?;
    let dataset = Asked { name, format: file.format, columns, parent: None };
    let Received { idempotency, early } = file.receive(&app, Some(&dataset)).await?;
    if let Some(reply) = idempotency.first_reply(&app, again).await? {
        return Ok(reply);
    }
    let new = file.read(&app, &dataset, early).await;
    let mut new = new.map_err(|error| ApiError::from(error).of_query(&PARAMETERS))?;
    new.owner = owner;
    if new.profile.column(&asked.target).is_none() {
        return Err(of_query(no_target(&asked.target, &new.profile)));
    }
    let asked = TableRequest { features: columns_named(&features, &new.profile), ..asked };
    let receipt = receipts(&idempotency);
    let submitted = serving::train_file(&app, new, asked, settings, requester(&request_id, &who), receipt).await;
    let submitted = submitted.map_err(of_query);
    idempotency.unless_repeated(&app, submitted, accepted, again).await
}
