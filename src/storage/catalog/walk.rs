//! The catalog as one who checks it goes through it: row by row, so that one that cannot be read hides no other.

use super::Catalog;
use crate::storage::StorageError;

/// A table whose rows have identifiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// Models.
    Models,
    /// Data sets.
    Datasets,
    /// Jobs.
    Jobs,
}

impl Catalog {
    /// The identifiers of all rows as they stand there, oldest first.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn ids(&self, table: Table) -> Result<Vec<String>, StorageError> {
        let query = match table {
            Table::Models => "SELECT id FROM models ORDER BY id",
            Table::Datasets => "SELECT id FROM datasets ORDER BY id",
            Table::Jobs => "SELECT id FROM jobs ORDER BY id",
        };
        Ok(sqlx::query_scalar(query).fetch_all(self.reader()?).await?)
    }

    /// The numbers of a model's versions, oldest first.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn version_numbers(&self, model_id: &str) -> Result<Vec<i64>, StorageError> {
        let query = sqlx::query_scalar("SELECT number FROM versions WHERE model_id = $1 ORDER BY number");
        Ok(query.bind(model_id.to_owned()).fetch_all(self.reader()?).await?)
    }

    /// All blobs that are noted as litter.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn litter(&self) -> Result<Vec<String>, StorageError> {
        Ok(sqlx::query_scalar("SELECT blob FROM litter").fetch_all(self.reader()?).await?)
    }
}
