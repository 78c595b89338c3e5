//! What the files of a job are called.

use uuid::Uuid;

use super::job::Job;

/// The blobs that the row of a job refers to, where `rows_blob` is that of its rows if it is open, empty if it has none of
/// its own; those of a job that has not got so far are not there.
pub fn blobs(id: Uuid, rows_blob: Option<String>) -> Vec<String> {
    match rows_blob {
        None => vec![history_blob(id)],
        Some(rows) if rows.is_empty() => vec![checkpoint_blob(id)],
        Some(rows) => vec![rows, checkpoint_blob(id)],
    }
}

/// Where the last checkpoint of a job is until it has ended.
pub(super) fn checkpoint_blob(id: Uuid) -> String {
    format!("checkpoints/{id}.safetensors")
}

/// Where the history of a job is once it has ended: entries of 32 bytes.
pub(super) fn history_blob(id: Uuid) -> String {
    format!("histories/{id}")
}

/// What a job's row no longer refers to when it has ended.
pub(super) fn given_up(job: &Job) -> Vec<String> {
    job.data.blob().cloned().into_iter().chain([checkpoint_blob(job.id)]).collect()
}
