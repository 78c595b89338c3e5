//! The service as its clients see it: one binary, over a real socket. Files are named by capability.

mod backup;
mod contract;
mod durable;
mod errors;
mod faults;
mod gradients;
mod idempotency;
mod jobs;
mod kill;
mod load;
mod models;
mod operations;
mod predictions;
mod reference;
mod reproducibility;
mod resume;
mod support;
mod training;
mod transfer;
mod warnings;
