//! `/jobs`: list, show (or wait), history of epochs, cancel, delete.

use std::pin::pin;
use std::time::Duration;

use axum::extract::{FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use crate::api::body::parse::{parse_query, take_repeated};
use crate::api::error::{ApiError, ErrorCode, Problem};
use crate::api::extract::{JobPath, NoQuery, Params};
use crate::api::layers::deadline::Untimed;
use crate::api::layers::follower::{Follower, LOOK};
use crate::api::reply::document::document;
use crate::api::reply::findings::{WarningBody, warnings};
use crate::api::reply::model::ModelBody;
use crate::api::reply::page::{Page, in_range, page};
use crate::app::App;
use crate::jobs::history::{EpochEntry, HistoryQuery};
use crate::jobs::queue::JobFilter;
use crate::jobs::{JobHandle, JobReport, JobState, JobStates};
use crate::keys::Sight;
use crate::learning::training::MAX_EPOCHS;
use crate::models::Model;
use crate::serving::memory::of_records;
use crate::serving::sight;
use crate::serving::threads::to_the_end;
use crate::webhooks::settle;
use crate::wording::Shown;

/// Longest `?wait=`, in seconds.
const MAX_WAIT: u64 = 60;
/// Most entries of a page of epochs.
const MAX_PAGE: usize = 1000;

/// A job as clients see it.
#[derive(Serialize)]
pub struct JobBody<'a> {
    #[serde(flatten)]
    report: &'a JobReport,
    warnings: Vec<WarningBody<'a>>,
    error: Option<Problem>,
}

impl<'a> JobBody<'a> {
    /// The job of a report, with as many warnings as a person reads.
    pub fn of(report: &'a JobReport) -> Self {
        JobBody::telling(report, false)
    }

    /// The job of a report, with all warnings if they are to be told `in_full`.
    fn telling(report: &'a JobReport, in_full: bool) -> Self {
        let error = report.failure.as_ref().map(|failure| ApiError::from(failure).problem(&report.request_id));
        let warnings = warnings(&report.warnings, &format!("/jobs/{}", report.id), in_full);
        JobBody { report, warnings, error }
    }
}

/// What a webhook is told of the end of a job.
#[derive(Serialize)]
struct EndBody<'a> {
    r#type: &'static str,
    timestamp: Timestamp,
    data: EndData<'a>,
}

#[derive(Serialize)]
struct EndData<'a> {
    job: JobBody<'a>,
    model: Option<ModelBody<'a>>,
}

/// The document that a webhook gets about a job that has ended. The model is null if it is deleted.
pub fn told(report: &JobReport, model: Option<&Model>) -> String {
    let data = EndData { job: JobBody::of(report), model: model.map(ModelBody::of) };
    let timestamp = report.finished_at.unwrap_or_else(Timestamp::now);
    let body = EndBody { r#type: "job.ended", timestamp, data };
    serde_json::to_string(&body).expect("jobs and models are plain data with text keys")
}

/// The parameters of `GET /jobs`.
pub struct ListQuery {
    params: ListParams,
    states: JobStates,
}

/// Those that are given once.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListParams {
    model: Option<String>,
    limit: Option<usize>,
    cursor: Option<String>,
    dataset: Option<String>,
}

impl FromRequestParts<App> for ListQuery {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, ApiError> {
        let (given, rest) = take_repeated(parts.uri.query().unwrap_or(""), "state");
        Ok(ListQuery { params: parse_query(&rest)?, states: states(&given)? })
    }
}

/// The states that are given: one each, or several with commas between them; all if none is.
fn states(given: &[String]) -> Result<JobStates, ApiError> {
    let words = given.iter().flat_map(|words| words.split(','));
    let state = |word: &str| {
        let known = JobState::ALL.map(JobState::word).join(", ");
        let detail = || format!("state: there is no {}: there are {known}", Shown(word));
        JobState::of_word(word).ok_or_else(|| ApiError::parameter(ErrorCode::InvalidValue, "state", detail()))
    };
    let asked: Vec<_> = words.map(|word| state(word.trim())).collect::<Result<_, _>>()?;
    Ok(if asked.is_empty() { JobStates::default() } else { JobStates::of(&asked) })
}

/// `GET /jobs`
pub async fn list(
    State(app): State<App>,
    who: Sight,
    ListQuery { params, states }: ListQuery,
) -> Result<Response, ApiError> {
    let query = page::<Uuid>(params.limit, params.cursor)?;
    let model = match params.model {
        Some(key) => Some(sight::model(&app, &who, &key).await?.id),
        None => None,
    };
    let dataset = match params.dataset {
        Some(key) => Some(sight::dataset(&app, &who, &key).await?.id),
        None => None,
    };
    let filter = JobFilter { model, dataset, states };
    let (found, next) = sight::jobs(&app, &who, filter, query.before, query.limit).await?;
    let cursor = next.map(|id| id.to_string());
    let warnings = found.iter().map(|report| report.warnings.len()).sum();
    let memory = of_records(found.iter().map(JobReport::bytes).sum(), &app)?;
    document(&app, StatusCode::OK, warnings, move |sheet| {
        let _held = &memory;
        sheet.json(&Page::of(found.iter().map(JobBody::of).collect(), cursor.clone()))
    })
    .await
}

