//! How much is stored in all, by the rows that say so.

use bytesize::ByteSize;
use sqlx::any::AnyRow;

use super::columns::counted;
use super::lengths::{blob_bytes, bytes_in, text_bytes};
use super::{Catalog, Write};
use crate::storage::StorageError;

/// What is stored, or may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    /// Data sets, models, versions and jobs.
    pub objects: u64,
    /// Of data sets' columns, versions' files, initial parameters, histories, rows that wait to be trained on, and the texts of all
    /// these: profiles, settings, measures, what models say of themselves.
    pub bytes: u64,
}

const STORED: &str = concat!(
    "SELECT CAST((SELECT COUNT(*) FROM models) + (SELECT COUNT(*) FROM versions) \
     + (SELECT COUNT(*) FROM datasets) + (SELECT COUNT(*) FROM jobs) AS BIGINT) AS objects, CAST(",
    bytes_in!(datasets),
    " + ",
    bytes_in!(versions),
    " + ",
    bytes_in!(models),
    " + ",
    bytes_in!(jobs),
    " AS BIGINT) AS bytes"
);

fn stored(row: &AnyRow) -> Result<Stored, StorageError> {
    Ok(Stored { objects: counted(row, "objects")?, bytes: counted(row, "bytes")? })
}

impl Stored {
    /// One object of so many bytes.
    pub fn one(bytes: u64) -> Self {
        Stored { objects: 1, bytes }
    }

    /// Both together.
    pub fn and(self, other: Stored) -> Self {
        Stored { objects: self.objects.saturating_add(other.objects), bytes: self.bytes.saturating_add(other.bytes) }
    }

    /// Whether it is no more than `limit`.
    pub fn is_within(self, limit: Stored) -> bool {
        self.objects <= limit.objects && self.bytes <= limit.bytes
    }

    /// The error of what would go beyond `limit`.
    pub fn spent(self, limit: Stored) -> StorageError {
        let [used, most] = [self.bytes, limit.bytes].map(ByteSize::b);
        StorageError::QuotaSpent(format!(
            "{} of {} objects (--max-stored-objects) and {used} of {most} (--max-stored-bytes) are stored, which leaves too \
             little for this",
            self.objects, limit.objects
        ))
    }
}

impl Catalog {
    /// What is stored in all.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn stored(&self) -> Result<Stored, StorageError> {
        stored(&sqlx::query(STORED).fetch_one(self.reader()?).await?)
    }
}

impl Write {
    /// What is stored in all, as this change sees it.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn stored(&mut self) -> Result<Stored, StorageError> {
        stored(&sqlx::query(STORED).fetch_one(&mut self.connection).await?)
    }
}
