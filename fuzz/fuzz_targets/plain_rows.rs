//! A body of any bytes is read as serde_json reads it, or left to it.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| epochd::fuzzing::plain_rows_as_serde(bytes));
