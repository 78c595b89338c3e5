//! A file of any bytes is read or refused.
#![no_main]

use epochd::data::fuzzing;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzzing::csv(bytes));
