//! Data sets: tables that were sent once and are trained on often. Immutable; stored column by column.

pub mod arriving;
pub mod dataset;
pub mod error;
mod growth;
mod intake;
pub mod loading;
mod reading;
pub mod registry;
mod source;

pub use arriving::{Arriving, ArrivingEnd, IN_MEMORY};
pub use dataset::Dataset;
pub use error::DatasetError;
pub use loading::{Arrival, Load, Loading};
pub use registry::{Asked, DatasetDraft, DatasetRegistry, NewDataset};
