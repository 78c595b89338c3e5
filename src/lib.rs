//! epochd trains neural networks and serves their predictions over HTTP.
//!
//! The rooms of the house, from the top down, and what each is for:
//!
//! - [`cli`]: the command line. [`client`]: the commands that ask a running service, over its API alone.
//! - [`api`]: the only room that knows HTTP as a server.
//! - [`serving`]: the use cases without HTTP: predict, evaluate, train.
//! - [`dashboard`]: the page at `/`, which talks only to the public API, and the reference at `/docs`.
//! - [`plots`]: pictures of trainings and versions as SVG, of values that they are handed.
//! - [`webhooks`]: telling others of the ends of jobs.
//! - [`app`], [`backup`], [`check`]: the handle that holds together what follows; a data folder as one file, and back;
//!   whether all state is whole.
//! - [`jobs`]: trainings as jobs: queue, runs, checkpoints, progress, events.
//! - [`monitoring`]: how models do in service: drift, feedback.
//! - [`models`]: models by layer sizes and by data set, their versions, the file of a version, the registry, predictors.
//! - [`datasets`]: stored tables and their registry.
//! - [`keys`]: who may ask for what: keys, roles, what a key sees.
//! - [`telemetry`], [`config`]: the log and counters; settings.
//! - [`learning`]: networks, losses, optimizers, the epoch loop. Pure: no I/O, no clock; threads in [`learning::team`] alone.
//! - [`data`]: bytes to rows, typed columns and their profiles, columns to a network's input, the choice of rows. Reads
//!   and writes only what it is handed.
//! - [`storage`]: rows in a catalog (SQLite or PostgreSQL), blobs in an object store. Knows no domain type.
//! - [`memory`]: the memory of the process as one budget, its shares, and what is charged to them.
//! - [`findings`]: what people are told about data and trainings: together by kind, the dearest first.
//! - [`identifier`], [`name`], [`processors`], [`strict`], [`waiting`], [`wording`], [`workplaces`]: new identifiers; what a
//!   name may be; how many processors there are, and which threads go first; requests read without tolerance; whether somebody
//!   still waits for work; what messages quote; places that work waits for.
//!
//! Imports go down this list and never in a circle; `tests/tidy` holds that. `ARCHITECTURE.md` walks through a training and a
//! prediction.

pub mod api;
pub mod app;
pub mod backup;
pub mod check;
pub mod cli;
pub mod client;
pub mod config;
pub mod dashboard;
pub mod data;
pub mod datasets;
pub mod findings;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
pub mod identifier;
pub mod jobs;
pub mod keys;
pub mod learning;
pub mod memory;
pub mod models;
pub mod monitoring;
pub mod name;
pub mod plots;
pub mod processors;
pub mod serving;
pub mod storage;
pub mod strict;
pub mod telemetry;
pub mod waiting;
pub mod webhooks;
pub mod wording;
pub mod workplaces;
