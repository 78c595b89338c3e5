//! Rows of aliases: names of versions that move from one version to another.

use jiff::Timestamp;
use sqlx::Row;
use sqlx::any::AnyRow;
use uuid::Uuid;

use super::columns::{counted, parsed};
use super::models::{VersionRow, signed, version};
use super::{Catalog, Write};
use crate::storage::StorageError;

/// An alias, and the version that it names: of several aliases of one version the first has its row.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct AliasRow {
    pub alias: String,
    pub number: u64,
    pub version: Option<VersionRow>,
    pub updated_at: Timestamp,
}

fn alias(row: &AnyRow) -> Result<AliasRow, StorageError> {
    let has_version = row.try_get::<Option<i64>, _>("number")?.is_some();
    Ok(AliasRow {
        alias: row.try_get("alias")?,
        number: counted(row, "alias_version")?,
        version: has_version.then(|| version(row)).transpose()?,
        updated_at: parsed(row, "alias_updated_at")?,
    })
}

impl Catalog {
    /// The aliases of a model in their order, with their versions: all as of one moment.
    ///
    /// # Errors
    /// `Unavailable`, `Damaged`.
    pub async fn aliases(&self, model_id: Uuid) -> Result<Vec<AliasRow>, StorageError> {
        let query = "SELECT aliases.alias, aliases.version AS alias_version, aliases.updated_at AS alias_updated_at, \
                     versions.* FROM aliases LEFT JOIN versions ON versions.model_id = aliases.model_id \
                     AND versions.number = aliases.version AND aliases.alias = (SELECT MIN(others.alias) FROM aliases AS others \
                     WHERE others.model_id = aliases.model_id AND others.version = aliases.version) \
                     WHERE aliases.model_id = $1 ORDER BY aliases.alias";
        let query = sqlx::query(query).bind(model_id.to_string());
        query.fetch_all(self.reader()?).await?.iter().map(alias).collect()
    }

    /// The aliases of a model's versions by their numbers, without what the versions say.
    ///
    /// # Errors
    /// `Unavailable`, `Damaged`.
    pub async fn alias_names(&self, model_id: Uuid) -> Result<Vec<(String, u64)>, StorageError> {
        let query = sqlx::query("SELECT alias, version FROM aliases WHERE model_id = $1 ORDER BY alias");
        let rows = query.bind(model_id.to_string()).fetch_all(self.reader()?).await?;
        rows.iter().map(|row| Ok((row.try_get("alias")?, counted(row, "version")?))).collect()
    }
}

impl Write {
    /// Lets an alias name this version of its model, whatever it named before.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn set_alias(
        &mut self,
        model_id: Uuid,
        alias: &str,
        version: u64,
        at: Timestamp,
    ) -> Result<(), StorageError> {
        let query = "INSERT INTO aliases (model_id, alias, version, updated_at) VALUES ($1, $2, $3, $4) \
                     ON CONFLICT (model_id, alias) DO UPDATE SET version = excluded.version, updated_at = excluded.updated_at";
        let query = sqlx::query(query).bind(model_id.to_string()).bind(alias.to_owned());
        let query = query.bind(signed(version)).bind(at.to_string());
        query.execute(&mut self.connection).await?;
        Ok(())
    }

    /// Removes an alias; false if there is none of this name.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn remove_alias(&mut self, model_id: Uuid, alias: &str) -> Result<bool, StorageError> {
        let query = sqlx::query("DELETE FROM aliases WHERE model_id = $1 AND alias = $2");
        let query = query.bind(model_id.to_string()).bind(alias.to_owned());
        Ok(query.execute(&mut self.connection).await?.rows_affected() == 1)
    }

    /// How many aliases a model has beside this one.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn other_aliases(&mut self, model_id: Uuid, alias: &str) -> Result<usize, StorageError> {
        let query = sqlx::query_scalar("SELECT COUNT(*) FROM aliases WHERE model_id = $1 AND alias <> $2");
        let query = query.bind(model_id.to_string()).bind(alias.to_owned());
        let others: i64 = query.fetch_one(&mut self.connection).await?;
        Ok(others as usize)
    }

    /// The first alias of a version, if it has any.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn alias_of(&mut self, model_id: Uuid, version: u64) -> Result<Option<String>, StorageError> {
        let query = "SELECT alias FROM aliases WHERE model_id = $1 AND version = $2 ORDER BY alias LIMIT 1";
        let query = sqlx::query_scalar(query).bind(model_id.to_string()).bind(signed(version));
        Ok(query.fetch_optional(&mut self.connection).await?)
    }
}
