//! What models were asked (drift), and how their predictions came true (feedback): rows without blobs.

use uuid::Uuid;

use super::{Check, Fault};
use crate::monitoring::{drift, feedback};
use crate::storage::StorageError;

/// All versions of a model that outcomes were told of.
const ALL: usize = i64::MAX as usize;

impl Check<'_> {
    /// Reads what is written down of a model in service.
    pub(super) async fn in_service(&mut self, model: Uuid) -> Result<(), StorageError> {
        let counted = self.storage.catalog.drift(model).await;
        let counted = counted.and_then(|row| row.as_ref().map(drift::check_counts).transpose());
        self.readable(
            format!("drift of model {model}"),
            "what it is asked is counted anew",
            counted.map(|row| row.iter().count() as u64),
        )?;
        let told = self.storage.catalog.feedback(model, None, ALL).await;
        let told = told.and_then(|rows| rows.iter().map(feedback::sums).collect::<Result<Vec<_>, _>>());
        let lost = "what was told before is lost, and GET …/feedback answers 500 until the model is deleted";
        self.readable(format!("feedback on model {model}"), lost, told.map(|rows| rows.len() as u64))
    }

    /// Counts rows that were read, or says that they cannot be and what follows from that.
    fn readable(&mut self, what: String, then: &str, rows: Result<u64, StorageError>) -> Result<(), StorageError> {
        match rows {
            Ok(rows) => self.outcome.rows += rows,
            Err(error @ StorageError::Damaged { .. }) => {
                self.found(Fault::Unreadable, what, format!("{error}: {then}"), None)
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }
}
