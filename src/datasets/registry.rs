//! The registry of data sets: rows in the catalog, columns in blobs.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::{Dataset, DatasetError, Loading};
use crate::data::asked::AskedColumns;
use crate::data::error::DataError;
use crate::data::ingest::Declared;
use crate::data::profile::TableProfile;
use crate::memory::{Charge, Client, Share};
use crate::name::{check_name, is_name};
use crate::processors;
use crate::storage::catalog::{DatasetRow, ReceiptRow, shown};
use crate::storage::{self, BlobFile, Checksums, RECEIPT_AGE, Storage, StorageError, Stored, exact};
use crate::workplaces::{MostWaiting, Occupancy, Workplaces};

/// Files that wait to be read: some of each client are normal, and small ones are read in moments.
const MOST_FILES: MostWaiting = MostWaiting { before: 16, of_one: 8, burst: Duration::from_secs(5) };

/// Profiles that are listed at once, in bytes.
const MAX_LISTED_BYTES: u64 = 16 << 20;

/// What a byte of a profile becomes, with the text that it is read from.
const PARSED: u64 = 3;

/// All data sets of the service. Cheap to clone: a handle.
#[derive(Clone)]
pub struct DatasetRegistry {
    pub(super) storage: Storage,
    /// A place for each file that may be read at once: reading takes threads and up to a few hundred megabytes. One client has not
    /// all of them.
    pub(super) readers: Workplaces,
    /// One more place, for a file that is read while it arrives: that may take long, and must keep no other waiting.
    pub(super) early_reader: Arc<Semaphore>,
    /// Files on their way in.
    pub loading: Loading,
    /// What long profiles that are held are charged to.
    pub(super) memory: Share,
}

/// What a request asks of a new data set.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Unique among data sets, if given.
    pub name: Option<String>,
    /// What is said of its file.
    pub format: Declared,
    /// What is asked of its columns.
    pub columns: AskedColumns,
    /// The data set whose rows come before those of the file.
    pub parent: Option<Dataset>,
}

/// A data set that was read and typed, on its way into the registry.
pub struct NewDataset {
    /// Its identifier.
    pub id: Uuid,
    /// Unique among data sets, if given.
    pub name: Option<String>,
    /// The key that stores it; of a file that was just read, none.
    pub owner: Option<Uuid>,
    /// The data set whose rows it begins with; of a file that was just read, none.
    pub parent_id: Option<Uuid>,
    /// Its columns, with what is known of them.
    pub profile: TableProfile,
    /// The columns.
    pub(super) columns: BlobFile,
}

/// A data set whose columns are written and that no row refers to yet.
pub struct DatasetDraft {
    row: DatasetRow,
    checksums: Checksums,
    dataset: Dataset,
}

impl DatasetRegistry {
    /// The data sets in `storage`; long profiles that are held are charged to `memory`.
    pub fn new(storage: Storage, memory: Share) -> Self {
        let readers = Workplaces::leaving_one(processors::available());
        let early_reader = Arc::new(Semaphore::new(1));
        DatasetRegistry { storage, readers, early_reader, loading: Loading::default(), memory }
    }

    /// Whether so many files wait to be read that one more of `client` would wait for very long. Asked before a file comes: one that
    /// is there waits.
    pub fn has_too_many_files(&self, client: Option<Client>) -> bool {
        self.readers.are_full(client, MOST_FILES)
    }

    /// How many files are read, and how many wait.
    pub fn readers(&self) -> Occupancy {
        self.readers.occupancy()
    }

    /// Stores the columns of a data set. They are litter until [`DatasetRegistry::add`] is committed.
    ///
    /// # Errors
    /// `Storage`.
    pub async fn draft(&self, new: NewDataset) -> Result<DatasetDraft, DatasetError> {
        let NewDataset { id, name, owner, parent_id, profile, columns } = new;
        let blob = format!("datasets/{id}.parquet");
        let checksums = self.storage.put_file_noted(&blob, columns).await?;
        let bytes = checksums.bytes();
        let created_at = Timestamp::now();
        let (rows, text) = (profile.rows, exact::to_text(&profile));
        let row = DatasetRow {
            id,
            name: name.clone(),
            blob: blob.clone(),
            bytes,
            rows,
            profile: text,
            created_at,
            owner,
            parent_id,
        };
        let profile = Arc::new(profile);
        let dataset = Dataset { id, name, bytes, created_at, owner, parent_id, profile, blob, _memory: None };
        Ok(DatasetDraft { row, checksums, dataset })
    }

