//! Rows of models and their versions.

use jiff::Timestamp;
use sqlx::Row;
use sqlx::any::AnyRow;
use uuid::Uuid;

use super::columns::{before, counted, parsed, parsed_or_null};
use super::lengths::text_bytes;
use super::{Catalog, Write};
use crate::storage::StorageError;

/// A model's row.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct ModelRow {
    pub id: Uuid,
    pub name: Option<String>,
    pub spec: String,
    pub initial_blob: Option<String>,
    /// Bytes of that blob, where they have been noted.
    pub initial_bytes: Option<u64>,
    pub metadata: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub active_version: Option<u64>,
    /// When that became the active one.
    pub activated_at: Option<Timestamp>,
    /// The key that made it.
    pub owner: Option<Uuid>,
    /// The data set that it was made by.
    pub dataset_id: Option<Uuid>,
}

impl ModelRow {
    /// Bytes of what it says of itself: its specification and its notes.
    pub fn told_bytes(&self) -> u64 {
        (self.spec.len() + self.metadata.len()) as u64
    }
}

impl VersionRow {
    /// Bytes of what it says of itself.
    pub fn told_bytes(&self) -> usize {
        let texts = [&self.network, &self.features, &self.classes, &self.held_out, &self.settings, &self.warnings];
        self.metrics.len() + texts.into_iter().flatten().map(String::len).sum::<usize>()
    }
}

/// A version's row.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct VersionRow {
    pub model_id: Uuid,
    pub number: u64,
    pub blob: String,
    pub job_id: Option<Uuid>,
    pub created_at: Timestamp,
    pub epochs: u64,
    pub loss: f64,
    pub validation_loss: Option<f64>,
    pub metrics: String,
    /// The specification of its network, where that is not its model's.
    pub network: Option<String>,
    /// Size of its file, where it has been noted.
    pub file_bytes: Option<u64>,
    /// What it was trained on, if that was a data set.
    pub dataset_id: Option<Uuid>,
    /// Rows that it was trained on, where they are known.
    pub rows: Option<u64>,
    /// JSON: names of its features, where those are not its model's.
    pub features: Option<String>,
    /// JSON: its classes, where those are not its model's.
    pub classes: Option<String>,
    /// JSON: which rows its training held out, where that is known.
    pub held_out: Option<String>,
    /// JSON: the settings of its training, where they are known.
    pub settings: Option<String>,
    /// JSON: what was told of its training, if anything was.
    pub warnings: Option<String>,
}

fn model(row: &AnyRow) -> Result<ModelRow, StorageError> {
    let active: Option<i64> = row.try_get("active_version")?;
    let initial: Option<i64> = row.try_get("initial_bytes")?;
    Ok(ModelRow {
        id: parsed(row, "id")?,
        name: row.try_get("name")?,
        spec: row.try_get("spec")?,
        initial_blob: row.try_get("initial_blob")?,
        initial_bytes: initial.map(|bytes| bytes as u64),
        metadata: row.try_get("metadata")?,
        created_at: parsed(row, "created_at")?,
        updated_at: parsed(row, "updated_at")?,
        active_version: active.map(|number| number as u64),
        activated_at: parsed_or_null(row, "activated_at")?,
        owner: parsed_or_null(row, "owner")?,
        dataset_id: parsed_or_null(row, "dataset_id")?,
    })
}

pub(super) fn version(row: &AnyRow) -> Result<VersionRow, StorageError> {
    let file_bytes: Option<i64> = row.try_get("file_bytes")?;
    let rows: Option<i64> = row.try_get("rows_count")?;
    Ok(VersionRow {
        model_id: parsed(row, "model_id")?,
        number: counted(row, "number")?,
        blob: row.try_get("blob")?,
        job_id: parsed_or_null(row, "job_id")?,
        created_at: parsed(row, "created_at")?,
        epochs: counted(row, "epochs")?,
        loss: parsed(row, "loss")?,
        validation_loss: parsed_or_null(row, "validation_loss")?,
        metrics: row.try_get("metrics")?,
        network: row.try_get("network")?,
        file_bytes: file_bytes.map(|bytes| bytes as u64),
        dataset_id: parsed_or_null(row, "dataset_id")?,
        rows: rows.map(|rows| rows as u64),
        features: row.try_get("features")?,
        classes: row.try_get("classes")?,
        held_out: row.try_get("held_out")?,
        settings: row.try_get("settings")?,
        warnings: row.try_get("warnings")?,
    })
}

