//! Rows of what active versions were asked (drift), and of how predictions came true (feedback).

use std::collections::HashSet;

use jiff::Timestamp;
use sqlx::Row;
use sqlx::any::AnyRow;
use uuid::Uuid;

use super::columns::{counted, parsed};
use super::{Catalog, Write};
use crate::storage::StorageError;

/// Ids that are noted in one statement: each is two parameters.
const AT_ONCE: usize = 500;

/// What the active version of a model was asked since it was activated.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub struct DriftRow {
    pub model_id: Uuid,
    pub version: u64,
    pub since: Timestamp,
    pub rows: u64,
    /// JSON: how many rows fell into each bin of each column.
    pub counts: String,
    /// JSON: the columns that have moved most, with how far.
    pub worst: String,
}

/// How predictions of a version came true.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub struct FeedbackRow {
    pub model_id: Uuid,
    pub version: u64,
    pub since: Timestamp,
    pub rows: u64,
    /// JSON: what the measures are made of.
    pub sums: String,
}

/// Something of an active version, with what its model is called.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct OfModel<T> {
    pub name: Option<String>,
    pub row: T,
}

fn drift(row: &AnyRow) -> Result<DriftRow, StorageError> {
    Ok(DriftRow {
        model_id: parsed(row, "model_id")?,
        version: counted(row, "version")?,
        since: parsed(row, "since")?,
        rows: counted(row, "rows_count")?,
        counts: row.try_get("counts")?,
        worst: row.try_get("worst")?,
    })
}

fn feedback(row: &AnyRow) -> Result<FeedbackRow, StorageError> {
    Ok(FeedbackRow {
        model_id: parsed(row, "model_id")?,
        version: counted(row, "version")?,
        since: parsed(row, "since")?,
        rows: counted(row, "rows_count")?,
        sums: row.try_get("sums")?,
    })
}

fn of_models<T>(
    rows: &[AnyRow],
    read: fn(&AnyRow) -> Result<T, StorageError>,
) -> Result<Vec<OfModel<T>>, StorageError> {
    rows.iter().map(|row| Ok(OfModel { name: row.try_get("name")?, row: read(row)? })).collect()
}

impl Catalog {
    /// What the active version of a model was asked, as far as it is written down.
    ///
    /// # Errors
    /// `Unavailable`, `Damaged`.
    pub async fn drift(&self, model_id: Uuid) -> Result<Option<DriftRow>, StorageError> {
        let query = sqlx::query("SELECT * FROM drift WHERE model_id = $1").bind(model_id.to_string());
        query.fetch_optional(self.reader()?).await?.as_ref().map(drift).transpose()
    }

    /// The same of at most `limit` models, those asked last first, without counts.
    ///
    /// # Errors
    /// `Unavailable`, `Damaged`.
    pub async fn drifts(&self, limit: usize) -> Result<Vec<OfModel<DriftRow>>, StorageError> {
        let query = "SELECT models.name, drift.model_id, drift.version, drift.since, drift.rows_count, '' AS counts, \
                     drift.worst FROM drift JOIN models ON models.id = drift.model_id \
                     AND models.active_version = drift.version AND models.activated_at = drift.since \
                     ORDER BY drift.updated_at DESC LIMIT $1";
        of_models(&sqlx::query(query).bind(limit as i64).fetch_all(self.reader()?).await?, drift)
    }

    /// How predictions of at most `limit` versions of a model with numbers below `below` came true, newest first.
    ///
    /// # Errors
    /// `Unavailable`, `Damaged`.
    pub async fn feedback(
        &self,
        model_id: Uuid,
        below: Option<u64>,
        limit: usize,
    ) -> Result<Vec<FeedbackRow>, StorageError> {
        let query = "SELECT * FROM feedback WHERE model_id = $1 AND version < $2 ORDER BY version DESC LIMIT $3";
        let below = below.and_then(|below| i64::try_from(below).ok()).unwrap_or(i64::MAX);
        let query = sqlx::query(query).bind(model_id.to_string()).bind(below).bind(limit as i64);
        query.fetch_all(self.reader()?).await?.iter().map(feedback).collect()
    }

    /// How predictions of the active versions of at most `limit` models came true, those told of last first.
    ///
    /// # Errors
    /// `Unavailable`, `Damaged`.
    pub async fn feedbacks(&self, limit: usize) -> Result<Vec<OfModel<FeedbackRow>>, StorageError> {
        let query = "SELECT models.name, feedback.model_id, feedback.version, feedback.since, feedback.rows_count, \
                     feedback.sums FROM feedback JOIN models ON models.id = feedback.model_id \
                     AND models.active_version = feedback.version ORDER BY feedback.updated_at DESC LIMIT $1";
        of_models(&sqlx::query(query).bind(limit as i64).fetch_all(self.reader()?).await?, feedback)
    }

