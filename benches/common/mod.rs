//! What the benchmarks share: the workloads that epochd and its peers are timed on, and how figures are written.

#![allow(dead_code)]

pub mod clock;
pub mod figures;
pub mod workloads;
