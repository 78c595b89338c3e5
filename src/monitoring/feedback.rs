//! Feedback: the true outcomes of predictions, as running sums of each version.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use tokio::sync::OnceCell;
use uuid::Uuid;

use super::sums::{Measures, Outcome, Sums};
use crate::memory::behalf::done_for_all;
use crate::models::ModelError;
use crate::storage::catalog::FeedbackRow;
use crate::storage::{Storage, StorageError, Write, exact};

/// Predictions whose outcome was told that are remembered at most, of all models: some 250 MB of the catalog.
const MAX_TOLD: u64 = 5_000_000;

/// What is told of how predictions came true.
pub struct FeedbackRegistry {
    storage: Storage,
    /// Predictions that are remembered, at least about: some of them are old and forgotten since.
    told: OnceCell<AtomicU64>,
}

/// An outcome that somebody tells.
#[derive(Clone, Copy, Debug)]
pub struct Told {
    /// Of a prediction that was made before: what tells it from others.
    pub key: Option<i64>,
    /// Which version predicted.
    pub version: u64,
    /// How it came true.
    pub outcome: Outcome,
}

/// What became of outcomes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Those that count.
    pub rows: u64,
    /// Those that were told before.
    pub repeated: u64,
}

/// How predictions of a version came true.
#[derive(Clone, Copy, Debug)]
pub struct VersionFeedback {
    /// The version's number.
    pub version: u64,
    /// Outcomes that were told.
    pub rows: u64,
    /// What they come to.
    pub measures: Measures,
    /// When the first was told.
    pub since: Timestamp,
}

impl FeedbackRegistry {
    /// In `storage`.
    pub fn new(storage: Storage) -> Self {
        FeedbackRegistry { storage, told: OnceCell::new() }
    }

    /// Takes outcomes of a model's predictions, all or none of them.
    ///
    /// # Errors
    /// `NotFound`, `VersionNotFound`: it is deleted; `Storage`, with `QuotaSpent` if more predictions would have to be
    /// remembered than may be.
    pub async fn take(&self, model: Uuid, all: &[Told]) -> Result<Taken, ModelError> {
        let keys: Vec<i64> = all.iter().filter_map(|told| told.key).collect();
        let told = self.room(keys.len() as u64).await?;
        let mut write = self.storage.catalog.write().await?;
        if !write.lock_model(model).await? {
            return Err(ModelError::NotFound(model.to_string()));
        }
        let mut new = write.note_told(&keys).await?;
        let remembered = new.len() as u64;
        let counting = all.iter().filter(|told| told.key.is_none_or(|key| new.remove(&key)));
        let mut by_version: BTreeMap<u64, Vec<Outcome>> = BTreeMap::new();
        counting.for_each(|told| by_version.entry(told.version).or_default().push(told.outcome));
        let rows = by_version.values().map(Vec::len).sum::<usize>() as u64;
        for (version, outcomes) in by_version {
            add(&mut write, model, version, &outcomes).await?;
        }
        write.commit().await?;
        told.fetch_add(remembered, Ordering::Relaxed);
        Ok(Taken { rows, repeated: all.len() as u64 - rows })
    }

    /// Looks whether `more` predictions may be remembered.
    async fn room(&self, more: u64) -> Result<&AtomicU64, StorageError> {
        let catalog = &self.storage.catalog;
        let count = async || Ok::<_, StorageError>(done_for_all(catalog.count_told()).await?.into());
        let told = self.told.get_or_try_init(count).await?;
        if told.load(Ordering::Relaxed) + more > MAX_TOLD {
            told.store(catalog.count_told().await?, Ordering::Relaxed);
            if told.load(Ordering::Relaxed) + more > MAX_TOLD {
                let detail = format!("{MAX_TOLD} outcomes by id are the most in 30 days; tell more of them by records");
                return Err(StorageError::QuotaSpent(detail));
            }
        }
        Ok(told)
    }

    /// How predictions of at most `limit` versions of a model with numbers below `below` came true, newest first, and whether
    /// there are more.
    ///
    /// # Errors
    /// `Storage`.
    pub async fn of_model(
        &self,
        model: Uuid,
        below: Option<u64>,
        limit: usize,
    ) -> Result<(Vec<VersionFeedback>, bool), StorageError> {
        let rows = self.storage.catalog.feedback(model, below, limit + 1).await?;
        let of_row = |row: &FeedbackRow| {
            let FeedbackRow { version, rows, since, .. } = *row;
            Ok(VersionFeedback { version, rows, measures: sums(row)?.measures(rows), since })
        };
        let found = rows.iter().take(limit).map(of_row).collect::<Result<_, StorageError>>()?;
        Ok((found, rows.len() > limit))
    }
}

/// Adds outcomes to what is written down of a version.
async fn add(write: &mut Write, model: Uuid, version: u64, outcomes: &[Outcome]) -> Result<(), ModelError> {
    let Some(first) = outcomes.first() else { return Ok(()) };
    if write.version(model, version).await?.is_none() {
        return Err(ModelError::VersionNotFound { model: model.to_string(), version });
    }
    let before = write.feedback(model, version).await?;
    let mut sums = before.as_ref().map_or_else(|| Ok(Sums::for_outcome(first)), sums)?;
    let (mut rows, since) = before.map_or_else(|| (0, Timestamp::now()), |row| (row.rows, row.since));
    for outcome in outcomes {
        sums.add(rows, outcome);
        rows += 1;
    }
    let row = FeedbackRow { model_id: model, version, since, rows, sums: exact::to_text(&sums) };
    Ok(write.put_feedback(&row).await?)
}

/// The sums of a row.
///
/// # Errors
/// `Damaged`.
pub fn sums(row: &FeedbackRow) -> Result<Sums, StorageError> {
    let damaged = |error| StorageError::damaged(format!("the feedback on model {}", row.model_id), error);
    exact::from_text(&row.sums).map_err(damaged)
}
