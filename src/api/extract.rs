//! What handlers take of a request's head: checked query parameters, and the model, version, job or data set of its path.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::body::parse::parse_query;
use super::error::{ApiError, ErrorCode};
use super::layers::peer::caller;
use crate::app::App;
use crate::datasets::Dataset;
use crate::jobs::JobHandle;
use crate::models::Model;
use crate::serving::memory::RequestMemory;
use crate::wording::Shown;

/// Query parameters, unknown ones refused.
pub struct Params<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<App> for Params<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, ApiError> {
        parse_query(parts.uri.query().unwrap_or("")).map(Params)
    }
}

/// For routes without query parameters: any is refused, so that a typing error never passes unseen.
pub struct NoQuery;

impl FromRequestParts<App> for NoQuery {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, ApiError> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Nothing {}
        match parts.uri.query() {
            None => Ok(NoQuery),
            Some(query) => parse_query::<Nothing>(query).map(|Nothing {}| NoQuery),
        }
    }
}

/// The memory of the request, charged to its client.
pub struct Memory(pub RequestMemory);

impl FromRequestParts<App> for Memory {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Infallible> {
        let address = caller(&parts.extensions).map(|peer| peer.address.clone());
        Ok(Memory(RequestMemory::of(address)))
    }
}

/// Makes a type of one parameter of the path, whatever others the path has, and its extractor.
macro_rules! path_parameter {
    ($parameter:ident, $(#[$doc:meta])* $name:ident($what:ty), |$app:ident, $word:ident| $found:expr) => {
        $(#[$doc])*
        pub struct $name(pub $what);

        impl FromRequestParts<App> for $name {
            type Rejection = ApiError;

            async fn from_request_parts(parts: &mut Parts, $app: &App) -> Result<Self, ApiError> {
                #[derive(Deserialize)]
                struct Parameter {
                    $parameter: String,
                }
                let Path(Parameter { $parameter: $word }) =
                    Path::from_request_parts(parts, $app).await.map_err(unreadable)?;
                let found: $what = $found;
                Ok($name(found))
            }
        }
    };
}

path_parameter!(
    model,
    /// The model that `{model}` of the path names.
    ModelPath(Arc<Model>),
    |app, word| app.models.get(&word).await?
);

path_parameter!(
    version,
    /// The version number that `{version}` of the path names.
    VersionPath(u64),
    |_app, word| word.parse().map_err(|_| no_version(&word))?
);

path_parameter!(
    job,
    /// The job that `{job}` of the path names.
    JobPath(JobHandle),
    |app, word| app.jobs.get(&word).await?
);

path_parameter!(
    dataset,
    /// The data set that `{dataset}` of the path names.
    DatasetPath(Dataset),
    |app, word| app.datasets.get(&word).await?
);

fn unreadable(_: PathRejection) -> ApiError {
    ApiError::new(ErrorCode::MalformedRequest, "the path is not percent-encoded UTF-8")
}

fn no_version(word: &str) -> ApiError {
    ApiError::new(ErrorCode::VersionNotFound, format!("{} is no version: it is a number", Shown(word)))
}
