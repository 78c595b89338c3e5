//! A file of any bytes is read or refused, also as rows to predict for.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| epochd::data::fuzzing::ndjson(bytes));
