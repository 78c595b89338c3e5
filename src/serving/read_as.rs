//! Files that are read as the rows of a version were.

use std::collections::BTreeMap;

use super::active::active;
use super::error::ServingError;
use super::sight;
use crate::app::App;
use crate::data::asked::AskedColumn;
use crate::keys::Sight;
use crate::models::ModelError;
use crate::models::alias::VersionKey;

/// What would be asked of the columns of a version for a file to be read as its rows were. `word` names a model whose active version it
/// is, or with a `/` behind the model its number or an alias.
///
/// # Errors
/// `Parameter`: there is no such version, or it is of a model by layers. What it cannot be read for.
pub async fn read_as(app: &App, who: &Sight, word: &str) -> Result<BTreeMap<String, AskedColumn>, ServingError> {
    let (name, key) = match word.split_once('/') {
        Some((name, key)) => (name, Some(key)),
        None => (word, None),
    };
    let unfit = |detail: String| ServingError::Parameter { name: "read_as", detail };
    let unknown = |error: ServingError| match error {
        ServingError::Model(
            error @ (ModelError::NotFound(_)
            | ModelError::VersionNotFound { .. }
            | ModelError::AliasNotFound { .. }
            | ModelError::NotTrained { .. }),
        ) => unfit(error.to_string()),
        error => error,
    };
    let model = sight::model(app, who, name).await.map_err(unknown)?;
    let version = match key {
        None => active(app, &model).await.map_err(unknown)?.clone(),
        Some(key) => {
            let key = VersionKey::of(key.to_owned()).map_err(|key| unfit(format!("there is no version {key:?}")))?;
            app.models.version_called(&model, &key).await.map_err(|error| unknown(error.into()))?
        }
    };
    let predictor = app.models.predictor(&model, &version).await.map_err(|error| unknown(error.into()))?;
    let table =
        predictor.table().map_err(|_| unfit(format!("{} is a model by layers: it has no columns", model.title())))?;
    Ok(table.parts.encoder.asked())
}
