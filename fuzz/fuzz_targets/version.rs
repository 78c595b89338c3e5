//! A version's file of any bytes is read or refused.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| epochd::fuzzing::version(bytes));