impl Catalog {
    /// The model with this identifier.
    ///
    /// # Errors
    /// `Unavailable`, `Damaged`.
    pub async fn model(&self, id: Uuid) -> Result<Option<ModelRow>, StorageError> {
        let query = sqlx::query("SELECT * FROM models WHERE id = $1").bind(id.to_string());
        query.fetch_optional(self.reader()?).await?.as_ref().map(model).transpose()
    }

    /// The model with this name.
    ///
    /// # Errors
    /// `Unavailable`, `Damaged`.
    pub async fn model_named(&self, name: &str) -> Result<Option<ModelRow>, StorageError> {
        let query = sqlx::query("SELECT * FROM models WHERE name = $1").bind(name);
        query.fetch_optional(self.reader()?).await?.as_ref().map(model).transpose()
    }

    /// At most `limit` models older than `older_than`, newest first.
    ///
    /// # Errors
    /// `Unavailable`, `Damaged`.
    pub async fn models(&self, older_than: Option<Uuid>, limit: usize) -> Result<Vec<ModelRow>, StorageError> {
        let query = sqlx::query("SELECT * FROM models WHERE id < $1 ORDER BY id DESC LIMIT $2");
        let rows = query.bind(before(older_than)).bind(limit as i64).fetch_all(self.reader()?).await?;
        rows.iter().map(model).collect()
    }

    /// The names of the models that were made by a data set, as far as they have any.
    ///
    /// # Errors
    /// `Unavailable`, `Damaged`.
    pub async fn models_by_dataset(&self, dataset_id: Uuid) -> Result<Vec<Option<String>>, StorageError> {
        let query = sqlx::query_scalar("SELECT name FROM models WHERE dataset_id = $1").bind(dataset_id.to_string());
        Ok(query.fetch_all(self.reader()?).await?)
    }

    /// The lengths of what at most `limit` models older than `older_than` and their active versions say, newest first.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn model_lengths(&self, older_than: Option<Uuid>, limit: usize) -> Result<Vec<u64>, StorageError> {
        let query = concat!(
            "SELECT CAST(",
            text_bytes!(models),
            " + COALESCE((SELECT ",
            text_bytes!(versions),
            " FROM versions WHERE versions.model_id = models.id AND versions.number = models.active_version), 0) AS BIGINT) \
             FROM models WHERE id < $1 ORDER BY id DESC LIMIT $2"
        );
        let query = sqlx::query_scalar(query).bind(before(older_than)).bind(limit as i64);
        let lengths: Vec<i64> = query.fetch_all(self.reader()?).await?;
        Ok(lengths.into_iter().map(|length| length as u64).collect())
    }

    /// The lengths of what at most `limit` versions of a model with numbers below `below` say, newest first.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn version_lengths(
        &self,
        model_id: Uuid,
        below: Option<u64>,
        limit: usize,
    ) -> Result<Vec<u64>, StorageError> {
        let query = concat!(
            "SELECT CAST(",
            text_bytes!(versions),
            " AS BIGINT) FROM versions WHERE model_id = $1 AND number < $2 ORDER BY number DESC LIMIT $3"
        );
        let query = sqlx::query_scalar(query).bind(model_id.to_string());
        let query = query.bind(below.map_or(i64::MAX, signed)).bind(limit as i64);
        let lengths: Vec<i64> = query.fetch_all(self.reader()?).await?;
        Ok(lengths.into_iter().map(|length| length as u64).collect())
    }

    /// Number of models.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn count_models(&self) -> Result<u64, StorageError> {
        let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM models").fetch_one(self.reader()?).await?;
        Ok(count as u64)
    }

    /// One version of a model.
    ///
    /// # Errors
    /// `Unavailable`, `Damaged`.
    pub async fn version(&self, model_id: Uuid, number: u64) -> Result<Option<VersionRow>, StorageError> {
        let query = sqlx::query("SELECT * FROM versions WHERE model_id = $1 AND number = $2");
        let query = query.bind(model_id.to_string()).bind(signed(number));
        query.fetch_optional(self.reader()?).await?.as_ref().map(version).transpose()
    }

    /// At most `limit` versions of a model with numbers below `below`, newest first.
    ///
    /// # Errors
    /// `Unavailable`, `Damaged`.
    pub async fn versions(
        &self,
        model_id: Uuid,
        below: Option<u64>,
        limit: usize,
    ) -> Result<Vec<VersionRow>, StorageError> {
        let query = "SELECT * FROM versions WHERE model_id = $1 AND number < $2 ORDER BY number DESC LIMIT $3";
        let query = sqlx::query(query).bind(model_id.to_string());
        let query = query.bind(below.map_or(i64::MAX, signed)).bind(limit as i64);
        query.fetch_all(self.reader()?).await?.iter().map(version).collect()
    }
}

