//! Models and their versions: what they are, the file of a version, where they are kept, and what examples fit them.

pub mod artifact;
pub mod error;
pub mod inline;
pub mod model;
pub mod networks;
pub mod prediction;
mod records;
pub mod registry;
pub mod scoring;
pub mod stored;
pub mod table;
mod weighted;

pub use error::ModelError;
pub use model::{Model, ModelKind, NewModel, Version};
pub use registry::ModelRegistry;
