//! A stream of any bytes is read as rows to predict for, or refused.
//!
//! The decoder may panic on a broken stream; that is caught and is an error of the stream. Only what escapes is a crash.
#![no_main]

libfuzzer_sys::fuzz_target!(init: epochd::data::fuzzing::bear_broken_files(), |bytes: &[u8]| {
    epochd::data::fuzzing::arrow_rows(bytes);
});
