//! What a delivery says: made once, soon after its job ended, and sent as it is from then on, whatever becomes of job and
//! model.

use uuid::Uuid;

use crate::app::App;
use crate::jobs::{JobError, JobReport};
use crate::models::{Model, ModelError};
use crate::storage::StorageError;
use crate::storage::catalog::DeliveryRow;

/// Makes the document about a job that has ended and its model, `None` where that is deleted: in the words of the wire,
/// which only the room above knows.
pub type Document = fn(&JobReport, Option<&Model>) -> String;

/// Gives every delivery that has no document yet its own. Called before a job or a model is deleted, so that its end is
/// told all the same.
///
/// # Errors
/// `Unavailable`.
pub async fn settle(app: &App, document: Document) -> Result<(), StorageError> {
    if !app.jobs.outbox().is_read() {
        return Ok(());
    }
    loop {
        let bare = app.storage.catalog.bare_deliveries().await?;
        if bare.is_empty() {
            return Ok(());
        }
        for delivery in &bare {
            let body = made(app, delivery, document).await?;
            let mut write = app.storage.catalog.write().await?;
            let dropped = match &body {
                Ok(body) => write.set_delivery_body(delivery.id, body).await.map(|()| false)?,
                // Another may have made the document, and deleted the job then.
                Err(_) => write.remove_bare_delivery(delivery.id).await?,
            };
            write.commit().await?;
            if let Err(error) = body.as_ref()
                && dropped
            {
                let DeliveryRow { id, job_id, .. } = delivery;
                tracing::error!(webhook_id = %id, %job_id, %error, "the end of a job cannot be told");
                app.meters.webhook_deliveries.with_label_values(&["dropped"]).inc();
            }
        }
    }
}

/// The document of a delivery; or why there is none: its job is gone, or cannot be read.
async fn made(app: &App, delivery: &DeliveryRow, document: Document) -> Result<Result<String, JobError>, StorageError> {
    let job_id = delivery.job_id;
    let told = async {
        let row = app.storage.catalog.job(job_id).await?.ok_or_else(|| JobError::NotFound(job_id.to_string()))?;
        let report = JobReport::from_row(row)?;
        let model = stored(app, delivery.model_id).await?;
        Ok::<_, JobError>(document(&report, model.as_ref()))
    };
    match told.await {
        Err(JobError::Storage(error)) if error.is_passing() => Err(error),
        told => Ok(told),
    }
}

/// A model as it stands in the catalog; `None` if it is deleted, or its row is damaged.
async fn stored(app: &App, id: Uuid) -> Result<Option<Model>, StorageError> {
    match app.models.stored(id).await {
        Ok(model) => Ok(model),
        Err(ModelError::Storage(error)) if error.is_passing() => Err(error),
        Err(error) => {
            tracing::error!(model_id = %id, %error, "the end of a job is told without its model");
            Ok(None)
        }
    }
}