impl Write {
    /// Adds a model without versions.
    ///
    /// # Errors
    /// `Conflict` if its name is taken.
    pub async fn add_model(&mut self, row: &ModelRow) -> Result<(), StorageError> {
        let query = "INSERT INTO models (id, name, spec, initial_blob, metadata, created_at, updated_at, initial_bytes, \
                     owner, dataset_id, next_version) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 1)";
        let query = sqlx::query(query).bind(row.id.to_string()).bind(row.name.clone()).bind(row.spec.clone());
        let query = query.bind(row.initial_blob.clone()).bind(row.metadata.clone());
        let query = query.bind(row.created_at.to_string()).bind(row.updated_at.to_string());
        let query = query.bind(row.initial_bytes.map(signed)).bind(row.owner.map(|id| id.to_string()));
        let query = query.bind(row.dataset_id.map(|id| id.to_string()));
        query.execute(&mut self.connection).await?;
        Ok(())
    }

    /// Keeps others from changing or deleting the model until this change is over; false if it is gone.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn lock_model(&mut self, id: Uuid) -> Result<bool, StorageError> {
        let query = sqlx::query("UPDATE models SET next_version = next_version WHERE id = $1").bind(id.to_string());
        Ok(query.execute(&mut self.connection).await?.rows_affected() == 1)
    }

    /// Gives a model its name and its metadata.
    ///
    /// # Errors
    /// `Conflict` if the name is taken.
    pub async fn change_model(
        &mut self,
        id: Uuid,
        name: Option<String>,
        metadata: String,
        at: Timestamp,
    ) -> Result<(), StorageError> {
        let query = sqlx::query("UPDATE models SET name = $2, metadata = $3, updated_at = $4 WHERE id = $1");
        let query = query.bind(id.to_string()).bind(name).bind(metadata).bind(at.to_string());
        query.execute(&mut self.connection).await?;
        Ok(())
    }

    /// Makes a version the active one.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn activate(&mut self, id: Uuid, number: u64, at: Timestamp) -> Result<(), StorageError> {
        let query = "UPDATE models SET active_version = $2, updated_at = $3, activated_at = \
                     CASE WHEN active_version = $2 THEN activated_at ELSE $3 END WHERE id = $1";
        let query = sqlx::query(query);
        let query = query.bind(id.to_string()).bind(signed(number)).bind(at.to_string());
        query.execute(&mut self.connection).await?;
        Ok(())
    }

    /// A model as this change sees it.
    ///
    /// # Errors
    /// `Unavailable`, `Damaged`.
    pub async fn model(&mut self, id: Uuid) -> Result<Option<ModelRow>, StorageError> {
        let query = sqlx::query("SELECT * FROM models WHERE id = $1").bind(id.to_string());
        query.fetch_optional(&mut self.connection).await?.as_ref().map(model).transpose()
    }

    /// A version as this change sees it.
    ///
    /// # Errors
    /// `Unavailable`, `Damaged`.
    pub async fn version(&mut self, model_id: Uuid, number: u64) -> Result<Option<VersionRow>, StorageError> {
        let query = sqlx::query("SELECT * FROM versions WHERE model_id = $1 AND number = $2");
        let query = query.bind(model_id.to_string()).bind(signed(number));
        query.fetch_optional(&mut self.connection).await?.as_ref().map(version).transpose()
    }

    /// Takes the number of a model's next version; none if the model is gone.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn next_version(&mut self, model_id: Uuid) -> Result<Option<u64>, StorageError> {
        let query = "UPDATE models SET next_version = next_version + 1 WHERE id = $1 RETURNING next_version";
        let query = sqlx::query_scalar(query).bind(model_id.to_string());
        let next: Option<i64> = query.fetch_optional(&mut self.connection).await?;
        Ok(next.map(|next| next as u64 - 1))
    }

    /// Adds a version; it is of the key that its job is of, or else its model.
    ///
    /// # Errors
    /// `Conflict` if the number is taken.
    pub async fn add_version(&mut self, row: &VersionRow) -> Result<(), StorageError> {
        let query = "INSERT INTO versions (model_id, number, blob, job_id, created_at, epochs, loss, validation_loss, \
                     metrics, network, file_bytes, dataset_id, rows_count, features, classes, held_out, settings, \
                     warnings, owner) \
                     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, \
                     CASE WHEN $4 IS NULL THEN (SELECT owner FROM models WHERE id = $1) \
                     ELSE (SELECT owner FROM jobs WHERE id = $4) END)";
        let query = sqlx::query(query).bind(row.model_id.to_string()).bind(signed(row.number)).bind(row.blob.clone());
        let query = query.bind(row.job_id.map(|id| id.to_string())).bind(row.created_at.to_string());
        let query = query.bind(signed(row.epochs)).bind(row.loss.to_string());
        let query = query.bind(row.validation_loss.map(|loss| loss.to_string())).bind(row.metrics.clone());
        let query = query.bind(row.network.clone()).bind(row.file_bytes.map(signed));
        let query = query.bind(row.dataset_id.map(|id| id.to_string())).bind(row.rows.map(signed));
        let query = query.bind(row.features.clone()).bind(row.classes.clone()).bind(row.held_out.clone());
        let query = query.bind(row.settings.clone()).bind(row.warnings.clone());
        query.execute(&mut self.connection).await?;
        Ok(())
    }

    /// Removes a version.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn remove_version(&mut self, model_id: Uuid, number: u64) -> Result<(), StorageError> {
        let query = sqlx::query("DELETE FROM versions WHERE model_id = $1 AND number = $2");
        query.bind(model_id.to_string()).bind(signed(number)).execute(&mut self.connection).await?;
        Ok(())
    }

    /// Removes a model with its versions, and notes their blobs as litter. Returns these blobs.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn remove_model(&mut self, id: Uuid) -> Result<Vec<String>, StorageError> {
        let query = "SELECT blob FROM versions WHERE model_id = $1 UNION ALL \
                     SELECT initial_blob FROM models WHERE id = $1 AND initial_blob IS NOT NULL";
        let query = sqlx::query_scalar(query).bind(id.to_string());
        let blobs: Vec<String> = query.fetch_all(&mut self.connection).await?;
        for blob in &blobs {
            self.note_litter(blob).await?;
        }
        sqlx::query("DELETE FROM models WHERE id = $1").bind(id.to_string()).execute(&mut self.connection).await?;
        Ok(blobs)
    }
}

/// Numbers of SQL are signed; ours are counts, far from the end.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
