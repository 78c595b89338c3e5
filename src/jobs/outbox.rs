//! The ends of jobs that somebody outside is to be told: noted in the same change that ends a job, so that none is
//! forgotten, and told by whoever sends them.

use std::sync::Arc;

use tokio::sync::Notify;

use super::record::JobRecord;
use crate::identifier::new_id;
use crate::storage::{StorageError, Write};

/// Where ends of jobs are noted; by default nobody is to be told. Cheap to clone: a handle.
#[derive(Clone, Debug, Default)]
pub struct Outbox(Option<Arc<Notify>>);

impl Outbox {
    /// One that somebody reads.
    pub fn new() -> Self {
        Outbox(Some(Arc::default()))
    }

    /// Whether anybody is to be told.
    pub fn is_read(&self) -> bool {
        self.0.is_some()
    }

    /// Notes, as a part of `write`, that a job ends.
    pub(super) async fn note(&self, write: &mut Write, job: &JobRecord) -> Result<(), StorageError> {
        match &self.0 {
            Some(_) => write.add_delivery(new_id(), job.id, job.model_id, job.traceparent.clone()).await,
            None => Ok(()),
        }
    }

    /// Wakes the reader: something was noted.
    pub(super) fn rouse(&self) {
        if let Some(noted) = &self.0 {
            noted.notify_one();
        }
    }

    /// Waits until something is noted, or was since the last wait.
    pub async fn noted(&self) {
        match &self.0 {
            Some(noted) => noted.notified().await,
            None => std::future::pending().await,
        }
    }
}
