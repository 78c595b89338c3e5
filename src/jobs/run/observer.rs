//! The observer of a job's training: tells the job's progress what the trainer reports, tells the trainer what the job
//! is asked for, and writes checkpoints.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::checkpoint::Checkpoint;
use super::context::RunContext;
use super::search::Found;
use crate::jobs::control::Stop;
use crate::jobs::record::checkpoint_blob;
use crate::learning::diagnosis::Warning;
use crate::learning::report::EpochReport;
use crate::learning::snapshot::Snapshot;
use crate::learning::trainer::{Control, Observer};
use crate::storage::{Storage, StorageError};

/// Checkpoints may take this share of a training's time: after one that took long, the next one waits longer.
const CHECKPOINT_SHARE: f64 = 0.02;

/// What a job has done before the networks that are trained.
#[derive(Default)]
pub(super) struct Standpoint<'a> {
    /// Epochs of candidates before.
    pub(super) epochs_before: u64,
    /// Candidates that may be chosen.
    pub(super) found: Vec<Found<'a>>,
    /// Whether they are a later candidate, of whose settings nobody needs to be warned.
    pub(super) is_later: bool,
}

/// Observes the training of a job.
pub(super) struct JobObserver<'a> {
    context: &'a RunContext<'a>,
    standpoint: Standpoint<'a>,
    /// In seconds. None before the first epoch is complete, so that a training always leaves a version.
    time_limit: Option<f64>,
    pub(super) time_is_up: bool,
    /// Whether the training stops because the service does.
    pub(super) suspended: bool,
    /// The checkpoint that is being written.
    writing: Option<JoinHandle<()>>,
    /// Whether the job ends without a checkpoint of it, though one may still be written.
    given_up: Arc<AtomicBool>,
    /// Sleeps until the next checkpoint is due, and asks for it then.
    timer: JoinHandle<()>,
}

impl<'a> JobObserver<'a> {
    pub(super) fn new(context: &'a RunContext<'a>, standpoint: Standpoint<'a>) -> Self {
        // A warm start is written down at once: the version it starts from may be deleted.
        let first = if context.job.record.config.warm_start { Duration::ZERO } else { context.checkpoint_interval };
        let time_limit =
            if context.job.progress.epochs_done() > 0 { context.job.record.config.max_seconds } else { None };
        let timer = due_after(context, first);
        let (time_is_up, suspended, given_up) = (false, false, Arc::default());
        JobObserver { context, standpoint, time_limit, time_is_up, suspended, writing: None, given_up, timer }
    }

    fn control(&mut self) -> Control {
        let job = self.context.job;
        match job.control.stop() {
            Some(Stop::Interrupt) => return Control::Save,
            Some(Stop::Drop | Stop::Keep) => return Control::Stop,
            None => {}
        }
        self.time_is_up = self.time_limit.is_some_and(|limit| job.progress.trained() >= duration(limit));
        match self.time_is_up {
            true => Control::Stop,
            false if job.control.take_checkpoint_request() => Control::Save,
            false => Control::Continue,
        }
    }

    fn write_checkpoint(&mut self, snapshots: Vec<Snapshot<'_>>) {
        let (since, context) = (Instant::now(), self.context);
        let (id, reached) = (context.job.record.id, context.job.progress.reached());
        let file = Bytes::from(Checkpoint { snapshots, reached, found: self.standpoint.found.clone() }.encode());
        let (storage, memory, given_up) = (context.storage.clone(), context.memory.clone(), self.given_up.clone());
        self.writing = Some(context.runtime.spawn(async move {
            if let Err(error) = put_checkpoint(&storage, id, file).await {
                tracing::warn!(job_id = %id, %error, "a checkpoint could not be written");
            }
            if given_up.load(Ordering::Acquire) {
                storage.discard(&[checkpoint_blob(id)]).await;
            }
            // The file was made in the memory of the training.
            drop(memory);
        }));
        let cost = since.elapsed();
        context.meters.jobs.checkpoint_seconds.observe(cost.as_secs_f64());
        self.timer = due_after(context, context.checkpoint_interval.max(cost.div_f64(CHECKPOINT_SHARE)));
    }
}

/// Waits for a checkpoint that is being written: when the job has ended, none may come after. The owner who has cancelled the job
/// does not wait so long, which takes seconds for a large network: that checkpoint is deleted once it is written.
impl Drop for JobObserver<'_> {
    fn drop(&mut self) {
        self.timer.abort();
        if self.context.job.control.stop() == Some(Stop::Drop) {
            self.given_up.store(true, Ordering::Release);
            return;
        }
        if let Some(mut writing) = self.writing.take()
            && self.context.write(&mut writing).is_err()
        {
            writing.abort();
        }
    }
}

async fn put_checkpoint(storage: &Storage, id: Uuid, file: Bytes) -> Result<(), StorageError> {
    storage.blobs.put(&checkpoint_blob(id), file).await?;
    let mut write = storage.catalog.write().await?;
    write.job_progressed(id).await?;
    write.commit().await
}

/// Asks for a checkpoint of the job after `wait`.
fn due_after(context: &RunContext, wait: Duration) -> JoinHandle<()> {
    let job = context.job.clone();
    context.runtime.spawn(async move {
        tokio::time::sleep(wait).await;
        job.control.ask_for_checkpoint();
    })
}

impl Observer for JobObserver<'_> {
    fn batch(&mut self, rows: usize) -> Control {
        let control = self.control();
        if control == Control::Continue {
            self.context.job.progress.batch(rows);
        }
        control
    }

    fn save(&mut self, snapshots: Vec<Snapshot<'_>>) -> Control {
        self.suspended = self.context.job.control.stop() == Some(Stop::Interrupt);
        let busy = self.writing.as_ref().is_some_and(|writing| !writing.is_finished());
        if self.suspended {
            let context = self.context;
            if self.writing.as_mut().is_none_or(|writing| context.write(writing).is_ok()) {
                self.write_checkpoint(snapshots);
            }
            return Control::Stop;
        }
        match busy {
            true => self.timer = due_after(self.context, self.context.checkpoint_interval),
            false => self.write_checkpoint(snapshots),
        }
        Control::Continue
    }

    fn is_urgent(&self) -> bool {
        self.context.job.control.is_urgent()
    }

    fn members(&mut self, reports: &[EpochReport]) {
        let epoch = self.standpoint.epochs_before + reports.first().map_or(0, |report| report.epoch);
        self.context.job.progress.members(epoch, reports);
    }

    fn epoch(&mut self, report: &EpochReport) -> Control {
        let epoch = self.standpoint.epochs_before + report.epoch;
        self.context.job.progress.epoch(&EpochReport { epoch, ..*report });
        self.context.meters.jobs.epochs.inc();
        self.time_limit = self.context.job.record.config.max_seconds;
        Control::Continue
    }

    fn warning(&mut self, warning: Warning) {
        if !self.standpoint.is_later {
            self.context.job.progress.warn(warning);
        }
    }
}

/// Seconds as a duration; what is too long for one is as long as can be.
fn duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}
