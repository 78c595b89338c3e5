//! Models and their versions: what they are, where they are kept, and what examples fit them.

pub mod error;
pub mod inline;
pub mod model;
pub mod registry;

pub use error::ModelError;
pub use model::{Model, NewModel, Version};
pub use registry::ModelRegistry;
