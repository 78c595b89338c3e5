//! What keeps a process that another has followed from writing into a PostgreSQL database.

use tokio::sync::watch;

use super::deadline::Connection;
use crate::storage::StorageError;

/// What each change of the catalog asks: whether this process still holds the database.
#[derive(Debug)]
pub(super) struct Fence {
    /// This process's name.
    name: String,
    lost: watch::Sender<bool>,
}

impl Fence {
    /// Of the process that has this name.
    pub(super) fn new(name: String) -> Self {
        Fence { name, lost: watch::Sender::new(false) }
    }

    /// Resolves when another process has taken the database.
    pub(super) fn lost(&self) -> watch::Receiver<bool> {
        self.lost.subscribe()
    }

    /// Keeps the database for the length of the change that `connection` is in.
    ///
    /// # Errors
    /// `Unavailable`: another process has taken it.
    pub(super) async fn check(&self, connection: &mut Connection) -> Result<(), StorageError> {
        let holder: Option<String> =
            sqlx::query_scalar("SELECT holder FROM state WHERE one = 1 FOR SHARE").fetch_one(connection).await?;
        self.judge(holder)
    }

    /// Whether the database is this process's still, whose `holder` was just read.
    ///
    /// # Errors
    /// `Unavailable`: another process has taken it.
    pub(super) fn judge(&self, holder: Option<String>) -> Result<(), StorageError> {
        if holder.as_ref() == Some(&self.name) && !*self.lost.borrow() {
            return Ok(());
        }
        self.lost.send_replace(true);
        Err(StorageError::Unavailable("another process has taken the database: this one writes no more".into()))
    }
}
