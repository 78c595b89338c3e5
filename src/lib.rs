//! epochd trains neural networks and serves their predictions over HTTP.
//!
//! The rooms of the house, and what each is for:
//!
//! - [`learning`]: networks, losses, optimizers, the epoch loop. Pure: no I/O, no clock, no threads.
//! - [`data`]: bytes to rows and matrices, the choice of rows. Pure.
//! - [`models`]: models, their versions, the registry that holds them.
//! - [`jobs`]: trainings as jobs: queue, workers, progress, events.
//! - [`app`]: the handle that holds models and jobs together; opened at start, closed at the end.
//! - [`api`]: the only room that knows HTTP.
//! - [`config`], [`telemetry`]: settings; logs and metrics.
//!
//! Imports go one way: `main → api → app → jobs → models → learning, data`. `learning` and `data` do not know each
//! other. `telemetry` may be called from `jobs` and above. `ARCHITECTURE.md` walks through a training and a prediction.

pub mod api;
pub mod app;
pub mod config;
pub mod data;
pub mod jobs;
pub mod learning;
pub mod models;
pub mod telemetry;
