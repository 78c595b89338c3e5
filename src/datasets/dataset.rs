//! A data set's record: its columns with what is known of them, without their values.

use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use super::DatasetError;
use crate::data::profile::TableProfile;
use crate::memory::Charge;
use crate::storage::catalog::DatasetRow;
use crate::storage::{StorageError, exact};

/// A data set's record; never changes.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// UUIDv7: ordered by time of creation.
    pub id: Uuid,
    /// Unique among data sets.
    pub name: Option<String>,
    /// Size of its columns as they are stored.
    pub bytes: u64,
    /// When it was stored.
    pub created_at: Timestamp,
    /// The key that stored it, if it was stored with one that the service made.
    pub owner: Option<Uuid>,
    /// The data set whose rows it begins with, if it was made of one.
    pub parent_id: Option<Uuid>,
    /// Its columns, with what is known of them.
    pub profile: Arc<TableProfile>,
    /// Where its columns are.
    pub(super) blob: String,
    /// Held for a long profile.
    pub(super) _memory: Option<Charge>,
}

impl Dataset {
    /// What the client may call it.
    pub fn title(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.id.to_string())
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.profile.rows as usize
    }

    /// The data set of a row.
    ///
    /// # Errors
    /// `Storage` with `Damaged`: the row does not say what a row says.
    pub fn from_row(row: DatasetRow) -> Result<Self, DatasetError> {
        let damaged = |error| StorageError::damaged(format!("the record of data set {}", row.id), error);
        let profile: TableProfile = exact::from_text(&row.profile).map_err(damaged)?;
        Ok(Dataset {
            id: row.id,
            name: row.name,
            bytes: row.bytes,
            created_at: row.created_at,
            owner: row.owner,
            parent_id: row.parent_id,
            profile: Arc::new(profile),
            blob: row.blob,
            _memory: None,
        })
    }
}
