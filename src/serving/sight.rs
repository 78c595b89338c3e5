//! What somebody sees: models by their names, jobs by their model, and a data set if it was stored with the same key or a
//! model by it is seen. What is not seen is not there.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use uuid::Uuid;

use super::error::ServingError;
use super::memory::of_records;
use crate::app::App;
use crate::datasets::{Dataset, DatasetError};
use crate::jobs::queue::JobFilter;
use crate::jobs::{JobError, JobHandle, JobReport};
use crate::keys::Sight;
use crate::models::{Model, ModelError};

/// Entries that are read at once, and for one page at most, of lists of which not all is seen.
const READ: (usize, usize) = (1_000, 20_000);

/// A page of a list, and where the next one begins.
pub type Page<T> = (Vec<T>, Option<Uuid>);

/// The model that `key` names.
///
/// # Errors
/// That there is none, or none that is seen; storage.
pub async fn model(app: &App, sight: &Sight, key: &str) -> Result<Arc<Model>, ServingError> {
    let model = app.models.get(key).await?;
    match sight.sees(model.name.as_deref()) {
        true => Ok(model),
        false => Err(ModelError::NotFound(key.to_owned()).into()),
    }
}

/// The job that `key` names.
///
/// # Errors
/// As [`model`].
pub async fn job(app: &App, sight: &Sight, key: &str) -> Result<JobHandle, ServingError> {
    /// Less is not worth to be counted for each who asks.
    const LITTLE: usize = 16 << 10;
    let job = app.jobs.get(key).await?;
    if sight.is_limited() && !sees_model(app, sight, job.report().model_id).await? {
        return Err(JobError::NotFound(key.to_owned()).into());
    }
    Ok(match job {
        JobHandle::Ended(ended) if ended.report.bytes() > LITTLE => {
            let memory = of_records(ended.report.bytes(), app)?;
            JobHandle::Ended(Box::new(ended.covered(memory)))
        }
        job => job,
    })
}

/// Whether a job that was seen when it was asked for is seen still: its model may be called otherwise by now.
///
/// # Errors
/// As [`model`].
pub async fn still_sees(app: &App, sight: &Sight, job: &JobHandle) -> Result<(), ServingError> {
    if sight.is_limited() {
        let JobReport { id, model_id, .. } = job.report();
        if !sees_model(app, sight, model_id).await? {
            return Err(JobError::NotFound(id.to_string()).into());
        }
    }
    Ok(())
}

/// What a request names and its key sees.
#[derive(Clone, Debug, Default)]
pub struct Named(Vec<Thing>);

/// Something that a request names.
#[derive(Clone, Copy, Debug)]
pub enum Thing {
    /// A model, or what is of it.
    Model(Uuid),
    /// A data set.
    Dataset(Uuid),
}

impl Named {
    /// One more.
    pub fn add(&mut self, thing: Thing) {
        self.0.push(thing);
    }

    /// Whether all is seen still: while a body comes, a model may have been given another name.
    ///
    /// # Errors
    /// As [`model`].
    pub async fn check(&self, app: &App, sight: &Sight) -> Result<(), ServingError> {
        for thing in &self.0 {
            match thing {
                Thing::Model(id) => model(app, sight, &id.to_string()).await.map(drop)?,
                Thing::Dataset(id) => dataset(app, sight, &id.to_string()).await.map(drop)?,
            }
        }
        Ok(())
    }
}

/// The data set that `key` names.
///
/// # Errors
/// As [`model`].
pub async fn dataset(app: &App, sight: &Sight, key: &str) -> Result<Dataset, ServingError> {
    let dataset = app.datasets.get(key).await?;
    match sees_dataset(app, sight, &dataset).await? {
        true => Ok(dataset),
        false => Err(DatasetError::NotFound(key.to_owned()).into()),
    }
}

/// Whether the model of this identifier is seen. Of one that is deleted the name is not known any more.
async fn sees_model(app: &App, sight: &Sight, id: Uuid) -> Result<bool, ServingError> {
    match app.models.get(&id.to_string()).await {
        Ok(model) => Ok(sight.sees(model.name.as_deref())),
        Err(ModelError::NotFound(_)) => Ok(sight.sees(None)),
        Err(error) => Err(error.into()),
    }
}

async fn sees_dataset(app: &App, sight: &Sight, dataset: &Dataset) -> Result<bool, ServingError> {
    if !sight.is_limited() || dataset.owner.is_some() && dataset.owner == sight.owner() {
        return Ok(true);
    }
    let models = app.storage.catalog.models_by_dataset(dataset.id).await?;
    Ok(models.iter().any(|name| sight.sees(name.as_deref())))
}

/// At most `limit` models older than `before` that are seen, newest first.
///
/// # Errors
/// Storage.
pub async fn models(app: &App, sight: &Sight, before: Option<Uuid>, limit: usize) -> Result<Page<Model>, ServingError> {
    page(&Models { app, sight }, sight, before, limit).await
}

