//! A commit in doubt: made, although it seems to have failed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use epochd::storage::{Gate, StorageError};

/// Lets one commit seem to have failed that was made.
#[derive(Clone, Default)]
pub struct Doubt(Arc<Mutex<Coming>>);

/// What is to come.
#[derive(Default)]
struct Coming {
    /// Blobs that are written before the commit.
    puts: Option<u64>,
    /// Whether the first look at what became of it fails, too.
    is_unseen: bool,
    has_come: bool,
}

impl Doubt {
    /// What stands before the calls on storage.
    pub fn gate(&self) -> Gate {
        let doubt = self.clone();
        Arc::new(move |call| doubt.before(call))
    }

    fn before(&self, call: &'static str) -> Result<(), StorageError> {
        let mut coming = self.coming();
        match (call, coming.puts) {
            ("blob put", Some(puts)) => coming.puts = Some(puts.saturating_sub(1)),
            ("catalog committed", Some(0)) => {
                (coming.puts, coming.has_come) = (None, true);
                return Err(StorageError::Unavailable("no answer, for this test".into()));
            }
            ("catalog read", None) if coming.has_come && std::mem::take(&mut coming.is_unseen) => {
                return Err(StorageError::Unavailable("no answer, for this test".into()));
            }
            _ => {}
        }
        Ok(())
    }

    /// Has the next commit seem to have failed, once so many blobs were written.
    pub fn arm(&self, puts: u64) {
        *self.coming() = Coming { puts: Some(puts), ..Coming::default() };
    }

    /// The same, and the next statement that reads fails, too.
    pub fn arm_unseen(&self, puts: u64) {
        *self.coming() = Coming { puts: Some(puts), is_unseen: true, ..Coming::default() };
    }

    /// Whether there was such a commit since.
    pub fn has_come(&self) -> bool {
        let coming = self.coming();
        coming.has_come && !coming.is_unseen
    }

    fn coming(&self) -> MutexGuard<'_, Coming> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
