//! How a training gets into the queue.

use std::sync::Arc;

use uuid::Uuid;

use super::place::Place;
use super::{Birth, JobQueue, Work};
use crate::datasets::DatasetError;
use crate::jobs::error::JobError;
use crate::jobs::job::{Job, JobData, NewJob};
use crate::jobs::report::JobReport;
use crate::jobs::rows;
use crate::jobs::table::TableTraining;
use crate::models::{Model, ModelError};
use crate::storage::catalog::ReceiptRow;
use crate::storage::{RECEIPT_AGE, Write};

impl JobQueue {
    /// Puts a training at the end of the queue, once it is written down; `receipt` makes of it what is kept for the
    /// repetition of the request, if it can be repeated.
    ///
    /// # Errors
    /// `Stopping`, `QueueFull`, `TooLarge`, that the model is gone or not trained (warm start), or `Storage`, with
    /// `Conflict` if there is a receipt already.
    pub async fn submit(
        &self,
        model: &Model,
        work: Work,
        request_id: String,
        receipt: impl FnOnce(&JobReport) -> Option<ReceiptRow>,
    ) -> Result<Arc<Job>, JobError> {
        let (bytes, settings) = match &work {
            Work::Rows(training) => (training.bytes(model.layers()?), &training.settings),
            Work::Table(training) => (training.bytes, &training.settings),
        };
        let place = Place::take(&self.inner, bytes)?;
        if settings.warm_start {
            model.active()?;
        }
        let (model_id, config) = (model.id, settings.clone());
        match work {
            Work::Table(training) => {
                let TableTraining { dataset: train, validation, rows, .. } = *training;
                let data = JobData::Datasets { train, validation };
                let job = NewJob { model_id, config, rows, data, bytes, request_id };
                self.queue(place, job, None, receipt).await
            }
            Work::Rows(training) => {
                let blob = format!("rows/{}.safetensors", Uuid::now_v7());
                let rows = training.train.rows();
                let encoded = tokio::task::spawn_blocking(move || rows::encode(&training)).await;
                let data = JobData::Rows(blob.clone());
                let job = NewJob { model_id, config, rows, data, bytes, request_id };
                let queued = async {
                    let file = encoded.expect("encoding does not panic");
                    self.inner.storage.put_noted(&blob, file.into()).await?;
                    self.queue(place, job, None, receipt).await
                };
                let queued = queued.await;
                if queued.is_err() {
                    self.inner.storage.discard(&[blob]).await;
                }
                queued
            }
        }
    }

    /// Adds a data set and a model by it, and puts the model's first training at the end of the queue: all of it or
    /// nothing. `receipt` is as for [`JobQueue::submit`].
    ///
    /// # Errors
    /// As [`JobQueue::submit`], and that a name is taken.
    pub async fn submit_newborn(
        &self,
        birth: Birth,
        training: TableTraining,
        request_id: String,
        receipt: impl FnOnce(&JobReport) -> Option<ReceiptRow>,
    ) -> Result<Arc<Job>, JobError> {
        let TableTraining { settings: config, dataset: train, validation, rows, bytes } = training;
        let discard = birth.draft.blob().to_owned();
        let queued = async {
            let place = Place::take(&self.inner, bytes)?;
            let data = JobData::Datasets { train, validation };
            let job = NewJob { model_id: Uuid::nil(), config, rows, data, bytes, request_id };
            self.queue(place, job, Some(birth), receipt).await
        };
        let queued = queued.await;
        if queued.is_err() {
            self.inner.storage.discard(&[discard]).await;
        }
        queued
    }

    /// Writes a job down, and what comes into being with it, and puts it into its place.
    async fn queue(
        &self,
        place: Place<'_>,
        mut job: NewJob,
        birth: Option<Birth>,
        receipt: impl FnOnce(&JobReport) -> Option<ReceiptRow>,
    ) -> Result<Arc<Job>, JobError> {
        let storage = &self.inner.storage;
        // One at a time from here on: jobs are queued in the order of their identifiers.
        let _order = self.inner.submitting.lock().await;
        let mut write = storage.catalog.write().await?;
        if let Some(Birth { draft, model }) = birth {
            self.inner.datasets.add(&mut write, &draft).await?;
            job.model_id = self.inner.registry.create_within(&mut write, model).await?.id;
        }
        let job = Arc::new(Job::new(job));
        if let Some(receipt) = receipt(&job.report()) {
            write.add_receipt(&receipt, RECEIPT_AGE).await?;
        }
        if !write.lock_model(job.model_id).await? {
            return Err(ModelError::NotFound(job.model_id.to_string()).into());
        }
        lock_data(&mut write, &job.data).await?;
        write.add_job(&job.to_row()).await?;
        write.commit().await?;
        let mut jobs = self.inner.lock();
        place.give_up(&mut jobs);
        jobs.add(job.clone());
        self.inner.start_waiting(&mut jobs);
        Ok(job)
    }
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
