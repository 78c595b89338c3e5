//! `POST /models/{model}/train`

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use super::access::RequestId;
use super::error::ApiError;
use super::extract::{JsonBody, ModelPath, NoQuery, blocking, to_the_end};
use super::jobs::JobBody;
use super::reply;
use crate::app::App;
use crate::data::rows::Rows;
use crate::jobs::{JobError, JobReport, TrainingRequest};
use crate::learning::optimizer::Optimizer;
use crate::learning::schedule::Schedule;
use crate::learning::stopping::EarlyStopping;
use crate::learning::strict::{Object, given, word_or_object};
use crate::learning::training::{BatchSize, ClassWeight, TrainingSpec};
use crate::models::inline::InlineExamples;

/// The rows, and the fields of a [`TrainingSpec`].
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingBody {
    inputs: Rows,
    targets: Rows,
    #[serde(default, deserialize_with = "given")]
    validation: Option<Object<InlineExamples>>,
    #[serde(default, deserialize_with = "given")]
    epochs: Option<u64>,
    #[serde(default, deserialize_with = "given")]
    batch_size: Option<BatchSize>,
    #[serde(default, deserialize_with = "given")]
    shuffle: Option<bool>,
    #[serde(default, deserialize_with = "given")]
    seed: Option<u64>,
    #[serde(default, deserialize_with = "given")]
    learning_rate: Option<f64>,
    #[serde(default, deserialize_with = "word_or_object")]
    optimizer: Option<Optimizer>,
    #[serde(default, deserialize_with = "word_or_object")]
    learning_rate_schedule: Option<Schedule>,
    #[serde(default, deserialize_with = "given")]
    l1: Option<f64>,
    #[serde(default, deserialize_with = "given")]
    weight_decay: Option<f64>,
    gradient_clip_norm: Option<f64>,
    #[serde(default, deserialize_with = "given")]
    validation_split: Option<f64>,
    early_stopping: Option<Object<EarlyStopping>>,
    max_seconds: Option<f64>,
    class_weight: Option<ClassWeight>,
    #[serde(default, deserialize_with = "given")]
    warm_start: Option<bool>,
}

impl From<TrainingBody> for TrainingRequest {
    fn from(body: TrainingBody) -> Self {
        let settings = TrainingSpec {
            epochs: body.epochs,
            batch_size: body.batch_size,
            shuffle: body.shuffle,
            seed: body.seed,
            learning_rate: body.learning_rate,
            optimizer: body.optimizer,
            learning_rate_schedule: body.learning_rate_schedule,
            l1: body.l1,
            weight_decay: body.weight_decay,
            gradient_clip_norm: body.gradient_clip_norm,
            validation_split: body.validation_split,
            early_stopping: body.early_stopping.map(|stopping| stopping.0),
            max_seconds: body.max_seconds,
            class_weight: body.class_weight,
            warm_start: body.warm_start,
        };
        let examples = InlineExamples { inputs: body.inputs, targets: body.targets };
        TrainingRequest { examples, validation: body.validation.map(|validation| validation.0), settings }
    }
}

/// Checks the request, puts the job into the queue, and answers before it runs.
pub async fn train(
    State(app): State<App>,
    ModelPath(model): ModelPath,
    RequestId(request_id): RequestId,
    _: NoQuery,
    JsonBody { value, idempotency, permit }: JsonBody<TrainingBody>,
) -> Result<Response, ApiError> {
    if let Some(reply) = idempotency.first_reply(&app).await? {
        return Ok(reply);
    }
    let spec = model.spec.clone();
    let training = blocking(move || TrainingRequest::from(value).check(&spec)).await??;
    let (jobs, receipts) = (app.jobs.clone(), idempotency.clone());
    let submitted = to_the_end(async move {
        let receipt =
            |report: &JobReport| receipts.receipt(StatusCode::ACCEPTED, &location(report), &JobBody::of(report));
        // The reply tells of the job as it was accepted, whatever it has come to since.
        let mut accepted = None;
        let keep = |report: &JobReport| receipt(accepted.insert(report.clone()));
        jobs.submit(&model, training, request_id, keep).await?;
        drop(permit);
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
