//! Trainings as jobs: a bounded queue, workers on the blocking pool, progress that can be watched and outlives the
//! process.
//!
//! A job's row in the catalog refers to three blobs: its rows and its last checkpoint while it is open, its history
//! once it has ended.

mod checkpoint;
pub mod error;
pub mod events;
mod files;
pub mod handle;
pub mod history;
pub mod job;
pub mod queue;
pub mod report;
pub mod request;
mod rows;
mod watch;
mod worker;

pub use error::JobError;
pub use files::blobs;
pub use handle::JobHandle;
pub use job::Job;
pub use queue::{JobQueue, QueueLimits};
pub use report::{JobReport, JobState, StopReason};
pub use request::{Training, TrainingRequest};
