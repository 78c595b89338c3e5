//! A job as readers see it, whether it is still open (in memory) or has ended (in the catalog and a blob).

use std::sync::Arc;

use super::error::JobError;
use super::history::{ENTRY_BYTES, EpochEntry, HistoryQuery, from_bytes, page};
use super::job::Job;
use super::record::history_blob;
use super::report::JobReport;
use crate::storage::Blobs;

/// A job that is open or has ended.
#[derive(Clone)]
pub enum JobHandle {
    /// Waits, runs, or has just ended.
    Open(Arc<Job>),
    /// Ended some time ago.
    Ended {
        /// As it ended.
        report: Arc<JobReport>,
        /// Where its history is.
        blobs: Blobs,
    },
}

impl JobHandle {
    /// Everything about the job now.
    pub fn report(&self) -> JobReport {
        match self {
            JobHandle::Open(job) => job.report(),
            JobHandle::Ended { report, .. } => JobReport::clone(report),
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
            JobHandle::Ended { report, blobs } => {
                let last = report.epoch.min(first.saturating_add(most as u64).saturating_sub(1));
                if first > last {
                    return Ok(Vec::new());
                }
                let part = (first - 1) * ENTRY_BYTES..last * ENTRY_BYTES;
                let parts = blobs.parts(&history_blob(report.id), &[part]).await?;
                Ok(from_bytes(first, &parts[0]))
            }
        }
    }

    /// The entries that `query` asks for, and the `after` of the next page, if there is more.
    ///
    /// # Errors
    /// `Storage`.
    pub async fn history(&self, query: HistoryQuery) -> Result<(Vec<EpochEntry>, Option<u64>), JobError> {
        match self {
            JobHandle::Open(job) => {
                let (epochs, next_after) = page(job.progress.epochs_done(), query);
                Ok((epochs.iter().flat_map(|epoch| job.progress.entries(*epoch, 1)).collect(), next_after))
            }
            JobHandle::Ended { report, blobs } => {
                let (epochs, next_after) = page(report.epoch, query);
                let parts: Vec<_> = epochs.iter().map(|n| (n - 1) * ENTRY_BYTES..n * ENTRY_BYTES).collect();
                let parts =
                    if parts.is_empty() { Vec::new() } else { blobs.parts(&history_blob(report.id), &parts).await? };
                let entries = epochs.iter().zip(&parts).flat_map(|(epoch, bytes)| from_bytes(*epoch, bytes));
                Ok((entries.collect(), next_after))
            }
        }
    }
}
