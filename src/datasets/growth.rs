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
        let mut next = Some(id);
        while let Some(id) = next.filter(|id| *id != beginning) {
            next = self.storage.catalog.dataset_parent(id).await?;
        }
        Ok(next.is_some())
    }

    /// Whether two data sets have the same columns, byte by byte: by the checksums of both, where both have some.
    ///
    /// # Errors
    /// `Storage`.
    pub async fn is_copy(&self, one: &Dataset, other: &Dataset) -> Result<bool, DatasetError> {
        if one.bytes != other.bytes {
            return Ok(false);
        }
        let catalog = &self.storage.catalog;
        let one = catalog.checksums(&one.blob).await?;
        Ok(one.is_some() && one == catalog.checksums(&other.blob).await?)
    }
}
