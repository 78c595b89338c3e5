//! `POST /models/{model}/train`, and `POST /train`, which brings a data set and a model into being with their training.

use axum::extract::{FromRequest, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::de::MapAccess;

use super::asked_training::{AskedTraining, PARAMETERS, TrainQuery, columns_named};
use super::jobs::JobBody;
use crate::api::body::bounds::announced;
use crate::api::body::data_file::{DataFile, Received};
use crate::api::body::formats::check_no_file;
use crate::api::body::json::JsonBody;
use crate::api::body::media::is_form;
use crate::api::error::{ApiError, ErrorCode};
use crate::api::extract::{ModelPath, NoQuery, may_name, may_use};
use crate::api::idempotency::{Idempotency, Repeatable};
use crate::api::layers::request_id::RequestId;
use crate::api::reply::document::{created, document};
use crate::app::App;
use crate::data::json::ColumnNames;
use crate::datasets::Asked;
use crate::jobs::{JobReport, Requester};
use crate::keys::Sight;
use crate::learning::training::TrainingSpec;
use crate::models::table::TableRequest;
use crate::serving::data::DataFields;
use crate::serving::memory::LARGE;
use crate::serving::train::TrainRequest;
use crate::serving::train_file::no_target;
use crate::serving::{self, ServingError, sight};
use crate::storage::catalog::ReceiptRow;
use crate::strict::Object;
use crate::strict::{Beside, Fields, once};
use crate::telemetry::traces::traceparent;

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
    check_no_file(request.headers())?;
    let JsonBody { value, idempotency, memory } = JsonBody::<TrainingBody>::from_request(request, &app).await?;
    if let Some(reply) = idempotency.first_reply(&app, &who, again).await? {
        return Ok(reply);
    }
    let (receipt, request) = (receipts(&idempotency), value.request());
    may_use(&app, &who, [Some(&request.data), request.validation.as_ref()].map(|data| data?.dataset.as_ref())).await?;
    let submitted = serving::train(&app, &model, request, memory, requester(&request_id, &who), receipt).await;
    idempotency.unless_repeated(&app, &who, submitted, accepted, again).await
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
async fn accepted(app: &App, report: JobReport) -> Result<Response, ApiError> {
    let at = location(&report);
    created(app, StatusCode::ACCEPTED, &at, 0, move |sheet| sheet.json(&JobBody::of(&report))).await
}

/// The reply to a request that made the job `id`.
async fn again(app: &App, who: &Sight, id: &str) -> Result<Response, ApiError> {
    let report = sight::job(app, who, id).await?.report();
    document(app, StatusCode::ACCEPTED, report.warnings.len(), move |sheet| sheet.json(&JobBody::of(&report))).await
}

/// Where a job is.
fn location(report: &JobReport) -> String {
    format!("/jobs/{}", report.id)
}

/// `POST /train`: stores the data set, creates the model and starts its training; all of it or nothing. What is asked for stands in
/// the query, or in a form beside the file; of the query alone is it known before the file comes.
pub async fn train_file(
    State(app): State<App>,
    who: Sight,
    query: TrainQuery,
    request_id: RequestId,
    request: Request,
) -> Result<Response, ApiError> {
    let owner = who.owner();
    let (is_by_form, mut file, asked) = asked_with_file(&app, &who, query, request).await?;
    let located = |error: ApiError| if is_by_form { error } else { error.of_query(&PARAMETERS) };
    let of_query = |error: ServingError| located(error.into());
    let AskedTraining { name, columns, features, model: asked, settings } = asked;
    let dataset = Asked { name, format: file.format, columns, parent: None };
    let Received { idempotency, early } = file.receive(&app, Some(&dataset)).await?;
    if let Some(reply) = idempotency.first_reply(&app, &who, again).await? {
        return Ok(reply);
    }
    let new = file.read(&app, &dataset, early).await;
    let mut new = new.map_err(|error| located(error.into()))?;
    new.owner = owner;
    if new.profile.column(&asked.target).is_none() {
        return Err(of_query(no_target(&asked.target, &new.profile)));
    }
    let asked = TableRequest { features: columns_named(&features, &new.profile).or(asked.features), ..asked };
    let receipt = receipts(&idempotency);
    let submitted = serving::train_file(&app, new, asked, settings, requester(&request_id, &who), receipt).await;
    let submitted = submitted.map_err(of_query);
    idempotency.unless_repeated(&app, &who, submitted, accepted, again).await
}

/// What `POST /train` asks for, whether a form says it, and the file, which arrives: what the URL says is decided before that.
async fn asked_with_file(
    app: &App,
    who: &Sight,
    query: TrainQuery,
    request: Request,
) -> Result<(bool, DataFile, AskedTraining), ApiError> {
    if query.is_empty && is_form(request.headers()) {
        let (file, options) = DataFile::with_options(request, app).await?;
        let asked = options.map_or_else(|| query.asked(), |options| AskedTraining::of_options(&options))?;
        may_name(who, asked.name.as_deref())?;
        return Ok((true, file, asked));
    }
    let (repeatable, asked) = (Repeatable::of(&request)?, query.asked()?);
    may_name(who, asked.name.as_deref())?;
    let found = serving::may_train_file(app, asked.name.as_deref(), who.owner()).await;
    let found = found.map_err(|error| ApiError::from(error).of_query(&PARAMETERS));
    repeatable.or_refused(app, found).await?;
    let (file, options) = DataFile::with_options(request, app).await?;
    if options.is_some() {
        let detail = "what is asked for stands in the URL or in the part `options`: send all of it in one of them";
        return Err(ApiError::new(ErrorCode::InvalidValue, detail));
    }
    Ok((false, file, asked))
}
