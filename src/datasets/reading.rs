//! What is read of stored data sets: their blobs' columns, off the async threads.

use serde_json::{Map, Value};

use super::source::BlobSource;
use super::{Dataset, DatasetError, DatasetRegistry};
use crate::data::column::{Column, Table};
use crate::data::error::{DataError, DataErrorKind};
use crate::data::stored;
use crate::storage::StorageError;
use crate::waiting::{WaitedFor, Waiting};

impl DatasetRegistry {
    /// Columns of a data set, in the order named. Reading ends when nobody waits any more.
    ///
    /// # Errors
    /// `Storage`; `Data` if the columns are damaged.
    pub async fn columns(&self, dataset: &Dataset, names: Vec<String>) -> Result<Table, DatasetError> {
        let profile = dataset.profile.clone();
        let waiting = Waiting::default();
        let waited_for = waiting.seen();
        self.blocking(dataset, move |source| {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            stored::read_columns_unless(source, &profile, &names, &|| waited_for.holds())
        })
        .await
    }

    /// The different values of a column: all of them, or more than `most`.
    ///
    /// # Errors
    /// `Storage`; `Data` if they are words too long to be classes, the columns are damaged, or memory is not free.
    pub async fn distinct_values(&self, dataset: &Dataset, name: &str, most: usize) -> Result<Column, DatasetError> {
        let (profile, name) = (dataset.profile.clone(), name.to_owned());
        let memory = self.memory.charge(None);
        memory.grow(stored::distinct_bytes(&profile)).map_err(DataError::no_room)?;
        self.blocking(dataset, move |source| stored::distinct_values(source, &profile, &name, most)).await
    }

    /// Goes through the rows of these columns, at most `most_rows` at a time, and gives each table of them to `add` with
    /// what the tables before have made of `start`. Ends with the first error of `add`, and when nobody waits any more.
    ///
    /// # Errors
    /// As [`DatasetRegistry::columns`].
    pub async fn fold<T: Send + 'static, E: Send + 'static>(
        &self,
        dataset: &Dataset,
        names: Vec<String>,
        most_rows: usize,
        start: T,
        add: impl FnMut(&mut T, Table) -> Result<(), E> + Send + 'static,
    ) -> Result<Result<T, E>, DatasetError> {
        let waiting = Waiting::default();
        let waited_for = waiting.seen();
        self.opened(dataset, move |opened| opened.fold(&names, most_rows, start, &waited_for, add)).await
    }

    /// Rows of a data set as they would stand in a list of records.
    ///
    /// # Errors
    /// `Storage`; `Data` if the columns are damaged.
    pub async fn preview(&self, dataset: &Dataset, limit: usize) -> Result<Vec<Map<String, Value>>, DatasetError> {
        /// What the end of the file says of a column, and what reads it.
        const OF_A_COLUMN: u64 = 2 << 10;
        let profile = dataset.profile.clone();
        let memory = self.memory.charge(None);
        memory.grow(profile.columns.len() as u64 * OF_A_COLUMN).map_err(DataError::no_room)?;
        let read = self.blocking(dataset, move |source| stored::preview(source, &profile, 0, limit)).await;
        drop(memory);
        read
    }

    /// A data set's rows, for a thread that may wait for them.
    ///
    /// # Errors
    /// `Storage`; `NotFound`: it has been deleted meanwhile.
    pub async fn open(&self, dataset: &Dataset) -> Result<OpenedDataset, DatasetError> {
        match self.storage.reader(&dataset.blob).await {
            Ok(blob) => Ok(OpenedDataset { source: BlobSource::new(blob), dataset: dataset.clone() }),
            Err(error) => Err(self.unless_gone(dataset, error.into()).await),
        }
    }

    /// The error of reading a data set: that it is not there any more where it has been deleted meanwhile.
    pub async fn unless_gone(&self, dataset: &Dataset, error: DatasetError) -> DatasetError {
        match error {
            DatasetError::Storage(StorageError::Missing(_))
                if matches!(self.storage.catalog.dataset_length(Some(dataset.id), "").await, Ok(None)) =>
            {
                DatasetError::NotFound(dataset.title())
            }
            error => error,
        }
    }

    async fn blocking<T: Send + 'static>(
        &self,
        dataset: &Dataset,
        read: impl FnOnce(BlobSource) -> Result<T, DataError> + Send + 'static,
    ) -> Result<T, DatasetError> {
        self.opened(dataset, |opened| opened.read(read)).await
    }

    async fn opened<T: Send + 'static>(
        &self,
        dataset: &Dataset,
        read: impl FnOnce(OpenedDataset) -> Result<T, DatasetError> + Send + 'static,
    ) -> Result<T, DatasetError> {
        let opened = self.open(dataset).await?;
        let done = tokio::task::spawn_blocking(move || read(opened)).await;
        let done = done.map_err(|panic| StorageError::damaged(dataset.blob.clone(), panic.to_string()))?;
        match done {
            Err(error) => Err(self.unless_gone(dataset, error).await),
            done => done,
        }
    }
}

/// A data set whose rows can be read, off the async threads.
pub struct OpenedDataset {
    source: BlobSource,
    dataset: Dataset,
}

impl OpenedDataset {
    /// As [`DatasetRegistry::fold`]: ends with the first error of `add`, and when nobody waits any more.
    ///
    /// # Errors
    /// As [`DatasetRegistry::columns`].
    pub fn fold<T, E>(
        self,
        names: &[String],
        most_rows: usize,
        start: T,
        waited_for: &WaitedFor,
        mut add: impl FnMut(&mut T, Table) -> Result<(), E>,
    ) -> Result<Result<T, E>, DatasetError> {
        let profile = self.dataset.profile.clone();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        self.read(|source| {
            let (mut state, mut failed) = (start, None);
            stored::for_each_batch(source, &profile, &names, most_rows, |batch| {
                failed = add(&mut state, batch).err();
                failed.is_none() && waited_for.holds()
            })?;
            Ok(failed.map_or(Ok(state), Err))
        })
    }

    fn read<T>(self, read: impl FnOnce(BlobSource) -> Result<T, DataError>) -> Result<T, DatasetError> {
        let OpenedDataset { source, dataset } = self;
        let watched = source.clone();
        read(source).map_err(|error| match (watched.trouble(), error.kind) {
            (Some(trouble), _) => trouble.into(),
            (None, DataErrorKind::Unfit | DataErrorKind::Stopped) => error.into(),
            (None, _) => StorageError::damaged(dataset.blob.clone(), error.to_string()).into(),
        })
    }
}
