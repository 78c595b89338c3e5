//! A SQLite file that is whole, and no larger than what is in it.

use super::Catalog;
use crate::storage::StorageError;

/// Free pages that a catalog may keep: 8 MiB of the usual pages.
const FREE_PAGES: i64 = 2048;
/// Pages that are given back in one change: other changes wait meanwhile, for some milliseconds.
const PAGES_AT_ONCE: i64 = 256;
/// Pages of a catalog that may be written anew at once, within about a second: 128 MiB.
const FEW_PAGES: i64 = 32 << 10;

impl Catalog {
    /// What is wrong with a SQLite file, of which its pages alone tell. Reads all of it, `deep` also the order of the
    /// indexes.
    ///
    /// # Errors
    /// `Unavailable`, `Damaged`.
    pub async fn faults(&self, deep: bool) -> Result<Vec<String>, StorageError> {
        if !self.is_file {
            return Ok(Vec::new());
        }
        let check = if deep { "PRAGMA integrity_check(100)" } else { "PRAGMA quick_check(3)" };
        let found: Vec<String> = sqlx::query_scalar(check).fetch_all(&self.pool).await?;
        Ok(found.into_iter().filter(|line| line != "ok").collect())
    }

    /// Gives back free pages of a SQLite file, if there are many: bit by bit, so that other changes get their turn.
    ///
    /// # Errors
    /// `Full`, `Unavailable`: the rest stays for the next time.
    pub async fn shrink(&self) -> Result<(), StorageError> {
        if !self.is_file || self.pragma("auto_vacuum").await? == 0 {
            return Ok(());
        }
        let mut free = self.pragma("freelist_count").await?;
        while free > FREE_PAGES {
            let _turn = self.changes.take(None).await;
            let step = sqlx::AssertSqlSafe(format!("PRAGMA incremental_vacuum({PAGES_AT_ONCE})"));
            sqlx::query(step).fetch_all(self.reader()?).await?;
            let left = self.pragma("freelist_count").await?;
            if left >= free {
                break;
            }
            free = left;
        }
        Ok(())
    }

    /// Writes a SQLite file of an earlier release anew if much of it is free, and so that from then on it can be given
    /// back bit by bit. Does so `however_large`, or if it takes no more than about a second.
    ///
    /// # Errors
    /// `Full`, `Unavailable`: the file is as it was.
    pub async fn pack(&self, however_large: bool) -> Result<(), StorageError> {
        if !self.is_file || self.pragma("auto_vacuum").await? != 0 {
            return Ok(());
        }
        let (pages, free) = (self.pragma("page_count").await?, self.pragma("freelist_count").await?);
        if free > FREE_PAGES && free > pages / 4 && (however_large || pages - free <= FEW_PAGES) {
            // On one connection: the first only says what the second is to do.
            let mut connection = self.pool.acquire().await?;
            for statement in ["PRAGMA auto_vacuum = INCREMENTAL", "VACUUM"] {
                sqlx::query(statement).execute(&mut *connection).await?;
            }
        }
        Ok(())
    }

    async fn pragma(&self, name: &'static str) -> Result<i64, StorageError> {
        let query = sqlx::AssertSqlSafe(format!("PRAGMA {name}"));
        Ok(sqlx::query_scalar(query).fetch_one(self.reader()?).await?)
    }
}
