//! A request of any bytes is answered, within the memory it may take.
//!
//! A decoder may panic on a broken file; that is caught and is an error of the file. Any other panic is a crash.
#![no_main]

libfuzzer_sys::fuzz_target!(init: epochd::data::fuzzing::bear_broken_files(), |bytes: &[u8]| epochd::api::fuzzing::requests(bytes));
