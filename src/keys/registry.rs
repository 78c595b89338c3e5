//! Stored keys: made, changed, deleted. A change is in the catalog first, then in memory, and holds at once.

use std::sync::Arc;

use jiff::Timestamp;

use super::error::KeyError;
use super::key::{Key, RATES};
use super::pattern::Pattern;
use super::ring::KeyRing;
use super::role::Role;
use super::secret::{SecretHash, new_secret};
use crate::identifier::new_id;
use crate::memory::behalf::done_for_all;
use crate::name::check_name;
use crate::storage::catalog::KeyRow;
use crate::storage::{StorageError, Write};

/// Most patterns of a key.
pub const MAX_PATTERNS: usize = 64;

/// A key to be made.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct NewKey {
    pub name: String,
    pub role: Role,
    pub models: Option<Vec<String>>,
    pub expires_at: Option<Timestamp>,
    pub requests_per_second: Option<f64>,
    pub stored_bytes: Option<u64>,
}

/// Changes to a key; `None` leaves things as they are.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)]
pub struct KeyChanges {
    pub name: Option<String>,
    pub expires_at: Option<Option<Timestamp>>,
}

impl NewKey {
    fn check(&self) -> Result<(), KeyError> {
        check_name(&self.name).map_err(|detail| KeyError::invalid("/name", detail))?;
        check_end(self.expires_at)?;
        for (index, pattern) in self.models.iter().flatten().enumerate() {
            Pattern::new(pattern).map_err(|detail| KeyError::invalid(&format!("/models/{index}"), detail))?;
        }
        let patterns = self.models.as_ref().map(Vec::len);
        if patterns.is_some_and(|count| count == 0 || count > MAX_PATTERNS) {
            let detail = format!("models has 1 to {MAX_PATTERNS} patterns; without it the key sees all models");
            return Err(KeyError::invalid("/models", detail));
        }
        if patterns.is_some() && self.role == Role::Admin {
            return Err(KeyError::invalid("/models", "an admin sees all models: it can make keys that do"));
        }
        if self.requests_per_second.is_some_and(|rate| !(RATES.0..=RATES.1).contains(&rate)) {
            let detail = format!("requests_per_second is between {} and {}", RATES.0, RATES.1);
            return Err(KeyError::invalid("/requests_per_second", detail));
        }
        if self.stored_bytes.is_some_and(|bytes| i64::try_from(bytes).is_err()) {
            return Err(KeyError::invalid("/stored_bytes", "stored_bytes is below 2^63"));
        }
        Ok(())
    }
}

impl KeyRing {
    /// Makes a key; returns it with its secret, which nobody can be told again.
    ///
    /// # Errors
    /// `Invalid`, `NameTaken`, `NoRandomness`, `Storage`.
    pub async fn create(&self, new: NewKey) -> Result<(Arc<Key>, String), KeyError> {
        new.check()?;
        let secret = new_secret().ok_or(KeyError::NoRandomness)?;
        let row = KeyRow {
            id: new_id(),
            name: new.name,
            hash: SecretHash::of(secret.as_bytes()).to_hex(),
            role: new.role.word().to_owned(),
            models: new.models.map(|models| serde_json::to_string(&models).expect("words are plain data")),
            created_at: Timestamp::now(),
            expires_at: new.expires_at,
            last_used_at: None,
            requests_per_second: new.requests_per_second,
            stored_bytes: new.stored_bytes,
        };
        let key = Arc::new(Key::from_row(row.clone())?);
        let _order = self.inner.changing.lock().await;
        let mut write = done_for_all(self.inner.storage.catalog.write()).await?;
        write.add_key(&row).await.map_err(|error| taken(error, &row.name))?;
        self.commit(write).await?;
        self.put(key.clone());
        Ok((key, secret))
    }

    /// Changes a key; returns what it was, and what it is.
    ///
    /// # Errors
    /// `NotFound`, `Invalid`, `NameTaken`, `Storage`.
    pub async fn change_key(&self, key: &str, changes: KeyChanges) -> Result<[Arc<Key>; 2], KeyError> {
        let _order = self.inner.changing.lock().await;
        let known = self.get(key)?;
        let id = known.id.ok_or_else(|| KeyError::NotFound(key.to_owned()))?;
        changes.expires_at.map_or(Ok(()), check_end)?;
        let name = changes.name.unwrap_or_else(|| known.name.clone());
        check_name(&name).map_err(|detail| KeyError::invalid("/name", detail))?;
        let expires_at = changes.expires_at.unwrap_or(known.expires_at);
        let mut write = done_for_all(self.inner.storage.catalog.write()).await?;
        let changed = write.change_key(id, name.clone(), expires_at).await.map_err(|error| taken(error, &name))?;
        if !changed {
            return Err(KeyError::NotFound(key.to_owned()));
        }
        self.commit(write).await?;
        known.usage.end_at(expires_at);
        let changed = Arc::new(Key { name, expires_at, ..Key::clone(&known) });
        self.put(changed.clone());
        Ok([known, changed])
    }

    /// Deletes a key: it is refused from the next request on. What it stored stays.
    ///
    /// # Errors
    /// `NotFound`, `Storage`.
    pub async fn remove(&self, key: &str) -> Result<Arc<Key>, KeyError> {
        let _order = self.inner.changing.lock().await;
        let known = self.get(key)?;
        let id = known.id.ok_or_else(|| KeyError::NotFound(key.to_owned()))?;
        let mut write = done_for_all(self.inner.storage.catalog.write()).await?;
        write.remove_key(id).await?;
        self.commit(write).await?;
        self.take(&known);
        Ok(known)
    }

    async fn commit(&self, write: Write) -> Result<(), KeyError> {
        let committed = write.commit().await;
        if committed.is_err() {
            // It may have been made all the same: what the catalog says now holds, if it says anything.
            let _ = self.read_stored().await;
        }
        Ok(committed?)
    }
}

fn check_end(end: Option<Timestamp>) -> Result<(), KeyError> {
    match end {
        Some(end) if end <= Timestamp::now() => Err(KeyError::invalid("/expires_at", "expires_at is over already")),
        _ => Ok(()),
    }
}

fn taken(error: StorageError, name: &str) -> KeyError {
    match error {
        StorageError::Conflict => KeyError::NameTaken(name.to_owned()),
        error => error.into(),
    }
}
