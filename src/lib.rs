//! epochd trains neural networks and serves their predictions over HTTP.
//!
//! The rooms of the house, and what each is for:
//!
//! - [`learning`]: networks, losses, optimizers, the epoch loop. Pure: no I/O, no clock, no threads.
//! - [`data`]: bytes to rows, typed columns and their profiles, columns to a network's input, the choice of rows. Reads
//!   and writes only what it is handed.
//! - [`storage`]: rows in a catalog (SQLite or PostgreSQL), blobs in an object store. Knows no domain type.
//! - [`datasets`]: stored tables and their registry.
//! - [`models`]: models by layer sizes and by data set, their versions, the file of a version, the registry.
//! - [`jobs`]: trainings as jobs: queue, runs, checkpoints, progress, events.
//! - [`app`]: the handle that holds them together; opened at start, closed at the end.
//! - [`backup`]: a data folder as one file, and back.
//! - [`api`]: the only room that knows HTTP.
//! - [`config`], [`telemetry`], [`name`], [`processors`], [`waiting`]: settings; the log and counters; what a name may be; how
//!   many processors there are; whether somebody still waits for work.
//!
//! Imports go one way: `main → api, backup → app → jobs → models, datasets → learning, data, storage`. The last three do
//! not know each other, nor do `models` and `datasets`. `telemetry` may be called from `jobs` and above. `ARCHITECTURE.md` walks through a training and a prediction.

pub mod api;
pub mod app;
pub mod backup;
pub mod config;
pub mod data;
pub mod datasets;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
pub mod jobs;
pub mod learning;
pub mod models;
pub mod name;
pub mod processors;
pub mod serving;
pub mod storage;
pub mod telemetry;
pub mod waiting;
