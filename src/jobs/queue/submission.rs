//! How a training gets into the queue: checked against the bounds, written down, then put at the end.

use std::sync::Arc;

use uuid::Uuid;

use super::job_queue::JobQueue;
use super::reservation::Reservation;
use crate::datasets::{DatasetDraft, DatasetError};
use crate::identifier::new_id;
use crate::jobs::error::JobError;
use crate::jobs::footprint;
use crate::jobs::history::stored_bytes;
use crate::jobs::job::Job;
use crate::jobs::member_history;
use crate::jobs::record::{JobData, JobRecord, NewJob, Requester};
use crate::jobs::report::JobReport;
use crate::jobs::rows;
use crate::jobs::speed::of_row;
use crate::jobs::table_training::TableTraining;
use crate::jobs::training::Training;
use crate::learning::training::ValidTrainingSpec;
use crate::memory::behalf::{client, done_for_all};
use crate::models::{Model, ModelError, NewModel};
use crate::storage::catalog::{JobRow, ReceiptRow};
use crate::storage::{RECEIPT_AGE, StorageError, Stored, Write, exact};

/// A training to be put into the queue.
pub enum NewTraining {
    /// On rows of its own.
    Rows(Box<Training>),
    /// Of a model by data set.
    Table(Box<TableTraining>),
}

/// A data set, a model by it and the model's first training, which come into being together.
pub struct FirstTraining {
    /// The data set, its columns written.
    pub draft: DatasetDraft,
    /// The model.
    pub model: NewModel,
    /// Its training.
    pub training: TableTraining,
}

/// The model that a job trains.
enum ModelToTrain {
    /// One that is there.
    Old(Uuid),
    /// One that comes into being with the job, and with its data set.
    New(Box<(DatasetDraft, NewModel)>),
}

impl JobQueue {
    /// Whether a job would be taken now: asked before its data comes, which submitting it does not save from asking again.
    ///
    /// # Errors
    /// `Stopping`, `QueueFull`.
    pub fn check_room(&self) -> Result<(), JobError> {
        Reservation::new(&self.scheduler, 0, 0).map(drop)
    }

    /// Puts a training at the end of the queue, once it is written down; `receipt` makes of it what is kept for the
    /// repetition of the request, if it can be repeated.
    ///
    /// # Errors
    /// `Stopping`, `QueueFull`, `TooLarge`, that the model is gone or not trained (warm start), or `Storage`, with
    /// `Conflict` if there is a receipt already.
    pub async fn submit(
        &self,
        model: &Model,
        training: NewTraining,
        by: Requester,
        receipt: impl FnOnce(&JobReport) -> Option<ReceiptRow>,
    ) -> Result<Arc<Job>, JobError> {
        let (bytes, settings) = match &training {
            NewTraining::Rows(training) => (footprint::of_rows(training, model.layers()?), &training.settings),
            NewTraining::Table(training) => (training.bytes, &training.settings),
        };
        let place = Reservation::new(&self.scheduler, bytes, settings.bytes())?;
        if settings.warm_start {
            model.active()?;
        }
        let old = ModelToTrain::Old(model.id);
        match training {
            NewTraining::Table(training) => {
                let more = of_job(&training.settings, training.file_bytes);
                self.queue(place, by_table(*training, by), old, more, receipt).await
            }
            NewTraining::Rows(training) => {
                let blob = format!("rows/{}.safetensors", new_id());
                let (config, rows) = (training.settings.clone(), training.train.rows());
                let file_bytes = model.layers()?.parameter_count() * size_of::<f32>();
                let data = JobData::Rows(blob.clone());
                let claimed = of_job(&config, file_bytes);
                let (claimed_bytes, epoch_work) = (claimed.bytes, of_row(model.layers()?) * rows as f64);
                let job = NewJob { by, bytes, rows, config, data, kept_bytes: 0, claimed_bytes, epoch_work };
                let encoded = tokio::task::spawn_blocking(move || rows::encode(&training)).await;
                let queued = async {
                    let (file, storage) = (encoded.expect("encoding does not panic"), &self.scheduler.storage);
                    let more = claimed.and(Stored { objects: 0, bytes: file.len() as u64 });
                    let job = NewJob { kept_bytes: file.len() as u64, ..job };
                    storage.quota.check(&storage.catalog, job.by.owner, more).await?;
                    storage.put_noted(&blob, file.into()).await?;
                    self.queue(place, job, old, more, receipt).await
                };
                self.or_discard(&blob, queued.await).await
            }
        }
    }

    /// Adds a data set and a model by it, and puts the model's first training at the end of the queue: all of it or
    /// nothing. `receipt` is as for [`JobQueue::submit`].
    ///
    /// # Errors
    /// As [`JobQueue::submit`], and that a name is taken.
    pub async fn submit_first(
        &self,
        first: FirstTraining,
        by: Requester,
        receipt: impl FnOnce(&JobReport) -> Option<ReceiptRow>,
    ) -> Result<Arc<Job>, JobError> {
        let FirstTraining { draft, model, training } = first;
        let blob = draft.blob().to_owned();
        let queued = async {
            let place = Reservation::new(&self.scheduler, training.bytes, training.settings.bytes())?;
            // A model beside the data set and the job.
            let more = of_job(&training.settings, training.file_bytes).and(Stored::one(draft.stored_bytes()));
            let more = more.and(Stored::one(0));
            let new = ModelToTrain::New(Box::new((draft, model)));
            self.queue(place, by_table(training, by), new, more, receipt).await
        };
        self.or_discard(&blob, queued.await).await
    }

