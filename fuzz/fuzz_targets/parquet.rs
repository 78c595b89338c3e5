//! A file of any bytes is read or refused.
//!
//! The decoder may panic on a broken file; that is caught and is an error of the file. Only what escapes is a crash.
#![no_main]

use epochd::data::{fuzzing, ingest::Format};

libfuzzer_sys::fuzz_target!(init: epochd::data::fuzzing::bear_broken_files(), |bytes: &[u8]| {
    fuzzing::file(bytes, Format::Parquet);
});
