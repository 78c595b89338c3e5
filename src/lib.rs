//! epochd trains neural networks and serves their predictions over HTTP.
//!
//! The rooms of the house, and what each is for:
//!
//! - [`learning`]: networks, losses, optimizers, the epoch loop. Pure: no I/O, no clock, no threads.
//! - [`data`]: bytes to rows and matrices, the choice of rows. Pure.
//! - [`storage`]: rows in a catalog (SQLite or PostgreSQL), blobs in an object store. Knows no domain type.
//! - [`models`]: models, their versions, the file of a version, the registry that holds them.
//! - [`jobs`]: trainings as jobs: queue, workers, checkpoints, progress, events.
//! - [`app`]: the handle that holds them together; opened at start, closed at the end.
//! - [`backup`]: a data folder as one file, and back.
//! - [`api`]: the only room that knows HTTP.
//! - [`config`], [`telemetry`]: settings; logs and metrics.
//!
//! Imports go one way: `main → api, backup → app → jobs → models → learning, data, storage`. The last three do not
//! know each other. `telemetry` may be called from `jobs` and above. `ARCHITECTURE.md` walks through a training and a prediction.

pub mod api;
pub mod app;
pub mod backup;
pub mod config;
pub mod data;
pub mod jobs;
pub mod learning;
pub mod models;
pub mod storage;
pub mod telemetry;
