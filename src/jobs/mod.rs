//! Trainings as jobs: a bounded queue, runs on threads of their own, progress that can be watched and outlives the process.
//!
//! A job's row in the catalog is the truth of it, and refers to blobs: its rows (unless it trains on data sets) and its
//! last checkpoint while it is open, its history once it has ended.
//!
//! Read it in this order: [`record`], [`progress`] and [`control`] make a [`Job`]; [`queue`] says which runs when, `run` is
//! what happens then; [`report`], [`history`] and [`events`] are what others see of it, through a [`JobHandle`].
//!
//! ```
//! use epochd::app::App;
//! use epochd::config::Settings;
//! use epochd::jobs::history::HistoryQuery;
//! use epochd::jobs::{JobState, NewTraining, TrainingRequest};
//! use epochd::learning::spec::ModelSpec;
//! use epochd::learning::training::TrainingSpec;
//! use epochd::models::{ModelKind, NewModel};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let folder = tempfile::tempdir()?;
//! let app = App::open(Settings { data_dir: folder.path().to_owned(), ..Settings::for_tests() }).await?;
//! let (spec, _) = ModelSpec { layers: vec![2.into(), 4.into(), 1.into()], ..ModelSpec::default() }.check()?;
//! let kind = ModelKind::Layers(spec.clone().into());
//! let model = NewModel { name: None, kind, initial: None, metadata: Default::default(), owner: None };
//! let model = app.models.create(model, |_| None).await?;
//!
//! let request = TrainingRequest {
//!     examples: serde_json::from_str(r#"{"inputs": [[0, 0], [0, 1], [1, 0], [1, 1]], "targets": [0, 1, 1, 0]}"#)?,
//!     validation: None,
//!     settings: TrainingSpec { epochs: Some(20), ..TrainingSpec::default() },
//! };
//! let training = NewTraining::Rows(request.check(&spec)?.into());
//! let id = app.jobs.submit(&model, training, "a request".into(), |_| None).await?.record.id;
//! let job = app.jobs.get(&id.to_string()).await?;
//! job.over().await;
//!
//! assert_eq!((job.report().state, job.report().version), (JobState::Succeeded, Some(1)));
//! let (epochs, next) = job.history(HistoryQuery { after: 0, every: 5, limit: 10 }).await?;
//! assert_eq!(epochs.iter().map(|entry| entry.epoch).collect::<Vec<_>>(), [5, 10, 15, 20]);
//! assert_eq!(next, None);
//! # app.close().await;
//! # Ok(()) })
//! # }
//! ```

pub mod candidate;
pub mod comparison;
pub mod control;
mod defaults;
pub mod error;
pub mod events;
mod footprint;
pub mod handle;
pub mod history;
pub mod job;
mod lost;
pub mod member_history;
pub mod outbox;
pub mod progress;
pub mod queue;
pub mod record;
pub mod report;
mod rows;
mod run;
mod speed;
mod split_columns;
mod standing;
pub mod state;
pub mod table_training;
pub mod thinning;
pub mod training;

pub use error::JobError;
pub use handle::JobHandle;
pub use job::Job;
pub use lost::end_lost;
pub use outbox::Outbox;
pub use queue::{FirstTraining, JobQueue, NewTraining, QueueLimits};
pub use record::{Requester, blobs, checkpoint_blob, history_blob};
pub use report::JobReport;
pub use state::{JobState, JobStates, StopReason};
pub use table_training::TableTraining;
pub use training::{Training, TrainingRequest};
