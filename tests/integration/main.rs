//! The service as its clients see it: one binary, over a real socket. Files are named by capability.

mod backup;
mod bounds;
mod contract;
mod datasets;
mod durable;
mod embeddings;
mod errors;
mod faults;
mod gradients;
mod idempotency;
mod intervals;
mod jobs;
mod kill;
mod load;
mod messy;
mod models;
mod operations;
mod predictions;
mod reference;
mod reproducibility;
mod resume;
mod support;
mod tables;
mod training;
mod transfer;
mod warnings;
