//! Drift: what the active versions are asked, counted in memory and written down now and then.

use std::sync::Arc;
use std::time::Duration;

use super::followed::{FollowedModels, Known};
use crate::data::column::ColumnType;
use crate::memory::behalf::done_for_all;
use crate::models::drift::{DriftCounts, Followed, Reference};
use crate::models::{Model, ModelError, ModelRegistry, Predictor};
use crate::storage::catalog::DriftRow;
use crate::storage::{Storage, StorageError, Write, exact};

/// How often counts are written down.
const NOTE: Duration = Duration::from_secs(10);
/// Models whose counts are written down in one change.
const AT_ONCE: usize = 32;
/// Columns of a model that metrics name: those that have moved most.
const WORST: usize = 2;
/// Rows for each bin of a column before which metrics say nothing of it: the index of fewer is chance. It is about bins / rows
/// where nothing has moved.
const ROWS_A_BIN: usize = 10;

/// What all active versions are asked. Cheap to clone: a handle.
#[derive(Clone)]
pub struct DriftRegistry(Arc<Inner>);

struct Inner {
    storage: Storage,
    models: ModelRegistry,
    followed: FollowedModels,
    /// What changes that broke off may have written down all the same. Held while counts are written down, so that what is in the
    /// catalog and what is not yet add up.
    doubts: tokio::sync::Mutex<Vec<Doubt>>,
}

/// Counts whose change broke off when it was committed.
struct Doubt {
    counts: Arc<DriftCounts>,
    /// What was added to what is written down.
    pending: Vec<u64>,
    /// What is written down if the change was made.
    row: DriftRow,
}

/// What an active version was asked.
pub struct DriftReport {
    /// Which version, since when, and what it is measured against.
    pub counts: Arc<DriftCounts>,
    /// Rows in each bin of all columns.
    pub cells: Vec<u64>,
    /// The version.
    pub predictor: Arc<Predictor>,
}

impl DriftRegistry {
    /// Of these models. Must be called within a tokio runtime, where counts are written down from now on.
    pub fn new(storage: Storage, models: ModelRegistry) -> Self {
        let (followed, doubts) = (FollowedModels::default(), tokio::sync::Mutex::default());
        let inner = Arc::new(Inner { storage, models, followed, doubts });
        let alive = Arc::downgrade(&inner);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(NOTE).await;
                let Some(inner) = alive.upgrade() else { return };
                DriftRegistry(inner).write_down().await;
            }
        });
        DriftRegistry(inner)
    }

    /// Where predictions of a version are counted: nowhere, if it is not the active one or has no histograms.
    pub fn counts(&self, model: &Model, version: u64, predictor: &Predictor) -> Option<Arc<DriftCounts>> {
        if !model.is_active(version) {
            return None;
        }
        model.drift.get().cloned().or_else(|| self.follow(model, version, predictor))
    }

    /// Looks the counts up for a record that has none yet.
    fn follow(&self, model: &Model, version: u64, predictor: &Predictor) -> Option<Arc<DriftCounts>> {
        let Inner { models, followed, .. } = &*self.0;
        let (parts, since) = (predictor.table().ok()?.parts, model.activated_at?);
        if parts.histograms.is_empty() {
            return None;
        }
        let counts = match followed.find(model.id, version, since) {
            Known::Counts(counts) => counts,
            Known::Over => return None,
            Known::Nothing if followed.is_full() => return None,
            Known::Nothing => {
                let reference = Reference::of(parts)?;
                let bytes = DriftCounts::bytes(&reference);
                if !followed.has_room(bytes as u64, models.counts_limit()) {
                    tracing::warn!(model_id = %model.id, "more models are asked than drift can be counted of");
                    return None;
                }
                let memory = models.reserve_counts(bytes).ok()?;
                followed.put(DriftCounts::new(model.id, version, since, reference, memory), bytes as u64)
            }
        };
        Some(model.drift.get_or_init(|| counts).clone())
    }

    /// What the active version of a model was asked.
    ///
    /// # Errors
    /// `NotTrained`, `DriftUnavailable`; what the version or the counts cannot be read for.
    pub async fn report(&self, model: &Model) -> Result<DriftReport, ModelError> {
        let version = model.active()?;
        let predictor = self.0.models.predictor(model, version).await?;
        if predictor.table().map_or(true, |table| table.parts.histograms.is_empty()) {
            return Err(ModelError::DriftUnavailable { version: version.number });
        }
        let full = || ModelError::MemoryFull { limit: bytesize::ByteSize::b(self.0.models.counts_limit()).to_string() };
        let counts = self.counts(model, version.number, &predictor).ok_or_else(full)?;
        let doubts = self.0.doubts.lock().await;
        let row = done_for_all(self.0.storage.catalog.drift(model.id)).await?;
        let mut cells = counts.pending();
        if let Some(doubt) = doubts.iter().find(|doubt| doubt.was_made(&counts, row.as_ref())) {
            cells.iter_mut().zip(&doubt.pending).for_each(|(count, written)| *count -= written);
        }
        add(&mut cells, &before(row, &counts));
        Ok(DriftReport { counts, cells, predictor })
    }

    /// Writes down what was counted since that was done last.
    pub async fn write_down(&self) {
        let mut doubts = self.0.doubts.lock().await;
        let has_news = |counts: &Arc<DriftCounts>| counts.pending().iter().any(|count| *count > 0);
        let (news, idle): (Vec<_>, Vec<_>) = self.0.followed.all().into_iter().partition(has_news);
        for counts in idle {
            if !self.0.followed.looked_at(&counts, false) {
                self.0.followed.remove(&counts);
                self.0.models.forget_record(counts.model);
            }
        }
        for some in news.chunks(AT_ONCE) {
            if let Err(error) = self.write_some(some, &mut doubts).await {
                tracing::warn!(%error, "what models are asked could not be written down: it is kept for the next time");
            }
        }
    }

    async fn write_some(&self, some: &[Arc<DriftCounts>], doubts: &mut Vec<Doubt>) -> Result<(), StorageError> {
        let mut write = self.0.storage.catalog.write().await?;
        let (mut over, mut written) = (Vec::new(), Vec::new());
        for counts in some {
            self.0.followed.looked_at(counts, true);
            match write_one(&mut write, counts, doubts).await? {
                Some((pending, row)) => written.push(Doubt { counts: counts.clone(), pending, row }),
                None => over.push(counts),
            }
        }
        if let Err(error) = write.commit().await {
            doubts.extend(written);
            return Err(error);
        }
        written.iter().for_each(|made| made.counts.written(&made.pending));
        over.into_iter().for_each(|counts| self.0.followed.remove(counts));
        Ok(())
    }
}

