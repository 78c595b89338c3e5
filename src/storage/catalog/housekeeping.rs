//! Rows that keep the rest in order: receipts of requests, litter, backups under way.

use jiff::Timestamp;
use sqlx::Row;
use uuid::Uuid;

use super::{Catalog, Write};
use crate::storage::StorageError;

/// The first reply to a request with an `Idempotency-Key`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct ReceiptRow {
    pub key: String,
    /// Hash of the request.
    pub fingerprint: String,
    pub status: u16,
    pub location: String,
    pub body: String,
}

impl Catalog {
    /// The receipt of a key, if it is younger than `max_age` seconds.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn receipt(&self, key: &str, max_age: i64) -> Result<Option<ReceiptRow>, StorageError> {
        let query = "SELECT * FROM receipts WHERE idempotency_key = $1 AND created_at > $2";
        let query = sqlx::query(query).bind(key.to_owned()).bind(now() - max_age);
        let Some(row) = query.fetch_optional(self.reader()?).await? else { return Ok(None) };
        let status: i64 = row.try_get("status")?;
        Ok(Some(ReceiptRow {
            key: row.try_get("idempotency_key")?,
            fingerprint: row.try_get("fingerprint")?,
            status: u16::try_from(status).map_err(|error| StorageError::damaged("status", error))?,
            location: row.try_get("location")?,
            body: row.try_get("body")?,
        }))
    }

    /// Notes, at once, a blob that is about to be written and that no row refers to yet.
    ///
    /// # Errors
    /// `Full`, `Unavailable`.
    pub async fn note_litter(&self, blob: &str) -> Result<(), StorageError> {
        let mut write = self.write().await?;
        write.note_litter(blob).await?;
        write.commit().await
    }

    /// Blobs that were noted more than `age` seconds ago, some at a time.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn old_litter(&self, age: i64) -> Result<Vec<String>, StorageError> {
        let query = "SELECT blob FROM litter WHERE noted_at <= $1 ORDER BY noted_at LIMIT 1000";
        Ok(sqlx::query_scalar(query).bind(now() - age).fetch_all(self.reader()?).await?)
    }

    /// Whether a backup that is not older than `max_age` seconds is under way.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn backup_is_under_way(&self, max_age: i64) -> Result<bool, StorageError> {
        let query = sqlx::query_scalar("SELECT COUNT(*) FROM backups WHERE started_at > $1").bind(now() - max_age);
        let running: i64 = query.fetch_one(self.reader()?).await?;
        Ok(running > 0)
    }

    /// Every blob that models and versions refer to.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn version_blobs(&self) -> Result<Vec<String>, StorageError> {
        let query =
            "SELECT blob FROM versions UNION ALL SELECT initial_blob FROM models WHERE initial_blob IS NOT NULL";
        Ok(sqlx::query_scalar(query).fetch_all(self.reader()?).await?)
    }
}

impl Write {
    /// Adds a receipt, in place of one that is older than `max_age` seconds.
    ///
    /// # Errors
    /// `Conflict` if the key has one already.
    pub async fn add_receipt(&mut self, row: &ReceiptRow, max_age: i64) -> Result<(), StorageError> {
        let query = sqlx::query("DELETE FROM receipts WHERE idempotency_key = $1 AND created_at <= $2");
        query.bind(row.key.clone()).bind(now() - max_age).execute(&mut self.connection).await?;
        let query = "INSERT INTO receipts (idempotency_key, fingerprint, status, location, body, created_at) \
                     VALUES ($1, $2, $3, $4, $5, $6)";
        let query = sqlx::query(query).bind(row.key.clone()).bind(row.fingerprint.clone()).bind(i64::from(row.status));
        let query = query.bind(row.location.clone()).bind(row.body.clone()).bind(now());
        query.execute(&mut self.connection).await?;
        Ok(())
    }

