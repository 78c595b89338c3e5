//! A data file that becomes a data set, a model by it, and the model's first training; all of it or nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use uuid::Uuid;

use super::error::{ServingError, Wrong};
use super::threads::to_the_end;
use super::weights::check_weights;
use crate::app::App;
use crate::data::encoder::MAX_CLASSES;
use crate::data::excel::OTHER_SHEETS;
use crate::data::profile::TableProfile;
use crate::datasets::{Dataset, NewDataset};
use crate::jobs::{FirstTraining, JobReport, Requester, TableTraining};
use crate::learning::training::TrainingSpec;
use crate::models::table::{TableRequest, TableSpec};
use crate::models::{ModelKind, NewModel};
use crate::storage::catalog::ReceiptRow;
use crate::wording::{Shown, did_you_mean};

/// Columns that a message names.
const MOST_NAMED: usize = 20;

/// Whether a data file may become a data set and a model of this name, and a training be queued: asked before the file comes.
///
/// # Errors
/// The name is none or taken; the queue is full or closed; storage.
pub async fn may_train_file(app: &App, name: Option<&str>, owner: Option<Uuid>) -> Result<(), ServingError> {
    app.datasets.check_new(name, owner).await?;
    app.models.check_new(name, owner).await?;
    Ok(app.jobs.check_room()?)
}

/// Stores `file`, creates the model of `request` on it and starts its training. The model gets the data set's name.
/// What is told of who asks stays with the job; `receipt` makes of it what is kept for a repetition of the request.
///
/// # Errors
/// What is asked for does not go with the data; a name is taken; the queue is full or closed; storage.
pub async fn train_file(
    app: &App,
    file: NewDataset,
    request: TableRequest,
    settings: TrainingSpec,
    by: Requester,
    mut receipt: impl FnMut(&JobReport) -> Option<ReceiptRow> + Send + 'static,
) -> Result<JobReport, ServingError> {
    let app = app.clone();
    let submitted = to_the_end(async move {
        let draft = app.datasets.draft(file).await?;
        let dataset = draft.dataset().clone();
        let checked = async {
            let spec = table_spec(&app, &dataset, request).await?;
            let training = TableTraining::check(&spec, settings, &dataset, None)?;
            Ok::<_, ServingError>((spec, training))
        };
        let (spec, training) = match checked.await {
            Ok(checked) => checked,
            Err(error) => {
                app.datasets.discard(&draft).await;
                return Err(error);
            }
        };
        let kind = ModelKind::Table(Arc::new(spec));
        let owner = by.owner;
        let model = NewModel { name: dataset.name.clone(), kind, initial: None, metadata: BTreeMap::new(), owner };
        let mut accepted = None;
        let keep = |report: &JobReport| receipt(accepted.insert(report.clone()));
        app.jobs.submit_first(FirstTraining { draft, model, training }, by, keep).await?;
        Ok(accepted.expect("every job that is accepted makes its receipt"))
    });
    submitted.await?
}

/// The checked model by data set that is asked for. Reads the target of the data set: its classes are the model's.
///
/// # Errors
/// The data set has no such target, or what is asked for does not go with it.
pub async fn table_spec(app: &App, dataset: &Dataset, request: TableRequest) -> Result<TableSpec, ServingError> {
    if dataset.profile.column(&request.target).is_none() {
        return Err(no_target(&request.target, &dataset.profile));
    }
    if let Some(weights) = &request.weights {
        check_weights(app, dataset, weights, "/weights").await?;
    }
    let target = app.datasets.distinct_values(dataset, &request.target, MAX_CLASSES).await?;
    let spec = request.check(dataset.id, &dataset.profile, &target)?;
    app.models.check_size(&spec.shape_on(&dataset.profile)?)?;
    Ok(spec)
}

/// The error of a target that is no column.
pub fn no_target(target: &str, profile: &TableProfile) -> ServingError {
    let names: Vec<String> =
        profile.columns.iter().take(MOST_NAMED).map(|column| Shown(&column.name).to_string()).collect();
    let near = did_you_mean(target, profile.columns.iter().map(|column| column.name.as_str()));
    let more = if profile.columns.len() > MOST_NAMED { ", …" } else { "" };
    let mut detail = format!("the data has no column {}{near}", Shown(target));
    detail += &format!("{} it has {}{more}", if near.is_empty() { ";" } else { "" }, names.join(", "));
    // It may be on another sheet of the workbook.
    let sheets = profile.findings.iter().find(|finding| finding.code == OTHER_SHEETS);
    detail.extend(sheets.map(|finding| format!(". {}", finding.message)));
    ServingError::at(Wrong::Value, "/target", detail)
}
