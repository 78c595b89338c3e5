//! Blobs, read whole: files of tensors prove themselves, others are held against their checksums.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::TryStreamExt;
use uuid::Uuid;

use super::{Check, Fault};
use crate::datasets::{Dataset, DatasetError};
use crate::jobs::{self, JobReport};
use crate::learning::spec::ValidModelSpec;
use crate::models::artifact::decode;
use crate::storage::checksums::Summing;
use crate::storage::tensors::TensorFile;
use crate::storage::{BlobReader, Checksums, StorageError};

/// Bytes of a blob that are read at once.
const PIECE: u64 = 4 << 20;
/// Rows of a data set that are decoded at once.
const ROWS: usize = 4096;

impl Check<'_> {
    /// The bytes of a blob; says so if there is none.
    async fn whole(&mut self, blob: &str, owner: &str) -> Result<Option<Bytes>, StorageError> {
        self.outcome.blobs += 1;
        self.known.insert(blob.to_owned());
        self.reading(blob);
        match self.storage.blobs.get(blob).await {
            Err(StorageError::Missing(_)) => {
                self.found(Fault::Missing, blob, format!("{owner} refers to it"), None);
                Ok(None)
            }
            found => found.map(Some),
        }
    }

    pub(super) async fn version_file(
        &mut self,
        blob: &str,
        owner: &str,
        network: Option<&Arc<ValidModelSpec>>,
    ) -> Result<(), StorageError> {
        let Some(bytes) = self.whole(blob, owner).await? else { return Ok(()) };
        let decoded = tokio::task::spawn_blocking(move || decode(&bytes)).await;
        let wrong = match decoded {
            Err(panic) => Some(panic.to_string()),
            Ok(Err(error)) => Some(error.to_string()),
            Ok(Ok(artifact)) if network.is_some_and(|network| *artifact.predictor.spec() != **network) => {
                Some("it belongs to another model".to_owned())
            }
            Ok(Ok(_)) => None,
        };
        if let Some(wrong) = wrong {
            self.found(Fault::Damaged, blob, format!("{wrong} ({owner})"), None);
        }
        Ok(())
    }

    /// The rows of an open job; what is wrong with them.
    pub(super) async fn rows_file(&mut self, owner: &str, blob: &str) -> Result<Option<String>, StorageError> {
        match self.storage.blobs.get(blob).await {
            Err(StorageError::Missing(_)) => Ok(Some(format!("its rows {blob} are missing"))),
            Err(error) => Err(error),
            Ok(bytes) => {
                self.outcome.blobs += 1;
                self.reading(owner);
                Ok(TensorFile::read(&bytes).err().map(|error| format!("its rows {blob} are damaged: {error}")))
            }
        }
    }

    /// The last checkpoint of an open job, if there is one: without it the job starts from its beginning.
    pub(super) async fn checkpoint(&mut self, owner: &str, job: Uuid) -> Result<(), StorageError> {
        let blob = jobs::checkpoint_blob(job);
        let bytes = match self.storage.blobs.get(&blob).await {
            Err(StorageError::Missing(_)) => return Ok(()),
            found => found?,
        };
        self.outcome.blobs += 1;
        let wrong = TensorFile::read(&bytes).err().map(|error| format!("{error} ({owner})"));
        if let Some(wrong) = wrong {
            if self.repair {
                self.storage.blobs.delete(&blob).await?;
            }
            let mended = self.repair.then_some("removed: the job starts from its beginning");
            self.found(Fault::Damaged, blob, wrong, mended);
        }
        Ok(())
    }

    /// The history of an ended job.
    pub(super) async fn history(&mut self, owner: &str, report: &JobReport) -> Result<(), StorageError> {
        let blob = jobs::history_blob(report.id);
        if report.epoch == 0 {
            return Ok(());
        }
        let Some(bytes) = self.whole(&blob, owner).await? else { return Ok(()) };
        let wrong = match self.storage.catalog.checksums(&blob).await? {
            Some(checksums) => {
                let fits = checksums.check_size(&blob, bytes.len() as u64);
                fits.and_then(|()| checksums.check(&blob, 0, &bytes)).err()
            }
            None if report.thinned || bytes.len() as u64 == report.epoch * jobs::history::ENTRY_BYTES => {
                return self.unverified(owner, &blob).await;
            }
            None => Some(StorageError::damaged(&blob, format!("{} epochs do not have its length", report.epoch))),
        };
        if let Some(StorageError::Damaged { reason, .. }) = wrong {
            self.found(Fault::Damaged, blob, format!("{reason} ({owner})"), None);
        }
        Ok(())
    }

    /// The columns of a data set.
    pub(super) async fn columns(&mut self, owner: &str, dataset: &Dataset, blob: &str) -> Result<(), StorageError> {
        self.outcome.blobs += 1;
        self.reading(blob);
        let checksums = match self.storage.catalog.checksums(blob).await {
            Err(error @ StorageError::Damaged { .. }) => {
                self.found(Fault::Unreadable, owner, error, None);
                return Ok(());
            }
            checksums => checksums?,
        };
        let wrong = match self.storage.reader(blob).await {
            Ok(reader) if checksums.is_some() => read_whole(reader).await.err(),
            Ok(_) => match self.decode_columns(dataset).await {
                Ok(()) => return self.unverified(owner, blob).await,
                Err(DatasetError::Storage(error)) => Some(error),
                Err(error) => Some(StorageError::damaged(blob, error)),
            },
            Err(error) => Some(error),
        };
        match wrong {
            None => {}
            Some(StorageError::Missing(_)) => self.found(Fault::Missing, blob, format!("{owner} refers to it"), None),
            Some(StorageError::Damaged { reason, .. }) => {
                self.found(Fault::Damaged, blob, format!("{reason} ({owner})"), None);
            }
            Some(error) => return Err(error),
        }
        Ok(())
    }

    /// Reads every cell of a data set.
    async fn decode_columns(&self, dataset: &Dataset) -> Result<(), DatasetError> {
        let names = dataset.profile.columns.iter().map(|column| column.name.clone()).collect();
        let read = self.datasets.fold(dataset, names, ROWS, (), |(), _| Ok::<(), std::convert::Infallible>(())).await?;
        match read {
            Ok(()) => Ok(()),
        }
    }

    /// A data set or history of an earlier release, which wrote no checksums: it can be read, and gets them.
    async fn unverified(&mut self, owner: &str, blob: &str) -> Result<(), StorageError> {
        if self.repair {
            let checksums = self.sum(blob).await?;
            let mut write = self.storage.catalog.write().await?;
            write.put_checksums(blob, &checksums).await?;
            write.commit().await?;
        }
        let mended = self.repair.then_some("given the checksums of what is there");
        self.found(Fault::Unverified, blob, format!("it has no checksums; it can be read ({owner})"), mended);
        Ok(())
    }

    async fn sum(&self, blob: &str) -> Result<Checksums, StorageError> {
        let (_, pieces) = self.storage.blobs.stream(blob).await?;
        let mut pieces = std::pin::pin!(pieces);
        let mut summing = Summing::default();
        while let Some(piece) = pieces.try_next().await? {
            summing.add(&piece);
        }
        Ok(summing.finish())
    }
}

/// Reads a blob piece by piece, and has each held against its checksums.
async fn read_whole(reader: BlobReader) -> Result<(), StorageError> {
    let read = tokio::task::spawn_blocking(move || {
        let mut at = 0;
        while at < reader.size() {
            let end = (at + PIECE).min(reader.size());
            reader.read_around(at..end)?;
            at = end;
        }
        Ok(())
    });
    read.await.expect("reading does not panic")
}
