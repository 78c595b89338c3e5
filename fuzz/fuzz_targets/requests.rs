//! A request of any bytes is answered, within the memory it may take.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| epochd::api::fuzzing::requests(bytes));
