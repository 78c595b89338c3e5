//! Workbooks that cannot be read.

use std::fmt;

use crate::data::error::DataError;

/// The error of a workbook that is not of its format.
pub(super) fn damaged(error: impl fmt::Display) -> DataError {
    DataError::malformed(format!("the file cannot be read as an Excel workbook: {error}"))
}
