//! Models by data set: from a table to a version, its predictions, and what is told about both.

mod activation;
mod bodies;
mod callers;
mod candidates;
mod coverage;
mod distillation;
mod explanations;
pub mod fruit;
mod growth;
mod known_rows;
mod members;
mod models;
mod moving;
mod predictions;
mod production;
mod read_as;
mod recipes;
mod row_files;
mod splits;
mod texts;
mod train_file;
mod trainings;
mod versions;
mod warm_starts;
