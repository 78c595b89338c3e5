//! What the query of a prediction asks for beside it.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::Deserialize;

use super::body::parse::{parse_query, take_repeated};
use super::error::{ApiError, ErrorCode};
use crate::app::App;
use crate::serving::extras::{Extras, OnError, Unknown};
use crate::wording::Shown;

/// Columns that a reply repeats at most.
const MOST_PASSED: usize = 1000;

/// Columns of an explanation: where none are asked for, and at most.
const DEFAULT_TOP: usize = 5;
const MOST_TOP: usize = 100;

/// Of routes that name their model in the path.
pub struct ExtraParams(pub Extras);

/// Of `POST /predict`, which names it in the query.
pub struct ModelParams {
    /// The model's name or identifier.
    pub model: String,
    /// What is asked for.
    pub extras: Extras,
}

/// The parameters but for `passthrough`, which may be repeated.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    model: Option<String>,
    interval: Option<f64>,
    #[serde(default)]
    explain: bool,
    top: Option<usize>,
    #[serde(default)]
    ids: bool,
    #[serde(default)]
    flags: bool,
    #[serde(default)]
    unknown: Unknown,
    #[serde(default)]
    on_error: OnError,
    sheet: Option<String>,
}

impl FromRequestParts<App> for ExtraParams {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, ApiError> {
        let Some(query) = parts.uri.query() else { return Ok(ExtraParams(Extras::default())) };
        match read(query)? {
            (None, extras) => Ok(ExtraParams(extras)),
            (Some(_), _) => {
                let detail = "query parameter model: the path names the model already";
                Err(ApiError::parameter(ErrorCode::UnknownField, "model", detail))
            }
        }
    }
}

impl FromRequestParts<App> for ModelParams {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, ApiError> {
        let (model, extras) = read(parts.uri.query().unwrap_or(""))?;
        let missing = || ApiError::parameter(ErrorCode::MissingField, "model", "query parameter model: it is missing");
        Ok(ModelParams { model: model.ok_or_else(missing)?, extras })
    }
}

/// The model that a query names, and what it asks for.
fn read(query: &str) -> Result<(Option<String>, Extras), ApiError> {
    let (passthrough, rest) = take_repeated(query, "passthrough");
    let Given { model, interval, explain, top, ids, flags, unknown, on_error, sheet } = parse_query(&rest)?;
    let wrong = |name: &'static str, detail: String| Err(ApiError::parameter(ErrorCode::InvalidValue, name, detail));
    if let Some(level) = interval.filter(|level| !(*level > 0.0 && *level < 1.0)) {
        return wrong("interval", format!("interval is {level}; it lies between 0 and 1, such as 0.9"));
    }
    if top.is_some_and(|top| !(1..=MOST_TOP).contains(&top)) {
        return wrong("top", format!("top is a number of columns from 1 to {MOST_TOP}"));
    }
    if top.is_some() && !explain {
        return wrong("top", "top says how many columns an explanation has: it goes with explain=true".into());
    }
    let explain = explain.then(|| top.unwrap_or(DEFAULT_TOP));
    if passthrough.len() > MOST_PASSED {
        return wrong(
            "passthrough",
            format!("passthrough is given {} times; {MOST_PASSED} is the most", passthrough.len()),
        );
    }
    if let Some((at, name)) = passthrough.iter().enumerate().find(|(at, name)| passthrough[..*at].contains(name)) {
        return wrong(
            "passthrough",
            format!("passthrough names the column {} twice, the second time as number {}", Shown(name), at + 1),
        );
    }
    Ok((model, Extras { interval, explain, ids, flags, unknown, passthrough, on_error, sheet }))
}
