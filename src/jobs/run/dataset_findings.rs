//! What is worth knowing about a training's data sets as a whole, beside those of before.

use std::sync::Arc;

use super::context::RunContext;
use super::tables::TrainingTables;
use super::unpublished::Halt;
use crate::data::profile::{Finding, TableProfile};
use crate::data::read_otherwise::read_otherwise;
use crate::datasets::DatasetError;
use crate::jobs::error::JobError;
use crate::models::table::TableSpec;
use crate::wording::Shown;

/// The findings: that the data set has been appended to, and which columns of the model are read otherwise than in the data set of
/// the version that serves, or in the one that the training is measured on.
///
/// # Errors
/// Those of storage.
pub(super) fn about_dataset(
    context: &RunContext,
    model: &TableSpec,
    tables: &TrainingTables,
) -> Result<Vec<Finding>, Halt> {
    let superseded = superseded(context, tables.table.rows)?;
    let [before, validation] = context.read(others(context))??;
    let differ = |before: &TableProfile, now: &TableProfile, learned: &str| {
        let is_used = |name: &str| model.target == name || model.features.iter().any(|feature| feature == name);
        let columns = before.columns.iter().filter(|column| is_used(&column.name));
        let writings: Vec<_> = columns.map(|column| (column.name.as_str(), column.writing())).collect();
        read_otherwise(writings.iter().map(|(name, writing)| (*name, writing)), now, learned)
    };
    let serving = "Where the version that serves learned this column";
    let than_before = before.iter().flat_map(|before| differ(before, &tables.profile, serving));
    let to_train_on = "These are the rows to validate on: in those to train on";
    let to_validate = validation.iter().flat_map(|validation| differ(&tables.profile, validation, to_train_on));
    Ok(superseded.into_iter().chain(than_before).chain(to_validate).collect())
}

/// What is known of the data set that the active version was trained on, if that is another and still there, and of that to
/// validate on.
async fn others(context: &RunContext<'_>) -> Result<[Option<Arc<TableProfile>>; 2], JobError> {
    let record = &context.job.record;
    let (dataset, validation) = record.data.datasets();
    let model = context.registry.get(&record.model_id.to_string()).await?;
    let before = model.active.as_ref().and_then(|version| version.facts.trained_on.dataset);
    let mut found = [None, None];
    for (found, id) in found.iter_mut().zip([before.filter(|before| Some(*before) != dataset), validation]) {
        let Some(id) = id else { continue };
        *found = match context.datasets.get_for_job(id).await {
            Ok(dataset) => Some(dataset.profile),
            Err(DatasetError::NotFound(_)) => None,
            Err(error) => return Err(error.into()),
        };
    }
    Ok(found)
}

/// The finding that the data set of the training, of so many rows, has been appended to: its name means another by now.
///
/// # Errors
/// Those of storage.
fn superseded(context: &RunContext, rows: usize) -> Result<Option<Finding>, Halt> {
    let (Some(dataset), _) = context.job.record.data.datasets() else { return Ok(None) };
    let grown = context.read(context.datasets.grown(dataset))??;
    Ok(grown.map(|(name, of_name)| {
        let name = Shown(&name);
        let message = format!(
            "rows were appended to the data set of this training: it has used {rows} rows, and the name {name} means a data set of \
             {of_name} by now. A model trains on the data set that it was made for unless the training names another: \
             give `dataset` {name} to train on all rows."
        );
        Finding { code: "dataset_superseded".to_owned(), message, column: None }
    }))
}
