//! `POST /models/{model}/train`, and `POST /train`, which brings a data set and a model into being with their training.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use serde::Deserialize;
use serde::de::MapAccess;

use super::access::RequestId;
use super::data_fields::DataFields;
use super::datasets::parse_types;
use super::error::{ApiError, ErrorCode};
use super::extract::{JsonBody, ModelPath, NoQuery, RequestMemory, blocking, to_the_end};
use super::jobs::JobBody;
use super::models::no_target;
use super::parse::{parse_query, take_repeated};
use super::reply;
use super::upload::{DataFile, Received};
use crate::app::App;
use crate::data::encoder::{MAX_CLASSES, Task};
use crate::data::ingest::Format;
use crate::data::profile::TableProfile;
use crate::datasets::Asked;
use crate::jobs::{FirstTraining, JobError, JobReport, NewTraining, TableTraining, TrainingRequest};
use crate::learning::beside::{Beside, Fields, once};
use crate::learning::strict::Object;
use crate::learning::training::TrainingSpec;
use crate::models::table::TableRequest;
use crate::models::{Model, ModelKind, NewModel};

/// What to train on, and the settings.
type TrainingBody = Beside<TrainingData, TrainingSpec>;

/// The data to train on, and the data to validate on.
#[derive(Default)]
pub struct TrainingData {
    data: DataFields,
    validation: Option<Object<DataFields>>,
}

impl Fields for TrainingData {
    const NAMES: &'static [&'static str] = &["inputs", "targets", "dataset", "features", "validation"];

    fn read<'de, A: MapAccess<'de>>(&mut self, name: &'static str, map: &mut A) -> Result<(), A::Error> {
        let data = &mut self.data;
        match name {
            "inputs" => once(&mut data.inputs, name, map),
            "targets" => once(&mut data.targets, name, map),
            "dataset" => once(&mut data.dataset, name, map),
            "features" => once(&mut data.features, name, map),
            _ => once(&mut self.validation, name, map),
        }
    }
}

impl TrainingBody {
    /// The checked training of `model`.
    async fn check(self, app: &App, model: &Model, memory: &mut RequestMemory) -> Result<NewTraining, ApiError> {
        let Beside { fields: TrainingData { data, validation }, others: settings } = self;
        let validation = validation.map(|Object(validation)| validation);
        match &model.kind {
            ModelKind::Layers(spec) => {
                let features = data.features.clone();
                let targets = match &data.targets {
                    Some(RowsOrNames::Names(names)) => Some(RowsOrNames::Names(names.clone())),
                    _ => None,
                };
                let examples = data.examples(app, memory, spec, "").await?;
                let validation = match validation {
                    None => None,
                    // Columns are named once, for both.
                    Some(fields) if fields.dataset.is_some() => {
                        let (features, targets) = (fields.features.or(features), fields.targets.or(targets));
                        let fields = DataFields { features, targets, ..fields };
                        Some(fields.examples(app, memory, spec, "/validation").await?)
                    }
                    Some(fields) => Some(fields.examples(app, memory, spec, "/validation").await?),
                };
                let (request, spec) = (TrainingRequest { examples, validation, settings }, spec.clone());
                Ok(NewTraining::Rows(Box::new(blocking(move || request.check(&spec)).await??)))
            }
            ModelKind::Table(table) => {
                let dataset = data.dataset(app, table.dataset, "").await?;
                let validation = match validation {
                    None => None,
                    Some(fields) => Some(fields.dataset(app, None, "/validation").await?),
                };
                let training = TableTraining::check(table, settings, &dataset, validation.as_ref())?;
                Ok(NewTraining::Table(Box::new(training)))
            }
        }
    }
}

/// Checks the request, puts the job into the queue, and answers before it runs.
pub async fn train(
    State(app): State<App>,
    ModelPath(model): ModelPath,
    request_id: RequestId,
    _: NoQuery,
    JsonBody { value, idempotency, mut memory }: JsonBody<TrainingBody>,
) -> Result<Response, ApiError> {
    if let Some(reply) = idempotency.first_reply(&app).await? {
        return Ok(reply);
    }
    let work = value.check(&app, &model, &mut memory).await?;
    let (jobs, receipts) = (app.jobs.clone(), idempotency.clone());
    let submitted = to_the_end(async move {
        let receipt =
            |report: &JobReport| receipts.receipt(StatusCode::ACCEPTED, &location(report), &JobBody::of(report));
        // The reply tells of the job as it was accepted, whatever it has come to since.
        let mut accepted = None;
        let keep = |report: &JobReport| receipt(accepted.insert(report.clone()));
        jobs.submit(&model, work, request_id.as_str().to_owned(), keep).await?;
        drop(memory);
        Ok::<_, JobError>(accepted.expect("every job that is accepted makes its receipt"))
    })
    .await?;
    let reply = |report: JobReport| reply::created(StatusCode::ACCEPTED, &location(&report), &JobBody::of(&report));
    idempotency.unless_repeated(&app, submitted, reply).await
}