    /// Forgets backups that began more than `max_age` seconds ago and never ended.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn drop_old_backups(&mut self, max_age: i64) -> Result<(), StorageError> {
        let query = sqlx::query("DELETE FROM backups WHERE started_at <= $1").bind(now() - max_age);
        query.execute(&mut self.connection).await?;
        Ok(())
    }

    /// Removes receipts older than `max_age` seconds, and the oldest of more than `most`; says how many these were.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn drop_receipts(&mut self, max_age: i64, most: u64) -> Result<u64, StorageError> {
        let query = sqlx::query("DELETE FROM receipts WHERE created_at <= $1").bind(now() - max_age);
        query.execute(&mut self.connection).await?;
        // Those of one second go together.
        let query = "DELETE FROM receipts WHERE created_at <= \
                     (SELECT created_at FROM receipts ORDER BY created_at DESC LIMIT 1 OFFSET $1)";
        let gone = sqlx::query(query).bind(most as i64).execute(&mut self.connection).await?;
        Ok(gone.rows_affected())
    }

    /// Notes a blob that no row refers to, or soon none will.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn note_litter(&mut self, blob: &str) -> Result<(), StorageError> {
        let query = "INSERT INTO litter (blob, noted_at) VALUES ($1, $2) \
                     ON CONFLICT (blob) DO UPDATE SET noted_at = excluded.noted_at";
        sqlx::query(query).bind(blob.to_owned()).bind(now()).execute(&mut self.connection).await?;
        Ok(())
    }

    /// Whether a blob is noted as litter, for `age` seconds at least; waits for a change under way that strikes it out.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn is_litter(&mut self, blob: &str, age: i64) -> Result<bool, StorageError> {
        let query = "UPDATE litter SET noted_at = noted_at WHERE blob = $1 AND noted_at <= $2";
        let query = sqlx::query(query).bind(blob.to_owned()).bind(now() - age);
        Ok(query.execute(&mut self.connection).await?.rows_affected() == 1)
    }

    /// Strikes out what was noted more than `age` seconds ago and a row refers to all the same; returns how many blobs these were.
    /// Looks through all rows: asked where there is such litter, which is seldom.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn strike_referred(&mut self, age: i64) -> Result<u64, StorageError> {
        let query = "DELETE FROM litter WHERE noted_at <= $1 AND blob IN (SELECT blob FROM versions UNION ALL \
                     SELECT initial_blob FROM models WHERE initial_blob IS NOT NULL UNION ALL \
                     SELECT blob FROM datasets UNION ALL \
                     SELECT rows_blob FROM jobs WHERE outcome IS NULL UNION ALL \
                     SELECT 'checkpoints/' || id || '.safetensors' FROM jobs WHERE outcome IS NULL UNION ALL \
                     SELECT 'histories/' || id FROM jobs WHERE outcome IS NOT NULL AND COALESCE(kept_bytes, 1) > 0)";
        Ok(sqlx::query(query).bind(now() - age).execute(&mut self.connection).await?.rows_affected())
    }

    /// Notes a blob that is noted anew, as one that is to be deleted after those noted before.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn postpone_litter(&mut self, blob: &str) -> Result<(), StorageError> {
        let query = sqlx::query("UPDATE litter SET noted_at = $2 WHERE blob = $1").bind(blob.to_owned()).bind(now());
        query.execute(&mut self.connection).await?;
        Ok(())
    }

    /// Strikes a blob out: a row refers to it now, or it is gone.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn strike_litter(&mut self, blob: &str) -> Result<(), StorageError> {
        let query = sqlx::query("DELETE FROM litter WHERE blob = $1").bind(blob.to_owned());
        query.execute(&mut self.connection).await?;
        Ok(())
    }

    /// Writes down that a backup begins.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn begin_backup(&mut self, id: Uuid) -> Result<(), StorageError> {
        let query = sqlx::query("INSERT INTO backups (id, started_at) VALUES ($1, $2)");
        query.bind(id.to_string()).bind(now()).execute(&mut self.connection).await?;
        Ok(())
    }

    /// Writes down that a backup is over, or in a copy, that none is under way.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn end_backup(&mut self, id: Uuid) -> Result<(), StorageError> {
        let query = sqlx::query("DELETE FROM backups WHERE id = $1").bind(id.to_string());
        query.execute(&mut self.connection).await?;
        Ok(())
    }
}

/// Seconds since 1970.
fn now() -> i64 {
    Timestamp::now().as_second()
}
