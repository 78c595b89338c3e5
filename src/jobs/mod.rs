//! Trainings as jobs: a bounded queue, runs on threads of their own, progress that can be watched and outlives the process.
//!
//! A job's row in the catalog is the truth of it, and refers to blobs: its rows (unless it trains on data sets) and its
//! last checkpoint while it is open, its history once it has ended.
//!
//! Read it in this order: [`record`], [`progress`] and [`control`] make a [`Job`]; [`queue`] says which runs when, `run` is
//! what happens then; [`report`], [`history`] and [`events`] are what others see of it, through a [`JobHandle`].

pub mod control;
pub mod error;
pub mod events;
pub mod handle;
pub mod history;
pub mod job;
pub mod notice;
pub mod progress;
pub mod queue;
pub mod record;
pub mod report;
mod rows;
mod run;
pub mod state;
pub mod table_training;
pub mod training;

pub use error::JobError;
pub use handle::JobHandle;
pub use job::Job;
pub use queue::{FirstTraining, JobQueue, NewTraining, QueueLimits};
pub use record::blobs;
pub use report::JobReport;
pub use state::{JobState, StopReason};
pub use table_training::TableTraining;
pub use training::{Training, TrainingRequest};
