//! Rows of numbers, or names, of any bytes are read or refused.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| epochd::data::fuzzing::rows(bytes));
