//! A job as readers see it, whether it is still open (in memory) or has ended (in the catalog and a blob).

use std::ops::Range;
use std::sync::Arc;

use tokio::sync::OnceCell;

use super::error::JobError;
use super::history::{ENTRY_BYTES, EpochEntry, HistoryQuery, from_bytes, from_thinned, page, page_of};
use super::job::Job;
use super::member_history::{stored_networks, stored_range};
use super::record::history_blob;
use super::report::JobReport;
use crate::learning::members::MAX_MEMBERS;
use crate::memory::Charge;
use crate::storage::{Storage, StorageError};

/// A job that is open or has ended.
#[derive(Clone)]
pub enum JobHandle {
    /// Waits, runs, or has just ended.
    Open(Arc<Job>),
    /// Ended some time ago.
    Ended(Box<EndedJob>),
}

/// A job that ended some time ago.
#[derive(Clone)]
pub struct EndedJob {
    /// As it ended.
    pub report: Arc<JobReport>,
    /// Where its history is.
    storage: Storage,
    /// A thinned history, once it was read.
    thinned: Arc<OnceCell<Vec<EpochEntry>>>,
    /// Covers what it says, where that is much.
    _memory: Option<Charge>,
}

impl EndedJob {
    pub(super) fn new(report: JobReport, storage: Storage) -> Self {
        EndedJob { report: report.into(), storage, thinned: Arc::default(), _memory: None }
    }

    /// The same, covered by this memory for as long as anybody has it.
    pub fn covered(self, memory: Charge) -> Self {
        EndedJob { _memory: Some(memory), ..self }
    }

    /// The entries of a thinned history; `None` of one that has every epoch.
    async fn thinned(&self) -> Result<Option<&[EpochEntry]>, JobError> {
        if !self.report.thinned {
            return Ok(None);
        }
        let read = async || {
            let blob = history_blob(self.report.id);
            let damaged = || StorageError::damaged(blob.clone(), "it breaks off");
            let size = self.storage.blobs.size(&blob).await?;
            let whole = self.storage.parts(&blob, std::slice::from_ref(&(0..size))).await?;
            from_thinned(&whole[0]).ok_or_else(damaged)
        };
        Ok(Some(self.thinned.get_or_try_init(read).await?))
    }

    /// The entries of these epochs of a history that has every epoch.
    async fn ranges(&self, parts: &[Range<u64>]) -> Result<Vec<EpochEntry>, JobError> {
        if parts.is_empty() {
            return Ok(Vec::new());
        }
        let bytes: Vec<_> =
            parts.iter().map(|part| (part.start - 1) * ENTRY_BYTES..(part.end - 1) * ENTRY_BYTES).collect();
        let bytes = self.storage.parts(&history_blob(self.report.id), &bytes).await?;
        Ok(parts.iter().zip(&bytes).flat_map(|(part, bytes)| from_bytes(part.start, bytes)).collect())
    }

    async fn entries(&self, first: u64, most: usize) -> Result<Vec<EpochEntry>, JobError> {
        if let Some(kept) = self.thinned().await? {
            let start = kept.partition_point(|entry| entry.epoch < first);
            return Ok(kept[start..].iter().take(most).copied().collect());
        }
        let end = self.report.epoch.saturating_add(1).min(first.saturating_add(most as u64));
        if first < end { self.ranges(std::slice::from_ref(&(first..end))).await } else { Ok(Vec::new()) }
    }

    async fn history(&self, query: HistoryQuery) -> Result<(Vec<EpochEntry>, Option<u64>), JobError> {
        if let Some(kept) = self.thinned().await? {
            return Ok(page_of(kept, query));
        }
        let (epochs, next_after) = page(self.report.epoch, query);
        let parts: Vec<_> = epochs.iter().map(|epoch| *epoch..epoch + 1).collect();
        Ok((self.ranges(&parts).await?, next_after))
    }

    /// How many networks have a history of their own in its blob, which has every one of its epochs.
    async fn networks(&self) -> Result<usize, JobError> {
        if self.report.thinned || self.report.epoch == 0 {
            return Ok(0);
        }
        let size = self.storage.blobs.size(&history_blob(self.report.id)).await?;
        Ok(stored_networks(size, self.report.epoch))
    }

    async fn member_entries(&self, index: usize) -> Result<Vec<EpochEntry>, JobError> {
        let range = stored_range(index, self.report.epoch);
        let bytes = self.storage.parts(&history_blob(self.report.id), std::slice::from_ref(&range)).await?;
        Ok(from_bytes(1, &bytes[0]))
    }
}

impl JobHandle {
    /// Everything about the job now.
    pub fn report(&self) -> JobReport {
        match self {
            JobHandle::Open(job) => job.report(),
            JobHandle::Ended(job) => JobReport::clone(&job.report),
        }
    }

    /// Waits until the job has ended, or the service stops.
    pub async fn over(&self) {
        if let JobHandle::Open(job) = self {
            job.progress.over().await;
        }
    }

    /// Entries of the history from epoch `first` on, at most `most`.
    ///
    /// # Errors
    /// `Storage`.
    pub async fn entries(&self, first: u64, most: usize) -> Result<Vec<EpochEntry>, JobError> {
        match self {
            JobHandle::Open(job) => Ok(job.progress.entries(first, most)),
            JobHandle::Ended(job) => job.entries(first, most).await,
        }
    }

    /// The entries that `query` asks for, and the `after` of the next page, if there is more.
    ///
    /// # Errors
    /// `Storage`.
    pub async fn history(&self, query: HistoryQuery) -> Result<(Vec<EpochEntry>, Option<u64>), JobError> {
        match self {
            JobHandle::Open(job) => Ok(page_of(&job.progress.entries(1, usize::MAX), query)),
            JobHandle::Ended(job) => job.history(query).await,
        }
    }

    /// How many networks have a history of their own: none where one learns or theirs are not kept.
    ///
    /// # Errors
    /// `Storage`.
    pub async fn networks(&self) -> Result<usize, JobError> {
        match self {
            JobHandle::Ended(job) => job.networks().await,
            JobHandle::Open(job) => {
                // How many a warm start goes on with is known once it runs.
                let asked = job.record.config.members.map_or(MAX_MEMBERS, |members| members as usize);
                let begins = job.progress.epochs_done() == 0 && asked > 1;
                Ok(if begins { asked } else { job.progress.member_networks() })
            }
        }
    }

    /// As [`JobHandle::history`], of the network of this index, counted from 0, which is one of [`JobHandle::networks`].
    ///
    /// # Errors
    /// `Storage`.
    pub async fn member_history(
        &self,
        index: usize,
        query: HistoryQuery,
    ) -> Result<(Vec<EpochEntry>, Option<u64>), JobError> {
        match self {
            JobHandle::Ended(job) => Ok(page_of(&job.member_entries(index).await?, query)),
            JobHandle::Open(job) => Ok(page_of(&job.progress.member_entries(index), query)),
        }
    }
}
