//! How good a version is on data whose target is known.

use std::sync::Arc;

use serde::Serialize;

use super::active::active;
use super::data::DataFields;
use super::error::{ServingError, Wrong};
use super::memory::RequestMemory;
use super::predict_records::{of_record, places};
use super::threads::blocking;
use crate::app::App;
use crate::data::column::{Column, Table};
use crate::data::encoder::EncodeError;
use crate::data::encoder::reading::column_of_cells;
use crate::data::records::Records;
use crate::datasets::Dataset;
use crate::learning::metrics::{self, Metrics};
use crate::models::networks::LoadedNetwork;
use crate::models::scoring::{Answered, Truth};
use crate::models::table::TableParts;
use crate::models::{Model, ModelKind};

/// Cells, encoded values and answers of the rows that are worked off at once.
const BATCH_VALUES: usize = 4 << 20;

/// Loss and metrics of a version.
#[derive(Clone, Debug, Serialize)]
pub struct Evaluation {
    /// The version measured.
    pub version: u64,
    /// Rows measured on.
    pub rows: usize,
    /// The loss that the model is trained with; of a model by data set log-loss or squared error.
    pub loss: f64,
    /// The measures.
    pub metrics: Metrics,
}

/// Rows, loss, metrics.
type Measured = (usize, f64, Metrics);

/// Measures the active version of `model` on `records` with their target, or else on `data`.
///
/// # Errors
/// `Field`: the data does not go with the model; `Unfit` where no row has a target; `RowsTooLarge`, `Overloaded`; what
/// the version or the data set cannot be read for.
pub async fn evaluate(
    app: &App,
    model: &Model,
    data: DataFields,
    records: Option<Records>,
    memory: &mut RequestMemory,
) -> Result<Evaluation, ServingError> {
    let version = active(app, model).await?;
    let network = async || app.models.network(model, version).await;
    let (rows, loss, metrics) = match (&model.kind, records) {
        (ModelKind::Layers(_), Some(_)) => {
            let detail = "records are for models by data set: send `inputs` and `targets`";
            return Err(ServingError::whole(Wrong::Kind, detail));
        }
        (ModelKind::Layers(spec), None) => {
            let examples = data.examples(app, memory, spec, "").await?;
            let (spec, network) = (spec.clone(), network().await?);
            let measured = blocking(move || {
                let examples = examples.fit(&spec, "")?;
                let (loss, metrics) = metrics::evaluate(&network, &examples);
                Ok::<_, ServingError>((examples.rows(), loss, metrics))
            });
            measured.await??
        }
        (ModelKind::Table(_), Some(_)) if !data.is_empty() => {
            let detail = "give either `records` or `dataset`, not both";
            return Err(ServingError::at(Wrong::Value, "/records", detail));
        }
        (ModelKind::Table(_), Some(records)) => {
            let network = network().await?;
            blocking(move || on_records(&network, &records)).await??
        }
        (ModelKind::Table(_), None) if data.is_empty() => {
            let detail = "missing field `records`: rows with the target, or a `dataset`";
            return Err(ServingError::at(Wrong::Missing, "/records", detail));
        }
        (ModelKind::Table(table), None) => {
            let dataset = data.dataset(app, table.dataset, "").await?;
            memory.reserve_rows(dataset.rows().saturating_mul(Answered::ROW_BYTES), app)?;
            on_dataset(app, &dataset, network().await?).await?
        }
    };
    Ok(Evaluation { version: version.number, rows, loss, metrics })
}

fn on_records(network: &LoadedNetwork, records: &Records) -> Result<Measured, ServingError> {
    let parts = parts(network)?;
    let (encoder, target) = (&parts.encoder, parts.encoder.target.name());
    let places = places(encoder, records)?;
    let mut table = encoder.table_of_records(records, &places, 0..records.rows).map_err(of_record)?;
    let kind = encoder.target.kind();
    table.columns.push(match records.cells(target) {
        None => Column::missing(target, kind, records.rows),
        Some(cells) => column_of_cells(target, kind, None, cells).map_err(of_record)?,
    });
    let mut answered = Answered::default();
    add(&mut answered, network, parts, &table)?;
    measured(&answered, parts)
}

/// Goes through the data set batch by batch: however large it is, little of it is in memory.
async fn on_dataset(app: &App, dataset: &Dataset, network: Arc<LoadedNetwork>) -> Result<Measured, ServingError> {
    let encoder = &parts(&network)?.encoder;
    let features = encoder.features.iter().map(|feature| feature.name.clone());
    let names: Vec<String> = features.chain([encoder.target.name().to_owned()]).collect();
    let known = dataset.profile.names();
    if let Some(lacking) = names.iter().find(|name| !known.contains(name.as_str())) {
        let detail = format!("data set {:?} has no column {lacking:?}, which the model needs", dataset.title());
        return Err(ServingError::at(Wrong::Value, "/dataset", detail));
    }
    let most_rows = BATCH_VALUES / (names.len() + encoder.width() + encoder.target.classes().len());
    let (batch_network, mut rows_before) = (network.clone(), 0);
    let add = move |answered: &mut Answered, table: Table| {
        let parts = parts(&batch_network)?;
        add(answered, &batch_network, parts, &table).map_err(|error| error.after(rows_before))?;
        rows_before += table.rows;
        Ok::<_, ServingError>(())
    };
    let answered = app.datasets.fold(dataset, names, most_rows, Answered::default(), add).await??;
    blocking(move || measured(&answered, parts(&network)?)).await?
}

/// Takes in the rows of `table` that have a target.
fn add(answered: &mut Answered, network: &LoadedNetwork, parts: &TableParts, table: &Table) -> Result<(), EncodeError> {
    let (truth, rows) = Truth::of(&parts.encoder, table)?;
    let inputs = parts.encoder.transform(table)?.inputs.select(ndarray::Axis(0), &rows);
    answered.add(parts, network, &inputs, &truth);
    Ok(())
}

fn measured(answered: &Answered, parts: &TableParts) -> Result<Measured, ServingError> {
    if answered.rows() == 0 {
        let detail = format!("no row has a value of the target {:?}", parts.encoder.target.name());
        return Err(ServingError::whole(Wrong::Unfit, detail));
    }
    let metrics = answered.metrics(parts);
    let loss = match &metrics {
        Metrics::Classification(measured) => measured.log_loss,
        Metrics::Regression(measured) => measured.rmse.powi(2),
    };
    Ok((answered.rows(), loss, metrics))
}

fn parts(network: &LoadedNetwork) -> Result<&TableParts, ServingError> {
    network.table().ok_or(ServingError::NoEncoder)
}
