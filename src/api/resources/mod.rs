//! The resources of the service, one file each: handlers, and the bodies that they take and give.

pub mod aliases;
mod asked_training;
pub mod datasets;
pub mod evaluation;
pub mod events;
pub mod jobs;
pub mod keys;
pub mod metrics;
pub mod models;
pub mod monitoring;
pub mod operations;
pub mod pages;
pub mod plots;
pub mod predictions;
pub mod schema;
pub mod table_predictions;
pub mod trace;
pub mod training;
pub mod transfer;
pub mod versions;
