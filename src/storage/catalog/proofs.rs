//! What stored state proves itself by: checksums of blobs, and the identity of the state as a whole.

use sqlx::Row;
use uuid::Uuid;

use super::columns::counted;
use super::{Catalog, Write};
use crate::storage::StorageError;
use crate::storage::checksums::Checksums;

impl Catalog {
    /// The checksums of a blob, if it has any.
    ///
    /// # Errors
    /// `Unavailable`, `Damaged`.
    pub async fn checksums(&self, blob: &str) -> Result<Option<Checksums>, StorageError> {
        let query = sqlx::query("SELECT bytes, blocks FROM checksums WHERE blob = $1").bind(blob.to_owned());
        let Some(row) = query.fetch_optional(self.reader()?).await? else { return Ok(None) };
        let damaged = || StorageError::damaged(format!("the row with the checksums of {blob}"), "it is none");
        let blocks: &str = row.try_get("blocks")?;
        Checksums::from_text(counted(&row, "bytes")?, blocks).ok_or_else(damaged).map(Some)
    }

    /// The identity of the state, if it was given one.
    ///
    /// # Errors
    /// `Unavailable`, `Damaged`.
    pub async fn identity(&self) -> Result<Option<Uuid>, StorageError> {
        let query = sqlx::query_scalar("SELECT id FROM state WHERE one = 1");
        let id: Option<String> = query.fetch_one(self.reader()?).await?;
        let damaged = |error| StorageError::damaged("the identity of the state", error);
        id.map(|id| Uuid::try_parse(&id).map_err(damaged)).transpose()
    }

    /// Whether the catalog has no row of anything.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn is_empty(&self) -> Result<bool, StorageError> {
        let query = "SELECT (SELECT COUNT(*) FROM models) + (SELECT COUNT(*) FROM datasets) + \
                     (SELECT COUNT(*) FROM jobs) + (SELECT COUNT(*) FROM litter)";
        let rows: i64 = sqlx::query_scalar(query).fetch_one(self.reader()?).await?;
        Ok(rows == 0)
    }

    /// Some of the blobs that versions and data sets refer to.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn some_blobs(&self) -> Result<Vec<String>, StorageError> {
        let query = "SELECT blob FROM (SELECT blob FROM versions LIMIT 8) AS some_versions UNION ALL \
                     SELECT blob FROM (SELECT blob FROM datasets LIMIT 8) AS some_datasets";
        Ok(sqlx::query_scalar(query).fetch_all(self.reader()?).await?)
    }
}

impl Write {
    /// Adds the checksums of a blob, in place of others.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn put_checksums(&mut self, blob: &str, checksums: &Checksums) -> Result<(), StorageError> {
        let query = "INSERT INTO checksums (blob, bytes, blocks) VALUES ($1, $2, $3) \
                     ON CONFLICT (blob) DO UPDATE SET bytes = excluded.bytes, blocks = excluded.blocks";
        let query = sqlx::query(query).bind(blob.to_owned()).bind(checksums.bytes() as i64);
        query.bind(checksums.to_text()).execute(&mut self.connection).await?;
        Ok(())
    }

    /// Removes the checksums of a blob.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn remove_checksums(&mut self, blob: &str) -> Result<(), StorageError> {
        let query = sqlx::query("DELETE FROM checksums WHERE blob = $1").bind(blob.to_owned());
        query.execute(&mut self.connection).await?;
        Ok(())
    }

    /// Gives the state its identity.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn set_identity(&mut self, id: Uuid) -> Result<(), StorageError> {
        let query = sqlx::query("UPDATE state SET id = $1 WHERE one = 1").bind(id.to_string());
        query.execute(&mut self.connection).await?;
        Ok(())
    }
}
