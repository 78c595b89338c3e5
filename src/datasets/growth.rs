//! Data sets that begin with the rows of others.

use uuid::Uuid;

use super::{Dataset, DatasetError, DatasetRegistry, NewDataset};
use crate::storage::catalog::ReceiptRow;

impl DatasetRegistry {
    /// Stores a data set that takes over the name of the one that it was made of, if that has one; `receipt` is as for
    /// [`DatasetRegistry::create`].
    ///
    /// # Errors
    /// `Overtaken`: another has that name by now; as [`DatasetRegistry::create`].
    pub async fn supersede(
        &self,
        parent: &Dataset,
        mut new: NewDataset,
        receipt: impl FnOnce(&Dataset) -> Option<ReceiptRow>,
    ) -> Result<Dataset, DatasetError> {
        new.name = parent.name.clone();
        self.store(new, Some(parent), receipt).await
    }

    /// The name and the rows of the data set that this one has given up its name to, as rows were appended.
    ///
    /// # Errors
    /// `Storage`.
    pub async fn grown(&self, id: Uuid) -> Result<Option<(String, u64)>, DatasetError> {
        Ok(self.storage.catalog.dataset_grown(id).await?)
    }

    /// Whether a data set is `beginning`, or begins with its rows: it was made of that by appending.
    ///
    /// # Errors
    /// `Storage`.
    pub async fn begins_with(&self, id: Uuid, beginning: Uuid) -> Result<bool, DatasetError> {
        Ok(self.storage.catalog.dataset_descends(id, beginning).await?)
    }

    /// Whether a data set has the same columns as `other`, byte by byte, as far as checksums of both tell.
    ///
    /// # Errors
    /// `Storage`.
    pub async fn is_copy(&self, dataset: &Dataset, other: Uuid) -> Result<bool, DatasetError> {
        Ok(self.storage.catalog.dataset_is_copy(other, &dataset.blob).await?)
    }
}
