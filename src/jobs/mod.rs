//! Trainings as jobs: a bounded queue, workers on the blocking pool, progress that can be watched and outlives the
//! process.
//!
//! A job's row in the catalog refers to blobs: its rows (unless it trains on data sets) and its last checkpoint while it
//! is open, its history once it has ended.

mod beginning;
mod checkpoint;
pub mod error;
pub mod events;
mod few_rows;
mod files;
mod finish;
pub mod handle;
pub mod history;
pub mod job;
mod measure;
pub mod notice;
pub mod queue;
pub mod report;
pub mod request;
mod rows;
pub mod table;
mod watch;
mod worker;

pub use error::JobError;
pub use files::blobs;
pub use handle::JobHandle;
pub use job::Job;
pub use queue::{Birth, JobQueue, QueueLimits, Work};
pub use report::{JobReport, JobState, StopReason};
pub use request::{Training, TrainingRequest};
pub use table::TableTraining;
