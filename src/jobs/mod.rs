//! Trainings as jobs: a bounded queue, workers on the blocking pool, progress that can be watched.

pub mod error;
pub mod events;
pub mod history;
pub mod job;
pub mod queue;
pub mod report;
pub mod request;
mod worker;

pub use error::JobError;
pub use job::Job;
pub use queue::{JobQueue, QueueLimits};
pub use report::{JobReport, JobState, StopReason};
pub use request::{Training, TrainingRequest};