    /// How many outcomes were told of predictions of each of at most `limit` versions, active or not, those told of last first;
    /// without sums.
    ///
    /// # Errors
    /// `Unavailable`, `Damaged`.
    pub async fn feedback_counts(&self, limit: usize) -> Result<Vec<OfModel<FeedbackRow>>, StorageError> {
        let query = "SELECT models.name, feedback.model_id, feedback.version, feedback.since, feedback.rows_count, '' AS sums \
                     FROM feedback JOIN models ON models.id = feedback.model_id ORDER BY feedback.updated_at DESC LIMIT $1";
        of_models(&sqlx::query(query).bind(limit as i64).fetch_all(self.reader()?).await?, feedback)
    }

    /// Predictions whose outcome was told and is remembered.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn count_told(&self) -> Result<u64, StorageError> {
        let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM told").fetch_one(self.reader()?).await?;
        Ok(count as u64)
    }

    /// What signs the ids of predictions, in hexadecimal digits, if there is anything yet.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn id_secret(&self) -> Result<Option<String>, StorageError> {
        Ok(sqlx::query_scalar("SELECT id_secret FROM state WHERE one = 1").fetch_one(self.reader()?).await?)
    }
}

impl Write {
    /// What the active version of a model was asked, as this change sees it.
    ///
    /// # Errors
    /// `Unavailable`, `Damaged`.
    pub async fn drift(&mut self, model_id: Uuid) -> Result<Option<DriftRow>, StorageError> {
        let query = sqlx::query("SELECT * FROM drift WHERE model_id = $1").bind(model_id.to_string());
        query.fetch_optional(&mut self.connection).await?.as_ref().map(drift).transpose()
    }

    /// Writes down what the active version of a model was asked.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn put_drift(&mut self, row: &DriftRow) -> Result<(), StorageError> {
        let query = "INSERT INTO drift (model_id, version, since, rows_count, counts, worst, updated_at) \
                     VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (model_id) DO UPDATE SET \
                     version = excluded.version, since = excluded.since, rows_count = excluded.rows_count, \
                     counts = excluded.counts, worst = excluded.worst, updated_at = excluded.updated_at";
        let query = sqlx::query(query).bind(row.model_id.to_string()).bind(row.version as i64);
        let query = query.bind(row.since.to_string()).bind(row.rows as i64).bind(row.counts.clone());
        let query = query.bind(row.worst.clone()).bind(Timestamp::now().as_second());
        query.execute(&mut self.connection).await?;
        Ok(())
    }

    /// How predictions of a version came true, as this change sees it.
    ///
    /// # Errors
    /// `Unavailable`, `Damaged`.
    pub async fn feedback(&mut self, model_id: Uuid, version: u64) -> Result<Option<FeedbackRow>, StorageError> {
        let query = sqlx::query("SELECT * FROM feedback WHERE model_id = $1 AND version = $2");
        let query = query.bind(model_id.to_string()).bind(version as i64);
        query.fetch_optional(&mut self.connection).await?.as_ref().map(feedback).transpose()
    }

    /// Writes down how predictions of a version came true.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn put_feedback(&mut self, row: &FeedbackRow) -> Result<(), StorageError> {
        let query = "INSERT INTO feedback (model_id, version, since, rows_count, sums, updated_at) \
                     VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (model_id, version) DO UPDATE SET \
                     rows_count = excluded.rows_count, sums = excluded.sums, updated_at = excluded.updated_at";
        let query = sqlx::query(query).bind(row.model_id.to_string()).bind(row.version as i64);
        let query = query.bind(row.since.to_string()).bind(row.rows as i64).bind(row.sums.clone());
        query.bind(Timestamp::now().as_second()).execute(&mut self.connection).await?;
        Ok(())
    }

    /// Notes that the outcomes of these predictions are told; returns those of which it was not noted before.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn note_told(&mut self, ids: &[i64]) -> Result<HashSet<i64>, StorageError> {
        let (mut new, now) = (HashSet::new(), Timestamp::now().as_second());
        for ids in ids.chunks(AT_ONCE) {
            let values: Vec<String> = (2..ids.len() + 2).map(|number| format!("(${number}, $1)")).collect();
            let text = format!(
                "INSERT INTO told (id, told_at) VALUES {} ON CONFLICT (id) DO NOTHING RETURNING id",
                values.join(", ")
            );
            let query = sqlx::query_scalar(sqlx::AssertSqlSafe(text)).bind(now);
            let query = ids.iter().fold(query, |query, id| query.bind(*id));
            new.extend(query.fetch_all(&mut self.connection).await? as Vec<i64>);
        }
        Ok(new)
    }

    /// Forgets what was told more than `max_age` seconds ago.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn drop_old_told(&mut self, max_age: i64) -> Result<(), StorageError> {
        let query = sqlx::query("DELETE FROM told WHERE told_at <= $1");
        query.bind(Timestamp::now().as_second() - max_age).execute(&mut self.connection).await?;
        Ok(())
    }

    /// Makes `secret` what signs the ids of predictions, unless something does already.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn set_id_secret(&mut self, secret: &str) -> Result<(), StorageError> {
        let query = sqlx::query("UPDATE state SET id_secret = $1 WHERE one = 1 AND id_secret IS NULL");
        query.bind(secret.to_owned()).execute(&mut self.connection).await?;
        Ok(())
    }
}
