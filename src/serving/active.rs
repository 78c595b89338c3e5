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
    if let Ok(version) = model.active() {
        return Ok(version);
    }
    let filter = JobFilter { model: Some(model.id), state: None };
    let last = app.jobs.list(filter, None, 1).await?.pop();
    let why = last.map(|job| match (job.state, &job.failure) {
        (JobState::Queued | JobState::Running, _) => {
            format!("job {} is {}: GET /jobs/{}?wait=60 waits for it", job.id, job.state.word(), job.id)
        }
        (state, None) => format!("its last training, job {}, is {}", job.id, state.word()),
        (_, Some(failure)) => format!("its last training, job {}, failed: {failure}", job.id),
    });
    Err(ModelError::NotTrained { model: model.title(), why }.into())
}
