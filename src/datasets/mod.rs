//! Data sets: tables that were sent once and are trained on often. Immutable; stored column by column.

pub mod arriving;
pub mod error;
pub mod loading;
mod reading;
pub mod registry;
mod source;

use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use crate::data::profile::TableProfile;
use crate::storage::catalog::DatasetRow;
use crate::storage::{StorageError, exact};

pub use arriving::{Arriving, ArrivingEnd};
pub use error::DatasetError;
pub use loading::{Arrival, Load, Loading};
pub use registry::{Asked, DatasetRegistry, Draft, NewDataset};

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
    /// Its columns, with what is known of them.
    pub profile: Arc<TableProfile>,
    /// Where its columns are.
    blob: String,
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

    fn from_row(row: DatasetRow) -> Result<Self, DatasetError> {
        let damaged = |error| StorageError::damaged(format!("the record of data set {}", row.id), error);
        let profile: TableProfile = exact::from_text(&row.profile).map_err(damaged)?;
        Ok(Dataset {
            id: row.id,
            name: row.name,
            bytes: row.bytes,
            created_at: row.created_at,
            profile: Arc::new(profile),
            blob: row.blob,
        })
    }
}
