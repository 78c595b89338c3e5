//! `epochd check`: reads all state of a service that is stopped, says what is missing, damaged, unverified or left over,
//! and mends what can be mended.

mod blobs;
mod finding;
mod in_service;
mod rows;

use std::collections::HashSet;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytesize::ByteSize;
use futures_util::StreamExt;

pub use finding::{Fault, Finding};

use crate::datasets::DatasetRegistry;
use crate::memory::Share;
use crate::storage::catalog::Table;
use crate::storage::folder::{self, BLOBS, CATALOG};
use crate::storage::identity::{self, IDENTITY};
use crate::storage::{OpenError, StateLocation, Storage, StorageError};

/// Between two lines that say how far a check has come.
const PROGRESS: Duration = Duration::from_secs(10);

/// What a check came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Rows that were read.
    pub rows: u64,
    /// Blobs that were read whole.
    pub blobs: u64,
    /// What was found.
    pub found: u64,
    /// And mended.
    pub mended: u64,
}

/// Why a check broke off.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// There is no state in the data folder.
    #[error("there is nothing to check: {} has no {CATALOG}. Name the folder of the service by --data-dir", .0.display())]
    NoState(PathBuf),
    /// Whether there is any cannot be seen.
    #[error("{}: {source}", path.display())]
    Folder {
        /// What was looked at.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The state cannot be opened.
    #[error("{0}")]
    Open(#[from] OpenError),
    /// The database or the store does not work.
    #[error("the check broke off: {0}")]
    Storage(#[from] StorageError),
}

/// A check under way.
struct Check<'a> {
    storage: Storage,
    datasets: DatasetRegistry,
    repair: bool,
    /// Blobs that rows refer to.
    known: HashSet<String>,
    outcome: Outcome,
    say: &'a mut (dyn FnMut(&Finding) + Send),
    progress: &'a mut (dyn FnMut(&str, Outcome) + Send),
    said: Instant,
}

/// Checks the state at `location`, and mends it if `repair`. Each finding is handed to `say`; `progress` is told now and
/// then what is being read, and how much has been.
///
/// # Errors
/// There is no state, and none is made; or it is in use, cannot be opened, or stops answering.
pub async fn check(
    location: &StateLocation,
    repair: bool,
    say: &mut (dyn FnMut(&Finding) + Send),
    progress: &mut (dyn FnMut(&str, Outcome) + Send),
) -> Result<Outcome, CheckError> {
    // Blobs without a catalog are a state that has lost it, which is found.
    let is_there = |name: &str| {
        let path = location.folder.join(name);
        path.try_exists().map_err(|source| CheckError::Folder { path, source })
    };
    if location.database_url.is_none() && !is_there(CATALOG)? && (location.blob_url.is_some() || !is_there(BLOBS)?) {
        return Err(CheckError::NoState(location.folder.clone()));
    }
    let storage = Storage::open_unchecked(location, Arc::new(|_| Ok(()))).await?;
    // One thing is read after the other.
    let datasets = DatasetRegistry::new(storage.clone(), Share::new("check", ByteSize::gib(1)));
    let (known, outcome, said) = (HashSet::new(), Outcome::default(), Instant::now());
    let mut check = Check { storage, datasets, repair, known, outcome, say, progress, said };
    let done = check.all(location).await;
    check.storage.close().await;
    done?;
    Ok(check.outcome)
}

impl Check<'_> {
    async fn all(&mut self, location: &StateLocation) -> Result<(), StorageError> {
        for fault in self.storage.catalog.faults(true).await? {
            self.found(Fault::Damaged, "the catalog", fault, None);
        }
        self.identity().await?;
        for id in self.storage.catalog.ids(Table::Datasets).await? {
            self.dataset(&id).await?;
        }
        for id in self.storage.catalog.ids(Table::Models).await? {
            self.model(&id).await?;
        }
        for id in self.storage.catalog.ids(Table::Jobs).await? {
            self.job(&id).await?;
        }
        self.orphans().await?;
        if self.repair {
            self.leftovers(location);
            self.storage.catalog.pack(true).await?;
        }
        Ok(())
    }

    /// Counts and says what was found; `mended` says what was done about it.
    fn found(&mut self, fault: Fault, subject: impl Into<String>, detail: impl ToString, mended: Option<&'static str>) {
        self.outcome.found += 1;
        self.outcome.mended += u64::from(mended.is_some());
        (self.say)(&Finding { fault, subject: subject.into(), detail: detail.to_string(), mended });
    }

    /// Says what is read now, if nothing has been said for a while.
    fn reading(&mut self, what: &str) {
        if self.said.elapsed() >= PROGRESS {
            self.said = Instant::now();
            (self.progress)(what, self.outcome);
        }
    }

    async fn identity(&mut self) -> Result<(), StorageError> {
        let reason = match identity::mismatch(&self.storage.catalog, &self.storage.blobs).await {
            Err(error @ StorageError::Damaged { .. }) => Some(error.to_string()),
            found => found?.map(str::to_owned),
        };
        if let Some(reason) = reason {
            if self.repair {
                identity::stamp(&self.storage.catalog, &self.storage.blobs).await?;
            }
            let mended = self.repair.then_some("taken as they are: both have one identifier now");
            let subject = "the catalog and the blobs do not belong together";
            let advice =
                if self.repair { "" } else { "; name the blobs of this catalog, or --repair takes both as they are" };
            self.found(Fault::Strangers, subject, format!("{reason}{advice}"), mended);
        }
        Ok(())
    }

    /// Blobs that no row refers to, and that are not about to be deleted.
    async fn orphans(&mut self) -> Result<(), StorageError> {
        self.known.extend(self.storage.catalog.litter().await?);
        self.known.insert(IDENTITY.to_owned());
        let mut keys = std::pin::pin!(self.storage.blobs.keys());
        let mut orphans = Vec::new();
        while let Some(key) = keys.next().await {
            orphans.extend(Some(key?).filter(|key| !self.known.contains(key)));
        }
        for orphan in orphans {
            if self.repair {
                self.storage.catalog.note_litter(&orphan).await?;
            }
            let mended =
                self.repair.then_some("noted: the service deletes it after an hour; copy it first if you want it");
            self.found(Fault::Orphaned, orphan, "nothing in the catalog refers to it", mended);
        }
        Ok(())
    }

    /// What processes that died were writing; a start removes it as well.
    fn leftovers(&mut self, location: &StateLocation) {
        for path in folder::leftovers(&location.folder).unwrap_or_default() {
            let removed = std::fs::remove_file(&path).is_ok().then_some("removed");
            self.found(Fault::Orphaned, path.display().to_string(), "it was never written to its end", removed);
        }
    }
}
