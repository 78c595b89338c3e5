//! Models by data set: from a table to a version, its predictions, and what is told about both.

pub mod fruit;
mod models;
mod predictions;
mod production;
mod splits;
mod train_file;
mod trainings;
mod versions;
