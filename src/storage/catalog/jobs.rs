//! Rows of jobs.

use jiff::Timestamp;
use sqlx::any::{AnyArguments, AnyRow};
use sqlx::query::Query;
use sqlx::{Any, Row};
use uuid::Uuid;

use super::columns::{before, counted, parsed, parsed_or_null};
use super::lengths::text_bytes;
use super::{Catalog, Write};
use crate::storage::StorageError;

/// A job's row.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct JobRow {
    pub id: Uuid,
    pub model_id: Uuid,
    pub state: String,
    pub request_id: String,
    pub created_at: Timestamp,
    pub rows: u64,
    pub memory: u64,
    pub config: String,
    /// Empty if it trains on a data set.
    pub rows_blob: String,
    pub dataset_id: Option<Uuid>,
    pub validation_dataset_id: Option<Uuid>,
    pub started_at: Option<Timestamp>,
    pub base_version: Option<u64>,
    /// Starts since the last checkpoint.
    pub attempts: u64,
    /// Bytes of its rows while it is open, of its history once it has ended.
    pub kept_bytes: u64,
    /// Once it has ended.
    pub outcome: Option<String>,
    pub metrics: Option<String>,
    /// The key that asked for it.
    pub owner: Option<Uuid>,
    /// Bytes that it may come to store.
    pub claimed_bytes: u64,
    /// The trace that it is of.
    pub traceparent: Option<String>,
}

/// How a job ended.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct OutcomeRow {
    pub state: &'static str,
    pub started_at: Option<Timestamp>,
    pub outcome: String,
    pub metrics: Option<String>,
    /// Bytes of its history.
    pub kept_bytes: u64,
}

/// Which jobs are asked for.
#[derive(Clone, Debug, Default)]
pub struct JobRowFilter {
    /// Jobs of this model.
    pub model_id: Option<Uuid>,
    /// Jobs that train or validate on this data set.
    pub dataset_id: Option<Uuid>,
    /// Jobs in one of these states; in any where there are none.
    pub states: Vec<&'static str>,
}

fn job(row: &AnyRow) -> Result<JobRow, StorageError> {
    let base: Option<i64> = row.try_get("base_version")?;
    let kept: Option<i64> = row.try_get("kept_bytes")?;
    let claimed: Option<i64> = row.try_get("claimed_bytes")?;
    Ok(JobRow {
        id: parsed(row, "id")?,
        model_id: parsed(row, "model_id")?,
        state: row.try_get("state")?,
        request_id: row.try_get("request_id")?,
        created_at: parsed(row, "created_at")?,
        rows: counted(row, "rows_count")?,
        memory: counted(row, "memory")?,
        config: row.try_get("config")?,
        rows_blob: row.try_get("rows_blob")?,
        dataset_id: parsed_or_null(row, "dataset_id")?,
        validation_dataset_id: parsed_or_null(row, "validation_dataset_id")?,
        started_at: parsed_or_null(row, "started_at")?,
        base_version: base.map(|number| number as u64),
        attempts: counted(row, "attempts")?,
        kept_bytes: kept.map_or(0, |bytes| bytes as u64),
        outcome: row.try_get("outcome")?,
        owner: parsed_or_null(row, "owner")?,
        claimed_bytes: claimed.map_or(0, |bytes| bytes as u64),
        traceparent: row.try_get("traceparent")?,
        metrics: row.try_get("metrics")?,
    })
}

impl JobRowFilter {
    /// The statement that lists these columns of the jobs that fit, with its values: of a model, a data set and one state each by a
    /// condition that finds its index.
    fn listing(&self, columns: &str, older_than: Option<Uuid>, limit: usize) -> Query<'static, Any, AnyArguments> {
        let mut text = format!("SELECT {columns} FROM jobs WHERE id < $1");
        let mut values = Vec::new();
        if let Some(id) = self.model_id {
            values.push(id.to_string());
            text += " AND model_id = $3";
        }
        if let Some(id) = self.dataset_id {
            values.push(id.to_string());
            let number = values.len() + 2;
            text += &format!(" AND (dataset_id = ${number} OR validation_dataset_id = ${number})");
        }
        let first = values.len() + 3;
        values.extend(self.states.iter().map(|state| (*state).to_owned()));
        let states: Vec<String> = (first..first + self.states.len()).map(|number| format!("${number}")).collect();
        match &states[..] {
            [] => {}
            [one] => text += &format!(" AND state = {one}"),
            several => text += &format!(" AND state IN ({})", several.join(", ")),
        }
        text += " ORDER BY id DESC LIMIT $2";
        let query = sqlx::query(sqlx::AssertSqlSafe(text)).bind(before(older_than)).bind(limit as i64);
        values.into_iter().fold(query, |query, value| query.bind(value))
    }
}

