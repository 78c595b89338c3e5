//! Rows of data sets.

use jiff::Timestamp;
use sqlx::Row;
use sqlx::any::AnyRow;
use uuid::Uuid;

use super::columns::{before, counted, parsed, parsed_or_null};
use super::lengths::text_bytes;
use super::{Catalog, Write};
use crate::storage::StorageError;

/// A data set's row.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct DatasetRow {
    pub id: Uuid,
    pub name: Option<String>,
    pub blob: String,
    pub bytes: u64,
    pub rows: u64,
    pub profile: String,
    pub created_at: Timestamp,
    /// The key that stored it.
    pub owner: Option<Uuid>,
    /// The data set that it was made of, with further rows.
    pub parent_id: Option<Uuid>,
}

fn dataset(row: &AnyRow) -> Result<DatasetRow, StorageError> {
    Ok(DatasetRow {
        id: parsed(row, "id")?,
        name: row.try_get("name")?,
        blob: row.try_get("blob")?,
        bytes: counted(row, "bytes")?,
        rows: counted(row, "rows_count")?,
        profile: row.try_get("profile")?,
        created_at: parsed(row, "created_at")?,
        owner: parsed_or_null(row, "owner")?,
        parent_id: parsed_or_null(row, "parent_id")?,
    })
}

impl Catalog {
    /// The data set with this identifier.
    ///
    /// # Errors
    /// `Unavailable`, `Damaged`.
    pub async fn dataset(&self, id: Uuid) -> Result<Option<DatasetRow>, StorageError> {
        let query = sqlx::query("SELECT * FROM datasets WHERE id = $1").bind(id.to_string());
        query.fetch_optional(self.reader()?).await?.as_ref().map(dataset).transpose()
    }

    /// The data set with this name.
    ///
    /// # Errors
    /// `Unavailable`, `Damaged`.
    pub async fn dataset_named(&self, name: &str) -> Result<Option<DatasetRow>, StorageError> {
        let query = sqlx::query("SELECT * FROM datasets WHERE name = $1").bind(name);
        query.fetch_optional(self.reader()?).await?.as_ref().map(dataset).transpose()
    }

    /// How long the profile of the data set is that has this identifier or this name; none if there is no such data set. Asked
    /// before it is read, which takes memory.
    ///
    /// # Errors
    /// `Unavailable`, `Damaged`.
    pub async fn dataset_length(&self, id: Option<Uuid>, name: &str) -> Result<Option<u64>, StorageError> {
        let length = concat!("SELECT CAST(", text_bytes!(datasets), " AS BIGINT) AS length FROM datasets WHERE");
        let (column, key) = id.map_or_else(|| ("name", name.to_owned()), |id| ("id", id.to_string()));
        let query = format!("{length} {column} = $1");
        let row = sqlx::query(sqlx::AssertSqlSafe(query)).bind(key).fetch_optional(self.reader()?).await?;
        row.as_ref().map(|row| counted(row, "length")).transpose()
    }

    /// At most `limit` data sets older than `older_than`, newest first, each with the length of its profile.
    ///
    /// # Errors
    /// `Unavailable`, `Damaged`.
    pub async fn datasets(&self, older_than: Option<Uuid>, limit: usize) -> Result<Vec<(Uuid, u64)>, StorageError> {
        let query = concat!(
            "SELECT id, CAST(",
            text_bytes!(datasets),
            " AS BIGINT) AS length FROM datasets WHERE id < $1 ORDER BY id DESC LIMIT $2"
        );
        let query = sqlx::query(query).bind(before(older_than)).bind(limit as i64);
        let rows = query.fetch_all(self.reader()?).await?;
        rows.iter().map(|row| Ok((parsed(row, "id")?, counted(row, "length")?))).collect()
    }

