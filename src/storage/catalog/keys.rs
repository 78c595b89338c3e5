//! Rows of keys, and how much is stored of each.

use bytesize::ByteSize;
use jiff::Timestamp;
use sqlx::Row;
use sqlx::any::AnyRow;
use uuid::Uuid;

use super::columns::{before, parsed, parsed_or_null};
use super::lengths::{blob_bytes, bytes_in, text_bytes};
use super::{Catalog, Write};
use crate::storage::StorageError;

/// A key's row.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub struct KeyRow {
    pub id: Uuid,
    pub name: String,
    /// SHA-256 of its secret, in hexadecimal digits.
    pub hash: String,
    pub role: String,
    /// JSON: patterns of models.
    pub models: Option<String>,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    pub last_used_at: Option<Timestamp>,
    pub requests_per_second: Option<f64>,
    pub stored_bytes: Option<u64>,
}

/// Of what `$1` has stored, as all that is stored is counted; of open jobs what they may come to store as well.
const STORED_BY: &str = concat!(
    "SELECT CAST(",
    bytes_in!(datasets, "owner = $1"),
    " + ",
    bytes_in!(versions, "owner = $1"),
    " + ",
    bytes_in!(models, "owner = $1"),
    " + ",
    bytes_in!(jobs, "owner = $1"),
    " + (SELECT COALESCE(SUM(claimed_bytes), 0) FROM jobs WHERE owner = $1 AND outcome IS NULL) AS BIGINT)"
);
const MAY_STORE: &str = "SELECT stored_bytes FROM api_keys WHERE id = $1 AND stored_bytes IS NOT NULL";

fn key(row: &AnyRow) -> Result<KeyRow, StorageError> {
    let stored: Option<i64> = row.try_get("stored_bytes")?;
    Ok(KeyRow {
        id: parsed(row, "id")?,
        name: row.try_get("name")?,
        hash: row.try_get("hash")?,
        role: row.try_get("role")?,
        models: row.try_get("models")?,
        created_at: parsed(row, "created_at")?,
        expires_at: parsed_or_null(row, "expires_at")?,
        last_used_at: parsed_or_null(row, "last_used_at")?,
        requests_per_second: parsed_or_null(row, "requests_per_second")?,
        stored_bytes: stored.map(|bytes| bytes as u64),
    })
}

impl Catalog {
    /// All keys, oldest first.
    ///
    /// # Errors
    /// `Unavailable`, `Damaged`.
    pub async fn all_keys(&self) -> Result<Vec<KeyRow>, StorageError> {
        let rows = sqlx::query("SELECT * FROM api_keys ORDER BY id").fetch_all(self.reader()?).await?;
        rows.iter().map(key).collect()
    }

    /// At most `limit` keys older than `older_than`, newest first.
    ///
    /// # Errors
    /// `Unavailable`, `Damaged`.
    pub async fn keys(&self, older_than: Option<Uuid>, limit: usize) -> Result<Vec<KeyRow>, StorageError> {
        let query = sqlx::query("SELECT * FROM api_keys WHERE id < $1 ORDER BY id DESC LIMIT $2");
        let rows = query.bind(before(older_than)).bind(limit as i64).fetch_all(self.reader()?).await?;
        rows.iter().map(key).collect()
    }

    /// Whether the key `owner` may store `more` bytes.
    ///
    /// # Errors
    /// `QuotaSpent`, `Unavailable`.
    pub async fn check_allowance(&self, owner: Option<Uuid>, more: u64) -> Result<(), StorageError> {
        let Some(owner) = owner.map(|owner| owner.to_string()) else { return Ok(()) };
        let most: Option<i64> =
            sqlx::query_scalar(MAY_STORE).bind(owner.clone()).fetch_optional(self.reader()?).await?;
        let Some(most) = most else { return Ok(()) };
        judge(sqlx::query_scalar(STORED_BY).bind(owner).fetch_one(self.reader()?).await?, most, more)
    }
}

impl Write {
    /// Adds a key.
    ///
    /// # Errors
    /// `Conflict` if its name is taken.
    pub async fn add_key(&mut self, row: &KeyRow) -> Result<(), StorageError> {
        let query = "INSERT INTO api_keys (id, name, hash, role, models, created_at, expires_at, requests_per_second, \
                     stored_bytes) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
        let query = sqlx::query(query).bind(row.id.to_string()).bind(row.name.clone()).bind(row.hash.clone());
        let query = query.bind(row.role.clone()).bind(row.models.clone()).bind(row.created_at.to_string());
        let query = query.bind(row.expires_at.map(|at| at.to_string()));
        let query = query.bind(row.requests_per_second.map(|rate| rate.to_string()));
        query.bind(row.stored_bytes.map(|bytes| bytes as i64)).execute(&mut self.connection).await?;
        Ok(())
    }

    /// Gives a key another name and end; false if it is gone.
    ///
    /// # Errors
    /// `Conflict` if the name is taken.
    pub async fn change_key(
        &mut self,
        id: Uuid,
        name: String,
        expires_at: Option<Timestamp>,
    ) -> Result<bool, StorageError> {
        let query = sqlx::query("UPDATE api_keys SET name = $2, expires_at = $3 WHERE id = $1").bind(id.to_string());
        let query = query.bind(name).bind(expires_at.map(|at| at.to_string()));
        Ok(query.execute(&mut self.connection).await?.rows_affected() == 1)
    }

    /// Writes down when a key was used last.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn key_used(&mut self, id: Uuid, at: Timestamp) -> Result<(), StorageError> {
        let query = sqlx::query("UPDATE api_keys SET last_used_at = $2 WHERE id = $1");
        query.bind(id.to_string()).bind(at.to_string()).execute(&mut self.connection).await?;
        Ok(())
    }

    /// Removes a key; false if it is gone.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn remove_key(&mut self, id: Uuid) -> Result<bool, StorageError> {
        let query = sqlx::query("DELETE FROM api_keys WHERE id = $1").bind(id.to_string());
        Ok(query.execute(&mut self.connection).await?.rows_affected() == 1)
    }

    /// As [`Catalog::check_allowance`], as this change sees it; keeps others from storing for the key until it is over.
    ///
    /// # Errors
    /// `QuotaSpent`, `Unavailable`.
    pub async fn take_allowance(&mut self, owner: Option<Uuid>, more: u64) -> Result<(), StorageError> {
        let Some(owner) = owner.map(|owner| owner.to_string()) else { return Ok(()) };
        let lock = "UPDATE api_keys SET stored_bytes = stored_bytes WHERE id = $1 AND stored_bytes IS NOT NULL";
        sqlx::query(lock).bind(owner.clone()).execute(&mut self.connection).await?;
        let most: Option<i64> =
            sqlx::query_scalar(MAY_STORE).bind(owner.clone()).fetch_optional(&mut self.connection).await?;
        let Some(most) = most else { return Ok(()) };
        judge(sqlx::query_scalar(STORED_BY).bind(owner).fetch_one(&mut self.connection).await?, most, more)
    }
}

/// Whether `more` fits where `stored` bytes are of `most`.
fn judge(stored: i64, most: i64, more: u64) -> Result<(), StorageError> {
    if (stored as u64).saturating_add(more) <= most as u64 {
        return Ok(());
    }
    let [stored, most, more] = [stored as u64, most as u64, more].map(ByteSize::b);
    Err(StorageError::QuotaSpent(format!(
        "the key has stored {stored} of {most}, its `stored_bytes`, and this may come to {more} more"
    )))
}