impl Catalog {
    /// The job with this identifier.
    ///
    /// # Errors
    /// `Unavailable`, `Damaged`.
    pub async fn job(&self, id: Uuid) -> Result<Option<JobRow>, StorageError> {
        let query = sqlx::query("SELECT * FROM jobs WHERE id = $1").bind(id.to_string());
        query.fetch_optional(self.reader()?).await?.as_ref().map(job).transpose()
    }

    /// The identifiers of jobs that have not ended, oldest first.
    ///
    /// # Errors
    /// `Unavailable`, `Damaged`.
    pub async fn open_job_ids(&self) -> Result<Vec<Uuid>, StorageError> {
        let query = "SELECT id FROM jobs WHERE state IN ('queued', 'running') ORDER BY id";
        sqlx::query(query).fetch_all(self.reader()?).await?.iter().map(|row| parsed(row, "id")).collect()
    }

    /// At most `limit` jobs older than `older_than` that fit `filter`, newest first.
    ///
    /// # Errors
    /// `Unavailable`, `Damaged`.
    pub async fn jobs(
        &self,
        filter: &JobRowFilter,
        older_than: Option<Uuid>,
        limit: usize,
    ) -> Result<Vec<JobRow>, StorageError> {
        let query = filter.listing("*", older_than, limit);
        query.fetch_all(self.reader()?).await?.iter().map(job).collect()
    }

    /// The same, of each job its identifier and how long what its row says is.
    ///
    /// # Errors
    /// `Unavailable`, `Damaged`.
    pub async fn job_lengths(
        &self,
        filter: &JobRowFilter,
        older_than: Option<Uuid>,
        limit: usize,
    ) -> Result<Vec<(Uuid, u64)>, StorageError> {
        let columns = concat!("id, CAST(", text_bytes!(jobs), " AS BIGINT) AS length");
        let rows = filter.listing(columns, older_than, limit).fetch_all(self.reader()?).await?;
        rows.iter().map(|row| Ok((parsed(row, "id")?, counted(row, "length")?))).collect()
    }

    /// Every job, and the blob of its rows if it is open.
    ///
    /// # Errors
    /// `Unavailable`, `Damaged`.
    pub async fn job_rows_blobs(&self) -> Result<Vec<(Uuid, Option<String>)>, StorageError> {
        let query = "SELECT id, CASE WHEN outcome IS NULL THEN rows_blob END AS rows_blob FROM jobs";
        let rows = sqlx::query(query).fetch_all(self.reader()?).await?;
        rows.iter().map(|row| Ok((parsed(row, "id")?, row.try_get("rows_blob")?))).collect()
    }

    /// How many jobs there are in each state that occurs.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn count_jobs(&self) -> Result<Vec<(String, u64)>, StorageError> {
        let query = sqlx::query("SELECT state, COUNT(*) AS jobs FROM jobs GROUP BY state");
        let rows = query.fetch_all(self.reader()?).await?;
        rows.iter().map(|row| Ok((row.try_get("state")?, counted(row, "jobs")?))).collect()
    }
}