    /// Adds a drafted data set, as a part of `write`.
    ///
    /// # Errors
    /// `NameTaken`, `Storage`.
    pub async fn add(&self, write: &mut storage::Write, draft: &DatasetDraft) -> Result<(), DatasetError> {
        write.add_dataset(&draft.row).await.map_err(|error| match (error, &draft.row.name) {
            (StorageError::Conflict, Some(name)) => DatasetError::NameTaken(name.clone()),
            (error, _) => error.into(),
        })?;
        write.put_checksums(&draft.row.blob, &draft.checksums).await?;
        Ok(write.strike_litter(&draft.row.blob).await?)
    }

    /// Deletes the columns of a draft that was not added.
    pub async fn discard(&self, draft: &DatasetDraft) {
        self.storage.discard(std::slice::from_ref(&draft.row.blob)).await;
    }

    /// Whether a data set of this name may be stored with the key `owner`: asked before its file comes, which storing it
    /// does not save from asking again.
    ///
    /// # Errors
    /// `Name`, `NameTaken`, `Storage`.
    pub async fn check_new(&self, name: Option<&str>, owner: Option<Uuid>) -> Result<(), DatasetError> {
        name.map_or(Ok(()), check_name).map_err(DatasetError::Name)?;
        self.check_free(name).await?;
        Ok(self.storage.quota.check(&self.storage.catalog, owner, Stored::one(0)).await?)
    }

    /// Whether no data set has this name.
    async fn check_free(&self, name: Option<&str>) -> Result<(), DatasetError> {
        match name {
            Some(name) if self.storage.catalog.dataset_named(name).await?.is_some() => {
                Err(DatasetError::NameTaken(name.to_owned()))
            }
            _ => Ok(()),
        }
    }

    /// Stores a data set; `receipt` makes of it what is kept for the repetition of the request, if it can be repeated.
    ///
    /// # Errors
    /// `NameTaken`, `Storage`, with `Conflict` if there is a receipt already.
    pub async fn create(
        &self,
        new: NewDataset,
        receipt: impl FnOnce(&Dataset) -> Option<ReceiptRow>,
    ) -> Result<Dataset, DatasetError> {
        self.check_free(new.name.as_deref()).await?;
        self.store(new, None, receipt).await
    }

    pub(super) async fn store(
        &self,
        new: NewDataset,
        superseded: Option<&Dataset>,
        receipt: impl FnOnce(&Dataset) -> Option<ReceiptRow>,
    ) -> Result<Dataset, DatasetError> {
        let owner = new.owner;
        self.storage.quota.check(&self.storage.catalog, owner, Stored::one(0)).await?;
        let draft = self.draft(new).await?;
        let written = async {
            let mut write = self.storage.catalog.write().await?;
            self.storage.quota.take(&mut write, owner, Stored::one(draft.stored_bytes())).await?;
            if let Some(receipt) = receipt(&draft.dataset) {
                write.add_receipt(&receipt, RECEIPT_AGE).await?;
            }
            if let Some(parent) = superseded
                && !write.give_up_dataset_name(parent.id, parent.name.as_deref()).await?
            {
                return Err(DatasetError::Overtaken(parent.title()));
            }
            self.add(&mut write, &draft).await?;
            Ok(write.commit().await?)
        };
        let written: Result<(), DatasetError> = written.await;
        if written.is_err() {
            self.discard(&draft).await;
        }
        written.map(|()| draft.dataset)
    }

    /// The data set that `key` names: a UUID or a name.
    ///
    /// # Errors
    /// `NotFound`, `Storage`; `Data` with `Overloaded`: its profile is long, and there is no memory for it.
    pub async fn get(&self, key: &str) -> Result<Dataset, DatasetError> {
        let (catalog, id) = (&self.storage.catalog, Uuid::try_parse(key).ok());
        let missing = || DatasetError::NotFound(key.to_owned());
        if id.is_none() && !is_name(key) {
            return Err(missing());
        }
        let memory = self.room_for(catalog.dataset_length(id, key).await?.ok_or_else(missing)?)?;
        let row = match id {
            Some(id) => catalog.dataset(id).await?,
            None => catalog.dataset_named(key).await?,
        };
        self.parse(row.ok_or_else(missing)?, memory).await
    }

