//! Files that cannot be decoded.

use std::cell::Cell;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::data::error::DataError;

/// The error of a file that is not of its format.
pub(super) fn damaged(format: &str, error: impl fmt::Display) -> DataError {
    DataError::malformed(format!("the file cannot be read as {format}: {error}"))
}

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Decoders are not to take the process down, whatever they are fed.
pub(super) fn guard<T>(format: &str, work: impl FnOnce() -> Result<T, DataError>) -> Result<T, DataError> {
    let before = GUARDED.replace(true);
    let done = catch_unwind(AssertUnwindSafe(work));
    GUARDED.set(before);
    done.unwrap_or_else(|_| Err(damaged(format, "it is damaged")))
}

/// Whether a panic of this thread is one of a decoder, which is caught and told as an error of the file: no fault of the service.
pub fn is_guarded() -> bool {
    GUARDED.get()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_of_a_decoder_is_an_error_of_the_file_and_known_as_one() {
        let error = guard("Arrow", || -> Result<(), DataError> {
            assert!(is_guarded());
            std::panic::resume_unwind(Box::new("on purpose"))
        });
        assert_eq!(error.unwrap_err().detail, "the file cannot be read as Arrow: it is damaged");
        assert!(!is_guarded());
    }
}
