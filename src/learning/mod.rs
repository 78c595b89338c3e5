//! The learning core: networks, losses, optimizers and training. Pure: no I/O, no clock; threads
//! only in [`team`].
//!
//! Read it in this order: [`activation`], [`loss`], [`layer`], [`network`] (forward and backward pass), [`optimizer`],
//! [`trainer`] (the epoch loop); then [`kernels`] and [`team`], which make it fast. Names and formulas are the field's; each says where it comes from.
//!
//! Numbers are f32; losses and metrics are summed in f64. Matrices are row-major, one row per example.

pub mod activation;
pub mod beside;
mod bits;
pub mod calibration;
pub mod conformal;
pub mod cuts;
pub mod diagnosis;
pub mod error;
mod evaluation;
pub mod examples;
pub mod importance;
pub mod init;
pub mod kernels;
pub mod layer;
pub mod loss;
pub mod members;
pub mod metrics;
pub mod network;
pub mod optimizer;
pub mod random;
pub mod report;
pub mod schedule;
pub mod snapshot;
pub mod spec;
pub mod stopping;
pub mod strict;
pub mod team;
mod tile;
pub mod trainer;
pub mod training;
