//! The hold of one process on a PostgreSQL database: a lock of a session, which is watched, and a name in the catalog,
//! without which nothing is written.
//!
//! The lock keeps a second process from starting. It ends with its session, which may break off unnoticed; so whoever
//! takes it writes a name of its own into the row of `state`, and every change reads that name first and keeps it locked
//! to its end (`FOR SHARE`). A new holder's name waits for the changes under way, and none of the old one comes after it.

use std::sync::Arc;
use std::time::Duration;

use sqlx::any::AnyConnectOptions;
use sqlx::{AnyConnection, ConnectOptions, Connection as _};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use super::Catalog;
use super::deadline::within;
use super::fence::Fence;
use crate::identifier::new_id;
use crate::storage::StorageError;

/// Waits in the database, so that the end of the session is noticed at once; short, because the server notices the end of
/// a killed client only when the query ends.
const WATCH: &str = "SELECT 1 FROM pg_sleep(0.5)";
/// Between two tries to take the lock again.
const RETAKE: Duration = Duration::from_millis(200);
const LOCK: &str = "SELECT CASE WHEN pg_try_advisory_lock(hashtext('epochd ' || current_schema())) THEN 1 ELSE 0 END";
const HOLDER: &str = "SELECT holder FROM state WHERE one = 1";

/// The lock of a session, watched by a task of its own.
pub struct DatabaseHold {
    fence: Arc<Fence>,
    release: oneshot::Sender<()>,
    watcher: JoinHandle<()>,
}

impl DatabaseHold {
    /// Lets another process have the database, now rather than when the server notices that this one is gone.
    pub async fn release(self) {
        let _ = self.release.send(());
        let _ = self.watcher.await;
    }

    /// Resolves when another process has taken the database.
    pub fn lost(&self) -> watch::Receiver<bool> {
        self.fence.lost()
    }
}

/// The session that has the lock.
pub struct DatabaseLock(AnyConnection);

impl Catalog {
    /// Takes the lock that one process at a time holds on a PostgreSQL database.
    ///
    /// # Errors
    /// `Conflict` if another process holds it.
    pub async fn lock(&self) -> Result<Option<DatabaseLock>, StorageError> {
        if self.is_file {
            return Ok(None);
        }
        Ok(Some(DatabaseLock(lock(&self.pool.connect_options(), self.patience).await?)))
    }

    /// Makes this process the one that may write, once its tables have their present form, and watches the lock.
    ///
    /// # Errors
    /// `Unavailable`, also if changes of the holder before do not come to their end.
    pub async fn hold(&mut self, lock: DatabaseLock) -> Result<DatabaseHold, StorageError> {
        let name = new_id().to_string();
        let query = sqlx::query("UPDATE state SET holder = $1 WHERE one = 1").bind(name.clone());
        query.execute(self.reader()?).await?;
        let fence = Arc::new(Fence::new(name));
        self.fence = Some(fence.clone());
        let (release, released) = oneshot::channel();
        let (options, patience) = (self.pool.connect_options(), self.patience);
        let watcher = tokio::spawn(watch_lock(lock.0, options, fence.clone(), patience, released));
        Ok(DatabaseHold { fence, release, watcher })
    }
}

async fn lock(options: &AnyConnectOptions, patience: Duration) -> Result<AnyConnection, StorageError> {
    let mut connection = within(patience, options.connect()).await?;
    let held: i32 = within(patience, sqlx::query_scalar(LOCK).fetch_one(&mut connection)).await?;
    if held == 1 { Ok(connection) } else { Err(StorageError::Conflict) }
}

/// Waits for the end of the session, and takes the lock again at once when it ends; until the hold is released or lost.
async fn watch_lock(
    mut connection: AnyConnection,
    options: Arc<AnyConnectOptions>,
    fence: Arc<Fence>,
    patience: Duration,
    mut released: oneshot::Receiver<()>,
) {
    loop {
        let watching = within(patience + patience, sqlx::query(WATCH).execute(&mut connection)).await;
        let over = !matches!(released.try_recv(), Err(oneshot::error::TryRecvError::Empty));
        match watching {
            Ok(_) if over => return drop(within(patience, connection.close()).await),
            Ok(_) => continue,
            Err(_) if over => return,
            Err(error) => tracing::warn!(%error, "the session that holds the database has ended: it is taken again"),
        }
        connection = tokio::select! {
            taken = retake(&options, &fence, patience) => match taken {
                Some(connection) => connection,
                None => return,
            },
            _ = &mut released => return,
        };
    }
}

/// Takes the lock again, however long it takes; nothing if another process has it.
async fn retake(options: &AnyConnectOptions, fence: &Fence, patience: Duration) -> Option<AnyConnection> {
    loop {
        if let Ok(mut connection) = lock(options, patience).await
            && let Ok(holder) = within(patience, sqlx::query_scalar(HOLDER).fetch_one(&mut connection)).await
        {
            return fence.judge(holder).ok().map(|()| connection);
        }
        if let Ok(mut connection) = within(patience, options.connect()).await
            && let Ok(holder) = within(patience, sqlx::query_scalar(HOLDER).fetch_one(&mut connection)).await
            && fence.judge(holder).is_err()
        {
            return None;
        }
        tokio::time::sleep(RETAKE).await;
    }
}
