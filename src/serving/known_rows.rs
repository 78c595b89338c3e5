//! Whether a version is measured on rows that it has learned from: what it reaches on them says little of others.

use super::error::ServingError;
use crate::app::App;
use crate::datasets::{Dataset, DatasetError};
use crate::models::Version;
use crate::models::notice::Notice;

/// What is said where a version may know the rows of `dataset`: it was trained on that, on one that begins with its rows or that its
/// rows begin with, or on a copy of it.
///
/// # Errors
/// What the catalog cannot be read for.
pub(super) async fn known_rows(
    app: &App,
    version: &Version,
    dataset: &Dataset,
) -> Result<Option<Notice>, ServingError> {
    let Some(learned) = version.facts.trained_on.dataset else { return Ok(None) };
    let datasets = &app.datasets;
    let of_its_own =
        datasets.begins_with(dataset.id, learned).await? || datasets.begins_with(learned, dataset.id).await?;
    let said = match of_its_own {
        true => "was trained on rows of this data set".to_owned(),
        false => match datasets.get(&learned.to_string()).await {
            Ok(learned) if datasets.is_copy(dataset, &learned).await? => {
                format!("was trained on rows of data set {:?}, of which this one is a copy", learned.title())
            }
            Ok(_) | Err(DatasetError::NotFound(_)) => return Ok(None),
            Err(error) => return Err(error.into()),
        },
    };
    let message = format!(
        "the measures flatter: version {} {said}. What it reaches on rows that it has not learned from stands in its `metrics` (GET \
         /models/{{model}}/versions/{}), as far as rows were held out; else measure it on rows that no training has seen",
        version.number, version.number
    );
    Ok(Some(Notice { code: "measured_rows_known".to_owned(), message, epoch: None, layer: None, column: None }))
}
