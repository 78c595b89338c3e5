//! A commit in doubt: made, although it seems to have failed.

use std::sync::{Arc, Mutex, PoisonError};

use epochd::storage::{Gate, StorageError};

/// Lets one commit seem to have failed that was made.
#[derive(Clone, Default)]
pub struct Doubt(Arc<Mutex<Option<u64>>>);

impl Doubt {
    /// What stands before the calls on storage.
    pub fn gate(&self) -> Gate {
        let left = self.0.clone();
        Arc::new(move |call| {
            let mut left = left.lock().unwrap_or_else(PoisonError::into_inner);
            match (call, *left) {
                ("blob put", Some(puts)) => *left = Some(puts.saturating_sub(1)),
                ("catalog committed", Some(0)) => {
                    *left = None;
                    return Err(StorageError::Unavailable("no answer, for this test".into()));
                }
                _ => {}
            }
            Ok(())
        })
    }

    /// Has the next commit seem to have failed, once so many blobs were written.
    pub fn arm(&self, puts: u64) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(puts);
    }

    /// Whether there was such a commit since.
    pub fn has_come(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }
}
