//! The application: what holds models, jobs and counters together, opened at start and closed at the end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::config::Settings;
use crate::datasets::DatasetRegistry;
use crate::jobs::{JobError, JobQueue, QueueLimits};
use crate::memory::Share;
use crate::models::ModelRegistry;
use crate::storage::{self, Gate, Storage};
use crate::telemetry::Meters;

/// How often storage is swept of what nothing refers to.
const SWEEP_INTERVAL: Duration = Duration::from_secs(600);

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
    /// Stored state.
    pub storage: Storage,
    /// The service's counters.
    pub meters: Arc<Meters>,
    /// The settings it was opened with.
    pub settings: Settings,
    /// Memory for request bodies, in KiB.
    pub request_memory: Arc<Semaphore>,
    closing: Arc<AtomicBool>,
}

/// Why the application could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Its state cannot be opened.
    #[error(transparent)]
    Storage(#[from] storage::OpenError),
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
    pub async fn open_behind(settings: Settings, gate: Gate) -> Result<Self, OpenError> {
        let storage = Storage::open(&settings.location(), gate).await?;
        let meters = Meters::new();
        let models = ModelRegistry::new(storage.clone(), settings.model_memory);
        let datasets = DatasetRegistry::new(storage.clone());
        let limits = QueueLimits {
            concurrent: settings.concurrent_jobs(),
            threads: settings.training_threads(),
            waiting: settings.queue_capacity,
            kept: settings.keep_jobs,
            memory: Share::new("trainings", settings.training_memory),
            checkpoint_interval: settings.checkpoint_interval,
        };
        let jobs = JobQueue::new(storage.clone(), models.clone(), datasets.clone(), limits, meters.clone());
        let request_kib = usize::try_from(settings.request_memory.as_u64() / 1024).unwrap_or(usize::MAX);
        let app = App(Arc::new(Handle(Arc::new(Parts {
            models,
            datasets,
            jobs,
            storage,
            meters,
            request_memory: Arc::new(Semaphore::new(request_kib.min(Semaphore::MAX_PERMITS))),
            settings,
            closing: Arc::default(),
        }))));
        let taken_up = app.jobs.recover().await?;
        if taken_up > 0 {
            tracing::info!(jobs = taken_up, "going on with the jobs of the process before");
        }
        tokio::spawn(sweep(app.storage.clone(), Arc::downgrade(&app.closing)));
        Ok(app)
    }

    /// A handle whose clones are counted by themselves: cores that count at the same place wait for each other.
    pub fn counted_apart(&self) -> Self {
        App(Arc::new(Handle(self.0.0.clone())))
    }

    /// Whether the service is on its way down.
    pub fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Relaxed)
    }

    /// Turns readiness off, takes no new jobs, and interrupts those that run: they go on at the next start.
    pub async fn close(&self) {
        self.closing.store(true, Ordering::Relaxed);
        self.jobs.close(self.settings.shutdown_timeout).await;
    }
}

/// Sweeps `storage` now and then, for as long as the application lives.
async fn sweep(storage: Storage, alive: std::sync::Weak<AtomicBool>) {
    while alive.upgrade().is_some_and(|closing| !closing.load(Ordering::Relaxed)) {
        if let Err(error) = storage.sweep().await {
            tracing::warn!(%error, "storage could not be swept");
        }
        tokio::time::sleep(SWEEP_INTERVAL).await;
    }
}
