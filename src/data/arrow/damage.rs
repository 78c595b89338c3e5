//! Files that cannot be decoded.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::data::error::DataError;

/// The error of a file that is not of its format.
pub(super) fn damaged(format: &str, error: impl fmt::Display) -> DataError {
    DataError::malformed(format!("the file cannot be read as {format}: {error}"))
}

/// Decoders are not to take the process down, whatever they are fed.
pub(super) fn guard<T>(format: &str, work: impl FnOnce() -> Result<T, DataError>) -> Result<T, DataError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(damaged(format, "it is damaged")))
}
