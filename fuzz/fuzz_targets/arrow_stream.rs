//! A file of any bytes is read or refused.
//!
//! The decoder may panic on a broken file; that is caught and is an error of the file. Only what escapes is a crash.
#![no_main]

use epochd::data::{fuzzing, ingest::Format};

libfuzzer_sys::fuzz_target!(init: std::panic::set_hook(Box::new(|_| {})), |bytes: &[u8]| {
    fuzzing::file(bytes, Format::Arrow);
});