    /// Deletes `blob`, which the job was to refer to, if the job was not queued.
    async fn or_discard(&self, blob: &str, queued: Result<Arc<Job>, JobError>) -> Result<Arc<Job>, JobError> {
        if queued.is_err() {
            self.scheduler.storage.discard(&[blob.to_owned()]).await;
        }
        queued
    }

    /// Writes a job down, with the data set and the model that come into being with it, and puts it into its place.
    async fn queue(
        &self,
        place: Reservation<'_>,
        job: NewJob,
        model: ModelToTrain,
        more: Stored,
        receipt: impl FnOnce(&JobReport) -> Option<ReceiptRow>,
    ) -> Result<Arc<Job>, JobError> {
        let (scheduler, owner) = (&self.scheduler, job.by.owner);
        let (kept_bytes, claimed_bytes) = (job.kept_bytes, job.claimed_bytes);
        // One at a time from here on: jobs are queued in the order of their identifiers.
        let _order = scheduler.submitting.take(client()).await;
        // Others wait behind it: not for the turn of this client.
        let mut write = done_for_all(scheduler.storage.catalog.write()).await?;
        if let ModelToTrain::Old(id) = &model
            && !write.lock_model(*id).await?
        {
            return Err(ModelError::NotFound(id.to_string()).into());
        }
        // A list of thousands of columns is as much as small networks.
        let of_settings = Stored { objects: 0, bytes: exact::to_text(&job.config).len() as u64 };
        scheduler.storage.quota.take(&mut write, owner, more.and(of_settings)).await?;
        let model_id = match model {
            ModelToTrain::Old(id) => id,
            ModelToTrain::New(new) => {
                scheduler.datasets.add(&mut write, &new.0).await?;
                scheduler.registry.create_within(&mut write, new.1).await?.id
            }
        };
        // How many networks a warm start goes on with is known when it runs.
        let seconds = job.config.members.map(|_| scheduler.speed.seconds(job.epoch_work, &job.config));
        let job = Arc::new(Job::new(JobRecord::new(model_id, job), place.memory()));
        seconds.into_iter().for_each(|seconds| job.progress.expect(seconds));
        if let Some(receipt) = receipt(&job.report()) {
            write.add_receipt(&receipt, RECEIPT_AGE).await?;
        }
        if let Some(number) = job.record.base_version.get()
            && write.version(model_id, *number).await?.is_none()
        {
            return Err(ModelError::VersionNotFound { model: model_id.to_string(), version: *number }.into());
        }
        lock_data(&mut write, &job.record.data).await?;
        write.add_job(&JobRow { kept_bytes, owner, claimed_bytes, ..job.record.to_row() }).await?;
        if let Err(error) = write.commit().await {
            self.check_queued(&job, error).await?;
        }
        let mut jobs = scheduler.lock();
        place.give_up(&mut jobs);
        jobs.add(job.clone());
        scheduler.start_waiting(&mut jobs);
        Ok(job)
    }
}

impl JobQueue {
    /// Whether a job is written down although that seemed to have failed. Where the catalog does not say so now and it is, the job
    /// is taken up later.
    ///
    /// # Errors
    /// Why that failed.
    async fn check_queued(&self, job: &Job, error: StorageError) -> Result<(), JobError> {
        match self.scheduler.storage.catalog.job(job.record.id).await {
            Ok(Some(_)) => Ok(()),
            _ => Err(error.into()),
        }
    }
}

/// What a job comes to that ends with a version of so many bytes: both of them, and its history.
fn of_job(settings: &ValidTrainingSpec, file_bytes: usize) -> Stored {
    let epochs = settings.epochs.saturating_mul(settings.candidates);
    let of_members = member_history::most_bytes(epochs, settings.members);
    Stored { objects: 2, bytes: stored_bytes(epochs) + of_members + file_bytes as u64 }
}

/// The job of a training on data sets.
fn by_table(training: TableTraining, by: Requester) -> NewJob {
    let claimed_bytes = of_job(&training.settings, training.file_bytes).bytes;
    let TableTraining { settings: config, dataset: train, validation, rows, bytes, epoch_work, .. } = training;
    let data = JobData::Datasets { train, validation };
    NewJob { by, bytes, rows, config, data, kept_bytes: 0, claimed_bytes, epoch_work }
}

/// Takes what a job trains on out of the reach of those who would delete it.
async fn lock_data(write: &mut Write, data: &JobData) -> Result<(), JobError> {
    if let Some(blob) = data.blob() {
        write.strike_litter(blob).await?;
    }
    let (train, validation) = data.datasets();
    for id in [train, validation].into_iter().flatten() {
        if !write.lock_dataset(id).await? {
            return Err(DatasetError::NotFound(id.to_string()).into());
        }
    }
    Ok(())
}