/// Where a job is.
fn location(report: &JobReport) -> String {
    format!("/jobs/{}", report.id)
}

/// The parameters of `POST /train`, as errors name them.
const PARAMETERS: [&str; 9] =
    ["name", "target", "features", "task", "epochs", "hidden_layers", "seed", "validation_split", "types"];

/// The parameters of `POST /train`, `features` among them, once for each column: names may contain any separator.
pub struct TrainQuery {
    params: TrainParams,
    features: Vec<String>,
}

impl FromRequestParts<App> for TrainQuery {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, ApiError> {
        let (features, rest) = take_repeated(parts.uri.query().unwrap_or(""), "features");
        Ok(TrainQuery { params: parse_query(&rest)?, features })
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
    types: Option<String>,
}

/// What the parameters of `POST /train` ask for, as far as it can be known before the data is.
struct AskedTraining {
    dataset: Asked,
    target: String,
    hidden_layers: Option<Vec<usize>>,
}

impl TrainParams {
    fn asked(&self, format: Format) -> Result<AskedTraining, ApiError> {
        let target = self.target.clone().ok_or_else(|| {
            let detail = "missing query parameter `target`: the column to predict";
            ApiError::parameter(ErrorCode::MissingField, "target", detail)
        })?;
        let (name, types) = (self.name.clone(), parse_types(self.types.as_deref())?);
        Ok(AskedTraining { dataset: Asked { name, format, types }, target, hidden_layers: self.widths()? })
    }

    /// Widths such as `64,32`.
    fn widths(&self) -> Result<Option<Vec<usize>>, ApiError> {
        let Some(text) = &self.hidden_layers else { return Ok(None) };
        let widths: Result<Vec<usize>, _> = text.split(',').map(|width| width.trim().parse()).collect();
        let detail = || format!("hidden_layers is {text:?}; widths such as 64,32 are expected");
        let wrong = |_| ApiError::parameter(ErrorCode::InvalidValue, "hidden_layers", detail());
        widths.map(Some).map_err(wrong)
    }
}

/// `POST /train`: stores the data set, creates the model and starts its training; all of it or nothing.
pub async fn train_file(
    State(app): State<App>,
    TrainQuery { params, features }: TrainQuery,
    request_id: RequestId,
    mut file: DataFile,
) -> Result<Response, ApiError> {
    let asked = params.asked(file.format);
    let Received { idempotency, early } = file.receive(&app, asked.as_ref().ok().map(|asked| &asked.dataset)).await?;
    if let Some(reply) = idempotency.first_reply(&app).await? {
        return Ok(reply);
    }
    let AskedTraining { dataset, target, hidden_layers } = asked?;
    let new = file.read(&app, &dataset, early).await;
    let new = new.map_err(|error| ApiError::from(error).of_query(&PARAMETERS))?;
    if new.profile.column(&target).is_none() {
        return Err(no_target(&target, &new.profile).of_query(&PARAMETERS));
    }
    let (seed, task, features) = (params.seed, params.task, columns_named(&features, &new.profile));
    let request = TableRequest { target, features, task, hidden_layers, seed, ..TableRequest::default() };
    let settings =
        TrainingSpec { epochs: params.epochs, validation_split: params.validation_split, ..TrainingSpec::default() };
    let (datasets, receipts) = (app.datasets.clone(), idempotency.clone());
    let (jobs, models) = (app.jobs.clone(), app.models.clone());
    let submitted = to_the_end(async move {
        let draft = datasets.draft(new).await?;
        let dataset = draft.dataset().clone();
        let checked = async {
            let target = datasets.distinct_values(&dataset, &request.target, MAX_CLASSES).await?;
            let spec = request.check(dataset.id, &dataset.profile, &target)?;
            models.check_size(&spec.shape_on(&dataset.profile)?)?;
            let training = TableTraining::check(&spec, settings, &dataset, None)?;
            Ok::<_, JobError>((spec, training))
        };
        let (spec, training) = match checked.await {
            Ok(checked) => checked,
            Err(error) => {
                datasets.discard(&draft).await;
                return Err(error);
            }
        };
        let kind = ModelKind::Table(Arc::new(spec));
        let model = NewModel { name: dataset.name.clone(), kind, initial: None, metadata: BTreeMap::new() };
        let mut accepted = None;
        let keep = |report: &JobReport| {
            let report = accepted.insert(report.clone());
            receipts.receipt(StatusCode::ACCEPTED, &location(report), &JobBody::of(report))
        };
        let first = FirstTraining { draft, model, training };
        jobs.submit_first(first, request_id.as_str().to_owned(), keep).await?;
        Ok::<_, JobError>(accepted.expect("every job that is accepted makes its receipt"))
    })
    .await?;
    let submitted = submitted.map_err(|error| ApiError::from(error).of_query(&PARAMETERS));
    let reply = |report: JobReport| reply::created(StatusCode::ACCEPTED, &location(&report), &JobBody::of(&report));
    idempotency.unless_repeated(&app, submitted, reply).await
}
