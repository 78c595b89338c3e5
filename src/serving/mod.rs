//! The use cases of the service without HTTP: what a request asks for is done here, whatever protocol brings it.

pub mod active;
pub mod data;
pub mod error;
pub mod evaluate;
pub mod memory;
pub mod predict_file;
pub mod predict_records;
pub mod predict_rows;
pub mod table_version;
pub mod threads;
pub mod train;
pub mod train_file;

pub use active::active;
pub use error::ServingError;
pub use evaluate::evaluate;
pub use predict_records::predict_records;
pub use predict_rows::predict_rows;
pub use train::train;
pub use train_file::train_file;