/// The parameters of `GET /jobs/{job}`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShowParams {
    #[serde(default)]
    wait: u64,
    #[serde(default)]
    all: bool,
}

/// `GET /jobs/{job}`: at once, or when the job has ended or the seconds of `wait` have passed.
pub async fn show(
    State(app): State<App>,
    _: Untimed,
    follower: Follower,
    JobPath(job): JobPath,
    who: Sight,
    Params(params): Params<ShowParams>,
) -> Result<Response, ApiError> {
    let wait = in_range("wait", params.wait, 0, MAX_WAIT)?;
    if wait > 0 {
        let _following = follower.follows();
        wait_for_end(&job, &who, Duration::from_secs(wait)).await;
        if !who.holds() {
            return Err(ApiError::new(ErrorCode::KeyInvalid, "the key has ended while the job was waited for"));
        }
        sight::still_sees(&app, &who, &job).await?;
    }
    let (report, all) = (job.report(), params.all);
    document(&app, StatusCode::OK, report.warnings.len(), move |sheet| sheet.json(&JobBody::telling(&report, all)))
        .await
}

/// Waits for the end of a job, no longer than `most`, and than the key of who asks holds.
async fn wait_for_end(job: &JobHandle, who: &Sight, most: Duration) {
    let (mut over, until) = (pin!(job.over()), Instant::now() + most);
    while who.holds() && Instant::now() < until {
        if timeout_at(until.min(Instant::now() + LOOK), &mut over).await.is_ok() {
            return;
        }
    }
}

/// The parameters of `GET /jobs/{job}/epochs`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EpochsParams {
    #[serde(default)]
    after: u64,
    every: Option<u64>,
    limit: Option<usize>,
    member: Option<usize>,
}

/// A page of the history.
#[derive(Serialize)]
struct EpochsBody {
    data: Vec<EpochEntry>,
    next_after: Option<u64>,
}

/// `GET /jobs/{job}/epochs`
pub async fn epochs(
    State(app): State<App>,
    JobPath(job): JobPath,
    Params(params): Params<EpochsParams>,
) -> Result<Response, ApiError> {
    let after = in_range("after", params.after, 0, MAX_EPOCHS)?;
    let every = in_range("every", params.every.unwrap_or(1), 1, MAX_EPOCHS)?;
    let limit = in_range("limit", params.limit.unwrap_or(MAX_PAGE), 1, MAX_PAGE)?;
    let query = HistoryQuery { after, every, limit };
    let (data, next_after) = match params.member {
        None => job.history(query).await?,
        Some(member) => job.member_history(index_of(member, job.networks().await?)?, query).await?,
    };
    let body = EpochsBody { data, next_after };
    document(&app, StatusCode::OK, 0, move |sheet| sheet.json(&body)).await
}

/// The index of the network of this number among so many that have a history of their own.
fn index_of(member: usize, networks: usize) -> Result<usize, ApiError> {
    let detail = match networks {
        0 => "member names one of several networks: one learned, or of each by itself nothing is kept (beyond 10,000 epochs, or 40,000 \
              of all networks together, and of trainings of earlier releases)"
            .to_owned(),
        _ if (1..=networks).contains(&member) => return Ok(member - 1),
        _ => format!("member is {member}; {networks} networks learn, counted from 1"),
    };
    Err(ApiError::parameter(ErrorCode::InvalidValue, "member", detail))
}

/// `DELETE /jobs/{job}`
pub async fn remove(State(app): State<App>, JobPath(job): JobPath, _: NoQuery) -> Result<Response, ApiError> {
    let id = job.report().id;
    settle(&app, told).await?;
    to_the_end(async move { app.jobs.remove(&job).await }).await??;
    tracing::info!(job_id = %id, "job deleted");
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The parameters of `POST /jobs/{job}/cancel`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CancelParams {
    #[serde(default)]
    keep: bool,
}

/// `POST /jobs/{job}/cancel`: answers when the job has stopped.
pub async fn cancel(
    State(app): State<App>,
    JobPath(job): JobPath,
    Params(params): Params<CancelParams>,
) -> Result<Response, ApiError> {
    let (jobs, cancelled) = (app.jobs.clone(), job.clone());
    to_the_end(async move { jobs.cancel(&cancelled, params.keep).await }).await??;
    let report = job.report();
    document(&app, StatusCode::OK, report.warnings.len(), move |sheet| sheet.json(&JobBody::of(&report))).await
}
