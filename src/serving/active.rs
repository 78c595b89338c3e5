//! The version that answers; where there is none yet, why.

use std::sync::Arc;

use super::error::ServingError;
use crate::app::App;
use crate::jobs::JobState;
use crate::jobs::queue::JobFilter;
use crate::models::{Model, ModelError, Version};

/// The active version of a model.
///
/// # Errors
/// `NotTrained`, with what became of the model's last training.
pub async fn active<'a>(app: &App, model: &'a Model) -> Result<&'a Arc<Version>, ServingError> {
    match model.active() {
        Ok(version) => Ok(version),
        Err(_) => Err(Box::pin(not_trained(app, model)).await),
    }
}

/// Why a model has no active version.
async fn not_trained(app: &App, model: &Model) -> ServingError {
    let filter = JobFilter { model: Some(model.id), ..JobFilter::default() };
    let last = match app.jobs.list(filter, None, 1).await {
        Ok((mut jobs, _)) => jobs.pop(),
        Err(error) => return error.into(),
    };
    let why = last.map(|job| match (job.state, &job.failure) {
        (JobState::Queued | JobState::Running, _) => {
            format!("job {} is {}: GET /jobs/{}?wait=60 waits for it", job.id, job.state.word(), job.id)
        }
        (state, None) => format!("its last training, job {}, is {}", job.id, state.word()),
        (_, Some(failure)) => format!("its last training, job {}, failed: {failure}", job.id),
    });
    ModelError::NotTrained { model: model.title(), why }.into()
}