    /// The data set with this identifier, for a job: what that takes of memory is its own.
    ///
    /// # Errors
    /// `NotFound`, `Storage`.
    pub async fn get_for_job(&self, id: Uuid) -> Result<Dataset, DatasetError> {
        let row = self.storage.catalog.dataset(id).await?;
        parse(row.ok_or_else(|| DatasetError::NotFound(id.to_string()))?).await
    }

    /// Memory for a profile of this length, before it is read. A long one is charged for as long as it is held: the clients of a few
    /// bytes each can ask for very many.
    fn room_for(&self, length: u64) -> Result<Option<Charge>, DatasetError> {
        if length < exact::LONG as u64 { Ok(None) } else { self.room(length).map(Some) }
    }

    /// The same of a profile of any length: a list has a thousand.
    fn room(&self, length: u64) -> Result<Charge, DatasetError> {
        let memory = self.memory.charge(None);
        memory.grow(length * PARSED).map_err(DataError::no_room)?;
        Ok(memory)
    }

    /// The data set of a row, with the memory for it.
    async fn parse(&self, row: DatasetRow, memory: Option<Charge>) -> Result<Dataset, DatasetError> {
        Ok(Dataset { _memory: memory, ..parse(row).await? })
    }

    /// At most `limit` data sets older than `before`, newest first, and whether there are more. Fewer where their
    /// profiles are long: those of many columns take megabytes each.
    ///
    /// # Errors
    /// `Storage`.
    pub async fn list(&self, before: Option<Uuid>, limit: usize) -> Result<(Vec<Dataset>, bool), DatasetError> {
        let found = self.storage.catalog.datasets(before, limit + 1).await?;
        let count = shown(found.iter().map(|(_, length)| *length), limit, MAX_LISTED_BYTES);
        let mut listed = Vec::new();
        for (id, length) in &found[..count.min(found.len())] {
            let memory = Some(self.room(*length)?);
            // One that was deleted meanwhile is left out.
            if let Some(row) = self.storage.catalog.dataset(*id).await? {
                listed.push(self.parse(row, memory).await?);
            }
        }
        Ok((listed, found.len() > count))
    }

    /// Number of data sets.
    ///
    /// # Errors
    /// `Storage`.
    pub async fn count(&self) -> Result<u64, DatasetError> {
        Ok(self.storage.catalog.count_datasets().await?)
    }

    /// Deletes a data set that no job needs.
    ///
    /// # Errors
    /// `NotFound`, `Busy`, `Storage`.
    pub async fn remove(&self, dataset: &Dataset) -> Result<(), DatasetError> {
        let mut write = self.storage.catalog.write().await?;
        if !write.lock_dataset(dataset.id).await? {
            return Err(DatasetError::NotFound(dataset.title()));
        }
        if write.dataset_is_needed(dataset.id).await? {
            return Err(DatasetError::Busy(dataset.title()));
        }
        write.remove_dataset(dataset.id).await?;
        write.note_litter(&dataset.blob).await?;
        write.commit().await?;
        self.storage.discard(std::slice::from_ref(&dataset.blob)).await;
        Ok(())
    }
}

/// The data set of a row; a long profile is parsed away from the async threads.
async fn parse(row: DatasetRow) -> Result<Dataset, DatasetError> {
    let (what, bytes) = (format!("the record of data set {}", row.id), row.profile.len());
    exact::read_apart(what, bytes, move || Dataset::from_row(row)).await
}

impl DatasetDraft {
    /// Where its columns are.
    pub fn blob(&self) -> &str {
        &self.row.blob
    }

    /// What it takes of what may be stored: columns and profile, in bytes.
    pub fn stored_bytes(&self) -> u64 {
        self.dataset.bytes + self.row.profile.len() as u64
    }

    /// The data set as it will be.
    pub fn dataset(&self) -> &Dataset {
        &self.dataset
    }
}
