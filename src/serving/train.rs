//! Trainings of a model on data that is given or stored.

use std::sync::Arc;

use super::data::DataFields;
use super::error::{ServingError, Wrong};
use super::memory::RequestMemory;
use super::threads::{blocking, to_the_end};
use super::weights::check_weights;
use crate::app::App;
use crate::data::encoder::{MAX_CLASSES, Task, classes, rows_with};
use crate::data::json::GivenWeights;
use crate::datasets::Dataset;
use crate::jobs::{JobError, JobReport, NewTraining, Requester, TableTraining, TrainingRequest};
use crate::learning::spec::ValidModelSpec;
use crate::learning::training::TrainingSpec;
use crate::models::table::TableSpec;
use crate::models::{Model, ModelError, ModelKind, Version};
use crate::storage::catalog::ReceiptRow;
use crate::wording::Shown;

/// A training that is asked for.
pub struct TrainRequest {
    /// What to train on.
    pub data: DataFields,
    /// What to validate on, in place of a share of the data.
    pub validation: Option<DataFields>,
    /// How to train.
    pub settings: TrainingSpec,
}

impl TrainRequest {
    /// The checked training of `model`.
    ///
    /// # Errors
    /// `Field` or `Spec` with the place of what does not go with the model or cannot be used; what a data set cannot be
    /// read for; `RowsTooLarge`, `Overloaded`.
    pub async fn check(
        self,
        app: &App,
        model: &Model,
        memory: &mut RequestMemory,
    ) -> Result<NewTraining, ServingError> {
        match &model.kind {
            ModelKind::Layers(spec) => self.by_layers(app, spec, memory).await,
            ModelKind::Table(table) => self.by_dataset(app, model, table).await,
        }
    }

    /// Of a model by layer sizes: on rows that are given, or of columns.
    async fn by_layers(
        self,
        app: &App,
        spec: &Arc<ValidModelSpec>,
        memory: &mut RequestMemory,
    ) -> Result<NewTraining, ServingError> {
        let TrainRequest { data, validation, settings } = self;
        // Columns are named once, for both.
        let named = data.columns_named();
        let examples = data.examples(app, memory, spec, "").await?;
        let validation = match validation {
            None => None,
            Some(fields) => {
                let fields = if fields.dataset.is_some() { fields.or_columns(named) } else { fields };
                Some(fields.examples(app, memory, spec, "/validation").await?)
            }
        };
        let (request, spec) = (TrainingRequest { examples, validation, settings }, spec.clone());
        Ok(NewTraining::Rows(Box::new(blocking(app, move || request.check(&spec)).await??)))
    }

    /// Of a model by data set.
    async fn by_dataset(self, app: &App, model: &Model, table: &TableSpec) -> Result<NewTraining, ServingError> {
        let TrainRequest { mut data, validation, settings } = self;
        let (features, weights) = (data.features.take(), data.weights.take());
        let dataset = data.dataset(app, table.dataset, "").await?;
        let validation = match validation {
            None => None,
            Some(fields) => Some(fields.dataset(app, None, "/validation").await?),
        };
        if features.is_some() && (settings.warm_start == Some(true) || settings.distill.is_some()) {
            let detail =
                "the features are those of the version that it goes on from or learns of: leave `features` out";
            return Err(ServingError::at(Wrong::Value, "/features", detail));
        }
        let base = base(app, model, &settings).await?;
        let spec = spec_on(app, table, &dataset, features.clone(), base.as_deref()).await?;
        let spec = weighted(app, spec, weights, [Some(&dataset), validation.as_ref()], base.is_some()).await?;
        let mut training = TableTraining::check(&spec, settings, &dataset, validation.as_ref())?;
        training.settings.features = features;
        Ok(NewTraining::Table(Box::new(training)))
    }
}

/// The version that a training goes on from, or learns the answers of; none of a warm start of a model without an active one.
///
/// # Errors
/// `Field`: there is none of this number.
async fn base(app: &App, model: &Model, settings: &TrainingSpec) -> Result<Option<Arc<Version>>, ServingError> {
    match settings.distill {
        None => Ok(model.active.clone().filter(|_| settings.warm_start == Some(true))),
        Some(number) => match app.models.version(model, number).await {
            Err(ModelError::VersionNotFound { .. }) => {
                let detail = format!("the model has no version {number} that could be distilled");
                Err(ServingError::at(Wrong::Value, "/distill", detail))
            }
            found => Ok(Some(found?)),
        },
    }
}