/// At most `limit` data sets older than `before` that are seen, newest first.
///
/// # Errors
/// Storage.
pub async fn datasets(
    app: &App,
    sight: &Sight,
    before: Option<Uuid>,
    limit: usize,
) -> Result<Page<Dataset>, ServingError> {
    page(&Datasets { app, sight }, sight, before, limit).await
}

/// At most `limit` jobs older than `before` that fit `filter` and are seen, newest first.
///
/// # Errors
/// Storage.
pub async fn jobs(
    app: &App,
    sight: &Sight,
    filter: JobFilter,
    before: Option<Uuid>,
    limit: usize,
) -> Result<Page<JobReport>, ServingError> {
    page(&Jobs { app, sight, filter, known: Mutex::default() }, sight, before, limit).await
}

/// A list of which not all may be seen.
trait List: Sync {
    type Entry: Send + Sync;

    fn id(entry: &Self::Entry) -> Uuid;

    /// Entries older than `before`, and whether there are more.
    fn read(
        &self,
        before: Option<Uuid>,
        limit: usize,
    ) -> impl Future<Output = Result<(Vec<Self::Entry>, bool), ServingError>> + Send;

    fn sees(&self, entry: &Self::Entry) -> impl Future<Output = Result<bool, ServingError>> + Send;
}

struct Models<'a> {
    app: &'a App,
    sight: &'a Sight,
}

impl List for Models<'_> {
    type Entry = Model;

    fn id(entry: &Model) -> Uuid {
        entry.id
    }

    async fn read(&self, before: Option<Uuid>, limit: usize) -> Result<(Vec<Model>, bool), ServingError> {
        Ok(self.app.models.list(before, limit).await?)
    }

    async fn sees(&self, entry: &Model) -> Result<bool, ServingError> {
        Ok(self.sight.sees(entry.name.as_deref()))
    }
}

struct Datasets<'a> {
    app: &'a App,
    sight: &'a Sight,
}

impl List for Datasets<'_> {
    type Entry = Dataset;

    fn id(entry: &Dataset) -> Uuid {
        entry.id
    }

    async fn read(&self, before: Option<Uuid>, limit: usize) -> Result<(Vec<Dataset>, bool), ServingError> {
        Ok(self.app.datasets.list(before, limit).await?)
    }

    async fn sees(&self, entry: &Dataset) -> Result<bool, ServingError> {
        sees_dataset(self.app, self.sight, entry).await
    }
}

struct Jobs<'a> {
    app: &'a App,
    sight: &'a Sight,
    filter: JobFilter,
    /// Which models are seen, of those that were asked for.
    known: Mutex<HashMap<Uuid, bool>>,
}

impl List for Jobs<'_> {
    type Entry = JobReport;

    fn id(entry: &JobReport) -> Uuid {
        entry.id
    }

    async fn read(&self, before: Option<Uuid>, limit: usize) -> Result<(Vec<JobReport>, bool), ServingError> {
        Ok(self.app.jobs.list(self.filter, before, limit).await?)
    }

    async fn sees(&self, entry: &JobReport) -> Result<bool, ServingError> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&entry.model_id).copied();
        if let Some(seen) = known {
            return Ok(seen);
        }
        let seen = sees_model(self.app, self.sight, entry.model_id).await?;
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(entry.model_id, seen);
        Ok(seen)
    }
}

/// A page of what is seen of a list. One for which much was read in vain is short, and the next one goes on.
async fn page<L: List>(
    list: &L,
    sight: &Sight,
    mut before: Option<Uuid>,
    limit: usize,
) -> Result<Page<L::Entry>, ServingError> {
    if !sight.is_limited() {
        let (found, more) = list.read(before, limit).await?;
        let next = found.last().filter(|_| more).map(L::id);
        return Ok((found, next));
    }
    let (mut page, mut count) = (Vec::new(), 0);
    loop {
        let (found, more) = list.read(before, READ.0).await?;
        count += found.len();
        // What is read at once has a bound in bytes, and so has a page.
        let is_heavy = more && found.len() < READ.0;
        for entry in found {
            before = Some(L::id(&entry));
            match (list.sees(&entry).await?, page.len() == limit) {
                // The next page goes on behind what was seen: what lies between is not there.
                (true, true) => return Ok(with_next(page, L::id)),
                (true, false) => page.push(entry),
                (false, _) => {}
            }
        }
        match (more, count >= READ.1) {
            (false, _) => return Ok((page, None)),
            (true, false) if is_heavy && !page.is_empty() => return Ok(with_next(page, L::id)),
            (true, true) if page.len() == limit => return Ok(with_next(page, L::id)),
            (true, true) => return Ok((page, before)),
            (true, false) => {}
        }
    }
}

/// A page behind which the next one begins.
fn with_next<T>(page: Vec<T>, id: impl Fn(&T) -> Uuid) -> Page<T> {
    let next = page.last().map(id);
    (page, next)
}
