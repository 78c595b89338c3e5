//! Ends a job that can never run: what it was to train on is gone.

use super::error::{JobError, JobFailure};
use super::job::Job;
use super::outbox::Outbox;
use super::report::Ending;
use super::run::write_end;
use super::state::StopReason;
use crate::storage::Storage;
use crate::storage::catalog::JobRow;

/// Ends the open job of a row as failed. No webhook is told: whoever checks the state sees it.
///
/// # Errors
/// `Storage`: it has not ended then, or its row cannot be read.
pub async fn end_lost(storage: &Storage, row: &JobRow, reason: &str) -> Result<(), JobError> {
    let job = Job::from_row(row)?;
    let ending = Ending::failed(StopReason::Error, JobFailure::Damaged(reason.to_owned()));
    write_end(storage, &Outbox::default(), &job, ending).await.map(drop)
}
