//! Rows of what a webhook is still to be told: the outbox.

use jiff::Timestamp;
use sqlx::Row;
use sqlx::any::AnyRow;
use uuid::Uuid;

use super::columns::{counted, parsed};
use super::{Catalog, Write};
use crate::storage::StorageError;

/// A job's end that is to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct DeliveryRow {
    pub id: Uuid,
    pub job_id: Uuid,
    pub model_id: Uuid,
    /// None until it is made.
    pub body: Option<String>,
    /// Attempts that failed.
    pub attempts: u64,
    /// The trace that the job is of.
    pub traceparent: Option<String>,
}

fn delivery(row: &AnyRow) -> Result<DeliveryRow, StorageError> {
    Ok(DeliveryRow {
        id: parsed(row, "id")?,
        job_id: parsed(row, "job_id")?,
        model_id: parsed(row, "model_id")?,
        body: row.try_get("body")?,
        attempts: counted(row, "attempts")?,
        traceparent: row.try_get("traceparent")?,
    })
}

impl Catalog {
    /// Deliveries without a body, oldest first, some at a time.
    ///
    /// # Errors
    /// `Unavailable`, `Damaged`.
    pub async fn bare_deliveries(&self) -> Result<Vec<DeliveryRow>, StorageError> {
        let query = "SELECT * FROM deliveries WHERE body IS NULL ORDER BY id LIMIT 100";
        sqlx::query(query).fetch_all(self.reader()?).await?.iter().map(delivery).collect()
    }

    /// At most `limit` deliveries that are to be sent now, those first that have waited longest.
    ///
    /// # Errors
    /// `Unavailable`, `Damaged`.
    pub async fn due_deliveries(&self, limit: usize) -> Result<Vec<DeliveryRow>, StorageError> {
        let query = "SELECT * FROM deliveries WHERE next_at <= $1 AND body IS NOT NULL ORDER BY next_at, id LIMIT $2";
        let query = sqlx::query(query).bind(Timestamp::now().as_millisecond()).bind(limit as i64);
        query.fetch_all(self.reader()?).await?.iter().map(delivery).collect()
    }

    /// When the next delivery is to be sent, in milliseconds since 1970.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn next_delivery(&self) -> Result<Option<i64>, StorageError> {
        let query = sqlx::query_scalar("SELECT next_at FROM deliveries ORDER BY next_at LIMIT 1");
        Ok(query.fetch_optional(self.reader()?).await?)
    }

    /// How many deliveries wait, and the bytes of their bodies.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn count_deliveries(&self) -> Result<(u64, u64), StorageError> {
        let query = "SELECT COUNT(*) AS deliveries, CAST(COALESCE(SUM(LENGTH(body)), 0) AS BIGINT) AS bytes \
                     FROM deliveries";
        let row = sqlx::query(query).fetch_one(self.reader()?).await?;
        Ok((counted(&row, "deliveries")?, counted(&row, "bytes")?))
    }

    /// The length of each delivery's body, newest first.
    ///
    /// # Errors
    /// `Unavailable`, `Damaged`.
    pub async fn delivery_lengths(&self) -> Result<Vec<(Uuid, u64)>, StorageError> {
        let query = "SELECT id, CAST(LENGTH(COALESCE(body, '')) AS BIGINT) AS length FROM deliveries ORDER BY id DESC";
        let rows = sqlx::query(query).fetch_all(self.reader()?).await?;
        rows.iter().map(|row| Ok((parsed(row, "id")?, counted(row, "length")?))).collect()
    }
}

impl Write {
    /// Notes that the end of a job is to be told, under this identifier.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn add_delivery(
        &mut self,
        id: Uuid,
        job_id: Uuid,
        model_id: Uuid,
        traceparent: Option<String>,
    ) -> Result<(), StorageError> {
        let query = "INSERT INTO deliveries (id, job_id, model_id, traceparent, attempts, created_at, next_at) \
                     VALUES ($1, $2, $3, $4, 0, $5, $6)";
        let now = Timestamp::now();
        let query = sqlx::query(query).bind(id.to_string()).bind(job_id.to_string()).bind(model_id.to_string());
        let query = query.bind(traceparent);
        query.bind(now.as_second()).bind(now.as_millisecond()).execute(&mut self.connection).await?;
        Ok(())
    }

    /// Writes down what a delivery says, unless that is written already.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn set_delivery_body(&mut self, id: Uuid, body: &str) -> Result<(), StorageError> {
        let query = sqlx::query("UPDATE deliveries SET body = $2 WHERE id = $1 AND body IS NULL");
        query.bind(id.to_string()).bind(body.to_owned()).execute(&mut self.connection).await?;
        Ok(())
    }

    /// Writes down that an attempt failed, and when the next one is to be, in milliseconds since 1970.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn postpone_delivery(&mut self, id: Uuid, next_at: i64) -> Result<(), StorageError> {
        let query = sqlx::query("UPDATE deliveries SET attempts = attempts + 1, next_at = $2 WHERE id = $1");
        query.bind(id.to_string()).bind(next_at).execute(&mut self.connection).await?;
        Ok(())
    }

    /// Removes a delivery.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn remove_delivery(&mut self, id: Uuid) -> Result<(), StorageError> {
        let query = sqlx::query("DELETE FROM deliveries WHERE id = $1").bind(id.to_string());
        query.execute(&mut self.connection).await?;
        Ok(())
    }

    /// Removes a delivery of which nothing can be said; false if somebody has said it meanwhile, or it is gone.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn remove_bare_delivery(&mut self, id: Uuid) -> Result<bool, StorageError> {
        let query = sqlx::query("DELETE FROM deliveries WHERE id = $1 AND body IS NULL").bind(id.to_string());
        Ok(query.execute(&mut self.connection).await?.rows_affected() == 1)
    }

    /// Removes a delivery and all older ones; returns how many.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn drop_deliveries_up_to(&mut self, id: Uuid) -> Result<u64, StorageError> {
        let query = sqlx::query("DELETE FROM deliveries WHERE id <= $1").bind(id.to_string());
        Ok(query.execute(&mut self.connection).await?.rows_affected())
    }

    /// Removes deliveries older than `max_age` seconds; returns how many.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn drop_old_deliveries(&mut self, max_age: i64) -> Result<u64, StorageError> {
        let query = sqlx::query("DELETE FROM deliveries WHERE created_at <= $1");
        let query = query.bind(Timestamp::now().as_second() - max_age);
        Ok(query.execute(&mut self.connection).await?.rows_affected())
    }
}
