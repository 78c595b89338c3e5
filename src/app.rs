//! The application: what holds models, jobs and counters together, opened at start and closed at the end.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Semaphore;

use crate::config::Settings;
use crate::jobs::{JobQueue, QueueLimits};
use crate::models::ModelRegistry;
use crate::telemetry::Meters;

/// The service without its HTTP face. Cheap to clone: a handle.
#[derive(Clone)]
pub struct App {
    /// All models.
    pub models: ModelRegistry,
    /// All jobs.
    pub jobs: JobQueue,
    /// The service's counters.
    pub meters: Arc<Meters>,
    /// The settings it was opened with.
    pub settings: Arc<Settings>,
    /// Memory for request bodies, in KiB.
    pub request_memory: Arc<Semaphore>,
    closing: Arc<AtomicBool>,
    _lock: Arc<File>,
}

/// Why the application could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The data folder cannot be made or written.
    #[error("the data folder {} cannot be used: {source}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Another process holds the data folder.
    #[error("the data folder {} is held by another process: stop it, or name another --data-dir", .0.display())]
    Held(PathBuf),
}

impl App {
    /// Opens the application. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// The data folder cannot be used, or another process holds it.
    pub fn open(settings: Settings) -> Result<Self, OpenError> {
        let lock = hold(&settings.data_dir)?;
        let meters = Meters::new();
        let models = ModelRegistry::new(settings.model_memory);
        let limits = QueueLimits {
            concurrent: settings.concurrent_jobs(),
            waiting: settings.queue_capacity,
            kept: settings.keep_jobs,
            memory: settings.training_memory,
        };
        let jobs = JobQueue::new(models.clone(), limits, meters.clone());
        let request_kib = usize::try_from(settings.request_memory.as_u64() / 1024).unwrap_or(usize::MAX);
        Ok(App {
            models,
            jobs,
            meters,
            request_memory: Arc::new(Semaphore::new(request_kib.min(Semaphore::MAX_PERMITS))),
            settings: Arc::new(settings),
            closing: Arc::default(),
            _lock: Arc::new(lock),
        })
    }

    /// Whether the service is on its way down.
    pub fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Relaxed)
    }

    /// Turns readiness off, takes no new jobs, and ends those that wait or run.
    pub async fn close(&self) {
        self.closing.store(true, Ordering::Relaxed);
        self.jobs.close().await;
    }
}

/// Makes the data folder and holds it for this process.
fn hold(folder: &Path) -> Result<File, OpenError> {
    let unusable = |source| OpenError::Folder { path: folder.to_owned(), source };
    std::fs::create_dir_all(folder).map_err(unusable)?;
    let lock = File::create(folder.join("lock")).map_err(unusable)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(OpenError::Held(folder.to_owned())),
        Err(TryLockError::Error(source)) => Err(unusable(source)),
    }
}