impl Doubt {
    /// Whether these are its counts, and the change was made after all, as what is written down tells.
    fn was_made(&self, counts: &Arc<DriftCounts>, row: Option<&DriftRow>) -> bool {
        Arc::ptr_eq(&self.counts, counts) && row == Some(&self.row)
    }
}

/// Adds what was counted to what is written down, and returns both what was added and what is written down now; `None` if the version is
/// the active one no more. A change in doubt has ended by then, as it held the same lock.
async fn write_one(
    write: &mut Write,
    counts: &Arc<DriftCounts>,
    doubts: &mut Vec<Doubt>,
) -> Result<Option<(Vec<u64>, DriftRow)>, StorageError> {
    let DriftCounts { model, version, since, reference, .. } = &**counts;
    let is_there = write.lock_model(*model).await?;
    let row = write.drift(*model).await?;
    if let Some(at) = doubts.iter().position(|doubt| Arc::ptr_eq(&doubt.counts, counts)) {
        let doubt = doubts.swap_remove(at);
        if doubt.was_made(counts, row.as_ref()) {
            counts.written(&doubt.pending);
        }
    }
    let active = write.model(*model).await?.map(|model| (model.active_version, model.activated_at));
    if !is_there || active != Some((Some(*version), Some(*since))) {
        return Ok(None);
    }
    let pending = counts.pending();
    let mut cells = before(row, counts);
    add(&mut cells, &pending);
    let rows = reference.rows(&cells);
    let (counts, worst) = (exact::to_text(&cells), exact::to_text(&worst(reference, rows, &cells)));
    let row = DriftRow { model_id: *model, version: *version, since: *since, rows, counts, worst };
    write.put_drift(&row).await?;
    Ok(Some((pending, row)))
}

/// What is written down of an activation; nothing of another one, or by other bins.
fn before(row: Option<DriftRow>, counts: &DriftCounts) -> Vec<u64> {
    let same = |row: &DriftRow| row.version == counts.version && row.since == counts.since;
    let cells = row.filter(same).and_then(|row| serde_json::from_str::<Vec<u64>>(&row.counts).ok());
    let fits = |cells: &Vec<u64>| cells.len() == counts.reference.cells();
    cells.filter(fits).unwrap_or_else(|| vec![0; counts.reference.cells()])
}

/// Whether a row of what a version was asked can be read.
///
/// # Errors
/// `Damaged`.
pub fn check_counts(row: &DriftRow) -> Result<(), StorageError> {
    let damaged = |error| StorageError::damaged(format!("the drift of model {}", row.model_id), error);
    serde_json::from_str::<Vec<u64>>(&row.counts).map_err(damaged)?;
    exact::from_text::<Vec<(String, f64)>>(&row.worst).map_err(damaged).map(drop)
}

fn add(cells: &mut [u64], more: &[u64]) {
    cells.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
}

/// The columns that have moved most, with how far; times go on by themselves, which is no news of any of them.
fn worst(reference: &Reference, rows: u64, cells: &[u64]) -> Vec<(String, f64)> {
    let told =
        |column: &&Followed| column.kind != ColumnType::Datetime && rows >= (column.expected.len() * ROWS_A_BIN) as u64;
    let moved = reference.columns().iter().filter(told).filter_map(|column| Some((column, column.stability(cells)?)));
    let mut moved: Vec<_> = moved.map(|(column, far)| (column.name.clone(), far)).collect();
    moved.sort_by(|one, other| other.1.total_cmp(&one.1));
    moved.truncate(WORST);
    moved
}
