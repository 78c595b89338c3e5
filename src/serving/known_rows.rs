//! Whether a version is measured on rows that it has learned from: what it reaches on them says little of others.

use super::error::ServingError;
use crate::app::App;
use crate::data::split::HeldOut;
use crate::datasets::Dataset;
use crate::models::Version;
use crate::models::notice::Notice;

/// What is said where a version may know the rows of `dataset`: it was trained on that, on one that begins with its rows or that its
/// rows begin with, or on a copy of it; or its epoch was chosen by them. The data set of its training is not named: whoever asks may
/// not see it.
///
/// # Errors
/// What the catalog cannot be read for.
pub(super) async fn known_rows(
    app: &App,
    version: &Version,
    dataset: &Dataset,
) -> Result<Option<Notice>, ServingError> {
    let (datasets, trained_on) = (&app.datasets, &version.facts.trained_on);
    let Some(learned) = trained_on.dataset else { return Ok(None) };
    let said = if datasets.begins_with(dataset.id, learned).await? || datasets.begins_with(learned, dataset.id).await? {
        "was trained on rows of this data set"
    } else if datasets.is_copy(dataset, learned).await? {
        "was trained on a data set of which this one is a copy"
    } else if trained_on.held_out == Some(HeldOut::Dataset(dataset.id)) {
        "was chosen among its epochs, and calibrated, by the rows of this data set"
    } else {
        return Ok(None);
    };
    let number = version.number;
    let message = format!(
        "the measures flatter: version {number} {said}. What it reaches on rows that it has not learned from stands in its `metrics` (GET \
         /models/{{model}}/versions/{number}), as far as rows were held out; else measure it on rows that no training has seen"
    );
    Ok(Some(Notice { code: "measured_rows_known".to_owned(), message, epoch: None, layer: None, column: None }))
}