impl Write {
    /// Adds a job.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn add_job(&mut self, row: &JobRow) -> Result<(), StorageError> {
        let query = "INSERT INTO jobs (id, model_id, state, request_id, created_at, rows_count, memory, config, rows_blob, \
                     dataset_id, validation_dataset_id, kept_bytes, owner, claimed_bytes, traceparent, base_version, attempts) \
                     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, 0)";
        let query = sqlx::query(query).bind(row.id.to_string()).bind(row.model_id.to_string());
        let query = query.bind(row.state.clone()).bind(row.request_id.clone()).bind(row.created_at.to_string());
        let query =
            query.bind(row.rows as i64).bind(row.memory as i64).bind(row.config.clone()).bind(row.rows_blob.clone());
        let query = query.bind(row.dataset_id.map(|id| id.to_string()));
        let query = query.bind(row.validation_dataset_id.map(|id| id.to_string())).bind(row.kept_bytes as i64);
        let query = query.bind(row.owner.map(|id| id.to_string())).bind(row.claimed_bytes as i64);
        let query = query.bind(row.traceparent.clone()).bind(row.base_version.map(|number| number as i64));
        query.execute(&mut self.connection).await?;
        Ok(())
    }

    /// Writes down the version that a warm start goes on from.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn note_base(&mut self, id: Uuid, base: u64) -> Result<(), StorageError> {
        let query = sqlx::query("UPDATE jobs SET base_version = $2 WHERE id = $1");
        query.bind(id.to_string()).bind(base as i64).execute(&mut self.connection).await?;
        Ok(())
    }

    /// Writes down that a job starts, once more perhaps; false if it has ended.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn start_job(&mut self, id: Uuid, at: Timestamp) -> Result<bool, StorageError> {
        let query = "UPDATE jobs SET state = 'running', started_at = COALESCE(started_at, $2), \
                     attempts = attempts + 1 WHERE id = $1 AND outcome IS NULL";
        let query = sqlx::query(query).bind(id.to_string()).bind(at.to_string());
        Ok(query.execute(&mut self.connection).await?.rows_affected() == 1)
    }

    /// Writes down that a job has got further.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn job_progressed(&mut self, id: Uuid) -> Result<(), StorageError> {
        let query = sqlx::query("UPDATE jobs SET attempts = 0 WHERE id = $1").bind(id.to_string());
        query.execute(&mut self.connection).await?;
        Ok(())
    }

    /// Writes down how a job ended; false if it had ended before.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn end_job(&mut self, id: Uuid, outcome: &OutcomeRow) -> Result<bool, StorageError> {
        let query = "UPDATE jobs SET state = $2, started_at = $3, outcome = $4, metrics = $5, kept_bytes = $6 \
                     WHERE id = $1 AND outcome IS NULL";
        let query = sqlx::query(query).bind(id.to_string()).bind(outcome.state);
        let query = query.bind(outcome.started_at.map(|at| at.to_string()));
        let query = query.bind(outcome.outcome.clone()).bind(outcome.metrics.clone());
        let query = query.bind(outcome.kept_bytes as i64);
        Ok(query.execute(&mut self.connection).await?.rows_affected() == 1)
    }

    /// Whether a job of the model is waiting or running.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn has_open_jobs(&mut self, model_id: Uuid) -> Result<bool, StorageError> {
        let query = "SELECT COUNT(*) FROM jobs WHERE model_id = $1 AND state IN ('queued', 'running')";
        let query = sqlx::query_scalar(query).bind(model_id.to_string());
        let open: i64 = query.fetch_one(&mut self.connection).await?;
        Ok(open > 0)
    }

    /// Whether a job of the model that is waiting or running goes on from this version.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn is_base_of_open_job(&mut self, model_id: Uuid, version: u64) -> Result<bool, StorageError> {
        let query = "SELECT COUNT(*) FROM jobs WHERE model_id = $1 AND state IN ('queued', 'running') \
                     AND base_version = $2";
        let query = sqlx::query_scalar(query).bind(model_id.to_string()).bind(version as i64);
        let open: i64 = query.fetch_one(&mut self.connection).await?;
        Ok(open > 0)
    }

    /// The oldest ended jobs beyond the newest `kept`, some at a time; none of which a webhook is to be told first.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn old_jobs(&mut self, kept: u64) -> Result<Vec<Uuid>, StorageError> {
        let query = "SELECT id FROM jobs WHERE outcome IS NOT NULL AND id NOT IN \
                     (SELECT job_id FROM deliveries WHERE body IS NULL) ORDER BY id DESC LIMIT 1000 OFFSET $1";
        let rows = sqlx::query(query).bind(kept as i64).fetch_all(&mut self.connection).await?;
        rows.iter().map(|row| parsed(row, "id")).collect()
    }

    /// Removes an ended job; false if there is no such one.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn remove_job(&mut self, id: Uuid) -> Result<bool, StorageError> {
        let query = sqlx::query("DELETE FROM jobs WHERE id = $1 AND outcome IS NOT NULL").bind(id.to_string());
        Ok(query.execute(&mut self.connection).await?.rows_affected() == 1)
    }
}