    /// Whether a data set is this `ancestor`, or was made of it, or of what was made of it.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn dataset_descends(&self, id: Uuid, ancestor: Uuid) -> Result<bool, StorageError> {
        let query = "WITH RECURSIVE line (id) AS (SELECT CAST($1 AS TEXT) \
                     UNION SELECT datasets.parent_id FROM datasets JOIN line ON datasets.id = line.id \
                     WHERE datasets.parent_id IS NOT NULL) SELECT COUNT(*) FROM line WHERE id = $2";
        let query = sqlx::query_scalar(query).bind(id.to_string()).bind(ancestor.to_string());
        let found: i64 = query.fetch_one(self.reader()?).await?;
        Ok(found > 0)
    }

    /// Whether a data set has the columns that this blob has, byte by byte: by the checksums of both, where both have some.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn dataset_is_copy(&self, id: Uuid, blob: &str) -> Result<bool, StorageError> {
        let query = "SELECT COUNT(*) FROM datasets JOIN checksums AS own ON own.blob = datasets.blob \
                     JOIN checksums AS other ON other.bytes = own.bytes AND other.blocks = own.blocks \
                     WHERE datasets.id = $1 AND other.blob = $2";
        let query = sqlx::query_scalar(query).bind(id.to_string()).bind(blob.to_owned());
        let found: i64 = query.fetch_one(self.reader()?).await?;
        Ok(found > 0)
    }

    /// The name and the rows of the data set that was made of this one, or of what was made of it, and has a name; none where this
    /// one has a name, or there is no such data set.
    ///
    /// # Errors
    /// `Unavailable`, `Damaged`.
    pub async fn dataset_grown(&self, id: Uuid) -> Result<Option<(String, u64)>, StorageError> {
        let query = "WITH RECURSIVE grown (id, name, rows_count) AS (\
                     SELECT id, name, rows_count FROM datasets WHERE id = $1 AND name IS NULL \
                     UNION ALL SELECT datasets.id, datasets.name, datasets.rows_count FROM datasets \
                     JOIN grown ON datasets.parent_id = grown.id WHERE grown.name IS NULL \
                     AND COALESCE(datasets.owner, '') = \
                     COALESCE((SELECT owner FROM datasets AS beginning WHERE beginning.id = $1), '')) \
                     SELECT name, rows_count FROM grown WHERE name IS NOT NULL ORDER BY id DESC LIMIT 1";
        let row = sqlx::query(query).bind(id.to_string()).fetch_optional(self.reader()?).await?;
        row.map_or(Ok(None), |row| Ok(Some((row.try_get("name")?, counted(&row, "rows_count")?))))
    }

    /// Number of data sets.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn count_datasets(&self) -> Result<u64, StorageError> {
        let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM datasets").fetch_one(self.reader()?).await?;
        Ok(count as u64)
    }

    /// Every blob that data sets refer to.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn dataset_blobs(&self) -> Result<Vec<String>, StorageError> {
        Ok(sqlx::query_scalar("SELECT blob FROM datasets").fetch_all(self.reader()?).await?)
    }
}

impl Write {
    /// Adds a data set.
    ///
    /// # Errors
    /// `Conflict` if its name is taken.
    pub async fn add_dataset(&mut self, row: &DatasetRow) -> Result<(), StorageError> {
        let query = "INSERT INTO datasets (id, name, blob, bytes, rows_count, profile, created_at, owner, parent_id) \
                     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
        let query = sqlx::query(query).bind(row.id.to_string()).bind(row.name.clone()).bind(row.blob.clone());
        let query = query.bind(row.bytes as i64).bind(row.rows as i64).bind(row.profile.clone());
        let query = query.bind(row.created_at.to_string()).bind(row.owner.map(|owner| owner.to_string()));
        let query = query.bind(row.parent_id.map(|parent| parent.to_string()));
        query.execute(&mut self.connection).await?;
        Ok(())
    }

    /// Takes its name from a data set; false if it is gone, or its name is another by now.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn give_up_dataset_name(&mut self, id: Uuid, name: Option<&str>) -> Result<bool, StorageError> {
        let query = "UPDATE datasets SET name = NULL WHERE id = $1 AND COALESCE(name, '') = $2";
        let query = sqlx::query(query).bind(id.to_string()).bind(name.unwrap_or_default().to_owned());
        Ok(query.execute(&mut self.connection).await?.rows_affected() == 1)
    }

    /// Keeps others from deleting the data set until this change is over; false if it is gone.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn lock_dataset(&mut self, id: Uuid) -> Result<bool, StorageError> {
        let query = sqlx::query("UPDATE datasets SET bytes = bytes WHERE id = $1").bind(id.to_string());
        Ok(query.execute(&mut self.connection).await?.rows_affected() == 1)
    }

    /// Whether a job that needs the data set is waiting or running.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn dataset_is_needed(&mut self, id: Uuid) -> Result<bool, StorageError> {
        let query = "SELECT COUNT(*) FROM jobs WHERE state IN ('queued', 'running') \
                     AND (dataset_id = $1 OR validation_dataset_id = $1)";
        let open: i64 = sqlx::query_scalar(query).bind(id.to_string()).fetch_one(&mut self.connection).await?;
        Ok(open > 0)
    }

    /// Removes a data set.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn remove_dataset(&mut self, id: Uuid) -> Result<(), StorageError> {
        let query = sqlx::query("DELETE FROM datasets WHERE id = $1").bind(id.to_string());
        query.execute(&mut self.connection).await?;
        Ok(())
    }
}
