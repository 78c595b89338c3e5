//! What the files of a job are called.

use uuid::Uuid;

use super::job::Job;

/// The blobs that the row of a job refers to, where `rows_blob` is that of its rows if it is open; those of a job that
/// has not got so far are not there.
pub fn blobs(id: Uuid, rows_blob: Option<String>) -> Vec<String> {
    rows_blob.map_or_else(|| vec![history_blob(id)], |rows| vec![rows, checkpoint_blob(id)])
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
pub(super) fn given_up(job: &Job) -> [String; 2] {
    [job.rows_blob.clone(), checkpoint_blob(job.id)]
}
