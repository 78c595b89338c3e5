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
use crate::keys::Sight;
use crate::models::Model;
use crate::models::alias::VersionKey;
use crate::serving::memory::RequestMemory;
use crate::serving::sight::{self, Named, Thing};
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

/// The parameters of the path, as words.
pub struct Words<T>(pub T);

impl<T: DeserializeOwned + Send> FromRequestParts<App> for Words<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let Path(words) = Path::from_request_parts(parts, app).await.map_err(unreadable)?;
        Ok(Words(words))
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

/// Who asks, as the door has noted it.
impl FromRequestParts<App> for Sight {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Infallible> {
        Ok(parts.extensions.get::<Sight>().cloned().unwrap_or_default())
    }
}

/// Whether somebody may give a model this name: nobody makes what he does not see.
///
/// # Errors
/// `key_forbids`.
pub fn may_name(sight: &Sight, name: Option<&str>) -> Result<(), ApiError> {
    if !sight.is_limited() || name.is_some_and(|name| sight.sees(Some(name))) {
        return Ok(());
    }
    let detail = "the key sees models of certain names alone: give the model a name that fits one of its patterns";
    Err(ApiError::new(ErrorCode::KeyForbids, detail))
}

/// Whether somebody sees these data sets, as far as they are named.
///
/// # Errors
/// `dataset_not_found`.
pub async fn may_use<'a>(
    app: &App,
    sight: &Sight,
    datasets: impl IntoIterator<Item = Option<&'a String>>,
) -> Result<(), ApiError> {
    if sight.is_limited() {
        for dataset in datasets.into_iter().flatten() {
            sight::dataset(app, sight, dataset).await?;
        }
    }
    Ok(())
}

/// Notes what a request names, so that it can be looked at again: who sees all goes on seeing it.
fn note(parts: &mut Parts, sight: &Sight, thing: Thing) {
    if sight.is_limited() {
        parts.extensions.get_or_insert_default::<Named>().add(thing);
    }
}

/// Makes a type of one parameter of the path, whatever others the path has, and its extractor.
macro_rules! path_parameter {
    ($parameter:ident, $(#[$doc:meta])* $name:ident($what:ty), |$app:ident, $sight:ident, $word:ident| $found:expr
     $(, $thing:expr)?) => {
        $(#[$doc])*
        pub struct $name(pub $what);

        impl FromRequestParts<App> for $name {
            type Rejection = ApiError;

            async fn from_request_parts(parts: &mut Parts, $app: &App) -> Result<Self, ApiError> {
                #[derive(Deserialize)]
                struct Parameter {
                    $parameter: String,
                }
                let Words(Parameter { $parameter: $word }) = Words::from_request_parts(parts, $app).await?;
                let $sight = parts.extensions.get::<Sight>().cloned().unwrap_or_default();
                let found: $what = $found;
                $(note(parts, &$sight, $thing(&found));)?
                Ok($name(found))
            }
        }
    };
}

path_parameter!(
    model,
    /// The model that `{model}` of the path names.
    ModelPath(Arc<Model>),
    |app, sight, word| sight::model(app, &sight, &word).await?,
    |model: &Arc<Model>| Thing::Model(model.id)
);

path_parameter!(
    version,
    /// What `{version}` of the path calls a version of the path's model: a number or an alias.
    VersionPath(VersionKey),
    |_app, _sight, word| VersionKey::of(word).map_err(|word| no_version(&word))?
);

path_parameter!(
    alias,
    /// The word that `{alias}` of the path is.
    AliasPath(String),
    |_app, _sight, word| word
);

path_parameter!(
    job,
    /// The job that `{job}` of the path names.
    JobPath(JobHandle),
    |app, sight, word| sight::job(app, &sight, &word).await?
);

path_parameter!(
    dataset,
    /// The data set that `{dataset}` of the path names.
    DatasetPath(Dataset),
    |app, sight, word| sight::dataset(app, &sight, &word).await?,
    |dataset: &Dataset| Thing::Dataset(dataset.id)
);

fn unreadable(_: PathRejection) -> ApiError {
    ApiError::new(ErrorCode::MalformedRequest, "the path is not percent-encoded UTF-8")
}

fn no_version(word: &str) -> ApiError {
    ApiError::new(ErrorCode::VersionNotFound, format!("{} is no version: it is a number or an alias", Shown(word)))
}
