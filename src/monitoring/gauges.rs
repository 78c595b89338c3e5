//! What metrics say of models in service: of those that were asked, or told of, last.

use super::feedback::sums;
use super::sums::Measures;
use crate::storage::catalog::{Catalog, OfModel};
use crate::storage::{StorageError, exact};
use crate::telemetry::{MODELS, ModelGauges, NAME_BYTES};

/// What a model without a name is called by has so many bytes.
const ID_BYTES: usize = 36;

/// The gauges of what is written down.
///
/// # Errors
/// `Unavailable`.
pub async fn gauges(catalog: &Catalog) -> Result<ModelGauges, StorageError> {
    let gauges = ModelGauges::default();
    for of_model in told(catalog.drifts(MODELS).await?) {
        let row = &of_model.row;
        // A row that is damaged hides no other one: asked for by itself, it is an error.
        let worst: Vec<(String, f64)> = exact::from_text(&row.worst).unwrap_or_default();
        worst.iter().for_each(|(column, far)| gauges.stability(&title(&of_model.name, row.model_id), column, *far));
    }
    for OfModel { name, row } in told(catalog.feedback_counts(MODELS).await?) {
        gauges.told(&title(&name, row.model_id), row.version, row.rows);
    }
    for of_model in told(catalog.feedbacks(MODELS).await?) {
        let (row, title) = (&of_model.row, title(&of_model.name, of_model.row.model_id));
        let Ok(sums) = sums(row) else { continue };
        gauges.rows(&title, row.rows);
        match sums.measures(row.rows) {
            Measures::Classification { accuracy, calibration_error, .. } => {
                gauges.classes(&title, accuracy, calibration_error);
            }
            Measures::Regression { rmse, .. } => gauges.rmse(&title, rmse),
        }
    }
    Ok(gauges)
}

/// Those of these models that metrics name, so that a scrape stays short however long names are.
fn told<R>(models: Vec<OfModel<R>>) -> impl Iterator<Item = OfModel<R>> {
    let mut room = NAME_BYTES;
    models.into_iter().take_while(move |of_model| {
        let name = of_model.name.as_ref().map_or(ID_BYTES, String::len);
        room.checked_sub(name).inspect(|left| room = *left).is_some()
    })
}

fn title(name: &Option<String>, id: uuid::Uuid) -> String {
    name.clone().unwrap_or_else(|| id.to_string())
}
