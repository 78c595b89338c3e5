//! The service as its clients see it: one binary, over a real socket. Files are named by capability.

mod contract;
mod errors;
mod gradients;
mod jobs;
mod load;
mod models;
mod operations;
mod predictions;
mod reference;
mod reproducibility;
mod support;
mod training;
mod warnings;
