//! Models and their versions: what they are, the file of a version, where they are kept, and what examples fit them.

pub mod artifact;
pub mod error;
pub mod inline;
pub mod model;
pub mod networks;
mod records;
pub mod registry;
mod stored;
mod weighted;

pub use error::ModelError;
pub use model::{Model, NewModel, Version};
pub use registry::ModelRegistry;
