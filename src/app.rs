//! The application: what holds models, jobs and counters together, opened at start and closed at the end.

mod pressure;
mod turns;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::config::{SecretText, Settings};
use crate::datasets::DatasetRegistry;
use crate::jobs::{JobError, JobQueue, Outbox, QueueLimits};
use crate::keys::{KeyError, KeyRing, KeySettings};
use crate::memory::Shares;
use crate::models::ModelRegistry;
use crate::monitoring::{DriftRegistry, FeedbackRegistry, IdSigner};
use crate::processors::{self, LongWorkThreads};
use crate::storage::{self, Gate, Storage, Stored};
use crate::telemetry::traces::TraceError;
use crate::telemetry::{Meters, Traces};
use crate::workplaces::Workplaces;

pub use pressure::Pressure;

/// How often storage is swept of what nothing refers to.
const SWEEP_INTERVAL: Duration = Duration::from_secs(600);

/// Largest body other than a data file, in bytes, if memory allows it and nothing else is asked for.
const MAX_BODY: u64 = 256 << 20;

/// The service without its HTTP face. Cheap to clone: a handle.
#[derive(Clone)]
pub struct App(Arc<Handle>);

/// What the clones of a handle count together.
struct Handle(Arc<Parts>);

/// What an application is made of.
pub struct Parts {
    /// All models.
    pub models: ModelRegistry,
    /// All data sets.
    pub datasets: DatasetRegistry,
    /// All jobs.
    pub jobs: JobQueue,
    /// What the active versions are asked.
    pub drift: DriftRegistry,
    /// How predictions came true.
    pub feedback: FeedbackRegistry,
    /// Signs the ids of predictions.
    pub ids: IdSigner,
    /// All keys.
    pub keys: KeyRing,
    /// Stored state.
    pub storage: Storage,
    /// The service's counters.
    pub meters: Arc<Meters>,
    /// What makes spans.
    pub traces: Traces,
    /// The settings it was opened with.
    pub settings: Settings,
    /// The shares of the memory.
    pub memory: Shares,
    /// How much the requests are.
    pub pressure: Pressure,
    /// Places for requests that take long: two for each core, as some of them wait for the disk.
    pub long_work: Workplaces,
    /// Their threads.
    pub long_work_threads: LongWorkThreads,
    /// Largest body other than a data file, in bytes.
    pub max_body: u64,
    closing: Arc<AtomicBool>,
}

/// Why the application could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Its state cannot be opened.
    #[error(transparent)]
    Storage(#[from] storage::OpenError),
    /// The memory does not suffice for what is asked of it.
    #[error("{0}")]
    Memory(String),
    /// The keys cannot be read.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// Spans cannot be sent.
    #[error(transparent)]
    Traces(#[from] TraceError),
    /// The jobs of an earlier process cannot be taken up.
    #[error("the open jobs cannot be read: {0}")]
    Jobs(#[from] JobError),
}

impl std::ops::Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0.0
    }
}

impl App {
    /// Opens the application: its state, and the jobs that an earlier process left.
    ///
    /// # Errors
    /// Another process holds the state, or it cannot be used.
    pub async fn open(settings: Settings) -> Result<Self, OpenError> {
        App::open_behind(settings, Arc::new(|_| Ok(()))).await
    }