/// The model by data set as a training on `dataset` has it, with these features if any are named, and the data set's classes. One
/// with a `base` has that version's features.
///
/// # Errors
/// `Field` with the place of a feature that cannot be used; what the data set cannot be read for.
async fn spec_on(
    app: &App,
    table: &TableSpec,
    dataset: &Dataset,
    features: Option<Vec<String>>,
    base: Option<&Version>,
) -> Result<TableSpec, ServingError> {
    let spec = match base {
        Some(base) => {
            let features = base.features(table).to_vec();
            TableSpec { features, ..table.for_training(dataset.id, &dataset.profile, None)? }
        }
        None => table.for_training(dataset.id, &dataset.profile, features)?,
    };
    if spec.task == Task::Regression
        || table.dataset == Some(dataset.id)
        || dataset.profile.column(&spec.target).is_none()
    {
        return Ok(spec);
    }
    let values = app.datasets.distinct_values(dataset, &spec.target, MAX_CLASSES).await?;
    let found: Vec<String> = classes(&values, &rows_with(&values)).into_iter().map(|(class, _)| class).collect();
    if found.len() < 2 {
        let detail =
            format!("the target {} has a single class in the data set: nothing to tell apart", Shown(&spec.target));
        return Err(ServingError::at(Wrong::Value, "/dataset", detail));
    }
    Ok(TableSpec { classes: found.into_iter().take(MAX_CLASSES).collect(), ..spec })
}

/// The model with rows that count as a training asks: by a column that it names, else by the model's. One that is `based` on a
/// version learns from that one's features, whatever they are.
///
/// # Errors
/// `Field` with the place of weights that cannot be used; what a data set cannot be read for.
async fn weighted(
    app: &App,
    spec: TableSpec,
    given: Option<GivenWeights>,
    datasets: [Option<&Dataset>; 2],
    based: bool,
) -> Result<TableSpec, ServingError> {
    let weights = match given {
        None => spec.weights.clone(),
        Some(GivenWeights::Alike) => None,
        Some(GivenWeights::Column(name)) => Some(name),
        Some(GivenWeights::Rows(_)) => {
            let detail = "a model by data set takes the name of a column that holds the weights";
            return Err(ServingError::at(Wrong::Value, "/weights", detail));
        }
    };
    if let Some(name) = &weights {
        for (dataset, at) in datasets.into_iter().zip(["/weights", "/validation/dataset"]) {
            if let Some(dataset) = dataset {
                check_weights(app, dataset, name, at).await?;
            }
        }
    }
    let chosen = spec.features_chosen;
    let weighted = TableSpec { features_chosen: chosen || based, ..spec }.weighted_by(weights)?;
    Ok(TableSpec { features_chosen: chosen, ..weighted })
}

/// Checks a training, puts its job into the queue, and tells of the job as it was accepted, whatever it has come to
/// since. what is told of who asks stays with the job; `receipt` makes of it what is kept for a repetition of the request.
///
/// # Errors
/// As [`TrainRequest::check`]; `Job`: the queue is full or closed, or storage does not take it.
pub async fn train(
    app: &App,
    model: &Arc<Model>,
    request: TrainRequest,
    mut memory: RequestMemory,
    by: Requester,
    mut receipt: impl FnMut(&JobReport) -> Option<ReceiptRow> + Send + 'static,
) -> Result<JobReport, ServingError> {
    let work = request.check(app, model, &mut memory).await?;
    let (jobs, model) = (app.jobs.clone(), model.clone());
    let submitted = to_the_end(async move {
        let mut accepted = None;
        let keep = |report: &JobReport| receipt(accepted.insert(report.clone()));
        jobs.submit(&model, work, by, keep).await?;
        drop(memory);
        Ok::<_, JobError>(accepted.expect("every job that is accepted makes its receipt"))
    })
    .await?;
    Ok(submitted?)
}
