//! The observer of a job's training: carries news to the job, wishes to the trainer, and checkpoints to storage.

use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::files::checkpoint_blob;
use super::report::Stop;
use super::worker::Worker;
use crate::learning::diagnosis::Warning;
use crate::learning::report::EpochReport;
use crate::learning::snapshot::Snapshot;
use crate::learning::trainer::{Control, Observer};
use crate::storage::{Storage, StorageError};

/// A checkpoint may cost the training this share of its time: the next one is put off until it does.
const CHECKPOINT_SHARE: f64 = 0.02;

/// Carries the trainer's news to the job, the job's wishes to the trainer, and its state to storage.
pub(super) struct Watch<'a> {
    worker: &'a Worker<'a>,
    /// Set when the first epoch is complete: a training always leaves a version.
    time_limit: Option<f64>,
    pub(super) time_is_up: bool,
    /// Whether the training stops because the service does.
    pub(super) suspended: bool,
    /// The checkpoint that is being written.
    writing: Option<JoinHandle<()>>,
    /// What says when the next one is due.
    timer: JoinHandle<()>,
}

impl<'a> Watch<'a> {
    pub(super) fn new(worker: &'a Worker<'a>) -> Self {
        // A warm start is written down at once: the version it starts from may be deleted.
        let first = if worker.job.config().warm_start { Duration::ZERO } else { worker.checkpoint_interval };
        let time_limit = if worker.job.epochs_done() > 0 { worker.job.config().max_seconds } else { None };
        let timer = due_after(worker, first);
        Watch { worker, time_limit, time_is_up: false, suspended: false, writing: None, timer }
    }

    fn control(&mut self) -> Control {
        let job = self.worker.job;
        match job.stop() {
            Some(Stop::Interrupt) => return Control::Save,
            Some(Stop::Drop | Stop::Keep) => return Control::Stop,
            None => {}
        }
        self.time_is_up = self.time_limit.is_some_and(|limit| job.running_for() >= duration(limit));
        match self.time_is_up {
            true => Control::Stop,
            false if job.take_checkpoint_due() => Control::Save,
            false => Control::Continue,
        }
    }

    fn write_checkpoint(&mut self, snapshot: Snapshot<'_>) {
        let (since, worker) = (Instant::now(), self.worker);
        let id = worker.job.id;
        let file = Bytes::from(worker.job.checkpoint(snapshot).encode());
        let storage = worker.storage.clone();
        self.writing = Some(worker.runtime.spawn(async move {
            if let Err(error) = put_checkpoint(&storage, id, file).await {
                tracing::warn!(job_id = %id, %error, "a checkpoint could not be written");
            }
        }));
        let cost = since.elapsed();
        worker.meters.checkpoint_seconds.observe(cost.as_secs_f64());
        self.timer = due_after(worker, worker.checkpoint_interval.max(cost.div_f64(CHECKPOINT_SHARE)));
    }
}

/// Waits for a checkpoint that is being written: when the job has ended, none may come after.
impl Drop for Watch<'_> {
    fn drop(&mut self) {
        self.timer.abort();
        if let Some(writing) = self.writing.take() {
            let _ = self.worker.runtime.block_on(writing);
        }
    }
}

async fn put_checkpoint(storage: &Storage, id: Uuid, file: Bytes) -> Result<(), StorageError> {
    storage.blobs.put(&checkpoint_blob(id), file).await?;
    let mut write = storage.catalog.write().await?;
    write.job_progressed(id).await?;
    write.commit().await
}

/// Lets a checkpoint of the job be due after `wait`.
fn due_after(worker: &Worker, wait: Duration) -> JoinHandle<()> {
    let job = worker.job.clone();
    worker.runtime.spawn(async move {
        tokio::time::sleep(wait).await;
        job.set_checkpoint_due();
    })
}

impl Observer for Watch<'_> {
    fn batch(&mut self, rows: usize) -> Control {
        let control = self.control();
        if control != Control::Stop {
            self.worker.job.batch(rows);
        }
        control
    }

    fn save(&mut self, snapshot: Snapshot<'_>) -> Control {
        self.suspended = self.worker.job.stop() == Some(Stop::Interrupt);
        let busy = self.writing.as_ref().is_some_and(|writing| !writing.is_finished());
        if self.suspended {
            if let Some(writing) = self.writing.take() {
                let _ = self.worker.runtime.block_on(writing);
            }
            self.write_checkpoint(snapshot);
            return Control::Stop;
        }
        match busy {
            true => self.timer = due_after(self.worker, self.worker.checkpoint_interval),
            false => self.write_checkpoint(snapshot),
        }
        Control::Continue
    }

    fn epoch(&mut self, report: &EpochReport) -> Control {
        self.worker.job.epoch(report);
        self.worker.meters.epochs.inc();
        self.time_limit = self.worker.job.config().max_seconds;
        Control::Continue
    }

    fn warning(&mut self, warning: Warning) {
        self.worker.job.warn(warning);
    }
}

/// Seconds as a duration; what is too long for one is as long as can be.
fn duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}
