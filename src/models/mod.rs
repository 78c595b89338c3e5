//! Models and their versions: what they are, the file of a version, where they are kept, what answers for them, and what
//! examples fit them.

pub mod alias;
pub mod artifact;
pub mod change;
pub mod conformal;
mod creation;
pub mod drift;
mod entries;
pub mod error;
pub mod explanation;
mod id_map;
pub mod inline;
pub mod intervals;
mod lookups;
mod memory;
pub mod model;
pub mod notice;
pub mod prediction;
pub mod predictor;
pub mod publication;
mod recency;
pub mod recipe;
pub mod registry;
pub mod scoring;
mod seeming;
pub mod stored;
pub mod table;
pub mod table_loss;
mod table_network;
pub mod table_size;
pub mod version;

pub use error::ModelError;
pub use model::{Model, ModelKind, NewModel};
pub use predictor::Predictor;
pub use registry::ModelRegistry;
pub use version::Version;