    /// Opens the application with a gate before each call on storage.
    ///
    /// # Errors
    /// As [`App::open`].
    pub async fn open_behind(mut settings: Settings, gate: Gate) -> Result<Self, OpenError> {
        let plan = settings.memory_plan().map_err(OpenError::Memory)?;
        let traces = Traces::of(&settings.traces, tokio::runtime::Handle::current())?;
        let storage = Storage::open(&settings.location(), gate).await?;
        let (objects, bytes) = (settings.max_stored_objects, settings.max_stored_bytes.as_u64());
        storage.quota.bound(Stored { objects, bytes });
        let given = KeySettings {
            listed: settings.api_keys.take().map(SecretText::into_inner),
            file: settings.api_keys_file.clone(),
            stays_closed: settings.api_keys_file.is_some()
                || !settings.listen.ip().is_loopback() && !settings.allow_anonymous,
        };
        let keys = KeyRing::open(storage.clone(), given).await?;
        let meters = Meters::new();
        let memory = plan.shares();
        for calls in [&storage.catalog.calls, &storage.blobs.calls] {
            calls.collectors().into_iter().for_each(|collector| meters.add(collector));
            traces.watch(calls);
        }
        let models = ModelRegistry::new(storage.clone(), memory.models.clone(), meters.models.clone());
        let datasets = DatasetRegistry::new(storage.clone(), memory.datasets.clone());
        let limits = QueueLimits {
            concurrent: settings.concurrent_jobs(),
            threads: settings.training_threads(),
            waiting: settings.queue_capacity,
            kept: settings.keep_jobs,
            memory: memory.trainings.clone(),
            checkpoint_interval: settings.checkpoint_interval,
        };
        let outbox = if settings.webhook.url.is_some() { Outbox::new() } else { Outbox::default() };
        let (counted, traced) = (meters.clone(), traces.clone());
        let jobs = JobQueue::new(storage.clone(), models.clone(), datasets.clone(), limits, counted, outbox, traced);
        let most = MAX_BODY.min(memory.requests.limit_of_one());
        let max_body = settings.max_body.map_or(most, |max_body| max_body.as_u64());
        let app = App(Arc::new(Handle(Arc::new(Parts {
            drift: DriftRegistry::new(storage.clone(), models.clone()),
            feedback: FeedbackRegistry::new(storage.clone()),
            ids: IdSigner::new(storage.clone()),
            models,
            datasets,
            jobs,
            keys,
            storage,
            meters,
            traces,
            memory,
            pressure: Pressure::new(),
            long_work: Workplaces::new(2 * processors::available()),
            long_work_threads: LongWorkThreads::new(),
            max_body,
            settings,
            closing: Arc::default(),
        }))));
        let taken_up = app.jobs.recover().await?;
        if taken_up > 0 {
            tracing::info!(jobs = taken_up, "going on with the jobs of the process before");
        }
        app.jobs.go_on_recovering();
        tokio::spawn(sweep(app.storage.clone(), Arc::downgrade(&app.closing)));
        let alive = Arc::downgrade(&app.closing);
        let meters = app.meters.clone();
        let answered = move || meters.replies();
        tokio::spawn(app.pressure.clone().watch(move || alive.strong_count() > 0, answered));
        Ok(app)
    }

    /// A handle whose clones are counted by themselves: cores that count at the same place wait for each other.
    pub fn counted_apart(&self) -> Self {
        App(Arc::new(Handle(self.0.0.clone())))
    }

    /// Whether anybody who reaches the service may use it: there are no keys.
    pub fn is_open(&self) -> bool {
        !self.keys.is_closed()
    }

    /// Whether the service is on its way down.
    pub fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Relaxed)
    }

    /// Turns readiness off, takes no new jobs, and interrupts those that run: they go on at the next start.
    pub async fn close(&self) {
        self.closing.store(true, Ordering::Relaxed);
        self.jobs.close(self.settings.shutdown_timeout).await;
        self.keys.note_uses().await;
        self.drift.write_down().await;
    }
}

/// Sweeps `storage` now and then, for as long as the application lives.
async fn sweep(storage: Storage, alive: std::sync::Weak<AtomicBool>) {
    while alive.upgrade().is_some_and(|closing| !closing.load(Ordering::Relaxed)) {
        let swept = storage.sweep().await;
        // A sweep that the end of the service breaks off is no fault: the next start has one.
        let goes_on = alive.upgrade().is_some_and(|closing| !closing.load(Ordering::Relaxed));
        if let (Err(error), true) = (swept, goes_on) {
            tracing::warn!(%error, "storage could not be swept");
        }
        tokio::time::sleep(SWEEP_INTERVAL).await;
    }
}
