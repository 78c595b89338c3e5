//! Pictures of versions and jobs, as SVG.

use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use serde::Deserialize;

use crate::api::error::{ApiError, ErrorCode};
use crate::api::extract::{JobPath, ModelPath, Params, VersionPath, Words};
use crate::api::reply::json::with_type;
use crate::app::App;
use crate::plots::Theme;
use crate::serving::plots::{Plot, of_job, of_version};
use crate::wording::Shown;

/// The parameters of a plot.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlotParams {
    #[serde(default)]
    theme: Theme,
}

/// The last part of a plot's path.
#[derive(Deserialize)]
pub struct PlotPath {
    plot: String,
}

/// `GET /models/{model}/versions/{version}/plots/{plot}`
pub async fn version(
    State(app): State<App>,
    ModelPath(model): ModelPath,
    VersionPath(key): VersionPath,
    Words(PlotPath { plot: file }): Words<PlotPath>,
    Params(PlotParams { theme }): Params<PlotParams>,
) -> Result<Response, ApiError> {
    let named = Plot::ALL.iter().find(|(name, _)| file.strip_suffix(".svg") == Some(name));
    let (_, plot) = named.ok_or_else(|| unknown(&file))?;
    let version = app.models.version_called(&model, &key).await?;
    Ok(svg(of_version(&app, &model, &version, *plot, theme).await?))
}

/// `GET /jobs/{job}/plot.svg`: also while it runs.
pub async fn job(
    State(app): State<App>,
    JobPath(job): JobPath,
    Params(PlotParams { theme }): Params<PlotParams>,
) -> Result<Response, ApiError> {
    Ok(svg(of_job(&app, &job, theme).await?))
}

fn unknown(file: &str) -> ApiError {
    let names: Vec<String> = Plot::ALL.iter().map(|(name, _)| format!("{name}.svg")).collect();
    ApiError::new(
        ErrorCode::PlotUnavailable,
        format!("there is no plot {}: there are {}", Shown(file), names.join(", ")),
    )
}

fn svg(picture: String) -> Response {
    let mut response = with_type(StatusCode::OK, "image/svg+xml", picture);
    // A job goes on, and an alias moves.
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}
