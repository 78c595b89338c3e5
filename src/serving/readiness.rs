//! Whether the parts of the service work: what decides if it takes work.

use std::time::Duration;

use crate::app::App;

/// How long a part of the service may take to say that it is well.
const PATIENCE: Duration = Duration::from_secs(2);

/// Which parts work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Readiness {
    /// Jobs are taken.
    pub jobs: bool,
    /// The catalog answers.
    pub catalog: bool,
    /// The blobs can be reached.
    pub blobs: bool,
    /// No other process has taken the database.
    pub hold: bool,
}

impl Readiness {
    /// As it is now.
    pub async fn of(app: &App) -> Self {
        let (catalog, blobs) = tokio::join!(answers(app.storage.catalog.check()), answers(app.storage.check_blobs()));
        let jobs = !app.is_closing() && app.jobs.is_open();
        Readiness { jobs, catalog, blobs, hold: !app.storage.is_lost() }
    }

    /// The parts by name.
    pub fn parts(&self) -> [(&'static str, bool); 4] {
        [("jobs", self.jobs), ("catalog", self.catalog), ("blobs", self.blobs), ("hold", self.hold)]
    }
}

/// Whether a part of the service says in time that it is well.
async fn answers<E>(check: impl Future<Output = Result<(), E>>) -> bool {
    matches!(tokio::time::timeout(PATIENCE, check).await, Ok(Ok(())))
}
